package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// ext4Resize is EXT4_IOC_RESIZE_FS of linux/fs/ext4/ext4.h: _IOW('f', 16, __u64), a number of blocks.
const ext4Resize = 0x40086610

// GrowDisk makes the ext4 file system that holds the folder as large as its device, while it is mounted. One that is as
// large already is left alone.
func GrowDisk(folder string) error {
	root, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	var stat syscall.Stat_t
	var fs syscall.Statfs_t
	if err := syscall.Fstat(int(root.Fd()), &stat); err != nil {
		return err
	}
	if err := syscall.Fstatfs(int(root.Fd()), &fs); err != nil {
		return err
	}
	major, minor := (stat.Dev>>8)&0xfff, stat.Dev&0xff|(stat.Dev>>12)&0xfff00
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/size", major, minor))
	if err != nil {
		return err
	}
	sectors, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return err
	}
	blocks := sectors * 512 / uint64(fs.Bsize)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), ext4Resize, uintptr(unsafe.Pointer(&blocks))); errno != 0 {
		return fmt.Errorf("growing the file system to %d blocks: %w", blocks, errno)
	}
	return nil
}
