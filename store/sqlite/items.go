package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

// Item implements store.Store.
func (s *Store) Item(ctx context.Context, space, key string) (store.Item, error) {
	if s.closed.Load() {
		return store.Item{}, errClosed
	}
	return s.items.Item(ctx, s.Reader, space, key)
}

func expiry(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (x *txn) writeItem(w *store.ItemWrite) error {
	old, _, err := x.Item(w.Space, w.Key, x.now)
	if err != nil {
		return err
	}
	if w.IfVersion >= 0 && w.IfVersion != old.Version {
		return fault.New(fault.Conflict, "This was changed elsewhere in the meantime: version %d is current, version %d was expected.", old.Version, w.IfVersion)
	}
	if w.Delete {
		return x.exec("DELETE FROM item WHERE space = ? AND key = ?", w.Space, w.Key)
	}
	it := w.Item
	it.Version = old.Version + 1
	return x.putItem(&it)
}

// putItem stores an item, sealed when it is about a patient.
func (x *txn) putItem(it *store.Item) error {
	k, err := x.Person(it.Patient)
	if err == nil && k == nil && it.Patient != "" { // before anything else of the patient
		if _, err = x.newPatient(it.Patient, 0); err == nil {
			k, err = x.Person(it.Patient)
		}
	}
	if err != nil {
		return err
	}
	value, err := x.store.pack.SealItemWith(k, it)
	if err != nil {
		return err
	}
	return x.exec("INSERT OR REPLACE INTO item ("+packed.ItemColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)", it.Space, it.Key, it.Owner, value, it.Version, expiry(it.Expires), it.Patient)
}

// sweep removes what has expired. It runs inside a transaction of the writer.
func (w *writer) sweep(now int64) error {
	if err := w.exec("DELETE FROM item WHERE expires > 0 AND expires <= ?", now); err != nil {
		return err
	}
	return w.exec("DELETE FROM once WHERE at <= ?", max(now-onceHours*3600_000, math.MinInt64))
}
