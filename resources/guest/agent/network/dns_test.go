package network

import (
	"net"
	"os"
	"testing"
	"time"

	"berth/agent/contract"
	"berth/agent/netlink"
	"berth/agent/sandbox"
)

func TestDNSInsideIsOnPort53AndLeavesItFree(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	query := append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x05berth\x00\x00\x01\x00\x01"...)
	var asked contract.DNSRequest
	resolve := func(from contract.DNSRequest, message []byte) ([]byte, error) {
		asked = from
		return message, nil
	}
	namespace, err := sandbox.Network(func(*os.File) error {
		inner, err := netlink.Open()
		if err != nil {
			return err
		}
		defer inner.Close()
		if err := inner.Do(netlink.Up(1)); err != nil {
			return err
		}
		server, err := listenInside("a", resolve)
		if err != nil {
			return err
		}
		defer server.Close()
		own, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 53})
		if err != nil {
			return err
		}
		defer own.Close()
		conn, err := net.Dial("udp", "127.0.0.11:53")
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Write(query); err != nil {
			return err
		}
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		if err == nil && string(answer[:n]) != string(query) {
			t.Errorf("answer: %q", answer[:n])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	namespace.Close()
	if asked.Container != "a" || asked.Transport != "udp" {
		t.Errorf("asked as %+v", asked)
	}
}

func TestRememberedAnswersHaveTheQuerysId(t *testing.T) {
	question := "\x05berth\x00\x00\x01\x00\x01"
	header := func(id byte) []byte { return []byte{0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} }
	var m memory
	m.keep(append(header(1), question...), append(header(1), question+"answer"...))
	if got := m.recall(append(header(2), question...)); string(got) != string(header(2))+question+"answer" {
		t.Errorf("recalled %q", got)
	}
	if got := m.recall(append(header(2), "\x05other\x00\x00\x01\x00\x01"...)); got != nil {
		t.Errorf("recalled %q for what was never asked", got)
	}
}
