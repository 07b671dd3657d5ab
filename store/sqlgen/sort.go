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

func (c *Compiler) sortColumns(r Request, row string) (Fragment, error) {
	var out Fragment
	for i, key := range r.Sort {
		f, err := c.sortColumn(r, row, key)
		if err != nil {
			return Fragment{}, err
		}
		out = build(out, ", ", f, " AS s"+strconv.Itoa(i))
	}
	return out, nil
}

func (c *Compiler) sortColumn(r Request, row string, key search.SortKey) (Fragment, error) {
	switch key.Param {
	case "_id":
		return frag(row + ".id"), nil
	case "_lastUpdated":
		return frag(row + ".updated"), nil
	}
	params, err := c.names.Params(r.Type, key.Param)
	if err != nil {
		return Fragment{}, err
	}
	if len(params) == 0 {
		return frag("NULL"), nil
	}
	nos := make([]any, len(params))
	for i, p := range params {
		nos[i] = p.No
	}
	// A parameter has values of one kind; the tables of the others give nothing.
	in := c.dialect.In("p", nos)
	extreme := func(asc, desc string) string {
		if key.Descending {
			return "max(" + desc + ")"
		}
		return "min(" + asc + ")"
	}
	var parts []Fragment
	for _, s := range [...]struct{ table, asc, desc string }{{"dat", "lo", "hi"}, {"str", "norm", "norm"}, {"qty", "v", "v"}} {
		parts = append(parts, build("(SELECT "+extreme(s.asc, s.desc)+" FROM "+s.table+" WHERE ", in, " AND rid = c.rid)"))
	}
	return build("coalesce(", join3(parts), ")"), nil
}

func join3(parts []Fragment) Fragment {
	var out Fragment
	for i, p := range parts {
		if i > 0 {
			out = build(out, ", ")
		}
		out = build(out, p)
	}
	return out
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
