package container

import (
	"berth/agent/contract"
	"berth/agent/logs"
	"berth/agent/mux"
	"berth/agent/stdio"
)

// Attach joins a container's stdio; before a start it waits for it. It returns when the run is over, or the client left.
func (m *Manager) Attach(request *contract.Attach, stream *mux.Stream) error {
	c, err := m.get(request.ID)
	if err != nil {
		return err
	}
	hub := c.hubOf(request.Pid)
	if !request.Stream || hub == nil {
		if err := stream.Reply(contract.Empty{}); err != nil {
			return err
		}
		if !request.Logs {
			return nil
		}
		return logs.Read(c.path("log"), c.logQuery(request, nil), stream, nil, stream.Done())
	}
	client, position, hasLog := hub.Attach(request.Stdout, request.Stderr)
	defer client.Detach()
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	go func() {
		<-stream.Done()
		client.Detach()
	}()
	if request.Stdin {
		go client.Receive(stream, stream.Done())
	}
	if request.Logs && hasLog {
		if err := logs.Read(c.path("log"), c.logQuery(request, &position), stream, nil, stream.Done()); err != nil {
			return err
		}
	}
	return client.Send(stream)
}

// hubOf is that of the run of a process, nil when that is over; pid 0 is the run that there is, or the next one.
func (c *Container) hubOf(pid int) *stdio.Hub {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pid != 0 && (c.run == nil || c.run.process.Pid != pid) {
		return nil
	}
	return c.io
}

func (c *Container) logQuery(request *contract.Attach, to *logs.Position) logs.Query {
	raw := c.hub().Terminal() != nil
	return logs.Query{Stdout: request.Stdout, Stderr: request.Stderr, Tail: -1, Raw: raw, To: to}
}

// Logs reads a container's log, and with follow goes on until the container exits.
func (m *Manager) Logs(request *contract.Logs, stream *mux.Stream) error {
	c, err := m.get(request.ID)
	if err != nil {
		return err
	}
	query := logs.Query{
		Stdout: request.Stdout, Stderr: request.Stderr, Tail: request.Tail, Timestamps: request.Timestamps, Raw: request.Raw,
		Prefix: request.Prefix,
	}
	if request.Since != nil {
		query.Since = request.Since.Time
	}
	if request.Until != nil {
		query.Until = request.Until.Time
	}
	var follow *logs.Writer
	if request.Follow {
		follow = c.hub().Log()
	}
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	return logs.Read(c.path("log"), query, stream, follow, stream.Done())
}
