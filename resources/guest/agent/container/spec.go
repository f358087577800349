package container

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"sort"
	"strings"

	"berth/agent/contract"
)

// object is a JSON object whose unknown fields pass through.
type object = map[string]any

// parseObject keeps numbers as they are written: 64-bit limits do not fit into a float.
func parseObject(what string, raw json.RawMessage) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	value := object{}
	if err := decoder.Decode(&value); err != nil {
		return nil, contract.Errorf(contract.Invalid, "bad %s: %v", what, err)
	}
	return value, nil
}

// child gives an object's member that is an object, made when missing.
func child(parent object, name string) object {
	if found, ok := parent[name].(object); ok {
		return found
	}
	made := object{}
	parent[name] = made
	return made
}

// completeProcess fills in what only the guest knows of an OCI process: its user, HOME and terminal.
func completeProcess(process object, who identity, tty bool, rows, cols uint16) {
	user := child(process, "user")
	user["uid"], user["gid"], user["additionalGids"] = who.uid, who.gid, who.groups
	process["terminal"] = tty
	if tty && rows > 0 && cols > 0 {
		process["consoleSize"] = object{"height": rows, "width": cols}
	}
	env, _ := process["env"].([]any)
	for _, entry := range env {
		if text, ok := entry.(string); ok && strings.HasPrefix(text, "HOME=") {
			return
		}
	}
	process["env"] = append(env, "HOME="+who.home)
}

// initPath is where the agent stands in for docker-init.
const initPath = "/sbin/docker-init"

// bindMount is an entry of the OCI spec's mounts.
func bindMount(source, destination string, options ...string) object {
	return object{"type": "bind", "source": source, "destination": destination, "options": options}
}

// completeSpec fills in the OCI spec for a start: the root, mounts (shallow destinations first), the init, the network
// namespace and the process's identity.
func completeSpec(spec object, request *contract.ContainerStart, root string, mounts []object, namespace string, who identity) error {
	child(spec, "root")["path"] = root
	process := child(spec, "process")
	completeProcess(process, who, request.TTY, request.Rows, request.Cols)
	if request.Init {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		args, _ := process["args"].([]any)
		process["args"] = append([]any{initPath, "--"}, args...)
		mounts = append(mounts, bindMount(self, initPath, "bind", "ro"))
	}
	all, _ := spec["mounts"].([]any)
	for _, mount := range mounts {
		all = append(all, mount)
	}
	sort.SliceStable(all, func(i, j int) bool { return depth(all[i]) < depth(all[j]) })
	spec["mounts"] = all
	linux := child(spec, "linux")
	if linux["cgroupsPath"] == nil {
		linux["cgroupsPath"] = defaultCgroup(request.ID)
	}
	var namespaces []any
	given, _ := linux["namespaces"].([]any)
	for _, entry := range given {
		if kind, ok := entry.(object); !ok || kind["type"] != "network" {
			namespaces = append(namespaces, entry)
		}
	}
	if namespace != "" {
		namespaces = append(namespaces, object{"type": "network", "path": namespace})
	}
	linux["namespaces"] = namespaces
	return nil
}

func defaultCgroup(id string) string { return "/berth/" + id }

func depth(mount any) int {
	fields, _ := mount.(object)
	destination, _ := fields["destination"].(string)
	return strings.Count(path.Clean(destination), "/")
}
