package integration

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"berth/agent/contract"
)

func rootOf(id string) contract.Root { return contract.Root{ID: id, Layers: []string{baseLayer}} }

func (a *agent) put(id, path string, mounts []contract.Mount, content []byte) error {
	a.t.Helper()
	if mounts == nil {
		mounts = []contract.Mount{}
	}
	stream := a.open("archive.put", contract.ArchivePut{
		Archive: contract.Archive{Root: rootOf(id), Mounts: mounts, Path: path}, NoOverwriteDirNonDir: true,
	})
	_, _ = stream.Write(content)
	_ = stream.CloseWrite()
	return stream.Await(&contract.Empty{})
}

// get reads an archive and gives its entries by name, a file with its content, a link with its target.
func (a *agent) get(op string, request any) (map[string]string, error) {
	a.t.Helper()
	stream := a.open(op, request)
	var stat contract.PathStat
	var reply any = &stat
	if op != "archive.get" {
		reply = &contract.Empty{}
	}
	if err := stream.Await(reply); err != nil {
		return nil, err
	}
	return untar(a.t, stream), nil
}

func untar(t testing.TB, in io.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	reader := tar.NewReader(in)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		content, err := io.ReadAll(reader)
		must(t, err)
		if header.Linkname != "" {
			content = []byte("-> " + header.Linkname)
		}
		all[header.Name] = string(content)
	}
}

func (a *agent) getPath(id, path string) (map[string]string, error) {
	return a.get("archive.get", contract.Archive{Root: rootOf(id), Mounts: []contract.Mount{}, Path: path})
}

