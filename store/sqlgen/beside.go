package sqlgen

import (
	"fmt"
	"slices"

	"github.com/osler-emr/osler/fhir/search"
)

// shared returns the condition that the candidate lives in no compartment.
func (q *query) shared() Fragment {
	if q.dialect.Keyed() {
		return frag(q.rid + "patient = 0")
	}
	return frag(q.rid + "rid < 0")
}

// beside returns the condition that a resource lives in the candidate's compartment. The index
// holds all that it needs: the patient's number is part of every row id.
//
// Inside of one chart it is asked once. For few candidates it is a look into the range of each
// one's patient; for many, the patients are a set that the database makes once.
func (q *query) beside(x search.Beside) (Fragment, error) {
	rest, sources, err := q.leader(x)
	if err != nil || len(sources) == 0 {
		return no, err
	}
	bound := q.besideBound()
	rows := q.bounded(sources[0], bound)
	for _, s := range sources[1:] {
		rows = build(rows, " UNION ", q.bounded(s, bound))
	}
	inner := &query{Compiler: q.Compiler, typ: x.Type, rid: "d.", row: "dr", within: q.within}
	asked, err := inner.condition(search.And(rest))
	if err != nil {
		return no, err
	}
	parts := []Fragment{asked}
	if slices.ContainsFunc(sources, func(s source) bool { return s.loose }) {
		typ, err := q.names.Type(x.Type)
		if err != nil {
			return no, err
		}
		inner.rows = true
		parts = append(parts, frag("dr.deleted = 0 AND dr.type = ?", typ))
	}
	found := build(" FROM (", rows, ") d")
	if inner.rows {
		found = build(found, q.dialect.Join(), "resource dr ON ", q.same("dr.", "d."), q.scoped("dr.", q.within))
	}
	condition := and(parts)
	if condition.SQL == no.SQL {
		return no, nil
	}
	found = build(found, " WHERE ", condition)
	switch {
	case q.within != nil:
		return build("EXISTS (SELECT 1", found, ")"), nil
	case q.few:
		return build("(", q.homely(q.rid), " AND EXISTS (SELECT 1", found, "))"), nil
	}
	return build(q.number(q.rid), " IN (SELECT ", q.number("d."), found, ")"), nil
}

// everyChart returns the condition that no patient of a candidate of several is one of whose chart
// the condition is not true. What names one patient or none has no rows to look at.
func (q *query) everyChart(x search.Each) (Fragment, error) {
	params, err := q.names.Params(q.typ, search.PartyParam)
	if err != nil || len(params) == 0 || q.within != nil {
		return yes, err
	}
	var parts []Fragment
	if s, ok := q.names.(interface{ Scattered() bool }); ok && s.Scattered() { // the charts may lie elsewhere: none is asked
		for _, p := range params {
			parts = append(parts, build("NOT EXISTS (SELECT 1 FROM str d WHERE d.p = ", frag("?", p.No), " AND ", q.same("d.", q.rid), ")"))
		}
		return and(parts), nil
	}
	inner := &query{Compiler: q.Compiler, typ: "Patient", rid: "n.", row: "n"}
	chart, err := inner.condition(x.X)
	if err != nil {
		return no, err
	}
	number, in := "coalesce(e.no, 0)", "d.rid = "+q.rid+"rid"
	columns := fmt.Sprintf("%s << %d AS rid", number, Sequence)
	if q.dialect.Keyed() {
		columns = fmt.Sprintf("%s AS patient, %s::int8 << %d AS rid", number, number, Sequence)
		in = "d.patient = 0 AND " + q.rid + "patient = 0 AND " + in
	}
	for _, p := range params {
		parts = append(parts, build("NOT EXISTS (SELECT 1 FROM (SELECT "+columns+" FROM str d LEFT JOIN patient e ON e.id = d.exact WHERE ",
			frag("d.p = ? AND ", p.No), in, ") n WHERE ", not(chart), ")"))
	}
	return and(parts), nil
}

// leader takes from the conditions of a Beside the one by which its rows are found.
func (q *query) leader(x search.Beside) (rest []search.Expr, lead []source, err error) {
	all := flatten(x.X, nil)
	best, at := costScan, -1
	for i, part := range all {
		switch part.(type) {
		case search.None:
			return nil, nil, nil
		case search.Beside, search.Each, search.Words:
			return nil, nil, unsupported("conditions inside of an access rule")
		}
		sources, drives, err := q.drives(x.Type, part)
		if err != nil {
			return nil, nil, err
		}
		if drives && len(sources) == 0 {
			return nil, nil, nil
		}
		if drives && costOf(sources) < best {
			lead, best, at = sources, costOf(sources), i
		}
	}
	if at >= 0 {
		return slices.Delete(slices.Clone(all), at, at+1), lead, nil
	}
	typ, err := q.names.Type(x.Type)
	if err != nil || typ == 0 {
		return nil, nil, err
	}
	return all, []source{{table: "resource", where: frag("deleted = 0 AND type = ?", typ), single: true}}, nil
}

// besideBound confines the rows beside the candidate: to the chart of the statement, to that
// of the candidate, or to charts at all.
func (q *query) besideBound() Fragment {
	switch {
	case q.within != nil:
		return build(" AND ", q.inside("", *q.within))
	case q.few && q.dialect.Keyed():
		return frag(" AND patient = " + q.rid + "patient")
	case q.few:
		first := fmt.Sprintf("((%srid >> %d) << %d)", q.rid, Sequence, Sequence)
		return frag(fmt.Sprintf(" AND rid BETWEEN %s AND (%s | %d)", first, first, 1<<Sequence-1))
	}
	return build(" AND ", q.homely(""))
}

// homely returns the condition that a row lives in a chart.
func (q *query) homely(alias string) string {
	if q.dialect.Keyed() {
		return alias + "patient > 0"
	}
	return alias + "rid > 0"
}

// number returns the patient's number of a row.
func (q *query) number(alias string) string {
	if q.dialect.Keyed() {
		return alias + "patient"
	}
	return fmt.Sprintf("(%srid >> %d)", alias, Sequence)
}
