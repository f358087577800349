package netlink

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"
)

// Numbers of linux/netfilter/nf_tables.h and nfnetlink.h that package syscall lacks.
const (
	netlinkNetfilter = 12
	subsystemTables  = 10
	batchBegin       = 0x10
	batchEnd         = 0x11
	newTable         = subsystemTables << 8
	newChain         = subsystemTables<<8 | 3
	newRule          = subsystemTables<<8 | 6

	hookOutput     = 3
	priorityDstNat = 0xffffff9c // -100
	registerOne    = 1
	registerTwo    = 2
	metaL4Proto    = 16
	networkHeader  = 1
	transport      = 2
	natDestination = 1
)

// RedirectDNS makes the current network namespace's own packets to port 53 of an IPv4 address go to other ports of that
// address. An errno inside the error tells where the kernel has no nf_tables.
func RedirectDNS(address net.IP, udpPort, tcpPort int) error {
	socket, err := open(netlinkNetfilter)
	if err != nil {
		return err
	}
	defer socket.Close()
	return socket.batch(
		table(newTable, "table").text(1, dnsTable),
		table(newChain, "chain").text(1, dnsTable).text(3, dnsChain).
			nested(4, func(hook *Message) { hook.big(1, hookOutput).big(2, priorityDstNat) }).
			text(7, "nat"),
		redirectRule(address, syscall.IPPROTO_UDP, udpPort),
		redirectRule(address, syscall.IPPROTO_TCP, tcpPort),
	)
}

const (
	dnsTable = "berth-dns"
	dnsChain = "output"
)

// table begins a message with struct nfgenmsg of the ip family.
func table(kind uint16, what string) *Message {
	return &Message{what: "adding the DNS " + what, kind: kind, flags: syscall.NLM_F_CREATE | syscall.NLM_F_APPEND, body: []byte{syscall.AF_INET, 0, 0, 0}}
}

// redirectRule is: ip daddr ADDRESS PROTOCOL dport 53 dnat to ADDRESS:port
func redirectRule(address net.IP, protocol byte, port int) *Message {
	return table(newRule, "rule").text(1, dnsTable).text(2, dnsChain).nested(4, func(list *Message) {
		expression := func(name string, data func(*Message)) {
			list.nested(1, func(element *Message) { element.text(1, name).nested(2, data) })
		}
		equals := func(value []byte) {
			expression("cmp", func(m *Message) {
				m.big(1, registerOne).big(2, 0).nested(3, func(data *Message) { data.bytes(1, value) })
			})
		}
		load := func(base, offset, length uint32) {
			expression("payload", func(m *Message) { m.big(1, registerOne).big(2, base).big(3, offset).big(4, length) })
		}
		set := func(register uint32, value []byte) {
			expression("immediate", func(m *Message) {
				m.big(1, register).nested(2, func(data *Message) { data.bytes(1, value) })
			})
		}
		load(networkHeader, 16, 4)
		equals(address.To4())
		expression("meta", func(m *Message) { m.big(1, registerOne).big(2, metaL4Proto) })
		equals([]byte{protocol})
		load(transport, 2, 2)
		equals([]byte{0, 53})
		set(registerOne, address.To4())
		set(registerTwo, binary.BigEndian.AppendUint16(nil, uint16(port)))
		expression("nat", func(m *Message) {
			m.big(1, natDestination).big(2, syscall.AF_INET).big(3, registerOne).big(5, registerTwo)
		})
	})
}

// batch sends messages that take effect together or not at all, and waits for the word on them.
func (s *Socket) batch(messages ...*Message) error {
	// The first word of a batch's frame names the subsystem.
	frame := []byte{syscall.AF_UNSPEC, 0, 0, subsystemTables}
	packet := appendMessage(nil, batchBegin, 0, 0, frame)
	for i, m := range messages {
		flags := m.flags
		if i == len(messages)-1 {
			flags |= syscall.NLM_F_ACK
		}
		packet = appendMessage(packet, m.kind, flags, uint32(1+i), m.body)
	}
	packet = appendMessage(packet, batchEnd, 0, 0, frame)
	if err := syscall.Sendto(s.fd, packet, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	answers := make([]byte, 32<<10)
	for {
		n, _, err := syscall.Recvfrom(s.fd, answers, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		parsed, err := syscall.ParseNetlinkMessage(answers[:n])
		if err != nil {
			return err
		}
		for _, answer := range parsed {
			if answer.Header.Type != syscall.NLMSG_ERROR {
				continue
			}
			code, about := -int32(native.Uint32(answer.Data)), int(answer.Header.Seq)
			if code != 0 {
				what := "a batch of packet rules"
				if about > 0 && about <= len(messages) {
					what = messages[about-1].what
				}
				return fmt.Errorf("%s: %w", what, syscall.Errno(code))
			}
			if about == len(messages) {
				return nil
			}
		}
	}
}
