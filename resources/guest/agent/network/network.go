// Package network makes bridges with NAT and joins containers to them.
package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"berth/agent/contract"
	"berth/agent/netlink"
	"berth/agent/sandbox"
)

// Resolver answers a DNS message that came from a client on a bridge.
type Resolver func(bridge, client string, message []byte) ([]byte, error)

// Manager holds the bridges that were ensured since the agent's start.
type Manager struct {
	resolve Resolver
	host    *netlink.Socket

	mu       sync.Mutex
	networks map[string]*bridge
}

type bridge struct {
	request contract.NetworkEnsure
	dns     *dnsServer
}

// New opens the guest's own network namespace.
func New(resolve Resolver) (*Manager, error) {
	host, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	return &Manager{resolve: resolve, host: host, networks: map[string]*bridge{}}, nil
}

// Ensure makes a bridge with address, NAT rules and DNS as asked, or changes it to that. Errors: 'invalid' for addresses
// that make no sense, 'unsupported' where the guest lacks nft and iptables, 'unavailable' when port 53 is taken.
func (m *Manager) Ensure(request contract.NetworkEnsure) error {
	request.Op = contract.Op{}
	gateway, subnet, err := parse(request)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.networks[request.Bridge]
	index := netlink.Index(request.Bridge)
	if known != nil && index != 0 && known.request == request {
		return nil
	}
	if known != nil {
		known.dns.Close()
		delete(m.networks, request.Bridge)
	}
	if index == 0 {
		mac := append(net.HardwareAddr{0x02, 0x42}, gateway.To4()...)
		if err := m.host.Do(netlink.AddBridge(request.Bridge, mac, request.MTU)); err != nil {
			return unsupportedLink(err)
		}
		index = netlink.Index(request.Bridge)
		// Without IPv6 on it the bridge is ready at once.
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+request.Bridge+"/disable_ipv6", []byte("1"), 0)
	}
	if err := m.host.Do(netlink.AddAddress(index, gateway, subnet)); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	if err := m.host.Do(netlink.Up(index)); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return err
	}
	if err := installRules(request); err != nil {
		return err
	}
	dns, err := listenDNS(request.Bridge, gateway, m.resolve)
	if err != nil {
		return err
	}
	m.networks[request.Bridge] = &bridge{request, dns}
	return nil
}

func parse(request contract.NetworkEnsure) (gateway net.IP, subnet *net.IPNet, err error) {
	if err := checkInterface(request.Bridge); err != nil {
		return nil, nil, err
	}
	if _, subnet, err = net.ParseCIDR(request.Subnet); err != nil || subnet.IP.To4() == nil {
		return nil, nil, contract.Errorf(contract.Invalid, "invalid IPv4 subnet: %q", request.Subnet)
	}
	gateway = net.ParseIP(request.Gateway)
	if gateway.To4() == nil || !subnet.Contains(gateway) {
		return nil, nil, contract.Errorf(contract.Invalid, "gateway %q is not in %s", request.Gateway, request.Subnet)
	}
	return gateway, subnet, nil
}

func checkInterface(name string) error {
	if len(name) > 15 {
		return contract.Errorf(contract.Invalid, "interface name %q is longer than 15 bytes", name)
	}
	return contract.CheckName("interface name", name)
}

func unsupportedLink(err error) error {
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return contract.Errorf(contract.Unsupported, "this kernel lacks bridges or veth pairs: %v", err)
	}
	return err
}

