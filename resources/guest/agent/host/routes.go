package host

import (
	"net"
	"os"
	"strconv"
	"strings"
)

// Networks are the IPv4 and IPv6 networks that the guest reaches by a route or has an address in; the default routes, the
// loopback and what is link-local are left out.
func Networks() []*net.IPNet {
	var all []*net.IPNet
	add := func(network *net.IPNet) {
		ones, _ := network.Mask.Size()
		if ones > 0 && !network.IP.IsLoopback() && !network.IP.IsLinkLocalUnicast() && !network.IP.IsMulticast() {
			all = append(all, network)
		}
	}
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			masked := network.IP.Mask(network.Mask)
			if v4 := masked.To4(); v4 != nil {
				masked = v4
			}
			add(&net.IPNet{IP: masked, Mask: network.Mask})
		}
	}
	text, _ := os.ReadFile("/proc/net/route")
	for _, entry := range strings.Split(string(text), "\n") {
		fields := strings.Fields(entry)
		if len(fields) < 8 {
			continue
		}
		destination, err1 := strconv.ParseUint(fields[1], 16, 32)
		mask, err2 := strconv.ParseUint(fields[7], 16, 32)
		if err1 == nil && err2 == nil {
			add(&net.IPNet{IP: littleEndian(destination), Mask: net.IPMask(littleEndian(mask))})
		}
	}
	return all
}

// routes are the IPv4 ones as texts, each once.
func routes() []string {
	all := []string{}
	seen := map[string]bool{}
	for _, network := range Networks() {
		if text := network.String(); network.IP.To4() != nil && !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}

func littleEndian(n uint64) net.IP {
	return net.IP{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
}
