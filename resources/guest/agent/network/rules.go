package network

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"

	"berth/agent/children"
	"berth/agent/contract"
)

// installRules puts a network's packet rules into an nft table named after its bridge, or into iptables where there is no
// nft. Bridges of the agent's are kept apart from each other, and nothing from a bridge may go to 127.0.0.0/8.
func installRules(request contract.NetworkEnsure) error {
	if nft, err := exec.LookPath("nft"); err == nil {
		return run(nft, nftTable(request), "-f", "-")
	}
	iptables, err := exec.LookPath("iptables")
	if err != nil {
		return contract.Errorf(contract.Unsupported, "networks need nft (nftables) or iptables in the guest: install one of them")
	}
	for _, rule := range iptablesRules(request) {
		if run(iptables, "", rule.with("-C")...) == nil {
			continue
		}
		if err := run(iptables, "", rule.with("-A")...); err != nil {
			return err
		}
	}
	return nil
}

func removeRules(request contract.NetworkEnsure) error {
	if nft, err := exec.LookPath("nft"); err == nil {
		// Adding first makes the deletion of a table that is not there succeed.
		return run(nft, fmt.Sprintf("add table ip %[1]s\ndelete table ip %[1]s\n", request.Bridge), "-f", "-")
	}
	iptables, err := exec.LookPath("iptables")
	if err != nil || request.Subnet == "" {
		return nil
	}
	for _, rule := range iptablesRules(request) {
		_ = run(iptables, "", rule.with("-D")...)
	}
	return nil
}

func nftTable(r contract.NetworkEnsure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table ip %[1]s\ndelete table ip %[1]s\ntable ip %[1]s {\n", r.Bridge)
	fmt.Fprintf(&b, "chain input { type filter hook input priority filter; iifname %q ip daddr 127.0.0.0/8 drop; }\n", r.Bridge)
	fmt.Fprintf(&b, "chain forward { type filter hook forward priority filter;\n")
	fmt.Fprintf(&b, "iifname \"berth-*\" iifname != %[1]q oifname %[1]q drop\n", r.Bridge)
	if r.Internal {
		fmt.Fprintf(&b, "iifname %[1]q oifname != %[1]q drop\niifname != %[1]q oifname %[1]q drop\n", r.Bridge)
	}
	if !r.ICC {
		fmt.Fprintf(&b, "iifname %[1]q oifname %[1]q drop\n", r.Bridge)
	}
	b.WriteString("}\n")
	if r.Masquerade && !r.Internal {
		fmt.Fprintf(&b, "chain postrouting { type nat hook postrouting priority srcnat; ip saddr %s oifname != %q masquerade; }\n", r.Subnet, r.Bridge)
	}
	b.WriteString("}\n")
	return b.String()
}

// rule is a table and what follows -A CHAIN.
type rule struct{ table, chain, match string }

func (r rule) with(command string) []string {
	return append([]string{"-w", "-t", r.table, command, r.chain}, strings.Fields(r.match)...)
}

func iptablesRules(r contract.NetworkEnsure) []rule {
	rules := []rule{
		{"filter", "INPUT", fmt.Sprintf("-i %s -d 127.0.0.0/8 -j DROP", r.Bridge)},
	}
	if r.Internal {
		rules = append(rules,
			rule{"filter", "FORWARD", fmt.Sprintf("-i %[1]s ! -o %[1]s -j DROP", r.Bridge)},
			rule{"filter", "FORWARD", fmt.Sprintf("! -i %[1]s -o %[1]s -j DROP", r.Bridge)})
	}
	if !r.ICC {
		rules = append(rules, rule{"filter", "FORWARD", fmt.Sprintf("-i %[1]s -o %[1]s -j DROP", r.Bridge)})
	}
	// Traffic within the bridge ends here, so that the next rule means other bridges only.
	rules = append(rules,
		rule{"filter", "FORWARD", fmt.Sprintf("-i %[1]s -o %[1]s -j ACCEPT", r.Bridge)},
		rule{"filter", "FORWARD", fmt.Sprintf("-i berth-+ -o %s -j DROP", r.Bridge)})
	if r.Masquerade && !r.Internal {
		rules = append(rules, rule{"nat", "POSTROUTING", fmt.Sprintf("-s %s ! -o %s -j MASQUERADE", r.Subnet, r.Bridge)})
	}
	return rules
}

func run(program, input string, arguments ...string) error {
	command := exec.Command(program, arguments...)
	command.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := children.Run(command); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
