package packed

import (
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Prepared is a checked changeset with what can be worked out without a database.
type Prepared struct {
	Set   store.Changeset
	Blobs []Blob // of Set.Writes
	Leaf  ledger.Leaf
}

// Blob is a packed version.
type Blob struct {
	Codec int
	Bytes []byte
}

// Prepare checks what needs no database and does the work that many can do at once:
// hashing and compressing.
func (p *Packer) Prepare(c store.Changeset, now func() time.Time) (Prepared, error) {
	if c.Leaf == nil {
		return Prepared{}, fault.New(fault.Internal, "A change without an audit leaf is not stored.")
	}
	r := Prepared{Set: c, Leaf: *c.Leaf, Blobs: make([]Blob, len(c.Writes))}
	r.Leaf.Versions = slices.Clone(r.Leaf.Versions)
	r.Leaf.Patients = slices.Clone(r.Leaf.Patients)
	r.Leaf.At = 0 // what the store says when it commits
	if r.Leaf.Time.IsZero() {
		r.Leaf.Time = now()
	}
	for i := range c.Writes {
		w := &c.Writes[i]
		if w.Type == "" || w.ID == "" || w.Version < 1 || w.Deleted != (w.Body == nil) {
			return Prepared{}, fault.New(fault.Internal, "A version needs a type, an id, a number and, unless it deletes, a body.")
		}
		if w.Deleted && len(w.Index) > 0 {
			return Prepared{}, fault.New(fault.Internal, "A deletion has no index.")
		}
		r.Blobs[i].Codec, r.Blobs[i].Bytes = p.Pack(w.Index, w.Body)
		if err := r.cover(w); err != nil {
			return Prepared{}, err
		}
	}
	return r, nil
}

// cover sees to it that the leaf names the version, its hash and its patient.
func (r *Prepared) cover(w *store.Write) error {
	hash := store.BodyHash(w.Body)
	if w.Patient != "" && !slices.Contains(r.Leaf.Patients, w.Patient) {
		r.Leaf.Patients = append(r.Leaf.Patients, w.Patient)
	}
	for i := range r.Leaf.Versions {
		v := &r.Leaf.Versions[i]
		if v.Type != w.Type || v.ID != w.ID || v.Version != w.Version {
			continue
		}
		if v.Hash != "" && v.Hash != hash {
			return fault.New(fault.Internal, "The audit leaf has another hash than the version that it covers.")
		}
		v.Hash = hash
		return nil
	}
	r.Leaf.Versions = append(r.Leaf.Versions, ledger.Version{Type: w.Type, ID: w.ID, Version: w.Version, Hash: hash})
	return nil
}
