package sqlite

import (
	"context"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
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
	if _, err := s.writer.one("SELECT value FROM meta WHERE key = 'id'", nil, func(st packed.Row) { own = st.ColumnText(0) }); err != nil || own == id {
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
func (s *Store) Head(ctx context.Context, t store.T) ([]byte, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	return s.Reader.Head(ctx, s.log(), t)
}

// Append implements store.Moving. While some commits are written, those behind them are held
// to their leaves, indexed and packed.
func (s *Store) Append(ctx context.Context, commits []store.Commit, extract store.Extract) error {
	if len(commits) == 0 {
		return nil
	}
	ahead := s.unfold(ctx, commits, extract)
	defer ahead.end()
	return s.alone(ctx, func(x *txn) error {
		if now := store.T(x.t); now != commits[0].T-1 {
			return fault.New(fault.Conflict, "Commit %d cannot follow: the store is at %d.", commits[0].T, now)
		}
		for i := range commits {
			m, err := ahead.wait(i)
			if err != nil {
				return err
			}
			if err := x.appendMoved(&commits[i], m); err != nil {
				return err
			}
		}
		return nil
	})
}

// unfolding does the work of packed.Reader.Unfold for a list of commits, in their order.
type unfolding struct {
	list   []packed.Moved
	ready  []chan error
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func (s *Store) unfold(ctx context.Context, commits []store.Commit, extract store.Extract) *unfolding {
	ctx, cancel := context.WithCancel(ctx)
	u := &unfolding{list: make([]packed.Moved, len(commits)), ready: make([]chan error, len(commits)), cancel: cancel}
	for i := range u.ready {
		u.ready[i] = make(chan error, 1)
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		u.work.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(commits) {
					return
				}
				err := ctx.Err()
				if err == nil {
					u.list[i], err = s.Unfold(&commits[i], extract)
				}
				u.ready[i] <- err
			}
		})
	}
	return u
}

func (u *unfolding) wait(i int) (*packed.Moved, error) {
	err := <-u.ready[i]
	return &u.list[i], err
}

// end stops what is still under way.
func (u *unfolding) end() {
	u.cancel()
	u.work.Wait()
}

func (x *txn) appendMoved(c *store.Commit, m *packed.Moved) error {
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
	for i := range m.Writes {
		if err := x.writeVersion(&m.Writes[i], m.Blobs[i]); fault.Is(err, fault.Stale) {
			return fault.New(fault.Invalid, "A version of a %s in commit %d does not follow its former one.", m.Writes[i].Type, c.T)
		} else if err != nil {
			return err
		}
	}
	if err := x.flush(); err != nil {
		return err
	}
	return x.appendLeaf(m.Leaf, c.Leaf)
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
	<-w.turn
	defer func() { w.turn <- struct{}{} }()
	if err := w.settle(); err != nil {
		return plain(err)
	}
	own := packed.NewWords()
	x := &txn{conn: w.conn, store: s, tables: w.tables, t: w.last, at: w.lastAt, tree: w.tree, now: s.clock.Now().UnixMilli(), Names: packed.NewNames(w.conn, &s.words, &own)}
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
		return plain(w.failed(err))
	}
	w.last, w.lastAt, w.tree = x.t, x.at, x.tree
	w.aside.settled(w.last)
	s.items.ForgetAll()
	if x.erased { // words are gone, which nobody must use any more
		if err := s.words.Renew(w.conn); err != nil {
			return plain(w.failed(err))
		}
	}
	s.words.Publish(own, 0)
	s.now.Store(w.last)
	w.later()
	return nil
}

// ReplaceItems implements store.Moving.
func (s *Store) ReplaceItems(ctx context.Context, items iter.Seq2[store.Item, error]) error {
	return s.alone(ctx, func(x *txn) error {
		if err := x.exec("DELETE FROM item"); err != nil {
			return err
		}
		for it, err := range items {
			if err == nil {
				err = x.putItem(&it)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// PublicKey implements store.Moving.
func (s *Store) PublicKey() string { return s.signer.Public() }
