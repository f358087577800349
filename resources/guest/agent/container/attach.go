package container

import (
	"time"

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
	if !request.Stream {
		if err := stream.Reply(contract.Empty{}); err != nil {
			return err
		}
		if !request.Logs {
			return nil
		}
		return logs.Read(c.path("log"), c.logQuery(request, nil), stream, nil, stream.Done())
	}
	client, logged := c.join(request.Stdout, request.Stderr, stream.Done())
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
	if request.Logs {
		if err := logs.Read(c.path("log"), c.logQuery(request, logged), stream, nil, stream.Done()); err != nil {
			return err
		}
	}
	return client.Send(stream)
}

// join attaches a client to the run, or to the next one. Some clients (docker-compose 1.29) attach just after a start and start
// anew what has ended by then: a short run that was over before it could be heard counts as over, though its end is not told
// of yet.
func (c *Container) join(stdout, stderr bool, left <-chan struct{}) (client *stdio.Client, logged *logs.Position) {
	r := c.current()
	client, logged = c.hub().Attach(stdout, stderr)
	if r == nil || !r.endsYoung(left) || client.Pending() {
		return client, logged
	}
	client.Detach()
	return c.hub().Attach(stdout, stderr)
}

// settling is how old a run must be before its output is asked for. dockerd's start takes about as long, and clients (docker-py's
// own tests) read the log of a short command as soon as it has started.
const settling = 200 * time.Millisecond

// endsYoung waits until a run is no longer young, and tells whether it has ended by then.
func (r *run) endsYoung(left <-chan struct{}) bool {
	young := time.NewTimer(time.Until(r.started.Add(settling)))
	defer young.Stop()
	select {
	case <-r.exited:
		return true
	case <-young.C:
	case <-left:
	}
	return false
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
	} else if r := c.current(); r != nil {
		r.endsYoung(stream.Done())
	}
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	return logs.Read(c.path("log"), query, stream, follow, stream.Done())
}
