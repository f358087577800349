package contract

// LayerCommit makes a container's writable layer an image layer on the one with the chain ID 'below', "" for none.
type LayerCommit struct {
	Op
	Root  Root     `json:"root"`
	Below string   `json:"below"`
	Stubs []string `json:"stubs"`
}

// Selection is files and folders (or patterns) of layers, top first. With parents their names keep their folders.
type Selection struct {
	Layers  []string `json:"layers"`
	Sources []string `json:"sources"`
	Parents bool     `json:"parents"`
}

// LayerDigest asks what a copy of sources would bring.
type LayerDigest struct {
	Op
	Selection
}

// Digest is that of contents; kind is file, dir or multi.
type Digest struct {
	Kind   string `json:"kind"`
	Digest string `json:"digest"`
}

// LayerCopy makes a layer by copying files to a path.
type LayerCopy struct {
	Op
	Layers []string   `json:"layers"`
	Below  string     `json:"below"`
	Volume string     `json:"volume,omitempty"`
	Path   string     `json:"path"`
	Folder bool       `json:"folder"`
	File   string     `json:"file,omitempty"`
	Owner  string     `json:"owner,omitempty"`
	Mode   *int64     `json:"mode,omitempty"`
	From   *Selection `json:"from,omitempty"`
}
