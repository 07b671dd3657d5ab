package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/trust/ledger"
)

// leafLog is the file in which leaves are durable until they are in the tables. It has two
// halves of a fixed size, so that nothing grows while it is written: one is filled, and the
// other one is free as soon as what stands in it has been moved. A half is a sequence of
// records, each a group of leaves with successive logical times (between two groups there may be commits of the tables), sealed with the record's
// key and bound to its place in the log:
//
//	magic (4) | length of the rest (4) | T of the first leaf (8) | sealed leaves
//
// A half ends where no record follows: with zeros, with a record that was torn when the
// power failed and that nobody was told of, or with records of an earlier filling.
type leafLog struct {
	path   string
	place  place
	key    []byte
	origin string // of the audit log
	synced func() error

	file   file
	half   int      // the one that is being filled
	end    int64    // of what stands in it
	last   [2]int64 // the last T in each half
	broken bool     // a sync failed: nobody knows what is on the disk
	skip   int      // how many leaves go without the log before it is tried again
}

// leavesFile is its name.
const leavesFile = "leaves.log"

const (
	halfSize = 2 << 20
	// oldHalf is the size of a half in files that programs of before November 28, 2026 have made.
	oldHalf      = 512 << 10
	recordHeader = 16
)

var recordMagic = [4]byte{'O', 'L', 'L', '1'}

// skipped is how many leaves go without the log after it could not be written.
const skipped = 64

// ready reports whether the log can be used, and makes the file when there is none.
func (l *leafLog) ready() bool {
	if l.skip > 0 {
		l.skip--
		return false
	}
	if l.file != nil {
		return true
	}
	f, err := l.place.open(l.path, true)
	if err == nil {
		err = grow(f)
	}
	if err == nil {
		err = l.synced()
	}
	if err == nil {
		l.file = f
		return true
	}
	if f != nil {
		f.Close()
	}
	l.skip = skipped
	return false
}

// grow gives the file its size.
func grow(f file) error {
	size, err := f.Size()
	if err != nil || size >= 2*halfSize {
		return err
	}
	if _, err := f.WriteAt(make([]byte, 2*halfSize-size), size); err != nil {
		return err
	}
	return f.Sync()
}

// append makes leaves durable; the log is ready. moved is the last T that need not stay in the log. room is
// false when they have no place before more is moved.
func (l *leafLog) append(group []leaf, moved int64) (room bool, err error) {
	record, err := l.seal(group)
	if err != nil {
		return true, err
	}
	half, at := l.half, l.end
	if at+int64(len(record)) > halfSize {
		half, at = 1-l.half, 0
		if l.last[half] > moved || int64(len(record)) > halfSize {
			return false, nil
		}
	}
	switch lost, err := writeThrough(l.file, record, int64(half)*halfSize+at); {
	case lost:
		l.broken = true
		return true, errDisk
	case err != nil:
		l.skip = skipped
		return true, err
	}
	l.half, l.end = half, at+int64(len(record))
	l.last[half] = group[len(group)-1].t
	return true, nil
}

func (l *leafLog) seal(group []leaf) ([]byte, error) {
	plain := binary.AppendUvarint(nil, uint64(len(group)))
	for i := range group {
		plain = binary.AppendVarint(plain, group[i].at)
		plain = binary.AppendUvarint(plain, uint64(len(group[i].body)))
		plain = append(plain, group[i].body...)
	}
	header := l.header(group[0].t)
	sealed, err := seal.Seal(l.key, plain, l.context(header))
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(header[4:], uint32(len(sealed)))
	return append(header, sealed...), nil
}

func (l *leafLog) header(t int64) []byte {
	h := make([]byte, recordHeader)
	copy(h, recordMagic[:])
	binary.BigEndian.PutUint64(h[8:], uint64(t))
	return h
}

// context binds a record to the audit log and to its logical time.
func (l *leafLog) context(header []byte) []byte {
	return slices.Concat([]byte(l.origin), []byte{0}, header[8:])
}

