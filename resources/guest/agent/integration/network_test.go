package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"berth/agent/contract"
)

const bridge = "berth-agenttst"

func ensureBridge(a *agent, change func(*contract.NetworkEnsure)) {
	a.t.Helper()
	request := contract.NetworkEnsure{Bridge: bridge, Addresses: []string{"10.213.77.1/24"}, MTU: 1500, Masquerade: true, ICC: true, DNS: true}
	if change != nil {
		change(&request)
	}
	a.must("network.ensure", request, &contract.Empty{})
}

func removeBridge(a *agent) {
	a.t.Helper()
	a.must("network.remove", contract.NetworkRemove{Bridge: bridge}, &contract.Empty{})
	if out, err := exec.Command("ip", "link", "show", bridge).CombinedOutput(); err == nil {
		a.t.Errorf("the bridge is still there: %s", out)
	}
	if out, err := exec.Command("nft", "list", "table", "ip", bridge).CombinedOutput(); err == nil {
		a.t.Errorf("the table is still there: %s", out)
	}
}

func onBridge(r *contract.ContainerStart, host int) *contract.ContainerStart {
	r.Network = contract.Network{Mode: "bridge", Endpoints: []contract.Endpoint{{
		Name: "eth0", Bridge: bridge, HostName: fmt.Sprintf("vethagt%d", host), MAC: fmt.Sprintf("02:42:0a:d5:4d:%02x", host),
		Addresses: []string{fmt.Sprintf("10.213.77.%d/24", host)}, Gateways: []string{"10.213.77.1"}, MTU: 1500,
	}}}
	return r
}

func TestBridge(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	ensureBridge(a, nil)
	defer removeBridge(a)
	a.start(onBridge(sh("server", "mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www"), 2))
	a.waitFor("server", "its port", func() bool {
		return a.open("dial", contract.Dial{Network: "tcp", Address: "10.213.77.2:80"}).Await(&contract.Empty{}) == nil
	})
	// Not wget: the static glibc of Debian's busybox crashes in it where there are no NSS libraries.
	const fetch = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 %s 80 | tail -n 1"
	_, out, errOut := a.run(onBridge(sh("client", fmt.Sprintf(fetch, "10.213.77.2")), 3))
	equal(t, "between containers", out+errOut, "served\n")
	_, out, _ = a.run(onBridge(sh("client", "cat /sys/class/net/eth0/address /sys/class/net/lo/operstate 2>/dev/null; ip -4 -o addr show eth0 | grep -o 'inet [0-9./]*'; ip route | grep -o 'default via [0-9.]*'"), 3))
	if !strings.Contains(out, "inet 10.213.77.3/24\ndefault via 10.213.77.1") {
		t.Errorf("address and route: %q", out)
	}
	stream := a.open("dial", contract.Dial{Network: "tcp", Address: "10.213.77.2:80"})
	must(t, stream.Await(&contract.Empty{}))
	_, _ = io.WriteString(stream, "GET / HTTP/1.0\r\n\r\n")
	_ = stream.CloseWrite()
	answer, err := io.ReadAll(stream)
	must(t, err)
	equal(t, "dial", bytes.HasSuffix(answer, []byte("served\n")), true)
	equal(t, "dial where nobody listens", kindOf(a.open("dial", contract.Dial{Network: "tcp", Address: "10.213.77.2:81"}).Await(&contract.Empty{})), contract.Unavailable)
	joined := sh("joined", fmt.Sprintf(fetch, "127.0.0.1"))
	joined.Network = contract.Network{Mode: "container", NetworkOf: "server", Endpoints: []contract.Endpoint{}}
	_, out, _ = a.run(joined)
	equal(t, "in the server's network namespace", out, "served\n")
	var stats contract.Stats
	a.must("stats", contract.IDs{IDs: []string{"server", "client"}}, &stats)
	equal(t, "only running ones have stats", len(stats.Stats), 1)
	equal(t, "received bytes", stats.Stats["server"].Networks["eth0"].RxBytes > 0, true)
	a.must("container.stop", contract.ContainerStop{ID: "server", Signal: 9}, &contract.Empty{})
	if out, err := exec.Command("ip", "link", "show", "vethagt2").CombinedOutput(); err == nil {
		t.Errorf("the veth pair is still there: %s", out)
	}
}

func TestLoopbackOfTheHostIsOutOfReach(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	defer removeBridge(a)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	script := fmt.Sprintf("nc -w 1 10.213.77.1 %[1]d </dev/null && echo reached; nc -w 1 127.0.0.1 %[1]d </dev/null && echo reached; true", port)
	_, out, _ := a.run(onBridge(sh("a", script), 2))
	equal(t, "what listens on the host's 127.0.0.1", out, "")
}

func TestIsolation(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, func(r *contract.NetworkEnsure) { r.ICC = false })
	defer removeBridge(a)
	a.start(onBridge(sh("server", "echo x >/index.html; exec httpd -f -p 80 -h /"), 2))
	a.waitFor("server", "its port", func() bool {
		return a.open("dial", contract.Dial{Network: "tcp", Address: "10.213.77.2:80"}).Await(&contract.Empty{}) == nil
	})
	_, out, _ := a.run(onBridge(sh("client", "nc -w 1 10.213.77.2 80 </dev/null; echo $?"), 3))
	equal(t, "without icc", out, "1\n")
	none := sh("none", "ip -o link | wc -l; ip -o addr show lo | grep -c 'inet 127.0.0.1/8'")
	_, out, errOut := a.run(none)
	equal(t, "mode none has the loopback only", out+errOut, "1\n1\n")
	a.must("container.stop", contract.ContainerStop{ID: "server", Signal: 9}, &contract.Empty{})
}

