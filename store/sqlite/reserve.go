package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// When the disk is full, nothing clinical can be stored, but who looks at a chart must leave
// an audit entry, and who goes must be signed out. So the folder holds a file that does
// nothing but take room. It is given up when the disk is full; from then on the store is
// tight: it takes changesets without resource versions only, until there is room enough to
// take the reserve again. Nobody has to do anything in the program.

const (
	// reserveSize is many thousand audit entries; the log is copied back early meanwhile.
	reserveSize = 8 << 20
	// reserveMargin must be free besides before the store is no longer tight.
	reserveMargin = 4 << 20
	// tightPages is the size of the write-ahead log from which it is copied back while the
	// store is tight.
	tightPages = 256
)

// holdReserve takes the reserve.
func holdReserve(dir string) error {
	path := filepath.Join(dir, "reserve")
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		return nil // taken already
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, reserveSize)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// giveReserve gives the room back.
func giveReserve(dir string) { _ = os.Remove(filepath.Join(dir, "reserve")) }

// fill writes zeros, where the system cannot set room aside.
func fill(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(block)) {
		if _, err := f.WriteAt(block[:min(int64(len(block)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

func diskFull() error {
	return fault.New(fault.Unavailable, "The disk is full: nothing was stored. Make room and try again.")
}

// spare reports whether a changeset is let through while the disk is full: it stores no
// resource version.
func spare(r *request) bool { return len(r.Set.Writes) == 0 }

// relieved reports whether the store is not tight, or no longer.
func (w *writer) relieved() bool {
	if !w.tight {
		return true
	}
	if have := w.store.place.free(w.store.dir); have >= 0 && have < reserveSize+reserveMargin {
		return false
	}
	if w.store.place.hold(w.store.dir) != nil {
		return false
	}
	w.tight = false
	return true
}

// Probe implements store.Probing.
func (s *Store) Probe(ctx context.Context) error {
	w := s.writer
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	switch {
	case s.closed.Load():
		return errClosed
	case w.broken != nil:
		return w.broken
	case w.aside.down.Load():
		return errDisk
	case !w.relieved():
		return diskFull()
	}
	return nil
}

// commit runs the changesets of a batch, and what is let through of them when the disk is
// full. Every request has its answer afterwards.
func (w *writer) commit(batch []*request) {
	rest := batch
	if !w.relieved() {
		rest = w.refuse(batch)
	}
	err := w.transaction(rest)
	if errors.Is(err, sqlite3.FULL) {
		w.tighten()
		rest = w.refuse(rest)
		err = w.transaction(rest)
	}
	if err != nil {
		for _, r := range rest {
			r.receipt, r.err = store.Receipt{}, plain(err)
		}
	}
	if w.tight && w.pages.Load() >= tightPages {
		w.copyBack()
	}
}

// refuse answers the changesets for which there is no room, and returns the others.
func (w *writer) refuse(batch []*request) (rest []*request) {
	for _, r := range batch {
		if r.receipt, r.err = (store.Receipt{}), nil; spare(r) {
			rest = append(rest, r)
			continue
		}
		r.err = diskFull()
	}
	return rest
}

// tighten makes room for what is let through.
func (w *writer) tighten() {
	w.tight = true
	w.store.place.give(w.store.dir)
	w.copyBack()
}
