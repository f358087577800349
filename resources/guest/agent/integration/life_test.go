package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/agent/contract"
)

func withResources(r *contract.ContainerStart, resources string) *contract.ContainerStart {
	r.Spec = bytes.Replace(r.Spec, []byte(`"linux":{`), []byte(`"linux":{"resources":`+resources+`,`), 1)
	return r
}

func TestOOM(t *testing.T) {
	a := startAgent(t)
	const eat = "x=0123456789abcdef; while :; do x=$x$x; done"
	a.start(withResources(sh("a", "sh -c '"+eat+"'; echo survived $?; exit 3"), `{"memory":{"limit":33554432}}`))
	a.event("oom", func(e contract.Event) bool { return e.Type == "oom" && e.ID == "a" })
	exit := a.exit("a")
	equal(t, "exit code", *exit.ExitCode, 3)
	equal(t, "oomKilled", *exit.OOMKilled, true)
	equal(t, "state", a.state("a").OOMKilled, true)
	exec := sh("b", "exec sh -c '"+eat+"'")
	a.start(withResources(exec, `{"memory":{"limit":33554432}}`))
	exit = a.exit("b")
	equal(t, "the first process killed", fmt.Sprint(*exit.ExitCode, *exit.OOMKilled), "137 true")
	a.run(request("c", "true"))
	equal(t, "one that was not", a.state("c").OOMKilled, false)
}

func TestStatsTopUpdate(t *testing.T) {
	a := startAgent(t)
	a.start(withResources(sh("a", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 1000"), `{"memory":{"limit":67108864},"pids":{"limit":50}}`))
	a.waitFor("a", "sleep", func() bool { return len(a.top("a")) == 1 && a.top("a")[0][7] == "sleep 1000" })
	var stats contract.Stats
	a.must("stats", contract.IDs{IDs: []string{"a"}}, &stats)
	s := stats.Stats["a"]
	equal(t, "memory limit", s.MemoryLimit, int64(67108864))
	equal(t, "pids", fmt.Sprint(s.Pids, s.PidsLimit), "1 50")
	equal(t, "figures that can't be zero", s.CPUUsage > 0 && s.MemoryUsage > 0 && s.SystemCPU > s.CPUUsage && s.OnlineCPUs > 0 && len(s.MemoryStats) > 0, true)
	row := a.top("a")[0]
	equal(t, "top", fmt.Sprint(row[0], row[1]), fmt.Sprint("root", a.pid("a")))
	var top contract.Top
	a.must("container.top", contract.ContainerTop{ID: "a", Args: []string{"-eo", "pid,args"}}, &top)
	equal(t, "top by ps", fmt.Sprint(top), fmt.Sprintf("{[PID COMMAND] [[%d sleep 1000]]}", a.pid("a")))
	a.must("container.update", contract.ContainerUpdate{ID: "a", Resources: []byte(`{"memory":{"limit":134217728}}`)}, &contract.Empty{})
	a.must("stats", contract.IDs{IDs: []string{"a"}}, &stats)
	equal(t, "memory limit after the update", stats.Stats["a"].MemoryLimit, int64(134217728))
	var usage contract.Usage
	a.must("usage", contract.Empty{}, &usage)
	equal(t, "usage", usage.CPUTotal > usage.CPUBusy && usage.MemoryTotal > usage.MemoryUsed && usage.DiskTotal > usage.DiskUsed, true)
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9}, &contract.Empty{})
}

func (a *agent) top(id string) [][]string {
	a.t.Helper()
	var top contract.Top
	a.must("container.top", contract.ContainerTop{ID: id, Args: []string{}}, &top)
	return top.Processes
}

func TestEngineComesAndGoes(t *testing.T) {
	a := startAgent(t)
	stream := a.attach("a", false)
	a.start(sh("a", "while :; do echo tick; sleep 0.01; done"))
	var one [1]byte
	_, err := stream.Read(one[:])
	must(t, err)
	a.conn.Close()
	a.conn = a.connect()
	equal(t, "status", a.state("a").Status, "running")
	before, _ := a.logs(contract.Logs{ID: "a", Tail: -1})
	a.waitFor("a", "more output", func() bool {
		now, _ := a.logs(contract.Logs{ID: "a", Tail: -1})
		return len(now) > len(before)
	})
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9}, &contract.Empty{})
	equal(t, "exit code", *a.state("a").ExitCode, 137)
	second := exec.Command(agentBinary, "serve", "-root", filepath.Join(a.dir, "root"), "-listen", "unix:"+filepath.Join(a.dir, "agent.sock"))
	must(t, second.Run())
	equal(t, "the first agent after a second start", a.state("a").Status, "exited")
}

func TestAgentKilled(t *testing.T) {
	a := startAgent(t)
	ensureBridge(a, nil)
	a.start(onBridge(sh("a", "echo before; exec sleep 1000"), 2))
	a.start(request("b", "sleep", "1000"))
	a.waitFor("a", "its output", func() bool { out, _ := a.logs(contract.Logs{ID: "a", Tail: -1}); return out == "before\n" })
	pid := a.pid("a")
	must(t, a.command.Process.Signal(syscall.SIGKILL))
	_ = a.command.Wait()
	a.launch()
	for _, id := range []string{"a", "b"} {
		state := a.state(id)
		equal(t, id, fmt.Sprint(state.Status, " ", *state.ExitCode, " ", state.Pid), "exited 137 0")
	}
	if err := syscall.Kill(pid, 0); err == nil {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if !strings.Contains(string(status), ") Z ") {
			t.Errorf("the container's process still runs: %s", status)
		}
	}
	for _, path := range []string{"/sys/fs/cgroup/memory/berth/a", "/sys/class/net/vethagt2"} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	out, _ := a.logs(contract.Logs{ID: "a", Tail: -1})
	equal(t, "the log", out, "before\n")
	ensureBridge(a, nil)
	defer removeBridge(a)
	a.start(onBridge(sh("a", "exit 8"), 2))
	equal(t, "it starts again", *a.exit("a").ExitCode, 8)
	a.must("container.remove", contract.ID{ID: "a"}, &contract.Empty{})
}

func TestManyContainersLeaveNothing(t *testing.T) {
	a := startAgent(t)
	fds := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.command.Process.Pid))
		must(t, err)
		return len(entries)
	}
	a.run(request("a", "true"))
	before := fds()
	done := make(chan error)
	const parallel = 4
	for i := 0; i < parallel; i++ {
		go func(i int) {
			for j := 0; j < 5; j++ {
				id := fmt.Sprintf("c%d-%d", i, j)
				if err := a.call("container.start", sh(id, "echo x"), &contract.Started{}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}(i)
	}
	for i := 0; i < parallel; i++ {
		must(t, <-done)
	}
	for i := 0; i < parallel; i++ {
		for j := 0; j < 5; j++ {
			id := fmt.Sprintf("c%d-%d", i, j)
			a.exit(id)
			out, _ := a.logs(contract.Logs{ID: id, Tail: -1})
			equal(t, id, out, "x\n")
			a.must("container.remove", contract.ID{ID: id}, &contract.Empty{})
		}
	}
	a.waitFor("agent", "files closed", func() bool { return fds() <= before+1 })
	zombies, _ := exec.Command("sh", "-c", fmt.Sprintf("ps -o stat= --ppid %d | grep -c Z", a.command.Process.Pid)).Output()
	equal(t, "zombies", strings.TrimSpace(string(zombies)), "0")
}
