package build

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/tree"
)

// source is one file or folder to copy, in the current root.
type source struct {
	// path is where it really is, name what it is called after it was copied.
	path, name string
	folder     bool
}

// find gives what the paths and patterns mean. With parents, names are the whole paths, from a "/./" on if there is one.
func find(paths []string, parents bool) ([]source, error) {
	var found []source
	for _, given := range paths {
		all := []string{given}
		if strings.ContainsAny(given, "*?[") {
			var err error
			if all, err = filepath.Glob(filepath.Join("/", given)); err != nil {
				return nil, contract.Errorf(contract.Invalid, "%s: %v", given, err)
			}
			sort.Strings(all)
		}
		for _, path := range all {
			real, err := filepath.EvalSymlinks(filepath.Join("/", path))
			var info os.FileInfo
			if err == nil {
				info, err = os.Lstat(real)
			}
			if contract.IsNotExist(err) {
				return nil, contract.Errorf(contract.NotFound, "stat %s: file does not exist", strings.TrimPrefix(path, "/"))
			}
			if err != nil {
				return nil, err
			}
			one := source{real, filepath.Base(filepath.Join("/", path)), info.IsDir()}
			if parents {
				_, below, pivot := strings.Cut(path, "/./")
				if !pivot {
					below = path
				}
				one.name = strings.TrimPrefix(filepath.Join("/", below), "/")
			} else if one.folder {
				one.name = ""
			}
			found = append(found, one)
		}
	}
	if len(found) == 0 {
		return nil, contract.Errorf(contract.NotFound, "no source files were specified")
	}
	return found, nil
}

// write packs the sources into a tar, a folder by what is in it.
func write(sources []source, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, tree.BufferSize)
	w := tree.NewTarWriter(buffered)
	for _, s := range sources {
		var err error
		if s.folder {
			err = w.AddTree(s.path, s.name)
		} else {
			err = w.Add(s.path, s.name)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// digest tells contents apart: names, kinds, owners, modes, attributes and bytes count, times do not.
func digest(sources []source) (string, error) {
	hash := sha256.New()
	for _, s := range sources {
		err := filepath.Walk(s.path, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			name := s.name + strings.TrimPrefix(path, s.path)
			if info.Mode()&os.ModeSocket != 0 || path == s.path && s.folder && s.name == "" {
				return nil
			}
			header, err := tree.Header(path, name, info)
			if err != nil {
				return err
			}
			fmt.Fprintf(hash, "%q %c %o %d %d %q %d %d %d\n", header.Name, header.Typeflag, header.Mode, header.Uid, header.Gid,
				header.Linkname, header.Size, header.Devmajor, header.Devminor)
			for _, key := range sortedKeys(header.PAXRecords) {
				fmt.Fprintf(hash, "%q=%q\n", key, header.PAXRecords[key])
			}
			if !info.Mode().IsRegular() {
				return nil
			}
			file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = tree.Copy(hash, file)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func sortedKeys(records map[string]string) []string {
	keys := make([]string, 0, len(records))
	for key := range records {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
