// Package host tells what the guest is and what it uses.
package host

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"berth/agent/cgroup"
	"berth/agent/contract"
	"berth/agent/oci"
)

// BootID is the kernel's name for the time since it was booted.
func BootID() string { return line("/proc/sys/kernel/random/boot_id") }

// Facts describes the guest with its state in the folder root; found may be nil.
func Facts(found *oci.Runtime, root string) contract.Facts {
	memory := meminfo()
	facts := contract.Facts{
		Kernel: line("/proc/sys/kernel/osrelease"), OS: release("PRETTY_NAME", "Linux"), OSVersion: release("VERSION_ID", ""), Arch: runtime.GOARCH, Hostname: line("/proc/sys/kernel/hostname"),
		CPUs: runtime.NumCPU(), Memory: memory["MemTotal"], Swap: memory["SwapTotal"], Runtimes: []string{}, StorageDriver: "overlay2",
		Seccomp: exists("/proc/sys/kernel/seccomp/actions_avail"), AppArmor: line("/sys/module/apparmor/parameters/enabled") == "Y",
		SELinux: exists("/sys/fs/selinux/enforce"), CgroupNamespaces: exists("/proc/self/ns/cgroup"), FileSystem: fileSystem(root), Root: root,
		Forwarding: line("/proc/sys/net/ipv4/ip_forward") == "1", Controls: cgroup.Controls(),
		CPUList: line("/sys/devices/system/cpu/online"), MemoryNodes: memoryNodes(),
		Capabilities: capabilities(), Resolvers: resolvers(), Routes: routes(), Uptime: Uptime(),
	}
	facts.BootTime = time.Now().Add(-time.Duration(facts.Uptime * float64(time.Second))).UTC().Format(time.RFC3339)
	if found != nil {
		facts.Runtime, facts.RuntimeVersion, facts.Runtimes = found.Name, found.Version, found.Found
	}
	facts.Cgroup = "1"
	if cgroup.Unified() {
		facts.Cgroup = "2"
	}
	return facts
}

// Uptime is in seconds.
func Uptime() float64 {
	text, _, _ := strings.Cut(line("/proc/uptime"), " ")
	seconds, _ := strconv.ParseFloat(text, 64)
	return seconds
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// line is the first line of a file.
func line(path string) string {
	text, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}

// release reads a value of os-release(5).
func release(name, otherwise string) string {
	text, _ := os.ReadFile("/etc/os-release")
	for _, entry := range strings.Split(string(text), "\n") {
		if value := strings.TrimPrefix(entry, name+"="); value != entry {
			return strings.Trim(value, `"`)
		}
	}
	return otherwise
}

// memoryNodes are those of a NUMA machine; others have node 0 alone.
func memoryNodes() string {
	if nodes := line("/sys/devices/system/node/online"); nodes != "" {
		return nodes
	}
	return "0"
}

// fileSystem names the file system that holds a path, as Docker does.
func fileSystem(path string) string {
	names := map[uint32]string{
		0xef53: "extfs", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs", 0x2fc12fc1: "zfs", 0xf2f52010: "f2fs",
		0x6969: "nfs",
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return "<unknown>"
	}
	if name, ok := names[uint32(st.Type)]; ok {
		return name
	}
	return "<unknown>"
}

// meminfo is /proc/meminfo in bytes.
func meminfo() map[string]int64 {
	values := map[string]int64{}
	text, _ := os.ReadFile("/proc/meminfo")
	for _, entry := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(entry, ":")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err == nil {
			values[name] = kib << 10
		}
	}
	return values
}

func resolvers() []string {
	servers := []string{}
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return servers
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) >= 2 && fields[0] == "nameserver" {
			servers = append(servers, fields[1])
		}
	}
	return servers
}

// SetClock sets the guest's clock when it is off by more than 100 ms.
func SetClock(now time.Time) error {
	if off := time.Until(now); off < 100*time.Millisecond && off > -100*time.Millisecond {
		return nil
	}
	tv := syscall.NsecToTimeval(now.UnixNano())
	return syscall.Settimeofday(&tv)
}
