// Package children reaps. The agent is a subreaper: containers' first processes, and whatever they orphan into the
// guest's process namespace, become its children.
package children

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"berth/agent/sys"
)

var (
	// starting is held for reading from before a process is started until it is known who waits for it.
	starting sync.RWMutex
	mu       sync.Mutex
	known    = map[int]bool{}
)

// Start becomes the subreaper and begins to reap orphans that nobody waits for.
func Start() error {
	if err := sys.SetSubreaper(); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	go func() {
		for range signals {
			// Processes that somebody waits for are gone after a moment, and orphans can wait.
			time.Sleep(100 * time.Millisecond)
			reapOrphans()
		}
	}()
	return nil
}

// Hold keeps orphans from being reaped until the returned function is called: a container's first process may be one for
// a moment between its runtime's end and Adopt.
func Hold() (release func()) {
	starting.RLock()
	return starting.RUnlock
}

// Run is command.Run for short commands.
func Run(command *exec.Cmd) error {
	release := Hold()
	err := command.Start()
	if err == nil {
		remember(command.Process.Pid)
		defer forget(command.Process.Pid)
	}
	release()
	if err != nil {
		return err
	}
	return command.Wait()
}

// Process is an adopted child.
type Process struct {
	Pid   int
	pidfd *os.File

	mu     sync.Mutex
	reaped bool
}

// Adopt takes over a child that another process of the agent's left; call it while Hold is in force.
func Adopt(pid int) (*Process, error) {
	pidfd, err := sys.PidfdOpen(pid)
	if err != nil {
		return nil, err
	}
	// crun ends a moment before the helper of its that is the container's parent; wait4 would not know the child yet.
	for waited := time.Duration(0); parentOf(pid) != os.Getpid(); waited += orphanPause {
		if waited > orphanLimit {
			pidfd.Close()
			return nil, fmt.Errorf("process %d was not handed over by the runtime", pid)
		}
		time.Sleep(orphanPause)
	}
	remember(pid)
	return &Process{Pid: pid, pidfd: pidfd}, nil
}

const (
	orphanPause = 500 * time.Microsecond
	orphanLimit = 10 * time.Second
)

// parentOf reads the parent's pid, 0 when there is no such process.
func parentOf(pid int) (parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if end := bytes.LastIndexByte(stat, ')'); err == nil && end > 0 {
		_, _ = fmt.Sscanf(string(stat[end+1:]), " %c %d", new(rune), &parent)
	}
	return parent
}

// Wait waits for the exit and returns the exit code; 128 + n when signal n ended it. It needs no thread of its own.
func (p *Process) Wait() int {
	defer forget(p.Pid)
	defer p.pidfd.Close()
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		return p.reap(0)
	}
	code := -1
	if err := conn.Read(func(uintptr) bool {
		code = p.reap(syscall.WNOHANG)
		return code >= 0
	}); err != nil {
		return p.reap(0)
	}
	return code
}

func (p *Process) reap(options int) int {
	for {
		var status syscall.WaitStatus
		if options == syscall.WNOHANG {
			p.mu.Lock()
		}
		pid, err := syscall.Wait4(p.Pid, &status, options, nil)
		if options == syscall.WNOHANG {
			p.reaped = p.reaped || pid == p.Pid || err == syscall.ECHILD
			p.mu.Unlock()
		}
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 255 // somebody else reaped it: the code is lost
		case pid != p.Pid:
			return -1
		case status.Signaled():
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
	}
}

// Signal sends a signal; ESRCH once the process was waited for.
func (p *Process) Signal(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return syscall.ESRCH
	}
	return syscall.Kill(p.Pid, signal)
}

func remember(pid int) {
	mu.Lock()
	known[pid] = true
	mu.Unlock()
}

func forget(pid int) {
	mu.Lock()
	delete(known, pid)
	mu.Unlock()
}
