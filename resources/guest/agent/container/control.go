package container

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"berth/agent/contract"
	"berth/agent/host"
	"berth/agent/sys"
	"berth/agent/tree"
)

// Signal sends a signal to a container's first process. Not running: 'conflict'.
func (m *Manager) Signal(id string, signal syscall.Signal) error {
	c, r, err := m.running(id)
	if err != nil {
		return err
	}
	if err := r.process.Signal(signal); err == syscall.ESRCH {
		return contract.Errorf(contract.Conflict, "container %s is not running", id)
	} else if err != nil {
		return contract.Errorf(contract.Invalid, "signal %d: %v", signal, err)
	}
	if signal == syscall.SIGKILL {
		c.thaw(r)
	}
	return nil
}

// Stop sends a signal, waits up to timeout seconds (-1: for ever), then kills, and returns after the exit.
func (m *Manager) Stop(id string, signal syscall.Signal, timeout int) error {
	c, r, err := m.running(id)
	if err != nil {
		if contract.AsError(err).Kind == contract.Conflict {
			return nil
		}
		return err
	}
	_ = r.process.Signal(signal)
	// A frozen process takes no signal before it goes on.
	c.thaw(r)
	limit := time.Duration(timeout) * time.Second
	if r.ended(limit) {
		return nil
	}
	_ = r.process.Signal(syscall.SIGKILL)
	r.ended(-1)
	return nil
}

func (c *Container) thaw(r *run) {
	c.mu.Lock()
	paused := r.paused
	r.paused = false
	c.mu.Unlock()
	if paused {
		_ = r.cgroup.Freeze(false)
	}
}

// Freeze pauses a container or lets it go on.
func (m *Manager) Freeze(id string, frozen bool) error {
	c, r, err := m.running(id)
	if err != nil {
		return err
	}
	if err := r.cgroup.Freeze(frozen); err != nil {
		if frozen {
			_ = r.cgroup.Freeze(false)
		}
		return err
	}
	c.mu.Lock()
	r.paused = frozen
	c.mu.Unlock()
	return nil
}

// Update changes limits; resources is the OCI spec's linux.resources.
func (m *Manager) Update(id string, resources json.RawMessage) error {
	c, _, err := m.running(id)
	if err != nil {
		return err
	}
	file := c.path("resources.json")
	defer os.Remove(file)
	if err := os.WriteFile(file, resources, 0o600); err != nil {
		return err
	}
	return m.Runtime.Update(id, file, c.runtimeFiles())
}

// Resize sets the size of a container's terminal, or of an exec's. Without a terminal there is nothing to do.
func (m *Manager) Resize(id, exec string, rows, cols uint16) error {
	c, r, err := m.running(id)
	if err != nil {
		return err
	}
	hub := r.hub
	if exec != "" {
		c.mu.Lock()
		hub = r.execs[exec]
		c.mu.Unlock()
		if hub == nil {
			return contract.Errorf(contract.NotFound, "no such exec instance: %s", exec)
		}
	}
	if terminal := hub.Terminal(); terminal != nil {
		return sys.SetWindowSize(terminal, rows, cols)
	}
	return nil
}

// Sizes gives the bytes in the writable layers.
func (m *Manager) Sizes(ids []string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, id := range ids {
		c, err := m.get(id)
		if err != nil {
			return nil, err
		}
		if sizes[id], err = tree.Size(c.path("upper")); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// Stats gives the figures of running containers; others are left out.
func (m *Manager) Stats(ids []string) map[string]*contract.ContainerStats {
	all := map[string]*contract.ContainerStats{}
	for _, id := range ids {
		_, r, err := m.running(id)
		if err != nil {
			continue
		}
		if stats, ok := r.cgroup.Stats(); ok {
			stats.Networks = interfaces(fmt.Sprintf("/proc/%d/net/dev", r.process.Pid))
			stats.SystemCPU, _ = host.CPU()
			stats.OnlineCPUs = host.OnlineCPUs()
			all[id] = stats
		}
	}
	return all
}

// Top lists the processes of a container. Not running: 'conflict'.
func (m *Manager) Top(id string, args []string) (contract.Top, error) {
	_, r, err := m.running(id)
	if err != nil {
		return contract.Top{}, err
	}
	return host.Top(r.cgroup.Pids(), args)
}

// StopAll stops all containers at once.
func (m *Manager) StopAll(timeout int) {
	done := make(chan struct{})
	all := m.each()
	for _, c := range all {
		go func(id string) {
			_ = m.Stop(id, syscall.SIGTERM, timeout)
			done <- struct{}{}
		}(c.id)
	}
	for range all {
		<-done
	}
}
