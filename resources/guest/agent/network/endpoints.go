package network

import (
	"errors"
	"net"
	"os"
	"syscall"

	"berth/agent/contract"
	"berth/agent/netlink"
	"berth/agent/sandbox"
)

// Connect makes a network namespace with a loopback and the endpoints in it, and answers DNS there when asked to. The
// file keeps it alive. On an error nothing of it is left.
func (m *Manager) Connect(container string, wanted contract.Network) (*os.File, error) {
	namespace, err := sandbox.Network(func(namespace *os.File) error {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
		return m.change(container, namespace, nil, wanted, netlink.Up(1))
	})
	if err != nil {
		m.Release(container, wanted.Endpoints)
		return nil, err
	}
	return namespace, nil
}

// Change makes the network of a running process from what it has into what is wanted. On an error the endpoints are as
// before.
func (m *Manager) Change(container string, pid int, has []contract.Endpoint, wanted contract.Network) error {
	return sandbox.InNetwork(pid, func(namespace *os.File) error {
		return m.change(container, namespace, has, wanted)
	})
}

// change runs on a thread inside the namespace. 'first' goes before all else.
func (m *Manager) change(container string, namespace *os.File, has []contract.Endpoint, wanted contract.Network, first ...*netlink.Message) error {
	inner, err := netlink.Open()
	if err != nil {
		return err
	}
	defer inner.Close()
	added, removed := without(wanted.Endpoints, has), without(has, wanted.Endpoints)
	messages := first
	for _, endpoint := range added {
		more, err := m.join(endpoint, namespace)
		if err != nil {
			m.drop(added)
			return err
		}
		messages = append(messages, more...)
	}
	stale, fresh, err := routeChanges(has, wanted.Endpoints)
	if err == nil {
		err = inner.Do(messages...)
	}
	if err == nil && wanted.DNS {
		err = m.answerInside(container)
	}
	if err != nil {
		m.drop(added)
		return err
	}
	for _, route := range stale {
		// The container may have changed its routes itself.
		_ = inner.Do(netlink.DeleteDefaultRoute(netlink.Index(route.name), route.gateway))
	}
	m.drop(removed)
	for _, route := range fresh {
		if err := inner.Do(netlink.AddDefaultRoute(netlink.Index(route.name), route.gateway)); err != nil && !errors.Is(err, syscall.EEXIST) {
			m.drop(added)
			return err
		}
	}
	return nil
}

// without gives those of the endpoints that are not among the others.
func without(endpoints, others []contract.Endpoint) []contract.Endpoint {
	var left []contract.Endpoint
	for _, endpoint := range endpoints {
		if !named(others, endpoint.HostName) {
			left = append(left, endpoint)
		}
	}
	return left
}

func named(endpoints []contract.Endpoint, hostName string) bool {
	for _, endpoint := range endpoints {
		if endpoint.HostName == hostName {
			return true
		}
	}
	return false
}

// route is a default route over an interface.
type route struct {
	name    string
	gateway net.IP
}

func routeChanges(has, wanted []contract.Endpoint) (stale, fresh []route, err error) {
	before, err := routesOf(has)
	if err != nil {
		return nil, nil, err
	}
	after, err := routesOf(wanted)
	if err != nil {
		return nil, nil, err
	}
	return routesWithout(before, after), routesWithout(after, before), nil
}

func routesOf(endpoints []contract.Endpoint) ([]route, error) {
	var routes []route
	for _, endpoint := range endpoints {
		for _, text := range endpoint.Gateways {
			gateway := net.ParseIP(text)
			if gateway == nil {
				return nil, contract.Errorf(contract.Invalid, "invalid gateway: %q", text)
			}
			routes = append(routes, route{endpoint.Name, gateway})
		}
	}
	return routes, nil
}

func routesWithout(routes, others []route) []route {
	var left []route
next:
	for _, r := range routes {
		for _, other := range others {
			if r.name == other.name && r.gateway.Equal(other.gateway) {
				continue next
			}
		}
		left = append(left, r)
	}
	return left
}

// answerInside begins the DNS of the namespace that the current thread is in, once.
func (m *Manager) answerInside(container string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inside[container] != nil {
		return nil
	}
	server, err := listenInside(container, m.resolve)
	if err == nil {
		m.inside[container] = server
	}
	return err
}

// join makes an endpoint's veth pair and returns what remains to be done inside the namespace.
func (m *Manager) join(endpoint contract.Endpoint, namespace *os.File) ([]*netlink.Message, error) {
	addresses, err := parseAddresses(endpoint.Addresses)
	if err != nil {
		return nil, err
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
	master := hostIndex(endpoint.Bridge)
	if master == 0 {
		return nil, contract.Errorf(contract.NotFound, "no such network: bridge %s is not there", endpoint.Bridge)
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
		if err := m.host.Do(netlink.Isolate(hostIndex(endpoint.HostName))); err != nil {
			return nil, err
		}
	}
	if hasIPv6(addresses) {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+endpoint.Name+"/disable_ipv6", []byte("0"), 0); err != nil {
			return nil, contract.Errorf(contract.Unsupported, "this kernel has no IPv6: %v", err)
		}
	}
	index := netlink.Index(endpoint.Name)
	var messages []*netlink.Message
	for _, a := range addresses {
		messages = append(messages, netlink.AddAddress(index, a.ip, a.subnet))
	}
	return append(messages, netlink.Up(index)), nil
}

// hostIndex finds an interface of the guest's own. The current thread is in the container's namespace, so it is looked up
// on another.
func hostIndex(name string) int {
	index := make(chan int)
	go func() { index <- netlink.Index(name) }()
	return <-index
}

// Release takes back a container's DNS and veth pairs; those that are gone with their namespace are passed over.
func (m *Manager) Release(container string, endpoints []contract.Endpoint) {
	m.mu.Lock()
	m.inside[container].Close()
	delete(m.inside, container)
	m.mu.Unlock()
	m.drop(endpoints)
}

func (m *Manager) drop(endpoints []contract.Endpoint) {
	for _, endpoint := range endpoints {
		_ = m.host.Do(netlink.Delete(endpoint.HostName))
	}
}
