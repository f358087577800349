package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/agent/contract"
)

func TestOutputAndExitCode(t *testing.T) {
	a := startAgent(t)
	code, out, errOut := a.run(sh("a", "echo one; echo two >&2; exit 3"))
	equal(t, "exit code", code, 3)
	equal(t, "stdout", out, "one\n")
	equal(t, "stderr", errOut, "two\n")
	for i := 0; i < 10; i++ {
		_, out, _ = a.run(request("a", "echo", "hello"))
		equal(t, "output of a short command", out, "hello\n")
	}
	code, _, _ = a.run(sh("a", "kill -KILL $$"))
	equal(t, "a signal to itself as init is ignored by the kernel, so this ends by itself", code, 0)
	code, _, _ = a.run(sh("a", "sh -c 'kill -9 $$'; echo $? >&2; exit 5"))
	equal(t, "exit code", code, 5)
	out, _ = a.logs(contract.Logs{ID: "a", Tail: -1})
	equal(t, "the log goes over all runs", out, "one\n"+strings.Repeat("hello\n", 10))
}

func TestStartErrors(t *testing.T) {
	a := startAgent(t)
	var started contract.Started
	start := func(r *contract.ContainerStart) error { return a.call("container.start", r, &started) }
	equal(t, "no such command", kindOf(start(request("a", "nosuch"))), contract.CommandNotFound)
	equal(t, "no such file", kindOf(start(request("a", "/nosuch"))), contract.CommandNotFound)
	equal(t, "a file without x", kindOf(start(request("a", "/etc/passwd"))), contract.CommandNotExecutable)
	unknown := request("a", "true")
	unknown.User = "nosuch"
	err := start(unknown)
	equal(t, "unknown user", kindOf(err), contract.Invalid)
	equal(t, "its message", fmt.Sprint(err), "unable to find user nosuch: no matching entries in passwd file")
	missing := request("a", "true")
	missing.Root.Layers = []string{"ffffffffffffffff"}
	equal(t, "missing layer", kindOf(start(missing)), contract.NotFound)
	bind := request("a", "true")
	bind.Mounts = []contract.Mount{{Type: "bind", Source: "/no/such/folder", Destination: "/x"}}
	equal(t, "missing bind source", kindOf(start(bind)), contract.Invalid)
	equal(t, "bad id", kindOf(start(request("../a", "true"))), contract.Invalid)
	bridge := request("a", "true")
	bridge.Network = contract.Network{Mode: "bridge", Endpoints: []contract.Endpoint{{Name: "eth0", Bridge: "berth-none", HostName: "vethnone", Addresses: []string{"10.1.2.3/24"}, Gateways: []string{}, MTU: 1500}}}
	equal(t, "missing bridge", kindOf(start(bridge)), contract.NotFound)
	equal(t, "a pause of what does not run", kindOf(a.call("container.pause", contract.ID{ID: "a"}, &contract.Empty{})), contract.Conflict)
	equal(t, "an unknown op", kindOf(a.call("nosuch", contract.Empty{}, &contract.Empty{})), contract.Unsupported)
	equal(t, "an unknown field", kindOf(a.call("sync", map[string]int{"x": 1}, &contract.Empty{})), contract.Invalid)
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); bytes.Contains(mounts, []byte(a.dir)) {
		t.Error("a failed start left a mount")
	}
	code, _, _ := a.run(request("a", "true"))
	equal(t, "a start after failed ones", code, 0)
}

func TestUserHomeCwdFiles(t *testing.T) {
	a := startAgent(t)
	r := sh("a", "id; echo $HOME; pwd; cat /etc/hostname; stat -c %a /etc/hostname")
	r.User, r.Groups = "www", []string{"77"}
	r.Spec = bytes.Replace(r.Spec, []byte(`"cwd":"/"`), []byte(`"cwd":"/new/work"`), 1)
	r.Files = []contract.File{{Path: "/etc/hostname", Content: "berth\n", Mode: 0o640}}
	r.Spec = bytes.Replace(r.Spec, []byte(`cat /etc/hostname; `), nil, 1)
	_, out, errOut := a.run(r)
	equal(t, "identity", out, "uid=33(www) gid=33(www) groups=33(www),44(extra),77\n/var/www\n/new/work\n640\n")
	equal(t, "stderr", errOut, "")
	number := sh("b", "id -u; id -g; echo $HOME")
	number.User = "1234:extra"
	_, out, _ = a.run(number)
	equal(t, "numeric user with a group's name", out, "1234\n44\n/\n")
}

