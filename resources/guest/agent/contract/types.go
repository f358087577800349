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
	SwapLimit      bool     `json:"swapLimit"`
	PidsLimit      bool     `json:"pidsLimit"`
	CPUCfsQuota    bool     `json:"cpuCfsQuota"`
	OOMKillDisable bool     `json:"oomKillDisable"`
	Routes         []string `json:"routes"`
	Uptime         float64  `json:"uptime"`
	BootTime       string   `json:"bootTime"`
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

// LayerApply unpacks a tar into a new layer; parents are top first.
type LayerApply struct {
	Op
	ID      string   `json:"id"`
	Parents []string `json:"parents"`
}

// Size is a number of bytes.
type Size struct {
	Size int64 `json:"size"`
}

// Sizes are numbers of bytes by name.
type Sizes struct {
	Sizes map[string]int64 `json:"sizes"`
}

// Root is a container's file system: its writable layer on its image's layers, top first.
type Root struct {
	ID     string   `json:"id"`
	Layers []string `json:"layers"`
}

// RootRequest asks about a root.
type RootRequest struct {
	Op
	Root Root `json:"root"`
}

// Change is a line of docker diff: kind 0 changed, 1 added, 2 removed.
type Change struct {
	Path string `json:"path"`
	Kind int    `json:"kind"`
}

// Changes are sorted by path.
type Changes struct {
	Changes []Change `json:"changes"`
}

