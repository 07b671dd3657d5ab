//go:build unix

package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the folder's lock without waiting.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
