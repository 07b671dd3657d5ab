package sealed

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// logFile is a write-ahead log. SQLite writes a frame's header and its page one after the
// other; here they make one block, so that the header waits for its page. The frames of a
// transaction follow each other, forty for one entry of a record: they wait until the one comes
// that ends it, and reach the file with one write. Before that nobody else may look at them, and
// what waits when nothing more comes belongs to a transaction that was given up.
type logFile struct {
	under
	keys    *keys
	frame   [frameSize]byte
	header  [frameHeader]byte
	pending int64  // the frame whose header waits, -1 for none
	run     []byte // sealed frames that wait, one behind the other
	first   int64  // with which one they begin
}

// longRun is how many frames wait at most.
const longRun = 64

// at returns the number of the frame in which an offset lies, and the place in it.
func at(off int64) (frame, in int64) {
	return (off - logHeader) / frameSize, (off - logHeader) % frameSize
}

// load reads and opens a frame into f.frame. found is false at the end of the file.
func (f *logFile) load(no int64) (found, ok bool, err error) {
	if no >= f.first && no < f.next() {
		if err := f.flush(); err != nil {
			return false, false, err
		}
	}
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
		f.run = f.run[:0] // the log begins anew
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
		if no < f.next() { // what waited from here on was given up
			f.run = f.run[:max(no-f.first, 0)*frameSize]
		}
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

// next is the number of the frame that follows those that wait.
func (f *logFile) next() int64 { return f.first + int64(len(f.run)/frameSize) }

// store seals f.frame and has it wait, unless it ends a transaction: the size of the database
// stands in its header then.
func (f *logFile) store(no int64) error {
	if no != f.next() || len(f.run) >= longRun*frameSize {
		if err := f.flush(); err != nil {
			return err
		}
	}
	if len(f.run) == 0 {
		f.first = no
	}
	ends := binary.BigEndian.Uint32(f.frame[4:8]) != 0
	f.keys.seal(f.frame[:], f.frame[:frameSize-Reserve], kindFrame, no)
	f.run = append(f.run, f.frame[:]...)
	if !ends {
		return nil
	}
	err := f.flush()
	f.run = f.run[:0] // a transaction that did not reach the file is never to reach it later
	return err
}

// flush writes the frames that wait. When that fails they go on waiting: the transaction may
// go on, and must not end without them.
func (f *logFile) flush() error {
	if len(f.run) == 0 {
		return nil
	}
	if err := f.under.write(f.run, logHeader+f.first*frameSize); err != nil {
		return err
	}
	f.run = f.run[:0]
	return nil
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

// Sync implements vfs.File. What ended was written when it did.
func (f *logFile) Sync(flags vfs.SyncFlag) error {
	if err := f.settle(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

// Truncate implements vfs.File. What is cut off needs no header, and what waits was given up:
// the log is cut when nobody writes.
func (f *logFile) Truncate(size int64) error {
	f.pending, f.run = -1, f.run[:0]
	return f.File.Truncate(size)
}
