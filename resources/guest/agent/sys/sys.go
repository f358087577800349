// Package sys holds the Linux system calls that Go's standard library does not wrap.
package sys

import (
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// Numbers that are the same on every architecture (added after Linux 5.0), and constants of the calls below.
const (
	sysPidfdOpen = 434
	sysOpenat2   = 437
	oPath        = 0x200000
	atNoFollow   = 0x100

	resolveNoSymlinks = 0x04
	resolveBeneath    = 0x08
	resolveInRoot     = 0x10
)

// OPath opens a file only as a place in the tree.
const OPath = oPath

func openat2(dir int, path string, flags int, mode uint32, resolve uint64) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	flags |= syscall.O_CLOEXEC
	if flags&oPath == 0 { // openat2 refuses flags that O_PATH ignores
		flags |= syscall.O_LARGEFILE
	}
	how := struct{ flags, mode, resolve uint64 }{uint64(flags), uint64(mode), resolve}
	for {
		fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		// EAGAIN: something in the tree was renamed meanwhile.
		if errno == syscall.EINTR || errno == syscall.EAGAIN {
			continue
		}
		if errno != 0 {
			return -1, &os.PathError{Op: "open", Path: path, Err: errno}
		}
		return int(fd), nil
	}
}

// OpenInRoot opens a path as a process with that root would see it: links are followed inside the root (openat2(2),
// RESOLVE_IN_ROOT). O_NOFOLLOW holds for the last part.
func OpenInRoot(root int, path string, flags int, mode uint32) (*os.File, error) {
	if path == "" {
		path = "."
	}
	fd, err := openat2(root, path, flags, mode, resolveInRoot)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// OpenBeneath opens a path below dir without following any link (ELOOP).
func OpenBeneath(dir int, path string, flags int) (*os.File, error) {
	fd, err := openat2(dir, path, flags|syscall.O_NOFOLLOW, 0, resolveBeneath|resolveNoSymlinks)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// PidfdOpen gives a file that becomes readable when the process has exited; it works with Go's poller.
func PidfdOpen(pid int) (*os.File, error) {
	fd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("pidfd_open", errno)
	}
	syscall.CloseOnExec(int(fd))
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		syscall.Close(int(fd))
		return nil, err
	}
	return os.NewFile(fd, "pidfd"), nil
}

// Setns joins the namespace behind fd; kind 0 takes any.
func Setns(fd uintptr, kind int) error {
	_, _, errno := syscall.Syscall(sysSetns, fd, uintptr(kind), 0)
	return os.NewSyscallError("setns", errnoOrNil(errno))
}

// Lsetxattr sets an extended attribute without following a link.
func Lsetxattr(path, name string, value []byte) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	var v unsafe.Pointer
	if len(value) > 0 {
		v = unsafe.Pointer(&value[0])
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_LSETXATTR, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(n)), uintptr(v), uintptr(len(value)), 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "lsetxattr " + name, Path: path, Err: errno}
	}
	return nil
}

// Lgetxattr reads an extended attribute without following a link; ok is false when there is none.
func Lgetxattr(path, name string) (value []byte, ok bool) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return nil, false
	}
	return getxattr(syscall.SYS_LGETXATTR, uintptr(unsafe.Pointer(p)), name)
}

// Attributes reads all extended attributes of a path without following a link.
func Attributes(path string) map[string]string {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return nil
	}
	return attributes(syscall.SYS_LLISTXATTR, syscall.SYS_LGETXATTR, uintptr(unsafe.Pointer(p)))
}

// FileAttributes reads all extended attributes of an open file.
func FileAttributes(file *os.File) map[string]string {
	return attributes(syscall.SYS_FLISTXATTR, syscall.SYS_FGETXATTR, file.Fd())
}

