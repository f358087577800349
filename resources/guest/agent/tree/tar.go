package tree

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"berth/agent/sys"
)

// TarWriter writes files with all that the system knows of them. Sockets are left out, as tars have none.
type TarWriter struct {
	*tar.Writer
	links map[inode]string
}

// NewTarWriter starts a tar; Close ends it.
func NewTarWriter(out io.Writer) *TarWriter {
	return &TarWriter{Writer: tar.NewWriter(out), links: map[inode]string{}}
}

// Header describes the file at path under a name of its own.
func Header(path, name string, info fs.FileInfo) (*tar.Header, error) {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	st := info.Sys().(*syscall.Stat_t)
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if info.IsDir() && !strings.HasSuffix(name, "/") {
		header.Name += "/"
	}
	header.Format = tar.FormatPAX
	header.ModTime = header.ModTime.Truncate(time.Second)
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.Uname, header.Gname = "", ""
	header.Mode = int64(st.Mode & 0o7777)
	if header.Typeflag == tar.TypeChar || header.Typeflag == tar.TypeBlock {
		header.Devmajor, header.Devminor = devNumbers(uint64(st.Rdev))
	}
	AddAttributes(header, sys.Attributes(path))
	return header, nil
}

// AddAttributes puts extended attributes into a header.
func AddAttributes(header *tar.Header, attributes map[string]string) {
	for name, value := range attributes {
		if PortableAttribute(name) {
			if header.PAXRecords == nil {
				header.PAXRecords = map[string]string{}
			}
			header.PAXRecords["SCHILY.xattr."+name] = value
		}
	}
}

// Add writes one file; a second name of a file that is in the tar becomes a hard link to it. A file that has vanished is
// passed over.
func (w *TarWriter) Add(path, name string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	header, err := Header(path, name, info)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() && st.Nlink > 1 {
		if first, ok := w.links[inodeOf(st)]; ok {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			return w.WriteHeader(header)
		}
		w.links[inodeOf(st)] = header.Name
	}
	if header.Typeflag != tar.TypeReg {
		return w.WriteHeader(header)
	}
	in, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	n, err := Copy(w, io.LimitReader(in, header.Size))
	if err == nil && n < header.Size { // it was cut while we read: the tar's length is promised
		_, err = Copy(w, io.LimitReader(zeros{}, header.Size-n))
	}
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0
	}
	return len(p), nil
}

// AddTree writes root and all below it; names are those below root with root itself called 'name' ("" leaves it out).
func (w *TarWriter) AddTree(root, name string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		below := below(root, path)
		if below == "" {
			if name == "" {
				return nil
			}
			return w.Add(path, name)
		}
		if name == "" {
			return w.Add(path, below)
		}
		return w.Add(path, strings.TrimSuffix(name, "/")+"/"+below)
	})
}

// below is a path relative to a root; both may be unclean, as "/folder/." is to step through a link.
func below(root, path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(filepath.Clean(path), filepath.Clean(root)), "/")
}

// CopyTree copies all below 'from', and from's own owner, mode and times, into the folder 'to', which exists.
func CopyTree(from, to string) error {
	links := map[inode]string{}
	var folders []func() error
	err := filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below(from, path))
		header, err := Header(path, "x", info)
		if err != nil {
			return err
		}
		header.ModTime = info.ModTime()
		if info.IsDir() {
			if err := os.Mkdir(target, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			folders = append(folders, func() error { return SetAttributes(target, header) })
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		if first, ok := links[inodeOf(st)]; ok {
			return os.Link(first, target)
		}
		if st.Nlink > 1 {
			links[inodeOf(st)] = target
		}
		return copyOne(path, target, header)
	})
	for i := len(folders) - 1; err == nil && i >= 0; i-- {
		err = folders[i]()
	}
	return err
}

func copyOne(from, to string, header *tar.Header) error {
	var err error
	switch header.Typeflag {
	case tar.TypeSymlink:
		err = os.Symlink(header.Linkname, to)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		err = Mknod(to, header)
	case tar.TypeReg:
		var in *os.File
		if in, err = os.Open(from); err == nil {
			err = CopyFile(to, in, false)
			in.Close()
		}
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return SetAttributes(to, header)
}