func TestSignalsAndStop(t *testing.T) {
	a := startAgent(t)
	a.start(sh("a", "trap 'exit 42' TERM; while :; do sleep 0.05; done"))
	a.start(sh("b", "trap '' TERM; while :; do sleep 1; done"))
	a.waitFor("a", "trap set", func() bool { return caught(a.pid("a"), 15) })
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 15, Timeout: -1}, &contract.Empty{})
	equal(t, "its own exit code", *a.exit("a").ExitCode, 42)
	a.must("container.stop", contract.ContainerStop{ID: "b", Signal: 15, Timeout: 0}, &contract.Empty{})
	equal(t, "killed", *a.exit("b").ExitCode, 137)
	a.must("container.stop", contract.ContainerStop{ID: "b", Signal: 15, Timeout: 0}, &contract.Empty{})
	equal(t, "a signal to what does not run", kindOf(a.call("container.signal", contract.ContainerSignal{ID: "b", Signal: 9}, &contract.Empty{})), contract.Conflict)
	a.start(request("c", "sleep", "100"))
	equal(t, "remove of a running one", kindOf(a.call("container.remove", contract.ID{ID: "c"}, &contract.Empty{})), contract.Conflict)
	a.must("container.pause", contract.ID{ID: "c"}, &contract.Empty{})
	equal(t, "status", a.state("c").Status, "paused")
	a.must("container.resume", contract.ID{ID: "c"}, &contract.Empty{})
	equal(t, "status", a.state("c").Status, "running")
	a.must("container.pause", contract.ID{ID: "c"}, &contract.Empty{})
	a.must("container.stop", contract.ContainerStop{ID: "c", Signal: 9, Timeout: 5}, &contract.Empty{})
	equal(t, "a paused one is killed", *a.exit("c").ExitCode, 137)
	a.must("container.remove", contract.ID{ID: "c"}, &contract.Empty{})
	a.must("container.remove", contract.ID{ID: "c"}, &contract.Empty{})
	if _, err := os.Stat(filepath.Join(a.dir, "root/containers/c")); !os.IsNotExist(err) {
		t.Error("the container's folder is still there")
	}
}

func TestStdin(t *testing.T) {
	a := startAgent(t)
	r := request("a", "cat")
	r.OpenStdin, r.StdinOnce = true, true
	stream := a.attach("a", true)
	_, _ = io.WriteString(stream, "before the start\n")
	a.start(r)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	go func() {
		_, _ = io.WriteString(stream, big)
		_ = stream.CloseWrite()
	}()
	out, _ := demux(t, stream)
	equal(t, "all comes back", out == "before the start\n"+big, true)
	equal(t, "exit code", *a.exit("a").ExitCode, 0)
	closed := request("b", "cat")
	code, out, _ := a.run(closed)
	equal(t, "without stdin it is empty", fmt.Sprint(code, out), "0")
}

func TestTerminal(t *testing.T) {
	a := startAgent(t)
	r := sh("a", "stty size; read line; stty size; echo got $line; read line; echo bye")
	r.TTY, r.OpenStdin, r.Rows, r.Cols = true, true, 33, 77
	first, second := a.attach("a", true), a.attach("a", true)
	a.start(r)
	expect(t, first, "33 77\r\n")
	a.must("container.resize", contract.ContainerResize{ID: "a", Rows: 40, Cols: 120}, &contract.Empty{})
	_, _ = io.WriteString(first, "x\n")
	expect(t, first, "x\r\n40 120\r\ngot x\r\n")
	must(t, first.CloseWrite())
	_, _ = io.WriteString(second, "y\n")
	rest, err := io.ReadAll(second)
	must(t, err)
	equal(t, "the other client, whose input goes on", string(rest), "33 77\r\nx\r\n40 120\r\ngot x\r\ny\r\nbye\r\n")
	equal(t, "exit code", *a.exit("a").ExitCode, 0)
}

func TestThreeClients(t *testing.T) {
	a := startAgent(t)
	r := sh("a", "read line; echo $line; read line; echo $line; seq 1 20000")
	r.OpenStdin = true
	first, second, third := a.attach("a", true), a.attach("a", false), a.attach("a", false)
	a.start(r)
	_, _ = io.WriteString(first, "one\n")
	var head [8 + 4]byte
	for _, stream := range []io.Reader{first, second, third} {
		_, err := io.ReadFull(stream, head[:])
		must(t, err)
		equal(t, "what all see", string(head[8:]), "one\n")
	}
	third.Reset(fmt.Errorf("this client leaves"))
	late := a.open("attach", contract.Attach{ID: "a", Stdout: true, Stderr: true, Logs: true, Stream: true})
	must(t, late.Await(&contract.Empty{}))
	_, _ = io.WriteString(first, "two\n")
	want := "two\n" + sequence(20000)
	for name, stream := range map[string]io.Reader{"first": first, "second": second} {
		out, _ := demux(t, stream)
		equal(t, name+" sees the rest", out == want, true)
	}
	out, _ := demux(t, late)
	equal(t, "one who joins late with logs sees all", out == "one\n"+want, true)
	a.exit("a")
}

