package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// maxWindow bounds the memory of the decompression.
const maxWindow = 8 << 20

// maxCommit bounds the memory of one commit; each version costs some beside its bytes.
const (
	maxCommit   = 2 * maxFrame
	versionCost = 256
)

// visitor is told what is in a segment, in its order. Functions may be nil.
type visitor struct {
	head   func(head) error
	item   func(store.Item) error
	commit func(store.Commit) error
	// people returns the keys of the patients; it is asked behind the head.
	people func() people
}

// errEnough ends the reading of a segment early.
var errEnough = errors.New("archive: enough")

// readSegment reads a segment and holds it to its manifest. Every mistake names the object.
func readSegment(ctx context.Context, place bucket.Bucket, keys Keys, m Manifest, v visitor) error {
	f, err := place.Open(ctx, m.Segment)
	if err != nil {
		return unreadable(err, m.Segment)
	}
	defer f.Close()
	if f.Size() != m.Size {
		return fault.New(fault.Invalid, "%s has %d bytes instead of %d: it was cut off, or changed.", m.Segment, f.Size(), m.Size)
	}
	sum := &sumReader{r: io.NewSectionReader(f, 0, f.Size()), hash: sha256.New()}
	plain, err := keys.decrypt(sum, m.Segment)
	if err != nil {
		return sum.blame(err, m.Segment)
	}
	err = readFrames(ctx, plain, m, v)
	if errors.Is(err, errEnough) {
		return nil
	}
	if err != nil {
		return sum.blame(err, m.Segment)
	}
	if hex.EncodeToString(sum.hash.Sum(nil)) != m.SHA256 {
		return fault.New(fault.Invalid, "%s is damaged: it has another checksum than its manifest %s says.", m.Segment, m.object())
	}
	return nil
}

// blame says what a failure while reading means: the place failed, or the object is damaged. A
// fault is from whoever takes what was read, and stays as it is.
func (s *sumReader) blame(err error, object string) error {
	var f *fault.Error
	switch {
	case s.err != nil:
		return fault.Wrap(s.err, fault.Unavailable, "%s cannot be read.", object)
	case errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.Wrap(err, fault.Invalid, "%s is damaged or cut off.", object)
}

// readFrames reads the decrypted, still packed stream of a segment.
func readFrames(ctx context.Context, plain io.Reader, m Manifest, v visitor) error {
	unpacked, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return err
	}
	defer unpacked.Close()
	return walkFrames(ctx, unpacked, m, v)
}

// walkFrames reads the frames up to the end of the stream.
func walkFrames(ctx context.Context, stream io.Reader, m Manifest, v visitor) error {
	r := &frames{r: newFrameReader(stream), manifest: m, visitor: v}
	for !r.ended {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.step(); err != nil {
			return err
		}
	}
	if _, _, err := r.r.next(); err != io.EOF {
		return errors.Join(errFrame, err)
	}
	return nil
}

// frames holds the order of the frames of a segment.
type frames struct {
	visitor
	r        *frameReader
	manifest Manifest
	begun    bool
	ended    bool
	open     *store.Commit // whose versions are being read
	size     int           // of the open commit
	last     store.T
	seen     Manifest // what was counted
}

func (r *frames) step() error {
	kind, payload, err := r.r.next()
	if err != nil {
		return torn(err)
	}
	if r.begun != (kind != kindHead) {
		return errFrame
	}
	switch kind {
	case kindHead:
		r.begun = true
		return r.readHead(payload)
	case kindItem:
		if r.open != nil {
			return errFrame
		}
		it, err := readItem(payload)
		r.seen.Items++
		if err == nil && r.item != nil {
			err = r.item(it)
		}
		return err
	case kindItemOf:
		if r.open != nil {
			return errFrame
		}
		r.seen.Items++
		f := fields{b: payload}
		patient := f.text()
		if f.bad {
			return errFrame
		}
		plain, ok, err := r.keys().opened(patient, f.rest(), []byte(itemName))
		if err != nil || !ok || r.item == nil {
			return err
		}
		it, err := readItem(plain)
		if it.Patient = patient; err == nil {
			err = r.item(it)
		}
		return err
	case kindCommit:
		return r.readCommit(payload)
	case kindVersion, kindSealedOf:
		if r.open == nil {
			return errFrame
		}
		if r.size += len(payload) + versionCost; r.size > maxCommit {
			return errFrame
		}
		version, err := readVersion(payload, r.open.T)
		if err == nil && kind == kindSealedOf {
			err = r.unseal(&version)
		}
		r.open.Versions = append(r.open.Versions, version)
		r.seen.Versions++
		return err
	case kindEnd:
		return r.readEnd(payload)
	}
	return errFrame
}

func (r *frames) keys() people {
	if r.people == nil {
		return nil
	}
	return r.people()
}

// unseal opens the body of a version; that of a shredded patient is gone.
func (r *frames) unseal(v *store.Version) error {
	body, ok, err := r.keys().opened(v.Patient, v.Body, versionName(v.T, v))
	switch {
	case err != nil:
		return err
	case v.Deleted || v.Patient == "":
		return errFrame
	case !ok:
		v.Deleted, v.Shredded, v.Body = true, true, nil
		return nil
	}
	v.Body = body
	return nil
}

func (r *frames) readHead(payload []byte) error {
	var h head
	if err := json.Unmarshal(payload, &h); err != nil {
		return errFrame
	}
	m := r.manifest
	if h.Format != formatName || h.Version != m.Version {
		return fault.New(fault.Invalid, "%s has the format %q, version %d, which this program does not know. Use a newer program.", m.Segment, h.Format, h.Version)
	}
	if h.Set != m.Set || h.Number != m.Number || h.Origin != m.Origin || h.From != m.From || h.Before != m.Before {
		return fault.New(fault.Invalid, "%s is not the segment that its manifest %s tells of.", m.Segment, m.object())
	}
	r.last = h.From
	if r.head != nil {
		return r.head(h)
	}
	return nil
}

func (r *frames) readCommit(payload []byte) error {
	if err := r.flush(); err != nil {
		return err
	}
	c, err := readCommit(payload)
	if err != nil {
		return err
	}
	if c.T != r.last+1 {
		return fault.New(fault.Invalid, "%s is damaged: commit %d stands behind commit %d.", r.manifest.Segment, c.T, r.last)
	}
	if r.last == r.manifest.From {
		r.seen.First = c.At
	}
	r.last, r.seen.Last = c.T, c.At
	r.open, r.size = &c, len(payload)
	return nil
}

// flush hands on the commit whose versions have been read.
func (r *frames) flush() error {
	c := r.open
	if c == nil {
		return nil
	}
	r.open = nil
	if r.commit != nil {
		return r.commit(*c)
	}
	return nil
}

func (r *frames) readEnd(payload []byte) error {
	if err := r.flush(); err != nil {
		return err
	}
	var m Manifest
	if err := json.Unmarshal(payload, &m); err != nil {
		return errFrame
	}
	if want := r.manifest.inside(); !reflect.DeepEqual(m, want) {
		return fault.New(fault.Invalid, "%s and its manifest %s do not agree: one of them was changed.", want.Segment, want.object())
	}
	if r.last != m.To || r.seen.Items != m.Items || r.seen.Versions != m.Versions || !r.seen.First.Equal(m.First) || !r.seen.Last.Equal(m.Last) {
		return fault.New(fault.Invalid, "%s does not hold what its end says: it is damaged.", m.Segment)
	}
	r.ended = true
	return nil
}
