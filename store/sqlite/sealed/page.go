package sealed

import (
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// pageFile is a database. One connection uses it.
type pageFile struct {
	under
	keys *keys
	page [PageSize]byte
	row  Breath
}

// sqliteHeader is what SQLite reads of the first page to learn the size of the pages.
const sqliteHeader = 100

// ReadAt implements io.ReaderAt. The first page may have been torn while the log was copied
// back; the log has it whole, but SQLite looks at the header in the file first, and learns the
// page size from the log when it finds zeros there.
func (f *pageFile) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		no, from := (off+int64(n))/PageSize, (off+int64(n))%PageSize
		into := f.page[:]
		if from == 0 && len(p)-n >= PageSize {
			into = p[n : n+PageSize]
		}
		if err := f.under.read(into, no*PageSize); err != nil {
			return n, err
		}
		if _, ok := f.keys.open(into, kindPage, no); !ok {
			if off == 0 && len(p) == sqliteHeader {
				clear(p)
				return len(p), nil
			}
			return n, damaged
		}
		clear(into[PageSize-Reserve:])
		if &into[0] == &f.page[0] {
			n += copy(p[n:], into[from:])
		} else {
			n += PageSize
		}
	}
	return n, nil
}

// WriteAt implements io.WriterAt. SQLite writes whole pages.
func (f *pageFile) WriteAt(p []byte, off int64) (n int, err error) {
	if len(p) != PageSize || off%PageSize != 0 || !keepsFree(p, off) {
		return 0, vfs.SystemError(io.ErrShortBuffer, sqlite3.IOERR_WRITE)
	}
	f.row.Take() // thousands come in a row, when the log is copied back
	f.keys.seal(f.page[:], p[:PageSize-Reserve], kindPage, off/PageSize)
	if err := f.under.write(f.page[:], off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// keepsFree reports whether a page leaves the end free in which its seal will lie. It is
// always so, unless somebody forgot to ask SQLite for it.
func keepsFree(p []byte, off int64) bool {
	if off == 0 && p[20] != Reserve {
		return false
	}
	for _, b := range p[PageSize-Reserve : PageSize] {
		if b != 0 {
			return false
		}
	}
	return true
}

// SectorSize implements vfs.File.
func (f *pageFile) SectorSize() int { return PageSize }

// Truncate implements vfs.File.
func (f *pageFile) Truncate(size int64) error {
	return f.File.Truncate((size + PageSize - 1) / PageSize * PageSize)
}
