package sqlite

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// place is the disk on which a record lies. Tests give another one, which loses power.
type place struct {
	base vfs.VFS // for SQLite, below the encryption
	// open opens a file beside the database; fs.ErrNotExist when there is none.
	open func(path string, create bool) (file, error)
	// keep copies the record in a folder before it is upgraded.
	keep func(dir string, b Before) error
	// free tells how many bytes can be written, -1 when nobody knows; hold and give take and
	// give back what is kept for a full disk.
	free func(dir string) int64
	hold func(dir string) error
	give func(dir string)
	// reached is told how far an upgrade has come; tests end the process there.
	reached func(point string)
	steps   []step
	// after tells that a time is over; tests that repeat themselves have none.
	after func(time.Duration) <-chan time.Time
}

// file is an open file beside the database.
type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// system is the disk of the machine.
func system() place {
	return place{base: vfs.Find(""), open: openFile, keep: keepBefore, free: disk.Free, hold: holdReserve, give: giveReserve, reached: func(string) {}, steps: steps, after: time.After}
}

func openFile(path string, create bool) (file, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// writeThrough writes into a file and returns when it is on the disk: with one question to the
// system where it knows one. lost says that nobody can tell what is on the disk.
func writeThrough(f file, p []byte, off int64) (lost bool, err error) {
	if own, ok := f.(osFile); ok {
		if done, lost, err := own.writeThrough(p, off); done || err != nil {
			return lost, err
		}
	}
	if _, err := f.WriteAt(p, off); err != nil {
		return false, err
	}
	err = f.Sync()
	return err != nil, err
}

// WriteDurably writes as the audit leaf of a read is written, for those who measure what a machine
// allows.
func WriteDurably(f *os.File, p []byte, off int64) error {
	_, err := writeThrough(osFile{f}, p, off)
	return err
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// readAll returns the content of a file.
func (p place) readAll(path string) ([]byte, error) {
	f, err := p.open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, size))
}

var places atomic.Int64

// register makes the encrypting file system of one store known to SQLite, under a name of
// its own. So the key is in no statement and in no address.
func (p place) register(key []byte) (name string, files *sealed.VFS) {
	name = fmt.Sprintf("osler-%d", places.Add(1))
	files = sealed.New(p.base, key)
	vfs.Register(name, files)
	return name, files
}
