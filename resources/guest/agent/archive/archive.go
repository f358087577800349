// Package archive does docker cp's work. Its functions run in a sandbox whose root is a container's, so that plain paths
// can't lead out of it.
package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/tree"
)

// absolute cleans a path but keeps what a trailing slash or dot means: the folder behind a link.
func absolute(path string) string {
	clean := filepath.Join("/", path)
	if clean != "/" && (strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.")) {
		return clean + "/."
	}
	return clean
}

// Stat describes a path; a link's target is where it leads to in the end. Missing: 'notFound'.
func Stat(path string) (contract.PathStat, error) {
	path = absolute(path)
	info, err := os.Lstat(path)
	if err != nil {
		return contract.PathStat{}, missing(err, path)
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = filepath.EvalSymlinks(path); err != nil { // it leads nowhere: one step is told
			if target, err = os.Readlink(path); err != nil {
				return contract.PathStat{}, err
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(path), target)
			}
			target = filepath.Clean(target)
		}
	}
	return contract.PathStat{
		Name: filepath.Base(path), Size: info.Size(), Mode: uint32(info.Mode()), Mtime: contract.Time{Time: info.ModTime()}, LinkTarget: target,
	}, nil
}

func missing(err error, path string) error {
	if contract.IsNotExist(err) {
		return contract.Errorf(contract.NotFound, "no such file or directory: %s", path)
	}
	return err
}

// Get writes a tar of a path; its names begin with the path's last part.
func Get(path string, out io.Writer) error {
	path = absolute(path)
	return write(path, filepath.Base(path), out)
}

// Export writes a tar of the whole root, whose own folder is not in it.
func Export(out io.Writer) error { return write("/", "", out) }

func write(path, name string, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, tree.BufferSize)
	w := tree.NewTarWriter(buffered)
	if err := w.AddTree(path, name); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// Folder resolves the folder that a tar is to be unpacked into. Missing: 'notFound'; not a folder: 'invalid'.
func Folder(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(absolute(path))
	if err != nil {
		return "", missing(err, path)
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return "", missing(err, path)
	}
	if !info.IsDir() {
		return "", contract.Errorf(contract.Invalid, "extraction point is not a directory")
	}
	return resolved, nil
}

// Put unpacks a tar into a folder over what is there. With keepKind a folder is not put over a file, nor a file over a
// folder ('invalid'). Owners are the tar's numbers.
func Put(folder string, keepKind bool, in io.Reader) error {
	in = bufio.NewReaderSize(in, tree.BufferSize)
	reader := tar.NewReader(in)
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
		below, err := tree.Inside(header.Name)
		if err != nil {
			return err
		}
		if err := put(folder, filepath.Join(folder, below), header, keepKind, reader); err != nil {
			return damaged(err)
		}
		if header.Typeflag == tar.TypeDir {
			header.Name = filepath.Join(folder, below)
			folders = append(folders, header)
		}
	}
	for _, header := range folders {
		if err := tree.SetTimes(header.Name, header); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, err := tree.Copy(io.Discard, in)
	return err
}

func damaged(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tar.ErrHeader):
		return contract.Errorf(contract.Invalid, "the archive is damaged or cut short: %v", err)
	case errors.Is(err, syscall.EROFS):
		return contract.Errorf(contract.Forbidden, "container rootfs is marked read-only")
	}
	return err
}

func put(folder, path string, header *tar.Header, keepKind bool, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	isFolder := header.Typeflag == tar.TypeDir
	old, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if keepKind && old.IsDir() && !isFolder {
			return contract.Errorf(contract.Invalid, "cannot overwrite directory %q with non-directory %q", path, folder)
		}
		if keepKind && !old.IsDir() && isFolder {
			return contract.Errorf(contract.Invalid, "cannot overwrite non-directory %q with directory %q", path, folder)
		}
		if old.IsDir() && isFolder {
			return tree.SetAttributes(path, header)
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return tree.SetAttributes(path, header)
	case tar.TypeLink:
		target, err := tree.Inside(header.Linkname)
		if err != nil {
			return err
		}
		return os.Link(filepath.Join(folder, target), path)
	}
	return tree.Extract(path, header, content)
}