// Mount is a volume of the agent's or a folder or file of the guest, put into a container.
type Mount struct {
	Type        string `json:"type"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	ReadOnly    bool   `json:"readOnly"`
	CopyUp      bool   `json:"copyUp,omitempty"`
	Create      bool   `json:"create,omitempty"`
	Propagation string `json:"propagation,omitempty"`
	Recursive   bool   `json:"recursive,omitempty"`
}

// File is written by the agent and bind-mounted into the container.
type File struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	Mode    uint32 `json:"mode"`
}

// Log says how a container's output is kept: maxSize in bytes for each file, -1 for no limit.
type Log struct {
	Driver  string `json:"driver"`
	MaxSize int64  `json:"maxSize"`
	MaxFile int    `json:"maxFile"`
}

// Endpoint is a veth pair from a container into a bridge.
type Endpoint struct {
	Name     string `json:"name"`
	Bridge   string `json:"bridge"`
	HostName string `json:"hostName"`
	MAC      string `json:"mac"`
	Address  string `json:"address"`
	Gateway  string `json:"gateway"`
	MTU      int    `json:"mtu"`
}

// Network says which network namespace a container gets.
type Network struct {
	Mode      string     `json:"mode"`
	NetworkOf string     `json:"networkOf,omitempty"`
	Endpoints []Endpoint `json:"endpoints"`
}

// ContainerStart is docker start in one trip.
type ContainerStart struct {
	Op
	ID        string          `json:"id"`
	Root      Root            `json:"root"`
	Spec      json.RawMessage `json:"spec"`
	User      string          `json:"user"`
	Groups    []string        `json:"groups"`
	TTY       bool            `json:"tty"`
	Rows      uint16          `json:"rows,omitempty"`
	Cols      uint16          `json:"cols,omitempty"`
	OpenStdin bool            `json:"openStdin"`
	StdinOnce bool            `json:"stdinOnce"`
	Init      bool            `json:"init"`
	Log       Log             `json:"log"`
	Files     []File          `json:"files"`
	Mounts    []Mount         `json:"mounts"`
	Network   Network         `json:"network"`
}

// Started tells of a process that runs.
type Started struct {
	Pid       int  `json:"pid"`
	StartedAt Time `json:"startedAt"`
}

// ContainerSignal sends a signal by number.
type ContainerSignal struct {
	Op
	ID     string `json:"id"`
	Signal int    `json:"signal"`
}

// ContainerStop waits 'timeout' seconds, -1 for ever, before SIGKILL.
type ContainerStop struct {
	Op
	ID      string `json:"id"`
	Signal  int    `json:"signal"`
	Timeout int    `json:"timeout"`
}

// ContainerUpdate carries the OCI spec's linux.resources.
type ContainerUpdate struct {
	Op
	ID        string          `json:"id"`
	Resources json.RawMessage `json:"resources"`
}

// ContainerResize is for the container's terminal, or an exec's.
type ContainerResize struct {
	Op
	ID   string `json:"id"`
	Exec string `json:"exec,omitempty"`
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// ContainerTop asks for the processes of a container.
type ContainerTop struct {
	Op
	ID   string   `json:"id"`
	Args []string `json:"args"`
}

// Top is a table of processes.
type Top struct {
	Titles    []string   `json:"titles"`
	Processes [][]string `json:"processes"`
}

// ExecStart runs one more process in a container.
type ExecStart struct {
	Op
	ID      string          `json:"id"`
	Exec    string          `json:"exec"`
	Process json.RawMessage `json:"process"`
	User    string          `json:"user"`
	Groups  []string        `json:"groups"`
	TTY     bool            `json:"tty"`
	Rows    uint16          `json:"rows,omitempty"`
	Cols    uint16          `json:"cols,omitempty"`
	Stdin   bool            `json:"stdin"`
	Stdout  bool            `json:"stdout"`
	Stderr  bool            `json:"stderr"`
	Detach  bool            `json:"detach"`
}

// Pid is a process as the guest sees it.
type Pid struct {
	Pid int `json:"pid"`
}

// Attach joins a container's stdio.
type Attach struct {
	Op
	ID     string `json:"id"`
	Stdin  bool   `json:"stdin"`
	Stdout bool   `json:"stdout"`
	Stderr bool   `json:"stderr"`
	Logs   bool   `json:"logs"`
	Stream bool   `json:"stream"`
}

// Logs reads a container's log; tail -1 is all of it.
type Logs struct {
	Op
	ID         string `json:"id"`
	Stdout     bool   `json:"stdout"`
	Stderr     bool   `json:"stderr"`
	Since      *Time  `json:"since,omitempty"`
	Until      *Time  `json:"until,omitempty"`
	Tail       int    `json:"tail"`
	Follow     bool   `json:"follow"`
	Timestamps bool   `json:"timestamps"`
	Raw        bool   `json:"raw"`
}

// Archive names a path inside a container's root with its mounts.
type Archive struct {
	Op
	Root   Root    `json:"root"`
	Mounts []Mount `json:"mounts"`
	Path   string  `json:"path"`
}

// ArchivePut unpacks a tar into a folder.
type ArchivePut struct {
	Archive
	NoOverwriteDirNonDir bool `json:"noOverwriteDirNonDir"`
	CopyUIDGID           bool `json:"copyUidGid"`
}

// PathStat is docker cp's stat; mode is Go's os.FileMode.
type PathStat struct {
	Name       string `json:"name"`
	Size       int64  `json:"size"`
	Mode       uint32 `json:"mode"`
	Mtime      Time   `json:"mtime"`
	LinkTarget string `json:"linkTarget"`
}

// Dial asks for a connection from the guest.
type Dial struct {
	Op
	Network string `json:"network"`
	Address string `json:"address"`
}

// NetworkEnsure describes a bridge network.
type NetworkEnsure struct {
	Op
	Bridge     string `json:"bridge"`
	Subnet     string `json:"subnet"`
	Gateway    string `json:"gateway"`
	MTU        int    `json:"mtu"`
	Masquerade bool   `json:"masquerade"`
	ICC        bool   `json:"icc"`
	Internal   bool   `json:"internal"`
}

// NetworkRemove names a bridge.
type NetworkRemove struct {
	Op
	Bridge string `json:"bridge"`
}

// Stats are the cgroup figures of running containers by id.
type Stats struct {
	Stats map[string]*ContainerStats `json:"stats"`
}

// ContainerStats: CPU in nanoseconds, memory in bytes, a limit of -1 is none.
type ContainerStats struct {
	At               Time                      `json:"at"`
	SystemCPU        int64                     `json:"systemCpu"`
	OnlineCPUs       int                       `json:"onlineCpus"`
	CPUUsage         int64                     `json:"cpuUsage"`
	CPUUser          int64                     `json:"cpuUser"`
	CPUSystem        int64                     `json:"cpuSystem"`
	Periods          int64                     `json:"periods"`
	ThrottledPeriods int64                     `json:"throttledPeriods"`
	ThrottledTime    int64                     `json:"throttledTime"`
	MemoryUsage      int64                     `json:"memoryUsage"`
	MemoryMax        int64                     `json:"memoryMax"`
	MemoryLimit      int64                     `json:"memoryLimit"`
	MemoryFile       int64                     `json:"memoryFile"`
	MemoryStats      map[string]int64          `json:"memoryStats"`
	Pids             int64                     `json:"pids"`
	PidsLimit        int64                     `json:"pidsLimit"`
	Networks         map[string]InterfaceStats `json:"networks"`
	Blkio            []BlkioStats              `json:"blkio"`
}

// InterfaceStats count from the container's side.
type InterfaceStats struct {
	RxBytes   int64 `json:"rxBytes"`
	RxPackets int64 `json:"rxPackets"`
	RxErrors  int64 `json:"rxErrors"`
	RxDropped int64 `json:"rxDropped"`
	TxBytes   int64 `json:"txBytes"`
	TxPackets int64 `json:"txPackets"`
	TxErrors  int64 `json:"txErrors"`
	TxDropped int64 `json:"txDropped"`
}

// BlkioStats are of one block device.
type BlkioStats struct {
	Major      int64 `json:"major"`
	Minor      int64 `json:"minor"`
	ReadBytes  int64 `json:"readBytes"`
	WriteBytes int64 `json:"writeBytes"`
	Reads      int64 `json:"reads"`
	Writes     int64 `json:"writes"`
}

// Volume names a volume.
type Volume struct {
	Op
	Name string `json:"name"`
}

// Volumes names volumes.
type Volumes struct {
	Op
	Names []string `json:"names"`
}

// Mountpoint is a path of the guest.
type Mountpoint struct {
	Mountpoint string `json:"mountpoint"`
}

// Shutdown gives containers 'timeout' seconds before SIGKILL.
type Shutdown struct {
	Op
	Timeout  int  `json:"timeout"`
	PowerOff bool `json:"powerOff"`
}

// DNSRequest is opened by the agent; the message is base64 of RFC 1035's.
type DNSRequest struct {
	Op
	Bridge  string `json:"bridge"`
	Client  string `json:"client"`
	Message string `json:"message"`
}

// DNSReply is the answer in the same form.
type DNSReply struct {
	Message string `json:"message"`
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
