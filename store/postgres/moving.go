package postgres

import (
	"context"
	"iter"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

// originPrefix stands in front of a record's id in the name of its audit log.
const originPrefix = "osler/"

// adopt gives a database in which nothing was committed yet the name of the record that is to
// move in.
func (s *Store) adopt(ctx context.Context, c *pgx.Conn, origin string) error {
	id, ok := strings.CutPrefix(origin, originPrefix)
	if !ok || id == "" {
		return fault.New(fault.Invalid, "The audit log of a record cannot have the name %q.", origin)
	}
	tag, err := c.Exec(ctx, "UPDATE meta SET value = $1 WHERE key = 'id' AND (SELECT t FROM head) = 0", []byte(id))
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "The database holds another record already (%s, not %s).", s.origin, origin)
	}
	s.origin = origin
	return nil
}

// Origin implements store.Moving.
func (s *Store) Origin() string { return s.origin }

// Head implements store.Moving.
func (s *Store) Head(ctx context.Context, t store.T) ([]byte, error) {
	return s.Reader.Head(ctx, s.log(), t)
}

// alone runs f in a transaction of its own that holds the lock; what is pending then is
// written, and committed.
func (s *Store) alone(ctx context.Context, batch []*request, f func(x *txn) error) error {
	select {
	case <-s.writer.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.writer.token <- struct{}{} }()
	if s.closed.Load() {
		return fault.New(fault.Unavailable, "The record is closed.")
	}
	return plain(s.with(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		defer func() {
			if err != nil && !c.IsClosed() {
				_, _ = c.Exec(ctx, "ROLLBACK")
			}
		}()
		x, err := s.begin(ctx, c, batch)
		if err == nil { // indexing thousands of versions on a busy machine takes longer than a commit may stand still
			_, err = c.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '300000', true)")
		}
		if err == nil {
			err = x.prepare(batch)
		}
		if err == nil {
			err = f(x)
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		x.queue(b)
		x.queueHead(b, newKey())
		b.Queue("COMMIT")
		if err := c.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		s.items.ForgetAll()
		if x.erased { // words are gone, which nobody must use any more
			s.terms.forget()
			if err := s.words.Learn(x.conn, x.head.params, x.conn.era); err != nil {
				return err
			}
		}
		s.publish(x, nil)
		return nil
	}))
}

// Append implements store.Moving.
func (s *Store) Append(ctx context.Context, commits []store.Commit, extract store.Extract) error {
	if len(commits) == 0 {
		return nil
	}
	batch := make([]*request, len(commits))
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range commits {
		g.Go(func() (err error) {
			if err := inner.Err(); err != nil {
				return err
			}
			batch[i], err = s.unfold(&commits[i], extract)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.alone(ctx, batch, func(x *txn) error {
		if now := store.T(x.head.t); now != commits[0].T-1 {
			return fault.New(fault.Conflict, "Commit %d cannot follow: the store is at %d.", commits[0].T, now)
		}
		for i := range commits {
			if err := x.appendMoved(&commits[i], batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// unfold prepares a commit: what needs no database.
func (s *Store) unfold(c *store.Commit, extract store.Extract) (*request, error) {
	m, err := s.Unfold(c, extract)
	if err != nil {
		return nil, err
	}
	return &request{Prepared: packed.Prepared{Set: store.Changeset{Writes: m.Writes}, Blobs: m.Blobs, Leaf: m.Leaf}}, nil
}

func (x *txn) appendMoved(c *store.Commit, r *request) error {
	at := c.At.UnixMilli()
	if int64(c.T) != x.head.t+1 || at < x.head.at {
		return fault.New(fault.Invalid, "Commit %d does not follow commit %d: a commit is missing, or its time goes back.", c.T, x.head.t)
	}
	if err := x.checkVersions(&r.Set); fault.Is(err, fault.Stale) {
		return fault.New(fault.Invalid, "A version in commit %d does not follow its former one.", c.T)
	} else if err != nil {
		return err
	}
	x.head.t, x.head.at = int64(c.T), at
	x.keep(c.Key, at)
	for i := range r.Set.Writes {
		if err := x.writeVersion(&r.Set.Writes[i], r.Blobs[i]); err != nil {
			return err
		}
	}
	return x.appendLeaf(r.Leaf, c.Leaf)
}

// itemsAtOnce is how many items are written together.
const itemsAtOnce = 500

// ReplaceItems implements store.Moving.
func (s *Store) ReplaceItems(ctx context.Context, list iter.Seq2[store.Item, error]) error {
	return s.alone(ctx, nil, func(x *txn) error {
		if _, err := x.Exec(x.ctx, "DELETE FROM item"); err != nil {
			return err
		}
		for it, err := range list {
			if err != nil {
				return err
			}
			if err := x.putItem(&it); err != nil {
				return err
			}
			if len(x.pending.items) == itemsAtOnce {
				if err := x.flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// PublicKey implements store.Moving.
func (s *Store) PublicKey() string { return s.signer.Public() }
