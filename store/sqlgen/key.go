package sqlgen

// Rows are told apart by their row id, and in a keyed database by their patient too, which
// every table names. A search inside one chart says so at each of them.

// columns returns the columns that tell rows apart.
func (c *Compiler) columns(alias string) string {
	if c.dialect.Keyed() {
		return alias + "patient, " + alias + "rid"
	}
	return alias + "rid"
}

// same returns the condition that two tables speak of one row; an alias ends with a dot.
func (c *Compiler) same(alias, other string) string {
	if c.dialect.Keyed() {
		return alias + "patient = " + other + "patient AND " + alias + "rid = " + other + "rid"
	}
	return alias + "rid = " + other + "rid"
}

// inside returns the condition that a row lies in a patient's range.
func (c *Compiler) inside(alias string, within [2]int64) Fragment {
	if c.dialect.Keyed() {
		return frag(alias+"patient = ?", within[0]>>Sequence)
	}
	return frag(alias+"rid BETWEEN ? AND ?", within[0], within[1])
}

// scoped returns the same for a table that is joined by row already: nothing, unless the
// database must be told at each table.
func (c *Compiler) scoped(alias string, within *[2]int64) Fragment {
	if within == nil || !c.dialect.Keyed() {
		return Fragment{}
	}
	return build(" AND ", c.inside(alias, *within))
}

// outside returns the two conditions that a row lies before or behind a patient's range.
func (c *Compiler) outside(within [2]int64) []Fragment {
	if c.dialect.Keyed() {
		return []Fragment{frag(" AND patient <> ?", within[0]>>Sequence)}
	}
	return []Fragment{frag(" AND rid < ?", within[0]), frag(" AND rid > ?", within[1])}
}

// nothing is a statement without rows.
func (c *Compiler) nothing() string {
	if c.dialect.Keyed() {
		return "SELECT 0 AS patient, 0 AS rid WHERE 1=0"
	}
	return "SELECT 0 AS rid WHERE 1=0"
}

// PatientOf returns the number of the patient in whose range a row id lies; 0 for the rows of
// none.
func PatientOf(rid int64) int64 {
	if rid < 0 {
		return 0
	}
	return rid >> Sequence
}
