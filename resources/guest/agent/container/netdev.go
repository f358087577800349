package container

import (
	"os"
	"strconv"
	"strings"

	"berth/agent/contract"
)

// interfaces reads a proc(5) net/dev file; the loopback is left out.
func interfaces(path string) map[string]contract.InterfaceStats {
	all := map[string]contract.InterfaceStats{}
	text, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(text), "\n") {
		name, counters, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		fields := strings.Fields(counters)
		if !ok || name == "lo" || len(fields) < 12 {
			continue
		}
		var n [12]int64
		for i := range n {
			n[i], _ = strconv.ParseInt(fields[i], 10, 64)
		}
		all[name] = contract.InterfaceStats{
			RxBytes: n[0], RxPackets: n[1], RxErrors: n[2], RxDropped: n[3],
			TxBytes: n[8], TxPackets: n[9], TxErrors: n[10], TxDropped: n[11],
		}
	}
	return all
}
