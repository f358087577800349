package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"

	"berth/agent/contract"
	"berth/agent/netlink"
)

// dnsServer answers DNS (RFC 1035), UDP and TCP: on a bridge's gateway, or inside a container's network namespace.
type dnsServer struct {
	// from says who asks.
	from    contract.DNSRequest
	resolve Resolver
	udp     *net.UDPConn
	tcp     net.Listener
	slots   chan struct{}
	memory  memory
}

// maxQueries bounds the queries that are answered at the same time.
const maxQueries = 256

// embedded is where containers ask, as with dockerd.
var embedded = net.IPv4(127, 0, 0, 11)

// listenOnGateway answers those on a bridge that have the gateway for a nameserver.
func listenOnGateway(bridge string, gateway net.IP, resolve Resolver) (*dnsServer, error) {
	s, err := listen(gateway, 53, resolve, contract.DNSRequest{Bridge: bridge})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, contract.Errorf(contract.Unavailable, "another program answers DNS on %s:53 (%v): stop it or have it listen on other addresses", gateway, err)
	}
	return s, err
}

// listenInside answers in the current thread's network namespace. Its ports are others than 53, and packets to 53 are
// sent there, so that the container itself may listen on 0.0.0.0:53. The sockets keep the namespace alive.
func listenInside(container string, resolve Resolver) (*dnsServer, error) {
	s, err := listen(embedded, 0, resolve, contract.DNSRequest{Container: container})
	if err != nil {
		return nil, err
	}
	if err := redirectDNS(s.udp.LocalAddr().(*net.UDPAddr).Port, s.tcp.Addr().(*net.TCPAddr).Port); err != nil {
		s.Close()
		return nil, fmt.Errorf("redirecting DNS: %w", err)
	}
	return s, nil
}

// redirectDNS goes by way of iptables where the kernel has no nf_tables.
func redirectDNS(udp, tcp int) error {
	err := netlink.RedirectDNS(embedded, udp, tcp)
	iptables, lookErr := exec.LookPath("iptables")
	if err == nil || lookErr != nil {
		return err
	}
	for protocol, port := range map[string]int{"udp": udp, "tcp": tcp} {
		err := run(iptables, "", "-w", "-t", "nat", "-A", "OUTPUT", "-d", embedded.String(), "-p", protocol, "--dport", "53",
			"-j", "DNAT", "--to-destination", fmt.Sprintf("%s:%d", embedded, port))
		if err != nil {
			return err
		}
	}
	return nil
}

func listen(address net.IP, port int, resolve Resolver, from contract.DNSRequest) (*dnsServer, error) {
	s := &dnsServer{from: from, resolve: resolve, slots: make(chan struct{}, maxQueries)}
	var err error
	if s.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: address, Port: port}); err != nil {
		return nil, err
	}
	if s.tcp, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: address, Port: port}); err != nil {
		s.udp.Close()
		return nil, err
	}
	go s.serveUDP()
	go s.serveTCP()
	return s, nil
}

// Close may be called on nil.
func (s *dnsServer) Close() {
	if s != nil {
		s.udp.Close()
		s.tcp.Close()
	}
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
			if answer := s.answer(query[:n], client.IP, "udp"); answer != nil {
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
		answer := s.answer(query, conn.RemoteAddr().(*net.TCPAddr).IP, "tcp")
		if answer == nil || len(answer) > 65535 {
			return
		}
		_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		if err != nil {
			return
		}
	}
}

// answer asks the engine; without one it is the answer of the last time, or SERVFAIL. What is no query gets none.
func (s *dnsServer) answer(query []byte, client net.IP, transport string) []byte {
	if len(query) < headerLength || query[2]&bitResponse != 0 {
		return nil
	}
	request := s.from
	request.Client, request.Transport = client.String(), transport
	answer, err := s.resolve(request, query)
	if err == nil && len(answer) >= headerLength {
		s.memory.keep(query, answer)
		return answer
	}
	if remembered := s.memory.recall(query); remembered != nil {
		return remembered
	}
	failure := withoutRecords(query)
	failure[3] = failure[3]&0xf0 | rcodeFailure
	return failure
}
