package sqlite

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
)

// besides runs a transaction of the writer that is no commit: it changes how things lie, and not
// what is stored.
func (s *Store) besides(ctx context.Context, f func(x *txn) error) error {
	w := s.writer
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	switch {
	case s.closed.Load():
		return fault.New(fault.Unavailable, "The record is closed.")
	case w.broken != nil:
		return w.broken
	}
	own := packed.NewWords()
	x := &txn{conn: w.conn, store: s, tables: w.tables, now: s.clock.Now().UnixMilli(), Names: packed.NewNames(w.conn, &s.words, &own)}
	err := w.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = f(x)
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		return plain(w.failed(err))
	}
	if x.renewed != nil {
		s.words.Renewed(*x.renewed)
	}
	s.words.Publish(own, 0)
	w.later()
	return nil
}

// NewWrap implements store.Rotating.
func (s *Store) NewWrap(ctx context.Context) error {
	return s.besides(ctx, func(x *txn) error {
		no, err := x.number("SELECT max(no) + 1 FROM kek")
		if err != nil {
			return err
		}
		wrapped, err := s.words.NewKEK(no)
		if err != nil {
			return err
		}
		return x.exec("INSERT INTO kek (no, key, at) VALUES (?, ?, ?)", no, wrapped, x.now)
	})
}

// Rewrap implements store.Rotating.
func (s *Store) Rewrap(ctx context.Context) (done bool, err error) {
	err = s.besides(ctx, func(x *txn) error {
		rows, current, err := x.Wrapped()
		for i := 0; err == nil && i < len(rows); i++ {
			err = x.exec("UPDATE patient_key SET kek = ?, key = ? WHERE no = ? AND gen = ?", rows[i].KEK, rows[i].Key, rows[i].No, rows[i].Generation)
		}
		if done = len(rows) < packed.RewrapPiece; err == nil && done {
			err = x.exec("DELETE FROM kek WHERE no < ?", current)
		}
		return err
	})
	return done && err == nil, err
}

// NewDataKeys implements store.Rotating.
func (s *Store) NewDataKeys(ctx context.Context) error {
	return s.besides(ctx, func(x *txn) error {
		state, err := x.BeginRenewing(x.now)
		if err == nil {
			err = x.setMeta(packed.RenewingKey, state.String())
		}
		return err
	})
}

func (x *txn) setMeta(key, value string) error {
	return x.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)
}

// Renew implements store.Rotating.
func (s *Store) Renew(ctx context.Context) (done bool, err error) {
	err = s.besides(ctx, func(x *txn) error {
		r, err := x.Names.Renew(s.pack, x.now)
		if done = r.State.Began == 0 || r.State.Ended != 0; err != nil || r.State.Began == 0 {
			return err
		}
		for i := 0; err == nil && i < len(r.Versions); i++ {
			v := &r.Versions[i]
			if v.No != 0 {
				err = x.exec("UPDATE history SET codec = ?, body = ? WHERE no = ?", v.Codec, v.Bytes, v.No)
			} else {
				err = x.exec("UPDATE resource SET codec = ?, body = ? WHERE rid = ?", v.Codec, v.Bytes, v.RID)
			}
		}
		for i := 0; err == nil && i < len(r.Items); i++ {
			err = x.exec("UPDATE item SET value = ? WHERE space = ? AND key = ?", r.Items[i].Value, r.Items[i].Space, r.Items[i].Key)
		}
		for i := 0; err == nil && i < len(r.Keys); i++ {
			if err = x.exec("DELETE FROM patient_key WHERE no = ?", r.Keys[i].No); err == nil {
				err = x.putKey(r.Keys[i])
			}
		}
		if err == nil {
			err = x.setMeta(packed.RenewingKey, r.State.String())
		}
		x.renewed = &r
		return err
	})
	return done && err == nil, err
}
