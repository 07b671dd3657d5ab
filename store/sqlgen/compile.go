package sqlgen

import (
	"math"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir/search"
)

// Compiler turns query trees into statements, with the words of one database.
type Compiler struct {
	dialect Dialect
	names   Names
	// lasting says that what is compiled holds for one state of the vocabulary only: then codes
	// are looked up now, and not by each statement.
	lasting bool
}

// New returns a compiler.
func New(d Dialect, n Names) *Compiler { return &Compiler{d, n, false} }

// Request is one search to compile.
type Request struct {
	Type  string      // one type; a search of all types asks for each
	Where search.Expr // what is asked
	// Visible is the rule of what the searcher may see; nil when it stands in Where, which is the
	// same but slower (rule.go). It holds no search.Words.
	Visible search.Expr
	Sort    []search.SortKey
	// At limits the search to versions that became current at or before this logical
	// time; 0 for the present.
	At int64
	// After is the last row of the page before; nil starts.
	After *Row
	Limit int // 0: no limit
	// Until, when not nil, is the row id at which a Window ends: what stands behind it is left out.
	Until *int64
}

// Row is the position of a match: the values of its sort keys (nil for a missing one;
// int64, float64 or string) and its row id.
type Row struct {
	Values []any
	ID     int64
}

// Select returns the statement that yields the matches in order: the row id, then one
// column for each sort key.
func (c *Compiler) Select(r Request) (Fragment, error) {
	from, where, row, within, err := c.from(r)
	if err != nil {
		return Fragment{}, err
	}
	if where.SQL == nowhere.SQL {
		return frag("SELECT 0 AS rid" + strings.Repeat(", NULL", len(r.Sort)) + nowhere.SQL), nil
	}
	if len(r.Sort) == 0 {
		out := build("SELECT c.rid ", from, where)
		if r.Until != nil {
			out = build("SELECT DISTINCT c.rid ", from, where)
		}
		return limited(build(out, " ORDER BY c.rid"), r.Limit), nil
	}
	columns, joins, err := c.sortColumns(r, row, within)
	if err != nil {
		return Fragment{}, err
	}
	out := build("SELECT c.rid AS rid", columns, " ", from, joins, where)
	if r.After != nil || c.dialect.Keyed() { // a database that plans by itself must not walk an index in this order
		out = build("WITH m AS MATERIALIZED (", out, ") SELECT * FROM m")
	}
	if r.After != nil {
		out = build(out, " WHERE ", keyset(r.Sort, *r.After))
	}
	return limited(build(out, ordering(r.Sort)), r.Limit), nil
}

// Count returns the statement that counts the matches.
func (c *Compiler) Count(r Request) (Fragment, error) {
	from, where, _, _, err := c.from(r)
	if where.SQL == nowhere.SQL {
		return frag("SELECT 0"), err
	}
	return build("SELECT count(*) ", from, where), err
}

// Empty reports whether a statement that Select returned has no rows, whatever is stored.
func (f Fragment) Empty() bool { return strings.HasSuffix(f.SQL, nowhere.SQL) }

// nowhere is the WHERE of what cannot match.
var nowhere = frag(" WHERE 1=0")

func limited(f Fragment, limit int) Fragment {
	if limit == 0 {
		return f
	}
	return build(f, frag(" LIMIT ?", limit))
}

