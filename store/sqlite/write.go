package sqlite

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
)

// findEntity returns the number of a resource, 0 when nobody has spoken of it, its row when it is
// stored, and the number of its type.
func (x *txn) findEntity(resourceType, id string) (no, rid, typ int64, err error) {
	if typ, err = x.EnsureParam(packed.ParamKey{Type: resourceType}, 0); err != nil {
		return 0, 0, 0, err
	}
	_, err = x.one("SELECT no, rid FROM entity WHERE id = ? AND type = ?", []any{id, typ}, func(s packed.Row) { no, rid = s.ColumnInt64(0), s.ColumnInt64(1) })
	return no, rid, typ, err
}

// EnsureEntity implements packed.Dictionary.
func (x *txn) EnsureEntity(resourceType, id string) (no int64, err error) {
	key := [2]string{resourceType, id}
	if no = x.entities[key]; no != 0 {
		return no, nil
	}
	no, _, typ, err := x.findEntity(resourceType, id)
	if err == nil && no == 0 {
		err = x.exec("INSERT INTO entity (id, type) VALUES (?, ?)", id, typ)
		no = x.db.LastInsertRowID()
	}
	if err == nil && x.entities != nil {
		x.entities[key] = no
	}
	return no, err
}

// writeVersion stores a new version and makes the former one history.
func (x *txn) writeVersion(w *store.Write, b packed.Blob) error {
	entity, row, typ, err := x.findEntity(w.Type, w.ID)
	if err != nil {
		return err
	}
	var old packed.Stored
	exists := false
	if row != 0 {
		if old, exists, err = x.Current(w.Type, w.ID); err != nil {
			return err
		}
	}
	if old.Version.Version != w.Version-1 {
		return fault.New(fault.Stale, "This %s was changed by someone else: version %d is current, version %d was expected.", w.Type, old.Version.Version, w.Version-1)
	}
	rid, err := x.place(w, old, exists)
	if err != nil {
		return err
	}
	switch { // before its own index rows, which may refer to it
	case entity == 0:
		err = x.exec("INSERT INTO entity (id, type, rid) VALUES (?, ?, ?)", w.ID, typ, rid)
	case rid != row:
		err = x.exec("UPDATE entity SET rid = ? WHERE no = ?", rid, entity)
	}
	if err != nil {
		return err
	}
	var before []packed.IndexRow
	if exists {
		if before, err = x.supersede(old); err != nil {
			return err
		}
	}
	after, has, err := packed.Rows(x, w.Type, w.Index)
	if err != nil {
		return err
	}
	if err := x.write(old.RID, before, rid, after); err != nil {
		return err
	}
	if b, err = x.SealFor(x.store.pack, rid, w.Type, w.ID, w.Version, b); err != nil {
		return err
	}
	if exists && rid != old.RID {
		if err := x.exec("DELETE FROM resource WHERE rid = ?", old.RID); err != nil {
			return err
		}
	}
	deleted := int64(0)
	if w.Deleted {
		deleted = 1
	}
	return x.exec("INSERT OR REPLACE INTO resource (rid, type, deleted, t, updated, version, id, has, codec, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		rid, typ, deleted, x.t, w.Updated.UnixMilli(), w.Version, w.ID, has, b.Codec, b.Bytes)
}

// place returns the row id of the new version: the old one while the resource stays in its
// compartment. It notes that the compartments have changed.
func (x *txn) place(w *store.Write, old packed.Stored, exists bool) (int64, error) {
	if exists && old.Patient != w.Patient {
		if err := x.changed(old.Patient); err != nil {
			return 0, err
		}
	}
	patient, next, err := x.ensurePatient(w.Patient)
	if err != nil {
		return 0, err
	}
	if exists && old.Patient == w.Patient {
		return old.RID, x.changed(w.Patient)
	}
	if w.Type == "Patient" && w.ID == w.Patient {
		return patient << sqlgen.Sequence, x.changed(w.Patient) // the first row of the range is kept for the Patient
	}
	if patient != 0 && next >= 1<<sqlgen.Sequence {
		return 0, fault.New(fault.TooLarge, "This patient has more than %d resources.", 1<<sqlgen.Sequence)
	}
	if err := x.exec("UPDATE patient SET next = ?, changed = ? WHERE no = ?", next+1, x.t, patient); err != nil {
		return 0, err
	}
	if patient == 0 {
		return -next, nil
	}
	return patient<<sqlgen.Sequence | next, nil
}

func (x *txn) changed(patient string) error {
	if patient == "" {
		return nil
	}
	return x.exec("UPDATE patient SET changed = ? WHERE id = ?", x.t, patient)
}

// ensurePatient returns the number of a compartment and the next free row in it; place notes
// that it has changed. Number 0 holds what belongs to no patient; a Patient's id is never
// empty.
func (x *txn) ensurePatient(id string) (no, next int64, err error) {
	found, err := x.one("SELECT no, next FROM patient WHERE id = ?", []any{id}, func(s packed.Row) { no, next = s.ColumnInt64(0), s.ColumnInt64(1) })
	if err != nil || found {
		return no, next, err
	}
	if id == "" {
		return 0, 1, x.exec("INSERT INTO patient (no, id, next, changed) VALUES (0, '', 1, ?)", x.t)
	}
	no, err = x.newPatient(id, x.t)
	return no, 1, err
}

// newPatient makes a compartment and its keys.
func (x *txn) newPatient(id string, changed int64) (no int64, err error) {
	highest, err := x.number("SELECT max(no) FROM patient")
	if err != nil {
		return 0, err
	}
	no = highest + 1
	k, row, err := x.NewPerson(no, id)
	if err != nil {
		return 0, err
	}
	x.Own.SetPatient(no, packed.Compartment{ID: id, Key: k})
	if err := x.exec("INSERT INTO patient (no, id, next, changed) VALUES (?, ?, 1, ?)", no, id, changed); err != nil {
		return 0, err
	}
	return no, x.putKey(row)
}

func (x *txn) putKey(r packed.KeyRow) error {
	return x.exec("INSERT INTO patient_key (no, gen, kek, key) VALUES (?, ?, ?, ?)", r.No, r.Generation, r.KEK, r.Key)
}

// supersede copies the current row to history and returns its index rows.
func (x *txn) supersede(old packed.Stored) ([]packed.IndexRow, error) {
	err := x.exec("INSERT INTO history (rid, type, deleted, t, until, updated, version, id, codec, body) SELECT rid, type, deleted, t, ?, updated, version, id, codec, body FROM resource WHERE rid = ?", x.t, old.RID)
	if err != nil {
		return nil, err
	}
	entries, err := x.store.pack.Entries(old)
	if err != nil {
		return nil, err
	}
	rows, _, err := packed.Rows(x, old.Type, entries)
	return rows, err
}
