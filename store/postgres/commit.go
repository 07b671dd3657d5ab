package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

// maxGroup is how many changesets share one transaction.
const maxGroup = 256

// request is a changeset that waits for its commit.
type request struct {
	packed.Prepared
	ctx     context.Context
	receipt store.Receipt
	err     error
	done    chan struct{}
}

func (r *request) finished() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// writer is the queue of changesets. Who holds the token commits for all that wait.
type writer struct {
	token chan struct{}

	mu    sync.Mutex
	queue []*request

	// single is set when the server committed without the replica that it should have waited
	// for.
	single atomic.Bool
	// half is set when a server of a distributed record did not commit its part yet.
	half atomic.Bool
	last head // of the last group; valid while the token is held
	sole bool // whether nobody else had committed between the last two
}

// notice hears what the server says beside its answers.
func (w *writer) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	switch {
	case n.Routine == "SyncRepWaitForLSN":
		w.single.Store(true)
	case halfCommitted(n.Message):
		w.half.Store(true)
	}
}

// Commit implements store.Store. Concurrent commits share transactions: the first caller
// that gets the token commits for all that wait. Groups of several processes wait for each
// other at the row head.
func (s *Store) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	c.Leaf = ledger.Placed(ctx, c.Leaf)
	r, err := s.commit(ctx, c)
	if err == nil {
		ledger.Committed(ctx)
	}
	return r, err
}

func (s *Store) commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if s.closed.Load() {
		return store.Receipt{}, fault.New(fault.Unavailable, "The record is closed.")
	}
	p, err := s.pack.Prepare(c, s.clock.Now)
	if err != nil {
		return store.Receipt{}, err
	}
	defer s.items.Forget(c.Items...) // also when nobody knows whether they were stored
	r := &request{Prepared: p, ctx: ctx, done: make(chan struct{})}
	w := &s.writer
	w.mu.Lock()
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		if w.withdraw(r) {
			return store.Receipt{}, ctx.Err()
		}
		<-r.done
	case <-w.token:
		s.lead(r)
	}
	return r.receipt, r.err
}

// lead commits groups until a request has its answer. The caller has the token, which is given
// back also when something panics.
func (s *Store) lead(r *request) {
	defer func() { s.writer.token <- struct{}{} }()
	for !r.finished() {
		s.group()
	}
}

// errUnfinished is the answer to those whose commit ended in a panic.
var errUnfinished = fault.New(fault.Internal, "Something went wrong inside of the program while this was being stored. Look whether it was, then try again.")

// withdraw takes a request out of the queue; false when it is being committed.
func (w *writer) withdraw(r *request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, r)
	if i < 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// group commits what waits, as one transaction, and answers.
func (s *Store) group() {
	w := &s.writer
	w.mu.Lock()
	n := min(len(w.queue), maxGroup)
	batch := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	w.mu.Unlock()
	if n == 0 {
		return
	}
	answered := false
	defer func() {
		for _, r := range batch {
			if !answered { // a panic, which goes on: the others must not wait for ever
				r.receipt, r.err = store.Receipt{}, errUnfinished
			}
			close(r.done)
		}
	}()
	err := s.insist(batch)
	if err != nil && !lost(err) && len(batch) > 1 { // one of them is to blame: each is tried alone
		for _, r := range batch {
			if err := s.insist([]*request{r}); err != nil {
				r.receipt, r.err = store.Receipt{}, plain(err)
			}
		}
		err = nil
	}
	if err != nil {
		if lost(err) { // who has waited behind it has waited long enough
			w.mu.Lock()
			batch = append(batch, w.queue...)
			w.queue = nil
			w.mu.Unlock()
		}
		for _, r := range batch {
			r.receipt, r.err = store.Receipt{}, plain(err)
		}
	}
	answered = true
}

const (
	// patience is how long a group is tried, when its connection is lost.
	patience = 4500 * time.Millisecond
	// leastPatience is what is left of it, however late that happens.
	leastPatience = 500 * time.Millisecond
)

var errUnknown = fault.Wrap(errLost, fault.Unavailable, "The database went away while this was being stored, and it is not known whether it was. Look, then try again.")

