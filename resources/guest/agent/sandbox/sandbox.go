// Package sandbox runs functions on an operating system thread with a mount namespace and a root of its own, so that
// plain paths inside a container's files can't lead out of them, and mounts made there vanish with it.
package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"berth/agent/sys"
)

// Run calls f on a thread that shares neither root, working folder nor mounts with the rest of the process. The thread
// ends with f, and with it all that f mounted. Folders of 'detach' are unmounted there first: a mount that is copied into
// the new namespace would otherwise keep another container's overlay in use.
func Run(detach []string, f func() error) error {
	return thread(syscall.CLONE_FS|syscall.CLONE_NEWNS, func() error {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making mounts private: %w", err)
		}
		for _, path := range detach {
			_ = syscall.Unmount(path, syscall.MNT_DETACH)
		}
		return f()
	})
}

// In calls f on a thread inside the mount namespace of a running process; its root is that namespace's.
func In(pid int, f func() error) error {
	return thread(syscall.CLONE_FS, func() error {
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		if err != nil {
			return err
		}
		defer namespace.Close()
		if err := sys.Setns(namespace.Fd(), syscall.CLONE_NEWNS); err != nil {
			return err
		}
		return f()
	})
}

// Network calls f on a thread inside a new network namespace and gives that namespace's file, which keeps it alive.
func Network(f func(namespace *os.File) error) (*os.File, error) {
	var namespace *os.File
	err := thread(syscall.CLONE_NEWNET, func() (err error) {
		if namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if err = f(namespace); err != nil {
			namespace.Close()
		}
		return err
	})
	return namespace, err
}

// InNetwork calls f on a thread inside the network namespace of a running process.
func InNetwork(pid int, f func(namespace *os.File) error) error {
	return thread(0, func() error {
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			return err
		}
		defer namespace.Close()
		if err := sys.Setns(namespace.Fd(), syscall.CLONE_NEWNET); err != nil {
			return err
		}
		return f(namespace)
	})
}

// Chroot makes an open folder the root of the current thread; only for functions that run in a sandbox.
func Chroot(root *os.File) error {
	if err := syscall.Fchdir(int(root.Fd())); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return syscall.Chdir("/")
}

func thread(unshare int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: Go ends a locked thread with its goroutine, and the namespaces end with the thread.
		runtime.LockOSThread()
		if err := syscall.Unshare(unshare); err != nil {
			done <- fmt.Errorf("unshare: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
