package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sys"
	"berth/agent/tree"
)

// source makes sure that what a mount shows is there, and gives its path in the guest.
func (m *Manager) source(mount contract.Mount) (string, error) {
	switch mount.Type {
	case "volume":
		return m.Volumes.Create(mount.Source)
	case "bind":
		_, err := os.Stat(mount.Source)
		if errors.Is(err, fs.ErrNotExist) {
			if !mount.Create {
				return "", contract.Errorf(contract.Invalid, "bind source path does not exist: %s", mount.Source)
			}
			err = os.MkdirAll(mount.Source, 0o755)
		}
		return mount.Source, err
	}
	return "", contract.Errorf(contract.Invalid, "unknown mount type: %q", mount.Type)
}

// bindMounts turns a start's mounts into the OCI spec's; empty volumes are filled from the root where they ask for it.
func (m *Manager) bindMounts(root *os.File, mounts []contract.Mount) ([]object, error) {
	var all []object
	for _, mount := range mounts {
		source, err := m.source(mount)
		if err != nil {
			return nil, err
		}
		if mount.Type == "volume" && mount.CopyUp {
			if err := copyUp(root, mount.Destination, source); err != nil {
				return nil, fmt.Errorf("filling volume %s: %w", mount.Source, err)
			}
		}
		options := []string{"rbind", "rprivate"}
		if mount.Type == "bind" {
			if !mount.Recursive {
				options[0] = "bind"
			}
			if mount.Propagation != "" {
				options[1] = mount.Propagation
			}
		}
		if mount.ReadOnly {
			options = append(options, "ro")
		}
		all = append(all, bindMount(source, mount.Destination, options...))
	}
	return all, nil
}

// copyUp fills an empty volume with what the image has at its destination, owner and mode of the folder included.
func copyUp(root *os.File, destination, volume string) error {
	content, err := os.ReadDir(volume)
	if err != nil || len(content) > 0 {
		return err
	}
	from, err := sys.OpenInRoot(int(root.Fd()), destination, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil // the image has no such folder: the volume stays empty
	}
	defer from.Close()
	// The folder itself is reached through its descriptor; what is below it is never followed through links.
	return tree.CopyTree(fmt.Sprintf("/proc/self/fd/%d/.", from.Fd()), volume)
}
