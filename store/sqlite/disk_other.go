//go:build !linux

package sqlite

import "os"

// allocate gives a file its size on the disk.
func allocate(f *os.File, size int64) error { return fill(f, size) }
