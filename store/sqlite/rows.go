package sqlite

import (
	"strings"

	"github.com/osler-emr/osler/store/packed"
)

// table holds the statements of an index table; the row id is the first argument.
type table struct{ insert, delete string }

// tables are the index tables of a store's writer.
type tables map[*packed.Table]table

func newTables() tables {
	all := tables{}
	for _, t := range packed.Tables {
		all[t] = table{
			insert: "INSERT OR IGNORE INTO " + t.Name + " (rid, " + strings.Join(t.Columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(t.Columns)) + ")",
			delete: "DELETE FROM " + t.Name + " WHERE rid = ? AND " + strings.Join(t.Columns, " = ? AND ") + " = ?",
		}
	}
	comp := all[packed.Comp]
	comp.delete = "DELETE FROM comp WHERE rid = ? AND p = ? AND k0 = ? AND n = ?"
	all[packed.Comp] = comp
	return all
}

// write replaces the rows of a resource: what was and will be stays untouched.
func (x *txn) write(oldRID int64, old []packed.IndexRow, newRID int64, fresh []packed.IndexRow) error {
	keep := map[string]bool{}
	if oldRID == newRID {
		had := make(map[string]bool, len(old))
		for i := range old {
			had[old[i].Key] = true
		}
		for i := range fresh {
			if had[fresh[i].Key] {
				keep[fresh[i].Key] = true
			}
		}
	}
	for _, r := range old {
		if keep[r.Key] {
			continue
		}
		args := r.Args
		if r.Table == packed.Comp {
			args = args[:3]
		}
		if err := x.exec(x.tables[r.Table].delete, append([]any{oldRID}, args...)...); err != nil {
			return err
		}
	}
	for _, r := range fresh {
		if keep[r.Key] {
			continue
		}
		if err := x.exec(x.tables[r.Table].insert, append([]any{newRID}, r.Args...)...); err != nil {
			return err
		}
	}
	return nil
}
