package container

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"berth/agent/archive"
	"berth/agent/contract"
	"berth/agent/layer"
	"berth/agent/mux"
	"berth/agent/sandbox"
	"berth/agent/sys"
)

// inRoot calls f in a sandbox whose root is the container's with its mounts: the running container's own, or one put
// together for f alone, which can't start meanwhile.
func (m *Manager) inRoot(root contract.Root, mounts []contract.Mount, f func() error) error {
	c, err := m.get(root.ID)
	if err != nil {
		return err
	}
	c.life.Lock()
	if r := c.current(); r != nil {
		c.life.Unlock()
		return sandbox.In(r.process.Pid, f)
	}
	defer c.life.Unlock()
	if err := c.ensureDirs(); err != nil {
		return err
	}
	return sandbox.Run(m.mountedRoots(), func() error {
		if err := m.Layers.MountHere(root.Layers, c.path("upper"), c.path("work"), c.path("merged")); err != nil {
			return err
		}
		folder, err := os.Open(c.path("merged"))
		if err != nil {
			return err
		}
		defer folder.Close()
		if err := m.mountHere(c, folder, mounts); err != nil {
			return err
		}
		if err := sandbox.Chroot(folder); err != nil {
			return err
		}
		return f()
	})
}

// mountHere mounts volumes, binds and the container's own files into a root that only the current thread sees.
func (m *Manager) mountHere(c *Container, root *os.File, mounts []contract.Mount) error {
	type place struct {
		source, destination string
		readOnly            bool
	}
	var places []place
	for _, mount := range mounts {
		source, err := m.source(mount, m.Volumes.Look)
		if err != nil {
			return err
		}
		if mount.Subpath != "" {
			part, err := below(source, mount.Subpath)
			if err != nil {
				return err
			}
			defer part.Close()
			source = fmt.Sprintf("/proc/self/fd/%d", part.Fd())
		}
		places = append(places, place{source, mount.Destination, mount.ReadOnly})
	}
	if c.state != nil {
		for i, path := range c.state.Files {
			places = append(places, place{c.ownFile(i), path, false})
		}
	}
	sort.SliceStable(places, func(i, j int) bool {
		return strings.Count(filepath.Clean(places[i].destination), "/") < strings.Count(filepath.Clean(places[j].destination), "/")
	})
	for _, p := range places {
		if info, err := os.Stat(p.source); err == nil && info.IsDir() {
			if err := makeFolder(root, p.destination); err != nil {
				return err
			}
		}
		at, err := sys.OpenInRoot(int(root.Fd()), p.destination, sys.OPath, 0)
		if err != nil {
			continue // a file's mount point is made by the first start
		}
		target := fmt.Sprintf("/proc/self/fd/%d", at.Fd())
		err = syscall.Mount(p.source, target, "", syscall.MS_BIND|syscall.MS_REC, "")
		at.Close()
		if err != nil {
			return fmt.Errorf("mounting %s: %w", p.destination, err)
		}
	}
	return nil
}

// Stat is docker cp's stat.
func (m *Manager) Stat(request *contract.Archive) (stat contract.PathStat, err error) {
	err = m.inRoot(request.Root, request.Mounts, func() (err error) {
		stat, err = archive.Stat(request.Path)
		return err
	})
	return stat, err
}

// Get sends a tar of a path; the reply is its stat.
func (m *Manager) Get(request *contract.Archive, stream *mux.Stream) error {
	return m.inRoot(request.Root, request.Mounts, func() error {
		stat, err := archive.Stat(request.Path)
		if err != nil {
			return err
		}
		if err := stream.Reply(stat); err != nil {
			return err
		}
		return archive.Get(request.Path, stream)
	})
}

// Put unpacks a tar into a folder. Into a read-only root or volume: 'forbidden' with dockerd's words.
func (m *Manager) Put(request *contract.ArchivePut, in io.Reader) error {
	c, err := m.get(request.Root.ID)
	if err != nil {
		return err
	}
	return m.inRoot(request.Root, request.Mounts, func() error {
		folder, err := archive.Folder(request.Path)
		if err != nil {
			return err
		}
		if err := c.writable(folder, request.Mounts); err != nil {
			return err
		}
		return archive.Put(folder, request.NoOverwriteDirNonDir, in)
	})
}

// writable refuses a folder that the container itself could not write to.
func (c *Container) writable(folder string, mounts []contract.Mount) error {
	longest, readOnly := -1, false
	for _, mount := range mounts {
		destination := filepath.Clean(mount.Destination)
		if (folder == destination || strings.HasPrefix(folder, destination+"/")) && len(destination) > longest {
			longest, readOnly = len(destination), mount.ReadOnly
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case readOnly:
		return contract.Errorf(contract.Forbidden, "mounted volume is marked read-only")
	case longest < 0 && c.state != nil && c.state.ReadOnlyRoot:
		return contract.Errorf(contract.Forbidden, "container rootfs is marked read-only")
	}
	return nil
}

// Diff sends the writable layer as a layer tar.
func (m *Manager) Diff(root contract.Root, stream *mux.Stream) error {
	c, err := m.withDirs(root.ID)
	if err != nil {
		return err
	}
	return sandbox.Run(m.mountedRoots(), func() error {
		if err := chrootTo(c.path("upper")); err != nil {
			return err
		}
		if err := stream.Reply(contract.Empty{}); err != nil {
			return err
		}
		return layer.Diff("/", stream)
	})
}

// Commit makes the writable layer of a container that does not run an image layer; its writable layer is empty then.
func (m *Manager) Commit(request *contract.LayerCommit, stream *mux.Stream) error {
	c, err := m.get(request.Root.ID)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	if c.current() != nil {
		return contract.Errorf(contract.Conflict, "container %s is running", c.id)
	}
	if err := c.ensureDirs(); err != nil {
		return err
	}
	if err := layer.RemoveStubs(c.path("upper"), request.Stubs); err != nil {
		return err
	}
	return m.Layers.Commit(c.path("upper"), request.Below, stream, func(size int64) error {
		return stream.Reply(contract.Size{Size: size})
	})
}

// Changes is docker diff.
func (m *Manager) Changes(root contract.Root) ([]contract.Change, error) {
	c, err := m.withDirs(root.ID)
	if err != nil {
		return nil, err
	}
	return m.Layers.Changes(root.Layers, c.path("upper"), c.path("merged"))
}

// Export sends the whole root file system without mounts as a tar.
func (m *Manager) Export(root contract.Root, stream *mux.Stream) error {
	c, err := m.withDirs(root.ID)
	if err != nil {
		return err
	}
	send := func() error {
		if err := stream.Reply(contract.Empty{}); err != nil {
			return err
		}
		return archive.Export(stream)
	}
	c.life.Lock()
	if c.current() == nil {
		c.life.Unlock()
		return m.inRoot(root, nil, send)
	}
	c.life.Unlock()
	var others []string
	for _, path := range m.mountedRoots() {
		if path != c.path("merged") {
			others = append(others, path)
		}
	}
	return sandbox.Run(others, func() error {
		if err := chrootTo(c.path("merged")); err != nil {
			return err
		}
		return send()
	})
}

func chrootTo(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return sandbox.Chroot(folder)
}

func (m *Manager) withDirs(id string) (*Container, error) {
	c, err := m.get(id)
	if err != nil {
		return nil, err
	}
	return c, c.ensureDirs()
}
