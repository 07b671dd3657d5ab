package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
	"github.com/osler-emr/osler/trust/ledger"
)

// maxGroup is how many changesets share one transaction.
const maxGroup = 256

// request is a changeset that waits for its commit.
type request struct {
	packed.Prepared
	ctx     context.Context
	body    []byte // of the leaf, when it comes alone
	receipt store.Receipt
	err     error
	done    chan struct{}
}

// writer is the one connection that writes. Who holds the token may use it.
type writer struct {
	*conn
	store  *Store
	tables tables
	token  chan struct{}

	mu    sync.Mutex
	queue []*request

	pages   atomic.Int64 // in the write-ahead log
	copying sync.Mutex   // held by who copies the log back
	ahead   int64        // how many pages it had when that was last done beside others

	// Who has the turn gives out logical times. It is taken after the token, or without it.
	turn   chan struct{}
	last   int64 // the last T that was given out, durably
	lastAt int64 // its time, Unix milliseconds
	aside  aside

	// Valid while the token is held.
	tree   ledger.Tree // of the leaves in the tables
	moves  bool        // what is committed is leaves that were moved, and nothing else
	broken error       // set when the disk failed: no further commit is taken
	tight  bool        // set while the disk is full
	owed   [][]byte    // signed notes that are not in checkpoints.log yet
}

func newWriter(s *Store, c *conn) *writer {
	w := &writer{conn: c, store: s, tables: newTables(), token: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	w.aside.wake, w.aside.full = make(chan struct{}, 1), make(chan struct{}, 1)
	w.announce()
	w.token <- struct{}{}
	w.turn <- struct{}{}
	return w
}

func (w *writer) acquire() { <-w.token }

func (w *writer) free() {
	w.store.changed() // a commit that changed nothing is told by no hook
	w.token <- struct{}{}
}

// load reads the state of the last commit.
func (w *writer) load() error {
	w.last, w.lastAt = 0, 0
	_, err := w.one("SELECT t, at FROM leaf ORDER BY t DESC LIMIT 1", nil, func(s packed.Row) { w.last, w.lastAt = s.ColumnInt64(0), s.ColumnInt64(1) })
	if err != nil {
		return err
	}
	w.tree, err = ledger.OpenTree(w.last, packed.Hashes(w.conn))
	w.aside.moved.Store(w.last)
	w.store.now.Store(w.last)
	return err
}

// Commit implements store.Store. Concurrent commits share transactions: the first caller
// that gets the token commits for all that wait.
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
		return store.Receipt{}, errClosed
	}
	r, err := s.prepare(ctx, c)
	if err != nil {
		return store.Receipt{}, err
	}
	w := s.writer
	if err := s.sealLone(ctx, r); err != nil {
		return store.Receipt{}, err
	}
	if r.lone() {
		if done, err := w.note(ctx, r); done || err != nil {
			return r.receipt, err
		}
	}
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
		w.lead(r)
	}
	return r.receipt, r.err
}

// lead commits groups until a request has its answer. The caller has the token, which is given
// back also when something panics.
func (w *writer) lead(r *request) {
	defer w.free()
	for !r.finished() {
		w.group()
	}
	w.later()
}

// errUnfinished is the answer to those whose commit ended in a panic.
var errUnfinished = fault.New(fault.Internal, "Something went wrong inside of the program while this was being stored. Look whether it was, then try again.")

func (s *Store) prepare(ctx context.Context, c store.Changeset) (*request, error) {
	p, err := s.pack.Prepare(c, s.clock.Now)
	return &request{ctx: ctx, Prepared: p, done: make(chan struct{})}, err
}

func (r *request) finished() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

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

// txn is the state of one changeset inside a transaction. What it changes in memory
// becomes the writer's when the transaction commits.
type txn struct {
	packed.Names
	*conn
	store   *Store
	tables  tables
	t       int64 // the changeset's logical time
	at      int64
	tree    ledger.Tree
	now     int64           // wall clock
	erased  bool            // a patient was shredded
	renewed *packed.Renewed // patients who got new keys
	// entities are the numbers that this transaction has met; nil keeps none.
	entities map[[2]string]int64
	rows     []row          // of the indexes, that wait for flush
	waits    map[int64]bool // row ids that they have
}

