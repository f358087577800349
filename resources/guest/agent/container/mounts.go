package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sys"
	"berth/agent/tree"
)

// source makes sure that what a mount shows is there, and gives its path in the guest; 'volume' gives the folder of a
// volume that is a mount of its own.
func (m *Manager) source(mount contract.Mount, volume func(string, contract.VolumeOptions) (string, error)) (string, error) {
	switch mount.Type {
	case "volume":
		if mount.Options != nil {
			return volume(mount.Source, *mount.Options)
		}
		return m.Volumes.Create(mount.Source)
	case "bind":
		_, err := os.Stat(mount.Source)
		if errors.Is(err, fs.ErrNotExist) {
			if !mount.Create {
				return "", contract.Errorf(contract.Invalid, "invalid mount config for type \"bind\": bind source path does not exist: %s", mount.Source)
			}
			err = os.MkdirAll(mount.Source, 0o755)
		}
		return mount.Source, err
	}
	return "", contract.Errorf(contract.Invalid, "unknown mount type: %q", mount.Type)
}

// below opens what a subpath names in a volume.
func below(volume, subpath string) (*os.File, error) {
	folder, err := os.Open(volume)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	found, err := sys.OpenInRoot(int(folder.Fd()), subpath, sys.OPath, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot access path %s/%s: %w", volume, subpath, errors.Unwrap(err))
	}
	return found, nil
}

// bindMounts turns a start's mounts into the OCI spec's; empty volumes are filled from the root where they ask for it.
func (c *Container) bindMounts(root *os.File, mounts []contract.Mount) ([]object, error) {
	var all []object
	use := func(name string, options contract.VolumeOptions) (string, error) {
		return c.m.Volumes.Use(name, options, c.id)
	}
	for i, mount := range mounts {
		source, err := c.m.source(mount, use)
		if err != nil {
			return nil, err
		}
		if mount.Subpath != "" {
			if source, err = c.mountPart(i, source, mount.Subpath); err != nil {
				return nil, err
			}
		} else if mount.Type == "volume" && mount.CopyUp {
			if err := copyUp(root, mount.Destination, source); err != nil {
				return nil, fmt.Errorf("filling volume %s: %w", mount.Source, err)
			}
		}
		if err := checkPropagation(mount); err != nil {
			return nil, err
		}
		all = append(all, bindMount(source, mount.Destination, optionsOf(mount)...))
	}
	return all, nil
}

// mountPart binds a part of a volume to a place of the container's own, so that no link that is put into the volume
// meanwhile leads out of it.
func (c *Container) mountPart(i int, volume, subpath string) (string, error) {
	part, err := below(volume, subpath)
	if err != nil {
		return "", err
	}
	defer part.Close()
	info, err := part.Stat()
	if err != nil {
		return "", err
	}
	place := c.path(fmt.Sprintf("parts/%d", i))
	if err := os.MkdirAll(c.path("parts"), 0o700); err != nil {
		return "", err
	}
	if info.IsDir() {
		err = os.Mkdir(place, 0o700)
	} else {
		err = os.WriteFile(place, nil, 0o600)
	}
	if err != nil {
		return "", err
	}
	if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", part.Fd()), place, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return "", os.NewSyscallError("mount "+place, err)
	}
	return place, nil
}

func (c *Container) unmountParts() {
	parts, _ := os.ReadDir(c.path("parts"))
	for _, part := range parts {
		place := c.path("parts/" + part.Name())
		_ = syscall.Unmount(place, syscall.MNT_DETACH)
		_ = os.Remove(place)
	}
}

func optionsOf(mount contract.Mount) []string {
	options := []string{"rbind", "rprivate"}
	if mount.Type == "bind" {
		if !mount.Recursive {
			options[0] = "bind"
		}
		if mount.Propagation != "" {
			options[1] = mount.Propagation
		}
	}
	switch {
	case mount.ReadOnlyBelow:
		return append(options, "rro")
	case mount.ReadOnly:
		return append(options, "ro")
	}
	return options
}

// checkPropagation refuses a bind that is to pass mounts on where the guest's own mount does not.
func checkPropagation(mount contract.Mount) error {
	shared := strings.HasSuffix(mount.Propagation, "shared")
	if !shared && !strings.HasSuffix(mount.Propagation, "slave") {
		return nil
	}
	at, tags, err := sys.MountOf(mount.Source)
	if err != nil {
		return err
	}
	if strings.Contains(tags, "shared:") || !shared && strings.Contains(tags, "master:") {
		return nil
	}
	kind := "shared"
	if !shared {
		kind = "shared or slave"
	}
	return fmt.Errorf("path %s is mounted on %s but it is not a %s mount", mount.Source, at, kind)
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
