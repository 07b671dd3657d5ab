package sqlite

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/trust/ledger"
)

// A leaf that comes alone, as that of every read does, changes nothing that a search could
// find. It does not wait for a transaction, which costs a page of each table that it stands
// in and makes every reader forget the pages that it knows: it is appended to the leaf log,
// and answered when it is durable there. The leaves of the log are moved into the tables
// soon, many in one transaction, and before anything is written, read or signed that comes
// after them. They have their logical time from the beginning, so that moving changes nothing.

// aside is the part of the writer that takes leaves that come alone.
type aside struct {
	mu    sync.Mutex
	queue []*request // not yet durable
	kept  []leaf     // durable in the log, not yet in the tables, in order
	size  int        // of what is kept, in bytes

	log   *leafLog      // used by who has the turn
	moved atomic.Int64  // the last T that is in the tables
	down  atomic.Bool   // the disk failed
	wake  chan struct{} // leaves are kept
	full  chan struct{} // many are, or the write-ahead log has grown
}

// leaf is a leaf on its way into the tables.
type leaf struct {
	t, at int64
	ledger.Leaf
	body []byte
}

const (
	// settleAt is how many leaves wait before they are moved at once, and how many one transaction moves.
	settleAt = 2000
	// settleAfter is how long a leaf waits at most while nothing is written.
	settleAfter = time.Second
)

// maxLone is the size of a leaf from which it goes into the tables at once.
const maxLone = 64 << 10

// maxRecord is how many bytes of leaves share one record of the log.
const maxRecord = 256 << 10

// alone reports whether a request is a leaf and nothing else.
func (r *request) alone() bool {
	return len(r.Set.Writes)+len(r.Set.Items)+len(r.Set.Unchanged)+len(r.Set.Absent) == 0 && r.Set.Key == ""
}

// sealLone seals the details of a leaf that comes alone: of patients who are stored already.
func (s *Store) sealLone(ctx context.Context, r *request) error {
	if !r.alone() || !packed.Detailed(&r.Leaf) {
		return nil
	}
	if done, err := s.words.SealKnown(&r.Leaf); done || err != nil {
		return err
	}
	return s.read(ctx, func(c packed.Conn) error {
		return packed.NewNames(c, &s.words, nil).SealDetails(&r.Leaf)
	})
}

// lone reports whether a request is a leaf alone, and small enough for the log; then it is
// encoded.
func (r *request) lone() bool {
	if !r.alone() {
		return false
	}
	r.body = r.Leaf.Encode()
	return len(r.body) <= maxLone
}

// note commits a leaf that comes alone. The first caller that has the turn writes for all
// that wait. It is not done when the log cannot be used, on a full disk for example: then the
// leaf goes into the tables like everything else.
func (w *writer) note(ctx context.Context, r *request) (done bool, err error) {
	a := &w.aside
	a.mu.Lock()
	a.queue = append(a.queue, r)
	a.mu.Unlock()
	for {
		select {
		case <-r.done:
			return true, r.err
		case <-ctx.Done():
			if a.withdraw(r) {
				return true, ctx.Err()
			}
			<-r.done
			return true, r.err
		case <-w.turn:
		}
		if r.finished() {
			w.turn <- struct{}{}
			return true, r.err
		}
		runtime.Gosched() // who is about to bring a leaf shares the sync; nobody is waited for
		usable, room := a.log.ready(), true
		if usable {
			room = w.writeAside()
		}
		w.turn <- struct{}{}
		if !usable && a.withdraw(r) {
			return false, nil
		}
		if !room { // of which there is always some, unless moving is slow or fails
			if err := w.makeRoom(ctx); err != nil && ctx.Err() == nil { // who has gone speaks for nobody else
				a.refuse(err)
			}
		}
	}
}

// take returns the leaves that wait for the log, at most maxGroup and what a half holds.
func (a *aside) take() []*request {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, size := 0, 0
	for n < min(len(a.queue), maxGroup) && size+len(a.queue[n].body) <= maxRecord {
		size += len(a.queue[n].body)
		n++
	}
	batch := slices.Clone(a.queue[:n])
	a.queue = slices.Delete(a.queue, 0, n)
	return batch
}

