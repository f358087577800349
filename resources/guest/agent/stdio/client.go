package stdio

import (
	"io"

	"berth/agent/logs"
)

// Client is one of those attached to a hub.
type Client struct {
	hub            *Hub
	stdout, stderr bool
	queue          []byte
}

// Attach joins a hub. The position is where its log stood at that moment; nil when there is no log (yet).
func (h *Hub) Attach(stdout, stderr bool) (client *Client, logged *logs.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	client = &Client{hub: h, stdout: stdout, stderr: stderr}
	h.clients[client] = true
	if h.process.Log != nil {
		position := h.process.Log.End()
		logged = &position
	}
	return client, logged
}

// Pending tells whether there is output that was not sent yet.
func (c *Client) Pending() bool {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	return len(c.queue) > 0
}

// Detach leaves; Send returns.
func (c *Client) Detach() {
	c.hub.mu.Lock()
	delete(c.hub.clients, c)
	c.hub.changed.Broadcast()
	c.hub.mu.Unlock()
}

// Send writes the output to out until the run is over (nil), the client is detached (nil), or out fails.
func (c *Client) Send(out io.Writer) error {
	h := c.hub
	var spare []byte
	for {
		h.mu.Lock()
		for len(c.queue) == 0 && h.clients[c] && !h.finished {
			h.changed.Wait()
		}
		data := c.queue
		attached := h.clients[c]
		c.queue = spare[:0]
		h.changed.Broadcast()
		h.mu.Unlock()
		if !attached || len(data) == 0 {
			return nil
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
		if spare = data; cap(spare) > 4*readSize {
			spare = nil
		}
	}
}

// Receive feeds the process's stdin from in until in ends or the process is gone; it waits for the run to start. What
// comes when there is no stdin is thrown away. 'gone' tells that the client has left.
func (c *Client) Receive(in io.Reader, gone <-chan struct{}) {
	h := c.hub
	select {
	case <-h.started:
	case <-gone:
		return
	}
	stdin := h.process.Stdin
	if stdin == nil {
		_, _ = io.Copy(io.Discard, in)
		return
	}
	buffer := make([]byte, readSize)
	for {
		n, err := in.Read(buffer)
		if n > 0 {
			if _, err := stdin.Write(buffer[:n]); err != nil {
				_, _ = io.Copy(io.Discard, in)
				return
			}
		}
		if err != nil {
			break
		}
	}
	if h.process.StdinOnce && !h.process.TTY {
		stdin.Close()
	}
}
