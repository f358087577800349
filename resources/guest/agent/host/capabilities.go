package host

import (
	"os"
	"strconv"
	"strings"
)

// capabilityNames are in the order of linux/capability.h.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// capabilities are those that the agent has and can hand on: permitted and in the bounding set.
func capabilities() []string {
	names := []string{}
	held := ^uint64(0)
	text, _ := os.ReadFile("/proc/self/status")
	for _, entry := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(entry, ":\t")
		if name == "CapPrm" || name == "CapBnd" {
			mask, _ := strconv.ParseUint(value, 16, 64)
			held &= mask
		}
	}
	for bit, name := range capabilityNames {
		if held&(1<<uint(bit)) != 0 {
			names = append(names, "CAP_"+name)
		}
	}
	return names
}
