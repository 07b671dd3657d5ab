//go:build unix

package console

import "syscall"

// private makes every file that the program creates readable by its owner only; the
// database driver would let others read the (encrypted) files.
func private() { syscall.Umask(0o077) }
