package sqlite

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// originPrefix stands in front of a record's id in the name of its audit log.
const originPrefix = "osler/"

// adopt gives a store in which nothing was committed yet the name of the record that is to
// move in.
func (s *Store) adopt(origin string) error {
	if origin == "" {
		return nil
	}
	id, ok := strings.CutPrefix(origin, originPrefix)
	if !ok || id == "" {
		return fault.New(fault.Invalid, "The audit log of a record cannot have the name %q.", origin)
	}
	own := ""
	if _, err := s.writer.one("SELECT value FROM meta WHERE key = 'id'", nil, func(st *sqlite3.Stmt) { own = st.ColumnText(0) }); err != nil || own == id {
		return err
	}
	n, err := s.writer.number("SELECT count(*) FROM leaf")
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.New(fault.Conflict, "The folder holds another record already (%s%s, not %s).", originPrefix, own, origin)
	}
	return s.writer.exec("UPDATE meta SET value = ? WHERE key = 'id'", id)
}

// Origin implements store.Moving.
func (s *Store) Origin() string { return s.origin }

// Head implements store.Moving.
func (s *Store) Head(ctx context.Context, t store.T) (note []byte, err error) {
	err = s.read(ctx, func(n names) error {
		now, err := n.now()
		if err != nil {
			return err
		}
		if t == 0 {
			t = store.T(now)
		}
		if t < 0 || int64(t) > now {
			return fault.New(fault.NotFound, "The record has %d commits; there is no commit %d.", now, t)
		}
		tree, err := ledger.OpenTree(int64(t), n.hashes())
		if err != nil {
			return err
		}
		note, err = s.signer.Sign(ledger.Checkpoint{Origin: s.origin, Size: int64(t), Root: tree.Root()})
		return err
	})
	return note, err
}

// maxMoved is how many bytes of packed versions and leaves one answer of Commits holds, unless
// a single commit has more.
const maxMoved = 8 << 20