func names(entries map[string]string) string {
	var all []string
	for name := range entries {
		all = append(all, name)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

func TestCopyInAndOut(t *testing.T) {
	a := startAgent(t)
	secret := filepath.Join(a.dir, "secret")
	must(t, os.WriteFile(secret, []byte("the host's"), 0o600))
	for _, state := range []string{"stopped", "running"} {
		if state == "running" {
			a.start(request("a", "sleep", "100"))
		}
		must(t, a.put("a", "/tmp", nil, makeTar(dir("d/"), file("d/one", "1"), entry{Header: tar.Header{Name: "d/ln", Typeflag: tar.TypeSymlink, Linkname: "one"}})))
		got, err := a.getPath("a", "/tmp/d")
		must(t, err)
		equal(t, state+": names", names(got), "d/ d/ln d/one")
		equal(t, state+": content", got["d/one"], "1")
		equal(t, state+": link", got["d/ln"], "-> one")
		var stat contract.PathStat
		a.must("archive.stat", contract.Archive{Root: rootOf("a"), Mounts: []contract.Mount{}, Path: "/tmp/d/ln"}, &stat)
		equal(t, state+": stat", fmt.Sprint(stat.Name, " ", stat.LinkTarget, " ", os.FileMode(stat.Mode)), "ln /tmp/d/one Lrwxrwxrwx")
		_, err = a.getPath("a", "/nosuch")
		equal(t, state+": missing", kindOf(err), contract.NotFound)
		equal(t, state+": put into what is missing", kindOf(a.put("a", "/nosuch", nil, makeTar(file("x", "")))), contract.NotFound)
		equal(t, state+": put into a file", kindOf(a.put("a", "/etc/passwd", nil, makeTar(file("x", "")))), contract.Invalid)
		equal(t, state+": a file over a folder", kindOf(a.put("a", "/", nil, makeTar(file("tmp", "")))), contract.Invalid)
		equal(t, state+": a folder over a file", kindOf(a.put("a", "/etc", nil, makeTar(dir("passwd/")))), contract.Invalid)
		equal(t, state+": a name that climbs out", kindOf(a.put("a", "/tmp", nil, makeTar(file("../../x", "")))), contract.Invalid)
		equal(t, state+": cut short", kindOf(a.put("a", "/tmp", nil, makeTar(file("x", "0123456789"))[:515])), contract.Invalid)

		// A link out of the root leads back into it.
		must(t, a.put("a", "/tmp", nil, makeTar(entry{Header: tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../../../../../.." + a.dir}})))
		must(t, a.put("a", "/tmp", nil, makeTar(entry{Header: tar.Header{Name: "abs", Typeflag: tar.TypeSymlink, Linkname: secret}})))
		_, err = a.getPath("a", "/tmp/out/secret")
		equal(t, state+": get through an evil folder link", kindOf(err), contract.NotFound)
		got, err = a.getPath("a", "/tmp/abs")
		must(t, err)
		equal(t, state+": get of an evil link", got["abs"], "-> "+secret)
		equal(t, state+": put through an evil link", kindOf(a.put("a", "/tmp/out", nil, makeTar(file("x", "")))), contract.NotFound)
		must(t, a.put("a", "/tmp", nil, makeTar(file("out2/../abs", "replaced"))))
		content, err := os.ReadFile(secret)
		must(t, err)
		equal(t, state+": the host's file", string(content), "the host's")
	}
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9}, &contract.Empty{})
	_, out, _ := a.run(request("a", "cat", "/tmp/d/one"))
	equal(t, "the container sees it", out, "1")
}

func TestVolumes(t *testing.T) {
	a := startAgent(t)
	var made contract.Mountpoint
	a.must("volume.create", contract.Volume{Name: "data"}, &made)
	equal(t, "mountpoint", made.Mountpoint, filepath.Join(a.dir, "root/volumes/data/_data"))
	a.apply("00000000000000bb", []string{baseLayer}, makeTar(
		entry{Header: tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 33, Gid: 44}}, file("data/from-image", "x"), dir("data/sub/"), file("data/sub/deep", "y"),
		entry{Header: tar.Header{Name: "data/ln", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}}))
	volume := contract.Mount{Type: "volume", Source: "data", Destination: "/data", CopyUp: true}
	with := func(id, script string, mount contract.Mount) *contract.ContainerStart {
		r := sh(id, script)
		r.Root.Layers = []string{"00000000000000bb", baseLayer}
		r.Mounts = []contract.Mount{mount}
		return r
	}
	_, out, errOut := a.run(with("a", "stat -c '%a %u %g' /data; cat /data/from-image /data/sub/deep; readlink /data/ln; echo >>/data/sub/deep z", volume))
	equal(t, "filled from the image", out+errOut, "750 33 44\nxy/etc/passwd\n")
	_, out, _ = a.run(with("b", "cat /data/sub/deep", volume))
	equal(t, "kept", out, "yz\n")
	readOnly := volume
	readOnly.ReadOnly = true
	_, _, errOut = a.run(with("c", "touch /data/x", readOnly))
	equal(t, "read only", strings.Contains(errOut, "Read-only file system"), true)
	must(t, a.put("a", "/data", []contract.Mount{volume}, makeTar(file("copied", "in"))))
	content, err := os.ReadFile(filepath.Join(made.Mountpoint, "copied"))
	must(t, err)
	equal(t, "cp into a stopped container's volume", string(content), "in")
	err = a.put("a", "/data/sub", []contract.Mount{readOnly}, makeTar(file("copied", "in")))
	equal(t, "cp into a read-only volume", fmt.Sprint(kindOf(err), err), "forbiddenmounted volume is marked read-only")
	var sizes contract.Sizes
	a.must("volume.sizes", contract.Volumes{Names: []string{"data", "none"}}, &sizes)
	equal(t, "size", sizes.Sizes["data"], int64(len("x")+len("yz\n")+len("in")+len("/etc/passwd")))
	bind := contract.Mount{Type: "bind", Source: filepath.Join(a.dir, "made/here"), Destination: "/srv", Create: true, Propagation: "rprivate", Recursive: true}
	a.run(with("d", "echo x >/srv/f", bind))
	content, err = os.ReadFile(filepath.Join(a.dir, "made/here/f"))
	must(t, err)
	equal(t, "bind", string(content), "x\n")
	a.must("volume.remove", contract.Volume{Name: "data"}, &contract.Empty{})
	a.must("volume.remove", contract.Volume{Name: "data"}, &contract.Empty{})
	equal(t, "a name that climbs out", kindOf(a.call("volume.remove", contract.Volume{Name: ".."}, &contract.Empty{})), contract.Invalid)
}

func TestDiffChangesExport(t *testing.T) {
	a := startAgent(t)
	a.run(sh("a", "echo new >/etc/new; rm /etc/group; echo more >>/etc/passwd; mkdir /made; rm -r /root; mkdir /root; touch /root/x"))
	var changes contract.Changes
	a.must("container.changes", contract.RootRequest{Root: rootOf("a")}, &changes)
	var lines []string
	for _, change := range changes.Changes {
		lines = append(lines, "CAD"[change.Kind:][:1]+" "+change.Path)
	}
	equal(t, "changes", strings.Join(lines, ", "), "C /etc, D /etc/group, A /etc/new, C /etc/passwd, A /made, C /root, A /root/x")
	diff, err := a.get("layer.diff", contract.RootRequest{Root: rootOf("a")})
	must(t, err)
	equal(t, "diff", names(diff), "etc/ etc/.wh.group etc/new etc/passwd made/ root/ root/.wh..wh..opq root/x")
	export, err := a.get("container.export", contract.RootRequest{Root: rootOf("a")})
	must(t, err)
	equal(t, "export has what was made", export["etc/new"], "new\n")
	if _, there := export["etc/group"]; there {
		t.Error("export has what was removed")
	}
	stream := a.open("layer.diff", contract.RootRequest{Root: rootOf("a")})
	must(t, stream.Await(&contract.Empty{}))
	layer, err := io.ReadAll(stream)
	must(t, err)
	a.apply("00000000000000cc", []string{baseLayer}, layer)
	r := sh("b", "ls -d /etc/group /root/* /made; cat /etc/new")
	r.Root.Layers = []string{"00000000000000cc", baseLayer}
	_, out, _ := a.run(r)
	equal(t, "a container of the committed layer", out, "/made\n/root/x\nnew\n")
	var sizes contract.Sizes
	a.must("container.sizes", contract.IDs{IDs: []string{"a", "none"}}, &sizes)
	equal(t, "sizes", fmt.Sprint(sizes.Sizes["a"] > 0, sizes.Sizes["none"]), "true 0")
	a.start(request("c", "sleep", "100"))
	export, err = a.get("container.export", contract.RootRequest{Root: rootOf("c")})
	must(t, err)
	for name := range export {
		if strings.HasPrefix(name, "proc/") && name != "proc/" {
			t.Fatalf("export of a running container goes into its mounts: %s", name)
		}
	}
	a.must("container.stop", contract.ContainerStop{ID: "c", Signal: 9}, &contract.Empty{})
}

func TestManyLayers(t *testing.T) {
	a := startAgent(t)
	layers := []string{baseLayer}
	for i := 1; i < 127; i++ {
		id := fmt.Sprintf("%016x", 0x1000+i)
		a.apply(id, nil, makeTar(file("top", id)))
		layers = append([]string{id}, layers...)
	}
	r := request("a", "cat", "/top")
	r.Root.Layers = layers
	_, out, errOut := a.run(r)
	equal(t, "127 layers", out+errOut, layers[0])
	var hello contract.Hello
	a.must("hello", contract.HelloRequest{Protocol: 1, Time: contract.Now()}, &hello)
	equal(t, "layers", len(hello.Layers), 127)
	a.must("container.remove", contract.ID{ID: "a"}, &contract.Empty{})
	a.must("layer.remove", contract.IDs{IDs: append(layers, "ffffffffffffffff")}, &contract.Empty{})
	a.must("hello", contract.HelloRequest{Protocol: 1, Time: contract.Now()}, &hello)
	equal(t, "layers after removal", len(hello.Layers), 0)
	scratch := request("b", "x")
	scratch.Root.Layers = []string{}
	equal(t, "FROM scratch", kindOf(a.call("container.start", scratch, &contract.Started{})), contract.CommandNotFound)
}

func TestLayersOverTheSession(t *testing.T) {
	a := startAgent(t)
	evil := makeTar(file("ok", "1"), file("../../../etc/evil", "2"))
	_, err := a.tryApply("00000000000000dd", nil, evil)
	equal(t, "a layer that climbs out", kindOf(err), contract.Invalid)
	equal(t, "its message names the path", strings.Contains(fmt.Sprint(err), "../../../etc/evil"), true)
	cut := base[:len(base)/2]
	_, err = a.tryApply("00000000000000dd", nil, cut)
	equal(t, "a layer cut short", kindOf(err), contract.Invalid)
	left, err := filepath.Glob(filepath.Join(a.dir, "root/layers/*dd*"))
	must(t, err)
	hidden, err := filepath.Glob(filepath.Join(a.dir, "root/layers/.tmp*"))
	must(t, err)
	equal(t, "left behind", len(left)+len(hidden), 0)
	size := a.apply("00000000000000dd", nil, makeTar(file("f", "12345")))
	equal(t, "size", size.Size, int64(5))
	again := a.apply("00000000000000dd", nil, bytes.Repeat([]byte{0}, 4<<20))
	equal(t, "an id that is there takes all and keeps its size", again.Size, int64(5))
}
