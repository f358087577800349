package server

import (
	"io"
	"os"
	"syscall"
	"time"

	"berth/agent/contract"
	"berth/agent/host"
	"berth/agent/mux"
)

// op is one entry of the contract; in and out are its directions there.
type op struct {
	in, out bool
	serve   func(*Server, *mux.Stream) error
}

// unary makes an op of one request and one reply.
func unary[Q, R any](answer func(*Server, *Q) (R, error)) op {
	return op{serve: func(s *Server, stream *mux.Stream) error {
		var request Q
		if err := contract.Decode(stream.Request, &request); err != nil {
			return err
		}
		reply, err := answer(s, &request)
		if err != nil {
			return err
		}
		return stream.Reply(reply)
	}}
}

// act makes an op whose reply is empty.
func act[Q any](do func(*Server, *Q) error) op {
	return unary(func(s *Server, request *Q) (contract.Empty, error) { return contract.Empty{}, do(s, request) })
}

// streaming makes an op that carries bytes and replies itself.
func streaming[Q any](in, out bool, serve func(*Server, *Q, *mux.Stream) error) op {
	return op{in: in, out: out, serve: func(s *Server, stream *mux.Stream) error {
		var request Q
		if err := contract.Decode(stream.Request, &request); err != nil {
			return err
		}
		return serve(s, &request, stream)
	}}
}

var ops map[string]op

