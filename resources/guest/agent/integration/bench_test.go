package integration

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/agent/contract"
)

// BenchmarkRun is what docker run --rm asks of the agent: attach, start, wait for the exit, remove.
func BenchmarkRun(b *testing.B) {
	a := startAgent(b)
	ensureBridge(a, nil)
	defer removeBridge(a)
	for _, mode := range []string{"none", "bridge"} {
		b.Run(mode, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				r := request("a", "true")
				if mode == "bridge" {
					r = onBridge(r, 2)
				}
				a.run(r)
				a.must("container.remove", contract.ID{ID: "a"}, &contract.Empty{})
			}
		})
	}
}

func BenchmarkExec(b *testing.B) {
	a := startAgent(b)
	a.start(request("a", "sleep", "1000"))
	for i := 0; i < b.N; i++ {
		a.exec("a", fmt.Sprint("e", i), "true")
	}
	a.must("container.stop", contract.ContainerStop{ID: "a", Signal: 9}, &contract.Empty{})
}

// BenchmarkLogs writes 100 MB of lines through a container, then reads them.
func BenchmarkLogs(b *testing.B) {
	a := startAgent(b)
	const lines = 2_000_000
	size := int64(lines * 50)
	content := strings.Repeat("0123456789012345678901234567890123456789012345678\n", lines)
	must(b, a.put("a", "/tmp", nil, makeTar(file("lines", content))))
	b.Run("write", func(b *testing.B) {
		b.SetBytes(size)
		for i := 0; i < b.N; i++ {
			must(b, os.RemoveAll(filepath.Join(a.dir, "root/containers/a/log")))
			a.start(request("a", "cat", "/tmp/lines"))
			a.exit("a")
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(size)
		for i := 0; i < b.N; i++ {
			stream := a.open("logs", contract.Logs{ID: "a", Stdout: true, Tail: -1, Raw: true})
			must(b, stream.Await(&contract.Empty{}))
			n, err := io.Copy(io.Discard, stream)
			must(b, err)
			equal(b, "bytes", n, size)
		}
	})
}
