// Package layer keeps image layers as folders in overlayfs's own form, and mounts them.
package layer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"berth/agent/contract"
)

// Store is the folder ROOT/layers.
type Store struct {
	dir     string
	folder  *os.File
	options string
	mounts  chan mountCall
	// boot is the kernel's boot id, "" on a file system of our own; see settle.
	boot     string
	flushing atomic.Bool
}

type mountCall struct {
	target, options string
	result          chan error
}

var layerID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// emptyLayer stands below images without layers: overlayfs wants at least one.
const emptyLayer = ".empty"

// Open makes the folder when it is missing and clears what an interrupted apply left. 'boot' is the kernel's boot id where
// others write to the file system too, "" where it is the agent's own.
func Open(dir, boot string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, emptyLayer), 0o755); err != nil {
		return nil, err
	}
	leftovers, err := filepath.Glob(filepath.Join(dir, ".tmp-*"))
	if err != nil {
		return nil, err
	}
	for _, leftover := range leftovers {
		if err := os.RemoveAll(leftover); err != nil {
			return nil, err
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, folder: folder, mounts: make(chan mountCall), boot: boot}
	// Features that would put more than the image form can say into writable layers.
	for _, feature := range []string{"index", "metacopy", "redirect_dir"} {
		if _, err := os.Stat("/sys/module/overlay/parameters/" + feature); err == nil {
			s.options += "," + feature + "=off"
		}
	}
	go s.serveMounts()
	return s, s.dropTorn()
}

// List names the layers that are there.
func (s *Store) List() ([]string, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, name := range names {
		if layerID.MatchString(name.Name()) {
			ids = append(ids, name.Name())
		}
	}
	return ids, nil
}

// Remove deletes layers; those not there are passed over. Each vanishes at once by a rename.
func (s *Store) Remove(ids []string) error {
	for _, id := range ids {
		if err := s.check(id); err != nil {
			return err
		}
		leaving := filepath.Join(s.dir, ".tmp-removed-"+id)
		if err := os.Rename(filepath.Join(s.dir, id), leaving); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			return err
		}
		if err := os.RemoveAll(leaving); err != nil {
			return err
		}
	}
	return nil
}

// Mount puts a writable overlay of the layers (top first) at target.
func (s *Store) Mount(layers []string, upper, work, target string) error {
	lower, err := s.lower(layers)
	if err != nil {
		return err
	}
	call := mountCall{target, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", lower, upper, work, s.options), make(chan error, 1)}
	s.mounts <- call
	return explain(<-call.result, upper)
}

// MountHere is Mount on the current thread, which must be in a sandbox; with upper "" the result is read-only.
func (s *Store) MountHere(layers []string, upper, work, target string) error {
	lower, err := s.lower(layers)
	if err != nil {
		return err
	}
	// By path, not by s.folder: that one is of the mount namespace outside, whose layers can't be mounted in here.
	if err := syscall.Chdir(s.dir); err != nil {
		return err
	}
	if upper == "" {
		if !strings.Contains(lower, ":") {
			lower += ":" + emptyLayer
		}
		return syscall.Mount("overlay", target, "overlay", syscall.MS_RDONLY, "lowerdir="+lower+s.options)
	}
	err = syscall.Mount("overlay", target, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", lower, upper, work, s.options))
	return explain(err, upper)
}

// Path is a layer's folder.
func (s *Store) Path(id string) string { return filepath.Join(s.dir, id) }

// lower lists layers by paths relative to the store, since mount options must fit into one page.
func (s *Store) lower(layers []string) (string, error) {
	for _, id := range layers {
		if err := s.check(id); err != nil {
			return "", err
		}
		if _, err := os.Lstat(s.Path(id)); err != nil {
			return "", contract.Errorf(contract.NotFound, "no such layer: %s", id)
		}
	}
	if len(layers) == 0 {
		return emptyLayer, nil
	}
	return strings.Join(layers, ":"), nil
}

func (s *Store) check(id string) error {
	if !layerID.MatchString(id) {
		return contract.Errorf(contract.Invalid, "invalid layer id: %q", id)
	}
	return nil
}

// serveMounts mounts from one thread whose working folder is the store.
func (s *Store) serveMounts() {
	runtime.LockOSThread()
	err := syscall.Unshare(syscall.CLONE_FS)
	if err == nil {
		err = syscall.Fchdir(int(s.folder.Fd()))
	}
	for call := range s.mounts {
		if err != nil {
			call.result <- err
			continue
		}
		call.result <- syscall.Mount("overlay", call.target, "overlay", 0, call.options)
	}
}

func explain(err error, upper string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EINVAL):
		var fs syscall.Statfs_t
		_ = syscall.Statfs(upper, &fs)
		return contract.Errorf(contract.Unsupported, "overlayfs cannot keep a writable layer in %s (file system type 0x%x): choose a data folder on ext4, xfs, btrfs or tmpfs", upper, uint32(fs.Type))
	case errors.Is(err, syscall.ENODEV):
		return contract.Errorf(contract.Unsupported, "this kernel has no overlayfs")
	}
	return fmt.Errorf("mounting the overlay: %w", err)
}

// Scratch calls f with a new empty folder beside the layers, which is removed afterwards, by the next Open at the latest.
func (s *Store) Scratch(f func(dir string) error) error {
	dir, err := os.MkdirTemp(s.dir, ".tmp-scratch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return f(dir)
}
