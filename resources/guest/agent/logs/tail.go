package logs

import (
	"encoding/binary"
	"errors"
	"os"
)

// tailOf finds where the last n lines of a log begin: the files from there on and the offset in the first of them.
func tailOf(files []file, n int) ([]file, int64, error) {
	for i := len(files) - 1; i >= 0; i-- {
		offset, left, err := tailOfFile(files[i].path, n)
		if err != nil {
			return nil, 0, err
		}
		if left == 0 || i == 0 {
			return files[i:], offset, nil
		}
		n = left
	}
	return files, 0, nil
}

// tailOfFile goes back n lines from a file's end and tells how many are still wanted when it comes to the beginning.
func tailOfFile(path string, n int) (offset int64, left int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) { // rotated away meanwhile
		return 0, n, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	at := info.Size()
	if !endsWhole(f, at) {
		if at, err = wholeLength(f); err != nil {
			return 0, 0, err
		}
	}
	window := backwards{file: f}
	for at > 0 && n > 0 {
		tail, err := window.bytes(at-tailLength, tailLength)
		if err != nil {
			return 0, 0, err
		}
		at -= tailLength + int64(binary.BigEndian.Uint32(tail)) + headLength
		head, err := window.bytes(at, headLength)
		if err != nil {
			return 0, 0, err
		}
		if head[8]&flagRest == 0 {
			n--
		}
	}
	return at, n, nil
}

// backwards reads small pieces of a file from its end on, a chunk at a time.
type backwards struct {
	file  *os.File
	chunk []byte
	start int64
}

func (b *backwards) bytes(at int64, length int) ([]byte, error) {
	if at < b.start || at+int64(length) > b.start+int64(len(b.chunk)) || b.chunk == nil {
		end := at + int64(length)
		b.start = end - chunkSize
		if b.start < 0 {
			b.start = 0
		}
		b.chunk = make([]byte, end-b.start)
		if _, err := b.file.ReadAt(b.chunk, b.start); err != nil {
			return nil, err
		}
	}
	return b.chunk[at-b.start:][:length], nil
}
