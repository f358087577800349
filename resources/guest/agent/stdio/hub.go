// Package stdio carries the bytes between a process, its log and the clients attached to it.
package stdio

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"berth/agent/logs"
)

// maxQueue bounds, in bytes, what is kept for a client that reads slower than the process writes.
const maxQueue = 8 << 20

const readSize = 64 << 10

// Process is the agent's end of a process's stdio. Nil files are not there; with a terminal Stdout is its master and
// Stdin the same file.
type Process struct {
	Stdin, Stdout, Stderr *os.File
	TTY                   bool
	// StdinOnce closes stdin when the first attached client's input ends.
	StdinOnce bool
	// Log may be nil.
	Log *logs.Writer
}

// Hub hands the output of one run of a process to its log and to all clients. Clients may attach before the run.
type Hub struct {
	started chan struct{}

	mu       sync.Mutex
	changed  *sync.Cond
	process  Process
	clients  map[*Client]bool
	draining bool
	finished bool
	readers  sync.WaitGroup
}

// NewHub waits for Start.
func NewHub() *Hub {
	h := &Hub{started: make(chan struct{}), clients: map[*Client]bool{}}
	h.changed = sync.NewCond(&h.mu)
	return h
}

// Start begins to read the process's output.
func (h *Hub) Start(process Process) {
	h.mu.Lock()
	h.process = process
	h.mu.Unlock()
	for stream, file := range map[logs.Stream]*os.File{logs.Stdout: process.Stdout, logs.Stderr: process.Stderr} {
		if file != nil {
			h.readers.Add(1)
			go h.read(file, stream)
		}
	}
	close(h.started)
}

func (h *Hub) read(file *os.File, stream logs.Stream) {
	defer h.readers.Done()
	buffer := make([]byte, readSize)
	for {
		// A terminal's master fails with EIO once the last process has closed it.
		n, err := file.Read(buffer)
		if n > 0 {
			h.deliver(stream, buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (h *Hub) deliver(stream logs.Stream, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process.Log != nil {
		// A log that can't be written (a full disk) must not stop the process or its clients.
		_ = h.process.Log.Write(stream, data, time.Now())
	}
	for client := range h.clients {
		if stream == logs.Stdout && !client.stdout || stream == logs.Stderr && !client.stderr {
			continue
		}
		for len(client.queue) >= maxQueue && h.clients[client] && !h.draining {
			h.changed.Wait()
		}
		if !h.clients[client] {
			continue
		}
		if !h.process.TTY {
			client.queue = append(client.queue, byte(stream), 0, 0, 0)
			client.queue = binary.BigEndian.AppendUint32(client.queue, uint32(len(data)))
		}
		client.queue = append(client.queue, data...)
	}
	h.changed.Broadcast()
}

// Drain is called when the process has exited: it reads what is left of its output, for at most 'limit' where others keep
// it open, and completes the log. What it has read is in the log and with the clients when it returns.
func (h *Hub) Drain(limit time.Duration) {
	h.mu.Lock()
	h.draining = true
	h.changed.Broadcast()
	files := []*os.File{h.process.Stdin, h.process.Stdout, h.process.Stderr}
	h.mu.Unlock()
	read := make(chan struct{})
	go func() {
		h.readers.Wait()
		close(read)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	}
	for _, file := range files {
		if file != nil {
			file.Close()
		}
	}
	<-read
	if h.process.Log != nil {
		_ = h.process.Log.Close()
	}
}

// Finish lets the clients come to their end once they have taken what is queued.
func (h *Hub) Finish() {
	h.mu.Lock()
	h.finished = true
	h.changed.Broadcast()
	h.mu.Unlock()
}

// Terminal is the terminal's master, nil where there is none.
func (h *Hub) Terminal() *os.File {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.process.TTY {
		return nil
	}
	return h.process.Stdout
}

// Log is the run's log; nil before Start, after the run, and where none is kept.
func (h *Hub) Log() *logs.Writer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.process.Log
}

// WaitFinished waits for Finish.
func (h *Hub) WaitFinished() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.finished {
		h.changed.Wait()
	}
}
