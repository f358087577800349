package build

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"berth/agent/contract"
)

// maxLinks is how many links Linux follows on the way to one file.
const maxLinks = 40

// resolve follows the links in a path of the current root, as far as it is there; the rest stays as it is named.
func resolve(path string) (string, error) {
	path = filepath.Join("/", path)
	rest := ""
	for hops := 0; ; {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", contract.Errorf(contract.Invalid, "%v", err)
		}
		if target, err := os.Readlink(path); err == nil { // it leads to what is not there yet
			if hops++; hops > maxLinks {
				return "", contract.Errorf(contract.Invalid, "%s: %v", path, syscall.ELOOP)
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(path), target)
			}
			path = filepath.Clean(target)
			continue
		}
		rest = filepath.Join(filepath.Base(path), rest)
		path = filepath.Dir(path)
	}
}

// makeFolders makes a folder and those above it that are missing, all of one owner, with mode 0755.
func makeFolders(path string, who owner) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil || errors.Is(err, syscall.ENOTDIR) {
		return contract.Errorf(contract.Invalid, "mkdir %s: not a directory", path)
	}
	if err := makeFolders(filepath.Dir(path), who); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chown(path, who.uid, who.gid)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
