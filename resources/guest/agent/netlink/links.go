package netlink

import (
	"net"
	"syscall"
)

// Attributes of rtnetlink's headers that package syscall lacks.
const (
	iflaLinkinfo   = 18
	iflaGroup      = 27
	brportIsolated = 33
	iflaNetNsFd    = 28
	iflaInfoKind   = 1
	iflaInfoData   = 2
	vethInfoPeer   = 1
	createAndFail  = syscall.NLM_F_CREATE | syscall.NLM_F_EXCL
)

// header is struct ifinfomsg.
func header(index int, flags uint32) []byte {
	body := make([]byte, 0, 128)
	body = append(body, syscall.AF_UNSPEC, 0, 0, 0)
	body = native.AppendUint32(body, uint32(index))
	body = native.AppendUint32(body, flags)
	return native.AppendUint32(body, flags)
}

// InGroup puts an interface into a group, which packet rules can name.
func InGroup(index int, group uint32) *Message {
	m := &Message{what: "putting an interface into its group", kind: syscall.RTM_NEWLINK, body: header(index, 0)}
	return m.number(iflaGroup, group)
}

// Isolate keeps a bridge's port from talking to other isolated ports of it.
func Isolate(index int) *Message {
	m := &Message{what: "isolating a bridge's port", kind: syscall.RTM_SETLINK, body: header(index, 0)}
	m.body[0] = syscall.AF_BRIDGE
	return m.nested(syscall.IFLA_PROTINFO, func(port *Message) { port.bytes(brportIsolated, []byte{1}) })
}

// AddBridge makes a bridge that is up.
func AddBridge(name string, mac net.HardwareAddr, mtu int) *Message {
	m := &Message{what: "adding bridge " + name, kind: syscall.RTM_NEWLINK, flags: createAndFail, body: header(0, syscall.IFF_UP)}
	return m.text(syscall.IFLA_IFNAME, name).bytes(syscall.IFLA_ADDRESS, mac).number(syscall.IFLA_MTU, uint32(mtu)).
		nested(iflaLinkinfo, func(info *Message) { info.text(iflaInfoKind, "bridge") })
}

// AddVeth makes a veth pair: one end, up, in the bridge with index 'master' here, the other in the network namespace
// behind the file descriptor.
func AddVeth(name string, master, mtu int, peer string, mac net.HardwareAddr, namespace int) *Message {
	m := &Message{what: "adding veth " + name, kind: syscall.RTM_NEWLINK, flags: createAndFail, body: header(0, syscall.IFF_UP)}
	return m.text(syscall.IFLA_IFNAME, name).number(syscall.IFLA_MASTER, uint32(master)).number(syscall.IFLA_MTU, uint32(mtu)).
		nested(iflaLinkinfo, func(info *Message) {
			info.text(iflaInfoKind, "veth").nested(iflaInfoData, func(data *Message) {
				data.nested(vethInfoPeer, func(end *Message) {
					end.body = header(0, 0)
					end.text(syscall.IFLA_IFNAME, peer).number(syscall.IFLA_MTU, uint32(mtu)).number(iflaNetNsFd, uint32(namespace))
					if mac != nil {
						end.bytes(syscall.IFLA_ADDRESS, mac)
					}
				})
			})
		})
}

// Up turns an interface on.
func Up(index int) *Message {
	return &Message{what: "turning an interface on", kind: syscall.RTM_NEWLINK, body: header(index, syscall.IFF_UP)}
}

// Delete removes an interface; a veth takes its peer with it.
func Delete(name string) *Message {
	m := &Message{what: "deleting " + name, kind: syscall.RTM_DELLINK, body: header(0, 0)}
	return m.text(syscall.IFLA_IFNAME, name)
}

// AddAddress gives an interface an address with the prefix of its network. IPv6 ones are usable at once: who gives out
// addresses knows that there is no second one.
func AddAddress(index int, address net.IP, network *net.IPNet) *Message {
	ones, bits := network.Mask.Size()
	m := &Message{what: "adding address " + address.String(), kind: syscall.RTM_NEWADDR, flags: createAndFail}
	if bits == 128 {
		const noDuplicateDetection = 0x02
		m.body = native.AppendUint32([]byte{syscall.AF_INET6, byte(ones), noDuplicateDetection, 0}, uint32(index))
		return m.bytes(syscall.IFA_LOCAL, address.To16()).bytes(syscall.IFA_ADDRESS, address.To16())
	}
	local := address.To4()
	broadcast := make(net.IP, 4)
	for i := range broadcast {
		broadcast[i] = local[i] | ^network.Mask[i]
	}
	m.body = native.AppendUint32([]byte{syscall.AF_INET, byte(ones), 0, 0}, uint32(index))
	return m.bytes(syscall.IFA_LOCAL, local).bytes(syscall.IFA_ADDRESS, local).bytes(syscall.IFA_BROADCAST, broadcast)
}

// AddDefaultRoute routes all of the gateway's family over it.
func AddDefaultRoute(index int, gateway net.IP) *Message {
	return defaultRoute(syscall.RTM_NEWROUTE, createAndFail, index, gateway)
}

// DeleteDefaultRoute takes that route away.
func DeleteDefaultRoute(index int, gateway net.IP) *Message {
	return defaultRoute(syscall.RTM_DELROUTE, 0, index, gateway)
}

func defaultRoute(kind uint16, flags uint16, index int, gateway net.IP) *Message {
	family, address := byte(syscall.AF_INET), gateway.To4()
	if address == nil {
		family, address = syscall.AF_INET6, gateway.To16()
	}
	m := &Message{what: "the route over " + gateway.String(), kind: kind, flags: flags}
	m.body = []byte{family, 0, 0, 0, syscall.RT_TABLE_MAIN, syscall.RTPROT_BOOT, syscall.RT_SCOPE_UNIVERSE, syscall.RTN_UNICAST, 0, 0, 0, 0}
	return m.bytes(syscall.RTA_GATEWAY, address).number(syscall.RTA_OIF, uint32(index))
}
