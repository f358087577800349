package server

import (
	"io"
	"net"
	"time"

	"berth/agent/contract"
	"berth/agent/mux"
	"berth/agent/tree"
)

const dialTimeout = 10 * time.Second

// dial connects to an address from the guest and carries bytes both ways; each way ends on its own.
func dial(request *contract.Dial, stream *mux.Stream) error {
	if request.Network != "tcp" {
		return contract.Errorf(contract.Unsupported, "dial knows tcp only, not %q", request.Network)
	}
	conn, err := net.DialTimeout("tcp", request.Address, dialTimeout)
	if err != nil {
		return contract.Errorf(contract.Unavailable, "%v", err)
	}
	tcp := conn.(*net.TCPConn)
	defer tcp.Close()
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := tree.Copy(tcp, stream); err != nil && err != io.EOF {
			tcp.Close() // reset or lost: the other direction is of no use any more
			return
		}
		_ = tcp.CloseWrite()
	}()
	if _, err := tree.Copy(stream, tcp); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	<-sent
	return nil
}
