// Package mux carries many streams on one byte stream: the "framing" part of contract.json.
package mux

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Frame types, the window in bytes and the longest DATA payload, as in contract.json.
const (
	typeOpen   = 0
	typeReply  = 1
	typeData   = 2
	typeEnd    = 3
	typeReset  = 4
	typeWindow = 5

	Window  = 1 << 20
	MaxData = 1 << 16

	maxPayload   = 1<<24 - 1
	headerLength = 8
)

// ErrClosed is what streams fail with when their connection has ended.
var ErrClosed = errors.New("the connection was lost")

// The first ids of streams that each side opens; ids grow by two.
const (
	Engine uint32 = 1
	Agent  uint32 = 2
)

// Conn is one side of a connection.
type Conn struct {
	transport io.ReadWriteCloser

	writing sync.Mutex
	frame   []byte

	mu      sync.Mutex
	streams map[uint32]*Stream
	nextID  uint32
	err     error
}

// New wraps a transport; nothing is read before Serve.
func New(transport io.ReadWriteCloser, side uint32) *Conn {
	return &Conn{transport: transport, streams: map[uint32]*Stream{}, nextID: side, frame: make([]byte, headerLength+MaxData)}
}

// Serve reads frames until the transport ends and calls accept on a goroutine of its own for each stream that the other
// side opens. It closes the transport, fails all streams and returns why it ended; io.EOF is a clean end.
func (c *Conn) Serve(accept func(*Stream)) error {
	err := c.read(accept)
	c.transport.Close()
	c.mu.Lock()
	streams := c.streams
	c.streams = map[uint32]*Stream{}
	c.err = ErrClosed
	c.mu.Unlock()
	for _, s := range streams {
		s.fail(ErrClosed)
	}
	return err
}

// Close ends the connection; Serve returns.
func (c *Conn) Close() { c.transport.Close() }

// Open opens a stream with a request, which holds the op's name.
func (c *Conn) Open(request any) (*Stream, error) {
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	s := newStream(c, c.nextID, nil)
	c.nextID += 2
	c.streams[s.id] = s
	c.mu.Unlock()
	if err := c.write(s.id, typeOpen, payload); err != nil {
		c.forget(s.id)
		return nil, err
	}
	return s, nil
}

// Call opens a stream for an op without data and waits for the reply.
func (c *Conn) Call(request, reply any) error {
	s, err := c.Open(request)
	if err != nil {
		return err
	}
	defer c.forget(s.id)
	return s.Await(reply)
}

func (c *Conn) forget(id uint32) {
	c.mu.Lock()
	delete(c.streams, id)
	c.mu.Unlock()
}

func (c *Conn) read(accept func(*Stream)) error {
	in := bufio.NewReaderSize(c.transport, 2*MaxData)
	var header [headerLength]byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return err
		}
		id := binary.BigEndian.Uint32(header[:])
		length := int(binary.BigEndian.Uint32(header[4:]) & maxPayload)
		if header[4] == typeData && length > MaxData {
			return fmt.Errorf("a DATA frame of %d bytes", length)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(in, payload); err != nil {
			return err
		}
		c.mu.Lock()
		s := c.streams[id]
		if header[4] == typeOpen && s == nil {
			s = newStream(c, id, payload)
			c.streams[id] = s
			go accept(s)
		}
		c.mu.Unlock()
		if s == nil {
			continue
		}
		switch header[4] {
		case typeReply:
			s.receiveReply(payload)
		case typeData:
			s.receiveData(payload)
		case typeEnd:
			s.receiveEnd()
		case typeReset:
			var reset struct{ Message string }
			_ = json.Unmarshal(payload, &reset)
			c.forget(id)
			s.fail(fmt.Errorf("the stream was reset: %s", reset.Message))
		case typeWindow:
			if length == 4 {
				s.receiveWindow(int(binary.BigEndian.Uint32(payload)))
			}
		}
	}
}

// write sends one frame whole; frames of several goroutines never mix.
func (c *Conn) write(id uint32, kind byte, payload []byte) error {
	if len(payload) > maxPayload {
		return fmt.Errorf("a frame of %d bytes is too long", len(payload))
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	frame := c.frame
	if headerLength+len(payload) > len(frame) {
		frame = make([]byte, headerLength+len(payload))
	}
	binary.BigEndian.PutUint32(frame, id)
	binary.BigEndian.PutUint32(frame[4:], uint32(len(payload)))
	frame[4] = kind
	n := headerLength + copy(frame[headerLength:], payload)
	if _, err := c.transport.Write(frame[:n]); err != nil {
		c.transport.Close()
		return ErrClosed
	}
	return nil
}
