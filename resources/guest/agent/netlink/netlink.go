// Package netlink speaks rtnetlink(7) and nfnetlink: links, addresses, routes and one NAT rule without a process started.
package netlink

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// native is the byte order of all architectures that the agent is built for.
var native = binary.LittleEndian

// Socket talks to the network namespace that it was opened in.
type Socket struct {
	mu       sync.Mutex
	fd       int
	sequence uint32
}

// Open opens a socket for links, addresses and routes in the current thread's network namespace.
func Open() (*Socket, error) { return open(syscall.NETLINK_ROUTE) }

func open(protocol int) (*Socket, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &Socket{fd: fd}, nil
}

// Close closes it.
func (s *Socket) Close() { syscall.Close(s.fd) }

// Message is one request.
type Message struct {
	what  string
	kind  uint16
	flags uint16
	body  []byte
}

// Do sends messages in one go and gives the first error among their answers (a syscall.Errno inside).
func (s *Socket) Do(messages ...*Message) error {
	if len(messages) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var packet []byte
	first := s.sequence + 1
	for _, m := range messages {
		s.sequence++
		packet = appendMessage(packet, m.kind, m.flags|syscall.NLM_F_ACK, s.sequence, m.body)
	}
	if err := syscall.Sendto(s.fd, packet, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	var failure error
	answers := make([]byte, 32<<10)
	for got := 0; got < len(messages); {
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
			if answer.Header.Type != syscall.NLMSG_ERROR || answer.Header.Seq < first {
				continue
			}
			got++
			if code := -int32(native.Uint32(answer.Data)); code != 0 && failure == nil {
				failure = fmt.Errorf("%s: %w", messages[answer.Header.Seq-first].what, syscall.Errno(code))
			}
		}
	}
	return failure
}

func (m *Message) bytes(kind uint16, value []byte) *Message {
	m.body = native.AppendUint16(m.body, uint16(4+len(value)))
	m.body = native.AppendUint16(m.body, kind)
	m.body = append(m.body, value...)
	for len(m.body)%4 != 0 {
		m.body = append(m.body, 0)
	}
	return m
}

func (m *Message) text(kind uint16, value string) *Message {
	return m.bytes(kind, append([]byte(value), 0))
}

// big is a number in network byte order, as nfnetlink has it.
func (m *Message) big(kind uint16, value uint32) *Message {
	return m.bytes(kind, binary.BigEndian.AppendUint32(nil, value))
}

func (m *Message) number(kind uint16, value uint32) *Message {
	return m.bytes(kind, native.AppendUint32(nil, value))
}

func appendMessage(packet []byte, kind, flags uint16, sequence uint32, body []byte) []byte {
	packet = native.AppendUint32(packet, uint32(syscall.NLMSG_HDRLEN+len(body)))
	packet = native.AppendUint16(packet, kind)
	packet = native.AppendUint16(packet, flags|syscall.NLM_F_REQUEST)
	packet = native.AppendUint32(packet, sequence)
	packet = native.AppendUint32(packet, 0)
	return append(packet, body...)
}

// nested puts attributes that f adds into an attribute of their own.
func (m *Message) nested(kind uint16, f func(*Message)) *Message {
	inner := &Message{}
	f(inner)
	const isNested = 0x8000
	return m.bytes(kind|isNested, inner.body)
}

// Index gives the index of an interface in the current thread's network namespace; 0 when it is not there.
func Index(name string) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer syscall.Close(fd)
	var request struct {
		name  [16]byte
		index int32
		_     [20]byte
	}
	copy(request.name[:15], name)
	const siocgifindex = 0x8933
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), siocgifindex, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return 0
	}
	return int(request.index)
}
