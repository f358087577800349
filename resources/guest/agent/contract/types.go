package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Protocol is the contract's version.
const Protocol = 1

// Time is written as RFC 3339 in UTC with nine digits of a second, so that texts sort as times do.
type Time struct{ time.Time }

// MarshalJSON writes the nine-digit form.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000000000Z"`)), nil
}

// Now is the time now.
func Now() Time { return Time{time.Now()} }

// Op is part of every request: an OPEN frame carries the op's name beside the request's fields.
type Op struct {
	Op string `json:"op,omitempty"`
}

// Decode reads one JSON value strictly: unknown fields and trailing bytes are refused with kind 'invalid'.
func Decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return Errorf(Invalid, "bad request: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Errorf(Invalid, "bad request: bytes after the end")
	}
	return nil
}

// Empty is a request or a reply without fields.
type Empty struct{ Op }

// ID names a container.
type ID struct {
	Op
	ID string `json:"id"`
}

// IDs names layers or containers.
type IDs struct {
	Op
	IDs []string `json:"ids"`
}

// HelloRequest opens a session.
type HelloRequest struct {
	Op
	Protocol int  `json:"protocol"`
	Time     Time `json:"time"`
}

// Hello answers with all that the engine needs to reconcile.
type Hello struct {
	Protocol   int              `json:"protocol"`
	Agent      string           `json:"agent"`
	Facts      Facts            `json:"facts"`
	Layers     []string         `json:"layers"`
	Containers []ContainerState `json:"containers"`
}

// Facts describe the guest. Memory and swap are in bytes, uptime in seconds; routes are IPv4 networks in CIDR form.
type Facts struct {
	Kernel         string   `json:"kernel"`
	OS             string   `json:"os"`
	Arch           string   `json:"arch"`
	Hostname       string   `json:"hostname"`
	CPUs           int      `json:"cpus"`
	Memory         int64    `json:"memory"`
	Swap           int64    `json:"swap"`
	Cgroup         string   `json:"cgroup"`
	Runtime        string   `json:"runtime"`
	RuntimeVersion string   `json:"runtimeVersion"`
	Runtimes       []string `json:"runtimes"`
	StorageDriver  string   `json:"storageDriver"`
	Seccomp        bool     `json:"seccomp"`
	AppArmor       bool     `json:"apparmor"`
	Capabilities   []string `json:"capabilities"`
	Resolvers      []string `json:"resolvers"`
	// Controls are the limits that the kernel has, by the names of contract.json.
	Controls         []string `json:"controls"`
	CPUList          string   `json:"cpuList"`
	MemoryNodes      string   `json:"memoryNodes"`
	FileSystem       string   `json:"fileSystem"`
	Root             string   `json:"root"`
	OSVersion        string   `json:"osVersion"`
	SELinux          bool     `json:"selinux"`
	CgroupNamespaces bool     `json:"cgroupNamespaces"`
	Forwarding       bool     `json:"forwarding"`
	Routes           []string `json:"routes"`
	Uptime           float64  `json:"uptime"`
	BootTime         string   `json:"bootTime"`
}

// ContainerState is what the agent knows of a container that was started at least once.
type ContainerState struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	Pid        int    `json:"pid"`
	StartedAt  Time   `json:"startedAt"`
	FinishedAt *Time  `json:"finishedAt,omitempty"`
	ExitCode   *int   `json:"exitCode,omitempty"`
	OOMKilled  bool   `json:"oomKilled,omitempty"`
	// Reason tells why a container ended when it was not its own process that did.
	Reason string `json:"reason,omitempty"`
}

// Event is one line of the events op.
type Event struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Exec      string `json:"exec,omitempty"`
	ExitCode  *int   `json:"exitCode,omitempty"`
	OOMKilled *bool  `json:"oomKilled,omitempty"`
	At        Time   `json:"at"`
}

// Usage is what the whole guest uses: nanoseconds of CPU, bytes of memory and disk.
type Usage struct {
	At          Time    `json:"at"`
	CPUTotal    int64   `json:"cpuTotal"`
	CPUBusy     int64   `json:"cpuBusy"`
	MemoryTotal int64   `json:"memoryTotal"`
	MemoryUsed  int64   `json:"memoryUsed"`
	SwapTotal   int64   `json:"swapTotal"`
	SwapUsed    int64   `json:"swapUsed"`
	DiskTotal   int64   `json:"diskTotal"`
	DiskUsed    int64   `json:"diskUsed"`
	Load1       float64 `json:"load1"`
}

// CheckName refuses ids and names that would not be one plain part of a path.
func CheckName(what, name string) error {
	valid := len(name) > 0 && len(name) <= 128 && name[0] != '.' && name[0] != '-'
	for _, c := range []byte(name) {
		valid = valid && (c == '_' || c == '.' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !valid {
		return Errorf(Invalid, "invalid %s: %s", what, fmt.Sprintf("%q", name))
	}
	return nil
}
