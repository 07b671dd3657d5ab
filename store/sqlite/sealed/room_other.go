//go:build !windows

package sealed

import "syscall"

var noRoom = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
