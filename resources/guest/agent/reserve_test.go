package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// On a file system that something else fills, the reserve is what an agent can write when it starts.
func TestReserve(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=20m"); err != nil {
		t.Skipf("a mount is needed: %v", err)
	}
	defer syscall.Unmount(root, 0)
	if err := reserve(root); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(root, "filler")
	if err := os.WriteFile(filler, make([]byte, 5<<20), 0o600); err == nil {
		t.Fatal("the reserve took nothing")
	}
	small := filepath.Join(root, "state")
	if err := os.WriteFile(small, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the file system is not full")
	}
	if err := release(root); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(small, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatalf("no room after the release: %v", err)
	}
	if err := reserve(root); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(reserveFile(root))
	if err != nil || info.Size() < 1<<20 || info.Size() >= reserved {
		t.Fatalf("what was left is not taken: %v, %v", info, err)
	}
}
