package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"berth/agent/build"
	"berth/agent/cgroup"
	"berth/agent/children"
	"berth/agent/container"
	"berth/agent/host"
	"berth/agent/layer"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/agent/server"
	"berth/agent/sys"
	"berth/agent/volume"
)

type options struct {
	root, run, listen, link, runtime, log string
	setClock, wait                        bool
}

// stopTimeout is how long containers get at SIGTERM before they are killed, in seconds.
const stopTimeout = 10

func serve(arguments []string) error {
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.run, 0o700); err != nil {
		return err
	}
	lock, err := takeLock(filepath.Join(o.run, "agent.lock"))
	if err != nil || lock == nil {
		return err
	}
	defer lock.Close()
	if o.log != "" {
		file, err := os.OpenFile(o.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		log.SetOutput(file)
	}
	s, err := start(o)
	if err != nil {
		return err
	}
	ended := make(chan bool, 1)
	s.Ended = func(powerOff bool) { ended <- powerOff }
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	if o.listen != "" {
		err = listen(s, strings.TrimPrefix(o.listen, "unix:"), failed)
	} else {
		go link(s, strings.Split(o.link, ","))
	}
	if err != nil {
		return err
	}
	powerOff := false
	select {
	case powerOff = <-ended:
	case err = <-failed:
		return err
	case <-terminate:
		s.Containers.StopAll(stopTimeout)
		syscall.Sync()
	}
	if powerOff {
		// Where the state has a file system of its own, it is left clean: all that wrote to it has ended.
		_ = syscall.Mount("", o.root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		return syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	}
	s.Networks.Close()
	return nil
}

func parse(arguments []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "", "folder of lasting state")
	flags.StringVar(&o.run, "run", "", "folder of runtime state (ROOT/run)")
	flags.StringVar(&o.listen, "listen", "", "unix:PATH to accept sessions on")
	flags.StringVar(&o.link, "link", "", "character device, or a file to read and one to write, that carries the one session")
	flags.StringVar(&o.runtime, "runtime", "", "OCI runtime (crun or runc, whichever suits)")
	flags.StringVar(&o.log, "log", "", "file for the agent's own log")
	flags.BoolVar(&o.setClock, "set-clock", false, "set the clock by the engine's")
	flags.BoolVar(&o.wait, "wait", false, "say 'waiting' on stdout when all is done that needs no root, and go on when a line comes on stdin")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	if o.root == "" || (o.listen == "") == (o.link == "") {
		return nil, errors.New("-root and one of -listen and -link are needed")
	}
	var err error
	if o.root, err = filepath.Abs(o.root); err != nil {
		return nil, err
	}
	if o.run == "" {
		o.run = filepath.Join(o.root, "run")
	}
	o.run, err = filepath.Abs(o.run)
	return o, err
}

// takeLock gives nil without an error when another agent holds it.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if err == syscall.EWOULDBLOCK {
			return nil, nil
		}
		return nil, err
	}
	if err := file.Truncate(0); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintln(file, os.Getpid())
	return file, err
}

// start builds the agent from its parts.
func start(o *options) (*server.Server, error) {
	if err := children.Start(); err != nil {
		return nil, err
	}
	syscall.Umask(0o022)
	runtime, runtimeErr := oci.Find(o.runtime, filepath.Join(o.run, "runtime"), cgroup.Unified())
	if runtimeErr != nil {
		log.Print(runtimeErr)
	}
	if o.wait {
		if err := hold(); err != nil {
			return nil, err
		}
	}
	s := &server.Server{Root: o.root, Version: version, SetClock: o.setClock}
	if o.link != "" {
		// The disk may have grown while the guest was off.
		if err := host.GrowDisk(o.root); err != nil {
			log.Print(err)
		}
	}
	boot := ""
	if o.listen != "" { // on the host, whose file system is everybody's
		boot = host.BootID()
	} else if err := release(o.root); err != nil {
		return nil, err
	}
	var err error
	if s.Layers, err = layer.Open(filepath.Join(o.root, "layers"), boot); err != nil {
		return nil, err
	}
	if s.Volumes, err = volume.Open(filepath.Join(o.root, "volumes")); err != nil {
		return nil, err
	}
	if s.Networks, err = network.New(filepath.Join(o.run, "bridges"), s.Resolve); err != nil {
		return nil, err
	}
	s.Builder = &build.Builder{Layers: s.Layers, Volumes: s.Volumes}
	s.Containers, err = container.NewManager(container.Options{
		Root: o.root, Run: o.run, Layers: s.Layers, Volumes: s.Volumes, Networks: s.Networks, Runtime: runtime, RuntimeError: runtimeErr, Emit: s.Emit,
	})
	if err == nil && o.link != "" {
		err = reserve(o.root)
	}
	return s, err
}

// hold waits for a line on stdin. A snapshot of the guest may be taken meanwhile, and each guest that goes on from it
// needs random numbers of its own.
func hold() error {
	fmt.Println("waiting")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("waiting for a line on stdin: %w", err)
	}
	return sys.ReseedRandom()
}

// listen accepts sessions on a UNIX socket that only its owner can reach.
func listen(s *server.Server, path string, failed chan<- error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// The lock is ours, so a socket that is there is a dead agent's.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	syscall.Umask(0o177)
	listener, err := net.Listen("unix", path)
	syscall.Umask(0o022)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				failed <- err
				return
			}
			go func() { _ = s.Serve(conn) }()
		}
	}()
	return nil
}
