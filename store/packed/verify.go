package packed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Log is what a store knows of its audit log beside the database.
type Log struct {
	Signer ledger.Key // of checkpoints
	Origin string     // the name in them
	Notes  string     // the file of signed checkpoints
	// Elsewhere says that other processes keep some of the notes, so that the file may be
	// missing.
	Elsewhere bool
	// ReadNotes reads them from elsewhere, when it is not nil.
	ReadNotes func() ([]byte, error)
	// Database checks the structure of the database itself.
	Database func(c Conn, report func(problem string)) error
}

// Verify checks the audit log against its tree and the signed checkpoints, and every stored
// version against its leaf; see store.Store.
func (s *Reader) Verify(ctx context.Context, l Log, report func(problem string)) (int64, error) {
	v := &verification{reader: s, log: l, report: report, covered: map[covered]string{}, shreds: map[shred]bool{}}
	err := s.read(ctx, func(n Names) error {
		v.Names = n
		if err := l.Database(n, report); err != nil {
			return err
		}
		for _, part := range []func() error{v.readCheckpoints, v.leaves, v.stored, v.versions, v.index} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	})
	return v.tree.Size(), err
}

// covered names a version that a leaf covers.
type covered struct {
	t       int64
	typ, id string
	version int64
}

type verification struct {
	Names
	log         Log
	reader      *Reader
	report      func(string)
	tree        ledger.Tree
	checkpoints []ledger.Checkpoint // by size
	covered     map[covered]string  // the hash
	shreds      map[shred]bool
}

func (v *verification) say(format string, args ...any) { v.report(fmt.Sprintf(format, args...)) }

