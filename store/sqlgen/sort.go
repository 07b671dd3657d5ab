package sqlgen

import (
	"strconv"

	"github.com/osler-emr/osler/fhir/search"
)

// Missing values come last in both directions.

func sortsByRow(keys []search.SortKey) bool {
	for _, k := range keys {
		if k.Param == "_id" || k.Param == "_lastUpdated" {
			return true
		}
	}
	return false
}

// sortColumns returns the columns s0, s1, … and the joins that they need. The rules are
// those of search.SortKeys: ascending takes the lowest value, descending the highest.
func (c *Compiler) sortColumns(r Request, row string) (columns, joins Fragment, err error) {
	for i, key := range r.Sort {
		n := strconv.Itoa(i)
		var column Fragment
		switch key.Param {
		case "_id":
			column = frag(row + ".id")
		case "_lastUpdated":
			column = frag(row + ".updated")
		default:
			params, err := c.names.Params(r.Type, key.Param)
			if err != nil {
				return columns, joins, err
			}
			var join Fragment
			column, join = sortColumn(key, params, "j"+n)
			joins = build(joins, join)
		}
		columns = build(columns, ", ", column, " AS s"+n)
	}
	return columns, joins, nil
}

// sortColumn returns the expression of one key. What is indexed by row id is probed for
// each candidate; values of the other tables are gathered once and joined.
func sortColumn(key search.SortKey, params []Param, alias string) (column, join Fragment) {
	if len(params) == 0 {
		return frag("NULL"), Fragment{}
	}
	p, end := params[0], "min"
	if key.Descending {
		end = "max"
	}
	pick := func(asc, desc string) string {
		if key.Descending {
			return desc
		}
		return asc
	}
	probe := func(table, column string) (Fragment, Fragment) {
		return frag("(SELECT "+end+"(+"+column+") FROM "+table+" WHERE p = ? AND rid = c.rid)", p.No), Fragment{}
	}
	switch {
	case p.Flags&InDat != 0:
		return probe("dat", pick("lo", "hi"))
	case p.Flags&InStr != 0:
		return probe("str", "norm")
	case p.Flags&InQty != 0:
		return probe("qty", pick("lo", "hi"))
	}
	var lists []Fragment
	for _, t := range gathered {
		if p.Flags&t.flag != 0 {
			lists = append(lists, frag(t.list, p.No*t.times))
		}
	}
	if len(lists) == 0 {
		return frag("NULL"), Fragment{}
	}
	list := lists[0]
	for _, more := range lists[1:] {
		list = build(list, " UNION ALL ", more)
	}
	join = build(" LEFT JOIN (SELECT rid, "+end+"(v) AS v FROM (", list, ") GROUP BY rid) "+alias+" ON "+alias+".rid = c.rid")
	return frag(alias + ".v"), join
}

// gathered are the tables that have no index by row id.
var gathered = [...]struct {
	flag  Flags
	list  string
	times int64 // the parameter's number is multiplied with it
}{
	{InTok, "SELECT t.rid AS rid, d.code AS v FROM dict d CROSS JOIN tok t ON t.k = d.no WHERE d.param = ?", Spaces},
	{InIdent, "SELECT rid, value AS v FROM ident WHERE p = ?", 1},
	{InURI, "SELECT rid, value AS v FROM uri WHERE p = ?", 1},
	{InRef, "SELECT f.rid AS rid, t.type || '/' || e.id AS v FROM ref f CROSS JOIN entity e ON e.no = f.e CROSS JOIN param t ON t.no = e.type WHERE f.p = ?", 1},
}

func ordering(keys []search.SortKey) Fragment {
	sql := " ORDER BY "
	for i, key := range keys {
		s := "s" + strconv.Itoa(i)
		sql += s + " IS NULL, " + s
		if key.Descending {
			sql += " DESC"
		}
		sql += ", "
	}
	return frag(sql + "rid")
}

// keyset returns the condition that a row stands behind another in the order.
func keyset(keys []search.SortKey, after Row) Fragment {
	var alternatives, equal []Fragment
	for i, key := range keys {
		s, v := "s"+strconv.Itoa(i), after.Values[i]
		if v == nil {
			equal = append(equal, frag(s+" IS NULL"))
			continue
		}
		compare := " > ?"
		if key.Descending {
			compare = " < ?"
		}
		behind := frag("("+s+compare+" OR "+s+" IS NULL)", v)
		alternatives = append(alternatives, and(append(append([]Fragment(nil), equal...), behind)))
		equal = append(equal, frag(s+" = ?", v))
	}
	alternatives = append(alternatives, and(append(equal, frag("rid > ?", after.ID))))
	return or(alternatives)
}
