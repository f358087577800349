// Package network makes bridges with NAT and joins containers to them.
package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"berth/agent/contract"
	"berth/agent/netlink"
)

// Resolver answers a DNS message; the request says who asks.
type Resolver func(from contract.DNSRequest, message []byte) ([]byte, error)

// bridgeGroup is the group of all bridges of all agents: packet rules tell by it where a packet comes from.
const bridgeGroup = 0xbe47

// ownPrefix begins the names that engines choose for bridges.
const ownPrefix = "berth-"

// Manager holds the bridges that were ensured since the agent's start, and the DNS of the containers.
type Manager struct {
	resolve Resolver
	host    *netlink.Socket
	// records is a folder with a file for each bridge that this or an earlier agent made.
	records string

	mu       sync.Mutex
	networks map[string]*bridge
	inside   map[string]*dnsServer
}

type bridge struct {
	request contract.NetworkEnsure
	dns     *dnsServer
}

// record is what the removal of a bridge has to know.
type record struct {
	Request contract.NetworkEnsure `json:"request"`
	// AcceptedIn are the iptables chains that got a rule which accepts the bridge's traffic, by program.
	AcceptedIn map[string]string `json:"acceptedIn"`
}

// New opens the guest's own network namespace. The folder is for the manager's records.
func New(records string, resolve Resolver) (*Manager, error) {
	if err := os.MkdirAll(records, 0o700); err != nil {
		return nil, err
	}
	host, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	return &Manager{resolve: resolve, host: host, records: records, networks: map[string]*bridge{}, inside: map[string]*dnsServer{}}, nil
}

// Ensure makes a bridge with addresses, rules and DNS as asked, or changes it to that. Errors: 'invalid' for addresses
// that make no sense, 'forbidden' for an interface that is not ours, 'conflict' for an exclusive subnet that is in use,
// 'unsupported' where the guest lacks nft and iptables or IPv6, 'unavailable' when port 53 is taken. A bridge that could not be made
// whole is taken back.
func (m *Manager) Ensure(request contract.NetworkEnsure) error {
	request.Op = contract.Op{}
	addresses, err := parseAddresses(request.Addresses)
	if err != nil {
		return err
	}
	if err := checkInterface(request.Bridge); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.networks[request.Bridge]
	index := netlink.Index(request.Bridge)
	if known != nil && index != 0 && same(known.request, request) {
		return nil
	}
	if known != nil {
		known.dns.Close()
		delete(m.networks, request.Bridge)
	}
	if index != 0 && !strings.HasPrefix(request.Bridge, ownPrefix) && !m.recorded(request.Bridge) {
		return contract.Errorf(contract.Forbidden, "an interface with the name %s exists already", request.Bridge)
	}
	made := index == 0
	if made {
		if index, err = m.makeBridge(request, addresses); err != nil {
			return err
		}
	}
	if err := m.setUp(request, addresses, index); err != nil {
		if made {
			_ = m.remove(request.Bridge)
		}
		return err
	}
	return nil
}

// makeBridge makes the interface with its addresses. With 'exclusive' nobody else on this host does so meanwhile.
func (m *Manager) makeBridge(request contract.NetworkEnsure, addresses []address) (int, error) {
	if request.Exclusive {
		release, err := holdSubnets()
		if err != nil {
			return 0, err
		}
		defer release()
		if err := checkFree(addresses); err != nil {
			return 0, err
		}
	}
	// Written first: a crash leaves no bridge without a record.
	if err := m.writeRecord(record{Request: request}); err != nil {
		return 0, err
	}
	if err := m.host.Do(netlink.AddBridge(request.Bridge, macOf(addresses[0].ip), request.MTU)); err != nil {
		m.forget(request.Bridge)
		return 0, unsupportedLink(err)
	}
	index := netlink.Index(request.Bridge)
	if err := m.address(request.Bridge, index, addresses); err != nil {
		_ = m.remove(request.Bridge)
		return 0, err
	}
	return index, nil
}

