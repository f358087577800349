package main

import (
	"io"
	"log"
	"os"
	"syscall"
	"time"

	"berth/agent/server"
	"berth/agent/sys"
)

// reopenPause is how long to wait before a link that has ended is opened again.
const reopenPause = 200 * time.Millisecond

// link carries one session at a time over a character device, or over a file to read from and one to write to.
func link(s *server.Server, paths []string) {
	for {
		transport, err := openLink(paths)
		if err == nil {
			err = s.Serve(transport)
		}
		if err != nil && err != io.EOF {
			log.Printf("link: %v", err)
		}
		time.Sleep(reopenPause)
	}
}

func openLink(paths []string) (io.ReadWriteCloser, error) {
	if len(paths) == 1 {
		device, err := os.OpenFile(paths[0], os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		return device, sys.MakeRaw(device)
	}
	// On 9p, a read of a file opened with O_NONBLOCK returns what there is instead of waiting until the buffer is full.
	in, err := os.OpenFile(paths[0], os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(paths[1], os.O_WRONLY, 0)
	if err != nil {
		in.Close()
		return nil, err
	}
	return pair{in, out}, nil
}

type pair struct{ in, out *os.File }

func (p pair) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p pair) Write(b []byte) (int, error) { return p.out.Write(b) }

func (p pair) Close() error {
	p.in.Close()
	return p.out.Close()
}
