package layer

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestLayersOfAnEarlierBootThatWereNotOnDiskAreRemoved(t *testing.T) {
	dir := t.TempDir()
	apply := func(boot, id string) *Store {
		s, err := Open(dir, boot)
		if err != nil {
			t.Fatal(err)
		}
		if id != "" {
			if _, err := s.Apply(id, nil, bytes.NewReader(pack(folder("a")))); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	list := func(s *Store) int {
		ids, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	apply("first", lowerID)
	if got := list(apply("first", "")); got != 1 {
		t.Fatalf("a new agent in the same boot has %d layers", got)
	}
	// What was flushed has no mark.
	if err := os.Remove(filepath.Join(dir, unsynced+lowerID)); err != nil {
		t.Fatal(err)
	}
	apply("first", upperID)
	s := apply("second", "")
	if got := list(s); got != 1 {
		t.Fatalf("%d layers after a power cut", got)
	}
	if marks, _ := s.marks(); len(marks) != 0 {
		t.Fatalf("marks are left: %v", marks)
	}
}