func TestInit(t *testing.T) {
	a := startAgent(t)
	r := sh("a", "cat /proc/1/comm; exit 7")
	r.Init, r.User = true, "www"
	code, out, errOut := a.run(r)
	equal(t, "init", fmt.Sprint(code, " ", out, errOut), "7 docker-init\n")
	forwarded := sh("b", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
	forwarded.Init = true
	a.start(forwarded)
	a.waitFor("b", "the trap", func() bool {
		top := contract.Top{}
		a.must("container.top", contract.ContainerTop{ID: "b", Args: []string{}}, &top)
		for _, process := range top.Processes {
			if strings.HasPrefix(process[7], "sh ") {
				return caught(atoi(process[1]), 15)
			}
		}
		return false
	})
	a.must("container.signal", contract.ContainerSignal{ID: "b", Signal: 15}, &contract.Empty{})
	equal(t, "the signal was passed on", *a.exit("b").ExitCode, 9)
	code, _, _ = a.run(func() *contract.ContainerStart { r := request("c", "nosuch"); r.Init = true; return r }())
	equal(t, "no such command under the init", code, 127)
}

func TestExec(t *testing.T) {
	a := startAgent(t)
	equal(t, "exec in what does not run", kindOf(a.open("exec.start", execRequest("a", "e0", "true")).Await(&contract.Pid{})), contract.Conflict)
	a.start(request("a", "sleep", "100"))
	code, out, errOut := a.exec("a", "e1", "echo out; echo err >&2; exit 4")
	equal(t, "exec", fmt.Sprint(code, out, errOut), "4out\nerr\n")
	missing := execRequest("a", "e2", "")
	missing.Process = []byte(`{"args":["nosuch"],"cwd":"/","env":["PATH=/bin"]}`)
	equal(t, "no such command", kindOf(a.open("exec.start", missing).Await(&contract.Pid{})), contract.CommandNotFound)
	asUser := execRequest("a", "e3", "id -u; cat")
	asUser.User, asUser.Stdin = "www", true
	stream := a.open("exec.start", asUser)
	_, _ = io.WriteString(stream, "in\n")
	_ = stream.CloseWrite()
	must(t, stream.Await(&contract.Pid{}))
	out, _ = demux(t, stream)
	equal(t, "exec with stdin as a user", out, "33\nin\n")
	terminal := execRequest("a", "e4", "stty size; read x; stty size")
	terminal.TTY, terminal.Stdin, terminal.Rows, terminal.Cols = true, true, 10, 20
	stream = a.open("exec.start", terminal)
	must(t, stream.Await(&contract.Pid{}))
	expect(t, stream, "10 20\r\n")
	a.must("container.resize", contract.ContainerResize{ID: "a", Exec: "e4", Rows: 11, Cols: 22}, &contract.Empty{})
	_, _ = io.WriteString(stream, "\n")
	expect(t, stream, "\r\n11 22\r\n")
	detached := execRequest("a", "e5", "sleep 0.1; touch /done; exit 6")
	detached.Detach = true
	stream = a.open("exec.start", detached)
	must(t, stream.Await(&contract.Pid{}))
	_, err := io.ReadAll(stream)
	must(t, err)
	equal(t, "detached", *a.execExit("e5").ExitCode, 6)
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9, Timeout: 5}, &contract.Empty{})
}

func TestGrandchildrenKeepOutputOpen(t *testing.T) {
	a := startAgent(t)
	// Without a process namespace of its own, what the container starts outlives its first process.
	r := sh("a", "sleep 1000 & echo started")
	r.Spec = bytes.Replace(r.Spec, []byte(`{"type":"pid"},`), nil, 1)
	_, out, _ := a.run(r)
	equal(t, "output", out, "started\n")
	if _, err := os.Stat("/sys/fs/cgroup/memory/berth/a"); !os.IsNotExist(err) {
		t.Error("the cgroup is still there")
	}
}

func (a *agent) state(id string) contract.ContainerState {
	a.t.Helper()
	var hello contract.Hello
	a.must("hello", contract.HelloRequest{Protocol: 1, Time: contract.Now()}, &hello)
	for _, state := range hello.Containers {
		if state.ID == id {
			return state
		}
	}
	a.t.Fatalf("hello has no container %s", id)
	return contract.ContainerState{}
}

func (a *agent) pid(id string) int { a.t.Helper(); return a.state(id).Pid }

// caught tells whether a process has a handler for a signal.
func caught(pid, signal int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(status), "\n") {
		var mask uint64
		if n, _ := fmt.Sscanf(line, "SigCgt:\t%x", &mask); n == 1 {
			return mask&(1<<(signal-1)) != 0
		}
	}
	return false
}

func (a *agent) waitFor(id, what string, ready func() bool) {
	a.t.Helper()
	for i := 0; !ready(); i++ {
		if i == 2000 {
			a.t.Fatalf("%s: %s never came", id, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// expect reads exactly the wanted bytes of a terminal.
func expect(t testing.TB, in io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(in, got)
	if err != nil || string(got) != want {
		t.Fatalf("terminal: got %q (%v), want %q", got[:n], err, want)
	}
}

func sequence(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}
