// Package tree handles whole folder trees without ever following a link in them: sizes, copies, tars.
package tree

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"berth/agent/sys"
)

// BufferSize is that of copies between files and streams, in bytes.
const BufferSize = 256 << 10

// inode tells hard links apart.
type inode struct{ dev, ino uint64 }

func inodeOf(st *syscall.Stat_t) inode { return inode{uint64(st.Dev), st.Ino} }

// Size is the sum of the sizes of the files and links below root in bytes; hard links count once. A tree that is not
// there has none.
func Size(root string) (int64, error) {
	var total int64
	seen := map[inode]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		// Files come and go while a container runs.
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		if st.Nlink > 1 {
			if seen[inodeOf(st)] {
				return nil
			}
			seen[inodeOf(st)] = true
		}
		if st.Mode&syscall.S_IFMT != syscall.S_IFCHR {
			total += st.Size
		}
		return nil
	})
	return total, err
}

// IsWhiteout tells overlayfs's mark of a removed file: a character device 0/0.
func IsWhiteout(st *syscall.Stat_t) bool {
	return st.Mode&syscall.S_IFMT == syscall.S_IFCHR && st.Rdev == 0
}

// OpaqueAttribute is overlayfs's mark of a folder that hides the one below it.
const OpaqueAttribute = "trusted.overlay.opaque"

// IsOpaque tells whether a folder of a layer hides the one below it.
func IsOpaque(path string) bool {
	value, ok := sys.Lgetxattr(path, OpaqueAttribute)
	return ok && string(value) == "y"
}

// PortableAttribute tells whether an extended attribute is part of a file rather than of overlayfs's bookkeeping.
func PortableAttribute(name string) bool {
	return !strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "user.overlay.")
}

// SetAttributes gives a new file its owner, mode, extended attributes and times. The order matters: chown clears setuid
// bits and capabilities. Attributes that the file system does not know are passed over, as other engines do.
func SetAttributes(path string, header *tar.Header) error {
	if err := os.Lchown(path, header.Uid, header.Gid); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeSymlink {
		if err := syscall.Chmod(path, uint32(header.Mode&0o7777)); err != nil {
			return &os.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	for key, value := range header.PAXRecords {
		name := strings.TrimPrefix(key, "SCHILY.xattr.")
		if name == key || !PortableAttribute(name) {
			continue
		}
		err := sys.Lsetxattr(path, name, []byte(value))
		if err != nil && !errors.Is(err, syscall.ENOTSUP) && !(errors.Is(err, syscall.EPERM) && strings.HasPrefix(name, "user.")) {
			return err
		}
	}
	return SetTimes(path, header)
}

// SetTimes sets access and modification time as the header says.
func SetTimes(path string, header *tar.Header) error {
	accessed := header.AccessTime
	if accessed.IsZero() {
		accessed = header.ModTime
	}
	return sys.Lutimes(path, timespec(accessed), timespec(header.ModTime))
}

func timespec(t time.Time) syscall.Timespec {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return syscall.NsecToTimespec(t.UnixNano())
}

// Mknod makes the device, pipe or socket that a header describes; owner and mode come with SetAttributes.
func Mknod(path string, header *tar.Header) error {
	kind := map[byte]uint32{tar.TypeChar: syscall.S_IFCHR, tar.TypeBlock: syscall.S_IFBLK, tar.TypeFifo: syscall.S_IFIFO}[header.Typeflag]
	if err := syscall.Mknod(path, kind, makedev(header.Devmajor, header.Devminor)); err != nil {
		return &os.PathError{Op: "mknod", Path: path, Err: err}
	}
	return nil
}

func makedev(major, minor int64) int {
	return int(minor&0xff | major&0xfff<<8 | minor&^0xff<<12)
}

func devNumbers(rdev uint64) (major, minor int64) {
	return int64(rdev >> 8 & 0xfff), int64(rdev&0xff | rdev>>12&0xfff00)
}

// CopyFile writes what in gives into a new file; with sparse, blocks of zeros become holes.
func CopyFile(path string, in io.Reader, sparse bool) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if sparse {
		err = copySparse(out, in)
	} else {
		_, err = Copy(out, in)
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

var buffers = sync.Pool{New: func() any { return new([BufferSize]byte) }}

// Copy is io.Copy with a shared buffer of BufferSize.
func Copy(out io.Writer, in io.Reader) (int64, error) {
	buffer := buffers.Get().(*[BufferSize]byte)
	defer buffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer[:])
}

func copySparse(out *os.File, in io.Reader) error {
	var zero [64 << 10]byte
	buffer := make([]byte, len(zero))
	var size int64
	for {
		n, err := in.Read(buffer)
		if !bytes.Equal(buffer[:n], zero[:n]) {
			if _, err := out.WriteAt(buffer[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if err == io.EOF {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}
