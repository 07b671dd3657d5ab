package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
)

// NewWrap implements store.Rotating. Other processes find the new key when they need it: who
// writes asks for it, and who meets a row that it wraps reads the keys again.
func (s *Store) NewWrap(ctx context.Context) error {
	return s.alone(ctx, nil, func(x *txn) error {
		var no int64
		if err := x.QueryRow(x.ctx, "SELECT max(no) + 1 FROM kek").Scan(&no); err != nil {
			return err
		}
		wrapped, err := s.words.NewKEK(no)
		if err == nil {
			_, err = x.Exec(x.ctx, "INSERT INTO kek (no, key, at) VALUES ($1, $2, $3)", no, wrapped, x.now)
		}
		return err
	})
}

// Rewrap implements store.Rotating.
func (s *Store) Rewrap(ctx context.Context) (done bool, err error) {
	err = s.alone(ctx, nil, func(x *txn) error {
		rows, current, err := x.Wrapped()
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, r := range rows {
			b.Queue("UPDATE patient_key SET kek = $1, key = $2 WHERE no = $3 AND gen = $4", r.KEK, r.Key, r.No, r.Generation)
		}
		if done = len(rows) < packed.RewrapPiece; done {
			b.Queue("DELETE FROM kek WHERE no < $1", current)
		}
		return x.SendBatch(x.ctx, b).Close()
	})
	return done && err == nil, err
}

// NewDataKeys implements store.Rotating.
func (s *Store) NewDataKeys(ctx context.Context) error {
	return s.alone(ctx, nil, func(x *txn) error {
		state, err := x.BeginRenewing(x.now)
		if err == nil {
			err = x.setMeta(packed.RenewingKey, state.String())
		}
		return err
	})
}

func (x *txn) setMeta(key, value string) error {
	_, err := x.Exec(x.ctx, "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", []byte(key), []byte(value))
	return err
}

// Renew implements store.Rotating. Two processes that do it at once do one piece after the other.
func (s *Store) Renew(ctx context.Context) (done bool, err error) {
	var r packed.Renewed
	err = s.alone(ctx, nil, func(x *txn) error {
		r, err = x.Names.Renew(s.pack, x.now)
		if done = r.State.Began == 0 || r.State.Ended != 0; err != nil || r.State.Began == 0 {
			return err
		}
		b := &pgx.Batch{}
		for i := range r.Versions {
			v := &r.Versions[i]
			if no := sqlgen.PatientOf(v.RID); v.No != 0 {
				b.Queue("UPDATE history SET codec = $1, body = $2 WHERE no = $3 AND patient = $4", v.Codec, v.Bytes, v.No, no)
			} else {
				b.Queue("UPDATE resource SET codec = $1, body = $2 WHERE patient = $3 AND rid = $4", v.Codec, v.Bytes, no, v.RID)
			}
		}
		for i := range r.Items {
			b.Queue("UPDATE item SET value = $1 WHERE space = $2 AND key = $3", r.Items[i].Value, []byte(r.Items[i].Space), []byte(r.Items[i].Key))
		}
		for _, k := range r.Keys {
			b.Queue("DELETE FROM patient_key WHERE no = $1", k.No)
			x.putKey(k)
		}
		if b.Len() > 0 {
			if err := x.SendBatch(x.ctx, b).Close(); err != nil {
				return err
			}
		}
		return x.setMeta(packed.RenewingKey, r.State.String())
	})
	if err == nil {
		s.words.Renewed(r)
	}
	return done && err == nil, err
}
