package sealed

import (
	"errors"
	"io"
)

// journalFile is a rollback journal: any bytes at any place, kept in sealed blocks. SQLite
// uses one only while it makes a database. A block that does not open was torn by a crash and
// reads as zeros: SQLite knows a journal that has not reached the disk by that.
type journalFile struct {
	under
	keys  *keys
	block [blockSize]byte
}

// load reads a block; one that is not there is empty.
func (f *journalFile) load(no int64) error {
	err := f.under.read(f.block[:], no*blockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err == nil {
		if _, ok := f.keys.open(f.block[:], kindJournal, no); ok {
			return nil
		}
	}
	clear(f.block[:])
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *journalFile) ReadAt(p []byte, off int64) (n int, err error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	want := min(int64(len(p)), size-off)
	for int64(n) < want {
		no, from := (off+int64(n))/PageSize, (off+int64(n))%PageSize
		if err := f.load(no); err != nil {
			return n, err
		}
		n += copy(p[n:want], f.block[from:PageSize])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *journalFile) WriteAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		no, from := (off+int64(n))/PageSize, (off+int64(n))%PageSize
		if err := f.load(no); err != nil {
			return n, err
		}
		m := copy(f.block[from:PageSize], p[n:])
		f.keys.seal(f.block[:], f.block[:PageSize], kindJournal, no)
		if err := f.under.write(f.block[:], no*blockSize); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// Size implements vfs.File: whole blocks.
func (f *journalFile) Size() (int64, error) {
	size, err := f.File.Size()
	return size / blockSize * PageSize, err
}

// Truncate implements vfs.File.
func (f *journalFile) Truncate(size int64) error {
	return f.File.Truncate((size + PageSize - 1) / PageSize * blockSize)
}