//go:uintptrescapes
func attributes(list, get uintptr, target uintptr) map[string]string {
	names, ok := grow(func(buffer []byte) (uintptr, syscall.Errno) {
		n, _, errno := syscall.Syscall(list, target, uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
		return n, errno
	})
	if !ok || len(names) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if value, ok := getxattr(get, target, name); ok {
			values[name] = string(value)
		}
	}
	return values
}

//go:uintptrescapes
func getxattr(trap uintptr, target uintptr, name string) ([]byte, bool) {
	n, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, false
	}
	return grow(func(buffer []byte) (uintptr, syscall.Errno) {
		size, _, errno := syscall.Syscall6(trap, target, uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, 0)
		return size, errno
	})
}

// grow calls read with ever larger buffers while they are too small.
func grow(read func([]byte) (uintptr, syscall.Errno)) ([]byte, bool) {
	for size := 1 << 10; ; size *= 8 {
		buffer := make([]byte, size)
		n, errno := read(buffer)
		if errno == 0 {
			return buffer[:n], true
		}
		if errno != syscall.ERANGE {
			return nil, false
		}
	}
}

// Lutimes sets access and modification time without following a link.
func Lutimes(path string, atime, mtime syscall.Timespec) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	times := [2]syscall.Timespec{atime, mtime}
	at := -100 // AT_FDCWD
	_, _, errno := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(at), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&times[0])), atNoFollow, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "utimensat", Path: path, Err: errno}
	}
	return nil
}

// Syncfs writes a whole file system to disk.
func Syncfs(file *os.File) error {
	_, _, errno := syscall.Syscall(sysSyncfs, file.Fd(), 0, 0)
	return os.NewSyscallError("syncfs", errnoOrNil(errno))
}

// SetSubreaper makes orphaned grandchildren children of this process.
func SetSubreaper() error {
	const prSetChildSubreaper = 36
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	return os.NewSyscallError("prctl", errnoOrNil(errno))
}

// SetWindowSize is TIOCSWINSZ.
func SetWindowSize(terminal *os.File, rows, cols uint16) error {
	size := [4]uint16{rows, cols}
	return control(terminal, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// MakeRaw turns off a terminal's echo and translations; no terminal: no-op.
func MakeRaw(terminal *os.File) error {
	var t syscall.Termios
	if err := control(terminal, syscall.TCGETS, unsafe.Pointer(&t)); err != nil {
		return nil
	}
	t.Iflag &^= syscall.IGNBRK | syscall.BRKINT | syscall.PARMRK | syscall.ISTRIP | syscall.INLCR | syscall.IGNCR | syscall.ICRNL | syscall.IXON
	t.Oflag &^= syscall.OPOST
	t.Lflag &^= syscall.ECHO | syscall.ECHONL | syscall.ICANON | syscall.ISIG | syscall.IEXTEN
	t.Cflag = t.Cflag&^(syscall.CSIZE|syscall.PARENB) | syscall.CS8
	t.Cc[syscall.VMIN], t.Cc[syscall.VTIME] = 1, 0
	return control(terminal, syscall.TCSETS, unsafe.Pointer(&t))
}

// Eventfd makes a counter that works with Go's poller.
func Eventfd() (*os.File, error) {
	fd, _, errno := syscall.Syscall(sysEventfd2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("eventfd", errno)
	}
	return os.NewFile(fd, "eventfd"), nil
}

// control uses SyscallConn, because Fd() would take the file out of Go's poller.
func control(file *os.File, request uintptr, argument unsafe.Pointer) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	if err := conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument))
	}); err != nil {
		return err
	}
	return os.NewSyscallError("ioctl", errnoOrNil(errno))
}

func errnoOrNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// ReseedRandom makes the kernel's random number generator take what is in its pool, and what the processor's own
// generator gives, into use at once (RNDRESEEDCRNG).
func ReseedRandom() error {
	device, err := os.Open("/dev/urandom")
	if err != nil {
		return err
	}
	defer device.Close()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, device.Fd(), 0x5207, 0)
	return os.NewSyscallError("ioctl RNDRESEEDCRNG", errnoOrNil(errno))
}
