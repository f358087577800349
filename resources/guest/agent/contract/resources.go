package contract

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

// NetworkEnsure describes a bridge network; the addresses are the bridge's, with their prefixes.
type NetworkEnsure struct {
	Op
	Bridge     string   `json:"bridge"`
	Addresses  []string `json:"addresses"`
	MTU        int      `json:"mtu"`
	Masquerade bool     `json:"masquerade"`
	ICC        bool     `json:"icc"`
	Internal   bool     `json:"internal"`
	Exclusive  bool     `json:"exclusive"`
	DNS        bool     `json:"dns"`
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
	CPUEach          []int64                   `json:"cpuEach,omitempty"`
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

// DNSRequest is opened by the agent; the message is base64 of RFC 1035's. Container is ” for one that came to a bridge.
type DNSRequest struct {
	Op
	Container string `json:"container"`
	Bridge    string `json:"bridge"`
	Client    string `json:"client"`
	Transport string `json:"transport"`
	Message   string `json:"message"`
}

// DNSReply is the answer in the same form.
type DNSReply struct {
	Message string `json:"message"`
}
