package document

import (
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/practice/chart"
)

// Verdict is how a trait of the document's person stands to the chart's.
type Verdict string

// The verdicts.
const (
	Agrees    Verdict = "agrees"
	Nearly    Verdict = "nearly" // a part agrees
	Disagrees Verdict = "differs"
	Unstated  Verdict = "not stated" // in one of both
)

// Trait is something by which a person is known.
type Trait struct {
	Name            string // a text of the message catalogue
	Chart, Incoming string
	Date            bool
	Verdict         Verdict
	// Blocks says that nothing is accepted before somebody says why it is the same person.
	Blocks bool
}

// Blocks reports whether the document seems to be another person's.
func (c *Comparison) Blocks() bool {
	return slices.ContainsFunc(c.Person, func(t Trait) bool { return t.Blocks })
}

// About is whom the document names, "Eve Betterhalf".
func (c *Comparison) About() string {
	p := chart.PatientFrom(c.Document.Patient)
	return strings.TrimSpace(p.Given + " " + p.Family)
}

// traits compares the person of a document with the chart's.
func traits(p chart.Patient, who, given *fhir.Node) []Trait {
	in := chart.PatientFrom(given)
	out := []Trait{nameTrait(p, who, in)}
	born := Trait{Name: "Born", Chart: p.Born, Incoming: in.Born, Date: true, Verdict: verdict(p.Born, in.Born, sameDay)}
	born.Blocks = born.Verdict == Disagrees
	sex := Trait{Name: "Sex", Chart: statedSex(p.Sex), Incoming: statedSex(in.Sex)}
	sex.Verdict = verdict(sex.Chart, sex.Incoming, strings.EqualFold)
	sex.Blocks = sex.Verdict == Disagrees
	out[0].Blocks = out[0].Blocks || out[0].Verdict != Agrees && born.Verdict != Agrees // a family name alone is no person
	out = append(out, born, sex)
	if p.Withheld { // how to reach the patient is hidden from who looks
		return out
	}
	phone := Trait{Name: "Phone", Chart: p.Phone, Incoming: in.Phone, Verdict: verdict(p.Phone, in.Phone, samePhone)}
	for t := range given.Get("telecom").Items() {
		if phone.Verdict == Disagrees && samePhone(p.Phone, t.Get("value").Text()) {
			phone.Incoming, phone.Verdict = t.Get("value").Text(), Agrees
		}
	}
	address := Trait{Name: "Address", Chart: p.Address, Incoming: in.Address, Verdict: verdict(p.Address, in.Address, sameWords)}
	return append(out, phone, address)
}

func nameTrait(p chart.Patient, who *fhir.Node, in chart.Patient) Trait {
	full := func(p chart.Patient) string { return strings.TrimSpace(p.Given + " " + p.Family) }
	t := Trait{Name: "Name", Chart: full(p), Incoming: full(in), Verdict: Disagrees}
	family, given := false, false
	for n := range who.Get("name").Items() { // former names and nicknames too
		family = family || in.Family != "" && sameWords(n.Get("family").Text(), in.Family)
		for g := range n.Get("given").Items() {
			given = given || firstWord(g.Text()) != "" && firstWord(g.Text()) == firstWord(in.Given)
		}
	}
	switch {
	case t.Chart == "" || t.Incoming == "":
		t.Verdict = Unstated
	case family && given:
		t.Verdict = Agrees
	case family || given:
		t.Verdict = Nearly
	default:
		t.Blocks = true
	}
	return t
}

func statedSex(sex string) string {
	if sex == "unknown" {
		return ""
	}
	return sex
}

func verdict(a, b string, same func(a, b string) bool) Verdict {
	switch {
	case a == "" || b == "":
		return Unstated
	case same(a, b):
		return Agrees
	}
	return Disagrees
}

// sameDay reports whether two FHIR dates do not exclude each other: what one of them leaves open may be so.
func sameDay(a, b string) bool {
	a, _, _ = strings.Cut(a, "T")
	b, _, _ = strings.Cut(b, "T")
	n := min(len(a), len(b))
	return n >= 4 && a[:n] == b[:n]
}

// samePhone compares the last digits, without the country's code.
func samePhone(a, b string) bool {
	digits := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, s)
		return s[max(0, len(s)-9):]
	}
	return len(digits(a)) >= 6 && digits(a) == digits(b)
}

func sameWords(a, b string) bool { return folded(a) != "" && folded(a) == folded(b) }

// folded is a text for comparing: folded, and its words and numbers only.
func folded(s string) string {
	return strings.Join(strings.FieldsFunc(search.Normalize(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '%'
	}), " ")
}

func firstWord(s string) string {
	first, _, _ := strings.Cut(folded(s), " ")
	return first
}
