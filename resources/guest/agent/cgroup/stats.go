package cgroup

import (
	"os"
	"strconv"
	"strings"

	"berth/agent/contract"
)

const (
	// tick is what the kernel's USER_HZ of 100 makes of a clock tick, in nanoseconds.
	tick = 10_000_000
	// microsecond in nanoseconds.
	microsecond = 1000
)

// Stats reads the cgroup's figures; ok is false when it is not there (any more).
func (c *Cgroup) Stats() (stats *contract.ContainerStats, ok bool) {
	if _, err := os.Stat(c.dir("memory")); err != nil {
		return nil, false
	}
	stats = &contract.ContainerStats{At: contract.Now(), Networks: map[string]contract.InterfaceStats{}, Blkio: []contract.BlkioStats{}}
	if c.unified {
		c.stats2(stats)
	} else {
		c.stats1(stats)
	}
	return stats, true
}

func (c *Cgroup) stats2(s *contract.ContainerStats) {
	dir := c.dir("")
	cpu := keyed(dir + "/cpu.stat")
	s.CPUUsage, s.CPUUser, s.CPUSystem = cpu["usage_usec"]*microsecond, cpu["user_usec"]*microsecond, cpu["system_usec"]*microsecond
	s.Periods, s.ThrottledPeriods, s.ThrottledTime = cpu["nr_periods"], cpu["nr_throttled"], cpu["throttled_usec"]*microsecond
	s.MemoryUsage, s.MemoryMax, s.MemoryLimit = number(dir+"/memory.current"), number(dir+"/memory.peak"), number(dir+"/memory.max")
	s.MemoryStats = keyed(dir + "/memory.stat")
	delete(s.MemoryStats, "")
	s.MemoryFile = s.MemoryStats["inactive_file"]
	s.Pids, s.PidsLimit = number(dir+"/pids.current"), number(dir+"/pids.max")
	text, _ := os.ReadFile(dir + "/io.stat")
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		device := blkio(s, fields[0])
		for _, field := range fields[1:] {
			name, value, _ := strings.Cut(field, "=")
			n := parse(value)
			switch name {
			case "rbytes":
				device.ReadBytes = n
			case "wbytes":
				device.WriteBytes = n
			case "rios":
				device.Reads = n
			case "wios":
				device.Writes = n
			}
		}
	}
}

func (c *Cgroup) stats1(s *contract.ContainerStats) {
	s.CPUUsage = number(c.dir("cpuacct") + "/cpuacct.usage")
	text, _ := os.ReadFile(c.dir("cpuacct") + "/cpuacct.usage_percpu")
	for _, field := range strings.Fields(string(text)) {
		s.CPUEach = append(s.CPUEach, parse(field))
	}
	acct := keyed(c.dir("cpuacct") + "/cpuacct.stat")
	s.CPUUser, s.CPUSystem = acct["user"]*tick, acct["system"]*tick
	cpu := keyed(c.dir("cpu") + "/cpu.stat")
	s.Periods, s.ThrottledPeriods, s.ThrottledTime = cpu["nr_periods"], cpu["nr_throttled"], cpu["throttled_time"]
	memory := c.dir("memory")
	s.MemoryUsage, s.MemoryMax = number(memory+"/memory.usage_in_bytes"), number(memory+"/memory.max_usage_in_bytes")
	s.MemoryLimit = number(memory + "/memory.limit_in_bytes")
	s.MemoryStats = keyed(memory + "/memory.stat")
	s.MemoryFile = s.MemoryStats["total_inactive_file"]
	s.Pids, s.PidsLimit = number(c.dir("pids")+"/pids.current"), number(c.dir("pids")+"/pids.max")
	c.throttle(s, "io_service_bytes", func(d *contract.BlkioStats) (*int64, *int64) { return &d.ReadBytes, &d.WriteBytes })
	c.throttle(s, "io_serviced", func(d *contract.BlkioStats) (*int64, *int64) { return &d.Reads, &d.Writes })
}

func (c *Cgroup) throttle(s *contract.ContainerStats, file string, fields func(*contract.BlkioStats) (reads, writes *int64)) {
	text, _ := os.ReadFile(c.dir("blkio") + "/blkio.throttle." + file)
	for _, line := range strings.Split(string(text), "\n") {
		parts := strings.Fields(line)
		if len(parts) != 3 {
			continue
		}
		reads, writes := fields(blkio(s, parts[0]))
		switch parts[1] {
		case "Read":
			*reads = parse(parts[2])
		case "Write":
			*writes = parse(parts[2])
		}
	}
}

// blkio finds or adds the device named "major:minor".
func blkio(s *contract.ContainerStats, name string) *contract.BlkioStats {
	left, right, _ := strings.Cut(name, ":")
	major, _ := strconv.ParseInt(left, 10, 64)
	minor, _ := strconv.ParseInt(right, 10, 64)
	for i := range s.Blkio {
		if s.Blkio[i].Major == major && s.Blkio[i].Minor == minor {
			return &s.Blkio[i]
		}
	}
	s.Blkio = append(s.Blkio, contract.BlkioStats{Major: major, Minor: minor})
	return &s.Blkio[len(s.Blkio)-1]
}
