package network

import (
	"errors"
	"net"
	"syscall"
	"time"

	"berth/agent/contract"
	"berth/agent/host"
)

// address is one of an interface, with its network.
type address struct {
	ip     net.IP
	subnet *net.IPNet
}

// parseAddresses reads at least one "ADDRESS/PREFIX".
func parseAddresses(texts []string) ([]address, error) {
	if len(texts) == 0 {
		return nil, contract.Errorf(contract.Invalid, "an interface needs an address")
	}
	var all []address
	for _, text := range texts {
		ip, subnet, err := net.ParseCIDR(text)
		if err != nil {
			return nil, contract.Errorf(contract.Invalid, "invalid address: %q", text)
		}
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		all = append(all, address{ip, subnet})
	}
	return all, nil
}

func (a address) isIPv6() bool { return a.ip.To4() == nil }

func hasIPv6(addresses []address) bool {
	for _, a := range addresses {
		if a.isIPv6() {
			return true
		}
	}
	return false
}

func firstIPv4(addresses []address) net.IP {
	for _, a := range addresses {
		if !a.isIPv6() {
			return a.ip
		}
	}
	return nil
}

// checkFree is 'conflict' when the guest has a network that overlaps one of these.
func checkFree(addresses []address) error {
	for _, used := range host.Networks() {
		for _, a := range addresses {
			if used.Contains(a.subnet.IP) || a.subnet.Contains(used.IP) {
				return contract.Errorf(contract.Conflict, "Pool overlaps with other one on this address space")
			}
		}
	}
	return nil
}

const (
	holdPause = 2 * time.Millisecond
	holdLimit = 5 * time.Second
)

// holdSubnets keeps all other agents in this network namespace from looking for a free subnet. The hold is an abstract
// UNIX socket: its name is the namespace's own, and it goes with its process.
func holdSubnets() (release func(), err error) {
	for waited := time.Duration(0); ; waited += holdPause {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@berth-subnets", Net: "unix"})
		if err == nil {
			return func() { listener.Close() }, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || waited > holdLimit {
			return nil, err
		}
		time.Sleep(holdPause)
	}
}
