package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

// openKeys opens the keys that begin has read.
func (x *txn) openKeys() error {
	for id, rows := range x.keyRows {
		if id == "" {
			continue
		}
		k, err := x.OpenPerson(id, rows)
		if err != nil {
			return err
		}
		x.Own.SetPatient(rows[0].No, packed.Compartment{ID: id, Key: k})
	}
	return nil
}

// alive refuses what is written for a patient whose keys were destroyed.
func (x *txn) alive(c *store.Changeset) error {
	check := func(id string) error {
		k, err := x.Person(id)
		if err == nil && k != nil && k.Gone {
			err = packed.ErrShredded
		}
		return err
	}
	for i := range c.Writes {
		if err := check(c.Writes[i].Patient); err != nil {
			return err
		}
	}
	for i := range c.Items {
		if c.Items[i].Delete {
			continue
		}
		if err := check(c.Items[i].Patient); err != nil {
			return err
		}
	}
	return nil
}

// newCompartment notes a new compartment with its keys. Number 0 holds what belongs to no
// patient.
func (x *txn) newCompartment(id string) (*compartment, error) {
	p := &compartment{id: id, next: 1, fresh: true}
	if id != "" {
		x.head.patient++
		p.no = x.head.patient
		k, row, err := x.NewPerson(p.no, id)
		if err != nil {
			return nil, err
		}
		x.Own.SetPatient(p.no, packed.Compartment{ID: id, Key: k})
		x.putKey(row)
	}
	x.compartments[id] = p
	x.pending.compartments[p] = true
	return p, nil
}

func (x *txn) putKey(r packed.KeyRow) {
	x.pending.keys = append(x.pending.keys, []any{r.No, r.Generation, r.KEK, r.Key})
}

// giveKeys makes the key-encryption key of a new record, and keys for the patients of one that
// had none.
func (s *Store) giveKeys(ctx context.Context) error {
	has := false
	err := s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM kek)").Scan(&has)
	})
	if err != nil || has {
		return plain(err)
	}
	return s.alone(ctx, nil, func(x *txn) error {
		if err := x.QueryRow(x.ctx, "SELECT EXISTS (SELECT 1 FROM kek)").Scan(&has); err != nil || has { // another process was first
			return err
		}
		wrapped, err := s.words.NewKEK(1)
		if err != nil {
			return err
		}
		if _, err := x.Exec(x.ctx, "INSERT INTO kek (no, key, at) VALUES (1, $1, $2)", wrapped, x.now); err != nil {
			return err
		}
		return x.conn.Query("SELECT no, id FROM patient WHERE no > 0 ORDER BY no", nil, func(r packed.Row) (bool, error) {
			_, row, err := x.NewPerson(r.ColumnInt64(0), r.ColumnText(1))
			if err == nil {
				x.putKey(row)
			}
			return true, err
		})
	})
}

