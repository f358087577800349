// Package logs keeps the output of containers, one record a line, in rotated files that are read while they are written.
//
// A record is: time (nanoseconds since 1970, u64), flags (u8), length (u32), the line with its newline, length again
// (u32), all big endian. The length at the end lets a reader go backwards.
package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
)

const (
	headLength = 8 + 1 + 4
	tailLength = 4
	// MaxLine is the longest part of a line that one record holds, in bytes.
	MaxLine = 16 << 10

	flagStderr = 1 // else stdout
	flagPart   = 2 // the line goes on in the stream's next record
	flagRest   = 4 // goes on from the stream's last record
)

func appendRecord(to []byte, at int64, flags byte, line []byte) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(at))
	to = append(to, flags)
	to = binary.BigEndian.AppendUint32(to, uint32(len(line)))
	to = append(to, line...)
	return binary.BigEndian.AppendUint32(to, uint32(len(line)))
}

// file is one of a log's files; numbers grow.
type file struct {
	number int
	path   string
}

func list(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []file
	for _, entry := range entries {
		if number, err := strconv.Atoi(entry.Name()); err == nil {
			files = append(files, file{number, filepath.Join(dir, entry.Name())})
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].number < files[j].number })
	return files, nil
}

func pathOf(dir string, number int) string { return filepath.Join(dir, fmt.Sprint(number)) }

// wholeLength is the length of the part of a file that holds whole records; what a crash cut short comes after it.
func wholeLength(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	var at int64
	var head [headLength]byte
	for at+headLength+tailLength <= info.Size() {
		if _, err := f.ReadAt(head[:], at); err != nil {
			return 0, err
		}
		next := at + headLength + int64(binary.BigEndian.Uint32(head[9:])) + tailLength
		if next > info.Size() {
			break
		}
		at = next
	}
	return at, nil
}
