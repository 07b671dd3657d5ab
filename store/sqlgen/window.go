package sqlgen

import (
	"slices"

	"github.com/osler-emr/osler/fhir/search"
)

// One letter is the beginning of many names, of which a page shows those with the lowest row ids.
// To find all costs what they are: more in a larger clinic. To look through the names in the order
// of row ids until the page is full costs what the page holds, as long as the letter is frequent.
// So a search asks for a window of row ids first, where plenty of names fit.

// Window returns the statement that yields the row id at which a window of so many index rows
// ends, behind the page before, for Request.Until; 0 when there are not so many. It has no row when
// no more than few index rows satisfy the text by which the matches are found. It is Empty for a request that has no such text, or another order
// than that of row ids.
func (c *Compiler) Window(r Request, rows, few int) (Fragment, error) {
	asked := flatten(r.Where, nil)
	if r.Limit == 0 || len(r.Sort) > 0 || !slices.ContainsFunc(asked, begins) {
		return nowhere, nil
	}
	rule := flatten(r.Visible, nil)
	within, err := c.scope(slices.Concat(asked, rule))
	if err != nil || within != nil {
		return nowhere, err
	}
	by, err := c.driver(r, asked, rule, within)
	if err != nil || by.text == nil {
		return nowhere, err
	}
	plenty := build("(SELECT 1 FROM str WHERE ", by.text.where, frag(" LIMIT 1 OFFSET ?) = 1", few))
	end := build("(SELECT rid FROM str WHERE ", c.next(r, by.text), " ORDER BY ", c.columns(""), frag(" LIMIT 1 OFFSET ?)", rows-1))
	return build("SELECT coalesce(", end, ", 0) WHERE ", plenty), nil
}

// begins reports a condition on the beginning of a text.
func begins(x search.Expr) bool {
	text, ok := x.(search.Text)
	return ok && text.Mode == search.StartsWith
}

// next returns the condition that an index row of the text's parameter stands behind the page
// before, and not behind the window.
func (c *Compiler) next(r Request, text *source) Fragment {
	parts := []Fragment{frag("p = ?", text.begins)}
	if r.After != nil {
		parts = append(parts, frag("rid > ?", r.After.ID))
		if c.dialect.Keyed() {
			parts = append(parts, frag("patient >= ?", PatientOf(r.After.ID)))
		}
	}
	if r.Until != nil {
		parts = append(parts, frag("rid <= ?", *r.Until))
		if c.dialect.Keyed() {
			parts = append(parts, frag("patient <= ?", PatientOf(*r.Until)))
		}
	}
	return and(parts)
}

// window returns the row ids in a window that satisfy a text, in as many rows as their texts.
func (c *Compiler) window(r Request, text *source) Fragment {
	return build("SELECT ", c.columns(""), " FROM str WHERE ", c.next(r, text), " AND ", text.check)
}