func (a *aside) withdraw(r *request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.queue, r)
	if i < 0 {
		return false
	}
	a.queue = slices.Delete(a.queue, i, i+1)
	return true
}

// refuse answers all that wait with an error.
func (a *aside) refuse(err error) {
	for _, r := range a.take() {
		r.err = plain(err)
		close(r.done)
	}
}

// writeAside makes the leaves that wait durable and answers, unless the log cannot be used.
// The caller has the turn. It returns false when the log has no room before more is moved.
func (w *writer) writeAside() bool {
	batch := w.aside.take()
	if len(batch) == 0 {
		return true
	}
	switch {
	case w.store.closed.Load():
		answer(batch, errClosed)
		return true
	case w.aside.down.Load():
		answer(batch, errDisk)
		return true
	}
	group := make([]leaf, len(batch))
	at := max(w.lastAt, w.store.clock.Now().UnixMilli())
	for i, r := range batch {
		r.Leaf.At = at
		group[i] = leaf{t: w.last + 1 + int64(i), at: at, Leaf: r.Leaf, body: ledger.Stamp(r.body, at)}
	}
	room, err := w.aside.log.append(group, w.aside.moved.Load())
	if w.aside.log.broken {
		w.aside.down.Store(true)
		answer(batch, errDisk)
		return true
	}
	if !room || err != nil { // nobody was answered: the one who has the turn next finds out
		w.aside.mu.Lock()
		w.aside.queue = append(batch, w.aside.queue...)
		w.aside.mu.Unlock()
		return room
	}
	w.last, w.lastAt = group[len(group)-1].t, at
	many := w.aside.keep(group)
	w.store.now.Store(w.last)
	for i, r := range batch {
		r.receipt = store.Receipt{T: store.T(group[i].t), Leaf: group[i].t - 1}
	}
	answer(batch, nil)
	nudge := w.aside.wake
	if many {
		nudge = w.aside.full
	}
	select {
	case nudge <- struct{}{}:
	default:
	}
	return true
}

// keep notes leaves that are durable in the log. many says that they are to be moved soon.
func (a *aside) keep(group []leaf) (many bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = append(a.kept, group...)
	for i := range group {
		a.size += len(group[i].body)
	}
	return len(a.kept) >= settleAt
}

func answer(batch []*request, err error) {
	for _, r := range batch {
		if err != nil {
			r.receipt, r.err = store.Receipt{}, err
		}
		close(r.done)
	}
}

var errClosed = fault.New(fault.Unavailable, "The record is closed.")

var errDisk = fault.New(fault.Unavailable, "The disk failed. Nothing more is stored until the program is restarted.")

// makeRoom moves some of what waits. When that was not enough, it is asked again.
func (w *writer) makeRoom(ctx context.Context) error {
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	list := w.aside.waiting()
	return w.settleSome(list[:min(len(list), settleAt)])
}

// waiting returns the leaves that are not in the tables yet.
func (a *aside) waiting() []leaf {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.kept)
}

// settled notes that all leaves up to t are in the tables, durably.
func (a *aside) settled(t int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for n < len(a.kept) && a.kept[n].t <= t {
		a.size -= len(a.kept[n].body)
		n++
	}
	a.kept = slices.Delete(a.kept, 0, n)
	a.moved.Store(max(t, a.moved.Load()))
}

// settle moves the leaves of the log into the tables. The caller holds the token; leaves go
// on coming meanwhile, which stay.
func (w *writer) settle() error {
	for some := range slices.Chunk(w.aside.waiting(), settleAt) {
		if err := w.settleSome(some); err != nil {
			return err
		}
	}
	return nil
}

// settleSome is settle for the first leaves that wait.
func (w *writer) settleSome(list []leaf) error {
	if len(list) == 0 { // somebody else has moved them meanwhile
		return nil
	}
	if w.broken != nil {
		return w.broken
	}
	err := w.moved(list)
	if errors.Is(err, sqlite3.FULL) {
		w.tighten()
		err = w.moved(list)
	}
	return err
}

