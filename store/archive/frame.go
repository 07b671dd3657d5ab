package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// The kinds of frames.
const (
	kindHead    = 1
	kindItem    = 2
	kindCommit  = 3
	kindVersion = 4
	kindEnd     = 5
)

// maxFrame bounds one frame. Memory is taken as the bytes come, so that a forged length costs
// nothing.
const maxFrame = 256 << 20

// errFrame says that a stream is not one of frames. Callers add where.
var errFrame = errors.New("archive: the stream is damaged")

// frameWriter writes frames.
type frameWriter struct {
	w      *bufio.Writer
	buf    []byte
	person func(id string) (*person, error) // with whose key is sealed what is theirs
}

func newFrameWriter(w io.Writer) *frameWriter { return &frameWriter{w: bufio.NewWriterSize(w, 64<<10)} }

// frame writes a frame whose payload fill appends; tail, which may be long, ends it.
func (f *frameWriter) frame(kind byte, fill func(b []byte) []byte, tail []byte) error {
	f.buf = fill(f.buf[:0])
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	n := 1 + binary.PutUvarint(head[1:], uint64(len(f.buf)+len(tail)))
	if _, err := f.w.Write(head[:n]); err != nil {
		return err
	}
	if _, err := f.w.Write(f.buf); err != nil {
		return err
	}
	_, err := f.w.Write(tail)
	return err
}

// of returns the keys of a patient; nil when the patient was shredded while the backup runs.
func (f *frameWriter) of(patient string) (*person, error) {
	k, err := f.person(patient)
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, fault.New(fault.Internal, "The record has no keys for one of its patients. Run the audit verification.")
	case k.Shredded:
		return nil, nil
	}
	return k, nil
}

// item writes an item, unless its patient was shredded.
func (f *frameWriter) item(it store.Item) (written bool, err error) {
	fill := func(b []byte) []byte {
		b = appendText(appendText(appendText(b, it.Space), it.Key), it.Owner)
		b = binary.AppendVarint(b, it.Version)
		return binary.AppendVarint(b, milli(it.Expires))
	}
	if it.Patient == "" {
		return true, f.frame(kindItem, fill, it.Value)
	}
	k, err := f.of(it.Patient)
	if err != nil || k == nil {
		return false, err
	}
	sealed := k.seal(append(fill(nil), it.Value...), []byte(itemName))
	return true, f.frame(kindItemOf, func(b []byte) []byte { return appendText(b, it.Patient) }, sealed)
}

// itemName binds a sealed item.
const itemName = "item"

func (f *frameWriter) commit(c store.Commit) error {
	err := f.frame(kindCommit, func(b []byte) []byte {
		b = binary.AppendVarint(binary.AppendVarint(b, int64(c.T)), c.At.UnixMilli())
		return appendText(b, c.Key)
	}, c.Leaf)
	for i := 0; err == nil && i < len(c.Versions); i++ {
		err = f.version(c.T, c.Versions[i])
	}
	return err
}

func (f *frameWriter) version(t store.T, v store.Version) error {
	kind := byte(kindVersion)
	if v.Patient != "" && !v.Deleted {
		k, err := f.of(v.Patient)
		if err != nil {
			return err
		}
		if k == nil {
			v.Deleted, v.Shredded, v.Body = true, true, nil
		} else {
			v.Body, kind = k.seal(v.Body, versionName(t, &v)), kindSealedOf
		}
	}
	return f.frame(kind, func(b []byte) []byte {
		b = appendText(appendText(b, v.Type), v.ID)
		b = binary.AppendVarint(binary.AppendVarint(b, v.Version), v.Updated.UnixMilli())
		b = appendText(b, v.Patient)
		switch {
		case v.Shredded:
			return append(b, 2)
		case v.Deleted:
			return append(b, 1)
		}
		return append(b, 0)
	}, v.Body)
}

// milli returns the time in milliseconds; 0 is the zero time.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// frameReader reads frames.
type frameReader struct{ r *bufio.Reader }

func newFrameReader(r io.Reader) *frameReader { return &frameReader{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next frame; io.EOF at the end of the stream between two frames. The payload
// belongs to the caller.
func (f *frameReader) next() (kind byte, payload []byte, err error) {
	if kind, err = f.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(f.r)
	if err != nil {
		return 0, nil, torn(err)
	}
	if n > maxFrame {
		return 0, nil, errFrame
	}
	const trusted = 1 << 20 // a length up to which memory is taken before the bytes are there
	if n <= trusted {
		payload = make([]byte, n)
		_, err = io.ReadFull(f.r, payload)
		return kind, payload, torn(err)
	}
	var b bytes.Buffer
	b.Grow(trusted)
	if _, err = io.CopyN(&b, f.r, int64(n)); err != nil {
		return 0, nil, torn(err)
	}
	return kind, b.Bytes(), nil
}

// torn turns the end of the stream inside a frame into an error of its own.
func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields reads the payload of a frame. After a mistake everything it returns is empty and bad
// is set.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) varint() int64 {
	n, k := binary.Varint(f.b)
	if f.bad || k <= 0 {
		f.bad = true
		return 0
	}
	f.b = f.b[k:]
	return n
}

func (f *fields) text() string {
	n, k := binary.Uvarint(f.b)
	if f.bad || k <= 0 || n > uint64(len(f.b)-k) {
		f.bad = true
		return ""
	}
	s := string(f.b[k : k+int(n)])
	f.b = f.b[k+int(n):]
	return s
}

func (f *fields) byte() byte {
	if f.bad || len(f.b) == 0 {
		f.bad = true
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c
}

// rest returns what is left.
func (f *fields) rest() []byte {
	b := f.b
	f.b = nil
	return b
}

func (f *fields) err() error {
	if f.bad {
		return errFrame
	}
	return nil
}

func readItem(payload []byte) (store.Item, error) {
	f := fields{b: payload}
	it := store.Item{Space: f.text(), Key: f.text(), Owner: f.text(), Version: f.varint()}
	if ms := f.varint(); ms != 0 {
		it.Expires = time.UnixMilli(ms).UTC()
	}
	it.Value = f.rest()
	return it, f.err()
}

func readCommit(payload []byte) (store.Commit, error) {
	f := fields{b: payload}
	c := store.Commit{T: store.T(f.varint()), At: time.UnixMilli(f.varint()).UTC(), Key: f.text()}
	c.Leaf = f.rest()
	return c, f.err()
}

func readVersion(payload []byte, t store.T) (store.Version, error) {
	f := fields{b: payload}
	v := store.Version{T: t, Type: f.text(), ID: f.text(), Version: f.varint(), Updated: time.UnixMilli(f.varint()).UTC(), Patient: f.text()}
	switch f.byte() {
	case 0:
		v.Body = f.rest()
	case 1, 2:
		v.Deleted, v.Shredded = true, payload[len(payload)-1] == 2
		f.bad = f.bad || len(f.b) > 0
	default:
		f.bad = true
	}
	return v, f.err()
}
