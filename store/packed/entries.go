package packed

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
)

// Codecs of a stored blob. The content is the same in all: the length of the entries, the
// entries, the body.
const (
	codecPlain      = 0
	codecZstd       = 1 // is read only: before there was a dictionary
	codecDictionary = 2 // is read only: zstd with the dictionary
	codecQuick      = 3 // S2 with the dictionary's text
)

// Packer turns bodies and their index entries into blobs and back. It is safe for
// concurrent use.
type Packer struct {
	key   []byte // nil when the database encrypts itself
	quick *s2.Dict
	enc   *zstd.Encoder // for blocks of the audit log
	dec   *zstd.Decoder
}

// maxBlob bounds what a damaged or forged blob can make the decoder allocate.
const maxBlob = 256 << 20

func NewPacker() (*Packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithEncoderDict(dictionary))
	if err != nil {
		return nil, err
	}
	d, err := zstd.InspectDictionary(dictionary)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderMaxMemory(maxBlob), zstd.WithDecoderDicts(dictionary))
	if err != nil {
		return nil, err
	}
	return &Packer{quick: s2.MakeDictManual(d.Content(), 0), enc: enc, dec: dec}, nil
}

func (p *Packer) Pack(entries []search.Entry, body []byte) (codec int, blob []byte) {
	plain := join(AppendEntries(nil, entries), body)
	if blob = p.quick.Encode(nil, plain); blob != nil && len(blob) < len(plain) {
		return codecQuick, bytes.Clone(blob) // it comes with room for what does not shrink
	}
	return codecPlain, plain
}

// join returns the content of a blob.
func join(index, body []byte) []byte {
	plain := binary.AppendUvarint(make([]byte, 0, len(index)+len(body)+8), uint64(len(index)))
	return append(append(plain, index...), body...)
}

func (p *Packer) Unpack(codec int, blob []byte) (index, body []byte, err error) {
	plain := blob
	switch codec {
	case codecPlain:
	case codecQuick:
		if n, err := s2.DecodedLen(blob); err != nil || n > maxBlob {
			return nil, nil, Damaged(err)
		}
		if plain, err = p.quick.Decode(nil, blob); err != nil {
			return nil, nil, Damaged(err)
		}
	case codecZstd, codecDictionary:
		if plain, err = p.dec.DecodeAll(blob, nil); err != nil {
			return nil, nil, Damaged(err)
		}
	default:
		return nil, nil, Damaged(nil)
	}
	n, k := binary.Uvarint(plain)
	if k <= 0 || n > uint64(len(plain)-k) {
		return nil, nil, Damaged(nil)
	}
	return plain[k : k+int(n)], plain[k+int(n):], nil
}

func Damaged(cause error) error {
	return fault.Wrap(cause, fault.Internal, "A stored version is damaged. Run the audit verification and restore a backup.")
}

// AppendEntries writes entries compactly: a bit mask of the fields that are set, then those
// fields.
func AppendEntries(b []byte, entries []search.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for i := range entries {
		b = appendEntry(b, &entries[i])
	}
	return b
}

const (
	hasSystem = 1 << iota
	hasCode
	hasDisplay
	isIdentifier
	hasTypeCode
	hasReference
	hasURL
	hasNorm
	hasExact
	hasRange
	hasValue
	hasGroup
)

func mask(e *search.Entry) (m uint64) {
	set := func(bit uint64, on bool) {
		if on {
			m |= bit
		}
	}
	set(hasSystem, e.System != "")
	set(hasCode, e.Code != "")
	set(hasDisplay, e.Display != "")
	set(isIdentifier, e.Identifier)
	set(hasTypeCode, e.TypeSystem != "" || e.TypeCode != "")
	set(hasReference, e.RefType != "" || e.RefID != "")
	set(hasURL, e.URL != "")
	set(hasNorm, e.Norm != "")
	set(hasExact, e.Exact != "")
	set(hasRange, e.Low != 0 || e.High != 0)
	set(hasValue, e.Value != 0 || e.ValueLow != 0 || e.ValueHigh != 0)
	set(hasGroup, len(e.Group) > 0)
	return m
}

func appendEntry(b []byte, e *search.Entry) []byte {
	m := mask(e)
	b = appendText(append(binary.AppendUvarint(b, m), byte(e.Kind)), e.Param)
	for _, f := range [...]struct {
		bit  uint64
		text [2]string
		two  bool
	}{
		{hasSystem, [2]string{e.System}, false}, {hasCode, [2]string{e.Code}, false}, {hasDisplay, [2]string{e.Display}, false},
		{hasTypeCode, [2]string{e.TypeSystem, e.TypeCode}, true}, {hasReference, [2]string{e.RefType, e.RefID}, true},
		{hasURL, [2]string{e.URL}, false}, {hasNorm, [2]string{e.Norm}, false}, {hasExact, [2]string{e.Exact}, false},
	} {
		if m&f.bit == 0 {
			continue
		}
		b = appendText(b, f.text[0])
		if f.two {
			b = appendText(b, f.text[1])
		}
	}
	if m&hasRange != 0 {
		b = binary.AppendVarint(binary.AppendVarint(b, e.Low), e.High)
	}
	if m&hasValue != 0 {
		for _, v := range [...]float64{e.Value, e.ValueLow, e.ValueHigh} {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	if m&hasGroup != 0 {
		b = AppendEntries(b, e.Group)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ParseEntries reads what AppendEntries wrote.
func ParseEntries(b []byte) ([]search.Entry, error) {
	r := &entryReader{b: b}
	out := r.entries(0)
	if r.bad || len(r.b) > 0 {
		return nil, Damaged(nil)
	}
	return out, nil
}

type entryReader struct {
	b   []byte
	bad bool
}

func (r *entryReader) uvarint() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *entryReader) varint() int64 {
	n, k := binary.Varint(r.b)
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *entryReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *entryReader) text() string { return string(r.take(r.uvarint())) }

func (r *entryReader) float() float64 {
	if b := r.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (r *entryReader) entries(depth int) []search.Entry {
	n := r.uvarint()
	if n == 0 || n > uint64(len(r.b)) || depth > 4 { // each entry has at least one byte
		r.bad = r.bad || n != 0
		return nil
	}
	out := make([]search.Entry, n)
	for i := range out {
		r.entry(&out[i], depth)
		if r.bad {
			return nil
		}
	}
	return out
}

func (r *entryReader) entry(e *search.Entry, depth int) {
	m := r.uvarint()
	if k := r.take(1); k != nil {
		e.Kind = search.Kind(k[0])
	}
	e.Param = r.text()
	e.Identifier = m&isIdentifier != 0
	for _, f := range [...]struct {
		bit uint64
		to  *string
	}{
		{hasSystem, &e.System}, {hasCode, &e.Code}, {hasDisplay, &e.Display}, {hasTypeCode, &e.TypeSystem}, {hasTypeCode, &e.TypeCode},
		{hasReference, &e.RefType}, {hasReference, &e.RefID}, {hasURL, &e.URL}, {hasNorm, &e.Norm}, {hasExact, &e.Exact},
	} {
		if m&f.bit != 0 {
			*f.to = r.text()
		}
	}
	if m&hasRange != 0 {
		e.Low, e.High = r.varint(), r.varint()
	}
	if m&hasValue != 0 {
		e.Value, e.ValueLow, e.ValueHigh = r.float(), r.float(), r.float()
	}
	if m&hasGroup != 0 {
		e.Group = r.entries(depth + 1)
	}
}
