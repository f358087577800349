package mux

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"berth/agent/contract"
)

// Stream is one op. Read and Write may be used by one goroutine each.
type Stream struct {
	conn *Conn
	id   uint32
	// Request is the payload of the OPEN frame.
	Request []byte

	done     chan struct{}
	doneOnce sync.Once

	mu      sync.Mutex
	changed *sync.Cond
	queue   [][]byte
	queued  int
	// batch is how many bytes Read waits for when the queue has run empty; batching tells that it waits for them.
	batch     int
	batching  bool
	ungranted int
	ended     bool
	discard   bool
	credit    int
	err       error
	reply     []byte
	replied   bool
	closed    bool
}

func newStream(c *Conn, id uint32, request []byte) *Stream {
	s := &Stream{conn: c, id: id, Request: request, batch: 1, credit: Window, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// Done is closed when the stream was reset, its connection ended, or its op is done.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Bulk makes Read wait until a quarter of the window is there, or the END: for files, where each wake-up of a sandbox's
// thread costs more than the bytes of one frame.
func (s *Stream) Bulk() *Stream {
	s.mu.Lock()
	s.batch = Window / 4
	s.batching = true
	s.mu.Unlock()
	return s
}

// Read gives the DATA of the other side; io.EOF after its END.
func (s *Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	s.batching = s.batching || len(s.queue) == 0
	for s.batching && !s.full() && !s.ended && s.err == nil {
		s.changed.Wait()
	}
	s.batching = false
	if s.err != nil {
		s.mu.Unlock()
		return 0, s.err
	}
	if len(s.queue) == 0 {
		s.mu.Unlock()
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && len(s.queue) > 0 {
		taken := copy(p[n:], s.queue[0])
		n += taken
		if taken < len(s.queue[0]) {
			s.queue[0] = s.queue[0][taken:]
			break
		}
		s.queue[0] = nil
		s.queue = s.queue[1:]
	}
	s.queued -= n
	grant := s.take(n)
	s.mu.Unlock()
	s.grant(grant)
	return n, nil
}

// Write sends DATA and waits for credit where there is none.
func (s *Stream) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		s.mu.Lock()
		for s.credit <= 0 && s.err == nil {
			s.changed.Wait()
		}
		if s.err != nil {
			s.mu.Unlock()
			return written, s.err
		}
		n := len(p) - written
		if n > s.credit {
			n = s.credit
		}
		if n > MaxData {
			n = MaxData
		}
		s.credit -= n
		s.mu.Unlock()
		if err := s.conn.write(s.id, typeData, p[written:written+n]); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// CloseWrite sends END, once.
func (s *Stream) CloseWrite() error {
	s.mu.Lock()
	closed := s.closed || s.err != nil
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	return s.conn.write(s.id, typeEnd, nil)
}

// Reply answers the request; a second answer is refused.
func (s *Stream) Reply(ok any) error {
	return s.answer(map[string]any{"ok": ok})
}

// Replied tells whether the request was answered.
func (s *Stream) Replied() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replied
}

// Fail ends a stream that the other side opened with an error: an error REPLY, or RESET where the reply was sent before.
func (s *Stream) Fail(err error) {
	if s.Replied() {
		s.Reset(err)
		return
	}
	_ = s.answer(map[string]any{"error": contract.AsError(err)})
	s.conn.forget(s.id)
	s.fail(err)
}

// Reset ends both directions abnormally.
func (s *Stream) Reset(err error) {
	message, _ := json.Marshal(map[string]string{"message": err.Error()})
	s.conn.forget(s.id)
	_ = s.conn.write(s.id, typeReset, message)
	s.fail(err)
}

// Finish is called when the op is done: in and out say which directions it has. What still comes in is thrown away, so
// that the other side can end it in its own time.
func (s *Stream) Finish(in, out bool) {
	if out {
		_ = s.CloseWrite()
	}
	s.doneOnce.Do(func() { close(s.done) })
	s.mu.Lock()
	over := !in || s.ended || s.err != nil
	s.discard = true
	s.queue = nil
	grant := s.ungranted + s.queued
	s.ungranted, s.queued = 0, 0
	s.mu.Unlock()
	if over {
		s.conn.forget(s.id)
		return
	}
	s.grant(grant)
}

func (s *Stream) answer(message any) error {
	s.mu.Lock()
	if s.replied {
		s.mu.Unlock()
		return errors.New("a second reply")
	}
	s.replied = true
	s.mu.Unlock()
	payload, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.conn.write(s.id, typeReply, payload)
}

// Await waits for the other side's reply to a stream that this side opened.
func (s *Stream) Await(reply any) error {
	s.mu.Lock()
	for s.reply == nil && s.err == nil {
		s.changed.Wait()
	}
	answer, err := s.reply, s.err
	s.mu.Unlock()
	if answer == nil {
		return err
	}
	var message struct {
		OK    json.RawMessage `json:"ok"`
		Error *contract.Error `json:"error"`
	}
	if err := json.Unmarshal(answer, &message); err != nil {
		return err
	}
	if message.Error != nil {
		return message.Error
	}
	return contract.Decode(message.OK, reply)
}

func (s *Stream) full() bool { return s.queued >= s.batch }

// take counts consumed bytes and returns how many to grant now: a quarter of the window at a time saves frames.
func (s *Stream) take(n int) int {
	s.ungranted += n
	if s.ungranted < Window/4 || s.ended {
		return 0
	}
	grant := s.ungranted
	s.ungranted = 0
	return grant
}

func (s *Stream) grant(n int) {
	if n > 0 {
		_ = s.conn.write(s.id, typeWindow, binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
}

func (s *Stream) receiveData(payload []byte) {
	s.mu.Lock()
	if s.discard {
		grant := s.take(len(payload))
		s.mu.Unlock()
		// The connection's reader must never wait for its writer: both sides could wait for each other.
		if grant > 0 {
			go s.grant(grant)
		}
		return
	}
	s.queued += len(payload)
	overrun := s.queued > Window
	if len(payload) > 0 && !overrun {
		s.queue = append(s.queue, payload)
		if s.full() {
			s.changed.Broadcast()
		}
	}
	s.mu.Unlock()
	if overrun {
		s.conn.forget(s.id)
		s.fail(errors.New("more bytes than the window allows"))
	}
}

func (s *Stream) receiveEnd() {
	s.mu.Lock()
	s.ended = true
	s.changed.Broadcast()
	over := s.discard
	s.mu.Unlock()
	if over {
		s.conn.forget(s.id)
	}
}

func (s *Stream) receiveWindow(n int) {
	s.mu.Lock()
	s.credit += n
	s.changed.Broadcast()
	s.mu.Unlock()
}

func (s *Stream) receiveReply(payload []byte) {
	s.mu.Lock()
	s.reply = payload
	s.changed.Broadcast()
	s.mu.Unlock()
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
		s.changed.Broadcast()
	}
	s.mu.Unlock()
	s.doneOnce.Do(func() { close(s.done) })
}