// Remove deletes a bridge, its rules and its DNS; not there: no-op.
func (m *Manager) Remove(name string) error {
	if err := checkInterface(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var request contract.NetworkEnsure
	if known := m.networks[name]; known != nil {
		request = known.request
		known.dns.Close()
		delete(m.networks, name)
	}
	request.Bridge = name
	if err := removeRules(request); err != nil {
		return err
	}
	if netlink.Index(name) == 0 {
		return nil
	}
	return m.host.Do(netlink.Delete(name))
}

// Connect makes a network namespace with a loopback and the endpoints in it. The file keeps it alive. On an error
// nothing of it is left.
func (m *Manager) Connect(endpoints []contract.Endpoint) (*os.File, error) {
	namespace, err := sandbox.Network(func(namespace *os.File) error {
		inner, err := netlink.Open()
		if err != nil {
			return err
		}
		defer inner.Close()
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
		messages := []*netlink.Message{netlink.Up(1)}
		routed := false
		for _, endpoint := range endpoints {
			more, err := m.join(endpoint, namespace, !routed)
			if err != nil {
				return err
			}
			routed = routed || endpoint.Gateway != ""
			messages = append(messages, more...)
		}
		return inner.Do(messages...)
	})
	if err != nil {
		m.Release(endpoints)
		return nil, err
	}
	return namespace, nil
}

// join makes an endpoint's veth pair and returns what remains to be done inside the namespace.
func (m *Manager) join(endpoint contract.Endpoint, namespace *os.File, route bool) ([]*netlink.Message, error) {
	address, subnet, err := net.ParseCIDR(endpoint.Address)
	if err != nil || address.To4() == nil {
		return nil, contract.Errorf(contract.Invalid, "invalid IPv4 address: %q", endpoint.Address)
	}
	var mac net.HardwareAddr
	if endpoint.MAC != "" {
		if mac, err = net.ParseMAC(endpoint.MAC); err != nil {
			return nil, contract.Errorf(contract.Invalid, "invalid MAC address: %q", endpoint.MAC)
		}
	}
	if err := checkInterface(endpoint.HostName); err != nil {
		return nil, err
	}
	if err := checkInterface(endpoint.Name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	network := m.networks[endpoint.Bridge]
	m.mu.Unlock()
	master, err := m.masterOf(endpoint.Bridge)
	if err != nil {
		return nil, err
	}
	veth := netlink.AddVeth(endpoint.HostName, master, endpoint.MTU, endpoint.Name, mac, int(namespace.Fd()))
	err = m.host.Do(veth)
	if errors.Is(err, syscall.EEXIST) { // left by a crash
		_ = m.host.Do(netlink.Delete(endpoint.HostName))
		err = m.host.Do(veth)
	}
	if err != nil {
		return nil, unsupportedLink(err)
	}
	if network != nil && !network.request.ICC {
		isolate := fmt.Sprintf("/sys/class/net/%s/brport/isolated", endpoint.HostName)
		if err := os.WriteFile(isolate, []byte("1"), 0); err != nil {
			return nil, fmt.Errorf("isolating %s: %w", endpoint.HostName, err)
		}
	}
	index := netlink.Index(endpoint.Name)
	messages := []*netlink.Message{netlink.AddAddress(index, address, subnet), netlink.Up(index)}
	if endpoint.Gateway != "" && route {
		gateway := net.ParseIP(endpoint.Gateway)
		if gateway.To4() == nil {
			return nil, contract.Errorf(contract.Invalid, "invalid gateway: %q", endpoint.Gateway)
		}
		messages = append(messages, netlink.AddDefaultRoute(index, gateway))
	}
	return messages, nil
}

// masterOf finds a bridge's index. The current thread is in the container's namespace, so it is looked up on another.
func (m *Manager) masterOf(name string) (int, error) {
	index := make(chan int)
	go func() { index <- netlink.Index(name) }()
	if found := <-index; found != 0 {
		return found, nil
	}
	return 0, contract.Errorf(contract.NotFound, "no such network: bridge %s is not there", name)
}

// Release deletes endpoints' veth pairs; those that are gone with their namespace are passed over.
func (m *Manager) Release(endpoints []contract.Endpoint) {
	for _, endpoint := range endpoints {
		_ = m.host.Do(netlink.Delete(endpoint.HostName))
	}
}

// Close removes the bridges that were ensured, with their rules and DNS: an agent that ends has stopped the containers,
// and a bridge that stays takes its subnet away from every later engine on this host.
func (m *Manager) Close() {
	m.mu.Lock()
	names := make([]string, 0, len(m.networks))
	for name := range m.networks {
		names = append(names, name)
	}
	m.mu.Unlock()
	for _, name := range names {
		_ = m.Remove(name)
	}
}