// from returns FROM and WHERE. The candidates are c.rid; row is the alias of their resource
// rows, which are joined when something needs them.
func (c *Compiler) from(r Request) (from, where Fragment, row string, within *[2]int64, err error) {
	all := flatten(r.Where, nil)
	asked := len(all)
	all = flatten(r.Visible, all)
	rule := all[asked:]
	if within, err = c.scope(all); err != nil {
		return from, where, "", nil, err
	}
	if within != nil && within[0] > within[1] {
		return Fragment{}, nowhere, "", nil, nil
	}
	by, err := c.driver(r, all[:asked], rule, within)
	if err != nil {
		return from, where, "", nil, err
	}
	few := by.rank < costToken || r.Limit > 0 && len(r.Sort) == 0
	if r.Until != nil && by.text != nil {
		by.rows = c.window(r, by.text)
	}
	q := &query{Compiler: c, typ: r.Type, rid: "c.", row: "r", within: within, few: few}
	if by.rows.SQL == "" {
		q.row = "c"
	}
	all = all[:asked]
	rest := make([]search.Expr, 0, asked)
	for i, x := range all {
		if !slices.Contains(by.covers, i) {
			rest = append(rest, x)
		}
	}
	quick, slow := apart(rest)
	conditions, err := q.conditions(quick)
	if err != nil {
		return from, where, "", nil, err
	}
	visible, err := q.ruled(r, rule)
	if err != nil {
		return from, where, "", nil, err
	}
	for i := range visible {
		if !slices.Contains(by.covers, asked+i) {
			conditions, q.rows = append(conditions, visible[i].Fragment), q.rows || visible[i].rows
		}
	}
	read, err := q.condition(search.And(slow))
	if err != nil {
		return from, where, "", nil, err
	}
	parts := []Fragment{and(conditions)}
	if !by.exact {
		no, err := c.names.Type(r.Type)
		if err != nil {
			return from, where, "", nil, err
		}
		parts = append(parts, frag(q.row+".deleted = 0 AND "+q.row+".type = ?", no))
	}
	if r.At != 0 {
		parts = append(parts, frag(q.row+".t <= ?", r.At))
	}
	if within != nil {
		parts = append(parts, c.inside("c.", *within))
	}
	if r.After != nil && len(r.Sort) == 0 {
		rid := "c.rid"
		if by.text != nil && r.Until == nil { // the index leads to the text, not to the row
			rid = c.dialect.Unindexed(rid)
		}
		parts = append(parts, frag(rid+" > ?", r.After.ID))
	}
	if len(slow) > 0 { // bodies are decoded of those rows only that satisfy all the rest
		parts = append(parts, build("CASE WHEN ", and(parts), " THEN ", read, " ELSE 0 END"))
	}
	from = build("FROM resource c")
	if by.rows.SQL != "" {
		from = build("FROM (", by.rows, ") c")
		if q.rows || !by.exact || r.At != 0 || sortsByRow(r.Sort) {
			from = build(from, c.dialect.Join(), "resource r ON ", c.same("r.", "c."), c.scoped("r.", within))
		}
	}
	return from, build(" WHERE ", and(parts)), q.row, within, nil
}

// Apart puts aside the conditions for which a resource must be read, when there are any: a
// database that cannot read it answers the rest, and the store decides.
func Apart(where search.Expr) (rest, read search.Expr) {
	if !reads(where) {
		return where, nil
	}
	quick, slow := apart(flatten(where, nil))
	return search.And(quick), search.And(slow)
}

// apart puts aside the conditions for which a resource must be read.
func apart(all []search.Expr) (quick, slow []search.Expr) {
	if !slices.ContainsFunc(all, reads) {
		return all, nil
	}
	for _, x := range all {
		if reads(x) {
			slow = append(slow, x)
		} else {
			quick = append(quick, x)
		}
	}
	return quick, slow
}

func reads(x search.Expr) bool {
	switch x := x.(type) {
	case search.Words:
		return true
	case search.Not:
		return reads(x.X)
	case search.And:
		return slices.ContainsFunc(x, reads)
	case search.Or:
		return slices.ContainsFunc(x, reads)
	}
	return false
}

// flatten takes nested Ands apart.
func flatten(x search.Expr, out []search.Expr) []search.Expr {
	switch x := x.(type) {
	case nil, search.All:
		return out
	case search.And:
		if out == nil {
			out = make([]search.Expr, 0, 16)
		}
		for _, part := range x {
			out = flatten(part, out)
		}
		return out
	}
	return append(out, x)
}

// Within returns the range of row ids of the one patient to whom a condition confines what
// matches; nil when it does not. An empty range (low above high) says that nothing can match.
func (c *Compiler) Within(where search.Expr) (*[2]int64, error) { return c.scope(flatten(where, nil)) }

// scope returns the range of row ids to which the conditions confine a match: that of a
// single patient. An empty range (low above high) says that nothing can match.
func (c *Compiler) scope(all []search.Expr) (*[2]int64, error) {
	var within *[2]int64
	for _, x := range all {
		in, ok := x.(search.InPatient)
		if !ok || len(in) != 1 {
			continue
		}
		patient, err := c.names.Patient(in[0])
		if err != nil {
			return nil, err
		}
		if patient == 0 {
			return &[2]int64{1, 0}, nil
		}
		low, high := Range(patient)
		if within != nil && within[0] != low {
			return &[2]int64{1, 0}, nil
		}
		within = &[2]int64{low, high}
	}
	return within, nil
}

