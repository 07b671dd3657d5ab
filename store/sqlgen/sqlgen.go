// Package sqlgen compiles a search plan's query tree to SQL over the packed schema that the
// SQL backends share (store/sqlite/schema.go).
//
// The plan is made here, not by the database's planner: the compiler chooses the condition
// that leaves the fewest rows as the driver, makes it the left side of the join, and
// probes the others by key for each candidate. Inside a chart every index is read only in
// the chart's range of row ids.
//
// Text of a request never becomes text of a statement: values are bound. What differs
// between databases is the Dialect.
//
//	c := sqlgen.New(sqlgen.SQLite{}, names)
//	stmt, err := c.Select(sqlgen.Request{Type: "Observation", Where: expr, …})
//
// The package holds no connection and runs nothing.
package sqlgen

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
)

// Sequence is the number of bits of a row id behind the patient's number.
const Sequence = 20

// Range returns the row ids of a patient's compartment, both ends included.
func Range(patient int64) (low, high int64) {
	return patient << Sequence, patient<<Sequence | (1<<Sequence - 1)
}

// Flags says in which tables a parameter has values, so that no other is asked.
type Flags int64

// The tables.
const (
	InTok   Flags = 1 << iota // codes
	InIdent                   // identifiers and the like
	InRef                     // references to resources of this record
	InDat                     // dates
	InStr                     // strings
	InQty                     // numbers and quantities
	InURI                     // URIs, and references by URL
	InComp                    // composites
)

// Param is a parameter of one resource type in the database's vocabulary.
type Param struct {
	No    int64
	Flags Flags
}

// The vocabulary (table dict) keeps the values of several spaces of one parameter apart:
// the space of a parameter p is p*Spaces plus one of these.
const (
	Spaces     = 16
	SpaceCode  = 0  // codes; for parameter 0: systems of identifiers
	SpaceText  = 1  // displays, normalised, for :text; for parameter 0: types of identifiers
	SpacePart  = 2  // and the next ones: codes of a composite's parts
	SpaceUnit  = 14 // units: system and code
	SpaceLabel = 15 // units as printed
)

// MaxParts is how many parts of a composite are kept.
const MaxParts = 3

// Names looks words up in the database's vocabulary. What is unknown was never stored, and
// a condition on it is false.
type Names interface {
	// Type returns the number of a resource type; 0 when none was stored.
	Type(name string) (int64, error)
	// Params returns the parameter of a type: none when it was never stored.
	Params(resourceType, param string) ([]Param, error)
	// Code returns the number of a code in a space; 0 when there is none.
	Code(space int64, system, code string) (int64, error)
	// Codes returns the numbers of a code in every system.
	Codes(space int64, code string) ([]int64, error)
	// CodesOf returns the codes of a system in a space, with their numbers.
	CodesOf(space int64, system string) (map[string]int64, error)
	// Entity returns the number of a resource that is stored or referred to; 0 when none.
	Entity(resourceType, id string) (int64, error)
	// Entities returns the numbers of an id in every type.
	Entities(id string) ([]int64, error)
	// Patient returns the number of a patient's compartment; 0 when there is none.
	Patient(id string) (int64, error)
	// Located returns the row ids of resources of a type; those that do not exist are left
	// out. It is asked only for a dialect whose rows are Keyed.
	Located(resourceType string, ids []string) ([]int64, error)
}