func (m *Manager) address(name string, index int, addresses []address) error {
	disable := "1" // without IPv6 on it the bridge is ready at once
	if hasIPv6(addresses) {
		disable = "0"
	}
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte(disable), 0)
	if err != nil && disable == "0" {
		return contract.Errorf(contract.Unsupported, "this kernel has no IPv6: %v", err)
	}
	for _, a := range addresses {
		if err := m.host.Do(netlink.AddAddress(index, a.ip, a.subnet)); err != nil && !errors.Is(err, syscall.EEXIST) {
			return err
		}
	}
	return m.host.Do(netlink.InGroup(index, bridgeGroup), netlink.Up(index))
}

// setUp does what is done again for a bridge that an earlier agent made.
func (m *Manager) setUp(request contract.NetworkEnsure, addresses []address, index int) error {
	if err := m.address(request.Bridge, index, addresses); err != nil {
		return err
	}
	if err := forwarding(addresses); err != nil {
		return err
	}
	if err := installRules(request, addresses); err != nil {
		return err
	}
	accepted, err := acceptForwarded(request.Bridge, addresses)
	if err != nil {
		return err
	}
	if err := m.writeRecord(record{request, accepted}); err != nil {
		return err
	}
	var dns *dnsServer
	if gateway := firstIPv4(addresses); request.DNS && gateway != nil {
		if dns, err = listenOnGateway(request.Bridge, gateway, m.resolve); err != nil {
			return err
		}
	}
	m.networks[request.Bridge] = &bridge{request, dns}
	return nil
}

func forwarding(addresses []address) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return err
	}
	if !hasIPv6(addresses) {
		return nil
	}
	return os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0)
}

func same(a, b contract.NetworkEnsure) bool {
	one, _ := json.Marshal(a)
	other, _ := json.Marshal(b)
	return string(one) == string(other)
}

// macOf is dockerd's way to a bridge's address: locally administered, the last four bytes of its IP address.
func macOf(ip net.IP) net.HardwareAddr {
	return append(net.HardwareAddr{0x02, 0x42}, ip[len(ip)-4:]...)
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
	return m.remove(name)
}

func (m *Manager) remove(name string) error {
	if known := m.networks[name]; known != nil {
		known.dns.Close()
		delete(m.networks, name)
	}
	found, err := m.readRecord(name)
	if errors.Is(err, os.ErrNotExist) && !strings.HasPrefix(name, ownPrefix) {
		return nil
	}
	if err := removeRules(found.Request); err != nil {
		return err
	}
	removeAccepted(name, found.AcceptedIn)
	if netlink.Index(name) != 0 {
		if err := m.host.Do(netlink.Delete(name)); err != nil {
			return err
		}
	}
	m.forget(name)
	return nil
}

// Close removes all bridges that are known or on record, with their rules and DNS: an agent that ends has stopped the containers,
// and a bridge that stays takes its subnet away from every later engine on this host.
func (m *Manager) Close() {
	names, _ := filepath.Glob(filepath.Join(m.records, "*"))
	m.mu.Lock()
	for name := range m.networks {
		names = append(names, name)
	}
	m.mu.Unlock()
	for _, name := range names {
		_ = m.Remove(filepath.Base(name))
	}
}

func (m *Manager) recorded(name string) bool {
	_, err := m.readRecord(name)
	return err == nil
}

// readRecord gives a record that names the bridge even when there is none.
func (m *Manager) readRecord(name string) (record, error) {
	found := record{}
	text, err := os.ReadFile(filepath.Join(m.records, name))
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	found.Request.Bridge = name
	return found, err
}

func (m *Manager) writeRecord(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file := filepath.Join(m.records, r.Request.Bridge)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("recording a bridge: %w", err)
	}
	return nil
}

func (m *Manager) forget(name string) { _ = os.Remove(filepath.Join(m.records, name)) }
