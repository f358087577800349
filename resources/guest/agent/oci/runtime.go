// Package oci runs containers through an OCI runtime's command line: runc or crun.
package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"berth/agent/children"
	"berth/agent/contract"
)

// Runtime is the OCI runtime that containers are started with.
type Runtime struct {
	Path    string
	Name    string
	Version string
	// Found names all runtimes of the guest.
	Found []string
	state string
}

// Find takes the runtime at 'path', or where that is empty the best of those in PATH: crun, which starts faster, where
// cgroups are pure version 2; runc otherwise, since crun refuses hybrid hierarchies. None: 'unsupported'. The runtime
// keeps its own state in the folder 'state'.
func Find(path, state string, cgroup2 bool) (*Runtime, error) {
	r := &Runtime{state: state, Found: []string{}}
	order := []string{"runc", "crun"}
	if cgroup2 {
		order = []string{"crun", "runc"}
	}
	for _, name := range order {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		r.Found = append(r.Found, name)
		if path == "" {
			path = found
		}
	}
	if path == "" {
		return nil, contract.Errorf(contract.Unsupported, "no OCI runtime was found: install runc or crun")
	}
	r.Path, r.Name = path, filepath.Base(path)
	command := exec.Command(path, "--version")
	var out bytes.Buffer
	command.Stdout = &out
	if err := children.Run(command); err != nil {
		return nil, contract.Errorf(contract.Unsupported, "the OCI runtime %s does not run: %v", path, err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	fields := strings.Fields(first)
	r.Version = fields[len(fields)-1]
	return r, os.MkdirAll(state, 0o700)
}

// Files are the runtime's scratch files of one start.
type Files struct{ Log, Pid string }

// Run starts a container from a bundle, with the runtime's own stdio as its stdio where it has no terminal. The process
// is adopted. Errors carry the runtime's message; commandNotFound and commandNotExecutable are told apart by it.
func (r *Runtime) Run(id, bundle string, files Files, io *IO) (*children.Process, error) {
	return r.start(files, io, "run", "--detach", "--pid-file", files.Pid, "--bundle", bundle, id)
}

// Exec starts a process, described by an OCI process object in a file, in a running container.
func (r *Runtime) Exec(id, process string, files Files, io *IO) (*children.Process, error) {
	return r.start(files, io, "exec", "--detach", "--pid-file", files.Pid, "--process", process, id)
}

// Update changes a running container's limits to those of an OCI resources object in a file.
func (r *Runtime) Update(id, resources string, files Files) error {
	_ = os.Remove(files.Log)
	command := r.command(files, "update", "--resources", resources, id)
	if err := children.Run(command); err != nil {
		return r.explain(files.Log, err)
	}
	return nil
}

// Forget drops what the runtime knows of a container whose processes and cgroup are gone.
func (r *Runtime) Forget(id string) error {
	return os.RemoveAll(filepath.Join(r.state, id))
}

func (r *Runtime) command(files Files, arguments ...string) *exec.Cmd {
	global := []string{"--root", r.state, "--log", files.Log, "--log-format", "json"}
	if r.Name == "crun" {
		global = append(global, "--cgroup-manager", "cgroupfs")
	}
	command := exec.Command(r.Path, append(global, arguments...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	return command
}

func (r *Runtime) start(files Files, io *IO, verb string, arguments ...string) (*children.Process, error) {
	_ = os.Remove(files.Log)
	_ = os.Remove(files.Pid)
	release := children.Hold()
	defer release()
	if io.console != nil {
		arguments = append([]string{"--console-socket", io.console.path}, arguments...)
	}
	command := r.command(files, append([]string{verb}, arguments...)...)
	command.Stdin, command.Stdout, command.Stderr = io.child[0], io.child[1], io.child[2]
	err := children.Run(command)
	io.closeChild()
	if err != nil {
		return nil, r.explain(files.Log, err)
	}
	text, err := os.ReadFile(files.Pid)
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("the runtime's pid file: %w", err)
	}
	if io.console != nil {
		if err := io.console.receive(io); err != nil {
			return nil, err
		}
	}
	return children.Adopt(pid)
}

// explain makes an error of the last message in the runtime's log.
func (r *Runtime) explain(log string, failure error) error {
	message := ""
	text, _ := os.ReadFile(log)
	for _, line := range bytes.Split(text, []byte("\n")) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg != "" && entry.Level == "error" {
			message = entry.Msg
		}
	}
	var exit *exec.ExitError
	if message == "" && errors.As(failure, &exit) {
		message = fmt.Sprintf("%s ended with %s", r.Name, exit.String())
	} else if message == "" {
		message = failure.Error()
	}
	lower := strings.ToLower(message)
	kind := contract.Internal
	switch {
	case strings.Contains(lower, "executable file") && strings.Contains(lower, "not found"):
		kind = contract.CommandNotFound
	case !strings.Contains(lower, "exec"):
	case strings.Contains(lower, "no such file or directory"):
		kind = contract.CommandNotFound
	case strings.Contains(lower, "permission denied"), strings.Contains(lower, "is a directory"), strings.Contains(lower, "exec format error"),
		strings.Contains(lower, "open executable: operation not permitted"): // crun 1.8 of a folder
		kind = contract.CommandNotExecutable
	}
	return contract.Errorf(kind, "%s", message)
}
