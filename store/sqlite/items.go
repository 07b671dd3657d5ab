package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// instant turns stored milliseconds into a time; forever is the zero time.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func expiry(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

const itemColumns = "space, key, owner, value, version, expires"

func scanItem(s *sqlite3.Stmt) store.Item {
	it := store.Item{Space: s.ColumnText(0), Key: s.ColumnText(1), Owner: s.ColumnText(2), Value: s.ColumnBlob(3, nil), Version: s.ColumnInt64(4)}
	if ms := s.ColumnInt64(5); ms != 0 {
		it.Expires = instant(ms)
	}
	return it
}

// item returns an item that has not expired.
func (n names) item(space, key string, now int64) (it store.Item, ok bool, err error) {
	ok, err = n.one("SELECT "+itemColumns+" FROM item WHERE space = ? AND key = ? AND (expires = 0 OR expires > ?)", []any{space, key, now}, func(s *sqlite3.Stmt) { it = scanItem(s) })
	return it, ok, err
}

func (x *txn) writeItem(w *store.ItemWrite) error {
	old, _, err := x.item(w.Space, w.Key, x.now)
	if err != nil {
		return err
	}
	if w.IfVersion >= 0 && w.IfVersion != old.Version {
		return fault.New(fault.Conflict, "This was changed elsewhere in the meantime: version %d is current, version %d was expected.", old.Version, w.IfVersion)
	}
	if w.Delete {
		return x.exec("DELETE FROM item WHERE space = ? AND key = ?", w.Space, w.Key)
	}
	return x.exec("INSERT OR REPLACE INTO item ("+itemColumns+") VALUES (?, ?, ?, ?, ?, ?)", w.Space, w.Key, w.Owner, w.Value, old.Version+1, expiry(w.Expires))
}

// Item implements store.Store.
func (s *Store) Item(ctx context.Context, space, key string) (it store.Item, err error) {
	err = s.read(ctx, func(n names) error {
		var ok bool
		it, ok, err = n.item(space, key, s.clock.Now().UnixMilli())
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "There is no such item.")
		}
		return err
	})
	return it, err
}

// Items implements store.Store.
func (s *Store) Items(ctx context.Context, space, owner string) (out []store.Item, err error) {
	text, args := "SELECT "+itemColumns+" FROM item WHERE space = ? AND (expires = 0 OR expires > ?)", []any{space, s.clock.Now().UnixMilli()}
	if owner != "" {
		text, args = text+" AND owner = ?", append(args, owner)
	}
	err = s.read(ctx, func(n names) error {
		return n.query(text+" ORDER BY key", args, func(st *sqlite3.Stmt) (bool, error) {
			out = append(out, scanItem(st))
			return true, nil
		})
	})
	return out, err
}

// sweep removes what has expired. It runs inside a transaction of the writer.
func (w *writer) sweep(now int64) error {
	if err := w.exec("DELETE FROM item WHERE expires > 0 AND expires <= ?", now); err != nil {
		return err
	}
	return w.exec("DELETE FROM once WHERE at <= ?", max(now-onceHours*3600_000, math.MinInt64))
}
