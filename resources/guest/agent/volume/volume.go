// Package volume keeps named folders that outlive containers.
package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"berth/agent/contract"
	"berth/agent/tree"
)

// Store is the folder ROOT/volumes.
type Store struct {
	dir string

	mu sync.Mutex
	// users are the containers that use a volume with a mount of its own.
	users map[string]map[string]bool
}

// Open makes the folder when it is missing, and unmounts what an agent that was killed left mounted.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, users: map[string]map[string]bool{}}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	for _, entry := range names {
		s.unmount(entry.Name())
	}
	return s, err
}

// Create makes a volume, if it is not there, and gives its folder.
func (s *Store) Create(name string) (string, error) {
	if err := contract.CheckName("volume name", name); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, name), 0o711); err != nil {
		return "", err
	}
	folder := s.folder(name)
	err := os.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return folder, err
}

// Remove deletes a volume and all in it; not there: no-op.
func (s *Store) Remove(name string) error {
	if err := contract.CheckName("volume name", name); err != nil {
		return err
	}
	s.unmount(name)
	return os.RemoveAll(filepath.Join(s.dir, name))
}

// Sizes gives the bytes in each volume; those not there have none.
func (s *Store) Sizes(names []string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, name := range names {
		if err := contract.CheckName("volume name", name); err != nil {
			return nil, err
		}
		size, err := tree.Size(s.folder(name))
		if err != nil {
			return nil, err
		}
		sizes[name] = size
	}
	return sizes, nil
}

func (s *Store) folder(name string) string { return filepath.Join(s.dir, name, "_data") }
