// Package server answers the contract's ops on the sessions of an engine.
package server

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"sync"

	"berth/agent/build"
	"berth/agent/container"
	"berth/agent/contract"
	"berth/agent/layer"
	"berth/agent/mux"
	"berth/agent/network"
	"berth/agent/volume"
)

// Server is the agent as engines see it.
type Server struct {
	Root       string
	Version    string
	SetClock   bool
	Layers     *layer.Store
	Volumes    *volume.Store
	Networks   *network.Manager
	Containers *container.Manager
	Builder    *build.Builder
	// Ended is called after a shutdown op was answered.
	Ended func(powerOff bool)

	mu       sync.Mutex
	sessions []*mux.Conn
	events   events
}

// Serve carries one session until its transport ends.
func (s *Server) Serve(transport io.ReadWriteCloser) error {
	conn := mux.New(transport, mux.Agent)
	s.mu.Lock()
	s.sessions = append(s.sessions, conn)
	s.mu.Unlock()
	err := conn.Serve(s.accept)
	s.mu.Lock()
	for i, known := range s.sessions {
		if known == conn {
			s.sessions = append(s.sessions[:i], s.sessions[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	return err
}

func (s *Server) accept(stream *mux.Stream) {
	var opened struct{ Op string }
	if err := json.Unmarshal(stream.Request, &opened); err != nil {
		stream.Fail(contract.Errorf(contract.Invalid, "bad request: %v", err))
		return
	}
	found, ok := ops[opened.Op]
	if !ok {
		stream.Fail(contract.Errorf(contract.Unsupported, "no such operation: %s", opened.Op))
		return
	}
	if err := found.serve(s, stream); err != nil {
		stream.Fail(err)
		return
	}
	stream.Finish(found.in, found.out)
}

// Resolve asks the engine of the newest session for the answer to a DNS message.
func (s *Server) Resolve(request contract.DNSRequest, message []byte) ([]byte, error) {
	s.mu.Lock()
	var conn *mux.Conn
	if len(s.sessions) > 0 {
		conn = s.sessions[len(s.sessions)-1]
	}
	s.mu.Unlock()
	if conn == nil {
		return nil, contract.Errorf(contract.Unavailable, "no engine is connected")
	}
	request.Op, request.Message = contract.Op{Op: "dns"}, base64.StdEncoding.EncodeToString(message)
	var reply contract.DNSReply
	if err := conn.Call(request, &reply); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(reply.Message)
}
