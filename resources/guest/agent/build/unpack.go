package build

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/agent/contract"
	"berth/agent/tree"
)

// target is where copied files go, in the current root.
type target struct {
	// path as the Dockerfile has it.
	path string
	// folder: files go into the path, which is (or becomes) a folder.
	folder bool
	// file is the name of the one file to come, "" when a tree comes.
	file string
	// owner and mode replace those that the tar gives, unless nil.
	owner *owner
	mode  *int64
}

// unpack puts what the tar holds at its place: a tree into the folder, a single file into it or over its name.
func (t target) unpack(in io.Reader) error {
	path, err := resolve(t.path)
	if err != nil {
		return err
	}
	who := owner{}
	if t.owner != nil {
		who = *t.owner
	}
	place := func(name string) string { return filepath.Join(path, name) }
	if t.file != "" && !t.folder && !isFolder(path) {
		if err := makeFolders(filepath.Dir(path), who); err != nil {
			return err
		}
		place = func(string) string { return path }
	} else if err := makeFolders(path, who); err != nil {
		return err
	}
	reader := tar.NewReader(bufio.NewReaderSize(in, 64<<10))
	var folders []*tar.Header
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name, err := tree.Inside(header.Name)
		if err != nil {
			return err
		}
		if t.owner != nil {
			header.Uid, header.Gid = t.owner.uid, t.owner.gid
		}
		if t.mode != nil {
			header.Mode = *t.mode
		}
		header.Name = place(name)
		if header.Typeflag == tar.TypeLink {
			if header.Linkname, err = tree.Inside(header.Linkname); err != nil {
				return err
			}
			header.Linkname = place(header.Linkname)
		}
		if header.Name == path && header.Typeflag == tar.TypeDir {
			continue // the folder itself stays as it is
		}
		if err := put(header, reader, who); err != nil {
			return damaged(err)
		}
		if header.Typeflag == tar.TypeDir {
			folders = append(folders, header)
		}
	}
	for _, header := range folders {
		if err := tree.SetTimes(header.Name, header); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// put makes one file; what is at its place is replaced, but a folder stays where a folder comes.
func put(header *tar.Header, content io.Reader, who owner) error {
	path := header.Name
	if err := makeFolders(filepath.Dir(path), who); err != nil {
		return err
	}
	old, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && !(old.IsDir() && header.Typeflag == tar.TypeDir) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		old = nil
	}
	switch {
	case header.Typeflag == tar.TypeLink:
		return os.Link(header.Linkname, path)
	case header.Typeflag != tar.TypeDir:
		return tree.Extract(path, header, content)
	case err != nil || old == nil:
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
	}
	return tree.SetAttributes(path, header)
}

func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
		return contract.Errorf(contract.Invalid, "the archive is damaged or cut short: %v", err)
	}
	if strings.Contains(err.Error(), "archive/tar:") {
		return contract.Errorf(contract.Invalid, "%v", err)
	}
	return err
}