// group commits what waits, as one transaction, and answers. Leaves that wait alone come
// along: the disk is asked once for all of them.
func (w *writer) group() {
	w.mu.Lock()
	n := min(len(w.queue), maxGroup)
	batch := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	w.mu.Unlock()
	if n == 0 {
		return
	}
	<-w.turn
	defer func() { w.turn <- struct{}{} }()
	batch = append(w.aside.take(), batch...)
	answered := false
	defer func() {
		for _, r := range batch {
			if !answered { // a panic, which goes on: the others must not wait for ever
				r.receipt, r.err = store.Receipt{}, errUnfinished
			}
			close(r.done)
		}
	}()
	w.commit(batch)
	answered = true
}

// transaction runs the changesets of a batch. The error is that of the whole transaction;
// each changeset's own stands in its request. Few changesets fail, and savepoints cost a copy
// of each page that is changed: so the batch is first tried without, and again with them when
// one of it failed.
func (w *writer) transaction(batch []*request) error {
	if len(batch) == 0 {
		return nil
	}
	err := w.attempt(batch, false)
	if errors.Is(err, errApart) {
		for _, r := range batch {
			r.receipt, r.err = store.Receipt{}, nil
		}
		err = w.attempt(batch, true)
	}
	return err
}

// errApart says that a changeset failed, so that those of its batch must be kept apart.
var errApart = errors.New("a changeset of the batch failed")

// attempt is one try of transaction, with each changeset under a savepoint when they are
// apart.
func (w *writer) attempt(batch []*request, apart bool) (err error) {
	if w.broken == nil && w.aside.down.Load() {
		w.broken = errDisk
	}
	if w.broken != nil {
		return w.broken
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return w.failed(err)
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		err = w.failed(err)
	}()
	own := packed.NewWords()
	first := &txn{conn: w.conn, store: w.store, tables: w.tables, tree: w.tree}
	if err := first.move(w.aside.waiting(), func() bool { return true }); err != nil {
		return err
	}
	last, lastAt, tree := w.last, w.lastAt, first.tree
	entities := map[[2]string]int64{}
	for _, r := range batch {
		x := &txn{conn: w.conn, store: w.store, tables: w.tables, t: last + 1, tree: tree, now: w.store.clock.Now().UnixMilli()}
		x.at, x.entities = max(lastAt, x.now), entities
		x.Names = packed.NewNames(w.conn, &w.store.words, &own)
		if r.err = r.ctx.Err(); r.err != nil { // given up
			continue
		}
		if apart { // what it adds may be taken back
			x.Own, x.entities = own.Clone(), map[[2]string]int64{}
		}
		if err := x.savepoint(r, apart); err != nil {
			switch {
			case len(batch) == 1 || w.lost(err):
				return err
			case !apart:
				return errApart
			}
			r.err = plain(err)
			continue
		}
		if !r.receipt.Repeated {
			last, lastAt, tree = x.t, x.at, x.tree
		}
		own = *x.Own
	}
	back := w.store.words.Announce(own)
	if err := w.exec("COMMIT"); err != nil {
		back()
		return err
	}
	committed = true
	w.last, w.lastAt, w.tree = last, lastAt, tree
	w.aside.settled(last)
	for _, r := range batch {
		w.store.items.Forget(r.Set.Items...)
	}
	w.store.words.Publish(own, 0)
	w.store.now.Store(last)
	return nil
}

// savepoint applies one changeset; when it fails, nothing of it is left and the others of
// the batch go on.
func (x *txn) savepoint(r *request, apart bool) error {
	if !apart || r.body != nil { // of a leaf alone nothing can fail but the disk
		return x.apply(r)
	}
	if err := x.exec("SAVEPOINT changeset"); err != nil {
		return err
	}
	err := x.apply(r)
	if err != nil {
		if back := x.exec("ROLLBACK TO changeset"); back != nil {
			return back
		}
	}
	if release := x.exec("RELEASE changeset"); release != nil && err == nil {
		err = release
	}
	return err
}

// lost reports whether an error has undone the whole transaction, and not only the changeset
// that met it: SQLite rolls back by itself when the disk fails or is full.
func (w *writer) lost(err error) bool {
	return errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.READONLY) || errors.Is(err, sqlite3.CORRUPT) || w.db.GetAutocommit()
}

