package layer

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"berth/agent/sandbox"
	"berth/agent/sys"
	"berth/agent/tree"
)

// Commit makes the folder of a writable layer, which nobody writes to any more, an image layer: it sends the layer's tar,
// then gives the folder the name that the tar's chain ID stands for ('below' is the chain ID of the layer under it, "" for
// none). A folder that changes nothing becomes no layer. 'begin' is told the bytes of the layer's files before the tar.
// The folder is gone after it.
func (s *Store) Commit(upper, below string, out io.Writer, begin func(size int64) error) error {
	size, err := tree.Size(upper)
	if err != nil {
		return err
	}
	if err := begin(size); err != nil {
		return err
	}
	hash := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, hash), tree.BufferSize)
	err = sandbox.Run(nil, func() error {
		folder, err := os.Open(upper)
		if err != nil {
			return err
		}
		defer folder.Close()
		if err := sandbox.Chroot(folder); err != nil {
			return err
		}
		return Diff("/", buffered)
	})
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(upper)
	if err != nil || len(entries) == 0 && !tree.IsOpaque(upper) {
		return err
	}
	id := chainID(below, hex.EncodeToString(hash.Sum(nil)))[:16]
	if _, err := os.Lstat(s.Path(id)); err == nil {
		return nil // the same layer on the same layers was made before
	}
	return s.settle(upper, id)
}

// chainID is the hex part of a layer's chain ID (OCI image spec, "Layer ChainID").
func chainID(below, diff string) string {
	if below == "" {
		return diff
	}
	sum := sha256.Sum256([]byte(below + " sha256:" + diff))
	return hex.EncodeToString(sum[:])
}

// RemoveStubs takes out of a writable layer the empty folders and files that were made only to mount something on them,
// with those above them that were made for their sake. Paths lead through no link.
func RemoveStubs(upper string, stubs []string) error {
	root, err := os.Open(upper)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, stub := range stubs {
		for path := filepath.Clean("/" + stub); path != "/"; path = filepath.Dir(path) {
			parent, err := sys.OpenBeneath(int(root.Fd()), "."+filepath.Dir(path), syscall.O_RDONLY|syscall.O_DIRECTORY)
			if err != nil {
				break
			}
			// What overlayfs copied up was there before.
			name := filepath.Join("/proc/self/fd", strconv.Itoa(int(parent.Fd())), filepath.Base(path))
			_, copied := sys.Lgetxattr(name, "trusted.overlay.origin")
			info, err := os.Lstat(name)
			removable := err == nil && !copied && (info.IsDir() || info.Mode().IsRegular() && info.Size() == 0)
			if removable {
				err = os.Remove(name)
			}
			parent.Close()
			if !removable || err != nil {
				break
			}
		}
	}
	return nil
}
