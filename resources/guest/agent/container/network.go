package container

import (
	"fmt"
	"os"
	"strings"

	"berth/agent/contract"
)

// ChangeNetwork makes a running container's network into what is asked for; see container.network in contract.json.
func (m *Manager) ChangeNetwork(request *contract.ContainerNetwork) error {
	c, err := m.get(request.ID)
	if err != nil {
		return err
	}
	if request.Network.Mode != "bridge" {
		return contract.Errorf(contract.Invalid, "a network of mode %q can't be changed", request.Network.Mode)
	}
	c.life.Lock()
	defer c.life.Unlock()
	r := c.current()
	if r == nil {
		return contract.Errorf(contract.Conflict, "container %s is not running", request.ID)
	}
	c.mu.Lock()
	s := *c.state
	c.mu.Unlock()
	if err := m.Networks.Change(c.id, r.process.Pid, s.Endpoints, request.Network); err != nil {
		return err
	}
	s.Endpoints = request.Network.Endpoints
	_ = c.save(&s)
	c.mu.Lock()
	c.state = &s
	c.mu.Unlock()
	for _, edit := range request.Edits {
		if err := c.edit(s.Files, edit); err != nil {
			return fmt.Errorf("changing %s: %w", edit.Path, err)
		}
	}
	return nil
}

// edit changes one of the container's own files where it is: it is mounted by its inode.
func (c *Container) edit(files []string, edit contract.FileEdit) error {
	for i, path := range files {
		if path != edit.Path {
			continue
		}
		content, err := os.ReadFile(c.ownFile(i))
		if err != nil {
			return err
		}
		return os.WriteFile(c.ownFile(i), []byte(edited(string(content), edit.Before, edit.After)), 0o644)
	}
	return nil
}

// edited takes out of a text the lines that only 'before' has and appends those that only 'after' has.
func edited(text, before, after string) string {
	old, wanted := lines(before), lines(after)
	var result strings.Builder
	for _, line := range lines(text) {
		if !contains(old, line) || contains(wanted, line) {
			result.WriteString(line + "\n")
		}
	}
	for _, line := range wanted {
		if !contains(old, line) {
			result.WriteString(line + "\n")
		}
	}
	return result.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