// Commits implements store.Moving. Like Changes it reads both tables by their index on t, and
// ends where the first of them, or the leaves, reach the bound.
func (s *Store) Commits(ctx context.Context, after store.T, limit int) (out []store.Commit, err error) {
	var rows []stored
	err = s.read(ctx, func(n names) error {
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
	return out, s.place(out, rows)
}

// leavesAfter reads commits without their versions.
func (n names) leavesAfter(after store.T, limit int) (out []store.Commit, err error) {
	size := 0
	err = n.query("SELECT t, at, body FROM leaf WHERE t > ? ORDER BY t LIMIT ?", []any{int64(after), limit}, func(st *sqlite3.Stmt) (bool, error) {
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
func (n names) upTo(from string, after, end store.T) (rows []stored, whole store.T, err error) {
	whole = end
	size := 0
	err = n.query("SELECT "+columns+" FROM "+from+" WHERE t > ? AND t <= ? ORDER BY t", []any{int64(after), int64(end)}, func(st *sqlite3.Stmt) (bool, error) {
		v, err := n.scan(st)
		if err != nil {
			return false, err
		}
		if last := len(rows) - 1; size >= maxMoved && rows[last].T != v.T {
			whole = v.T - 1
			return false, nil
		}
		rows, size = append(rows, v), size+len(v.blob)
		return true, nil
	})
	return rows, whole, err
}

// keys adds the idempotency keys that are still remembered.
func (n names) keys(commits []store.Commit, now int64) error {
	first, last := commits[0].T, commits[len(commits)-1]
	oldest := now - onceHours*3600_000
	if last.At.UnixMilli() <= oldest {
		return nil
	}
	return n.query("SELECT key, t FROM once WHERE at > ? AND at <= ? AND t BETWEEN ? AND ?", []any{oldest, last.At.UnixMilli(), int64(first), int64(last.T)},
		func(st *sqlite3.Stmt) (bool, error) {
			commits[store.T(st.ColumnInt64(1))-first].Key = st.ColumnText(0)
			return true, nil
		})
}

// place unpacks the rows and gives them to their commits, in the order of store.Commit: that
// of the row ids, which count down for resources of no patient.
func (s *Store) place(commits []store.Commit, rows []stored) error {
	slices.SortFunc(rows, func(a, b stored) int {
		return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(max(a.rid, -1), max(b.rid, -1)), cmp.Compare(abs(a.rid), abs(b.rid)), cmp.Compare(a.Version.Version, b.Version.Version))
	})
	for _, r := range rows {
		i := int(r.T - commits[0].T)
		if i >= len(commits) {
			break
		}
		v, err := s.pack.open(r)
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

func abs(n int64) int64 { return max(n, -n) }

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

// moved is a commit that is to be appended, with the work done that needs no database.
type moved struct {
	leaf   ledger.Leaf
	writes []store.Write
	blobs  []blob
}

// Append implements store.Moving.
func (s *Store) Append(ctx context.Context, commits []store.Commit, extract store.Extract) error {
	if len(commits) == 0 {
		return nil
	}
	list := make([]moved, len(commits))
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range commits {
		g.Go(func() (err error) {
			if err := inner.Err(); err != nil {
				return err
			}
			list[i], err = s.unfold(&commits[i], extract)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.alone(ctx, func(x *txn) error {
		if now := store.T(x.t); now != commits[0].T-1 {
			return fault.New(fault.Conflict, "Commit %d cannot follow: the store is at %d.", commits[0].T, now)
		}
		for i := range commits {
			if err := x.appendMoved(&commits[i], &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// unfold holds a commit to its leaf, extracts the index and packs.
func (s *Store) unfold(c *store.Commit, extract store.Extract) (m moved, err error) {
	if m.leaf, err = c.Check(); err != nil {
		return m, err
	}
	m.writes, m.blobs = make([]store.Write, len(c.Versions)), make([]blob, len(c.Versions))
	for i := range c.Versions {
		v := &c.Versions[i]
		w := store.Write{Type: v.Type, ID: v.ID, Version: v.Version, Updated: v.Updated, Patient: v.Patient, Deleted: v.Deleted, Body: v.Body}
		if !v.Deleted {
			if w.Index, err = extract(v.Type, v.Body); err != nil {
				return m, fault.Wrap(err, fault.Invalid, "A version of a %s in commit %d cannot be indexed.", v.Type, c.T)
			}
		}
		m.writes[i] = w
		m.blobs[i].codec, m.blobs[i].bytes = s.pack.pack(w.Index, w.Body)
	}
	return m, nil
}

func (x *txn) appendMoved(c *store.Commit, m *moved) error {
	at := c.At.UnixMilli()
	if int64(c.T) != x.t+1 || at < x.at {
		return fault.New(fault.Invalid, "Commit %d does not follow commit %d: a commit is missing, or its time goes back.", c.T, x.t)
	}
	x.t, x.at = int64(c.T), at
	if c.Key != "" {
		if err := x.exec("INSERT OR REPLACE INTO once (key, t, at) VALUES (?, ?, ?)", c.Key, x.t, at); err != nil {
			return err
		}
	}
	for i := range m.writes {
		if err := x.writeVersion(&m.writes[i], m.blobs[i]); fault.Is(err, fault.Stale) {
			return fault.New(fault.Invalid, "A version of a %s in commit %d does not follow its former one.", m.writes[i].Type, c.T)
		} else if err != nil {
			return err
		}
	}
	return x.appendLeaf(m.leaf, c.Leaf)
}

// alone runs f in a transaction of its own, which starts from the state of the last commit;
// what f leaves in the txn becomes that of the store when it commits.
func (s *Store) alone(ctx context.Context, f func(x *txn) error) error {
	w := s.writer
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	switch {
	case s.closed.Load():
		return fault.New(fault.Unavailable, "The record is closed.")
	case w.broken != nil:
		return w.broken
	}
	own := newWords()
	x := &txn{store: s, tables: &w.tables, t: w.last, at: w.lastAt, tree: w.tree, now: s.clock.Now().UnixMilli(), names: names{conn: w.conn, shared: &s.words, own: &own}}
	err := w.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = f(x)
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		if errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CORRUPT) {
			w.broken = fault.New(fault.Unavailable, "The disk failed. Nothing more is stored until the program is restarted.")
		}
		return plain(err)
	}
	w.last, w.lastAt, w.tree = x.t, x.at, x.tree
	s.words.publish(own)
	s.now.Store(w.last)
	w.rest()
	return nil
}

// AllItems implements store.Moving.
func (s *Store) AllItems(ctx context.Context, each func(store.Item) error) (at store.T, err error) {
	err = s.read(ctx, func(n names) error {
		now, err := n.now()
		if err != nil {
			return err
		}
		at = store.T(now)
		return n.query("SELECT "+itemColumns+" FROM item WHERE expires = 0 OR expires > ? ORDER BY space, key", []any{s.clock.Now().UnixMilli()}, func(st *sqlite3.Stmt) (bool, error) {
			return true, each(scanItem(st))
		})
	})
	return at, err
}

// ReplaceItems implements store.Moving.
func (s *Store) ReplaceItems(ctx context.Context, items iter.Seq2[store.Item, error]) error {
	return s.alone(ctx, func(x *txn) error {
		if err := x.exec("DELETE FROM item"); err != nil {
			return err
		}
		for it, err := range items {
			if err == nil {
				err = x.exec("INSERT INTO item ("+itemColumns+") VALUES (?, ?, ?, ?, ?, ?)", it.Space, it.Key, it.Owner, it.Value, it.Version, expiry(it.Expires))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
