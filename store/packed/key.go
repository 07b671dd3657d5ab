package packed

import (
	"slices"

	"github.com/osler-emr/osler/store/sqlgen"
)

// Rows are told apart by row id; in a keyed database (sqlgen.Dialect) by the patient too.

// rows returns the columns that tell rows apart; an alias ends with a dot.
func (n Names) rows(alias string) string {
	if n.Dialect().Keyed() {
		return alias + "patient, " + alias + "rid"
	}
	return alias + "rid"
}

// same returns the condition that two tables speak of one row.
func (n Names) same(alias, other string) string {
	if n.Dialect().Keyed() {
		return alias + "patient = " + other + "patient AND " + alias + "rid = " + other + "rid"
	}
	return alias + "rid = " + other + "rid"
}

// between returns the condition that a row lies in a range of row ids: a patient's, or one
// that goes on to the end.
func (n Names) between(low, high int64) (string, []any) {
	switch {
	case !n.Dialect().Keyed():
		return "rid BETWEEN ? AND ?", []any{low, high}
	case low>>sqlgen.Sequence == high>>sqlgen.Sequence:
		return "patient = ?", []any{low >> sqlgen.Sequence}
	}
	return "(patient, rid) >= (?, ?)", []any{sqlgen.PatientOf(low), low}
}

// current reads the current versions of rows. Those that are written after a T are left out,
// unless it is 0.
func (n Names) current(rids []int64, at int64) (map[int64]Stored, error) {
	out := make(map[int64]Stored, len(rids))
	take := func(r Row) (bool, error) {
		v, err := n.Scan(r)
		if at == 0 || int64(v.T) <= at {
			out[v.RID] = v
		}
		return true, err
	}
	if n.Dialect().Keyed() {
		if len(rids) == 0 {
			return out, nil
		}
		var patients []int64
		for _, rid := range rids {
			patients = append(patients, sqlgen.PatientOf(rid))
		}
		slices.Sort(patients)
		return out, n.Query("SELECT "+Columns+" FROM resource WHERE patient = ANY(?) AND rid = ANY(?)", []any{slices.Compact(patients), rids}, take)
	}
	for _, rid := range rids {
		if err := n.Query("SELECT "+Columns+" FROM resource WHERE rid = ?", []any{rid}, take); err != nil {
			return nil, err
		}
	}
	return out, nil
}
