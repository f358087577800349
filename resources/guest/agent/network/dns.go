package network

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"

	"berth/agent/contract"
)

// dnsServer answers DNS (RFC 1035) on a bridge's gateway, UDP and TCP.
type dnsServer struct {
	bridge  string
	resolve Resolver
	udp     *net.UDPConn
	tcp     net.Listener
	slots   chan struct{}
}

// maxQueries bounds the queries that are answered at the same time.
const maxQueries = 256

func listenDNS(bridge string, gateway net.IP, resolve Resolver) (*dnsServer, error) {
	s := &dnsServer{bridge: bridge, resolve: resolve, slots: make(chan struct{}, maxQueries)}
	var err error
	if s.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: gateway, Port: 53}); err == nil {
		if s.tcp, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: gateway, Port: 53}); err != nil {
			s.udp.Close()
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, contract.Errorf(contract.Unavailable, "another program answers DNS on %s:53 (%v): stop it or have it listen on other addresses", gateway, err)
	}
	if err != nil {
		return nil, err
	}
	go s.serveUDP()
	go s.serveTCP()
	return s, nil
}

func (s *dnsServer) Close() {
	s.udp.Close()
	s.tcp.Close()
}

func (s *dnsServer) serveUDP() {
	for {
		query := make([]byte, 4096)
		n, client, err := s.udp.ReadFromUDP(query)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.slots <- struct{}{}
		go func() {
			defer func() { <-s.slots }()
			if answer := s.answer(query[:n], client.IP); answer != nil {
				_, _ = s.udp.WriteToUDP(fit(answer, udpLimit(query[:n])), client)
			}
		}()
	}
}

func (s *dnsServer) serveTCP() {
	for {
		conn, err := s.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.slots <- struct{}{}
		go func() {
			defer func() { <-s.slots }()
			defer conn.Close()
			s.converse(conn)
		}()
	}
}

// converse answers the queries of one TCP connection, each with its length before it.
func (s *dnsServer) converse(conn net.Conn) {
	var length [2]byte
	for {
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := s.answer(query, conn.RemoteAddr().(*net.TCPAddr).IP)
		if answer == nil || len(answer) > 65535 {
			return
		}
		_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		if err != nil {
			return
		}
	}
}

const (
	headerLength = 12
	bitResponse  = 0x80
	bitTruncated = 0x02
	rcodeFailure = 2
	typeOPT      = 41
	plainUDP     = 512
)

// answer asks the engine; without an answer from there it is SERVFAIL. What is no query gets none.
func (s *dnsServer) answer(query []byte, client net.IP) []byte {
	if len(query) < headerLength || query[2]&bitResponse != 0 {
		return nil
	}
	answer, err := s.resolve(s.bridge, client.String(), query)
	if err == nil && len(answer) >= headerLength {
		return answer
	}
	failure := withoutRecords(query)
	failure[3] = failure[3]&0xf0 | rcodeFailure
	return failure
}

// withoutRecords makes a response of a message's header and question.
func withoutRecords(message []byte) []byte {
	end := questionEnd(message)
	short := append([]byte(nil), message[:end]...)
	short[2] |= bitResponse
	if end == headerLength {
		short[4], short[5] = 0, 0
	}
	for i := 6; i < headerLength; i++ {
		short[i] = 0
	}
	return short
}

// questionEnd is where the one question of a message ends; the header's end when it has none that can be read.
func questionEnd(message []byte) int {
	if binary.BigEndian.Uint16(message[4:]) != 1 {
		return headerLength
	}
	at := headerLength
	for at < len(message) && message[at] != 0 {
		if message[at] >= 0xc0 {
			return headerLength
		}
		at += int(message[at]) + 1
	}
	if at+5 > len(message) {
		return headerLength
	}
	return at + 5
}

// udpLimit is the longest answer that the asker takes over UDP: what its OPT record (RFC 6891) says, or 512 bytes. In a
// query that record is the first after the question.
func udpLimit(query []byte) int {
	at := questionEnd(query)
	if binary.BigEndian.Uint16(query[10:]) == 0 || at+11 > len(query) || query[at] != 0 || binary.BigEndian.Uint16(query[at+1:]) != typeOPT {
		return plainUDP
	}
	if limit := int(binary.BigEndian.Uint16(query[at+3:])); limit > plainUDP {
		return limit
	}
	return plainUDP
}

// fit cuts an answer that is too long for UDP to its question and marks it truncated, so that the asker turns to TCP.
func fit(answer []byte, limit int) []byte {
	if len(answer) <= limit {
		return answer
	}
	short := withoutRecords(answer)
	short[2] |= bitTruncated
	return short
}