func TestShutdownRemovesBridges(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	a.start(onBridge(request("a", "sleep", "1000"), 2))
	a.must("shutdown", contract.Shutdown{Timeout: 0}, &contract.Empty{})
	must(t, a.command.Wait())
	for _, name := range []string{bridge, "vethagt2"} {
		if out, err := exec.Command("ip", "link", "show", name).CombinedOutput(); err == nil {
			t.Errorf("%s is still there: %s", name, out)
		}
	}
	a.launch()
	equal(t, "the container's state", *a.state("a").ExitCode, 137)
}

func TestDNS(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	defer removeBridge(a)
	// The harness answers with the query itself, as an engine answers with records.
	message := func(name string) []byte {
		return append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x05"+name+"\x00\x00\x01\x00\x01"...)
	}
	query := message("berth")
	ask := func(query []byte) []byte {
		conn, err := net.Dial("udp", "10.213.77.1:53")
		must(t, err)
		defer conn.Close()
		_, err = conn.Write(query)
		must(t, err)
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		must(t, err)
		return answer[:n]
	}
	equal(t, "UDP", string(ask(query)), string(query))
	conn, err := net.Dial("tcp", "10.213.77.1:53")
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(append([]byte{0, byte(len(query))}, query...))
	must(t, err)
	answer := make([]byte, 2+len(query))
	_, err = io.ReadFull(conn, answer)
	must(t, err)
	equal(t, "TCP", string(answer[2:]), string(query))
	a.conn.Close()
	a.waitFor("dns", "SERVFAIL without an engine", func() bool { return ask(message("other"))[3]&0xf == 2 })
	equal(t, "what was answered before is remembered", string(ask(query)), string(query))
	a.conn = a.connect()
}

func TestChangeWhileRunning(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	defer removeBridge(a)
	start := onBridge(sh("a", "echo '10.9.9.9\tmine' >>/etc/hosts; exec sleep 1000"), 2)
	start.Files = []contract.File{{Path: "/etc/hosts", Content: "127.0.0.1\tlocalhost\n10.213.77.2\ta\n", Mode: 0o644}}
	a.start(start)
	execs := 0
	inside := func(script string) string {
		t.Helper()
		execs++
		_, out, errOut := a.exec("a", fmt.Sprint("e", execs), script)
		return out + errOut
	}
	a.waitFor("a", "its own line", func() bool { return strings.Contains(inside("cat /etc/hosts"), "mine") })
	first := start.Network.Endpoints[0]
	second := first
	second.Name, second.HostName, second.MAC = "eth1", "vethagt9", "02:42:0a:d5:4d:09"
	second.Addresses, second.Gateways = []string{"10.213.77.9/24", "fd00:77::9/64"}, []string{}
	change := contract.ContainerNetwork{
		ID:      "a",
		Network: contract.Network{Mode: "bridge", Endpoints: []contract.Endpoint{first, second}, DNS: true},
		Edits:   []contract.FileEdit{{Path: "/etc/hosts", Before: "10.213.77.2\ta\n", After: "10.213.77.2\ta\n10.213.77.9\ta\n"}},
	}
	a.must("container.network", change, &contract.Empty{})
	equal(t, "hosts", inside("cat /etc/hosts"), "127.0.0.1\tlocalhost\n10.213.77.2\ta\n10.9.9.9\tmine\n10.213.77.9\ta\n")
	equal(t, "addresses", inside("ip -o addr show eth1 | grep -o 'inet6* [0-9a-f.:/]*' | grep -v fe80"), "inet 10.213.77.9/24\ninet6 fd00:77::9/64\n")
	equal(t, "route", inside("ip route | grep default"), "default via 10.213.77.1 dev eth0 \n")
	second.Gateways, second.Addresses = []string{"10.213.77.1"}, []string{"10.213.77.9/24"}
	second.Name, second.HostName = "eth2", "vethagt8"
	change.Network.Endpoints, change.Edits = []contract.Endpoint{second}, nil
	a.must("container.network", change, &contract.Empty{})
	equal(t, "interfaces", inside("ip -o link | grep -o 'eth[0-9]'"), "eth2\n")
	equal(t, "route", inside("ip route | grep default"), "default via 10.213.77.1 dev eth2 \n")
	equal(t, "a bridge that is not there", kindOf(a.call("container.network", contract.ContainerNetwork{ID: "a", Network: contract.Network{Mode: "bridge", Endpoints: []contract.Endpoint{{Name: "eth2", Bridge: "berth-none", HostName: "vethnone", Addresses: []string{"10.1.2.3/24"}, Gateways: []string{}, MTU: 1500}}}}, &contract.Empty{})), contract.NotFound)
	equal(t, "interfaces after a failure", inside("ip -o link | grep -o 'eth[0-9]'"), "eth2\n")
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9}, &contract.Empty{})
	equal(t, "not running", kindOf(a.call("container.network", change, &contract.Empty{})), contract.Conflict)
	if out, err := exec.Command("ip", "link", "show", "vethagt8").CombinedOutput(); err == nil {
		t.Errorf("the veth pair is still there: %s", out)
	}
}

func TestExclusiveSubnets(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	defer removeBridge(a)
	second := contract.NetworkEnsure{Bridge: "berth-agentts2", Addresses: []string{"10.213.0.1/16"}, MTU: 1500, ICC: true, Exclusive: true}
	equal(t, "overlapping", kindOf(a.call("network.ensure", second, &contract.Empty{})), contract.Conflict)
	loopback := contract.NetworkEnsure{Bridge: "lo", Addresses: []string{"10.214.0.1/16"}, MTU: 1500}
	equal(t, "another's interface", kindOf(a.call("network.ensure", loopback, &contract.Empty{})), contract.Forbidden)
}
