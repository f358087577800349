package layer

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"sort"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sandbox"
	"berth/agent/tree"
)

// Diff writes a writable layer as an uncompressed layer tar: overlayfs's marks become '.wh.' names (OCI layer.md).
func Diff(upper string, out io.Writer) error {
	w := tree.NewTarWriter(out)
	if err := diffFolder(w, upper, ""); err != nil {
		return err
	}
	return w.Close()
}

func diffFolder(w *tree.TarWriter, upper, below string) error {
	folder := filepath.Join(upper, below)
	if below != "" {
		if err := w.Add(folder, below); err != nil {
			return err
		}
	}
	if tree.IsOpaque(folder) {
		if err := w.WriteHeader(mark(filepath.Join(below, ".wh..wh..opq"))); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(below, entry.Name())
		info, err := entry.Info()
		if err != nil {
			continue // it vanished while we read: a running container's file
		}
		switch {
		case info.IsDir():
			err = diffFolder(w, upper, name)
		case tree.IsWhiteout(info.Sys().(*syscall.Stat_t)):
			err = w.WriteHeader(mark(filepath.Join(below, ".wh."+entry.Name())))
		default:
			err = w.Add(filepath.Join(upper, name), name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mark(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Format: tar.FormatPAX}
}

// Changes lists what a writable layer changes in the layers (top first) below it, as docker diff does. 'view' is an empty
// folder to look at those layers through.
func (s *Store) Changes(layers []string, upper, view string) ([]contract.Change, error) {
	changes := []contract.Change{}
	err := sandbox.Run(nil, func() error {
		if err := s.MountHere(layers, "", "", view); err != nil {
			return err
		}
		return changesOf(&changes, upper, view, "/")
	})
	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes, err
}

const (
	changed = 0
	added   = 1
	removed = 2
)

// changesOf compares a folder of the writable layer with the one below it; lower is "" where there is none.
func changesOf(changes *[]contract.Change, upper, lower, name string) error {
	entries, err := os.ReadDir(upper)
	if err != nil {
		return err
	}
	inUpper := map[string]bool{}
	for _, entry := range entries {
		inUpper[entry.Name()] = true
		info, err := entry.Info()
		if err != nil {
			continue
		}
		path := filepath.Join(name, entry.Name())
		kind, below := added, ""
		if lower != "" {
			if old, err := os.Lstat(filepath.Join(lower, entry.Name())); err == nil {
				kind = changed
				if old.IsDir() {
					below = filepath.Join(lower, entry.Name())
				}
			}
		}
		if tree.IsWhiteout(info.Sys().(*syscall.Stat_t)) {
			if kind == changed {
				*changes = append(*changes, contract.Change{Path: path, Kind: removed})
			}
			continue
		}
		*changes = append(*changes, contract.Change{Path: path, Kind: kind})
		if info.IsDir() {
			if err := changesOf(changes, filepath.Join(upper, entry.Name()), below, path); err != nil {
				return err
			}
		}
	}
	if lower == "" || !tree.IsOpaque(upper) {
		return nil
	}
	hidden, err := os.ReadDir(lower)
	if err != nil {
		return err
	}
	for _, entry := range hidden {
		if !inUpper[entry.Name()] {
			*changes = append(*changes, contract.Change{Path: filepath.Join(name, entry.Name()), Kind: removed})
		}
	}
	return nil
}