// AdoptKeys implements store.Moving.
func (s *Store) AdoptKeys(ctx context.Context, keys []store.PersonKey) error {
	s.words.Adopt(keys)
	return s.alone(ctx, nil, func(x *txn) error {
		for _, k := range keys {
			no, err := x.Patient(k.Patient)
			if err != nil {
				return err
			}
			if no == 0 { // in the same order, so that versions lie as they did
				if _, err := x.newCompartment(k.Patient); err != nil {
					return err
				}
				continue
			}
			c, err := x.Compartment(no)
			switch {
			case err != nil:
				return err
			case k.Shredded && !c.Key.Gone:
				err = x.erase(no, k.Patient, 0, k.At.UnixMilli())
			case !k.Shredded && c.Key.Unequal(k):
				err = x.reroot(no, c, k.Root)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Shred implements store.Store. What the rows have left in the files of the database, and in its
// write-ahead log, the database's own hygiene removes: see docs/security/keys.md.
func (s *Store) Shred(ctx context.Context, patient string, leaf ledger.Leaf) (receipt store.Receipt, err error) {
	err = s.alone(ctx, nil, func(x *txn) error {
		no, err := x.Patient(patient)
		if err != nil {
			return err
		}
		if no == 0 {
			return fault.New(fault.NotFound, "There is no patient with this id.")
		}
		c, err := x.Compartment(no)
		if err != nil {
			return err
		}
		if c.Key.Gone {
			return fault.New(fault.NotFound, "The data of this patient was destroyed before.")
		}
		x.head.t, x.head.at, x.wrote = x.head.t+1, max(x.head.at, x.now), true
		if err := x.erase(no, patient, x.head.t, x.head.at); err != nil {
			return err
		}
		receipt = store.Receipt{T: store.T(x.head.t), Leaf: x.head.t - 1}
		leaf.At = x.head.at
		return x.appendLeaf(leaf, leaf.Encode())
	})
	if err != nil {
		return store.Receipt{}, err
	}
	if err := s.with(ctx, dropCopies); err != nil {
		return receipt, err
	}
	return receipt, s.vacuum(ctx)
}

// erase removes what is stored of a patient, and puts a tombstone in the place of the keys.
func (x *txn) erase(no int64, id string, t, at int64) error {
	type stored struct {
		packed.Stored
		current bool
	}
	var list []stored
	for _, table := range []string{"history", "resource"} {
		err := x.conn.Query("SELECT "+packed.Columns+" FROM "+table+" WHERE patient = ?", []any{no}, func(r packed.Row) (bool, error) {
			v, err := x.Scan(r)
			list = append(list, stored{v, table == "resource"})
			return true, err
		})
		if err != nil {
			return err
		}
	}
	words := packed.Gathering{Dictionary: x, Words: map[int64]packed.CodeKey{}}
	for _, x.asking = range []bool{true, false} {
		for i := range list {
			entries, err := x.store.pack.Entries(list[i].Stored)
			if err != nil {
				return err
			}
			rows, _, err := packed.Rows(words, list[i].Type, entries)
			if err != nil {
				return err
			}
			if list[i].current && !x.asking {
				x.pending.exchange(list[i].RID, rows, list[i].RID, nil)
			}
		}
		if x.asking {
			if err := x.lookUp(); err != nil {
				return err
			}
		}
	}
	x.pending.codes = nil // words that nobody has any more
	k, row, err := x.Tombstone(no, id, t, at)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue("UPDATE resource SET deleted = 1, has = '', codec = $1, body = '' WHERE patient = $2", packed.Shredded, no)
	b.Queue("UPDATE history SET deleted = 1, codec = $1, body = '' WHERE patient = $2", packed.Shredded, no)
	b.Queue("UPDATE patient SET changed = $1 WHERE no = $2", x.head.t, no)
	b.Queue("DELETE FROM item WHERE patient = $1", []byte(id))
	b.Queue("DELETE FROM patient_key WHERE no = $1", no)
	if err := x.SendBatch(x.ctx, b).Close(); err != nil {
		return err
	}
	x.putKey(row)
	if err := x.flush(); err != nil {
		return err
	}
	x.Own.SetPatient(no, packed.Compartment{ID: id, Key: k})
	unused, err := x.Unused(words.Words)
	if err != nil {
		return err
	}
	x.erased = true
	x.params++ // tells other processes to forget their words
	for _, no := range unused {
		delete(x.Own.Codes, words.Words[no])
	}
	_, err = x.Exec(x.ctx, "DELETE FROM dict WHERE no = ANY($1)", slices.Clip(unused))
	return err
}

// vacuum has the database remove the rows that were changed or deleted. That they are removed is
// certain after VACUUM FULL alone, which locks the tables.
func (s *Store) vacuum(ctx context.Context) error {
	return plain(s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "VACUUM (ANALYZE) resource, history, tok, ident, ref, dat, str, qty, uri, comp, dict, item, patient_key")
		return err
	}))
}

// reroot gives a patient the root that the record has where it comes from.
func (x *txn) reroot(no int64, c packed.Compartment, root []byte) error {
	k, rows, err := x.Reroot(no, c.Key, root)
	for i := 0; err == nil && i < len(rows); i++ {
		_, err = x.Exec(x.ctx, "UPDATE patient_key SET kek = $1, key = $2 WHERE no = $3 AND gen = $4", rows[i].KEK, rows[i].Key, no, rows[i].Generation)
	}
	x.Own.SetPatient(no, packed.Compartment{ID: c.ID, Key: k})
	return err
}
