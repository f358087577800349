package network

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"

	"berth/agent/children"
	"berth/agent/contract"
)

// family is one of a bridge's address families, with what the rules of it need.
type family struct {
	nft, iptables, loopback string
	subnets                 []string
}

// familiesOf always has IPv4: its rules also keep a bridge apart that has no IPv4 address.
func familiesOf(addresses []address) []family {
	v4, v6 := family{"ip", "iptables", "127.0.0.0/8", nil}, family{"ip6", "ip6tables", "::1", nil}
	for _, a := range addresses {
		if a.isIPv6() {
			v6.subnets = append(v6.subnets, a.subnet.String())
		} else {
			v4.subnets = append(v4.subnets, a.subnet.String())
		}
	}
	if v6.subnets == nil {
		return []family{v4}
	}
	return []family{v4, v6}
}

// installRules puts a network's packet rules into nft tables named after its bridge, or into iptables where there is no
// nft. Bridges of all agents are kept apart from each other and from dockerd's, and nothing from a bridge may go to the
// host's loopback.
func installRules(request contract.NetworkEnsure, addresses []address) error {
	families := familiesOf(addresses)
	if nft, err := exec.LookPath("nft"); err == nil {
		var script strings.Builder
		for _, f := range families {
			script.WriteString(nftTable(request, f))
		}
		return run(nft, script.String(), "-f", "-")
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		return contract.Errorf(contract.Unsupported, "networks need nft (nftables) or iptables in the guest: install one of them")
	}
	for _, f := range families {
		rules := iptablesRules(request, f)
		// Each goes to the top, so that they stand in their order, before what others have there.
		for i := len(rules) - 1; i >= 0; i-- {
			_ = run(f.iptables, "", rules[i].with("-D")...)
			if err := run(f.iptables, "", rules[i].with("-I")...); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeRules(request contract.NetworkEnsure) error {
	addresses, _ := parseAddresses(request.Addresses)
	families := familiesOf(addresses)
	if nft, err := exec.LookPath("nft"); err == nil {
		var script strings.Builder
		for _, f := range families {
			// Adding first makes the deletion of a table that is not there succeed.
			fmt.Fprintf(&script, "add table %[1]s %[2]s\ndelete table %[1]s %[2]s\n", f.nft, request.Bridge)
		}
		return run(nft, script.String(), "-f", "-")
	}
	for _, f := range families {
		for _, rule := range iptablesRules(request, f) {
			_ = run(f.iptables, "", rule.with("-D")...)
		}
	}
	return nil
}

// dockersBridges are the names that dockerd gives its bridges, as nft and iptables match them.
var dockersBridges = [][2]string{{"docker0", "docker0"}, {"br-*", "br-+"}}

func nftTable(r contract.NetworkEnsure, f family) string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table %[1]s %[2]s\ndelete table %[1]s %[2]s\ntable %[1]s %[2]s {\n", f.nft, r.Bridge)
	fmt.Fprintf(&b, "chain input { type filter hook input priority filter; iifname %q %s daddr %s drop; }\n", r.Bridge, f.nft, f.loopback)
	fmt.Fprintf(&b, "chain forward { type filter hook forward priority filter;\n")
	fmt.Fprintf(&b, "iifgroup %#x iifname != %[2]q oifname %[2]q drop\n", bridgeGroup, r.Bridge)
	for _, docker := range dockersBridges {
		fmt.Fprintf(&b, "iifname %[1]q oifname %[2]q drop\niifname %[2]q oifname %[1]q drop\n", docker[0], r.Bridge)
	}
	if r.Internal {
		fmt.Fprintf(&b, "iifname %[1]q oifname != %[1]q drop\niifname != %[1]q oifname %[1]q drop\n", r.Bridge)
	}
	if !r.ICC {
		fmt.Fprintf(&b, "iifname %[1]q oifname %[1]q drop\n", r.Bridge)
	}
	b.WriteString("}\n")
	if r.Masquerade && !r.Internal {
		b.WriteString("chain postrouting { type nat hook postrouting priority srcnat;\n")
		for _, subnet := range f.subnets {
			fmt.Fprintf(&b, "%s saddr %s oifname != %q masquerade\n", f.nft, subnet, r.Bridge)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// rule is a table and what follows -A CHAIN.
type rule struct{ table, chain, match string }

func (r rule) with(command string) []string {
	return append([]string{"-w", "-t", r.table, command, r.chain}, strings.Fields(r.match)...)
}

// iptablesRules are in the order in which they are to be looked at.
func iptablesRules(r contract.NetworkEnsure, f family) []rule {
	rules := []rule{{"filter", "INPUT", fmt.Sprintf("-i %s -d %s -j DROP", r.Bridge, f.loopback)}}
	forward := func(format string, arguments ...any) {
		rules = append(rules, rule{"filter", "FORWARD", fmt.Sprintf(format, arguments...)})
	}
	within := "ACCEPT"
	if !r.ICC {
		within = "DROP"
	}
	// What stays within the bridge ends here, so that the next rules mean other bridges only.
	forward("-i %[1]s -o %[1]s -j %[2]s", r.Bridge, within)
	forward("-o %s -m devgroup --src-group %#x -j DROP", r.Bridge, bridgeGroup)
	for _, docker := range dockersBridges {
		forward("-i %s -o %s -j DROP", docker[1], r.Bridge)
		forward("-i %s -o %s -j DROP", r.Bridge, docker[1])
	}
	if r.Internal {
		forward("-i %s -j DROP", r.Bridge)
		forward("-o %s -j DROP", r.Bridge)
	}
	if r.Masquerade && !r.Internal {
		for _, subnet := range f.subnets {
			rules = append(rules, rule{"nat", "POSTROUTING", fmt.Sprintf("-s %s ! -o %s -j MASQUERADE", subnet, r.Bridge)})
		}
	}
	return rules
}

// acceptForwarded lets a bridge's traffic pass where the host's own iptables drop what is forwarded: a packet has to be
// accepted by every table, so no rule in a table of ours can do it. It gives the chain that got the rules by program; a
// host without rules for what is forwarded gets none.
func acceptForwarded(bridge string, addresses []address) (map[string]string, error) {
	chains := map[string]string{}
	for _, f := range familiesOf(addresses) {
		if _, err := exec.LookPath(f.iptables); err != nil {
			continue
		}
		listed, err := output(f.iptables, "-w", "-S", "FORWARD")
		if err != nil || strings.TrimSpace(listed) == "-P FORWARD ACCEPT" {
			continue
		}
		chain := "FORWARD"
		if strings.Contains(listed, "-j DOCKER-USER") {
			chain = "DOCKER-USER"
		}
		rules := acceptRules(bridge, chain)
		removeAccepted(bridge, map[string]string{f.iptables: chain})
		for _, rule := range rules {
			if err := run(f.iptables, "", rule.with("-I")...); err != nil {
				return chains, err
			}
		}
		chains[f.iptables] = chain
	}
	return chains, nil
}

func acceptRules(bridge, chain string) []rule {
	return []rule{
		{"filter", chain, fmt.Sprintf("-i %s -j ACCEPT", bridge)},
		{"filter", chain, fmt.Sprintf("-o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", bridge)},
	}
}

func removeAccepted(bridge string, chains map[string]string) {
	for program, chain := range chains {
		for _, rule := range acceptRules(bridge, chain) {
			_ = run(program, "", rule.with("-D")...)
		}
	}
}

func run(program, input string, arguments ...string) error {
	_, err := command(program, input, arguments)
	return err
}

func output(program string, arguments ...string) (string, error) {
	return command(program, "", arguments)
}

func command(program, input string, arguments []string) (string, error) {
	command := exec.Command(program, arguments...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := children.Run(command); err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
