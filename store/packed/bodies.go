package packed

import (
	"bytes"
	"sync"

	"github.com/osler-emr/osler/store"
)

// bodies remembers what stored versions decode to. A clinic reads the charts of today over and
// over; decrypting and decompressing a version takes as long as finding it.
//
// When words or keys are forgotten, so are all bodies, at once (Vocabulary.whenForgotten): what is
// destroyed must not stay in memory.
//
// Nothing that is remembered can be wrong: it is used only for a row whose name, number and
// sealed bytes are those that were decoded, while the key of the patient is there. A row that was
// changed, or the row of a shredded patient, is decoded, and fails, as if nothing were remembered.
// Verification does not ask here.
type bodies struct {
	mu          sync.Mutex
	now, before map[int64]decoded // by row id; what is used moves from before to now
	size        int               // of now, in bytes
	epoch       int               // of the vocabulary
}

type decoded struct {
	Type, ID string
	Version  int64
	Codec    int
	Blob     []byte
	Body     []byte // is never changed
}

const (
	// maxBodies bounds one of the two generations, in bytes.
	maxBodies = 6 << 20
	// maxBody is the largest body that is remembered.
	maxBody = 32 << 10
)

// open decodes the body into the version.
func (s *Reader) open(v Stored) (store.Version, error) {
	if v.Deleted || v.Codec == codecShredded || v.Codec&sealedByPatient != 0 && !v.Key.has(v.Blob) {
		return s.pack.Open(v)
	}
	if body, ok := s.bodies.find(v); ok {
		v.Body = body
		return v.Version, nil
	}
	out, err := s.pack.Open(v)
	if err == nil && len(out.Body) <= maxBody {
		out.Body = out.Body[:len(out.Body):len(out.Body)] // who appends to it gets a copy
		s.bodies.keep(v.RID, decoded{v.Type, v.ID, v.Version.Version, v.Codec, v.Blob, out.Body}, v.epoch)
	}
	return out, err
}

// find returns what is remembered of a row.
func (b *bodies) find(v Stored) ([]byte, bool) {
	b.mu.Lock()
	d, ok := b.now[v.RID]
	if !ok {
		if d, ok = b.before[v.RID]; ok {
			b.add(v.RID, d)
		}
	}
	b.mu.Unlock()
	if !ok || d.Version != v.Version.Version || d.ID != v.ID || d.Type != v.Type || d.Codec != v.Codec || !bytes.Equal(d.Blob, v.Blob) {
		return nil, false
	}
	return d.Body, true
}

// keep remembers what was read in an epoch, unless that is over: the patient may be shredded since.
func (b *bodies) keep(rid int64, d decoded, epoch int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch == b.epoch {
		b.add(rid, d)
	}
}

// forget drops everything; what was read before the epoch that begins is not kept any more.
func (b *bodies) forget(epoch int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now, b.before, b.size, b.epoch = nil, nil, 0, epoch
}

func (b *bodies) add(rid int64, d decoded) {
	if b.now == nil || b.size >= maxBodies {
		b.now, b.before, b.size = map[int64]decoded{}, b.now, 0
	}
	b.now[rid] = d
	b.size += len(d.Blob) + cap(d.Body) + 150
}
