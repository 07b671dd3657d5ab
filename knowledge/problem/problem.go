// Package problem is a small catalogue of what primary care sees most: a name in the words
// of a clinic, its ICD-10-CM code and, where it is certain, its SNOMED CT concept.
//
//	problem.Search("htn", 8)    // Essential hypertension first
//	p, ok := problem.ByICD("N18.31")
//
// Sources: ICD-10-CM is a work of the United States government (CDC/NCHS), fiscal year 2026
// code set. SNOMED CT identifiers are cited as facts where the concept is the same; the
// names are our own. A diagnosis that is not in the catalogue can be written in free text:
// it then has no code, and pages say so.
package problem

import (
	"cmp"
	"slices"
	"strings"
)

// Problem is one entry of the catalogue.
type Problem struct {
	ICD     string // ICD-10-CM, "E11.9"
	SNOMED  string // "" when no concept is certain to mean the same
	Text    string
	Words   string // other words to find it by, lower case
	Chronic bool
	Finding bool // a symptom or finding rather than a disease
	Visit   bool // a reason for a visit without an illness: never on a problem list
}

var catalogue = parse(table)

// All returns the catalogue. Do not change the result.
func All() []Problem { return catalogue }

// ByICD returns the entry with an ICD-10-CM code.
func ByICD(code string) (Problem, bool) { return first(func(p Problem) bool { return p.ICD == code }) }

// BySNOMED returns the entry with a SNOMED CT identifier.
func BySNOMED(code string) (Problem, bool) {
	return first(func(p Problem) bool { return code != "" && p.SNOMED == code })
}

// ByText returns the entry whose name is the text, ignoring case.
func ByText(text string) (Problem, bool) {
	return first(func(p Problem) bool { return strings.EqualFold(p.Text, text) })
}

// Search returns the entries for which every typed word begins a word of the name, of the
// other words or of the code, the best first: name begins with the text, then a word of the
// name, then the rest. Among equals the catalogue's order, which is by frequency, stays.
func Search(typed string, limit int) []Problem {
	words := strings.Fields(strings.ToLower(typed))
	if len(words) == 0 {
		return nil
	}
	type hit struct {
		p    Problem
		rank int
	}
	var hits []hit
	for _, p := range catalogue {
		if rank, ok := p.match(words); ok {
			hits = append(hits, hit{p, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	var out []Problem
	for _, h := range hits[:min(limit, len(hits))] {
		out = append(out, h.p)
	}
	return out
}

func (p Problem) match(words []string) (rank int, ok bool) {
	name := strings.ToLower(p.Text)
	for i, w := range words {
		switch {
		case strings.HasPrefix(name, w):
		case begins(name, w):
			rank++
		case begins(p.Words, w), strings.HasPrefix(strings.ToLower(p.ICD), w):
			rank += 2
			if slices.Contains(strings.Fields(p.Words), w) { // the whole word, such as htn
				rank--
			}
		default:
			return 0, false
		}
		if i == 0 && strings.HasPrefix(name, strings.Join(words, " ")) {
			return 0, true
		}
	}
	return rank, true
}

func begins(text, word string) bool {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '-' }) {
		if strings.HasPrefix(w, word) {
			return true
		}
	}
	return false
}

func first(is func(Problem) bool) (Problem, bool) {
	for _, p := range catalogue {
		if is(p) {
			return p, true
		}
	}
	return Problem{}, false
}

func parse(text string) []Problem {
	var out []Problem
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 5 {
			continue
		}
		out = append(out, Problem{
			ICD: f[0], SNOMED: strings.TrimPrefix(f[1], "-"), Text: f[2], Words: f[3],
			Chronic: strings.Contains(f[4], "c"), Finding: strings.Contains(f[4], "f"), Visit: strings.Contains(f[4], "v"),
		})
	}
	return out
}
