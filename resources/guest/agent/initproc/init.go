// Package initproc is the agent in the part of docker-init: a container's first process that starts the real one, passes
// signals on to it and reaps what others orphan.
package initproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"unsafe"
)

// Exit codes for a command that can't be run, as shells and docker-init have them.
const (
	notExecutable = 126
	notFound      = 127
)

// Run runs the command after "--" and returns its exit code, 128 + n when signal n ended it.
func Run(arguments []string) int {
	// First of all: a signal before this would end the first process of a container with Go's exit code.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	if len(arguments) > 0 && arguments[0] == "--" {
		arguments = arguments[1:]
	}
	if len(arguments) == 0 {
		fmt.Fprintln(os.Stderr, "docker-init: no command to run")
		return notFound
	}
	path, err := exec.LookPath(arguments[0])
	if err != nil {
		return complain(arguments[0], err)
	}
	terminal := isTerminal()
	pid, err := syscall.ForkExec(path, arguments, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2},
		// A process group of its own in the terminal's foreground: ^C goes to the command, not to this init.
		Sys: &syscall.SysProcAttr{Setpgid: !terminal, Foreground: terminal},
	})
	if err != nil {
		return complain(arguments[0], err)
	}
	for received := range signals {
		switch received {
		case syscall.SIGCHLD:
			if code, done := reap(pid); done {
				return code
			}
		case syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU: // the first is the Go runtime's own
		default:
			_ = syscall.Kill(pid, received.(syscall.Signal))
		}
	}
	return 0
}

func complain(command string, err error) int {
	fmt.Fprintf(os.Stderr, "docker-init: exec %s failed: %v\n", command, err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return notFound
	}
	return notExecutable
}

// reap waits for all dead children; done when the one with that pid is among them.
func reap(pid int) (code int, done bool) {
	for {
		var status syscall.WaitStatus
		dead, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || dead == 0:
			return code, done
		case dead == pid:
			if code, done = status.ExitStatus(), true; status.Signaled() {
				code = 128 + int(status.Signal())
			}
		}
	}
}

func isTerminal() bool {
	var t syscall.Termios
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TCGETS, uintptr(unsafe.Pointer(&t)))
	return errno == 0
}