// readCheckpoints checks the signatures of all checkpoints, in the database and beside it.
func (v *verification) readCheckpoints() error {
	err := v.Query("SELECT size, note FROM checkpoint ORDER BY size", nil, func(s Row) (bool, error) {
		c, err := v.log.Signer.Open(s.ColumnBlob(1, nil))
		switch {
		case err != nil || c.Origin != v.log.Origin:
			v.say("The checkpoint of %d entries in the database is not signed by this record's key.", s.ColumnInt64(0))
		case c.Size != s.ColumnInt64(0):
			v.say("The checkpoint of %d entries in the database says %d.", s.ColumnInt64(0), c.Size)
		default:
			v.checkpoints = append(v.checkpoints, c)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	read := v.log.ReadNotes
	if read == nil {
		read = func() ([]byte, error) { return os.ReadFile(v.log.Notes) }
	}
	file, err := read()
	if errors.Is(err, fs.ErrNotExist) {
		if len(v.checkpoints) > 1 && !v.log.Elsewhere { // a crash may come before the first one is in it
			v.say("The file checkpoints.log is missing, although %d checkpoints were written to it.", len(v.checkpoints))
		}
		return nil
	}
	if err != nil {
		return err
	}
	notes, _ := ledger.SplitNotes(file) // the rest is a note torn by a crash; the database has it whole
	for i, note := range notes {
		c, err := v.log.Signer.Open(note)
		if err != nil || c.Origin != v.log.Origin {
			v.say("Checkpoint %d in checkpoints.log is not signed by this record's key.", i+1)
			continue
		}
		v.checkpoints = append(v.checkpoints, c)
	}
	slices.SortStableFunc(v.checkpoints, func(a, b ledger.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

// leaves recomputes the tree, compares its stored hashes, and compares its head with every
// checkpoint on the way.
func (v *verification) leaves() error {
	next := v.checkpoints
	lastAt := int64(0)
	err := v.Stream("SELECT t, at, body FROM leaf ORDER BY t", nil, func(s Row) (bool, error) {
		t := s.ColumnInt64(0)
		if want := v.tree.Size() + 1; t != want {
			v.say("The audit log lacks the entries from %d to %d.", want-1, t-2)
			return false, nil // whatever follows has another place in the tree
		}
		if at := s.ColumnInt64(1); at < lastAt {
			v.say("Entry %d of the audit log is dated before the one in front of it.", t-1)
		} else {
			lastAt = at
		}
		body, err := v.reader.pack.unseal(leafName(t), s.ColumnBlob(2, nil))
		if err != nil {
			v.say("Entry %d of the audit log cannot be decrypted.", t-1)
			return false, nil // without it the tree cannot be followed
		}
		if err := v.leaf(t, body); err != nil {
			return false, err
		}
		for len(next) > 0 && next[0].Size <= v.tree.Size() {
			if next[0].Size == v.tree.Size() && next[0].Root != v.tree.Root() {
				v.say("The first %d entries of the audit log are not those that were signed.", next[0].Size)
			}
			next = next[1:]
		}
		return true, nil
	})
	if len(next) > 0 {
		v.say("The audit log has %d entries, but a signed checkpoint counts %d: entries were cut off, or an old copy of the database was put back.", v.tree.Size(), next[len(next)-1].Size)
	}
	return err
}

func (v *verification) leaf(t int64, body []byte) error {
	first, hashes := v.tree.Append(body)
	stored, err := Hashes(v).ReadHashes(consecutive(first, len(hashes)))
	if err != nil {
		v.say("Entry %d of the audit log lacks its hashes.", t-1)
	} else if !slices.Equal(stored, hashes) {
		v.say("Entry %d of the audit log was changed: its hash is not the stored one.", t-1)
	}
	l, err := ledger.Decode(body)
	if err != nil {
		v.say("Entry %d of the audit log cannot be read.", t-1)
		return nil
	}
	for _, c := range l.Versions {
		if c.Hash != "" { // a version that was written, not only read
			v.covered[covered{t, c.Type, c.ID, c.Version}] = c.Hash
		}
	}
	if l.Action == ledger.Shred {
		for _, p := range l.Patients {
			v.shreds[shred{t, p}] = true
		}
	}
	return v.patients(t, l)
}

// shred is what a leaf says that destroys a patient's keys.
type shred struct {
	t       int64
	patient string
}

// shredded checks that a version without content belongs to a patient whose keys were
// destroyed: the record's key says so, and, unless that came with a restored backup, an entry of
// the audit log.
func (v *verification) shredded(row Stored) {
	k := row.Key
	switch {
	case k == nil || !k.Gone || !k.Proven:
		v.say("%s/%s version %d has lost its content, and its patient was not shredded.", row.Type, row.ID, row.Version.Version)
	case k.At > 0 && !v.shreds[shred{k.At, row.Patient}]:
		v.say("%s/%s version %d has lost its content, and the audit log does not say that its patient was shredded.", row.Type, row.ID, row.Version.Version)
	}
}

// patients checks that the entry is found under the patients that it names.
func (v *verification) patients(t int64, l ledger.Leaf) error {
	for _, p := range l.Patients {
		n, err := v.number("SELECT count(*) FROM leaf_patient WHERE patient = ? AND t = ?", p, t)
		if err != nil {
			return err
		}
		if n == 0 {
			v.say("Entry %d of the audit log is not listed under Patient/%s.", t-1, p)
		}
	}
	return nil
}

func consecutive(first int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = first + int64(i)
	}
	return out
}

// stored reports hashes of the tree that belong to no entry.
func (v *verification) stored() error {
	highest, err := v.number("SELECT count(*) FROM hash")
	if err == nil && highest != tlog.StoredHashCount(v.tree.Size()) {
		v.say("The audit log has %d stored hashes; %d belong to its %d entries.", highest, tlog.StoredHashCount(v.tree.Size()), v.tree.Size())
	}
	return err
}

// versions compares every stored version with the leaf of its commit.
func (v *verification) versions() error {
	for _, table := range []string{"history", "resource"} {
		err := v.Stream("SELECT "+Columns+" FROM "+table, nil, func(s Row) (bool, error) {
			row, err := v.Scan(s)
			if err != nil {
				v.say("A row of the table %s names a type or a patient that is not defined.", table)
				return true, nil
			}
			v.version(row)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for key := range v.covered {
		v.say("%s/%s version %d is missing: entry %d of the audit log says that it was written.", key.typ, key.id, key.version, key.t-1)
	}
	return nil
}

func (v *verification) version(row Stored) {
	key := covered{int64(row.T), row.Type, row.ID, row.Version.Version}
	hash, ok := v.covered[key]
	if !ok {
		v.say("%s/%s version %d has no entry in the audit log.", row.Type, row.ID, row.Version.Version)
		return
	}
	delete(v.covered, key)
	if row.Codec == Shredded {
		v.shredded(row)
		return
	}
	version, err := v.reader.pack.Open(row)
	switch {
	case err != nil:
		v.say("%s/%s version %d cannot be decoded.", row.Type, row.ID, row.Version.Version)
	case hash != store.BodyHash(version.Body):
		v.say("%s/%s version %d is not what was written: its hash differs from that in entry %d of the audit log.", row.Type, row.ID, row.Version.Version, row.T-1)
	}
}

// index checks that every resource is found under its id, and that every version has its
// place in time.
func (v *verification) index() error {
	for _, check := range [...]struct{ sql, text string }{
		{"SELECT r.id FROM resource r LEFT JOIN entity e ON e.id = r.id AND e.type = r.type WHERE e.rid IS DISTINCT FROM r.rid", "The resource %s is not found under its id."},
		{"SELECT e.id FROM entity e LEFT JOIN resource r ON " + v.same("r.", "e.") + " WHERE e.rid IS NOT NULL AND r.rid IS NULL", "The id %s points at a resource that is missing."},
		{"SELECT h.id FROM history h WHERE h.until < h.t", "A former version of %s ends before it begins."},
	} {
		err := v.Query(check.sql, nil, func(s Row) (bool, error) {
			v.say(check.text, s.ColumnText(0))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
