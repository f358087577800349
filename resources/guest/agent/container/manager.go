// Package container runs containers: their files, processes, stdio and state.
package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"berth/agent/contract"
	"berth/agent/layer"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/agent/volume"
)

// Options are what a Manager works with.
type Options struct {
	// Root is the folder of lasting state; its part containers/ is the manager's.
	Root string
	// Run is the folder of what lasts until the guest's next boot.
	Run      string
	Layers   *layer.Store
	Volumes  *volume.Store
	Networks *network.Manager
	Runtime  *oci.Runtime
	// RuntimeError is why Runtime is nil.
	RuntimeError error
	// Emit is called with each event, in order.
	Emit func(contract.Event)
}

// Manager knows all containers that have files or attached clients.
type Manager struct {
	Options
	mu         sync.Mutex
	containers map[string]*Container
}

// NewManager takes up the containers that an earlier agent left: those that ran then are ended (see recover.go).
func NewManager(options Options) (*Manager, error) {
	m := &Manager{Options: options, containers: map[string]*Container{}}
	for _, dir := range []string{filepath.Join(m.Root, "containers"), filepath.Join(m.Run, "tty")} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, err
		}
	}
	return m, m.recover()
}

// get gives a container, known or not.
func (m *Manager) get(id string) (*Container, error) {
	if err := contract.CheckName("container id", id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[id]
	if c == nil {
		c = newContainer(m, id)
		m.containers[id] = c
	}
	return c, nil
}

// running gives a running container's live handles, or 'conflict'.
func (m *Manager) running(id string) (*Container, *run, error) {
	c, err := m.get(id)
	if err != nil {
		return nil, nil, err
	}
	r := c.current()
	if r == nil {
		return nil, nil, contract.Errorf(contract.Conflict, "container %s is not running", id)
	}
	return c, r, nil
}

// each gives all known containers.
func (m *Manager) each() []*Container {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*Container, 0, len(m.containers))
	for _, c := range m.containers {
		all = append(all, c)
	}
	return all
}

// States lists the containers that were started at least once, by id.
func (m *Manager) States() []contract.ContainerState {
	states := []contract.ContainerState{}
	for _, c := range m.each() {
		if state, ok := c.publicState(); ok {
			states = append(states, state)
		}
	}
	sort.Slice(states, func(i, j int) bool { return states[i].ID < states[j].ID })
	return states
}

// mountedRoots are the overlays of running containers in the guest's own mount namespace.
func (m *Manager) mountedRoots() []string {
	var roots []string
	for _, c := range m.each() {
		if c.current() != nil {
			roots = append(roots, c.path("merged"))
		}
	}
	return roots
}

// Remove deletes a container's files. Running: 'conflict'; not there: no-op.
func (m *Manager) Remove(id string) error {
	c, err := m.get(id)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	if c.current() != nil {
		return contract.Errorf(contract.Conflict, "container %s is running", id)
	}
	m.mu.Lock()
	delete(m.containers, id)
	m.mu.Unlock()
	// Detached clients that wait for a start come to their end.
	c.hub().Finish()
	// Renamed first: a crash in between leaves nothing that looks like a container.
	leaving := filepath.Join(m.Root, "containers", ".removed-"+id)
	if err := os.Rename(c.dir(), leaving); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.RemoveAll(leaving)
}