// read returns the leaves behind a T that the log still holds, and closes the file when there
// is one.
func (l *leafLog) read(last int64) ([]leaf, error) {
	content, err := l.place.readAll(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The file leaves.log cannot be read.")
	}
	var all []leaf
	size := halfSize
	if len(content) == 2*oldHalf {
		size = oldHalf
	}
	for half := range 2 {
		part := content[min(half*size, len(content)):min((half+1)*size, len(content))]
		list, err := l.scan(part, last)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b leaf) int { return int(a.t - b.t) })
	all = slices.DeleteFunc(all, func(v leaf) bool { return v.t <= last })
	for i := range all {
		if all[i].t != last+1+int64(i) {
			return nil, fault.New(fault.Internal, "The file leaves.log does not go on where the record ends: entry %d follows entry %d. Put back what belongs together, or move the file away to lose the entries in it.", all[i].t, last+int64(i))
		}
	}
	return all, nil
}

// scan reads the records of a half up to its end. last is the T up to which nothing matters.
func (l *leafLog) scan(part []byte, last int64) (out []leaf, err error) {
	rest := part
	for {
		list, size, ok := l.record(rest)
		if !ok || len(out) > 0 && list[0].t <= out[len(out)-1].t {
			break
		}
		out, rest = append(out, list...), rest[size:]
	}
	// Nothing that is newer stands behind the end, unless something before it was damaged.
	if len(out) > 0 {
		last = max(last, out[len(out)-1].t)
	}
	for {
		at := bytes.Index(rest, recordMagic[:])
		if at < 0 {
			return out, nil
		}
		rest = rest[at:]
		if list, _, ok := l.record(rest); ok && list[0].t > last {
			return nil, fault.New(fault.Internal, "The file leaves.log is damaged: the entries of the audit log between %d and %d cannot be read. Restore a backup, or move the file away to lose them.", last, list[0].t)
		}
		rest = rest[len(recordMagic):]
	}
}

// record opens the record with which b begins.
func (l *leafLog) record(b []byte) (list []leaf, size int, ok bool) {
	if len(b) < recordHeader || !bytes.Equal(b[:4], recordMagic[:]) {
		return nil, 0, false
	}
	header, n := b[:recordHeader], int64(binary.BigEndian.Uint32(b[4:]))
	if n > int64(len(b)-recordHeader) {
		return nil, 0, false
	}
	size = recordHeader + int(n)
	plain, err := seal.Open(l.key, b[recordHeader:size], l.context(header))
	if err != nil {
		return nil, 0, false
	}
	list, ok = parseGroup(plain, int64(binary.BigEndian.Uint64(header[8:])))
	return list, size, ok
}

func parseGroup(b []byte, t int64) (list []leaf, ok bool) {
	count, k := binary.Uvarint(b)
	if k <= 0 || count == 0 || count > maxGroup {
		return nil, false
	}
	b = b[k:]
	for range count {
		at, k := binary.Varint(b)
		if k <= 0 {
			return nil, false
		}
		n, m := binary.Uvarint(b[k:])
		if m <= 0 || n > uint64(len(b)-k-m) {
			return nil, false
		}
		body := bytes.Clone(b[k+m : k+m+int(n)])
		b = b[k+m+int(n):]
		decoded, err := ledger.Decode(body)
		if err != nil {
			return nil, false
		}
		list = append(list, leaf{t: t, at: at, Leaf: decoded, body: body})
		t++
	}
	return list, len(b) == 0
}

// close closes the file. When all that stood in it is in the tables, nothing is left in it.
func (l *leafLog) close(empty bool) error {
	if l == nil || l.file == nil {
		return nil
	}
	var err error
	if empty && !l.broken {
		err = l.file.Truncate(0)
	}
	err = errors.Join(err, l.file.Close())
	l.file = nil
	return err
}
