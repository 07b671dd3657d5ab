//go:build unix

package disk

import "golang.org/x/sys/unix"

var noRoom = []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG}

// Free returns how many bytes can be written in a folder; -1 when nobody knows.
func Free(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
