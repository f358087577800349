package container

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"

	"berth/agent/cgroup"
	"berth/agent/contract"
)

// killedCode is the exit code of a process that SIGKILL ended.
const killedCode = 137

// recover takes up what an earlier agent left. Containers that ran under it have lost their stdio with it, so they are
// killed and what they held is released.
func (m *Manager) recover() error {
	folder := filepath.Join(m.Root, "containers")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".removed-") {
			if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
			continue
		}
		c, err := m.get(entry.Name())
		if err != nil {
			continue // nothing of the agent's
		}
		// What can't be mended of one container must not keep the agent from the others.
		if err := c.recover(); err != nil {
			log.Printf("container %s: %v", entry.Name(), err)
		}
	}
	sockets, err := filepath.Glob(filepath.Join(m.Run, "tty", "*"))
	for _, socket := range sockets {
		_ = os.Remove(socket)
	}
	return err
}

func (c *Container) recover() error {
	s := &state{}
	text, err := os.ReadFile(c.path("state.json"))
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err == nil {
		c.state = s
	}
	s.CgroupPath = c.lastCgroup()
	if s.Status != statusRunning {
		// A start that was cut short may have left a mount and processes.
		c.release()
		return cgroup.New(s.CgroupPath).Remove()
	}
	group := cgroup.New(s.CgroupPath)
	kills := group.OOMKills()
	removed := group.Remove()
	c.release()
	code, now := killedCode, contract.Now()
	s.Status, s.Pid, s.FinishedAt, s.ExitCode, s.OOMKilled = statusExited, 0, &now, &code, kills > 0
	s.Reason = "the agent ended while the container was running"
	if err := c.save(s); err != nil {
		return err
	}
	return removed
}

// lastCgroup is that of the last start, also of one that was cut short before it was written down.
func (c *Container) lastCgroup() string {
	var spec struct{ Linux struct{ CgroupsPath string } }
	text, err := os.ReadFile(c.path("config.json"))
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err != nil || spec.Linux.CgroupsPath == "" {
		return defaultCgroup(c.id)
	}
	return spec.Linux.CgroupsPath
}
