package sqlgen

import (
	"encoding/json"
	"strings"

	"github.com/osler-emr/osler/fhir/search"
)

// SQLite is the dialect of SQLite.
type SQLite struct{}

// fewValues is how many values stand as placeholders of their own; more go as one JSON
// array, so that lists of all lengths share one prepared statement.
const fewValues = 8

// Keyed implements Dialect: the patient is in the row id.
func (SQLite) Keyed() bool { return false }

// Join implements Dialect.
func (SQLite) Join() string { return " CROSS JOIN " }

// Unindexed implements Dialect.
func (SQLite) Unindexed(column string) string { return "+" + column }

// Equal implements Dialect.
func (SQLite) Equal(column, text string) Fragment { return frag(column+" = ?", text) }

// AtLeast implements Dialect.
func (SQLite) AtLeast(column, text string) Fragment { return frag(column+" >= ?", text) }

// Below implements Dialect.
func (SQLite) Below(column, text string) Fragment { return frag(column+" < ?", text) }

// Least implements Dialect.
func (SQLite) Least(expression string) string { return "min(" + expression + ")" }

// Greatest implements Dialect.
func (SQLite) Greatest(expression string) string { return "max(" + expression + ")" }

// Amounts implements Dialect: dates and quantities share columns.
func (SQLite) Amounts(n string) (low, high, label string) { return "lo" + n, "hi" + n, "s" + n }

// Reads implements Dialect.
func (SQLite) Reads() bool { return true }

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

// pairs writes codes as a JSON array of arrays: strings only, so that it cannot fail.
func pairs(codes []search.Coding) string {
	list := make([][2]string, len(codes))
	for i, c := range codes {
		list[i] = [2]string{c.System, c.Code}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(text)
}

// Coded implements Dialect. The vocabulary is asked code by code.
func (SQLite) Coded(column string, space int64, codes []search.Coding) Fragment {
	return frag(column+" IN (SELECT d.no FROM json_each(?) j CROSS JOIN dict d WHERE d.param = ? AND d.code = j.value->>1 AND d.system = j.value->>0)", pairs(codes), space)
}

// Identified implements Dialect.
func (SQLite) Identified(code, system string, space int64, codes []search.Coding) Fragment {
	return frag("("+code+", "+system+") IN (SELECT j.value->>1, CASE j.value->>0 WHEN '' THEN 0 ELSE (SELECT no FROM dict WHERE param = ? AND code = '' AND system = j.value->>0) END FROM json_each(?) j)", space, pairs(codes))
}

// Marked implements Dialect.
func (SQLite) Marked(column string, param int64) Fragment {
	return frag("instr("+column+", ?) > 0", Mark(param))
}

// Holds implements Dialect.
func (SQLite) Holds(column, text string) Fragment {
	return frag("(? = '' OR instr("+column+", ?) > 0)", text, text)
}

// Ends implements Dialect.
func (SQLite) Ends(column, text string) Fragment {
	return frag("(? = '' OR substr("+column+", -length(?)) = ?)", text, text, text)
}

// The functions that a SQLite connection must have.
const (
	FunctionDistance = "osler_distance" // latitude, longitude, latitude, longitude: search.Distance
	FunctionWritten  = "osler_written"  // rid, type, version, id, codec, body, narrative, phrase: search.Words
)

// Distance implements Dialect.
func (SQLite) Distance(latitude, longitude string, lat, lon float64) Fragment {
	return frag(FunctionDistance+"("+latitude+", "+longitude+", ?, ?)", lat, lon)
}

// Written implements Dialect.
func (SQLite) Written(row string, x search.Words) Fragment {
	return frag(FunctionWritten+"("+row+".rid, "+row+".type, "+row+".version, "+row+".id, "+row+".codec, "+row+".body, ?, ?)", x.Narrative, x.Phrase)
}

// Begins implements Dialect.
func (SQLite) Begins(text, column string) Fragment {
	return frag("("+column+" <> '' AND substr(?, 1, length("+column+")) = "+column+")", text)
}
