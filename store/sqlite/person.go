package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
	"github.com/osler-emr/osler/trust/ledger"
)

// giveKeys makes the key-encryption key of a new record, and keys for the patients of one that
// had none.
func (s *Store) giveKeys() error {
	c := s.writer.conn
	n, err := c.number("SELECT count(*) FROM kek")
	if err != nil || n > 0 {
		return err
	}
	wrapped, err := s.words.NewKEK(1)
	if err != nil {
		return err
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = c.exec("INSERT INTO kek (no, key, at) VALUES (1, ?, ?)", wrapped, s.clock.Now().UnixMilli())
	own := packed.NewWords()
	x := &txn{conn: c, store: s, Names: packed.NewNames(c, &s.words, &own)}
	type patient struct {
		no int64
		id string
	}
	var list []patient
	if err == nil {
		err = c.Query("SELECT no, id FROM patient WHERE no > 0 ORDER BY no", nil, func(r packed.Row) (bool, error) {
			list = append(list, patient{r.ColumnInt64(0), r.ColumnText(1)})
			return true, nil
		})
	}
	for i := 0; err == nil && i < len(list); i++ {
		var row packed.KeyRow
		if _, row, err = x.NewPerson(list[i].no, list[i].id); err == nil {
			err = x.putKey(row)
		}
	}
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil && !c.db.GetAutocommit() {
		_ = c.db.Exec("ROLLBACK")
	}
	return err
}

// AdoptKeys implements store.Moving.
func (s *Store) AdoptKeys(ctx context.Context, keys []store.PersonKey) error {
	s.words.Adopt(keys)
	shredded := false
	err := s.alone(ctx, func(x *txn) error {
		for _, k := range keys {
			no, err := x.Patient(k.Patient)
			if err != nil {
				return err
			}
			if no == 0 { // in the same order, so that versions lie as they did
				if _, err := x.newPatient(k.Patient, 0); err != nil {
					return err
				}
				continue
			}
			c, err := x.Compartment(no)
			switch {
			case err != nil:
				return err
			case k.Shredded && !c.Key.Gone:
				shredded = true
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
	if err == nil && shredded {
		err = s.cleanse(ctx)
	}
	return err
}

// Shred implements store.Store.
func (s *Store) Shred(ctx context.Context, patient string, leaf ledger.Leaf) (receipt store.Receipt, err error) {
	err = s.alone(ctx, func(x *txn) error {
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
		x.t, x.at = x.t+1, max(x.at, x.now)
		if err := x.erase(no, patient, x.t, x.at); err != nil {
			return err
		}
		receipt = store.Receipt{T: store.T(x.t), Leaf: x.t - 1}
		leaf.At = x.at
		return x.appendLeaf(leaf, leaf.Encode())
	})
	if err == nil {
		err = s.cleanse(ctx)
	}
	return receipt, err
}

// erase removes what is stored of a patient, and puts a tombstone in the place of the keys.
func (x *txn) erase(no int64, id string, t, at int64) error {
	low, high := sqlgen.Range(no)
	words := packed.Gathering{Dictionary: x, Words: map[int64]packed.CodeKey{}}
	var rows []packed.Stored
	for _, table := range []string{"history", "resource"} {
		rows = rows[:0]
		err := x.Query("SELECT "+packed.Columns+" FROM "+table+" WHERE rid BETWEEN ? AND ?", []any{low, high}, func(r packed.Row) (bool, error) {
			v, err := x.Scan(r)
			rows = append(rows, v)
			return true, err
		})
		for i := 0; err == nil && i < len(rows); i++ {
			var index []packed.IndexRow
			entries, failed := x.store.pack.Entries(rows[i])
			if failed != nil {
				return failed
			}
			if index, _, err = packed.Rows(words, rows[i].Type, entries); err == nil && table == "resource" {
				err = x.write(rows[i].RID, index, rows[i].RID, nil)
			}
		}
		if err != nil {
			return err
		}
	}
	k, row, err := x.Tombstone(no, id, t, at)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		text string
		args []any
	}{
		{"UPDATE resource SET deleted = 1, has = x'', codec = ?, body = x'' WHERE rid BETWEEN ? AND ?", []any{packed.Shredded, low, high}},
		{"UPDATE history SET deleted = 1, codec = ?, body = x'' WHERE rid BETWEEN ? AND ?", []any{packed.Shredded, low, high}},
		{"UPDATE patient SET changed = ? WHERE no = ?", []any{x.t, no}},
		{"DELETE FROM item WHERE patient = ?", []any{id}},
		{"DELETE FROM patient_key WHERE no = ?", []any{no}},
	} {
		if err := x.exec(s.text, s.args...); err != nil {
			return err
		}
	}
	if err := x.putKey(row); err != nil {
		return err
	}
	x.Own.SetPatient(no, packed.Compartment{ID: id, Key: k})
	unused, err := x.Unused(words.Words)
	if err != nil {
		return err
	}
	x.erased = true
	for _, no := range unused {
		if err := x.exec("DELETE FROM dict WHERE no = ?", no); err != nil {
			return err
		}
		delete(x.Own.Codes, words.Words[no])
	}
	return nil
}

// cleanse sees to it that nothing of what was destroyed is left in files: the write-ahead log is
// emptied, and copies from before upgrades are removed.
func (s *Store) cleanse(ctx context.Context) error {
	w := s.writer
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	w.copying.Lock()
	defer w.copying.Unlock()
	defer s.still()()
	var busy int
	for range 3 { // readers that began before hold the log
		logged, copied, err := w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
		if err == nil && logged == copied {
			busy = 0
			w.pages.Store(0)
			w.ahead = 0
			break
		}
		if err != nil && !errors.Is(err, sqlite3.BUSY) {
			return plain(w.failed(err))
		}
		busy = 1
		<-s.place.after(100e6)
	}
	if busy > 0 {
		return fault.New(fault.Unavailable, "The patient's keys are destroyed, but the write-ahead log could not be emptied, as a search has been running for long. Restart the program: that empties it.")
	}
	if err := os.RemoveAll(filepath.Join(s.dir, upgradesFolder)); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The patient's keys are destroyed, but the copies from before upgrades could not be removed from the folder %s.", upgradesFolder)
	}
	return nil
}

// reroot gives a patient the root that the record has where it comes from.
func (x *txn) reroot(no int64, c packed.Compartment, root []byte) error {
	k, rows, err := x.Reroot(no, c.Key, root)
	for i := 0; err == nil && i < len(rows); i++ {
		err = x.exec("UPDATE patient_key SET kek = ?, key = ? WHERE no = ? AND gen = ?", rows[i].KEK, rows[i].Key, no, rows[i].Generation)
	}
	x.Own.SetPatient(no, packed.Compartment{ID: c.ID, Key: k})
	return err
}