func init() {
	ops = map[string]op{
		"hello":  unary((*Server).hello),
		"events": streaming(false, true, func(s *Server, _ *contract.Empty, stream *mux.Stream) error { return s.listen(stream) }),
		"usage":  unary(func(s *Server, _ *contract.Empty) (contract.Usage, error) { return host.Usage(s.Root) }),
		"layer.apply": streaming(true, false, func(s *Server, r *contract.LayerApply, stream *mux.Stream) error {
			size, err := s.applyLayer(r, stream.Bulk())
			if err != nil {
				return err
			}
			return stream.Reply(contract.Size{Size: size})
		}),
		"layer.remove": act(func(s *Server, r *contract.IDs) error { return s.Layers.Remove(r.IDs) }),
		"layer.diff": streaming(false, true, func(s *Server, r *contract.RootRequest, stream *mux.Stream) error {
			return s.Containers.Diff(r.Root, stream)
		}),
		"layer.commit": streaming(false, true, func(s *Server, r *contract.LayerCommit, stream *mux.Stream) error {
			return s.Containers.Commit(r, stream)
		}),
		"layer.copy":   streaming(true, true, func(s *Server, r *contract.LayerCopy, stream *mux.Stream) error { return s.Builder.Copy(r, stream) }),
		"layer.digest": unary(func(s *Server, r *contract.LayerDigest) (contract.Digest, error) { return s.Builder.Digest(r) }),
		"container.changes": unary(func(s *Server, r *contract.RootRequest) (contract.Changes, error) {
			changes, err := s.Containers.Changes(r.Root)
			return contract.Changes{Changes: changes}, err
		}),
		"container.export": streaming(false, true, func(s *Server, r *contract.RootRequest, stream *mux.Stream) error {
			return s.Containers.Export(r.Root, stream)
		}),
		"container.start": unary(func(s *Server, r *contract.ContainerStart) (*contract.Started, error) { return s.Containers.Start(r) }),
		"container.signal": act(func(s *Server, r *contract.ContainerSignal) error {
			return s.Containers.Signal(r.ID, syscall.Signal(r.Signal))
		}),
		"container.stop": act(func(s *Server, r *contract.ContainerStop) error {
			return s.Containers.Stop(r.ID, syscall.Signal(r.Signal), r.Timeout)
		}),
		"container.pause":   act(func(s *Server, r *contract.ID) error { return s.Containers.Freeze(r.ID, true) }),
		"container.resume":  act(func(s *Server, r *contract.ID) error { return s.Containers.Freeze(r.ID, false) }),
		"container.update":  act(func(s *Server, r *contract.ContainerUpdate) error { return s.Containers.Update(r.ID, r.Resources) }),
		"container.network": act(func(s *Server, r *contract.ContainerNetwork) error { return s.Containers.ChangeNetwork(r) }),
		"container.remove":  act(func(s *Server, r *contract.ID) error { return s.Containers.Remove(r.ID) }),
		"container.resize": act(func(s *Server, r *contract.ContainerResize) error {
			return s.Containers.Resize(r.ID, r.Exec, r.Rows, r.Cols)
		}),
		"container.top": unary(func(s *Server, r *contract.ContainerTop) (contract.Top, error) { return s.Containers.Top(r.ID, r.Args) }),
		"container.sizes": unary(func(s *Server, r *contract.IDs) (contract.Sizes, error) {
			sizes, err := s.Containers.Sizes(r.IDs)
			return contract.Sizes{Sizes: sizes}, err
		}),
		"exec.start": streaming(true, true, func(s *Server, r *contract.ExecStart, stream *mux.Stream) error { return s.Containers.Exec(r, stream) }),
		"attach":     streaming(true, true, func(s *Server, r *contract.Attach, stream *mux.Stream) error { return s.Containers.Attach(r, stream) }),
		"logs":       streaming(false, true, func(s *Server, r *contract.Logs, stream *mux.Stream) error { return s.Containers.Logs(r, stream) }),
		"archive.stat": unary(func(s *Server, r *contract.Archive) (contract.PathStat, error) {
			return s.Containers.Stat(r)
		}),
		"archive.get": streaming(false, true, func(s *Server, r *contract.Archive, stream *mux.Stream) error { return s.Containers.Get(r, stream) }),
		"archive.put": streaming(true, false, func(s *Server, r *contract.ArchivePut, stream *mux.Stream) error {
			if err := s.Containers.Put(r, stream.Bulk()); err != nil {
				return err
			}
			return stream.Reply(contract.Empty{})
		}),
		"dial":           streaming(true, true, func(_ *Server, r *contract.Dial, stream *mux.Stream) error { return dial(r, stream) }),
		"network.ensure": act(func(s *Server, r *contract.NetworkEnsure) error { return s.Networks.Ensure(*r) }),
		"network.remove": act(func(s *Server, r *contract.NetworkRemove) error { return s.Networks.Remove(r.Bridge) }),
		"stats": unary(func(s *Server, r *contract.IDs) (contract.Stats, error) {
			return contract.Stats{Stats: s.Containers.Stats(r.IDs)}, nil
		}),
		"volume.create": unary(func(s *Server, r *contract.Volume) (contract.Mountpoint, error) {
			path, err := s.Volumes.Create(r.Name)
			return contract.Mountpoint{Mountpoint: path}, err
		}),
		"volume.remove": act(func(s *Server, r *contract.Volume) error { return s.Volumes.Remove(r.Name) }),
		"volume.sizes": unary(func(s *Server, r *contract.Volumes) (contract.Sizes, error) {
			sizes, err := s.Volumes.Sizes(r.Names)
			return contract.Sizes{Sizes: sizes}, err
		}),
		"disk.grow": act(func(s *Server, _ *contract.Empty) error { return host.GrowDisk(s.Root) }),
		"sync":      act(func(*Server, *contract.Empty) error { syscall.Sync(); return nil }),
		"shutdown":  act((*Server).shutdown),
	}
}

func (s *Server) hello(request *contract.HelloRequest) (*contract.Hello, error) {
	if request.Protocol != contract.Protocol {
		return nil, contract.Errorf(contract.Unsupported, "this agent speaks protocol %d, the engine %d", contract.Protocol, request.Protocol)
	}
	if s.SetClock {
		if err := host.SetClock(request.Time.Time); err != nil {
			return nil, err
		}
	}
	layers, err := s.Layers.List()
	if err != nil {
		return nil, err
	}
	return &contract.Hello{
		Protocol: contract.Protocol, Agent: s.Version, Facts: host.Facts(s.Containers.Runtime, s.Root), Layers: layers, Containers: s.Containers.States(),
	}, nil
}

func (s *Server) shutdown(request *contract.Shutdown) error {
	s.Containers.StopAll(request.Timeout)
	syscall.Sync()
	// The reply goes out first.
	time.AfterFunc(50*time.Millisecond, func() { s.Ended(request.PowerOff) })
	return nil
}

func (s *Server) applyLayer(r *contract.LayerApply, in io.Reader) (int64, error) {
	if r.File == "" {
		return s.Layers.Apply(r.ID, r.Parents, in)
	}
	file, err := os.Open(r.File)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	size, err := s.Layers.Apply(r.ID, r.Parents, file)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return size, err
}
