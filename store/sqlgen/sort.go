package sqlgen

import (
	"strconv"
	"strings"

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
func (c *Compiler) sortColumns(r Request, row string, within *[2]int64) (columns, joins Fragment, err error) {
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
			column, join = c.sortColumn(key, params, "j"+n, within)
			joins = build(joins, join)
		}
		columns = build(columns, ", ", column, " AS s"+n)
	}
	return columns, joins, nil
}

// sortColumn returns the expression of one key. What is indexed by row id is probed for
// each candidate; values of the other tables are gathered once and joined.
func (c *Compiler) sortColumn(key search.SortKey, params []Param, alias string, within *[2]int64) (column, join Fragment) {
	if len(params) == 0 {
		return frag("NULL"), Fragment{}
	}
	p, end := params[0], c.dialect.Least
	if key.Descending {
		end = c.dialect.Greatest
	}
	pick := func(asc, desc string) string {
		if key.Descending {
			return desc
		}
		return asc
	}
	probe := func(table, column string) (Fragment, Fragment) {
		return build("(SELECT ", end(c.dialect.Unindexed(column)), " FROM ", table, frag(" WHERE p = ? AND ", p.No), c.same(table+".", "c."), c.scoped("", within), ")"), Fragment{}
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
			lists = append(lists, c.list(t, p, within))
		}
	}
	if len(lists) == 0 {
		return frag("NULL"), Fragment{}
	}
	list := lists[0]
	for _, more := range lists[1:] {
		list = build(list, " UNION ALL ", more)
	}
	join = build(" LEFT JOIN (SELECT ", c.columns(""), ", ", end("v"), " AS v FROM (", list, ") g GROUP BY ", c.columns(""), ") ", alias, " ON ", c.same(alias+".", "c."))
	return frag(alias + ".v"), join
}

// list returns the statement of all values of a parameter in a table.
func (c *Compiler) list(t gathering, p Param, within *[2]int64) Fragment {
	from := strings.Join(t.from, c.dialect.Join())
	return build("SELECT ", c.columns("x."), ", ", t.value, " AS v FROM ", from, frag(" WHERE "+t.param+" = ?", p.No*t.times), c.scoped("x.", within))
}

type gathering struct {
	flag         Flags
	value, param string
	from         []string // x is the table of the rows
	times        int64    // the parameter's number is multiplied with it
}

// gathered are the tables that have no index by row id.
var gathered = [...]gathering{
	{InTok, "d.code", "d.param", []string{"dict d", "tok x ON x.k = d.no"}, Spaces},
	{InIdent, "value", "p", []string{"ident x"}, 1},
	{InURI, "value", "p", []string{"uri x"}, 1},
	{InRef, "t.type || '/' || e.id", "x.p", []string{"ref x", "entity e ON e.no = x.e", "param t ON t.no = e.type"}, 1},
}

func ordering(keys []search.SortKey) Fragment {
	sql := " ORDER BY "
	for i, key := range keys {
		s := "s" + strconv.Itoa(i)
		if key.Descending {
			sql += s + " DESC NULLS LAST, "
		} else {
			sql += s + " NULLS LAST, "
		}
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
