package sqlite

import (
	"math"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

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
	return x.exec("INSERT OR REPLACE INTO item ("+packed.ItemColumns+") VALUES (?, ?, ?, ?, ?, ?)", w.Space, w.Key, w.Owner, w.Value, old.Version+1, expiry(w.Expires))
}

// sweep removes what has expired. It runs inside a transaction of the writer.
func (w *writer) sweep(now int64) error {
	if err := w.exec("DELETE FROM item WHERE expires > 0 AND expires <= ?", now); err != nil {
		return err
	}
	return w.exec("DELETE FROM once WHERE at <= ?", max(now-onceHours*3600_000, math.MinInt64))
}
