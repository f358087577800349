package contract

import "encoding/json"

// LayerApply unpacks a tar, the input or a file, into a new layer; parents are top first.
type LayerApply struct {
	Op
	ID      string   `json:"id"`
	Parents []string `json:"parents"`
	File    string   `json:"file,omitempty"`
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
	Type          string         `json:"type"`
	Source        string         `json:"source"`
	Destination   string         `json:"destination"`
	ReadOnly      bool           `json:"readOnly"`
	ReadOnlyBelow bool           `json:"readOnlyBelow,omitempty"`
	CopyUp        bool           `json:"copyUp,omitempty"`
	Subpath       string         `json:"subpath,omitempty"`
	Options       *VolumeOptions `json:"options,omitempty"`
	Create        bool           `json:"create,omitempty"`
	Propagation   string         `json:"propagation,omitempty"`
	Recursive     bool           `json:"recursive,omitempty"`
}

// VolumeOptions make a volume a mount of its own, in mount(8)'s words.
type VolumeOptions struct {
	Type   string `json:"type"`
	Device string `json:"device"`
	O      string `json:"o"`
}

// SharedMemory is a /dev/shm that containers share: of 'size' bytes, or that of another container.
type SharedMemory struct {
	Size int64  `json:"size,omitempty"`
	Of   string `json:"of,omitempty"`
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

// Endpoint is a veth pair from a container into a bridge. Addresses have prefixes; gateways are the default routes over it.
type Endpoint struct {
	Name      string   `json:"name"`
	Bridge    string   `json:"bridge"`
	HostName  string   `json:"hostName"`
	MAC       string   `json:"mac"`
	Addresses []string `json:"addresses"`
	Gateways  []string `json:"gateways"`
	MTU       int      `json:"mtu"`
}

// Network says which network namespace a container gets.
type Network struct {
	Mode      string     `json:"mode"`
	NetworkOf string     `json:"networkOf,omitempty"`
	Endpoints []Endpoint `json:"endpoints"`
	DNS       bool       `json:"dns"`
}

// FileEdit changes the lines of a file that differ between before and after.
type FileEdit struct {
	Path   string `json:"path"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// ContainerNetwork is what a running container's network is to become.
type ContainerNetwork struct {
	Op
	ID      string     `json:"id"`
	Network Network    `json:"network"`
	Edits   []FileEdit `json:"edits"`
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
	Shm       *SharedMemory   `json:"shm,omitempty"`
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
	Prefix     string `json:"prefix,omitempty"`
}
