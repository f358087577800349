package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"berth/agent/children"
	"berth/agent/contract"
)

// Top is docker top: a table of the processes with those pids, as ps -ef prints it, or as the guest's ps does with args.
func Top(pids []int, args []string) (contract.Top, error) {
	if len(args) > 0 {
		return topByPs(pids, args)
	}
	top := contract.Top{Titles: strings.Fields("UID PID PPID C STIME TTY TIME CMD"), Processes: [][]string{}}
	uptime := Uptime()
	for _, pid := range pids {
		if row, ok := process(pid, uptime); ok {
			top.Processes = append(top.Processes, row)
		}
	}
	return top, nil
}

// process reads proc(5)'s stat: its fields after the command's closing parenthesis begin with the third.
func process(pid int, uptime float64) ([]string, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(stat, ')')
	if err != nil || end < 0 {
		return nil, false
	}
	name := string(stat[bytes.IndexByte(stat, '(')+1 : end])
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 {
		return nil, false
	}
	field := func(n int) int64 {
		value, _ := strconv.ParseInt(fields[n-3], 10, 64)
		return value
	}
	cpu := float64(field(14)+field(15)) / 100
	started := float64(field(22)) / 100
	share := 0
	if age := uptime - started; age > 0 {
		share = int(cpu / age * 100)
	}
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	text := strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " "))
	if text == "" {
		text = "[" + name + "]"
	}
	begin := time.Now().Add(-time.Duration((uptime - started) * float64(time.Second)))
	when := begin.Format("15:04")
	if time.Since(begin) > 24*time.Hour {
		when = begin.Format("Jan02")
	}
	seconds := int(cpu)
	return []string{
		owner(pid), strconv.Itoa(pid), strconv.FormatInt(field(4), 10), strconv.Itoa(share), when, terminal(field(7)),
		fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60), text,
	}, true
}

func owner(pid int) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, entry := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(entry); len(fields) > 2 && fields[0] == "Uid:" {
			if known, err := user.LookupId(fields[2]); err == nil {
				return known.Username
			}
			return fields[2]
		}
	}
	return "?"
}

// terminal names a tty by its device number; 136 to 143 are UNIX98 slaves.
func terminal(device int64) string {
	major, minor := device>>8&0xfff, device&0xff|device>>12&0xfff00
	switch {
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<8|minor)
	case major == 4:
		return fmt.Sprintf("tty%d", minor)
	}
	return "?"
}

func topByPs(pids []int, args []string) (contract.Top, error) {
	path, err := exec.LookPath("ps")
	if err != nil {
		return contract.Top{}, contract.Errorf(contract.Unsupported, "the guest has no ps")
	}
	command := exec.Command(path, args...)
	var out, stderr bytes.Buffer
	command.Stdout, command.Stderr = &out, &stderr
	if err := children.Run(command); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
			return contract.Top{}, contract.Errorf(contract.Internal, "ps: %s", first)
		}
		return contract.Top{}, err
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	titles := strings.Fields(lines[0])
	column := -1
	for i, title := range titles {
		if title == "PID" {
			column = i
		}
	}
	if column < 0 {
		return contract.Top{}, contract.Errorf(contract.Internal, "couldn't find PID field in ps output")
	}
	wanted := map[string]bool{}
	for _, pid := range pids {
		wanted[strconv.Itoa(pid)] = true
	}
	top := contract.Top{Titles: titles, Processes: [][]string{}}
	for _, entry := range lines[1:] {
		// The last column may hold spaces.
		fields := strings.Fields(entry)
		if len(fields) <= column || !wanted[fields[column]] {
			continue
		}
		if len(fields) > len(titles) {
			fields = append(fields[:len(titles)-1], strings.Join(fields[len(titles)-1:], " "))
		}
		top.Processes = append(top.Processes, fields)
	}
	return top, nil
}
