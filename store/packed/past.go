package packed

import (
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// superseded returns the matches among the versions that were current at the snapshot and
// are not any more.
func (f *finder) superseded(resourceType string, where search.Expr) ([]match, error) {
	typ, err := f.Type(resourceType)
	if err != nil || typ == 0 {
		return nil, err
	}
	text, args := "SELECT "+Columns+" FROM history WHERE until > ? AND t <= ? AND type = ? AND deleted = 0", []any{f.at, f.at, typ}
	within, err := f.compiler.Within(where)
	switch {
	case err != nil || within != nil && within[0] > within[1]:
		return nil, err
	case within != nil && f.Dialect().Keyed():
		in, bounds := f.between(within[0], within[1])
		text, args = text+" AND "+in, append(args, bounds...)
	}
	var out []match
	err = f.Stream(text, args, func(s Row) (bool, error) {
		v, err := f.Scan(s)
		if err != nil {
			return false, err
		}
		ok, entries, err := f.matches(where, v)
		if ok {
			m := match{Stored: v}
			m.Row.ID = v.RID
			m.Values = sortValues(f.plan.Query.Sort, v, entries)
			out = append(out, m)
		}
		return true, err
	})
	return out, err
}

// matches decides about a version by its entries.
func (f *finder) matches(where search.Expr, v Stored) (bool, []search.Entry, error) {
	entries, err := f.reader.pack.Entries(v)
	if err != nil {
		return false, nil, err
	}
	subject := search.Subject{Type: v.Type, ID: v.ID, Patient: v.Patient, Updated: v.Updated}
	subject.Beside = func(patient string, x search.Beside) bool {
		ok, failed := f.beside(x, patient)
		if failed != nil {
			err = failed
		}
		return ok
	}
	subject.Words = func(narrative bool) string {
		words, failed := f.reader.pack.written(v, narrative)
		if failed == nil {
			failed = f.ReadOne()
		}
		if failed != nil {
			err = failed
		}
		return words
	}
	ok := search.Match(where, subject, entries)
	return ok && err == nil, entries, err
}

// beside reports whether a resource lives now in a patient's compartment.
func (f *finder) beside(x search.Beside, patient string) (bool, error) {
	stmt, err := f.compiler.Count(sqlgen.Request{Type: x.Type, Where: search.And{search.InPatient{patient}, x.X}})
	if err != nil {
		return false, err
	}
	n, err := f.number(stmt.SQL, stmt.Args...)
	return n > 0, err
}
