package layer

import (
	"archive/tar"
	"os"
	"path"
	"syscall"

	"berth/agent/contract"
	"berth/agent/sys"
	"berth/agent/tree"
)

// link makes a hard link; a target that only the parents have is copied up first, as a write through overlayfs would.
func (a *applier) link(name string, header *tar.Header) error {
	target, err := tree.Inside(header.Linkname)
	if err != nil {
		return err
	}
	info, err := os.Lstat(target)
	if err == nil && (info.IsDir() || tree.IsWhiteout(info.Sys().(*syscall.Stat_t))) {
		return contract.Errorf(contract.Invalid, "%q is a hard link to %q, which is no file", header.Name, header.Linkname)
	}
	if err == nil || contract.IsNotExist(err) {
		if folderErr := a.folder(path.Dir(target), header.Linkname); folderErr != nil {
			return folderErr
		}
	}
	if contract.IsNotExist(err) {
		err = a.copyUp(target, header)
	}
	if err != nil {
		return err
	}
	return os.Link(target, name)
}

func (a *applier) copyUp(target string, header *tar.Header) error {
	missing := contract.Errorf(contract.Invalid, "%q is a hard link to %q, which is not there", header.Name, header.Linkname)
	if a.parents == nil {
		return missing
	}
	below, err := sys.OpenBeneath(int(a.parents.Fd()), "."+target, syscall.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return missing
	}
	defer below.Close()
	info, err := below.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return missing
	}
	own, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	own.Mode = int64(info.Sys().(*syscall.Stat_t).Mode & 0o7777)
	tree.AddAttributes(own, sys.FileAttributes(below))
	if err := tree.CopyFile(target, below, false); err != nil {
		return err
	}
	return tree.SetAttributes(target, own)
}
