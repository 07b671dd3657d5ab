package sealed

import (
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// logFile is a write-ahead log. SQLite writes a frame's header and its page one after the
// other; here they make one block, so that the header waits for its page.
type logFile struct {
	under
	keys    *keys
	frame   [frameSize]byte
	header  [frameHeader]byte
	pending int64 // the frame whose header waits, -1 for none
	row     Breath
}

// at returns the number of the frame in which an offset lies, and the place in it.
func at(off int64) (frame, in int64) {
	return (off - logHeader) / frameSize, (off - logHeader) % frameSize
}

// load reads and opens a frame into f.frame. found is false at the end of the file.
func (f *logFile) load(no int64) (found, ok bool, err error) {
	err = f.under.read(f.frame[:], logHeader+no*frameSize)
	if errors.Is(err, io.EOF) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	_, ok = f.keys.open(f.frame[:], kindFrame, no)
	clear(f.frame[frameSize-Reserve:])
	return true, ok, nil
}

// ReadAt implements io.ReaderAt. A whole frame is read only by recovery, which looks for the
// end of the log: what does not open there reads as zeros, which is no frame. A page that
// does not open is an error.
func (f *logFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.settle(); err != nil {
		return 0, err
	}
	if off < logHeader {
		if off+int64(len(p)) > logHeader {
			return 0, sqlite3.IOERR_READ
		}
		return f.File.ReadAt(p, off)
	}
	no, in := at(off)
	if in+int64(len(p)) > frameSize {
		return 0, sqlite3.IOERR_READ
	}
	found, ok, err := f.load(no)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, io.EOF
	case !ok && len(p) == frameSize:
		clear(p)
		return len(p), nil
	case !ok:
		return 0, damaged
	}
	return copy(p, f.frame[in:]), nil
}

// WriteAt implements io.WriterAt.
func (f *logFile) WriteAt(p []byte, off int64) (int, error) {
	no, in := at(off)
	switch {
	case off == 0 && len(p) == logHeader:
		if err := f.settle(); err != nil {
			return 0, err
		}
		return len(p), f.under.write(p, 0)
	case off >= logHeader && in == 0 && len(p) == frameHeader:
		if err := f.settle(); err != nil {
			return 0, err
		}
		copy(f.header[:], p)
		f.pending = no
		return len(p), nil
	case off >= logHeader && in == frameHeader && len(p) == PageSize && keepsFree(p, 1):
		return len(p), f.writePage(no, p)
	}
	return 0, vfs.SystemError(io.ErrShortBuffer, sqlite3.IOERR_WRITE)
}

// writePage writes a frame: with the header that waits for it, or, when a transaction changes
// a page again that it has written already, with the one that it has.
func (f *logFile) writePage(no int64, p []byte) error {
	if f.pending == no {
		copy(f.frame[:], f.header[:])
		f.pending = -1
	} else {
		if err := f.settle(); err != nil {
			return err
		}
		if err := f.existing(no); err != nil {
			return err
		}
	}
	copy(f.frame[frameHeader:], p)
	return f.store(no)
}

func (f *logFile) store(no int64) error {
	f.row.Take()
	f.keys.seal(f.frame[:], f.frame[:frameSize-Reserve], kindFrame, no)
	return f.under.write(f.frame[:], logHeader+no*frameSize)
}

// existing loads a frame that must be there.
func (f *logFile) existing(no int64) error {
	found, ok, err := f.load(no)
	if err == nil && (!found || !ok) {
		err = damaged
	}
	return err
}

// settle writes a header whose page did not follow: SQLite has computed the checksums of an
// existing frame anew.
func (f *logFile) settle() error {
	if f.pending < 0 {
		return nil
	}
	no := f.pending
	f.pending = -1
	if err := f.existing(no); err != nil {
		return err
	}
	copy(f.frame[:], f.header[:])
	return f.store(no)
}

// Sync implements vfs.File.
func (f *logFile) Sync(flags vfs.SyncFlag) error {
	if err := f.settle(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

// Truncate implements vfs.File.
func (f *logFile) Truncate(size int64) error {
	f.pending = -1 // what is cut off needs no header
	return f.File.Truncate(size)
}
