package sys

import (
	"strings"
	"syscall"
)

// mountFlags are mount(8)'s words for mount(2)'s flags; 'clear' takes the flag away.
var mountFlags = map[string]struct {
	clear bool
	flag  uintptr
}{
	"defaults": {}, "ro": {flag: syscall.MS_RDONLY}, "rw": {true, syscall.MS_RDONLY},
	"suid": {true, syscall.MS_NOSUID}, "nosuid": {flag: syscall.MS_NOSUID}, "dev": {true, syscall.MS_NODEV}, "nodev": {flag: syscall.MS_NODEV},
	"exec": {true, syscall.MS_NOEXEC}, "noexec": {flag: syscall.MS_NOEXEC}, "sync": {flag: syscall.MS_SYNCHRONOUS}, "async": {true, syscall.MS_SYNCHRONOUS},
	"dirsync": {flag: syscall.MS_DIRSYNC}, "remount": {flag: syscall.MS_REMOUNT}, "mand": {flag: syscall.MS_MANDLOCK}, "nomand": {true, syscall.MS_MANDLOCK},
	"atime": {true, syscall.MS_NOATIME}, "noatime": {flag: syscall.MS_NOATIME}, "diratime": {true, syscall.MS_NODIRATIME},
	"nodiratime": {flag: syscall.MS_NODIRATIME}, "relatime": {flag: syscall.MS_RELATIME}, "norelatime": {true, syscall.MS_RELATIME},
	"strictatime": {flag: syscall.MS_STRICTATIME}, "nostrictatime": {true, syscall.MS_STRICTATIME},
	"bind": {flag: syscall.MS_BIND}, "rbind": {flag: syscall.MS_BIND | syscall.MS_REC},
}

// MountOptions parts a comma-separated list as after mount(8)'s -o into flags and the file system's own data.
func MountOptions(list string) (flags uintptr, data string) {
	var rest []string
	for _, option := range strings.Split(list, ",") {
		known, ok := mountFlags[option]
		switch {
		case ok && known.clear:
			flags &^= known.flag
		case ok:
			flags |= known.flag
		case option != "":
			rest = append(rest, option)
		}
	}
	return flags, strings.Join(rest, ",")
}
