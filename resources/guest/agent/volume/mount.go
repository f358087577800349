package volume

import (
	"fmt"
	"net"
	"strings"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sys"
)

// Use makes a volume and mounts it for a container; the first user's mount is shared by the others until Release. It gives
// the volume's folder.
func (s *Store) Use(name string, options contract.VolumeOptions, user string) (string, error) {
	folder, err := s.Create(name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users[name]) == 0 {
		if err := mount(folder, options); err != nil {
			return "", err
		}
		s.users[name] = map[string]bool{}
	}
	s.users[name][user] = true
	return folder, nil
}

// Look is Use for a thread with mounts of its own, which vanish with it.
func (s *Store) Look(name string, options contract.VolumeOptions) (string, error) {
	folder, err := s.Create(name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	mounted := len(s.users[name]) > 0
	s.mu.Unlock()
	if mounted {
		return folder, nil
	}
	return folder, mount(folder, options)
}

// Release gives back all volumes that a container uses; those that nobody uses any more are unmounted.
func (s *Store) Release(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, users := range s.users {
		if !users[user] {
			continue
		}
		if delete(users, user); len(users) == 0 {
			delete(s.users, name)
			s.unmount(name)
		}
	}
}

const umountNoFollow = 8

func (s *Store) unmount(name string) {
	for syscall.Unmount(s.folder(name), umountNoFollow) == nil {
	}
	_ = syscall.Unmount(s.folder(name), syscall.MNT_DETACH|umountNoFollow)
}

func mount(folder string, options contract.VolumeOptions) error {
	flags, data := sys.MountOptions(options.O)
	if options.Type == "nfs" || options.Type == "nfs4" || options.Type == "cifs" {
		data = resolveAddress(data)
	}
	if err := syscall.Mount(options.Device, folder, options.Type, flags, data); err != nil {
		return fmt.Errorf("error while mounting volume '%s': failed to mount local volume: mount %s:%s, data: %s: %w", folder, options.Device, folder, data, err)
	}
	// mount(2) takes no more than one of these at a time.
	if more := flags &^ (syscall.MS_BIND | syscall.MS_REC); flags&syscall.MS_BIND != 0 && more != 0 {
		if err := syscall.Mount("", folder, "", more|syscall.MS_BIND|syscall.MS_REMOUNT, ""); err != nil {
			_ = syscall.Unmount(folder, syscall.MNT_DETACH)
			return fmt.Errorf("error while mounting volume '%s': %w", folder, err)
		}
	}
	return nil
}

// resolveAddress puts an IP address in place of a host name after addr=, since the kernel knows no names.
func resolveAddress(data string) string {
	parts := strings.Split(data, ",")
	for i, part := range parts {
		host := strings.TrimPrefix(part, "addr=")
		if host == part || net.ParseIP(host) != nil {
			continue
		}
		if address, err := net.ResolveIPAddr("ip", host); err == nil {
			parts[i] = "addr=" + address.String()
		}
	}
	return strings.Join(parts, ",")
}
