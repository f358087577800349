package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"berth/agent/cgroup"
	"berth/agent/contract"
	"berth/agent/logs"
	"berth/agent/oci"
	"berth/agent/stdio"
	"berth/agent/sys"
)

// Start is docker start in one go; see container.start in contract.json. On an error all that it made is released except
// the writable layer.
func (m *Manager) Start(request *contract.ContainerStart) (*contract.Started, error) {
	if m.Runtime == nil {
		return nil, m.RuntimeError
	}
	c, err := m.get(request.ID)
	if err != nil {
		return nil, err
	}
	if request.Root.ID != request.ID {
		return nil, contract.Errorf(contract.Invalid, "the root of container %s is that of %s", request.ID, request.Root.ID)
	}
	c.life.Lock()
	defer c.life.Unlock()
	if c.current() != nil {
		return nil, contract.Errorf(contract.Conflict, "container %s is already running", request.ID)
	}
	if err := c.ensureDirs(); err != nil {
		return nil, err
	}
	r, err := c.start(request)
	if err != nil {
		return nil, err
	}
	go c.waitForExit(r)
	return &contract.Started{Pid: r.process.Pid, StartedAt: c.state.StartedAt}, nil
}

func (c *Container) start(request *contract.ContainerStart) (r *run, err error) {
	undo := func(f func()) {
		if err != nil {
			f()
		}
	}
	if err = c.mount(request.Root.Layers); err != nil {
		return nil, err
	}
	defer undo(c.unmount)
	spec, err := parseObject("OCI spec", request.Spec)
	if err != nil {
		return nil, err
	}
	root, err := os.Open(c.path("merged"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	who, err := lookUpUser(root, request.User, request.Groups)
	if err != nil {
		return nil, err
	}
	if cwd, ok := child(spec, "process")["cwd"].(string); ok {
		if err = makeFolder(root, cwd); err != nil {
			return nil, err
		}
	}
	readOnly, _ := child(spec, "root")["readonly"].(bool)
	files, fileMounts, err := c.writeFiles(request.Files, readOnly)
	if err != nil {
		return nil, err
	}
	defer undo(c.releaseMounts)
	mounts, err := c.bindMounts(root, request.Mounts)
	if err != nil {
		return nil, err
	}
	shm, err := c.mountShm(request.Shm)
	if err != nil {
		return nil, err
	}
	mounts = append(mounts, shm...)
	namespace, err := c.connect(request.Network)
	if err != nil {
		return nil, err
	}
	defer undo(func() { c.m.Networks.Release(c.id, request.Network.Endpoints) })
	path := ""
	if namespace != nil {
		defer namespace.Close()
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), namespace.Fd())
	}
	if err = completeSpec(spec, request, c.path("merged"), append(fileMounts, mounts...), path, who); err != nil {
		return nil, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if err = os.WriteFile(c.path("config.json"), text, 0o600); err != nil {
		return nil, err
	}
	log, err := openLog(c.path("log"), request.Log)
	if err != nil {
		return nil, err
	}
	defer undo(func() {
		if log != nil {
			log.Close()
		}
	})
	io, err := c.m.stdioFor(c.id, request.TTY, request.OpenStdin, request.Rows, request.Cols)
	if err != nil {
		return nil, err
	}
	defer undo(io.Close)
	linux := child(spec, "linux")
	cgroupPath, _ := linux["cgroupsPath"].(string)
	group := cgroup.New(cgroupPath)
	process, err := c.m.Runtime.Run(c.id, c.dir(), c.runtimeFiles(), io)
	if err != nil {
		_ = group.Remove()
		_ = c.m.Runtime.Forget(c.id)
		return nil, err
	}
	io.Ours.StdinOnce, io.Ours.Log = request.StdinOnce, log
	r = &run{process: process, cgroup: group, started: time.Now(), exited: make(chan struct{}), execs: map[string]*stdio.Hub{}}
	if r.stopOOM, err = group.WatchOOM(func() { c.reportOOM(r) }); err != nil {
		// The container may have ended before this; how it ended is counted when it is reaped.
		err = nil
	}
	c.begin(r, &state{
		ContainerState: contract.ContainerState{ID: c.id, Status: statusRunning, Pid: process.Pid, StartedAt: contract.Now()},
		CgroupPath:     cgroupPath, Endpoints: request.Network.Endpoints, Files: files, ReadOnlyRoot: readOnly,
	})
	r.hub.Start(io.Ours)
	return r, nil
}

func (c *Container) begin(r *run, s *state) {
	// A start that can't be written down (a full disk) is a start all the same.
	_ = c.save(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.run, r.hub = s, r, c.io
}

func (c *Container) runtimeFiles() oci.Files {
	return oci.Files{Log: c.path("runtime.log"), Pid: c.path("pid")}
}

func (m *Manager) stdioFor(name string, tty, stdin bool, rows, cols uint16) (*oci.IO, error) {
	if tty {
		return oci.Terminal(filepath.Join(m.Run, "tty"), name, stdin, rows, cols)
	}
	return oci.Pipes(stdin)
}

func openLog(dir string, log contract.Log) (*logs.Writer, error) {
	switch log.Driver {
	case "none":
		return nil, nil
	case "json-file", "local", "":
		return logs.Open(dir, log.MaxSize, log.MaxFile)
	}
	return nil, contract.Errorf(contract.Unsupported, "no such log driver: %s", log.Driver)
}

// mount puts the container's overlay at merged/.
func (c *Container) mount(layers []string) error {
	c.unmount()
	return c.m.Layers.Mount(layers, c.path("upper"), c.path("work"), c.path("merged"))
}

func (c *Container) unmount() {
	for syscall.Unmount(c.path("merged"), 0) == nil {
	}
	// Somebody in the guest looks into it: it vanishes when they leave.
	_ = syscall.Unmount(c.path("merged"), syscall.MNT_DETACH)
}

// writeFiles writes the container's own files and gives the mounts that put them into it. What it returns first are the
// files' paths in the container.
func (c *Container) writeFiles(files []contract.File, readOnly bool) (paths []string, mounts []object, err error) {
	for i, file := range files {
		at := c.ownFile(i)
		_ = os.Remove(at)
		if err := os.WriteFile(at, []byte(file.Content), 0o600); err != nil {
			return nil, nil, err
		}
		if err := os.Chmod(at, fs.FileMode(file.Mode&0o777)); err != nil {
			return nil, nil, err
		}
		paths = append(paths, file.Path)
		options := []string{"rbind", "rprivate"}
		if readOnly {
			options = append(options, "ro")
		}
		mounts = append(mounts, bindMount(at, file.Path, options...))
	}
	return paths, mounts, nil
}

// ownFile is where the agent keeps the container's file of that number.
func (c *Container) ownFile(i int) string { return c.path(fmt.Sprintf("files/%d", i)) }

// connect gives the network namespace that a container is to run in; nil is the guest's.
func (c *Container) connect(request contract.Network) (*os.File, error) {
	switch request.Mode {
	case "host":
		return nil, nil
	case "none":
		return c.m.Networks.Connect(c.id, contract.Network{})
	case "bridge":
		return c.m.Networks.Connect(c.id, request)
	case "container":
		_, other, err := c.m.running(request.NetworkOf)
		if err != nil {
			return nil, contract.Errorf(contract.Conflict, "cannot join network of a non running container: %s", request.NetworkOf)
		}
		return os.Open(fmt.Sprintf("/proc/%d/ns/net", other.process.Pid))
	}
	return nil, contract.Errorf(contract.Invalid, "unknown network mode: %q", request.Mode)
}

// makeFolder makes a folder, and those above it, inside a root; links on the way are followed inside it.
func makeFolder(root *os.File, path string) error {
	found, err := sys.OpenInRoot(int(root.Fd()), path, sys.OPath, 0)
	if err == nil {
		found.Close()
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil // a file is in the way: the runtime says so in its own words
	}
	above, name := filepath.Split(filepath.Clean(path))
	if name == "" || above == path {
		return nil
	}
	if err := makeFolder(root, filepath.Clean(above)); err != nil {
		return err
	}
	parent, err := sys.OpenInRoot(int(root.Fd()), above, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	defer parent.Close()
	if err := syscall.Mkdirat(int(parent.Fd()), name, 0o755); err != nil && err != syscall.EEXIST {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// ended waits for the end of a run, for ever with a negative limit; false when it still runs after it.
func (r *run) ended(limit time.Duration) bool {
	if limit < 0 {
		<-r.exited
		return true
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.exited:
		return true
	case <-timer.C:
		return false
	}
}
