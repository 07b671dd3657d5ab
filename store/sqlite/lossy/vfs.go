package lossy

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Open implements vfs.VFS.
func (d *Disk) Open(path string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if path == "" {
		return nil, flags, sqlite3.CANTOPEN // SQLite is to need no temporary files
	}
	f, err := d.OpenFile(path, flags&vfs.OPEN_CREATE != 0)
	if err != nil {
		return nil, flags, code(err, sqlite3.CANTOPEN)
	}
	file := &sqliteFile{File: f}
	if flags&vfs.OPEN_MAIN_DB != 0 {
		d.mu.Lock()
		shm := fmt.Sprintf("%s-%s-%d", d.shm, filepath.Base(path), d.boot)
		d.mu.Unlock()
		file.shm = vfs.NewSharedMemory(shm, flags)
	}
	return file, flags, nil
}

// Delete implements vfs.VFS.
func (d *Disk) Delete(path string, syncDir bool) error {
	err := d.remove(path, syncDir)
	if errors.Is(err, fs.ErrNotExist) {
		return sqlite3.IOERR_DELETE_NOENT
	}
	return code(err, sqlite3.IOERR_DELETE)
}

// Access implements vfs.VFS.
func (d *Disk) Access(path string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return false, sqlite3.IOERR_ACCESS
	}
	return d.files[filepath.Base(path)] != nil, nil
}

// FullPathname implements vfs.VFS.
func (d *Disk) FullPathname(path string) (string, error) { return path, nil }

// code gives SQLite the error with the system's own, as the file system of the driver does.
func code[T ~uint8 | ~uint16](err error, c T) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno):
		return errno
	}
	return vfs.SystemError(err, c)
}

// sqliteFile is a File for SQLite.
type sqliteFile struct {
	*File
	shm  vfs.SharedMemory
	lock vfs.LockLevel
}

func (f *sqliteFile) Sync(vfs.SyncFlag) error { return code(f.File.Sync(), sqlite3.IOERR_FSYNC) }

func (f *sqliteFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, code(err, sqlite3.IOERR_WRITE)
}

func (f *sqliteFile) Truncate(size int64) error {
	return code(f.File.Truncate(size), sqlite3.IOERR_TRUNCATE)
}

// SizeHint grows the file as the driver does, before a checkpoint copies into it.
func (f *sqliteFile) SizeHint(size int64) error {
	if now, err := f.Size(); err != nil || now >= size {
		return err
	}
	return f.Truncate(size)
}

func (f *sqliteFile) SectorSize() int { return 4096 }

func (f *sqliteFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
}

func (f *sqliteFile) SharedMemory() vfs.SharedMemory { return f.shm }

func (f *sqliteFile) LockState() vfs.LockLevel { return f.lock }

// Close gives the locks back.
func (f *sqliteFile) Close() error {
	if f.shm != nil {
		f.shm.Close()
	}
	return f.Unlock(vfs.LOCK_NONE)
}

// locks are those that the open files of a node hold.
type locks struct {
	shared             int
	reserved, excluded *sqliteFile
}

// Lock takes a lock without waiting.
func (f *sqliteFile) Lock(level vfs.LockLevel) error {
	if f.lock >= level {
		return nil
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	l := &f.node.locks
	switch level {
	case vfs.LOCK_SHARED:
		if l.excluded != nil {
			return sqlite3.BUSY
		}
		l.shared++
	case vfs.LOCK_RESERVED:
		if l.reserved != nil {
			return sqlite3.BUSY
		}
		l.reserved = f
	case vfs.LOCK_EXCLUSIVE:
		if l.reserved != nil && l.reserved != f || l.excluded != nil && l.excluded != f || l.shared > 1 {
			return sqlite3.BUSY
		}
		l.excluded = f
	}
	f.lock = level
	return nil
}

// Unlock implements vfs.File.
func (f *sqliteFile) Unlock(level vfs.LockLevel) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	l := &f.node.locks
	if level < vfs.LOCK_RESERVED {
		if l.reserved == f {
			l.reserved = nil
		}
		if l.excluded == f {
			l.excluded = nil
		}
	}
	if level == vfs.LOCK_NONE && f.lock >= vfs.LOCK_SHARED {
		l.shared--
	}
	f.lock = min(f.lock, level)
	return nil
}

// CheckReservedLock implements vfs.File.
func (f *sqliteFile) CheckReservedLock() (bool, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.node.locks.reserved != nil, nil
}
