// Package sealed encrypts and authenticates every page of a SQLite database.
//
// A VFS stands between SQLite and the disk. Each page of the database, each frame of its
// write-ahead log and each block of a rollback journal is sealed with AES-256-GCM, bound to
// its place and its kind. A bit that the disk has turned, a page that was written in part or
// lies in another's place, and a file of another key are errors when they are read; nothing
// wrong ever comes out of a file.
//
//	files := sealed.New(vfs.Find(""), key)
//	vfs.Register("osler-1", files)
//	db, err := sqlite3.Open("file:record.db?vfs=osler-1")
//	db.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, sealed.Reserve) // before the first write
//
// # On the disk
//
//	record.db          pages of 4096 bytes: content without its reserved end, then the seal
//	record.db-wal      its header in clear (no content), then frames of 4120 bytes: SQLite's
//	                   frame header and page without the reserved end, then the seal
//	record.db-journal  blocks of 4136 bytes: 4096 of content, then the seal
//
// The seal has 40 bytes: the tag (16), the session (16) and a counter (8). SQLite keeps the
// end of each page free for it, so that nothing grows.
//
// # Nonces
//
// Each New draws a session at random and derives a key from it; the counter is the nonce
// under that key. So no nonce is ever used twice, however much is written, also after a
// crash and with many processes.
//
// # What it does not do
//
// One connection writes to a database, as any number read: frames of a transaction that was given
// up wait in its memory, and could come over those of another writer. The record's lock and its one
// writer see to that.
//
// A whole old page in its old place has a valid seal: that a file was put back is found by
// the record's audit log. The shared memory of the write-ahead log holds page numbers, and
// is not encrypted. Temporary files are refused: SQLite is told to keep those in memory.
package sealed

import (
	"errors"
	"io"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/base/disk"
)

const (
	// Reserve is how many bytes SQLite has to keep free at the end of each page.
	Reserve = overhead
	// PageSize is the only size of pages.
	PageSize = 4096

	logHeader   = 32 // of the write-ahead log
	frameHeader = 24
	frameSize   = frameHeader + PageSize
	blockSize   = PageSize + overhead // of a journal
)

// VFS is a file system for SQLite that seals what is written.
type VFS struct {
	vfs.VFS
	keys *keys
}

// New returns a file system on top of another. The key has 32 bytes.
func New(base vfs.VFS, key []byte) *VFS { return &VFS{base, newKeys(key)} }

// Open implements vfs.VFS.
func (v *VFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return v.wrap(vfsutil.WrapOpen(v.VFS, name, flags))
}

// OpenFilename implements vfs.VFSFilename.
func (v *VFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) == 0 {
		return nil, flags, sqlite3.CANTOPEN // of the rest nothing is to lie on the disk
	}
	return v.wrap(vfsutil.WrapOpenFilename(v.VFS, name, flags))
}

func (v *VFS) wrap(f vfs.File, flags vfs.OpenFlag, err error) (vfs.File, vfs.OpenFlag, error) {
	if err != nil {
		return nil, flags, err
	}
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		return &pageFile{under: under{f}, keys: v.keys}, flags, nil
	case flags&vfs.OPEN_WAL != 0:
		return &logFile{under: under{f}, keys: v.keys, pending: -1}, flags, nil
	case flags&vfs.OPEN_MAIN_JOURNAL != 0:
		return &journalFile{under: under{f}, keys: v.keys}, flags, nil
	}
	f.Close()
	return nil, flags, sqlite3.CANTOPEN
}

// under is the file below. It says in SQLite's words what has gone wrong: a full disk is
// something else than a broken one.
type under struct{ vfs.File }

func (u under) write(p []byte, off int64) error {
	n, err := u.File.WriteAt(p, off)
	switch {
	case disk.Full(err):
		return vfs.SystemError(err, sqlite3.FULL)
	case errors.Is(err, syscall.EROFS):
		return vfs.SystemError(err, sqlite3.READONLY)
	case err == nil && n < len(p):
		return vfs.SystemError(io.ErrShortWrite, sqlite3.IOERR_WRITE)
	}
	return err
}

// read fills p; io.EOF when the file ends before.
func (u under) read(p []byte, off int64) error {
	n, err := u.File.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil:
		return io.EOF
	}
	return err
}

// damaged is the error of what does not open.
var damaged = vfs.SystemError(errors.New("a page of the database is not what was written"), sqlite3.IOERR_DATA)

// DeviceCharacteristics implements vfs.File. A write touches nothing but its own bytes, so
// that SQLite need not fill up the log to the end of a sector.
func (u under) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return u.File.DeviceCharacteristics()&(vfs.IOCAP_IMMUTABLE|vfs.IOCAP_SEQUENTIAL|vfs.IOCAP_UNDELETABLE_WHEN_OPEN) | vfs.IOCAP_POWERSAFE_OVERWRITE
}

// Unwrap implements vfs.FileUnwrap.
func (u under) Unwrap() vfs.File { return u.File }

// SharedMemory implements vfs.FileSharedMemory.
func (u under) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(u.File) }

// LockState implements vfs.FileLockState.
func (u under) LockState() vfs.LockLevel { return vfsutil.WrapLockState(u.File) }

// HasMoved implements vfs.FileHasMoved.
func (u under) HasMoved() (bool, error) { return vfsutil.WrapHasMoved(u.File) }

// Opens reports whether a page of a database was sealed with this key at this place.
func (v *VFS) Opens(page []byte, no int64) bool {
	_, ok := v.Plain(page, no)
	return ok
}

// Plain returns a page as SQLite sees it: for those who look for what should not be there.
func (v *VFS) Plain(page []byte, no int64) ([]byte, bool) {
	if len(page) != PageSize {
		return nil, false
	}
	page = append([]byte(nil), page...)
	_, ok := v.keys.open(page, kindPage, no)
	return page, ok
}
