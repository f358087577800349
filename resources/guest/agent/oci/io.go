package oci

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"berth/agent/stdio"
	"berth/agent/sys"
)

// IO is both ends of a process's stdio: the runtime's, and the agent's in Ours.
type IO struct {
	Ours    stdio.Process
	child   [3]*os.File
	console *console
}

// pipeSize lets a process write on while the agent is busy elsewhere.
const pipeSize = 256 << 10

// Pipes makes stdio without a terminal. Without stdin the process reads /dev/null.
func Pipes(stdin bool) (*IO, error) {
	io := &IO{}
	var err error
	if stdin {
		io.child[0], io.Ours.Stdin, err = os.Pipe()
	} else {
		io.child[0], err = os.Open(os.DevNull)
	}
	if err == nil {
		io.Ours.Stdout, io.child[1], err = os.Pipe()
	}
	if err == nil {
		io.Ours.Stderr, io.child[2], err = os.Pipe()
	}
	if err != nil {
		io.Close()
		return nil, err
	}
	for _, pipe := range io.child[1:] {
		// A smaller pipe does as well where the limit for all pipes is reached.
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, pipe.Fd(), syscall.F_SETPIPE_SZ, pipeSize)
	}
	return io, nil
}

// Null makes stdio that nobody reads.
func Null() (*IO, error) {
	io := &IO{}
	for i := range io.child {
		var err error
		if io.child[i], err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
			io.Close()
			return nil, err
		}
	}
	return io, nil
}

// Terminal makes stdio with a terminal, whose master comes from the runtime over a socket in 'dir'.
func Terminal(dir, name string, stdin bool, rows, cols uint16) (*IO, error) {
	io, err := Null() // the runtime's own
	if err != nil {
		return nil, err
	}
	folder, err := os.Open(dir)
	if err != nil {
		io.Close()
		return nil, err
	}
	// Named through the open folder, since a socket's path may have 107 bytes only.
	path := fmt.Sprintf("/proc/%d/fd/%d/%s", os.Getpid(), folder.Fd(), name)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		folder.Close()
		io.Close()
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	io.Ours.TTY = true
	io.console = &console{path: path, file: filepath.Join(dir, name), folder: folder, listener: listener, rows: rows, cols: cols, stdin: stdin}
	return io, nil
}

// Close closes both ends; for a start that failed.
func (io *IO) Close() {
	io.closeChild()
	for _, file := range []*os.File{io.Ours.Stdin, io.Ours.Stdout, io.Ours.Stderr} {
		if file != nil {
			file.Close()
		}
	}
	if io.console != nil {
		io.console.close()
	}
}

func (io *IO) closeChild() {
	for i, file := range io.child {
		if file != nil {
			file.Close()
			io.child[i] = nil
		}
	}
}

type console struct {
	path, file string
	folder     *os.File
	listener   *net.UnixListener
	rows, cols uint16
	stdin      bool
}

func (c *console) close() {
	c.listener.Close()
	c.folder.Close()
	_ = os.Remove(c.file)
}

// receive takes the terminal's master, which the runtime has sent before it ended.
func (c *console) receive(io *IO) error {
	defer c.close()
	_ = c.listener.SetDeadline(time.Now().Add(10 * time.Second))
	conn, err := c.listener.AcceptUnix()
	if err != nil {
		return fmt.Errorf("the runtime sent no terminal: %w", err)
	}
	defer conn.Close()
	name, oob := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(name, oob)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("the runtime sent no terminal: %v", err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return fmt.Errorf("the runtime sent no terminal: %v", err)
	}
	syscall.CloseOnExec(fds[0])
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return err
	}
	io.Ours.Stdout = os.NewFile(uintptr(fds[0]), "terminal")
	if c.stdin {
		io.Ours.Stdin = io.Ours.Stdout
	}
	if c.rows > 0 && c.cols > 0 {
		return sys.SetWindowSize(io.Ours.Stdout, c.rows, c.cols)
	}
	return nil
}
