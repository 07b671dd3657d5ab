//go:build windows

package sqlite

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock takes the folder's lock without waiting.
func lock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
}
