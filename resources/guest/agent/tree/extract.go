package tree

import (
	"archive/tar"
	"io"
	"os"
	"path"
	"strings"

	"berth/agent/contract"
)

// Inside turns a tar's name into an absolute path of the tree; a name that climbs out is refused.
func Inside(name string) (string, error) {
	depth := 0
	for _, part := range strings.Split(name, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "", contract.Errorf(contract.Invalid, "path %q climbs out of the root", name)
		}
	}
	if strings.ContainsRune(name, 0) {
		return "", contract.Errorf(contract.Invalid, "path %q holds a zero byte", name)
	}
	return path.Clean("/" + name), nil
}

// Extract makes the file, link, device or pipe that a tar's entry describes, with all its attributes. Nothing may be at the
// path yet. Folders and hard links are their callers' affair.
func Extract(path string, header *tar.Header, content io.Reader) error {
	var err error
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse:
		sparse := header.Typeflag == tar.TypeGNUSparse || header.PAXRecords["GNU.sparse.major"] != ""
		err = CopyFile(path, content, sparse)
	case tar.TypeSymlink:
		err = os.Symlink(header.Linkname, path)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		err = Mknod(path, header)
	default:
		return contract.Errorf(contract.Invalid, "%q has the unknown type %q", header.Name, string(header.Typeflag))
	}
	if err != nil {
		return err
	}
	return SetAttributes(path, header)
}
