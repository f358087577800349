package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/agent/contract"
	"berth/agent/sys"
	"berth/agent/tree"
)

const (
	lowerID = "1111111111111111"
	upperID = "2222222222222222"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test needs root")
	}
	s, err := Open(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type entry struct {
	tar.Header
	content string
}

func pack(entries ...entry) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		if err := w.WriteHeader(&e.Header); err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			panic(err)
		}
	}
	w.Close()
	return out.Bytes()
}

func folder(name string) entry {
	return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}}
}
func file(name, content string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}
func symlink(name, target string) entry {
	return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}}
}
func hardlink(name, target string) entry {
	return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}}
}

func TestEvilLayers(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := pack(file("f", strings.Repeat("x", 5000)))
	for name, layer := range map[string][]byte{
		"climbs by ..":                        pack(file("../evil", "")),
		"climbs by .. in the middle":          pack(file("a/../../evil", "")),
		"absolute climb":                      pack(file("/../evil", "")),
		"child of an absolute link":           pack(symlink("l", filepath.Dir(outside)), file("l/outside", "evil")),
		"child of a relative link":            pack(symlink("l", "../../../../../.."+filepath.Dir(outside)), file("l/outside", "evil")),
		"child of a link to a folder":         pack(folder("real/"), symlink("l", "real"), file("l/x", "")),
		"folder over a link, then a child":    pack(symlink("l", filepath.Dir(outside)), symlink("l/sub", "x")),
		"hard link that climbs":               pack(hardlink("l", "../../../../../.."+outside)),
		"hard link through a link":            pack(symlink("d", filepath.Dir(outside)), hardlink("l", "d/outside")),
		"hard link to what is not there":      pack(hardlink("l", "nothing")),
		"hard link to a folder":               pack(folder("d/"), hardlink("l", "d")),
		"whiteout of ..":                      pack(file("a/.wh...", "")),
		"whiteout of nothing":                 pack(file(".wh.", "")),
		"whiteout through a link":             pack(symlink("l", filepath.Dir(outside)), file("l/.wh.outside", "")),
		"opaque through a link":               pack(symlink("l", filepath.Dir(outside)), file("l/.wh..wh..opq", "")),
		"a file replaced by a link in a path": pack(folder("d/"), file("d/x", "1"), symlink("d", filepath.Dir(outside)), file("d/outside", "evil")),
		"child of a file":                     pack(file("f", "1"), file("f/x", "2")),
		"the root as a file":                  pack(file(".", "x")),
		"cut in the content":                  whole[:3000],
		"cut in the header":                   whole[:300],
		"not a tar":                           bytes.Repeat([]byte("no tar at all, "), 500),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			_, err := s.Apply(upperID, nil, bytes.NewReader(layer))
			if kind := contract.AsError(orNil(err)).Kind; kind != contract.Invalid {
				t.Errorf("kind %q: %v", kind, err)
			}
			left, _ := os.ReadDir(s.dir)
			if len(left) != 1 || left[0].Name() != emptyLayer {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if content, _ := os.ReadFile(outside); string(content) != "untouched" {
		t.Errorf("the file outside is %q", content)
	}
}

func orNil(err error) error {
	if err == nil {
		return fmt.Errorf("no error")
	}
	return err
}

func TestGoodLayer(t *testing.T) {
	s := newStore(t)
	when := time.Unix(1_000_000_000, 0)
	long := strings.Repeat("long-name/", 20) + "file"
	setuid := file("bin/su", "#!")
	setuid.Uid, setuid.Gid, setuid.Mode, setuid.ModTime = 12, 34, 0o4755, when
	setuid.PAXRecords = map[string]string{"SCHILY.xattr.user.note": "hello", "SCHILY.xattr.trusted.overlay.opaque": "y"}
	old := folder("old/")
	old.ModTime, old.Mode = when, 0o1777
	size, err := s.Apply(lowerID, nil, bytes.NewReader(pack(
		old, file("old/child", "1"), setuid, hardlink("bin/su2", "bin/su"), hardlink("bin/su3", "/bin/su"), symlink("abs", "/etc/../../x"),
		entry{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3}},
		entry{Header: tar.Header{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o600}},
		file(long, "deep"), file("./dot/../dot2/f", "2"), file("twice", "first"), file("twice", "second"),
		folder("becomes-file/"), file("becomes-file/x", ""), file("becomes-file", "now"), file(".wh..wh.plnk", ""),
	)))
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(1 + 2 + int64(len("/etc/../../x")) + 4 + 1 + 5 + 6 + 3); size != want {
		t.Errorf("size %d, want %d", size, want)
	}
	at := func(name string) string { return filepath.Join(s.Path(lowerID), name) }
	var st syscall.Stat_t
	if err := syscall.Lstat(at("bin/su"), &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != 12 || st.Gid != 34 || st.Mode&0o7777 != 0o4755 || st.Nlink != 3 || int64(st.Mtim.Sec) != when.Unix() {
		t.Errorf("bin/su: %+v", st)
	}
	if note, _ := sys.Lgetxattr(at("bin/su"), "user.note"); string(note) != "hello" {
		t.Errorf("attribute %q", note)
	}
	if tree.IsOpaque(at("bin/su")) {
		t.Error("a tar's attribute became overlayfs's")
	}
	if err := syscall.Lstat(at("old"), &st); err != nil || int64(st.Mtim.Sec) != when.Unix() || st.Mode&0o7777 != 0o1777 {
		t.Errorf("old: %v %+v", err, st)
	}
	if err := syscall.Lstat(at("null"), &st); err != nil || st.Rdev != 1<<8|3 || st.Mode != syscall.S_IFCHR|0o666 {
		t.Errorf("null: %v %+v", err, st)
	}
	for name, want := range map[string]string{long: "deep", "dot2/f": "2", "twice": "second", "becomes-file": "now"} {
		if got, _ := os.ReadFile(at(name)); string(got) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if target, _ := os.Readlink(at("abs")); target != "/etc/../../x" {
		t.Errorf("abs: %q", target)
	}
}

func TestLayerOnParents(t *testing.T) {
	s := newStore(t)
	private := folder("private/")
	private.Mode, private.Uid = 0o700, 55
	capable := file("private/tool", "tool")
	capable.Mode = 0o755
	capable.PAXRecords = map[string]string{"SCHILY.xattr.user.note": "kept"}
	if _, err := s.Apply(lowerID, nil, bytes.NewReader(pack(private, capable, folder("gone/"), file("gone/x", ""), folder("hidden/"), file("hidden/a", ""), file("hidden/b", "")))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(upperID, []string{lowerID}, bytes.NewReader(pack(
		file("private/new", "n"), hardlink("private/tool2", "private/tool"), file(".wh.gone", ""), file("hidden/.wh..wh..opq", ""), file("hidden/c", ""),
	))); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(s.Path(upperID), name) }
	var st syscall.Stat_t
	if err := syscall.Lstat(at("private"), &st); err != nil || st.Mode&0o7777 != 0o700 || st.Uid != 55 {
		t.Errorf("a folder that only the parents name: %v %+v", err, st)
	}
	if err := syscall.Lstat(at("private/tool2"), &st); err != nil || st.Nlink != 2 || st.Mode&0o7777 != 0o755 {
		t.Errorf("a link to a parent's file: %v %+v", err, st)
	}
	if note, _ := sys.Lgetxattr(at("private/tool"), "user.note"); string(note) != "kept" {
		t.Errorf("copied up attribute: %q", note)
	}
	if err := syscall.Lstat(at("gone"), &st); err != nil || !tree.IsWhiteout(&st) {
		t.Errorf("gone: %v %+v", err, st)
	}
	if !tree.IsOpaque(at("hidden")) {
		t.Error("hidden is not opaque")
	}
	view, upper, work := t.TempDir(), t.TempDir(), t.TempDir()
	if err := s.Mount([]string{upperID, lowerID}, upper, work, view); err != nil {
		// Upper and work have to be on one file system that overlayfs likes.
		t.Fatal(err)
	}
	defer syscall.Unmount(view, 0)
	var names []string
	for _, pattern := range []string{"*", "*/*"} {
		found, _ := filepath.Glob(filepath.Join(view, pattern))
		for _, name := range found {
			names = append(names, strings.TrimPrefix(name, view))
		}
	}
	sort.Strings(names)
	if got := strings.Join(names, " "); got != "/hidden /hidden/c /private /private/new /private/tool /private/tool2" {
		t.Errorf("the merged view: %s", got)
	}
}

func TestWhiteoutThenEntry(t *testing.T) {
	s := newStore(t)
	if _, err := s.Apply(lowerID, nil, bytes.NewReader(pack(folder("d/"), file("d/old", "")))); err != nil {
		t.Fatal(err)
	}
	for i, layer := range [][]byte{
		pack(file(".wh.d", ""), folder("d/"), file("d/new", "")),
		pack(folder("d/"), file("d/new", ""), file(".wh.d", "")),
		pack(file(".wh.d", ""), file("d/new", "")),
	} {
		id := fmt.Sprintf("%016x", i+3)
		if _, err := s.Apply(id, []string{lowerID}, bytes.NewReader(layer)); err != nil {
			t.Fatal(err)
		}
		if !tree.IsOpaque(filepath.Join(s.Path(id), "d")) {
			t.Errorf("layer %d: the old folder shows through", i)
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	s, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Apply(upperID, nil, bytes.NewReader(pack(file("big", strings.Repeat("x", 2<<20)))))
	if kind := contract.AsError(orNil(err)).Kind; kind != contract.NoSpace {
		t.Errorf("kind %q: %v", kind, err)
	}
	if left, _ := s.List(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := s.Apply(upperID, nil, bytes.NewReader(pack(file("small", "x")))); err != nil {
		t.Errorf("after the full disk: %v", err)
	}
}

func TestSparse(t *testing.T) {
	s := newStore(t)
	const size = 64 << 20
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("end"), size-3)
	f.Close()
	// Packed by a real tar, since Go's package does not write sparse files.
	archive := filepath.Join(t.TempDir(), "a.tar")
	if out, err := exec.Command("tar", "-C", filepath.Dir(path), "--sparse", "-cf", archive, "sparse").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	in, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := s.Apply(upperID, nil, in); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(s.Path(upperID), "sparse"), &st); err != nil || st.Size != size || st.Blocks*512 > 1<<20 {
		t.Errorf("%v: size %d, %d bytes on disk", err, st.Size, st.Blocks*512)
	}
}
