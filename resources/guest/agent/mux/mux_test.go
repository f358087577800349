package mux

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"berth/agent/contract"
)

type empty struct{}

// pair connects an engine's side to an agent's that accepts with the function.
func pair(t *testing.T, accept func(*Stream)) *Conn {
	t.Helper()
	left, right := net.Pipe()
	engine, agent := New(left, Engine), New(right, Agent)
	go func() { _ = agent.Serve(accept) }()
	go func() { _ = engine.Serve(func(*Stream) {}) }()
	t.Cleanup(engine.Close)
	return engine
}

func open(t *testing.T, c *Conn, op string) *Stream {
	t.Helper()
	s, err := c.Open(map[string]string{"op": op})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEcho(t *testing.T) {
	engine := pair(t, func(s *Stream) {
		_ = s.Reply(empty{})
		_, _ = io.Copy(s, s)
		s.Finish(true, true)
	})
	s := open(t, engine, "echo")
	sent := bytes.Repeat([]byte("0123456789"), 1_000_000)
	go func() {
		_, _ = s.Write(sent)
		_ = s.CloseWrite()
	}()
	if err := s.Await(&empty{}); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back, %v", len(got), err)
	}
}

func TestSlowReaderHoldsUpNobodyElse(t *testing.T) {
	stuck := make(chan int, 1)
	engine := pair(t, func(s *Stream) {
		_ = s.Reply(empty{})
		var opened struct{ Op string }
		_ = json.Unmarshal(s.Request, &opened)
		if opened.Op == "slow" {
			written := 0
			go func() { <-s.Done(); stuck <- written }()
			for {
				n, err := s.Write(make([]byte, MaxData))
				if err != nil {
					return
				}
				written += n
			}
		}
		_, _ = s.Write(make([]byte, 8*Window))
		s.Finish(false, true)
	})
	slow := open(t, engine, "slow")
	if err := slow.Await(&empty{}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		got, err := io.ReadAll(open(t, engine, "fast"))
		if err != nil || len(got) != 8*Window {
			t.Fatalf("%d bytes beside a slow stream, %v", len(got), err)
		}
	}
	slow.Reset(errors.New("enough"))
	select {
	case <-stuck:
	case <-time.After(10 * time.Second):
		t.Fatal("the writer did not learn of the reset")
	}
	slow.mu.Lock()
	defer slow.mu.Unlock()
	if slow.queued > Window {
		t.Errorf("%d bytes were queued", slow.queued)
	}
}

func TestErrorsAndResets(t *testing.T) {
	engine := pair(t, func(s *Stream) {
		var opened struct{ Op string }
		_ = json.Unmarshal(s.Request, &opened)
		if opened.Op == "late" {
			_ = s.Reply(empty{})
			_, _ = s.Write([]byte("some"))
		}
		s.Fail(contract.Errorf(contract.Conflict, "it is so"))
	})
	err := engine.Call(map[string]string{"op": "early"}, &empty{})
	if known := contract.AsError(err); known.Kind != contract.Conflict || known.Message != "it is so" {
		t.Errorf("error reply: %v", err)
	}
	late := open(t, engine, "late")
	if err := late.Await(&empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(late); err == nil {
		t.Error("a reset stream ended as if it were whole")
	}
	<-late.Done()
}

func TestInputAfterTheOpIsDoneIsThrownAway(t *testing.T) {
	engine := pair(t, func(s *Stream) {
		_ = s.Reply(empty{})
		s.Finish(true, true)
	})
	s := open(t, engine, "x")
	if err := s.Await(&empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(make([]byte, 5*Window)); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	if err := engine.Call(map[string]string{"op": "y"}, &empty{}); err != nil {
		t.Fatal(err)
	}
}

func TestLostConnectionEndsAll(t *testing.T) {
	engine := pair(t, func(s *Stream) { _ = s.Reply(empty{}); <-s.Done() })
	s := open(t, engine, "x")
	if err := s.Await(&empty{}); err != nil {
		t.Fatal(err)
	}
	engine.Close()
	<-s.Done()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := engine.Open(empty{}); err == nil {
		t.Error("a stream could be opened on a lost connection")
	}
}
