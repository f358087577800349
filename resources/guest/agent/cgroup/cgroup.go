// Package cgroup reads and drives containers' cgroups, version 1 and 2.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const mountpoint = "/sys/fs/cgroup"

// Unified tells whether the guest has cgroup version 2 alone.
func Unified() bool {
	const cgroup2Magic = 0x63677270
	var st syscall.Statfs_t
	return syscall.Statfs(mountpoint, &st) == nil && uint32(st.Type) == cgroup2Magic
}

// Cgroup is one container's, by the path that its OCI spec names.
type Cgroup struct {
	path    string
	unified bool
}

// New names a cgroup; it need not exist.
func New(path string) *Cgroup { return &Cgroup{path: filepath.Clean("/" + path), unified: Unified()} }

// dir is the folder of a version 1 controller, or the one folder of version 2.
func (c *Cgroup) dir(controller string) string {
	if c.unified {
		return mountpoint + c.path
	}
	return filepath.Join(mountpoint, controller) + c.path
}

// dirs are all folders of the cgroup, also of controllers that share a mount under several names.
func (c *Cgroup) dirs() []string {
	if c.unified {
		return []string{c.dir("")}
	}
	entries, _ := os.ReadDir(mountpoint)
	var dirs []string
	for _, entry := range entries {
		if entry.IsDir() {
			dirs = append(dirs, c.dir(entry.Name()))
		}
	}
	return dirs
}

// Pids lists the processes in it and below.
func (c *Cgroup) Pids() []int {
	for _, controller := range []string{"pids", "memory", "cpu", "devices", "freezer"} {
		if pids, err := pidsBelow(c.dir(controller)); err == nil {
			return pids
		}
	}
	return nil
}

func pidsBelow(dir string) ([]int, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	var pids []int
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil
		}
		text, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// freezeTries times freezePause is how long processes may take to stop.
const (
	freezeTries = 2000
	freezePause = 5 * time.Millisecond
)

// Freeze stops all processes in it, or lets them go on.
func (c *Cgroup) Freeze(frozen bool) error {
	for try := 0; try < freezeTries; try++ {
		// Version 1 can get stuck halfway when a process forks at the wrong moment: it is told again, and now and then
		// the other thing first.
		if try == 0 || !c.unified {
			if try%50 == 49 {
				_ = c.setFrozen(!frozen)
			}
			if err := c.setFrozen(frozen); err != nil {
				return fmt.Errorf("freezing: %w", err)
			}
		}
		if c.isFrozen() == frozen {
			return nil
		}
		time.Sleep(freezePause)
	}
	return errors.New("the processes could not be frozen")
}

func (c *Cgroup) setFrozen(frozen bool) error {
	if c.unified {
		return os.WriteFile(c.dir("")+"/cgroup.freeze", []byte(map[bool]string{true: "1", false: "0"}[frozen]), 0)
	}
	return os.WriteFile(c.dir("freezer")+"/freezer.state", []byte(map[bool]string{true: "FROZEN", false: "THAWED"}[frozen]), 0)
}

func (c *Cgroup) isFrozen() bool {
	if !c.unified {
		text, _ := os.ReadFile(c.dir("freezer") + "/freezer.state")
		return strings.TrimSpace(string(text)) == "FROZEN"
	}
	return keyed(c.dir("") + "/cgroup.events")["frozen"] == 1
}

// Remove kills what is left in the cgroup and deletes it.
func (c *Cgroup) Remove() error {
	if c.path == "/" {
		return errors.New("the root cgroup can't be removed")
	}
	for attempt := 0; ; attempt++ {
		busy := false
		for _, dir := range c.dirs() {
			busy = !removeBelow(dir) || busy
		}
		if !busy {
			return nil
		}
		if attempt == 200 {
			return fmt.Errorf("cgroup %s still has processes", c.path)
		}
		if attempt == 0 {
			_ = os.WriteFile(c.dir("")+"/cgroup.kill", []byte("1"), 0)
		}
		for _, pid := range c.Pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if !c.unified {
			_ = c.setFrozen(false) // frozen processes die when they are thawed
		}
		time.Sleep(time.Duration(attempt/10+1) * time.Millisecond)
	}
}

// removeBelow deletes a cgroup's folder and those below it; false while a process is in one.
func removeBelow(dir string) bool {
	err := syscall.Rmdir(dir)
	if err == nil || err == syscall.ENOENT {
		return true
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeBelow(filepath.Join(dir, entry.Name()))
		}
	}
	err = syscall.Rmdir(dir)
	return err == nil || err == syscall.ENOENT
}

// number reads a file of one number; "max" and what version 1 writes for no limit are -1, a missing file 0.
func number(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return parse(strings.TrimSpace(string(text)))
}

func parse(text string) int64 {
	if text == "max" {
		return -1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	const unlimited = 1<<63 - 1<<16 // version 1 rounds the greatest number down to a page
	if n >= unlimited {
		return -1
	}
	return int64(n)
}

// keyed reads a file of lines "name number".
func keyed(path string) map[string]int64 {
	text, _ := os.ReadFile(path)
	values := map[string]int64{}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, " "); ok {
			values[name] = parse(value)
		}
	}
	return values
}
