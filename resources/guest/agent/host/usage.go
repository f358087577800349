package host

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"berth/agent/contract"
)

// tick is a clock tick of /proc/stat in nanoseconds (USER_HZ is 100).
const tick = 10_000_000

// CPU gives the time that all processors have spent since boot, and the busy part of it, in nanoseconds.
func CPU() (total, busy int64) {
	fields := strings.Fields(line("/proc/stat"))
	for i := 1; i < len(fields) && i <= 8; i++ { // guest time is in user time already
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		total += n * tick
		if i != 4 && i != 5 { // idle, iowait
			busy += n * tick
		}
	}
	return total, busy
}

// OnlineCPUs is the number of processors that the agent may run on.
func OnlineCPUs() int { return runtime.NumCPU() }

// Usage is what the guest uses now; disk is the file system that holds root.
func Usage(root string) (contract.Usage, error) {
	memory := meminfo()
	total, busy := CPU()
	usage := contract.Usage{
		At: contract.Now(), CPUTotal: total, CPUBusy: busy,
		MemoryTotal: memory["MemTotal"], MemoryUsed: memory["MemTotal"] - memory["MemAvailable"],
		SwapTotal: memory["SwapTotal"], SwapUsed: memory["SwapTotal"] - memory["SwapFree"],
	}
	load, _, _ := strings.Cut(line("/proc/loadavg"), " ")
	usage.Load1, _ = strconv.ParseFloat(load, 64)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(root, &disk); err != nil {
		return usage, &os.PathError{Op: "statfs", Path: root, Err: err}
	}
	usage.DiskTotal = int64(disk.Blocks) * int64(disk.Bsize)
	usage.DiskUsed = int64(disk.Blocks-disk.Bfree) * int64(disk.Bsize)
	return usage, nil
}
