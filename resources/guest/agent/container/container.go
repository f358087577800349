package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"berth/agent/cgroup"
	"berth/agent/children"
	"berth/agent/contract"
	"berth/agent/stdio"
)

// Container is one container. 'life' is held while its files are used or its state changes; 'mu' for a moment only.
type Container struct {
	m    *Manager
	id   string
	life sync.Mutex

	mu    sync.Mutex
	state *state
	run   *run
	io    *stdio.Hub
}

// run is a running container's live handles.
type run struct {
	process *children.Process
	cgroup  *cgroup.Cgroup
	hub     *stdio.Hub
	started time.Time
	exited  chan struct{}
	paused  bool
	execs   map[string]*stdio.Hub
	stopOOM func()
	// oomKills is the count that was told of; guarded by the container's mu.
	oomKills int64
}

// state is state.json: what must outlive the agent.
type state struct {
	contract.ContainerState
	CgroupPath   string              `json:"cgroupPath"`
	Endpoints    []contract.Endpoint `json:"endpoints,omitempty"`
	Files        []string            `json:"files,omitempty"`
	ReadOnlyRoot bool                `json:"readOnlyRoot,omitempty"`
}

const (
	statusRunning = "running"
	statusPaused  = "paused"
	statusExited  = "exited"
)

func newContainer(m *Manager, id string) *Container {
	return &Container{m: m, id: id, io: stdio.NewHub()}
}

func (c *Container) dir() string { return filepath.Join(c.m.Root, "containers", c.id) }

func (c *Container) path(name string) string { return filepath.Join(c.dir(), name) }

func (c *Container) current() *run {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run
}

// hub is that of the run, or of the next one.
func (c *Container) hub() *stdio.Hub {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.io
}

func (c *Container) publicState() (contract.ContainerState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == nil {
		return contract.ContainerState{}, false
	}
	public := c.state.ContainerState
	if c.run != nil && c.run.paused {
		public.Status = statusPaused
	}
	return public, true
}

// save writes state.json whole or not at all.
func (c *Container) save(s *state) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("state.json.new"), text, 0o600); err != nil {
		return err
	}
	return os.Rename(c.path("state.json.new"), c.path("state.json"))
}

// ensureDirs makes the folders of the writable layer.
func (c *Container) ensureDirs() error {
	if err := os.MkdirAll(c.dir(), 0o711); err != nil {
		return err
	}
	for _, name := range []string{"upper", "work", "merged", "files"} {
		if err := os.Mkdir(c.path(name), 0o755); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// drainLimit is how long others may keep a dead container's output open, as dockerd has it.
const drainLimit = 2 * time.Second

// waitForExit ends a run in the contract's order when its first process has exited.
func (c *Container) waitForExit(r *run) {
	code := r.process.Wait()
	finished := contract.Now()
	c.life.Lock()
	r.stopOOM()
	c.reportOOM(r)
	// Processes may be left where the container shares the guest's process namespace.
	cgroupErr := r.cgroup.Remove()
	r.hub.Drain(drainLimit)
	c.release()
	c.mu.Lock()
	s := *c.state
	s.Status, s.Pid, s.FinishedAt, s.ExitCode, s.OOMKilled = statusExited, 0, &finished, &code, r.oomKills > 0
	if cgroupErr != nil {
		s.Reason = cgroupErr.Error()
	}
	c.mu.Unlock()
	_ = c.save(&s)
	c.mu.Lock()
	c.state, c.run, c.io = &s, nil, stdio.NewHub()
	c.mu.Unlock()
	c.m.Emit(contract.Event{Type: "exit", ID: c.id, ExitCode: &code, OOMKilled: &s.OOMKilled, At: finished})
	r.hub.Finish()
	close(r.exited)
	c.life.Unlock()
}

// release takes back what a start made outside of the container's folder; all of it may be gone already.
func (c *Container) release() {
	if c.m.Runtime != nil {
		_ = c.m.Runtime.Forget(c.id)
	}
	c.unmount()
	c.releaseMounts()
	c.mu.Lock()
	s := c.state
	c.mu.Unlock()
	if s != nil {
		c.m.Networks.Release(c.id, s.Endpoints)
	}
}

// reportOOM emits an event when the kernel has killed more processes than were told of.
func (c *Container) reportOOM(r *run) {
	kills := r.cgroup.OOMKills()
	c.mu.Lock()
	more := kills > r.oomKills
	if more {
		r.oomKills = kills
	}
	c.mu.Unlock()
	if more {
		c.m.Emit(contract.Event{Type: "oom", ID: c.id, At: contract.Now()})
	}
}
