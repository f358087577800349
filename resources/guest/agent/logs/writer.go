package logs

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync"
	"time"
)

// Stream is where a line came from.
type Stream int

// The streams of a container.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// Writer appends to a log. Its methods may be used from several goroutines.
type Writer struct {
	dir     string
	maxSize int64
	maxFile int

	mu      sync.Mutex
	file    *os.File
	number  int
	size    int64
	pending [3]line
	buffer  []byte
	changed chan struct{}
	closed  bool

	followers map[*follower]bool
}

// line is the part of a line that has been read without its newline yet.
type line struct {
	bytes []byte
	at    int64
	rest  bool
}

// Position is a place between two records.
type Position struct {
	number int
	offset int64
}

// Open opens or starts the log in dir. maxSize is in bytes for each file, -1 for no limit; of maxFile files the oldest is
// deleted when a new one starts.
func Open(dir string, maxSize int64, maxFile int) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := list(dir)
	if err != nil {
		return nil, err
	}
	if maxFile < 1 {
		maxFile = 1
	}
	w := &Writer{dir: dir, maxSize: maxSize, maxFile: maxFile, number: 1, changed: make(chan struct{}), followers: map[*follower]bool{}}
	if len(files) > 0 {
		w.number = files[len(files)-1].number
	}
	if w.file, err = os.OpenFile(pathOf(dir, w.number), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if w.size, err = trim(w.file); err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

// trim cuts off what a crash left half written and leaves the file open at its end.
func trim(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !endsWhole(f, info.Size()) {
		whole, err := wholeLength(f)
		if err != nil {
			return 0, err
		}
		if err := f.Truncate(whole); err != nil {
			return 0, err
		}
	}
	return f.Seek(0, 2)
}

func endsWhole(f *os.File, size int64) bool {
	if size == 0 {
		return true
	}
	var tail [tailLength]byte
	var head [headLength]byte
	if size < headLength+tailLength {
		return false
	}
	if _, err := f.ReadAt(tail[:], size-tailLength); err != nil {
		return false
	}
	length := binary.BigEndian.Uint32(tail[:])
	start := size - tailLength - int64(length) - headLength
	if start < 0 {
		return false
	}
	if _, err := f.ReadAt(head[:], start); err != nil {
		return false
	}
	return binary.BigEndian.Uint32(head[9:]) == length
}

// Write adds what was read from a stream at a time. Whole lines are in the file when it returns; the rest of the last one
// is kept until its newline, MaxLine bytes or Flush.
func (w *Writer) Write(stream Stream, data []byte, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := at.UnixNano()
	pending := &w.pending[stream]
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(data)
		}
		if room := MaxLine - len(pending.bytes); end > room {
			end, whole = room, false
		}
		part := data[:end]
		data = data[end:]
		var err error
		switch {
		case whole && len(pending.bytes) == 0:
			err = w.record(stream, pending, part, now, false)
		case whole:
			err = w.record(stream, pending, append(pending.bytes, part...), pending.at, false)
		default:
			if len(pending.bytes) == 0 && !pending.rest {
				pending.at = now
			}
			pending.bytes = append(pending.bytes, part...)
			if len(pending.bytes) == MaxLine {
				err = w.record(stream, pending, pending.bytes, pending.at, true)
			}
		}
		if err != nil {
			return err
		}
	}
	return w.flushBuffer()
}

// record puts one record into the buffer, which goes into the file when that is full, and forgets the pending bytes.
func (w *Writer) record(stream Stream, pending *line, content []byte, at int64, part bool) error {
	var flags byte
	if stream == Stderr {
		flags |= flagStderr
	}
	if part {
		flags |= flagPart
	}
	if pending.rest {
		flags |= flagRest
		at = pending.at
	}
	w.buffer = appendRecord(w.buffer, at, flags, content)
	pending.bytes, pending.rest = pending.bytes[:0], part
	if w.maxSize > 0 && w.size+int64(len(w.buffer)) >= w.maxSize {
		return w.flushBuffer()
	}
	return nil
}

func (w *Writer) flushBuffer() error {
	if len(w.buffer) == 0 || w.closed {
		return nil
	}
	if w.maxSize > 0 && w.size >= w.maxSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	n, err := w.file.Write(w.buffer)
	w.buffer = w.buffer[:0]
	w.size += int64(n)
	if err != nil { // a full disk: the file must not end in half a record
		if whole, trimErr := trim(w.file); trimErr == nil {
			w.size = whole
		}
	}
	w.notify()
	return err
}

func (w *Writer) rotate() error {
	next, err := os.OpenFile(pathOf(w.dir, w.number+1), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w.file.Close()
	w.number++
	w.file, w.size = next, 0
	for f := range w.followers {
		if err := f.open(next.Name()); err != nil {
			return err
		}
	}
	files, err := list(w.dir)
	for _, old := range files {
		if old.number <= w.number-w.maxFile {
			err = os.Remove(old.path)
		}
	}
	return err
}

func (w *Writer) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Close writes what is left of unfinished lines; readers that follow come to their end.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	for _, stream := range []Stream{Stdout, Stderr} {
		if pending := &w.pending[stream]; len(pending.bytes) > 0 && err == nil {
			err = w.record(stream, pending, pending.bytes, pending.at, true)
		}
	}
	if err == nil {
		err = w.flushBuffer()
	}
	w.closed = true
	w.notify()
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// End is the position after all that has been written.
func (w *Writer) End() Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Position{w.number, w.size}
}
