package cgroup

import (
	"os"
	"strings"
)

// files1 are the files whose being there says that a version 1 hierarchy has a limit, below the mount point.
var files1 = []struct{ name, file string }{
	{"memory", "memory/memory.limit_in_bytes"},
	{"swap", "memory/memory.memsw.limit_in_bytes"},
	{"reservation", "memory/memory.soft_limit_in_bytes"},
	{"swappiness", "memory/memory.swappiness"},
	{"oomKillDisable", "memory/memory.oom_control"},
	{"kernelMemoryTcp", "memory/memory.kmem.tcp.limit_in_bytes"},
	{"cpuShares", "cpu/cpu.shares"},
	{"cpuQuota", "cpu/cpu.cfs_quota_us"},
	{"cpuRealtime", "cpu/cpu.rt_period_us"},
	{"cpuset", "cpuset/cpuset.cpus"},
	{"pids", "pids"},
	{"blkioThrottle", "blkio/blkio.throttle.read_bps_device"},
}

// controllers2 are the limits that each controller of version 2 brings.
var controllers2 = map[string][]string{
	"memory": {"memory", "swap", "reservation"},
	"cpu":    {"cpuShares", "cpuQuota"},
	"cpuset": {"cpuset"},
	"pids":   {"pids"},
	"io":     {"blkioWeight", "blkioWeightDevice", "blkioThrottle"},
}

// Controls names the limits that the kernel has here, in the words of contract.json.
func Controls() []string {
	found := []string{}
	if Unified() {
		text, _ := os.ReadFile(mountpoint + "/cgroup.controllers")
		for _, controller := range strings.Fields(string(text)) {
			found = append(found, controllers2[controller]...)
		}
		return found
	}
	for _, control := range files1 {
		if _, err := os.Stat(mountpoint + "/" + control.file); err == nil {
			found = append(found, control.name)
		}
	}
	return append(found, weights1()...)
}

// weights1 finds out whether version 1 has weights: their files are in no root cgroup, only below it. BFQ's weights of
// single devices work with devices that it schedules alone, so that they are left out.
func weights1() []string {
	probe := mountpoint + "/blkio/berth"
	if err := os.MkdirAll(probe, 0o755); err != nil {
		return nil
	}
	if _, err := os.Stat(probe + "/blkio.weight"); err == nil {
		return []string{"blkioWeight", "blkioWeightDevice"}
	}
	if _, err := os.Stat(probe + "/blkio.bfq.weight"); err == nil {
		return []string{"blkioWeight"}
	}
	return nil
}
