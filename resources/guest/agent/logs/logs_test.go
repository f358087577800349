package logs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var all = Query{Stdout: true, Stderr: true, Tail: -1, Raw: true}

func write(t *testing.T, w *Writer, stream Stream, text string) {
	t.Helper()
	if err := w.Write(stream, []byte(text), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string, query Query) string {
	t.Helper()
	var out bytes.Buffer
	if err := Read(dir, query, &out, nil, nil); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPartsOfLines(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(dir, -1, 1)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 3*MaxLine+5)
	write(t, w, Stdout, "begin")
	write(t, w, Stdout, "ning\n"+long[:10])
	if got := read(t, dir, all); got != "beginning\n" {
		t.Errorf("an unfinished line is in the log: %q", got)
	}
	write(t, w, Stdout, long[10:]+"\nlast")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, all); got != "beginning\n"+long+"\nlast" {
		t.Errorf("%d bytes", len(got))
	}
	stamped := all
	stamped.Timestamps = true
	if n := strings.Count(read(t, dir, stamped), "1970-01-01T00:00:01.000000000Z "); n != 3 {
		t.Errorf("%d times for three lines", n)
	}
	for n, want := range map[int]string{0: "", 1: "last", 2: long + "\nlast", 3: "beginning\n" + long + "\nlast", 9: "beginning\n" + long + "\nlast"} {
		tail := all
		tail.Tail = n
		if got := read(t, dir, tail); got != want {
			t.Errorf("tail %d has %d bytes, want %d", n, len(got), len(want))
		}
	}
}

func TestRotationKeepsToItsSize(t *testing.T) {
	dir := t.TempDir()
	const maxSize, maxFile = 10_000, 4
	w, err := Open(dir, maxSize, maxFile)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := 0; i < 20_000; i++ {
		fmt.Fprintln(&text, i)
	}
	write(t, w, Stdout, text.String())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := list(dir)
	if err != nil || len(files) != maxFile {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, _ := os.Stat(f.path); info.Size() > maxSize+headLength+tailLength+10 {
			t.Errorf("%s has %d bytes", f.path, info.Size())
		}
	}
	if got := read(t, dir, all); !strings.HasSuffix(text.String(), got) || len(got) < 5_000 {
		t.Errorf("the log is not the end of what was written: %d bytes", len(got))
	}
}

func TestTornRecordIsCutOff(t *testing.T) {
	for cut := int64(1); cut < headLength+5+tailLength; cut++ {
		dir := t.TempDir()
		w, err := Open(dir, -1, 1)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, Stdout, "one\n")
		write(t, w, Stdout, "torn\n")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "1")
		info, _ := os.Stat(path)
		if err := os.Truncate(path, info.Size()-cut); err != nil {
			t.Fatal(err)
		}
		tail := all
		tail.Tail = 1
		if got := read(t, dir, tail); got != "one\n" {
			t.Errorf("%d bytes cut: tail is %q", cut, got)
		}
		if w, err = Open(dir, -1, 1); err != nil {
			t.Fatal(err)
		}
		write(t, w, Stderr, "two\n")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, dir, all); got != "one\ntwo\n" {
			t.Errorf("%d bytes cut: %q", cut, got)
		}
	}
}

func TestFollowerLosesNothingToRotation(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(dir, 10_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, Stdout, "first\n")
	reading, writing := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Read(dir, all, writing, w, nil)
		writing.Close()
		done <- err
	}()
	first := make([]byte, len("first\n"))
	if _, err := io.ReadFull(reading, first); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := 0; i < 20_000; i++ {
		fmt.Fprintln(&text, i)
	}
	// The reader takes nothing while all this is written and rotated.
	write(t, w, Stdout, text.String())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(reading)
	if err != nil || string(got) != text.String() {
		t.Errorf("%d bytes of %d, %v", len(got), text.Len(), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(w.followers) != 0 {
		t.Error("the reader is still registered")
	}
}
