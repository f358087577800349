package integration

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/agent/contract"
)

func TestLogs(t *testing.T) {
	a := startAgent(t)
	a.run(sh("a", "seq 1 5; printf unfinished"))
	out, _ := a.logs(contract.Logs{ID: "a", Tail: -1})
	equal(t, "all", out, "1\n2\n3\n4\n5\nunfinished")
	out, _ = a.logs(contract.Logs{ID: "a", Tail: 3})
	equal(t, "tail 3 of six", out, "4\n5\nunfinished")
	a.run(sh("long", "echo first; printf '%50000s\n' x"))
	out, _ = a.logs(contract.Logs{ID: "long", Tail: 1})
	equal(t, "a long line comes out whole", out == fmt.Sprintf("%50000s\n", "x"), true)
	out, _ = a.logs(contract.Logs{ID: "a", Tail: 0})
	equal(t, "tail 0", out, "")
	out, _ = a.logs(contract.Logs{ID: "a", Tail: 100})
	equal(t, "a tail longer than the log", out, "1\n2\n3\n4\n5\nunfinished")
	stream := a.open("logs", contract.Logs{ID: "a", Stdout: true, Tail: -1, Raw: true, Timestamps: true})
	must(t, stream.Await(&contract.Empty{}))
	raw, err := io.ReadAll(stream)
	must(t, err)
	var times []time.Time
	for _, line := range strings.Split(string(raw), "\n") {
		stamp, _, _ := strings.Cut(line, " ")
		at, err := time.Parse("2006-01-02T15:04:05.000000000Z", stamp)
		must(t, err)
		times = append(times, at)
	}
	equal(t, "lines with a time", len(times), 6)
	future := contract.Time{Time: time.Now().Add(time.Hour)}
	out, _ = a.logs(contract.Logs{ID: "a", Tail: -1, Since: &future})
	equal(t, "since later", out, "")
	past := contract.Time{Time: times[0].Add(-time.Second)}
	out, _ = a.logs(contract.Logs{ID: "a", Tail: -1, Until: &past})
	equal(t, "until earlier", out, "")
	out, _ = a.logs(contract.Logs{ID: "a", Tail: -1, Since: &past, Until: &future})
	equal(t, "in between", out, "1\n2\n3\n4\n5\nunfinished")
	none := sh("b", "echo x")
	none.Log.Driver = "none"
	_, out, _ = a.run(none)
	equal(t, "clients see what no log keeps", out, "x\n")
	out, _ = a.logs(contract.Logs{ID: "b", Tail: -1})
	equal(t, "log none", out, "")
}

func TestLogFollowAndRotation(t *testing.T) {
	a := startAgent(t)
	r := sh("a", "read x; seq 1 30000; read x; echo end")
	r.OpenStdin = true
	r.Log = contract.Log{Driver: "json-file", MaxSize: 100_000, MaxFile: 3}
	stdin := a.attach("a", true)
	go func() { _, _ = io.Copy(io.Discard, stdin) }()
	a.start(r)
	follow := a.open("logs", contract.Logs{ID: "a", Stdout: true, Tail: -1, Follow: true, Raw: true})
	must(t, follow.Await(&contract.Empty{}))
	_, _ = io.WriteString(stdin, "go\n")
	// Whoever follows sees all, also what rotation drops later.
	want := sequence(30000)
	got := make([]byte, len(want))
	_, err := io.ReadFull(follow, got)
	must(t, err)
	equal(t, "followed", string(got) == want, true)
	files, err := os.ReadDir(filepath.Join(a.dir, "root/containers/a/log"))
	must(t, err)
	equal(t, "files", len(files), 3)
	out, _ := a.logs(contract.Logs{ID: "a", Tail: 8000})
	equal(t, "a tail over several files", out == strings.TrimPrefix(want, sequence(22000)), true)
	_, _ = io.WriteString(stdin, "go\n")
	rest, err := io.ReadAll(follow)
	must(t, err)
	equal(t, "the end", string(rest), "end\n")
	ended := a.open("logs", contract.Logs{ID: "a", Stdout: true, Tail: 1, Follow: true, Raw: true})
	must(t, ended.Await(&contract.Empty{}))
	rest, err = io.ReadAll(ended)
	must(t, err)
	equal(t, "following what does not run ends at once", string(rest), "end\n")
}
