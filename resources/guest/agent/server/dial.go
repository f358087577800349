package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"berth/agent/contract"
	"berth/agent/mux"
	"berth/agent/tree"
)

const dialTimeout = 10 * time.Second

// dial connects to an address from the guest and carries bytes, or datagrams, both ways.
func dial(request *contract.Dial, stream *mux.Stream) error {
	if request.Network != "tcp" && request.Network != "udp" {
		return contract.Errorf(contract.Unsupported, "dial knows tcp and udp, not %q", request.Network)
	}
	conn, err := net.DialTimeout(request.Network, request.Address, dialTimeout)
	if err != nil {
		return contract.Errorf(contract.Unavailable, "%v", err)
	}
	defer conn.Close()
	if err := stream.Reply(contract.Empty{}); err != nil {
		return err
	}
	if request.Network == "udp" {
		return carryDatagrams(conn, stream)
	}
	return carryBytes(conn.(*net.TCPConn), stream)
}

// carryBytes lets each way end on its own.
func carryBytes(tcp *net.TCPConn, stream *mux.Stream) error {
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

const maxDatagram = 65535

// carryDatagrams puts each datagram's length before it, and ends when the stream does.
func carryDatagrams(udp net.Conn, stream *mux.Stream) error {
	go func() {
		frame := make([]byte, 2+maxDatagram)
		for {
			n, err := udp.Read(frame[2:])
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // nobody listens there yet
			}
			if err != nil {
				return
			}
			binary.BigEndian.PutUint16(frame, uint16(n))
			if _, err := stream.Write(frame[:2+n]); err != nil {
				return
			}
		}
	}()
	in := bufio.NewReader(stream)
	datagram := make([]byte, maxDatagram)
	for {
		var length [2]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			break
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(in, datagram[:n]); err != nil {
			break
		}
		// One that is lost is lost, as everywhere with UDP.
		_, _ = udp.Write(datagram[:n])
	}
	udp.Close()
	return stream.CloseWrite()
}
