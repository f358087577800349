package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// reserved is how many bytes of the agent's own file system are kept free of containers' data.
const reserved = 16 << 20

func reserveFile(root string) string { return filepath.Join(root, ".reserve") }

// release gives the reserve away to what is about to be written: an agent must be able to start on a disk that
// containers have filled, or nobody could free any of it.
func release(root string) error {
	if err := os.Remove(reserveFile(root)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// reserve takes it again, or the largest part of it that there is.
func reserve(root string) error {
	file, err := os.OpenFile(reserveFile(root), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for size := int64(reserved); size >= 4096; size /= 2 {
		if err = syscall.Fallocate(int(file.Fd()), 0, 0, size); err != syscall.ENOSPC {
			return err
		}
	}
	return nil
}
