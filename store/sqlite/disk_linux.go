package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/osler-emr/osler/base/disk"
)

// allocate gives a file its size on the disk.
func allocate(f *os.File, size int64) error {
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	return fill(f, size)
}

// writeThrough writes and syncs with one call, without the times of the file, which nobody needs
// and which a sync of its own would put into the journal of the file system. It is not done where
// the system does not know the call.
func (f osFile) writeThrough(p []byte, off int64) (done, lost bool, err error) {
	n, err := unix.Pwritev2(int(f.Fd()), [][]byte{p}, off, unix.RWF_DSYNC)
	switch {
	case err == nil && n == len(p):
		return true, false, nil
	case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return false, false, nil // written again as a whole
	case disk.Full(err), errors.Is(err, unix.EROFS):
		return false, false, err
	}
	return false, true, err
}
