package cgroup

import (
	"fmt"
	"os"
	"syscall"

	"berth/agent/sys"
)

// OOMKills counts the processes of the cgroup that the kernel has killed for want of memory.
func (c *Cgroup) OOMKills() int64 {
	if c.unified {
		return keyed(c.dir("") + "/memory.events")["oom_kill"]
	}
	return keyed(c.dir("memory") + "/memory.oom_control")["oom_kill"]
}

// WatchOOM calls notify after each OOM situation in the cgroup, until the returned function is called. It sleeps in
// between: inotify on memory.events in version 2, an eventfd in version 1.
func (c *Cgroup) WatchOOM(notify func()) (stop func(), err error) {
	watch := c.watch1
	if c.unified {
		watch = c.watch2
	}
	file, err := watch()
	if err != nil {
		return func() {}, err
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			if _, err := file.Read(buffer); err != nil {
				return
			}
			notify()
		}
	}()
	return func() { file.Close() }, nil
}

func (c *Cgroup) watch1() (*os.File, error) {
	control, err := os.Open(c.dir("memory") + "/memory.oom_control")
	if err != nil {
		return nil, err
	}
	defer control.Close()
	event, err := sys.Eventfd()
	if err != nil {
		return nil, err
	}
	conn, err := event.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd uintptr
	_ = conn.Control(func(number uintptr) { fd = number })
	line := fmt.Sprintf("%d %d", fd, control.Fd())
	if err := os.WriteFile(c.dir("memory")+"/cgroup.event_control", []byte(line), 0); err != nil {
		event.Close()
		return nil, err
	}
	return event, nil
}

func (c *Cgroup) watch2() (*os.File, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := syscall.InotifyAddWatch(fd, c.dir("")+"/memory.events", syscall.IN_MODIFY); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}
