package container

import (
	"fmt"
	"os"
	"syscall"

	"berth/agent/contract"
)

// mountShm gives the mount of a /dev/shm that containers share: one made here, or that of another container.
func (c *Container) mountShm(request *contract.SharedMemory) ([]object, error) {
	if request == nil {
		return nil, nil
	}
	from := c
	if request.Of != "" {
		other, _, err := c.m.running(request.Of)
		if err != nil {
			return nil, err
		}
		from = other
	} else {
		c.unmountShm()
		if err := os.MkdirAll(c.path("shm"), 0o700); err != nil {
			return nil, err
		}
		data := fmt.Sprintf("mode=1777,size=%d", request.Size)
		if err := syscall.Mount("shm", c.path("shm"), "tmpfs", syscall.MS_NOSUID|syscall.MS_NOEXEC|syscall.MS_NODEV, data); err != nil {
			return nil, os.NewSyscallError("mount /dev/shm", err)
		}
	}
	return []object{bindMount(from.path("shm"), "/dev/shm", "rbind", "rprivate", "nosuid", "noexec", "nodev")}, nil
}

func (c *Container) unmountShm() {
	for syscall.Unmount(c.path("shm"), 0) == nil {
	}
	_ = syscall.Unmount(c.path("shm"), syscall.MNT_DETACH)
}

// releaseMounts takes back what a start mounted besides the root.
func (c *Container) releaseMounts() {
	c.unmountShm()
	c.unmountParts()
	c.m.Volumes.Release(c.id)
}