// insist commits a batch. When the connection is lost, it finds out whether the group was
// committed, and commits it anew when it was not.
func (s *Store) insist(batch []*request) error {
	began := time.Now()
	var limit context.Context
	for {
		key := newKey()
		sent, err := s.transaction(batch, key)
		if held(err) {
			s.evict(context.Background())
		}
		if err == nil || !lost(err) {
			return err
		}
		if limit == nil {
			var cancel context.CancelFunc
			limit, cancel = context.WithTimeout(context.Background(), max(patience-time.Since(began), leastPatience))
			defer cancel()
		}
		if sent != nil {
			stored, err := s.outcome(limit, key)
			if err != nil {
				return errUnknown
			}
			if stored {
				s.publish(sent, batch)
				return nil
			}
		}
		select {
		case <-limit.Done():
			return away(nil)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// newKey returns the key of a group.
func newKey() []byte {
	key := make([]byte, 16)
	rand.Read(key) // never fails (crypto/rand, Go 1.24)
	return key
}

// outcome reports whether a group was committed. It first waits until no transaction that
// could still commit it is left. A group of leaves may not even have begun then, and be in the
// hands of the network: when it is not there, the head gets another mark, on which it fails.
func (s *Store) outcome(limit context.Context, key []byte) (stored bool, err error) {
	for {
		err = s.with(limit, func(ctx context.Context, c *pgx.Conn) error {
			return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, "SELECT 1 FROM head FOR UPDATE"); err != nil {
					return err
				}
				if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM outcome WHERE key = $1)", key).Scan(&stored); err != nil || stored {
					return err
				}
				_, err := tx.Exec(ctx, "WITH h AS (UPDATE head SET mark = $1 RETURNING mark) INSERT INTO outcome (key, at) SELECT mark, $2 FROM h", newKey(), s.clock.Now().UnixMilli())
				return err
			})
		})
		if err == nil {
			return stored, nil
		}
		select {
		case <-limit.Done():
			return false, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// transaction runs the changesets of a batch. The error is that of the whole transaction;
// each changeset's own stands in its request. sent is not nil when the commit was sent.
func (s *Store) transaction(batch []*request, key []byte) (sent *txn, err error) {
	for _, r := range batch {
		r.receipt, r.err = store.Receipt{}, nil
	}
	ctx := context.Background()
	if len(batch) == 1 {
		ctx = context.WithoutCancel(batch[0].ctx)
	}
	s.writer.single.Store(false)
	s.writer.half.Store(false)
	var x *txn
	err = s.with(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		defer func() {
			if err != nil && !c.IsClosed() {
				_, _ = c.Exec(ctx, "ROLLBACK")
			}
		}()
		if x = s.leaves(batch, key); x != nil {
			if len(x.pending.leaves) == 0 {
				return nil
			}
			sent = x
			if done, err := x.append(ctx, c, s.writer.last.mark); done || err != nil {
				return err
			}
			sent, s.writer.sole = nil, false
		}
		if x, err = s.begin(ctx, c, batch); err != nil {
			return err
		}
		if err := x.prepare(batch); err != nil {
			return err
		}
		for _, r := range batch {
			if r.err = plain(x.changeset(r)); r.err != nil && x.failed != nil {
				return x.failed
			}
		}
		if x.head.t == x.before.t {
			_, err := c.Exec(ctx, "ROLLBACK") // nothing is left to be stored
			return err
		}
		sent = x
		return x.commit(key)
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !gone(refused) {
		sent = nil // the server says that it did not commit
	}
	if err != nil {
		return sent, err
	}
	if sent != nil {
		s.publish(sent, batch)
	}
	return sent, nil
}

// publish makes known what a committed transaction has added.
func (s *Store) publish(x *txn, batch []*request) {
	s.words.Publish(*x.Own, x.head.params)
	s.terms.publish(x.terms)
	raise(&s.seen, x.head.t)
	s.writer.last = x.head
	if s.writer.half.Swap(false) {
		if err := s.finish(); err != nil {
			for _, r := range batch {
				if r.err == nil && !r.receipt.Repeated {
					r.receipt, r.err = store.Receipt{}, err
				}
			}
		}
	}
	if s.writer.single.Load() {
		for _, r := range batch {
			if r.err == nil && !r.receipt.Repeated {
				r.receipt, r.err = store.Receipt{}, fault.New(fault.Unavailable, "This was stored, but the replica did not confirm it: a failover might lose it. Look, then try again.")
			}
		}
	}
}
