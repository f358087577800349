// Package build makes image layers by copying files: COPY, ADD and WORKDIR of a Dockerfile.
package build

import (
	"io"
	"os"
	"path/filepath"

	"berth/agent/contract"
	"berth/agent/layer"
	"berth/agent/mux"
	"berth/agent/sandbox"
	"berth/agent/volume"
)

// Builder copies files into new layers of the store, or into volumes.
type Builder struct {
	Layers  *layer.Store
	Volumes *volume.Store
}

// Digest tells what a copy would bring from the layers; see layer.digest in contract.json.
func (b *Builder) Digest(request *contract.LayerDigest) (contract.Digest, error) {
	reply := contract.Digest{Kind: "multi"}
	err := b.inLayers(request.Layers, func() error {
		sources, err := find(request.Sources, request.Parents)
		if err != nil {
			return err
		}
		if len(sources) == 1 && sources[0].folder {
			reply.Kind = "dir"
		} else if len(sources) == 1 {
			reply.Kind = "file"
		}
		reply.Digest, err = digest(sources)
		return err
	})
	return reply, err
}

// Copy makes a layer on top of others by unpacking a tar, or files of other layers; see layer.copy in contract.json.
func (b *Builder) Copy(request *contract.LayerCopy, stream *mux.Stream) error {
	if request.Volume != "" {
		folder, err := b.Volumes.Create(request.Volume)
		if err != nil {
			return err
		}
		err = sandbox.Run(nil, func() error {
			if err := chroot(folder); err != nil {
				return err
			}
			return b.fill(request, stream)
		})
		if err != nil {
			return err
		}
		return stream.Reply(contract.Size{})
	}
	return b.Layers.Scratch(func(dir string) error {
		upper := filepath.Join(dir, "upper")
		err := sandbox.Run(nil, func() error {
			root := filepath.Join(dir, "root")
			for _, name := range []string{upper, filepath.Join(dir, "work"), root} {
				if err := os.Mkdir(name, 0o755); err != nil {
					return err
				}
			}
			if err := b.Layers.MountHere(request.Layers, upper, filepath.Join(dir, "work"), root); err != nil {
				return err
			}
			if err := chroot(root); err != nil {
				return err
			}
			return b.fill(request, stream)
		})
		if err != nil {
			return err
		}
		return b.Layers.Commit(upper, request.Below, stream, func(size int64) error {
			return stream.Reply(contract.Size{Size: size})
		})
	})
}

// fill copies into the current root.
func (b *Builder) fill(request *contract.LayerCopy, in io.Reader) error {
	to := target{path: request.Path, folder: request.Folder, file: request.File, mode: request.Mode}
	if request.Owner != "" {
		var err error
		if to.owner, err = lookUpOwner(request.Owner); err != nil {
			return err
		}
	}
	if request.From == nil {
		return to.unpack(in)
	}
	pipe, feed := io.Pipe()
	found := make(chan []source, 1)
	go func() {
		feed.CloseWithError(b.inLayers(request.From.Layers, func() error {
			sources, err := find(request.From.Sources, request.From.Parents)
			if err != nil {
				return err
			}
			found <- sources
			return write(sources, feed)
		}))
		close(found)
	}()
	sources, ok := <-found
	if !ok {
		_, err := pipe.Read(nil)
		return err
	}
	to.folder = to.folder || request.From.Parents
	if len(sources) == 1 && !sources[0].folder {
		to.file = sources[0].name
	} else if len(sources) > 1 && !to.folder {
		pipe.Close()
		return contract.Errorf(contract.Invalid, "When using COPY with more than one source file, the destination must be a directory and end with a /")
	}
	err := to.unpack(pipe)
	pipe.CloseWithError(io.ErrClosedPipe)
	return err
}

// inLayers calls f in a sandbox whose root is the layers (top first), read-only.
func (b *Builder) inLayers(layers []string, f func() error) error {
	return b.Layers.Scratch(func(dir string) error {
		return sandbox.Run(nil, func() error {
			if err := b.Layers.MountHere(layers, "", "", dir); err != nil {
				return err
			}
			if err := chroot(dir); err != nil {
				return err
			}
			return f()
		})
	})
}

func chroot(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return sandbox.Chroot(folder)
}