// drive is what yields the candidates of a statement.
type drive struct {
	// rows is the statement that yields them, each once: "" for a walk over the resources
	// of the type.
	rows Fragment
	// exact says that they are live resources of the type by the nature of the index.
	exact bool
	// covers are the places of the conditions that they all satisfy.
	covers []int
	// rank is the cost of the best index among them.
	rank int
	// text is that index, when it is of what texts begin with.
	text *source
}

// driver chooses the drive of a statement, from what is asked and from the rule behind it.
func (c *Compiler) driver(r Request, asked, rule []search.Expr, within *[2]int64) (drive, error) {
	best, home := []source(nil), (*homed)(nil)
	rank, at := costScan, -1
	known, err := c.driving(r, rule)
	if err != nil {
		return drive{}, err
	}
	for i := range len(asked) + len(rule) {
		var x search.Expr
		var sources []source
		var drives bool
		if i < len(asked) {
			x = asked[i]
			sources, drives, err = c.drives(r.Type, x)
		} else {
			x = rule[i-len(asked)]
			sources, drives = known[i-len(asked)].sources, known[i-len(asked)].drives
		}
		if err != nil {
			return drive{}, err
		}
		if !drives {
			continue
		}
		if len(sources) == 0 {
			return drive{rows: c.union(nil, nil), exact: true, covers: []int{i}, rank: costID}, nil
		}
		if within == nil && home == nil {
			if home, err = c.home(x, sources); err != nil {
				return drive{}, err
			}
			if home != nil {
				home.at = i
				continue
			}
		}
		if cost := costOf(sources); cost < rank {
			best, rank, at = sources, cost, i
		}
	}
	switch {
	case best == nil && home == nil:
		return drive{rank: costScan}, nil
	case best == nil:
		return drive{rows: c.union(home.sources, nil), exact: true, covers: []int{home.at}, rank: costReference}, nil
	}
	exact := !slices.ContainsFunc(best, func(s source) bool { return s.loose })
	if home == nil || rank < costReference {
		by := drive{rows: c.union(best, within), exact: exact, covers: []int{at}, rank: rank}
		if home == nil && len(best) == 1 && best[0].begins != 0 {
			by.text = &best[0]
		}
		return by, nil
	}
	return drive{rows: c.split(home, best), exact: exact, covers: []int{home.at, at}, rank: costReference}, nil
}

// homed is a reference to a patient: most of what refers to a patient lives in the
// patient's range.
type homed struct {
	within  [2]int64
	sources []source
	at      int // the place of the condition
}

// split returns the rows that satisfy two conditions: inside of the patient's range those of the
// other index that have the reference, outside of it those with the reference that the other
// index has. Both read only a few keys.
func (c *Compiler) split(h *homed, other []source) Fragment {
	both := func(rows Fragment, probed []source, within *[2]int64) Fragment {
		q := &query{Compiler: c, rid: "h.", within: within}
		list := make([]Fragment, len(probed))
		for i := range probed {
			list[i] = q.probe(probed[i])
		}
		return build("SELECT ", c.columns("h."), " FROM (", rows, ") h WHERE ", or(list))
	}
	out := both(c.union(other, &h.within), h.sources, &h.within)
	for _, s := range h.sources { // one for each parameter: a reference has one
		for _, bound := range c.outside(h.within) {
			out = build(out, " UNION ALL ", both(c.bounded(s, bound), other, nil))
		}
	}
	return out
}

func (c *Compiler) home(x search.Expr, sources []source) (*homed, error) {
	ref, ok := x.(search.Reference)
	if !ok || ref.Type != "Patient" || ref.ID == "" || len(sources) != 1 {
		return nil, nil
	}
	patient, err := c.names.Patient(ref.ID)
	if err != nil || patient == 0 {
		return nil, err
	}
	low, high := Range(patient)
	return &homed{within: [2]int64{low, high}, sources: sources}, nil
}

func costOf(sources []source) int {
	cost := costID
	for _, s := range sources {
		cost = max(cost, s.cost)
	}
	return cost
}

