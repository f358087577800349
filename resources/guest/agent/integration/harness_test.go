// Package integration tests the built agent over its socket with real containers. It needs root, runc and, once, Debian's
// mirror for busybox-static.
package integration

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/agent/contract"
	"berth/agent/mux"
)

const baseLayer = "00000000000000aa"

var (
	agentBinary string
	base        []byte
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getuid() != 0 {
			fmt.Fprintln(os.Stderr, "these tests need root")
			return 1
		}
		if _, err := exec.LookPath("runc"); err != nil {
			fmt.Fprintln(os.Stderr, "these tests need runc: apt-get install runc")
			return 1
		}
		dir, err := os.MkdirTemp("", "berth-agent-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		agentBinary = filepath.Join(dir, "berth-agent")
		build := exec.Command("go", "build", "-o", agentBinary, "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the agent: %v\n%s", err, out)
			return 1
		}
		if base, err = busyboxLayer(); err != nil {
			fmt.Fprintln(os.Stderr, "the tests' root file system:", err)
			return 1
		}
		return m.Run()
	}())
}

// busyboxLayer makes a layer tar of Debian's busybox-static, which is kept in the cache folder.
func busyboxLayer() ([]byte, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "berth-agent-test")
	busybox := filepath.Join(cache, "root/bin/busybox")
	if _, err := os.Stat(busybox); err != nil {
		if err := os.MkdirAll(cache, 0o755); err != nil {
			return nil, err
		}
		for _, command := range []string{"apt-get download busybox-static", "dpkg -x busybox-static*.deb root"} {
			c := exec.Command("sh", "-c", command)
			c.Dir = cache
			if out, err := c.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %w: %s", command, err, out)
			}
		}
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, err
	}
	entries := []entry{
		dir("bin/"), dir("etc/"), {Header: tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}}, dir("proc/"), dir("sys/"), dir("dev/"), dir("root/"),
		{Header: tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, content: program},
		file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/bin/sh\n"),
		file("etc/group", "root:x:0:\nwww:x:33:\nextra:x:44:www\n"),
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			entries = append(entries, entry{Header: tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeLink, Linkname: "bin/busybox"}})
		}
	}
	return makeTar(entries...), nil
}

type entry struct {
	tar.Header
	content []byte
}

func dir(name string) entry {
	return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}}
}

func file(name, content string) entry {
	return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content: []byte(content)}
}

func makeTar(entries ...entry) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		if err := w.WriteHeader(&e.Header); err != nil {
			panic(err)
		}
		if _, err := w.Write(e.content); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// agent is a running agent with one session.
type agent struct {
	t       testing.TB
	dir     string
	command *exec.Cmd
	conn    *mux.Conn

	mu     sync.Mutex
	events []contract.Event
	news   chan struct{}
}

// startAgent starts an agent with the base layer applied; it ends with the test.
func startAgent(t testing.TB) *agent {
	t.Helper()
	folder, err := os.MkdirTemp("", "berth-agent-")
	must(t, err)
	a := &agent{t: t, dir: folder}
	a.launch()
	t.Cleanup(func() {
		a.call("shutdown", contract.Shutdown{Timeout: 0}, &contract.Empty{})
		_ = a.command.Wait()
		if out, _ := exec.Command("sh", "-c", "grep "+folder+" /proc/self/mountinfo").Output(); len(out) > 0 {
			t.Errorf("mounts are left: %s", out)
		}
		must(t, os.RemoveAll(folder))
	})
	a.apply(baseLayer, nil, base)
	return a
}

func (a *agent) launch() {
	a.t.Helper()
	socket := filepath.Join(a.dir, "agent.sock")
	a.command = exec.Command(agentBinary, "serve", "-root", filepath.Join(a.dir, "root"), "-listen", "unix:"+socket)
	a.command.Stderr = os.Stderr
	must(a.t, a.command.Start())
	a.conn = a.connect()
	a.news = make(chan struct{}, 1000)
	stream := a.open("events", contract.Empty{})
	must(a.t, stream.Await(&contract.Empty{}))
	go func() {
		decoder := json.NewDecoder(stream)
		for {
			var event contract.Event
			if decoder.Decode(&event) != nil {
				return
			}
			a.mu.Lock()
			a.events = append(a.events, event)
			a.mu.Unlock()
			a.news <- struct{}{}
		}
	}()
	hello := contract.Hello{}
	a.must("hello", contract.HelloRequest{Protocol: 1, Time: contract.Now()}, &hello)
}

