package sqlite

import (
	"cmp"
	"slices"
	"strings"

	"github.com/osler-emr/osler/store/packed"
)

// table holds the statements of an index table. A row is the row id and the columns.
type table struct {
	delete string
	insert statements
}

// statements write rows, by how many of them.
type statements map[int]string

// insertMany makes statements of their beginning and the number of columns.
func insertMany(head string, columns int) statements {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	all := statements{}
	for _, n := range rowsAtOnce {
		all[n] = head + row + strings.Repeat(", "+row, n-1)
	}
	return all
}

// insert writes rows, whose columns stand one behind the other.
func (x *txn) insert(s statements, values []any) error {
	columns := strings.Count(s[1], "?")
	for _, n := range rowsAtOnce {
		for len(values) >= n*columns {
			if err := x.exec(s[n], values[:n*columns]...); err != nil {
				return err
			}
			values = values[n*columns:]
		}
	}
	return nil
}

// tables are the index tables of a store's writer.
type tables map[*packed.Table]*table

// rowsAtOnce are how many rows a statement writes: the largest that there are rows for, again and
// again.
var rowsAtOnce = []int{32, 16, 8, 4, 2, 1}

func newTables() tables {
	all := tables{}
	for _, t := range packed.Tables {
		all[t] = &table{
			delete: "DELETE FROM " + t.Name + " WHERE rid = ? AND " + strings.Join(t.Columns, " = ? AND ") + " = ?",
			insert: insertMany("INSERT OR IGNORE INTO "+t.Name+" (rid, "+strings.Join(t.Columns, ", ")+") VALUES ", len(t.Columns)+1),
		}
	}
	all[packed.Comp].delete = "DELETE FROM comp WHERE rid = ? AND p = ? AND k0 = ? AND n = ?"
	return all
}

// row is an index row that waits to be written.
type row struct {
	rid int64
	packed.IndexRow
}

// write replaces the rows of a resource: what was and will be stays untouched. What is new waits
// for flush.
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
		if x.waits[oldRID] { // written twice by one change
			if err := x.flush(); err != nil {
				return err
			}
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
		if x.waits == nil {
			x.waits = map[int64]bool{}
		}
		x.waits[newRID] = true
		x.rows = append(x.rows, row{newRID, r})
	}
	return nil
}

// flush writes the rows that wait: in the order of the tables' keys, so that those of a page are
// written together, and many with a statement.
func (x *txn) flush() error {
	rows := x.rows
	x.rows, x.waits = nil, nil
	slices.SortFunc(rows, byKey)
	var args []any
	for len(rows) > 0 {
		t := rows[0].Table
		n := 1
		for n < len(rows) && rows[n].Table == t {
			n++
		}
		args = args[:0]
		for _, r := range rows[:n] {
			args = append(append(args, r.rid), r.Args...)
		}
		if err := x.insert(x.tables[t].insert, args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// byKey orders rows by table, and near enough as the table's key does.
func byKey(a, b row) int {
	if a.Table != b.Table {
		return strings.Compare(a.Table.Name, b.Table.Name)
	}
	for i := range a.Args {
		if c := compareValues(a.Args[i], b.Args[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.rid, b.rid)
}

// compareValues orders values of one column.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	}
	return cmp.Compare(kindOf(a), kindOf(b))
}

// kindOf orders values of different kinds, of which a part of a composite has several.
func kindOf(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case int64:
		return 1
	case float64:
		return 2
	}
	return 3
}
