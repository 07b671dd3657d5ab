package sqlgen

import (
	"encoding/json"
	"strings"
)

// SQLite is the dialect of SQLite.
type SQLite struct{}

// fewValues is how many values stand as placeholders of their own; more go as one JSON
// array, so that lists of all lengths share one prepared statement.
const fewValues = 8

// In implements Dialect.
func (SQLite) In(column string, values []any) Fragment {
	switch n := len(values); {
	case n == 0:
		return no
	case n == 1:
		return Fragment{column + " = ?", values}
	case n <= fewValues:
		return Fragment{column + " IN (?" + strings.Repeat(",?", n-1) + ")", values}
	}
	text, err := json.Marshal(values)
	if err != nil { // numbers and strings only
		return no
	}
	return frag(column+" IN (SELECT value FROM json_each(?))", string(text))
}

// Marked implements Dialect.
func (SQLite) Marked(column string, param int64) Fragment {
	return frag("instr("+column+", ?) > 0", Mark(param))
}

// Holds implements Dialect.
func (SQLite) Holds(column, text string) Fragment {
	return frag("(? = '' OR instr("+column+", ?) > 0)", text, text)
}

// Begins implements Dialect.
func (SQLite) Begins(text, column string) Fragment {
	return frag("("+column+" <> '' AND substr(?, 1, length("+column+")) = "+column+")", text)
}
