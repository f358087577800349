package logs

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"
)

// Query says what of a log is wanted. Zero Since and Until are no bounds; Tail -1 is all lines.
type Query struct {
	Stdout, Stderr bool
	Since, Until   time.Time
	Tail           int
	Timestamps     bool
	// Prefix comes before each line, after the time.
	Prefix string
	// Raw leaves out Docker's 8 byte headers.
	Raw bool
	// To ends the reading at a position that Writer.End gave.
	To *Position
}

const (
	chunkSize = 256 << 10
	// flushSize is how much output is gathered before it is handed on.
	flushSize = 64 << 10
)

// Read writes the log in dir to out. With a writer it follows it until it is closed or stop is; nil does not follow.
// Lines that came in parts come out whole. Errors are out's, and os errors other than a rotated file's absence.
func Read(dir string, query Query, out io.Writer, follow *Writer, stop <-chan struct{}) error {
	files, err := list(dir)
	if err != nil {
		return err
	}
	r := &reader{query: query, out: out}
	if query.Tail >= 0 {
		if files, r.offset, err = tailOf(files, query.Tail); err != nil {
			return err
		}
	}
	for i := 0; i < len(files) && !r.done; i++ {
		if query.To != nil && files[i].number > query.To.number {
			break
		}
		last := i == len(files)-1
		if last && follow != nil {
			return r.follow(files[i].number, follow, stop)
		}
		if err := r.file(files[i]); err != nil {
			return err
		}
		r.offset = 0
	}
	if len(files) == 0 && follow != nil {
		return r.follow(follow.End().number, follow, stop)
	}
	return r.flush()
}

type reader struct {
	query  Query
	out    io.Writer
	buffer []byte
	chunk  []byte
	offset int64
	done   bool
}

func (r *reader) file(f file) error {
	in, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	end := complete
	if r.query.To != nil && f.number == r.query.To.number {
		end = r.query.To.offset
	}
	return r.records(in, end)
}

// records reads from offset to end, or to the last whole record.
func (r *reader) records(in *os.File, end int64) error {
	if r.chunk == nil {
		r.chunk = make([]byte, chunkSize)
	}
	for r.offset < end && !r.done {
		want := r.chunk
		if int64(len(want)) > end-r.offset {
			want = want[:end-r.offset]
		}
		n, err := in.ReadAt(want, r.offset)
		if err != nil && err != io.EOF {
			return err
		}
		used, flushErr := r.parse(r.chunk[:n])
		if flushErr != nil {
			return flushErr
		}
		r.offset += int64(used)
		if used == 0 {
			return nil
		}
	}
	return nil
}

// parse hands on the whole records of data and returns how many bytes they take. A record always fits into a chunk.
func (r *reader) parse(data []byte) (int, error) {
	at := 0
	for !r.done && at+headLength <= len(data) {
		length := int(binary.BigEndian.Uint32(data[at+9:]))
		next := at + headLength + length + tailLength
		if next > len(data) {
			break
		}
		r.line(int64(binary.BigEndian.Uint64(data[at:])), data[at+8], data[at+headLength:at+headLength+length])
		at = next
		if len(r.buffer) >= flushSize {
			if err := r.flush(); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}

func (r *reader) line(at int64, flags byte, content []byte) {
	if !r.query.Since.IsZero() && at < r.query.Since.UnixNano() {
		return
	}
	if !r.query.Until.IsZero() && at > r.query.Until.UnixNano() {
		r.done = true
		return
	}
	stream := byte(Stdout)
	if flags&flagStderr != 0 {
		stream = byte(Stderr)
	}
	if stream == byte(Stdout) && !r.query.Stdout || stream == byte(Stderr) && !r.query.Stderr {
		return
	}
	begins := flags&flagRest == 0
	stamp := r.query.Timestamps && begins
	if !r.query.Raw {
		length := len(content)
		if stamp {
			length += len(stampFormat)
		}
		if begins {
			length += len(r.query.Prefix)
		}
		r.buffer = append(r.buffer, stream, 0, 0, 0)
		r.buffer = binary.BigEndian.AppendUint32(r.buffer, uint32(length))
	}
	if stamp {
		r.buffer = time.Unix(0, at).UTC().AppendFormat(r.buffer, stampFormat)
	}
	if begins {
		r.buffer = append(r.buffer, r.query.Prefix...)
	}
	r.buffer = append(r.buffer, content...)
}

const stampFormat = "2006-01-02T15:04:05.000000000Z "

func (r *reader) flush() error {
	if len(r.buffer) == 0 {
		return nil
	}
	_, err := r.out.Write(r.buffer)
	r.buffer = r.buffer[:0]
	return err
}

// follow reads file 'number' and those after it until the writer is closed or stop is.
func (r *reader) follow(number int, w *Writer, stop <-chan struct{}) error {
	f, err := w.follow(number)
	if err != nil {
		return err
	}
	defer w.unfollow(f)
	in := w.next(f)
	if in.Name() != pathOf(w.dir, number) {
		r.offset = 0 // that file was rotated away meanwhile
	}
	defer func() { in.Close() }()
	for {
		limit, closed, changed := w.progress(f)
		if err := r.records(in, limit); err != nil {
			return err
		}
		if err := r.flush(); err != nil || r.done {
			return err
		}
		if limit == complete { // else more may have come into this file meanwhile
			in.Close()
			in, r.offset = w.next(f), 0
			continue
		}
		if closed {
			return nil
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		}
	}
}
