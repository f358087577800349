package server

import (
	"encoding/json"
	"sync"

	"berth/agent/contract"
	"berth/agent/mux"
)

// events hands events on to all that listen, in order, without making anybody wait.
type events struct {
	mu        sync.Mutex
	listeners map[*listener]bool
}

type listener struct {
	queue [][]byte
	ready chan struct{}
}

// Emit tells all listeners of an event.
func (s *Server) Emit(event contract.Event) {
	line, err := json.Marshal(event)
	if err != nil {
		return
	}
	line = append(line, '\n')
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	for l := range s.events.listeners {
		l.queue = append(l.queue, line)
		select {
		case l.ready <- struct{}{}:
		default:
		}
	}
}

func (s *Server) listen(stream *mux.Stream) error {
	l := &listener{ready: make(chan struct{}, 1)}
	s.events.mu.Lock()
	if s.events.listeners == nil {
		s.events.listeners = map[*listener]bool{}
	}
	s.events.listeners[l] = true
	s.events.mu.Unlock()
	defer func() {
		s.events.mu.Lock()
		delete(s.events.listeners, l)
		s.events.mu.Unlock()
	}()
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	for {
		select {
		case <-stream.Done():
			return nil
		case <-l.ready:
		}
		s.events.mu.Lock()
		lines := l.queue
		l.queue = nil
		s.events.mu.Unlock()
		for _, line := range lines {
			if _, err := stream.Write(line); err != nil {
				return err
			}
		}
	}
}
