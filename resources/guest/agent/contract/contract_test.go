package contract

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// types are those of each op's request and reply.
var types = map[string][2]any{
	"hello":             {HelloRequest{}, Hello{}},
	"events":            {Empty{}, Empty{}},
	"usage":             {Empty{}, Usage{}},
	"layer.apply":       {LayerApply{}, Size{}},
	"layer.remove":      {IDs{}, Empty{}},
	"layer.commit":      {LayerCommit{}, Size{}},
	"layer.copy":        {LayerCopy{}, Size{}},
	"layer.digest":      {LayerDigest{}, Digest{}},
	"layer.diff":        {RootRequest{}, Empty{}},
	"container.changes": {RootRequest{}, Changes{}},
	"container.export":  {RootRequest{}, Empty{}},
	"container.start":   {ContainerStart{}, Started{}},
	"container.signal":  {ContainerSignal{}, Empty{}},
	"container.stop":    {ContainerStop{}, Empty{}},
	"container.pause":   {ID{}, Empty{}},
	"container.resume":  {ID{}, Empty{}},
	"container.update":  {ContainerUpdate{}, Empty{}},
	"container.network": {ContainerNetwork{}, Empty{}},
	"container.remove":  {ID{}, Empty{}},
	"container.resize":  {ContainerResize{}, Empty{}},
	"container.top":     {ContainerTop{}, Top{}},
	"container.sizes":   {IDs{}, Sizes{}},
	"exec.start":        {ExecStart{}, Pid{}},
	"attach":            {Attach{}, Empty{}},
	"logs":              {Logs{}, Empty{}},
	"archive.stat":      {Archive{}, PathStat{}},
	"archive.get":       {Archive{}, PathStat{}},
	"archive.put":       {ArchivePut{}, Empty{}},
	"dial":              {Dial{}, Empty{}},
	"network.ensure":    {NetworkEnsure{}, Empty{}},
	"network.remove":    {NetworkRemove{}, Empty{}},
	"stats":             {IDs{}, Stats{}},
	"volume.create":     {Volume{}, Mountpoint{}},
	"volume.remove":     {Volume{}, Empty{}},
	"volume.sizes":      {Volumes{}, Sizes{}},
	"disk.grow":         {Empty{}, Empty{}},
	"sync":              {Empty{}, Empty{}},
	"shutdown":          {Shutdown{}, Empty{}},
	"dns":               {DNSRequest{}, DNSReply{}},
}

type contractFile struct {
	Protocol   int
	ErrorKinds []Kind
	Ops        map[string]struct {
		In, Out        bool
		Request, Reply json.RawMessage
		Events         []json.RawMessage
	}
}

func read(t *testing.T) contractFile {
	t.Helper()
	text, err := os.ReadFile("../../contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var file contractFile
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExamplesGoThereAndBack(t *testing.T) {
	file := read(t)
	if file.Protocol != Protocol {
		t.Errorf("protocol: the contract has %d", file.Protocol)
	}
	for name, op := range file.Ops {
		pair, ok := types[name]
		if !ok {
			t.Errorf("op %s has no types", name)
			continue
		}
		sameJSON(t, name+" request", op.Request, pair[0])
		sameJSON(t, name+" reply", op.Reply, pair[1])
		for _, event := range op.Events {
			sameJSON(t, name+" event", event, Event{})
		}
	}
	for name := range types {
		if _, ok := file.Ops[name]; !ok {
			t.Errorf("op %s is not in the contract", name)
		}
	}
}

// sameJSON decodes strictly into a new value of the type and compares what it encodes to.
func sameJSON(t *testing.T, what string, text json.RawMessage, of any) {
	t.Helper()
	value := reflect.New(reflect.TypeOf(of)).Interface()
	if err := Decode(text, value); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	back, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	_ = json.Unmarshal(text, &want)
	_ = json.Unmarshal(back, &got)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s: %s became %s", what, text, back)
	}
}

func TestErrorKinds(t *testing.T) {
	known := []Kind{NotFound, Conflict, Invalid, Forbidden, Unavailable, Unsupported, NoSpace, CommandNotFound, CommandNotExecutable, Internal}
	if listed := read(t).ErrorKinds; !reflect.DeepEqual(listed, known) {
		t.Errorf("the contract lists %v", listed)
	}
}
