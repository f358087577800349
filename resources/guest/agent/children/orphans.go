package children

import (
	"syscall"
	"unsafe"
)

// reapOrphans waits for dead children that nobody knows. It gives way to processes being started, and to a dead child that
// somebody is about to wait for: the next signal brings it back.
func reapOrphans() {
	if !starting.TryLock() {
		return
	}
	defer starting.Unlock()
	for {
		pid := deadChild()
		mu.Lock()
		orphan := pid > 0 && !known[pid]
		mu.Unlock()
		if !orphan {
			return
		}
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	}
}

// deadChild looks for a dead child without reaping it (waitid(2) with WNOWAIT); 0 when there is none.
func deadChild() int {
	const pAll, wExited, wNoWait = 0, 4, 0x01000000
	var info [128]byte
	_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pAll, 0, uintptr(unsafe.Pointer(&info)), wExited|syscall.WNOHANG|wNoWait, 0, 0)
	if errno != 0 {
		return 0
	}
	// siginfo_t: three ints, then a union with the alignment of a pointer that begins with the pid.
	offset := (3*4 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return int(*(*int32)(unsafe.Pointer(&info[offset])))
}
