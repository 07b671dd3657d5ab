package packed

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// ItemColumns are those of an item.
const ItemColumns = "space, key, owner, value, version, expires, patient"

func scanItem(s Row) store.Item {
	it := store.Item{Space: s.ColumnText(0), Key: s.ColumnText(1), Owner: s.ColumnText(2), Value: s.ColumnBlob(3, nil), Version: s.ColumnInt64(4), Patient: s.ColumnText(6)}
	if ms := s.ColumnInt64(5); ms != 0 {
		it.Expires = instant(ms)
	}
	return it
}

// Item returns an item that has not expired.
func (n Names) Item(space, key string, now int64) (it store.Item, ok bool, err error) {
	ok, err = n.one("SELECT "+ItemColumns+" FROM item WHERE space = ? AND key = ? AND (expires = 0 OR expires > ?)", []any{space, key, now}, func(s Row) { it = scanItem(s) })
	return it, ok, err
}

// Item implements store.Store.
func (s *Reader) Item(ctx context.Context, space, key string) (it store.Item, err error) {
	err = s.ask(ctx, func(n Names) (err error) {
		var ok bool
		it, ok, err = n.Item(space, key, s.clock.Now().UnixMilli())
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "There is no such item.")
		}
		if err == nil {
			err = n.openItem(s.pack, &it)
		}
		return err
	})
	return it, err
}

// Items implements store.Store.
func (s *Reader) Items(ctx context.Context, space, owner string) (out []store.Item, err error) {
	text, args := "SELECT "+ItemColumns+" FROM item WHERE space = ? AND (expires = 0 OR expires > ?)", []any{space, s.clock.Now().UnixMilli()}
	if owner != "" {
		text, args = text+" AND owner = ?", append(args, owner)
	}
	err = s.read(ctx, func(n Names) error {
		err := n.Query(text+" ORDER BY key", args, func(st Row) (bool, error) {
			out = append(out, scanItem(st))
			return true, nil
		})
		for i := 0; err == nil && i < len(out); i++ {
			err = n.openItem(s.pack, &out[i])
		}
		return err
	})
	return out, err
}