// connect opens one more session.
func (a *agent) connect() *mux.Conn {
	a.t.Helper()
	for i := 0; ; i++ {
		socket, err := net.Dial("unix", filepath.Join(a.dir, "agent.sock"))
		if err != nil {
			if i > 500 {
				a.t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		conn := mux.New(socket, mux.Engine)
		go func() { _ = conn.Serve(a.answer) }()
		return conn
	}
}

// answer is the engine's part: DNS says back what it was asked, as an answer.
func (a *agent) answer(stream *mux.Stream) {
	var request contract.DNSRequest
	if err := contract.Decode(stream.Request, &request); err != nil {
		stream.Fail(err)
		return
	}
	_ = stream.Reply(contract.DNSReply{Message: request.Message})
	stream.Finish(false, false)
}

func withOp(op string, request any) any {
	text, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	fields["op"], _ = json.Marshal(op)
	return fields
}

func (a *agent) call(op string, request, reply any) error {
	return a.conn.Call(withOp(op, request), reply)
}

func (a *agent) must(op string, request, reply any) {
	a.t.Helper()
	if err := a.call(op, request, reply); err != nil {
		a.t.Fatalf("%s: %v", op, err)
	}
}

func (a *agent) open(op string, request any) *mux.Stream {
	a.t.Helper()
	stream, err := a.conn.Open(withOp(op, request))
	must(a.t, err)
	return stream
}

func (a *agent) apply(id string, parents []string, layer []byte) contract.Size {
	a.t.Helper()
	size, err := a.tryApply(id, parents, layer)
	if err != nil {
		a.t.Fatal(err)
	}
	return size
}

func (a *agent) tryApply(id string, parents []string, layer []byte) (contract.Size, error) {
	a.t.Helper()
	if parents == nil {
		parents = []string{}
	}
	stream := a.open("layer.apply", contract.LayerApply{ID: id, Parents: parents})
	go func() {
		_, _ = stream.Write(layer)
		_ = stream.CloseWrite()
	}()
	var size contract.Size
	return size, stream.Await(&size)
}

// request is a container.start of a shell script with everything else plain.
func request(id string, args ...string) *contract.ContainerStart {
	spec := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"args": args, "cwd": "/", "env": []string{"PATH=/bin"},
			"capabilities": map[string]any{"bounding": []string{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}, "effective": []string{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}, "permitted": []string{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}},
		},
		"root": map[string]any{"readonly": false}, "hostname": id,
		"mounts": []any{
			map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
			map[string]any{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755", "size=65536k"}},
			map[string]any{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		},
		"linux": map[string]any{
			"cgroupsPath": "/berth/" + id,
			"namespaces":  []any{map[string]any{"type": "pid"}, map[string]any{"type": "mount"}, map[string]any{"type": "ipc"}, map[string]any{"type": "uts"}, map[string]any{"type": "network"}},
		},
	}
	text, _ := json.Marshal(spec)
	return &contract.ContainerStart{
		ID: id, Root: contract.Root{ID: id, Layers: []string{baseLayer}}, Spec: text, Groups: []string{},
		Log: contract.Log{Driver: "json-file", MaxSize: -1, MaxFile: 1}, Files: []contract.File{}, Mounts: []contract.Mount{},
		Network: contract.Network{Mode: "none", Endpoints: []contract.Endpoint{}},
	}
}

func sh(id, script string) *contract.ContainerStart { return request(id, "sh", "-c", script) }

func (a *agent) start(request *contract.ContainerStart) contract.Started {
	a.t.Helper()
	var started contract.Started
	a.must("container.start", request, &started)
	return started
}

// exit waits for the next exit of a container and gives its event.
func (a *agent) exit(id string) contract.Event {
	a.t.Helper()
	return a.event("exit of "+id, func(e contract.Event) bool { return e.Type == "exit" && e.ID == id })
}

func (a *agent) execExit(name string) contract.Event {
	a.t.Helper()
	return a.event("exit of exec "+name, func(e contract.Event) bool { return e.Type == "execExit" && e.Exec == name })
}

func (a *agent) event(what string, wanted func(contract.Event) bool) contract.Event {
	a.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		a.mu.Lock()
		for i, event := range a.events {
			if wanted(event) {
				a.events = append(a.events[:i], a.events[i+1:]...)
				a.mu.Unlock()
				return event
			}
		}
		a.mu.Unlock()
		select {
		case <-a.news:
		case <-limit:
			a.t.Fatalf("there was no %s", what)
		}
	}
}

// run starts a container, waits for its end and gives its exit code and what it wrote to stdout and stderr.
func (a *agent) run(request *contract.ContainerStart) (code int, stdout, stderr string) {
	a.t.Helper()
	stream := a.attach(request.ID, false)
	a.start(request)
	out, errOut := demux(a.t, stream)
	return *a.exit(request.ID).ExitCode, out, errOut
}

func (a *agent) attach(id string, stdin bool) *mux.Stream {
	a.t.Helper()
	stream := a.open("attach", contract.Attach{ID: id, Stdin: stdin, Stdout: true, Stderr: true, Stream: true})
	must(a.t, stream.Await(&contract.Empty{}))
	return stream
}

// demux reads Docker's stdio framing to its end.
func demux(t testing.TB, in io.Reader) (stdout, stderr string) {
	t.Helper()
	var out [3]bytes.Buffer
	var header [8]byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("reading stdio: %v", err)
			}
			return out[1].String(), out[2].String()
		}
		if _, err := io.CopyN(&out[header[0]], in, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			t.Errorf("reading stdio: %v", err)
			return out[1].String(), out[2].String()
		}
	}
}

func (a *agent) logs(request contract.Logs) (stdout, stderr string) {
	a.t.Helper()
	request.Stdout, request.Stderr = true, true
	stream := a.open("logs", request)
	must(a.t, stream.Await(&contract.Empty{}))
	return demux(a.t, stream)
}

// exec runs a script in a container and gives its exit code and output.
func (a *agent) exec(id, name, script string) (code int, stdout, stderr string) {
	a.t.Helper()
	stream := a.open("exec.start", execRequest(id, name, script))
	_ = stream.CloseWrite()
	must(a.t, stream.Await(&contract.Pid{}))
	stdout, stderr = demux(a.t, stream)
	return *a.execExit(name).ExitCode, stdout, stderr
}

func execRequest(id, name, script string) contract.ExecStart {
	process, _ := json.Marshal(map[string]any{"args": []string{"sh", "-c", script}, "cwd": "/", "env": []string{"PATH=/bin"}})
	return contract.ExecStart{ID: id, Exec: name, Process: process, Groups: []string{}, Stdout: true, Stderr: true}
}

func kindOf(err error) contract.Kind {
	if err == nil {
		return ""
	}
	return contract.AsError(err).Kind
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