// moved moves leaves into the tables, in a transaction of its own.
func (w *writer) moved(list []leaf) error {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return w.failed(err)
	}
	x := &txn{conn: w.conn, store: w.store, tables: w.tables, tree: w.tree}
	err := x.move(list, w.waited)
	if err == nil {
		w.moves = true
		err = w.exec("COMMIT")
		w.moves = false
	}
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		return w.failed(err)
	}
	w.tree = x.tree
	w.aside.settled(x.t)
	return nil
}

// move adds leaves of the log to the tables, under the times that they have. While nobody waits
// for it, requests that want a processor go first.
func (x *txn) move(list []leaf, waited func() bool) error {
	var breath sealed.Breath
	for some := range slices.Chunk(list, rowsAtOnce[0]) {
		if !waited() {
			breath.Take()
		}
		if err := x.appendLeaves(some); err != nil {
			return err
		}
	}
	return nil
}

// waited reports whether others wait for the one who moves leaves: a change for its commit, or soon
// every request, because so many leaves are there that the log may become full.
func (w *writer) waited() bool {
	w.mu.Lock()
	changes := len(w.queue)
	w.mu.Unlock()
	w.aside.mu.Lock()
	defer w.aside.mu.Unlock()
	return changes > 0 || w.aside.size > halfSize
}

// settle moves the leaves of the log, for those who read the tables of the audit log.
func (s *Store) settle(ctx context.Context) error {
	if s.writer == nil { // the log is another process's
		return nil
	}
	defer s.renew()
	if s.closed.Load() || len(s.writer.aside.waiting()) == 0 {
		return nil
	}
	select {
	case <-s.writer.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer s.writer.free()
	return plain(s.writer.settle())
}

// settling moves leaves in the background until the store is closed.
func (s *Store) settling() {
	defer s.idle.Done()
	a := &s.writer.aside
	for {
		select {
		case <-s.stop:
			return
		case <-a.full:
		case <-a.wake:
			if len(a.waiting()) >= settleAt {
				break
			}
			select {
			case <-s.stop:
				return
			case <-a.full:
			case <-s.place.after(settleAfter):
			}
		}
		ready, err := s.ahead()
		select {
		case <-s.stop:
			return
		case <-s.writer.token:
		}
		_ = s.writer.failed(err)
		_ = s.writer.settle() // those who need it meet the same failure
		if ready {
			s.writer.copyBack()
		}
		s.writer.free()
	}
}

// recover moves into the tables what a crash has left in the log.
func (w *writer) recover() error {
	kept, err := w.aside.log.read(w.last)
	if err != nil || len(kept) == 0 {
		return err
	}
	w.last, w.lastAt = kept[len(kept)-1].t, kept[len(kept)-1].at
	w.aside.keep(kept)
	if err := w.settle(); err != nil {
		return err
	}
	w.store.now.Store(w.last)
	return nil
}

// Leaves implements store.Store.
func (s *Store) Leaves(ctx context.Context, f store.LeafFilter) ([]store.LeafEntry, error) {
	if f.Before == 0 || s.writer == nil || f.Before > s.writer.aside.moved.Load() { // those before it are in the tables
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
	} else {
		s.renew()
	}
	return s.Reader.Leaves(ctx, f)
}

// At implements store.Store.
func (s *Store) At(ctx context.Context, wall time.Time) (store.T, error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	return s.Reader.At(ctx, wall)
}

// Commits implements store.Moving.
func (s *Store) Commits(ctx context.Context, after store.T, limit int) ([]store.Commit, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	return s.Reader.Commits(ctx, after, limit)
}

// AllItems implements store.Moving.
func (s *Store) AllItems(ctx context.Context, each func(store.Item) error) (store.T, error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	return s.Reader.AllItems(ctx, each)
}

// ProveLeaf implements store.Store.
func (s *Store) ProveLeaf(ctx context.Context, index int64, size store.T) ([]ledger.Hash, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	return s.Reader.ProveLeaf(ctx, index, size)
}

// ProveGrowth implements store.Store.
func (s *Store) ProveGrowth(ctx context.Context, older, newer store.T) ([]ledger.Hash, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	return s.Reader.ProveGrowth(ctx, older, newer)
}
