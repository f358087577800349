package container

import (
	"encoding/json"
	"os"

	"berth/agent/children"
	"berth/agent/contract"
	"berth/agent/mux"
	"berth/agent/oci"
	"berth/agent/stdio"
)

// Exec runs one more process in a running container and carries its stdio on the stream until its end. Not running:
// 'conflict'.
func (m *Manager) Exec(request *contract.ExecStart, stream *mux.Stream) error {
	c, r, err := m.running(request.ID)
	if err != nil {
		return err
	}
	if err := contract.CheckName("exec id", request.Exec); err != nil {
		return err
	}
	io, err := m.execIO(request)
	if err != nil {
		return err
	}
	hub := stdio.NewHub()
	client, _ := hub.Attach(request.Stdout, request.Stderr)
	c.mu.Lock()
	taken := r.execs[request.Exec] != nil
	if !taken {
		r.execs[request.Exec] = hub
	}
	c.mu.Unlock()
	if taken {
		io.Close()
		return contract.Errorf(contract.Conflict, "exec %s is already running", request.Exec)
	}
	defer func() {
		c.mu.Lock()
		delete(r.execs, request.Exec)
		c.mu.Unlock()
	}()
	process, err := c.runExec(request, io)
	if err != nil {
		io.Close()
		return err
	}
	io.Ours.StdinOnce = true
	hub.Start(io.Ours)
	go func() {
		code := process.Wait()
		hub.Drain(drainLimit)
		m.Emit(contract.Event{Type: "execExit", ID: c.id, Exec: request.Exec, ExitCode: &code, At: contract.Now()})
		hub.Finish()
	}()
	if err := stream.Reply(contract.Pid{Pid: process.Pid}); err != nil {
		client.Detach()
	}
	if request.Detach {
		client.Detach()
		_ = stream.CloseWrite()
	}
	if request.Stdin && !request.Detach {
		go client.Receive(stream, stream.Done())
	}
	go func() {
		<-stream.Done()
		client.Detach()
	}()
	err = client.Send(stream)
	// The process goes on without its client, and can be resized until it ends.
	hub.WaitFinished()
	return err
}

func (m *Manager) execIO(request *contract.ExecStart) (*oci.IO, error) {
	if request.Detach && !request.TTY {
		return oci.Null()
	}
	return m.stdioFor(request.Exec, request.TTY, request.Stdin, request.Rows, request.Cols)
}

// runExec starts the process with its user looked up in the container's root.
func (c *Container) runExec(request *contract.ExecStart, io *oci.IO) (*children.Process, error) {
	spec, err := parseObject("OCI process", request.Process)
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
	completeProcess(spec, who, request.TTY, request.Rows, request.Cols)
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	base := c.path("exec-" + request.Exec)
	files := oci.Files{Log: base + ".log", Pid: base + ".pid"}
	defer func() {
		for _, file := range []string{base + ".json", files.Log, files.Pid} {
			_ = os.Remove(file)
		}
	}()
	if err := os.WriteFile(base+".json", text, 0o600); err != nil {
		return nil, err
	}
	return c.m.Runtime.Exec(c.id, base+".json", files, io)
}
