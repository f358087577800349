package layer

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sandbox"
	"berth/agent/sys"
	"berth/agent/tree"
)

// Apply unpacks an uncompressed layer tar (OCI image spec, layer.md) into the layer 'id' and returns the bytes of its
// files. Parents (top first) are asked for hard links' targets and for folders that the tar does not name. The layer is
// there whole after it, or not at all. Errors: 'invalid' with the path for a tar that climbs out, or is damaged.
func (s *Store) Apply(id string, parents []string, in io.Reader) (int64, error) {
	if err := s.check(id); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(s.Path(id)); err == nil {
		if _, err := tree.Copy(io.Discard, in); err != nil {
			return 0, err
		}
		return tree.Size(s.Path(id))
	}
	dir, err := os.MkdirTemp(s.dir, ".tmp-"+id+"-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	rootDir := filepath.Join(dir, "root")
	if err := os.Mkdir(rootDir, 0o755); err != nil {
		return 0, err
	}
	a := &applier{verified: map[string]bool{"/": true}, folders: map[string]*tar.Header{}}
	err = sandbox.Run(nil, func() error {
		if len(parents) > 0 {
			view := filepath.Join(dir, "parents")
			if err := os.Mkdir(view, 0o755); err != nil {
				return err
			}
			if err := s.MountHere(parents, "", "", view); err != nil {
				return err
			}
			if a.parents, err = os.Open(view); err != nil {
				return err
			}
			defer a.parents.Close()
		}
		root, err := os.Open(rootDir)
		if err != nil {
			return err
		}
		defer root.Close()
		if err := sandbox.Chroot(root); err != nil {
			return err
		}
		return a.apply(in)
	})
	if err != nil {
		return 0, err
	}
	if err := s.settle(rootDir, id); err != nil {
		if _, lost := os.Lstat(s.Path(id)); lost == nil { // somebody else applied the same layer meanwhile
			return a.size, nil
		}
		return 0, err
	}
	return a.size, nil
}

// applier works in a sandbox whose root is the new layer. No link is followed there: 'verified' holds the folders that
// were seen to be folders.
type applier struct {
	parents  *os.File
	verified map[string]bool
	folders  map[string]*tar.Header
	size     int64
}

func (a *applier) apply(in io.Reader) error {
	if err := a.inherit("/"); err != nil {
		return err
	}
	in = bufio.NewReaderSize(in, tree.BufferSize)
	reader := tar.NewReader(in)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if err := a.entry(header, reader); err != nil {
			return damaged(err)
		}
	}
	for name, header := range a.folders {
		if err := tree.SetTimes(name, header); err != nil {
			return err
		}
	}
	_, err := tree.Copy(io.Discard, in)
	return err
}

func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
		return contract.Errorf(contract.Invalid, "the layer is damaged or cut short: %v", err)
	}
	return err
}

func (a *applier) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := tree.Inside(header.Name)
	if err != nil {
		return err
	}
	folder, base := path.Split(name)
	folder = path.Clean(folder)
	if err := a.folder(folder, header.Name); err != nil {
		return err
	}
	if strings.HasPrefix(base, ".wh.") {
		return a.whiteout(folder, base, header.Name)
	}
	if header.Typeflag == tar.TypeDir {
		return a.addFolder(name, header)
	}
	if name == "/" {
		return contract.Errorf(contract.Invalid, "the layer's root %q is no folder", header.Name)
	}
	if err := a.clear(name); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeLink {
		return a.link(name, header)
	}
	a.size += header.Size
	if header.Typeflag == tar.TypeSymlink { // its size is that of its target's name
		a.size += int64(len(header.Linkname))
	}
	return tree.Extract(name, header, content)
}

// folder makes sure that name is a real folder of the layer; what is missing is made as the parents have it.
func (a *applier) folder(name, entry string) error {
	if a.verified[name] {
		return nil
	}
	if err := a.folder(path.Dir(name), entry); err != nil {
		return err
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
		if err := a.inherit(name); err != nil {
			return err
		}
	case err != nil:
		return err
	case tree.IsWhiteout(info.Sys().(*syscall.Stat_t)):
		if err := a.replaceWhiteout(name); err != nil {
			return err
		}
	case !info.IsDir():
		return contract.Errorf(contract.Invalid, "path %q leads through %q, which is no folder", entry, name)
	}
	a.verified[name] = true
	return nil
}

// replaceWhiteout turns the mark of a removed name into a folder that hides what is below it.
func (a *applier) replaceWhiteout(name string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	if err := os.Mkdir(name, 0o755); err != nil {
		return err
	}
	return sys.Lsetxattr(name, tree.OpaqueAttribute, []byte("y"))
}

// inherit gives a folder that the tar does not name the owner, mode and times that it has in the parents.
func (a *applier) inherit(name string) error {
	if a.parents == nil {
		return nil
	}
	below, err := sys.OpenBeneath(int(a.parents.Fd()), "."+name, sys.OPath)
	if err != nil {
		return nil // not in the parents, or behind a link there: the defaults stay
	}
	defer below.Close()
	info, err := below.Stat()
	if err != nil || !info.IsDir() {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	header.Mode = int64(info.Sys().(*syscall.Stat_t).Mode & 0o7777)
	a.folders[name] = header
	return tree.SetAttributes(name, header)
}

func (a *applier) addFolder(name string, header *tar.Header) error {
	info, err := os.Lstat(name)
	switch {
	case err == nil && tree.IsWhiteout(info.Sys().(*syscall.Stat_t)):
		err = a.replaceWhiteout(name)
	case err == nil && !info.IsDir():
		if err = os.Remove(name); err == nil {
			err = os.Mkdir(name, 0o700)
		}
	case errors.Is(err, fs.ErrNotExist):
		err = os.Mkdir(name, 0o700)
	}
	if err != nil {
		return err
	}
	a.verified[name] = true
	a.folders[name] = header
	return tree.SetAttributes(name, header)
}

// clear removes what an earlier entry of the same tar put at a name.
func (a *applier) clear(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		for folder := range a.verified {
			if folder == name || strings.HasPrefix(folder, name+"/") {
				delete(a.verified, folder)
			}
		}
		for folder := range a.folders {
			if folder == name || strings.HasPrefix(folder, name+"/") {
				delete(a.folders, folder)
			}
		}
	}
	return os.RemoveAll(name)
}

func (a *applier) whiteout(folder, base, entry string) error {
	if base == ".wh..wh..opq" {
		return sys.Lsetxattr(folder, tree.OpaqueAttribute, []byte("y"))
	}
	if strings.HasPrefix(base, ".wh..wh.") {
		return nil // AUFS's own bookkeeping
	}
	removed := strings.TrimPrefix(base, ".wh.")
	if removed == "" || removed == "." || removed == ".." {
		return contract.Errorf(contract.Invalid, "path %q names nothing to remove", entry)
	}
	name := path.Join(folder, removed)
	err := syscall.Mknod(name, syscall.S_IFCHR, 0)
	if !errors.Is(err, syscall.EEXIST) {
		return err
	}
	// The tar itself has a file of that name: the mark is about the layers below, which a file hides anyway.
	if info, err := os.Lstat(name); err == nil && info.IsDir() {
		return sys.Lsetxattr(name, tree.OpaqueAttribute, []byte("y"))
	}
	return nil
}
