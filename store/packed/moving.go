package packed

import (
	"cmp"
	"context"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// OnceHours is how long an idempotency key is remembered.
const OnceHours = 24

// Head is the part of store.Moving that reads the tree.
func (s *Reader) Head(ctx context.Context, l Log, t store.T) (note []byte, err error) {
	err = s.read(ctx, func(n Names) error {
		now, err := n.Now()
		if err != nil {
			return err
		}
		if t == 0 {
			t = store.T(now)
		}
		if t < 0 || int64(t) > now {
			return fault.New(fault.NotFound, "The record has %d commits; there is no commit %d.", now, t)
		}
		tree, err := ledger.OpenTree(int64(t), Hashes(n))
		if err != nil {
			return err
		}
		note, err = l.Signer.Sign(ledger.Checkpoint{Origin: l.Origin, Size: int64(t), Root: tree.Root()})
		return err
	})
	return note, err
}

// maxMoved is how many bytes of packed versions and leaves one answer of Commits holds, unless
// a single commit has more.
const maxMoved = 2 << 20

// Commits implements store.Moving. Like Changes it reads both tables by their index on t, and
// ends where the first of them, or the leaves, reach the bound.
func (s *Reader) Commits(ctx context.Context, after store.T, limit int) (out []store.Commit, err error) {
	var rows []Stored
	err = s.read(ctx, func(n Names) error {
		if out, err = n.leavesAfter(after, max(limit, 1)); err != nil || len(out) == 0 {
			return err
		}
		end := out[len(out)-1].T
		for _, from := range []string{"resource", "history"} {
			part, whole, err := n.upTo(from, after, end)
			if err != nil {
				return err
			}
			rows, end = append(rows, part...), min(end, whole)
		}
		out = out[:end-out[0].T+1]
		return n.keys(out, s.clock.Now().UnixMilli())
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Leaf, err = s.pack.unseal(leafName(int64(out[i].T)), out[i].Leaf); err != nil {
			return nil, err
		}
	}
	return out, s.place(out, rows)
}

// leavesAfter reads commits without their versions.
func (n Names) leavesAfter(after store.T, limit int) (out []store.Commit, err error) {
	size := 0
	err = n.Stream("SELECT t, at, body FROM leaf WHERE t > ? ORDER BY t LIMIT ?", []any{int64(after), limit}, func(st Row) (bool, error) {
		c := store.Commit{T: store.T(st.ColumnInt64(0)), At: instant(st.ColumnInt64(1)), Leaf: st.ColumnBlob(2, nil)}
		if c.T != after+store.T(len(out))+1 {
			return false, fault.New(fault.Internal, "The audit log lacks the entry %d. Restore a backup.", after+store.T(len(out)))
		}
		out, size = append(out, c), size+len(c.Leaf)
		return size < maxMoved, nil
	})
	return out, err
}

// upTo reads the rows of one table after a T, up to end or, when they are too large, up to
// whole: the last T of which, and of all before it, every row is there.
func (n Names) upTo(from string, after, end store.T) (rows []Stored, whole store.T, err error) {
	whole = end
	size := 0
	err = n.Stream("SELECT "+Columns+" FROM "+from+" WHERE t > ? AND t <= ? ORDER BY t", []any{int64(after), int64(end)}, func(st Row) (bool, error) {
		v, err := n.Scan(st)
		if err != nil {
			return false, err
		}
		if last := len(rows) - 1; size >= maxMoved && rows[last].T != v.T {
			whole = v.T - 1
			return false, nil
		}
		rows, size = append(rows, v), size+len(v.Blob)
		return true, nil
	})
	return rows, whole, err
}

// keys adds the idempotency keys that are still remembered.
func (n Names) keys(commits []store.Commit, now int64) error {
	first, last := commits[0].T, commits[len(commits)-1]
	oldest := now - OnceHours*3600_000
	if last.At.UnixMilli() <= oldest {
		return nil
	}
	return n.Query("SELECT key, t FROM once WHERE at > ? AND at <= ? AND t BETWEEN ? AND ?", []any{oldest, last.At.UnixMilli(), int64(first), int64(last.T)},
		func(st Row) (bool, error) {
			commits[store.T(st.ColumnInt64(1))-first].Key = st.ColumnText(0)
			return true, nil
		})
}

// place unpacks the rows and gives them to their commits, in the order of store.Commit: that
// of the row ids, which count down for resources of no patient.
func (s *Reader) place(commits []store.Commit, rows []Stored) error {
	slices.SortFunc(rows, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(max(a.RID, -1), max(b.RID, -1)), cmp.Compare(b.RID, a.RID), cmp.Compare(a.Version.Version, b.Version.Version))
	})
	for _, r := range rows {
		i := int(r.T - commits[0].T)
		if i >= len(commits) {
			break
		}
		v, err := s.pack.Open(r)
		if err != nil {
			return err
		}
		commits[i].Versions = append(commits[i].Versions, v)
	}
	for i := range commits {
		inTurn(commits[i].Versions)
	}
	return nil
}

// inTurn sees to it that of several versions of one resource in one commit the older comes
// first also when it lay in another compartment.
func inTurn(list []store.Version) {
	type name struct{ typ, id string }
	at := make(map[name]int, len(list))
	for i := range list {
		n := name{list[i].Type, list[i].ID}
		if j, ok := at[n]; ok && list[j].Version > list[i].Version {
			list[i], list[j] = list[j], list[i]
		}
		at[n] = i
	}
}

// Moved is a commit that is to be appended, with the work done that needs no database.
type Moved struct {
	Leaf   ledger.Leaf
	Writes []store.Write
	Blobs  []Blob // of the Writes
}

// Unfold holds a commit to its leaf, extracts the index and packs: what store.Moving's Append
// can do for many commits at once.
func (s *Reader) Unfold(c *store.Commit, extract store.Extract) (m Moved, err error) {
	if m.Leaf, err = c.Check(); err != nil {
		return m, err
	}
	m.Writes, m.Blobs = make([]store.Write, len(c.Versions)), make([]Blob, len(c.Versions))
	for i := range c.Versions {
		v := &c.Versions[i]
		w := store.Write{Type: v.Type, ID: v.ID, Version: v.Version, Updated: v.Updated, Patient: v.Patient, Deleted: v.Deleted, Body: v.Body, Shredded: v.Shredded}
		if v.Shredded {
			m.Writes[i], m.Blobs[i].Codec = w, codecShredded
			continue
		}
		if !v.Deleted {
			if w.Index, err = extract(v.Type, v.Body); err != nil {
				return m, fault.Wrap(err, fault.Invalid, "A version of a %s in commit %d cannot be indexed.", v.Type, c.T)
			}
		}
		m.Writes[i] = w
		m.Blobs[i].Codec, m.Blobs[i].Bytes = s.pack.Pack(w.Index, w.Body)
	}
	return m, nil
}

// AllItems implements store.Moving.
func (s *Reader) AllItems(ctx context.Context, each func(store.Item) error) (at store.T, err error) {
	err = s.read(ctx, func(n Names) error {
		now, err := n.Now()
		if err != nil {
			return err
		}
		at = store.T(now)
		return n.Stream("SELECT "+ItemColumns+" FROM item WHERE expires = 0 OR expires > ? ORDER BY space, key", []any{s.clock.Now().UnixMilli()}, func(st Row) (bool, error) {
			it := scanItem(st)
			if err := n.openItem(s.pack, &it); err != nil {
				return false, err
			}
			return true, each(it)
		})
	})
	return at, err
}