// union returns the row ids of all sources, each once.
func (c *Compiler) union(sources []source, within *[2]int64) Fragment {
	if len(sources) == 0 {
		return frag(c.nothing())
	}
	out := c.set(sources[0], within)
	for _, s := range sources[1:] {
		out = build(out, " UNION ", c.set(s, within))
	}
	return out
}

// drives returns the sources of a condition that can be the driver: a leaf with an index,
// or an Or of such leaves.
func (c *Compiler) drives(resourceType string, x search.Expr) ([]source, bool, error) {
	switch x := x.(type) {
	case search.Or:
		out, rest, err := c.merge(resourceType, x)
		if err != nil || len(rest) > 2*fewValues {
			return nil, false, err
		}
		for _, part := range rest {
			s, ok, err := c.drives(resourceType, part)
			if err != nil || !ok {
				return nil, false, err
			}
			out = append(out, s...)
		}
		return out, true, nil
	case nil, search.And, search.Not, search.InPatient, search.Updated, search.Missing, search.All, search.None, search.Chain, search.Has, search.Lineage, search.Words, search.Beside, search.Shared, search.Each:
		return nil, false, nil
	}
	s, err := c.sources(resourceType, x)
	return s, err == nil, err
}

// query compiles the conditions of one statement.
type query struct {
	*Compiler
	typ  string
	rid  string // the alias of the candidate, with a dot
	row  string // the alias of its resource row
	rows bool   // whether some condition uses the row
	few  bool   // whether there are few candidates, so that each may be asked about its patient
	// within is the patient's range to which the statement is confined; nil for none.
	within *[2]int64
}

func (q *query) condition(x search.Expr) (Fragment, error) {
	switch x := x.(type) {
	case nil, search.All:
		return yes, nil
	case search.None:
		return no, nil
	case search.And:
		list, err := q.conditions(x)
		return and(list), err
	case search.Or:
		merged, rest, err := q.merge(q.typ, x)
		if err != nil {
			return no, err
		}
		list, err := q.conditions(rest)
		for _, s := range merged {
			list = append(list, q.probe(s))
		}
		return or(list), err
	case search.Not:
		f, err := q.condition(x.X)
		return not(f), err
	case search.InPatient:
		return q.inPatient(x)
	case search.Shared:
		return q.shared(), nil
	case search.Beside:
		return q.beside(x)
	case search.Each:
		return q.everyChart(x)
	case search.Updated:
		return q.updated(x), nil
	case search.Missing:
		return q.missing(x)
	case search.Words:
		q.rows = true
		return q.dialect.Written(q.row, x), nil
	case search.Chain, search.Has, search.Lineage:
		return no, unsupported("a chained parameter")
	}
	sources, err := q.sources(q.typ, x)
	if err != nil {
		return no, err
	}
	var list []Fragment
	for _, s := range sources {
		list = append(list, q.probe(s))
	}
	return or(list), nil
}

func (q *query) conditions(list []search.Expr) ([]Fragment, error) {
	out := make([]Fragment, 0, len(list)+2)
	for _, x := range list {
		f, err := q.condition(x)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (q *query) inPatient(ids search.InPatient) (Fragment, error) {
	var out []Fragment
	for _, id := range ids {
		patient, err := q.names.Patient(id)
		if err != nil {
			return no, err
		}
		if patient != 0 {
			low, high := Range(patient)
			out = append(out, q.inside(q.rid, [2]int64{low, high}))
		}
	}
	return or(out), nil
}

func (q *query) updated(x search.Updated) Fragment {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if !x.From.IsZero() {
		low = x.From.UnixMilli()
	}
	if !x.To.IsZero() {
		high = x.To.UnixMilli()
	}
	q.rows = true
	return frag("("+q.row+".updated >= ? AND "+q.row+".updated < ?)", low, high)
}

func (q *query) missing(x search.Missing) (Fragment, error) {
	if x.Param == "_id" || x.Param == "_lastUpdated" { // every version has them
		return map[bool]Fragment{true: no, false: yes}[x.Missing], nil
	}
	params, err := q.names.Params(q.typ, x.Param)
	if err != nil {
		return no, err
	}
	var out []Fragment
	for _, p := range params {
		q.rows = true
		out = append(out, q.dialect.Marked(q.row+".has", p.No))
	}
	if x.Missing {
		return not(or(out)), nil
	}
	return or(out), nil
}