// failed remembers that the disk has failed, and returns the error for those who wait. After
// a failed sync nobody knows what is on the disk; the system may have forgotten what was to be
// written, and say at the next try that all is well. So nothing is tried again. A full disk
// and one that was made read-only have taken nothing, and are asked again.
func (w *writer) failed(err error) error {
	switch {
	case errors.Is(err, sqlite3.READONLY):
		return fault.Wrap(err, fault.Unavailable, "The disk takes no changes: it is mounted read-only. Nothing was stored.")
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CORRUPT):
		w.broken = fault.Wrap(err, fault.Unavailable, "The disk failed. Nothing more is stored until the program is restarted; look at the disk first.")
		w.aside.down.Store(true)
		return w.broken
	}
	return err
}

// onceHours is how long an idempotency key is remembered.
const onceHours = packed.OnceHours

func (x *txn) apply(r *request) error {
	if r.Set.Key != "" {
		t, err := x.number("SELECT t FROM once WHERE key = ? AND at > ?", r.Set.Key, x.now-onceHours*3600_000)
		if err != nil {
			return err
		}
		if t != 0 {
			r.receipt = store.Receipt{T: store.T(t), Leaf: t - 1, Repeated: true}
			return nil
		}
		if err := x.exec("INSERT OR REPLACE INTO once (key, t, at) VALUES (?, ?, ?)", r.Set.Key, x.t, x.now); err != nil {
			return err
		}
	}
	if err := x.preconditions(&r.Set); err != nil {
		return err
	}
	for i := range r.Set.Items {
		if err := x.writeItem(&r.Set.Items[i]); err != nil {
			return err
		}
	}
	for i := range r.Set.Writes {
		if err := x.writeVersion(&r.Set.Writes[i], r.Blobs[i]); err != nil {
			return err
		}
	}
	if err := x.flush(); err != nil {
		return err
	}
	body := ledger.Stamp(r.body, x.at)
	r.Leaf.At = x.at
	if r.body == nil {
		if err := x.SealDetails(&r.Leaf); err != nil {
			return err
		}
		body = r.Leaf.Encode()
	}
	if err := x.appendLeaf(r.Leaf, body); err != nil {
		return err
	}
	r.receipt = store.Receipt{T: store.T(x.t), Leaf: x.t - 1}
	return nil
}

func (x *txn) preconditions(c *store.Changeset) error {
	for _, u := range c.Unchanged {
		changed, err := x.number("SELECT changed FROM patient WHERE id = ?", u.Patient)
		if err != nil {
			return err
		}
		if changed > int64(u.Since) {
			return fault.New(fault.Conflict, "The chart was changed while you worked on it. Look at the change, then try again.")
		}
	}
	x.reads = 0
	for _, p := range c.Absent {
		n, err := x.store.CountTo(x.Names, p, 1)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "What is to be created exists already.")
		}
	}
	return nil
}

// EnsureParam implements packed.Dictionary.
func (x *txn) EnsureParam(key packed.ParamKey, flag sqlgen.Flags) (int64, error) {
	p, ok := x.Param(key)
	switch {
	case !ok:
		if err := x.exec("INSERT INTO param (type, name, flags) VALUES (?, ?, ?)", key.Type, key.Name, int64(flag)); err != nil {
			return 0, err
		}
		p = sqlgen.Param{No: x.db.LastInsertRowID(), Flags: flag}
		if p.No > sqlgen.MaxParam {
			return 0, fault.New(fault.TooLarge, "The record has more than %d search parameters.", sqlgen.MaxParam)
		}
	case p.Flags&flag != flag:
		p.Flags |= flag
		if err := x.exec("UPDATE param SET flags = ? WHERE no = ?", int64(p.Flags), p.No); err != nil {
			return 0, err
		}
	default:
		return p.No, nil
	}
	x.Own.Params[key] = p
	if key.Name == "" {
		x.Own.Types[p.No] = key.Type
	}
	return p.No, nil
}

// EnsureCode implements packed.Dictionary.
func (x *txn) EnsureCode(space int64, system, code string) (int64, error) {
	no, err := x.Code(space, system, code)
	if err != nil || no != 0 {
		return no, err
	}
	if err := x.exec("INSERT INTO dict (param, system, code) VALUES (?, ?, ?)", space, system, code); err != nil {
		return 0, err
	}
	no = x.db.LastInsertRowID()
	x.Own.Codes[packed.CodeKey{Space: space, System: system, Code: code}] = no
	return no, nil
}