// Dialect is what differs between databases.
type Dialect interface {
	// Keyed reports whether every row carries the number of its patient in a column of its
	// own, patient, and every key and join names it.
	Keyed() bool
	// Join returns the word of a join whose left side is read first.
	Join() string
	// Unindexed returns a column in a form that keeps an index from being used for it.
	Unindexed(column string) string
	// Equal, AtLeast and Below compare a text column that an index leads to.
	Equal(column, text string) Fragment
	AtLeast(column, text string) Fragment
	Below(column, text string) Fragment
	// Least returns the lowest value of an expression in a group, Greatest the highest.
	Least(expression string) string
	Greatest(expression string) string
	// Amounts returns the columns of a quantity in part n of a composite: its range and the
	// number of its unit as printed.
	Amounts(n string) (low, high, label string)
	// Reads reports whether Written can be asked.
	Reads() bool
	// In returns the condition that a column is one of the values, which are all int64 or
	// all string.
	In(column string, values []any) Fragment
	// Coded returns the condition that a column holds the number of one of the codes in a
	// space of the vocabulary.
	Coded(column string, space int64, codes []search.Coding) Fragment
	// Identified returns the condition that two columns hold the code and the number of the
	// system of one of the codes; systems have a space of the vocabulary, and "" the number 0.
	Identified(code, system string, space int64, codes []search.Coding) Fragment
	// Marked returns the condition that the column of present parameters holds one.
	Marked(column string, param int64) Fragment
	// Holds returns the condition that a text column contains a text.
	Holds(column, text string) Fragment
	// Ends returns the condition that a text column ends with a text.
	Ends(column, text string) Fragment
	// Distance returns search.Distance from the position in two columns, in degrees.
	Distance(latitude, longitude string, lat, lon float64) Fragment
	// Written returns the condition that a stored blob holds words; see search.Words.
	Written(row string, x search.Words) Fragment
	// Begins returns the condition that the text begins with the column's value, which is
	// not empty.
	Begins(text, column string) Fragment
}

// Fragment is a piece of SQL with the values of its placeholders.
type Fragment struct {
	SQL  string
	Args []any
}

func frag(sql string, args ...any) Fragment { return Fragment{sql, args} }

var (
	yes = frag("1=1")
	no  = frag("1=0")
)

// build joins fragments, strings and nothing else into one.
func build(parts ...any) Fragment {
	var b strings.Builder
	size, count := 0, 0
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			size += len(v)
		case Fragment:
			size, count = size+len(v.SQL), count+len(v.Args)
		}
	}
	b.Grow(size)
	var args []any
	if count > 0 {
		args = make([]any, 0, count)
	}
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			b.WriteString(v)
		case Fragment:
			b.WriteString(v.SQL)
			args = append(args, v.Args...)
		}
	}
	return Fragment{b.String(), args}
}

// join puts fragments between parentheses, separated by a word.
func join(word string, parts []Fragment) Fragment {
	if len(parts) == 1 {
		return parts[0]
	}
	all := make([]any, 0, 2*len(parts)+1)
	for i, p := range parts {
		all = append(all, before(i, word), p)
	}
	return build(append(all, ")")...)
}

// before returns what stands before part i of a list.
func before(i int, word string) string {
	switch {
	case i == 0:
		return "("
	case word == "AND":
		return " AND "
	}
	return " " + word + " "
}

func and(parts []Fragment) Fragment {
	var kept []Fragment
	for _, p := range parts {
		if p.SQL == no.SQL {
			return no
		}
		if p.SQL != yes.SQL {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return yes
	}
	return join("AND", kept)
}

func or(parts []Fragment) Fragment {
	var kept []Fragment
	for _, p := range parts {
		if p.SQL == yes.SQL {
			return yes
		}
		if p.SQL != no.SQL {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return no
	}
	return join("OR", kept)
}

func not(p Fragment) Fragment {
	switch p.SQL {
	case yes.SQL:
		return no
	case no.SQL:
		return yes
	}
	return build("NOT ", "(", p, ")")
}

// Mark returns the bytes that stand for a parameter in the column of present parameters:
// a 0xff and two digits to the base 254, so that no mark is found across two others.
func Mark(param int64) []byte {
	return []byte{0xff, byte(param / 254 % 254), byte(param % 254)}
}

// MaxParam is the highest parameter number that Mark can write.
const MaxParam = 254*254 - 1

func unsupported(what string) error {
	return fault.New(fault.NotSupported, "Searching by %s is not supported.", what)
}

// successor returns the smallest text that is greater than every text that begins with
// prefix; ok is false when there is none.
func successor(prefix string) (next string, ok bool) {
	r := []rune(prefix)
	for i := len(r) - 1; i >= 0; i-- {
		switch {
		case r[i] == 0xD7FF: // surrogates are no characters
			r[i] = 0xE000
		case r[i] < 0x10FFFF:
			r[i]++
		default:
			continue
		}
		return string(r[:i+1]), true
	}
	return "", false
}
