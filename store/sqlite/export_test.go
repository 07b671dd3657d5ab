package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite/lossy"
)

// OpenOn opens a record whose files lie on a disk that loses power.
func OpenOn(ctx context.Context, dir string, o Options, d *lossy.Disk) (*Store, error) {
	return openAt(ctx, dir, o, place{base: d, open: func(path string, create bool) (file, error) {
		f, err := d.OpenFile(path, create)
		if err != nil {
			return nil, err
		}
		return f, nil
	}})
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
		if requests[i], errs[i] = s.prepare(ctx, set); errs[i] == nil {
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
	_, _, err := s.writer.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	return err
}
