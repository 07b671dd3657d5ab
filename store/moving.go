package store

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust/ledger"
)

// Commit is one commit as it moves from store to store: whatever was written, without the
// index, which the receiving store makes anew.
type Commit struct {
	T  T
	At time.Time // when it was stored, to the millisecond; never before that of an earlier T
	// Leaf holds the audit leaf as the bytes that the tree hashes: they are never encoded anew.
	Leaf []byte
	// Key is the idempotency key of the commit while it is remembered, otherwise "".
	Key string
	// Versions are in the order in which they lie in the store, so that a store that takes
	// them in this order lays them the same way.
	Versions []Version
}

// Moving is the part of a Store with which a record leaves one store and enters another: a
// backup, a restored backup, a copy. A record keeps its name, its times, its audit tree and
// its signatures when it moves; package store/archive does the moving.
type Moving interface {
	// Origin returns the name of the audit log, which the record has for life and its
	// checkpoints bear. A store that is to take a moved record is made with its Origin.
	Origin() string
	// PublicKey returns the key that verifies the checkpoints, in text form; see ledger.OpenKey.
	PublicKey() string
	// Head signs the head of the audit log as it was at t (0: the present) and returns the
	// note. Unlike Checkpoint it keeps nothing. Two stores with the same origin, key and first
	// t leaves return the same bytes. A t that is not there yet is fault.NotFound.
	Head(ctx context.Context, t T) (note []byte, err error)
	// Commits returns whole commits after a T, oldest first and without a gap; none means that
	// there are no more. It returns at most limit, and fewer when their bodies are large: the
	// answer is bounded in memory unless a single commit is beyond the bound.
	Commits(ctx context.Context, after T, limit int) ([]Commit, error)
	// Append stores commits under their own T, time and leaf, all or nothing, onto a store whose
	// Now is the T before the first. extract gives the index entries of a version that is not
	// Deleted; it is called from several goroutines. A gap in T, a time that goes back, a version
	// that does not follow its former one, and a version whose leaf does not bear its hash are
	// fault.Invalid; a store that is further already or not so far is fault.Conflict.
	Append(ctx context.Context, commits []Commit, extract Extract) error
	// AllItems calls each for every item that has not expired, by space and key, of one state of
	// the store, and returns the T of that state.
	AllItems(ctx context.Context, each func(Item) error) (at T, err error)
	// ReplaceItems makes these all the items that there are, with their versions, or, when
	// the sequence gives an error, changes nothing. It writes no leaf: it is for a record that
	// moves in, before anybody uses it.
	ReplaceItems(ctx context.Context, items iter.Seq2[Item, error]) error
	// PersonKeys calls each for every patient who has keys, and for those whose keys were
	// destroyed.
	PersonKeys(ctx context.Context, each func(PersonKey) error) error
	// AdoptKeys tells which keys the patients of the record that moves in have. It is called
	// before the first Append, and again when a move goes on. A patient whose keys were
	// destroyed meanwhile is shredded here, too.
	AdoptKeys(ctx context.Context, keys []PersonKey) error
}

// Extract gives the index entries of a body.
type Extract func(resourceType string, body []byte) ([]search.Entry, error)

// Signer returns the key that signs the heads of a record's audit log: it follows from the
// record's keys and the name of the log, so that it is the same wherever the record lives.
func Signer(keys seal.Keyring, origin string) (ledger.Key, error) {
	return ledger.NewKey(origin, ledger.Secret(keys.Key("audit-signing"), origin))
}

// HoldTo compares checkpoints that were kept elsewhere with what the log signs at the same
// places, and reports each that does not fit. A record that was put back to an older state has
// fewer entries than a checkpoint says, or others; neither shows in the record itself when the
// checkpoints in it were put back too.
func HoldTo(ctx context.Context, s Moving, notes [][]byte, report func(problem string)) error {
	for i, note := range notes {
		text, _, _ := bytes.Cut(note, []byte("\n\n"))
		c, err := ledger.ParseCheckpoint(string(text) + "\n")
		if err != nil || c.Size == 0 {
			return fault.New(fault.Invalid, "Checkpoint %d of those that were kept cannot be read.", i+1)
		}
		head, err := s.Head(ctx, T(c.Size))
		if fault.Is(err, fault.NotFound) {
			report(fmt.Sprintf("A checkpoint that was kept counts %d entries, more than there are: entries were cut off, or an older state of the record was put back.", c.Size))
			continue
		}
		if err != nil {
			return err
		}
		here, _, _ := bytes.Cut(head, []byte("\n\n"))
		if !bytes.Equal(here, text) {
			report(fmt.Sprintf("A checkpoint of %d entries that was kept does not fit: the first %d entries are others, or it is that of another record.", c.Size, c.Size))
		}
	}
	return nil
}

// BodyHash returns the hash of a version in the leaf of its commit; a deletion has that of
// nothing.
func BodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Check holds a commit to its own leaf: each version has its hash in it, and each hash its
// version. It returns the leaf, decoded.
func (c *Commit) Check() (ledger.Leaf, error) {
	l, err := ledger.Decode(c.Leaf)
	if err != nil {
		return l, fault.Wrap(err, fault.Invalid, "Entry %d of the audit log cannot be read.", c.T-1)
	}
	type name struct {
		typ, id string
		version int64
	}
	hashes := make(map[name]string, len(l.Versions))
	for _, v := range l.Versions {
		if v.Hash != "" {
			hashes[name{v.Type, v.ID, v.Version}] = v.Hash
		}
	}
	for i := range c.Versions {
		v := &c.Versions[i]
		n := name{v.Type, v.ID, v.Version}
		switch hash, ok := hashes[n]; {
		case v.T != c.T || v.Type == "" || v.ID == "" || v.Version < 1 || v.Deleted != (v.Body == nil):
			return l, fault.New(fault.Invalid, "A version of commit %d is not whole.", c.T)
		case !ok:
			return l, fault.New(fault.Invalid, "A version of a %s in commit %d has no entry in the audit log.", v.Type, c.T)
		case hash != BodyHash(v.Body) && !(v.Shredded && v.Deleted && v.Patient != ""):
			return l, fault.New(fault.Invalid, "A version of a %s in commit %d is not what was written: its hash differs from that in the audit log.", v.Type, c.T)
		}
		delete(hashes, n)
	}
	for n := range hashes {
		return l, fault.New(fault.Invalid, "A version of a %s is missing: entry %d of the audit log says that it was written.", n.typ, c.T-1)
	}
	return l, nil
}

// PersonKey is the key of a patient, as it moves with the record.
type PersonKey struct {
	Patient string
	// Root is the secret from which the keys for leaves, contents and backups follow; nil when
	// it was destroyed.
	Root []byte
	// Shredded says that the keys were destroyed, At.
	Shredded bool
	At       time.Time
}

// PersonUse derives the key of a patient for one use, such as "contents" or "backup".
func PersonUse(root []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, root, nil, "osler/1/patient/"+use, seal.KeySize)
	if err != nil { // only for outputs beyond 255 blocks
		panic(err)
	}
	return key
}
