// Command berth-agent is the Linux side of Berth; see ../contract.json.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"berth/agent/initproc"
)

const version = "0.1.0"

func init() {
	// Go never gives the main thread, which /proc/<pid> speaks of, to a sandbox.
	runtime.LockOSThread()
}

func main() {
	if filepath.Base(os.Args[0]) == "docker-init" {
		os.Exit(initproc.Run(os.Args[1:]))
	}
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "usage: berth-agent serve -root DIR [-run DIR] (-listen unix:PATH | -link PATH[,PATH]) [-runtime PATH] [-set-clock] [-log FILE]")
		os.Exit(2)
	}
	if err := serve(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "berth-agent:", err)
		os.Exit(1)
	}
}
