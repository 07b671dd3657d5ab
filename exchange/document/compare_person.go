package document

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust/policy"
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
	name := nameTrait(p, who, in, given)
	born := Trait{Name: "Born", Chart: p.Born, Incoming: in.Born, Date: true, Verdict: verdict(p.Born, in.Born, sameDay)}
	born.Blocks = born.Verdict == Disagrees
	if born.Verdict == Agrees && min(len(p.Born), len(in.Born)) < len(time.DateOnly) { // the year, or the month
		born.Verdict = Nearly
	}
	sex := Trait{Name: "Sex", Chart: statedSex(p.Sex), Incoming: statedSex(in.Sex)}
	sex.Verdict = verdict(sex.Chart, sex.Incoming, strings.EqualFold)
	sex.Blocks = sex.Verdict == Disagrees
	out := []Trait{name, born, sex}
	number, ok := numberTrait(who, given)
	if ok {
		out = append(out, number)
	}
	known := born.Verdict == Agrees || born.Verdict == Nearly && name.Verdict == Agrees || number.Verdict == Agrees
	if !p.Withheld { // how to reach the patient is not hidden from who looks
		phone := Trait{Name: "Phone", Chart: p.Phone, Incoming: in.Phone, Verdict: verdict(p.Phone, in.Phone, samePhone)}
		for t := range given.Get("telecom").Items() {
			if phone.Verdict == Disagrees && samePhone(p.Phone, t.Get("value").Text()) {
				phone.Incoming, phone.Verdict = t.Get("value").Text(), Agrees
			}
		}
		address := Trait{Name: "Address", Chart: p.Address, Incoming: in.Address, Verdict: verdict(p.Address, in.Address, sameWords)}
		known = known || name.Verdict == Agrees && (phone.Verdict == Agrees || address.Verdict == Agrees)
		out = append(out, phone, address)
	}
	out[0].Blocks = out[0].Blocks || !known // a name alone is no person
	return out
}

// alsoAbout are the further people whom a document is about: somebody has to say what of it is this patient's.
func alsoAbout(d *Document) (out []Trait) {
	for _, name := range d.Others {
		out = append(out, Trait{Name: "Also about", Incoming: name, Verdict: Disagrees, Blocks: true})
	}
	return out
}

// nameTrait compares all the names that both have. Another given name, or none where the other has one, is for a
// person to decide: a twin has the same family name, birth date and sex.
func nameTrait(p chart.Patient, who *fhir.Node, in chart.Patient, other *fhir.Node) Trait {
	full := func(p chart.Patient) string { return strings.TrimSpace(p.Given + " " + p.Family) }
	t := Trait{Name: "Name", Chart: full(p), Incoming: full(in), Verdict: Disagrees}
	ours, theirs := callingsOf(who), callingsOf(other)
	family, given := ours.meet(theirs)
	switch {
	case len(ours) == 0 || len(theirs) == 0:
		t.Verdict, t.Blocks = Unstated, true
	case family && (given || !ours.hasGiven() && !theirs.hasGiven()):
		t.Verdict = Agrees
	case given: // another family name, as by marriage
		t.Verdict = Nearly
	case family:
		t.Verdict, t.Blocks = Nearly, true
	default:
		t.Blocks = true
	}
	return t
}

// numberTrait compares the numbers that one and the same authority has given; false when there are none.
func numberTrait(who, given *fhir.Node) (t Trait, ok bool) {
	for id := range given.Get("identifier").Items() {
		number := plainNumber(id)
		if number == "" {
			continue
		}
		for have := range who.Get("identifier").Items() {
			if have.Get("system").Text() != id.Get("system").Text() || plainNumber(have) == "" {
				continue
			}
			x := Trait{Name: "Record number", Chart: have.Get("value").Text(), Incoming: id.Get("value").Text(), Verdict: Agrees}
			if plainNumber(have) != number {
				if numbered(who, id) || numbered(given, have) || have.Get("use").Text() == "old" {
					continue // the authority has given it too
				}
				x.Verdict, x.Blocks = Disagrees, true
			}
			if !ok || x.Blocks && !t.Blocks {
				t, ok = x, true
			}
		}
	}
	return t, ok
}

// numbered reports whether somebody has the very number, of whatever else its authority has given them.
func numbered(who, number *fhir.Node) bool {
	for id := range who.Get("identifier").Items() {
		if id.Get("system").Text() == number.Get("system").Text() && plainNumber(id) == plainNumber(number) {
			return true
		}
	}
	return false
}

// plainNumber is a number as it is compared; "" for what no authority stands behind, what is hidden in part, and
// what stands where there is no number.
func plainNumber(id *fhir.Node) string {
	system, value := id.Get("system").Text(), strings.ToLower(id.Get("value").Text())
	if system == "" || system == "urn:ietf:rfc:3986" || policy.Masked(id) || strings.Contains(value, "*") || strings.Contains(value, "xxx") {
		return ""
	}
	value = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, value)
	if value == "" || strings.Trim(value, value[:1]) == "" && len(value) > 3 { // 999-99-9999
		return ""
	}
	return strings.TrimLeft(value, "0")
}

func statedSex(sex string) string {
	if sex == "unknown" {
		return ""
	}
	return sex
}

// otherSex says of items that give a sex, or that of the birth, when it is not the chart's.
func (c *Comparison) otherSex() {
	here := strings.ToLower(statedSex(c.Chart.Sex))
	for i := range c.Rows {
		r := &c.Rows[i]
		n := r.Item.Resource
		if n.ResourceType() != "Observation" || here != "female" && here != "male" || !slices.ContainsFunc(sexCodes, func(code string) bool { return coded(n.Get("code"), code) }) {
			continue
		}
		value, there := n.Get("valueCodeableConcept"), strings.ToLower(first(n.Get("valueString"), n.Path("valueCodeableConcept.text")))
		switch {
		case there == "male" || coded(value, "M") || coded(value, "248153007"):
			there = "male"
		case there == "female" || coded(value, "F") || coded(value, "248152002"):
			there = "female"
		default:
			continue
		}
		if there != here {
			r.inside(Doubt{Words: sexDiffers})
		}
	}
}

// sexCodes are the LOINC codes of the sex at birth and of the sex.
var sexCodes = []string{"76689-9", "46098-0"}

func coded(c *fhir.Node, code string) bool {
	for coding := range c.Get("coding").Items() {
		if coding.Get("code").Text() == code {
			return true
		}
	}
	return false
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
