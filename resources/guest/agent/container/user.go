package container

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sys"
)

// identity is what a user string means inside a root.
type identity struct {
	uid, gid uint32
	groups   []uint32
	home     string
}

// maxAccounts bounds what is read of passwd and group, in bytes.
const maxAccounts = 8 << 20

// lookUpUser resolves "user[:group]", names or numbers, and additional groups with the passwd and group files of a root.
// An empty user is root. Errors: 'invalid' with Docker's words.
func lookUpUser(root *os.File, user string, additional []string) (identity, error) {
	name, group, explicit := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	found := identity{home: "/"}
	matched := ""
	for _, fields := range accounts(root, "/etc/passwd", 7) {
		if fields[0] != name && fields[2] != name {
			continue
		}
		uid, okUID := number(fields[2])
		gid, okGID := number(fields[3])
		if okUID && okGID {
			matched, found.uid, found.gid = fields[0], uid, gid
			if fields[5] != "" {
				found.home = fields[5]
			}
			break
		}
	}
	if matched == "" {
		uid, ok := number(name)
		if !ok {
			return identity{}, contract.Errorf(contract.Invalid, "unable to find user %s: no matching entries in passwd file", name)
		}
		found.uid = uid
	}
	var groups [][]string
	if explicit && group != "" || matched != "" || len(additional) > 0 {
		groups = accounts(root, "/etc/group", 4)
	}
	if explicit && group != "" {
		gid, err := lookUpGroup(groups, group)
		if err != nil {
			return identity{}, err
		}
		found.gid = gid
	}
	// The primary group belongs to the additional ones, so that a process can't shed it (CVE-2022-2989).
	found.groups = []uint32{found.gid}
	if !explicit || group == "" {
		for _, fields := range groups {
			gid, ok := number(fields[2])
			if ok && matched != "" && contains(strings.Split(fields[3], ","), matched) {
				found.addGroup(gid)
			}
		}
	}
	for _, name := range additional {
		gid, err := lookUpGroup(groups, name)
		if err != nil {
			return identity{}, err
		}
		found.addGroup(gid)
	}
	return found, nil
}

func (i *identity) addGroup(gid uint32) {
	for _, known := range i.groups {
		if known == gid {
			return
		}
	}
	i.groups = append(i.groups, gid)
}

func lookUpGroup(groups [][]string, name string) (uint32, error) {
	for _, fields := range groups {
		if fields[0] == name || fields[2] == name {
			if gid, ok := number(fields[2]); ok {
				return gid, nil
			}
		}
	}
	if gid, ok := number(name); ok {
		return gid, nil
	}
	return 0, contract.Errorf(contract.Invalid, "unable to find group %s: no matching entries in group file", name)
}

// accounts reads a file of colon-separated lines with at least n fields; a missing file has none.
func accounts(root *os.File, path string, n int) [][]string {
	file, err := sys.OpenInRoot(int(root.Fd()), path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	var lines [][]string
	scanner := bufio.NewScanner(io.LimitReader(file, maxAccounts))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		fields := strings.Split(strings.TrimSpace(scanner.Text()), ":")
		if len(fields) >= n {
			lines = append(lines, fields)
		}
	}
	return lines
}

func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return uint32(n), err == nil
}

func contains(list []string, wanted string) bool {
	for _, item := range list {
		if item == wanted {
			return true
		}
	}
	return false
}
