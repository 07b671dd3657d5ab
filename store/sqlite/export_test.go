package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlite/lossy"
)

// OpenOn opens a record whose files lie on a disk that loses power.
func OpenOn(ctx context.Context, dir string, o Options, d *lossy.Disk) (*Store, error) {
	return openAt(ctx, dir, o, onDisk(d))
}

func onDisk(d *lossy.Disk) place {
	p := system()
	p.base = d
	p.open = func(path string, create bool) (file, error) {
		f, err := d.OpenFile(path, create)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	p.keep = func(string, Before) error { return nil }
	p.after = func(time.Duration) <-chan time.Time { return nil }
	p.free, p.hold, p.give = func(string) int64 { return -1 }, func(string) error { return nil }, func(string) {}
	return p
}

// Step is a step of the schema that only tests know.
type Step struct{ Name, SQL string }

// OpenUpgraded opens a record with steps behind those of the program, on a disk for tests
// unless d is nil. reached is told how far the upgrade has come; it may be nil.
func OpenUpgraded(ctx context.Context, dir string, o Options, d *lossy.Disk, reached func(string), more ...Step) (*Store, error) {
	p := system()
	if d != nil {
		p = onDisk(d)
	}
	if reached != nil {
		p.reached = reached
	}
	p.steps = slices.Clone(p.steps)
	for _, m := range more {
		p.steps = append(p.steps, step{m.Name, m.SQL})
	}
	return openAt(ctx, dir, o, p)
}

// Together commits changesets as one group, in this order, on this goroutine: what callers
// that meet by chance get, without the chance.
func (s *Store) Together(ctx context.Context, sets []store.Changeset) ([]store.Receipt, []error) {
	w := s.writer
	w.acquire()
	defer w.free()
	requests := make([]*request, len(sets))
	receipts, errs := make([]store.Receipt, len(sets)), make([]error, len(sets))
	w.mu.Lock()
	for i, set := range sets {
		var p packed.Prepared
		if p, errs[i] = s.pack.Prepare(set, s.clock.Now); errs[i] == nil {
			requests[i] = &request{ctx: ctx, Prepared: p, done: make(chan struct{})}
			w.queue = append(w.queue, requests[i])
		}
	}
	w.mu.Unlock()
	w.group()
	for i, r := range requests {
		if errs[i] == nil {
			receipts[i], errs[i] = r.receipt, r.err
		}
	}
	return receipts, errs
}

// CopyBack copies the write-ahead log into the database, as maintenance does now and then.
func (s *Store) CopyBack() error {
	s.writer.acquire()
	defer s.writer.free()
	s.writer.copyBack()
	return s.writer.broken
}

// Unkeyed takes all patients their keys, as if they were of a program before there were any: what is
// written for them from now on is not sealed with keys of theirs. What was is lost.
func (s *Store) Unkeyed() error {
	err := s.besides(context.Background(), func(x *txn) error { return x.exec("DELETE FROM patient_key") })
	if err == nil {
		err = s.words.Renew(s.writer.conn)
	}
	return err
}

// ForgetTypes takes the names of the types out of the vocabulary, as they are not in it yet between a
// commit and the sharing of its words.
func (s *Store) ForgetTypes() { clear(s.words.Types) }

// StepNames are the names of the steps of the schema.
func StepNames() (out []string) {
	for _, s := range steps {
		out = append(out, s.name)
	}
	return out
}

// LogPages is how many pages the write-ahead log has, as far as maintenance knows.
func (s *Store) LogPages() int64 { return s.writer.pages.Load() }

// CopyAhead copies the write-ahead log back as if it had grown, while somebody else has the writer.
func (s *Store) CopyAhead() error {
	s.writer.acquire()
	defer s.writer.free()
	pages := s.writer.pages.Load()
	s.writer.pages.Store(max(pages, walPages))
	defer s.writer.pages.Store(pages)
	_, err := s.ahead()
	return s.writer.failed(err)
}

// Settle moves the leaves of the log into the tables, as happens in the background.
func (s *Store) Settle() error {
	s.writer.acquire()
	defer s.writer.free()
	return s.writer.settle()
}

// States are the last T that resting connections see, of those that see any.
func (s *Store) States() (out []int64) {
	s.resting.Lock()
	defer s.resting.Unlock()
	for _, c := range s.readers {
		if c.state.told != nil {
			out = append(out, c.state.last)
		}
	}
	return out
}

// CommitNothing commits a transaction in which nothing was changed.
func (s *Store) CommitNothing() error {
	s.writer.acquire()
	defer s.writer.free()
	return s.writer.db.Exec("BEGIN IMMEDIATE; COMMIT")
}

// VerifyWhile is Verify, in the middle of which something else is done.
func (s *Store) VerifyWhile(ctx context.Context, meanwhile func(), report func(problem string)) (int64, error) {
	l := s.log()
	l.Database = func(c packed.Conn, report func(problem string)) error {
		meanwhile()
		return s.database(c, report)
	}
	return s.Reader.Verify(ctx, l, report)
}
