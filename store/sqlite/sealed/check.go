package sealed

import (
	"encoding/binary"
	"io"
)

// Log is what a look at a write-ahead log tells.
type Log struct {
	// Ours says that some of its frames were sealed with this key.
	Ours bool
	// Damaged is the number of a frame, counted from 1, that was on the disk and is no
	// longer what was written, 0 for none. Recovery would take it for the end of the log, and
	// silently forget what was committed behind it.
	Damaged int64
	// Sure is up to which byte of the log damage is found: behind it lie the last two
	// transactions, of which a damaged frame may be one that a crash has torn, and what the
	// log held before it began anew.
	Sure int64
}

// CheckLog looks at a write-ahead log that nobody has open. A frame that does not open may
// have been torn by a crash, before it was synced; but when a later transaction stands behind
// it, its own was complete on the disk.
func (v *VFS) CheckLog(log io.ReaderAt, size int64) (Log, error) {
	c := logCheck{keys: v.keys}
	var header [logHeader]byte
	if size < logHeader+frameSize {
		return c.Log, nil
	}
	if _, err := log.ReadAt(header[:], 0); err != nil {
		return c.Log, err
	}
	c.salt = [8]byte(header[16:24])
	sound := headerSum(header)
	frame := make([]byte, frameSize)
	for no := int64(0); logHeader+(no+1)*frameSize <= size; no++ {
		if _, err := log.ReadAt(frame, logHeader+no*frameSize); err != nil {
			return c.Log, err
		}
		c.next(no, frame)
	}
	if !sound && c.Ours { // the header is synced before any frame is written
		c.Damaged = 1
	}
	return c.Log, nil
}

type logCheck struct {
	Log
	keys *keys
	salt [8]byte

	bad    int64 // first frame that does not open and is not known to have been synced
	commit bool  // the frame before ended a transaction …
	sum    [8]byte
	end    int64 // where the frame lies that ended the transaction before
}

func (c *logCheck) next(no int64, frame []byte) {
	plain, ok := c.keys.open(frame, kindFrame, no)
	if ok {
		c.Ours = true
	}
	if !ok || [8]byte(plain[8:16]) != c.salt {
		if !ok && c.bad == 0 {
			c.bad = no + 1
		}
		c.commit = false
		return
	}
	page := make([]byte, PageSize)
	copy(page, plain[frameHeader:])
	if c.commit && c.bad != 0 && c.Damaged == 0 && [8]byte(plain[16:24]) == chain(c.sum, plain[:8], page) {
		c.Damaged = c.bad
	}
	c.sum = [8]byte(plain[16:24])
	if c.commit = binary.BigEndian.Uint32(plain[4:8]) != 0; c.commit {
		c.Sure, c.end = c.end, logHeader+no*frameSize
	}
}

// chain continues SQLite's checksum over a frame: the first 8 bytes of its header and its
// page. The machine's byte order says the magic number; this is the little-endian one, which
// SQLite chooses where Osler runs.
func chain(sum [8]byte, header, page []byte) (out [8]byte) {
	a, b := binary.BigEndian.Uint32(sum[:4]), binary.BigEndian.Uint32(sum[4:])
	a, b = fletcher(a, b, header)
	a, b = fletcher(a, b, page)
	binary.BigEndian.PutUint32(out[:4], a)
	binary.BigEndian.PutUint32(out[4:], b)
	return out
}

func fletcher(a, b uint32, data []byte) (uint32, uint32) {
	for ; len(data) >= 8; data = data[8:] {
		a += binary.LittleEndian.Uint32(data) + b
		b += binary.LittleEndian.Uint32(data[4:]) + a
	}
	return a, b
}

// headerSum reports whether the header of a log is whole.
func headerSum(h [logHeader]byte) bool {
	a, b := fletcher(0, 0, h[:24])
	return binary.BigEndian.Uint32(h[24:28]) == a && binary.BigEndian.Uint32(h[28:32]) == b
}

// lockPage is the page in which SQLite's locks lie; nothing is ever written there.
const lockPage = 1 << 30 / PageSize

// CheckPages reads a whole database and calls bad with the number, from 0, of each page that
// is not what was written. Pages that were never written are not counted. A page that is being
// written meanwhile may be called bad too: look at it again.
func (v *VFS) CheckPages(file io.ReaderAt, size int64, bad func(no int64) error) error {
	const many = 64
	buffer := make([]byte, many*PageSize)
	for first := int64(0); first*PageSize < size; first += many {
		part := buffer[:min(many*PageSize, size-first*PageSize)]
		if _, err := file.ReadAt(part, first*PageSize); err != nil {
			return err
		}
		for i := int64(0); i*PageSize < int64(len(part)); i++ {
			page := part[i*PageSize : min((i+1)*PageSize, int64(len(part)))]
			if first+i == lockPage || zero(page) {
				continue
			}
			if len(page) == PageSize {
				if _, ok := v.keys.open(page, kindPage, first+i); ok {
					continue
				}
			}
			if err := bad(first + i); err != nil {
				return err
			}
		}
	}
	return nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
