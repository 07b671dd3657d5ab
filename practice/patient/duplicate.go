package patient

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
)

// Likeness says how one field compares.
type Likeness string

// The values of Likeness.
const (
	Same    Likeness = "same"
	Nearly  Likeness = "nearly"
	Differs Likeness = "differs"
	Missing Likeness = "missing" // one side has no value
)

// Field is one compared field of a match.
type Field struct {
	Name           string
	Typed, OnFile  string
	Result         Likeness
	Why            string
	weight         float64
	TypedDate, Day bool // the values are FHIR dates
}

// Match is a registered person who may be the one being registered.
type Match struct {
	Person Person
	Fields []Field
	Score  float64 // 0 to 1
}

// Thresholds of a match's score, set on the pairs of the tests: at or above Likely a
// person must choose before saving; below Possible a pair is not shown.
const (
	Likely   = 0.75
	Possible = 0.45
)

// Likely reports whether the two are very likely the same person.
func (m Match) Likely() bool { return m.Score >= Likely }

// Count returns how many fields have a result.
func (m Match) Count(l Likeness) int {
	n := 0
	for _, f := range m.Fields {
		if f.Result == l {
			n++
		}
	}
	return n
}

// Duplicates returns registered people who may be p, most likely first. It looks among
// people of the same birth date, the same phone, or the same beginnings of the names, all of them; of a year or month
// of birth alone, among those with one of the first letters.
func Duplicates(ctx context.Context, actor *record.Actor, p Person) ([]Match, error) {
	var queries []string
	if p.BirthDate != "" {
		q := "birthdate=" + url.QueryEscape(p.BirthDate)
		if letters := initials(p.Family, p.Given); len(p.BirthDate) < len("2006-01-02") && letters != "" {
			q += "&name=" + letters // of a year alone there are too many
		}
		queries = append(queries, q)
	}
	family, given := prefix(p.Family, 4), prefix(p.Given, 3)
	if len(p.Family) >= 2 && search.Normalize(family) != "" && p.Given != "" && search.Normalize(given) != "" {
		queries = append(queries, "family="+escape(family)+"&given="+escape(given))
	}
	if digits(p.Phone) != "" && !actor.Hides().Contact { // "none" and "ask" are no numbers to look for
		queries = append(queries, "phone="+digits(p.Phone))
	}
	seen := map[string]bool{p.ID: p.ID != ""}
	var out []Match
	for _, q := range queries {
		for r, err := range actor.FindEach(ctx, "Patient", q) {
			if err != nil {
				return nil, err
			}
			other := FromResource(r)
			if seen[other.ID] || slices.Contains(p.DifferentFrom, other.ID) {
				continue
			}
			seen[other.ID] = true
			if m := Compare(p, other); m.Score >= Possible {
				out = append(out, m)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return strings.Compare(a.Person.ID, b.Person.ID)
	})
	return out[:min(len(out), 5)], nil
}

// initials are the first letters of names as values of a search parameter.
func initials(names ...string) string {
	var out []string
	for _, n := range names {
		if r := []rune(search.Normalize(n)); len(r) > 0 {
			out = append(out, escape(string(r[:1])))
		}
	}
	return strings.Join(out, ",")
}

func prefix(s string, n int) string {
	r := []rune(strings.Fields(s + " x")[0])
	return string(r[:min(n, len(r))])
}

// escape makes text one value of a search parameter.
func escape(s string) string {
	return url.QueryEscape(strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(s))
}

// Compare weighs two people field by field. The weights follow how well a field tells
// people apart: birth date and family name most, sex least. A missing field counts
// neither way.
func Compare(typed, file Person) Match {
	m := Match{Person: file, Fields: []Field{
		compareName("Family name", typed.Family, file.Family, 0.28),
		compareGiven(typed, file),
		compareDate(typed.BirthDate, file.BirthDate),
		compareExact("Sex", typed.Sex, file.Sex, 0.06),
		comparePhone(typed.Phone, file.Phone),
	}}
	var got, of float64
	for _, f := range m.Fields {
		switch f.Result {
		case Missing:
			continue
		case Same:
			got += f.weight
		case Nearly:
			got += f.weight * 0.75
		}
		of += f.weight
	}
	if of > 0 {
		m.Score = got / of
	}
	if of < 0.5 { // too little to say anything
		m.Score *= of / 0.5
	}
	return m
}

func compareExact(name, a, b string, weight float64) Field {
	f := Field{Name: name, Typed: a, OnFile: b, weight: weight, Result: Differs}
	switch {
	case a == "" || b == "" || a == "unknown" || b == "unknown":
		f.Result = Missing
	case a == b:
		f.Result = Same
	}
	return f
}

func compareName(name, a, b string, weight float64) Field {
	f := Field{Name: name, Typed: a, OnFile: b, weight: weight, Result: Differs}
	x, y := search.Normalize(a), search.Normalize(b)
	switch d := distance(x, y); {
	case x == "" || y == "":
		f.Result = Missing
	case x == y:
		f.Result = Same
	case d == 1:
		f.Result, f.Why = Nearly, "one letter differs"
	case sound(x) == sound(y) && len(x) > 3:
		f.Result, f.Why = Nearly, "sounds the same"
	case d == 2 && len(x) > 5:
		f.Result, f.Why = Nearly, "two letters differ"
	default:
		f.Why = "different name"
	}
	return f
}

func compareGiven(typed, file Person) Field {
	f := compareName("Given names", typed.Given, file.Given, 0.22)
	if f.Result == Same || f.Result == Missing {
		return f
	}
	x, y := strings.Fields(search.Normalize(typed.Given)), strings.Fields(search.Normalize(file.Given))
	if x[0] == y[0] {
		f.Result, f.Why = Nearly, "the first given name is the same"
	} else if n := search.Normalize(file.Preferred); n != "" && (n == x[0] || n == search.Normalize(typed.Given)) {
		f.Result, f.Why = Nearly, "the name this person goes by"
	} else if len(x[0]) == 1 || len(y[0]) == 1 {
		if x[0][0] == y[0][0] {
			f.Result, f.Why = Nearly, "an initial"
		}
	}
	return f
}

func compareDate(a, b string) Field {
	f := Field{Name: "Born", Typed: a, OnFile: b, weight: 0.3, Result: Differs, Day: true}
	switch {
	case a == "" || b == "":
		f.Result = Missing
	case a == b:
		f.Result = Same
	case len(a) == 10 && len(b) == 10 && a[:4] == b[:4] && a[5:7] == b[8:] && a[8:] == b[5:7]:
		f.Result, f.Why = Nearly, "day and month swapped"
	case len(a) == 10 && len(b) == 10 && a[4:] == b[4:]:
		f.Why = "same day and month, another year"
		if distance(a[:4], b[:4]) == 1 {
			f.Result, f.Why = Nearly, "one digit of the year differs"
		}
	case len(a) == 10 && len(b) == 10 && distance(a, b) == 1:
		f.Result, f.Why = Nearly, "one digit differs"
	}
	return f
}

func comparePhone(a, b string) Field {
	f := Field{Name: "Phone", Typed: a, OnFile: b, weight: 0.14, Result: Differs}
	x, y := digits(a), digits(b)
	switch {
	case x == "" || y == "":
		f.Result = Missing
	case x == y:
		f.Result = Same
	case distance(x, y) <= 1:
		f.Result, f.Why = Nearly, "one digit, or two neighbours swapped"
	}
	return f
}

// distance is the optimal string alignment distance: insertions, deletions, changes and
// swaps of neighbours (Damerau 1964).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// sound is the American Soundex code (US National Archives) of a normalised name.
func sound(s string) string {
	codes := map[rune]byte{'b': '1', 'f': '1', 'p': '1', 'v': '1', 'c': '2', 'g': '2', 'j': '2', 'k': '2', 'q': '2',
		's': '2', 'x': '2', 'z': '2', 'd': '3', 't': '3', 'l': '4', 'm': '5', 'n': '5', 'r': '6'}
	var out []byte
	var last byte
	for i, r := range s {
		c := codes[r]
		switch {
		case i == 0:
			out = append(out, s[0])
			last = c
			continue
		case r == 'h' || r == 'w':
			continue
		case c != 0 && c != last:
			out = append(out, c)
		}
		last = c
	}
	for len(out) < 4 {
		out = append(out, '0')
	}
	return string(out[:4])
}

// Pair is two registered people who may be one, and the task that asks.
type Pair struct {
	Task    string // id
	Version int64
	One     Person
	Other   Person
	Match   Match // how the one compares with the other
}

// Suspected reads the two people whom a task duplicate-patient is about.
func Suspected(ctx context.Context, actor *record.Actor, task string) (Pair, error) {
	t, err := actor.Read(ctx, "Task", task)
	if err != nil {
		return Pair{}, err
	}
	if t.Path("code.coding.0.code").Text() != "duplicate-patient" {
		return Pair{}, fault.New(fault.NotFound, "This task is not about two records of one person.")
	}
	p := Pair{Task: task}
	fmt.Sscan(t.Path("meta.versionId").Text(), &p.Version)
	if p.One, err = Get(ctx, actor, strings.TrimPrefix(t.Path("for.reference").Text(), "Patient/")); err != nil {
		return Pair{}, err
	}
	if t.Get("focus") == nil { // who registered did not see the other: the reader may
		matches, err := Duplicates(ctx, actor, p.One)
		if err != nil {
			return Pair{}, err
		}
		if len(matches) == 0 {
			return Pair{}, fault.New(fault.NotFound, "The other record of this pair is closed to you. Health records or the front desk can compare them.")
		}
		p.Other, p.Match = matches[0].Person, matches[0]
		return p, nil
	}
	if p.Other, err = Get(ctx, actor, strings.TrimPrefix(t.Path("focus.reference").Text(), "Patient/")); err != nil {
		return Pair{}, err
	}
	p.Match = Compare(p.One, p.Other)
	return p, nil
}

// SetDifferent remembers on both people that they are not one person, and does done, the
// task that asked, in the same change: the two are not suspected again.
func SetDifferent(ctx context.Context, actor *record.Actor, p Pair, done record.Put) (record.Result, error) {
	change := record.Change{What: "different people", Put: []record.Put{done}}
	for _, x := range []struct{ who, from Person }{{p.One, p.Other}, {p.Other, p.One}} {
		if slices.Contains(x.who.DifferentFrom, x.from.ID) {
			continue
		}
		r, err := actor.Read(ctx, "Patient", x.who.ID)
		if err != nil {
			return record.Result{}, err
		}
		for e := range different([]string{x.from.ID}).Items() {
			list(r, "extension").Append(e)
		}
		change.Put = append(change.Put, record.Put{Resource: r, IfMatch: x.who.Version})
	}
	return actor.Commit(ctx, change)
}
