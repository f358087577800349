package build

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"berth/agent/contract"
)

// owner is who gets what is copied.
type owner struct{ uid, gid int }

// maxAccounts bounds what is read of passwd and group, in bytes.
const maxAccounts = 8 << 20

// lookUpOwner resolves --chown's "user[:group]" with the passwd and group files of the current root. Without a group the
// group is that of the user's name or number, else the user's first. Errors: 'invalid' with dockerd's words.
func lookUpOwner(text string) (*owner, error) {
	user, group, _ := strings.Cut(text, ":")
	uid, primary, found := look("/etc/passwd", user, 3)
	if !found {
		return nil, contract.Errorf(contract.Invalid, "unable to convert uid/gid chown string to host mapping: can't find uid for user %s: no such user: %s", user, user)
	}
	if group == "" {
		gid, _, found := look("/etc/group", user, -1)
		if !found {
			gid = primary
		}
		return &owner{uid, gid}, nil
	}
	gid, _, found := look("/etc/group", group, -1)
	if !found {
		return nil, contract.Errorf(contract.Invalid, "unable to convert uid/gid chown string to host mapping: can't find gid for group %s: no such group: %s", group, group)
	}
	return &owner{uid, gid}, nil
}

// look finds a name in a file of accounts: its number, and the number in another field of its line. A number is itself.
func look(path, name string, other int) (id, also int, found bool) {
	if number, err := strconv.Atoi(name); err == nil && number >= 0 {
		return number, number, true
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, 0, false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, 0, false
	}
	lines := bufio.NewScanner(io.LimitReader(file, maxAccounts))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) < 3 || fields[0] != name || other >= len(fields) {
			continue
		}
		if id, err = strconv.Atoi(fields[2]); err != nil {
			continue
		}
		if other < 0 {
			return id, 0, true
		}
		if also, err = strconv.Atoi(fields[other]); err == nil {
			return id, also, true
		}
	}
	return 0, 0, false
}
