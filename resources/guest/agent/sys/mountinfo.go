package sys

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// MountOf finds the mount that holds a path: its mount point and its propagation tags ("shared:1 master:2"), from
// proc(5)'s mountinfo.
func MountOf(path string) (mountpoint, tags string, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", err
	}
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		before, _, _ := strings.Cut(scanner.Text(), " - ")
		fields := strings.Fields(before)
		if len(fields) < 6 {
			continue
		}
		at := unescape(fields[4])
		// Later lines are mounted over earlier ones.
		if (path == at || at == "/" || strings.HasPrefix(path, at+"/")) && len(at) >= len(mountpoint) {
			mountpoint, tags = at, strings.Join(fields[6:], " ")
		}
	}
	return mountpoint, tags, nil
}

func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}
