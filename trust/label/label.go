// Package label says which sensitivity labels a resource needs: mental health, substance use,
// HIV, sexual and reproductive health, genetics, violence, and what is confidential to an
// adolescent. It is a pure function of the resource, over tables of codes with their sources;
// the record asks it for every write and puts the answer into meta.security.
//
//	codes := label.Of(resource, label.About{Born: birthDate})
//
// It errs on the safe side: what it recognises in the text of a medicine counts as much as a
// code. What is only written in prose it does not see; that is labelled by hand.
package label

import (
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/problem"
)

// About is what must be known beside the resource.
type About struct {
	// Born is when the patient was born; zero when it is not known.
	Born time.Time
	Now  time.Time
}

// systems are the code systems of the table.
var systems = map[string]string{
	"http://hl7.org/fhir/sid/icd-10-cm": "icd", "http://hl7.org/fhir/sid/icd-10": "icd", "urn:oid:2.16.840.1.113883.6.90": "icd",
	"http://snomed.info/sct": "snomed", "http://loinc.org": "loinc", "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
}

// exact holds codes, begins those that end with a star, by system and code.
var exact, begins = func() (map[[2]string][]string, map[[2]string][]string) {
	exact, begins := map[[2]string][]string{}, map[[2]string][]string{}
	add := func(m map[[2]string][]string, system, code, label string) {
		key := [2]string{system, code}
		if !slices.Contains(m[key], label) {
			m[key] = append(m[key], label)
		}
	}
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 4 {
			continue
		}
		for code := range strings.FieldsSeq(f[2]) {
			if short, star := strings.CutSuffix(code, "*"); star {
				add(begins, f[1], short, f[0])
			} else {
				add(exact, f[1], code, f[0])
			}
		}
	}
	for _, p := range problem.All() {
		for _, l := range ofICD(exact, begins, p.ICD) {
			add(exact, "snomed", p.SNOMED, l)
		}
	}
	for _, m := range substances {
		for _, name := range m.names {
			if i, ok := drug.ByName(name); ok && i.RxNorm != "" {
				m.codes = append(m.codes, i.RxNorm)
			}
		}
		for _, code := range m.codes {
			for _, label := range m.labels {
				add(exact, "rxnorm", code, label)
			}
		}
	}
	return exact, begins
}()

// substance is a line of the table of medicines.
type substance struct{ labels, codes, names []string }

var substances = func() (out []substance) {
	for line := range strings.Lines(medicines) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 4 {
			continue
		}
		s := substance{labels: strings.Fields(f[0])}
		if f[1] != "-" {
			s.codes = strings.Fields(f[1])
		}
		for name := range strings.SplitSeq(f[2], ",") {
			s.names = append(s.names, words(name))
		}
		out = append(out, s)
	}
	return out
}()

// named are the names of medicines, each with spaces around it.
var named = func() map[string][]string {
	m := map[string][]string{}
	for _, s := range substances {
		for _, n := range s.names {
			for _, l := range s.labels {
				if !slices.Contains(m[n], l) {
					m[n] = append(m[n], l)
				}
			}
		}
	}
	return m
}()

// medicinal are the types whose texts are searched for names of medicines.
var medicinal = map[string]bool{"MedicationRequest": true, "MedicationStatement": true, "MedicationDispense": true,
	"MedicationAdministration": true, "Medication": true, "MedicationKnowledge": true, "AllergyIntolerance": true, "ChargeItem": true, "Claim": true,
	"ExplanationOfBenefit": true}

// confidential are the labels of what a minor may keep from parents, in one law or another.
var confidential = []string{"ETH", "SUD", "ETHUD", "OPIOIDUD", "PSY", "HIV", "SEX", "STD", "SDV"}

// AsksAge reports whether it matters to the labels of a resource how old the patient is.
func AsksAge(labels []string) bool {
	return slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(confidential, l) })
}

// Of returns the codes of the labels that a resource needs, sorted.
func Of(r *fhir.Node, about About) []string {
	c := collector{texts: medicinal[r.ResourceType()]}
	c.walk(r, "")
	if !about.Born.IsZero() && AsksAge(c.found) {
		if age := about.Now.Sub(about.Born); age < 18*365.25*24*time.Hour && age >= 12*365*24*time.Hour {
			c.add("ADOL")
		}
	}
	slices.Sort(c.found)
	return c.found
}

type collector struct {
	found []string
	texts bool
}

func (c *collector) add(labels ...string) {
	for _, l := range labels {
		if !slices.Contains(c.found, l) {
			c.found = append(c.found, l)
		}
	}
}

// walk looks at every coding, also in contained resources. meta holds labels already.
func (c *collector) walk(n *fhir.Node, name string) {
	switch n.Kind() {
	case fhir.Array:
		for item := range n.Items() {
			c.walk(item, name)
		}
	case fhir.Object:
		if name == "meta" {
			return
		}
		if code := n.Get("code"); code.Kind() == fhir.String {
			c.code(n.Get("system").Text(), code.Text())
		}
		for member, v := range n.Members() {
			if v.Kind() == fhir.String {
				if c.texts && (member == "text" || member == "display") {
					c.text(v.Text())
				}
				continue
			}
			c.walk(v, member)
		}
	}
}

func (c *collector) code(system, code string) {
	short, ok := systems[system]
	if !ok {
		return
	}
	if short == "icd" {
		c.add(ofICD(exact, begins, code)...)
		return
	}
	c.add(exact[[2]string{short, code}]...)
}

// ofICD returns the labels of a code of ICD-10-CM, written with or without its dot.
func ofICD(exact, begins map[[2]string][]string, code string) (out []string) {
	code = strings.ToUpper(code)
	if len(code) > 3 && code[3] != '.' {
		code = code[:3] + "." + code[3:]
	}
	out = append(out, exact[[2]string{"icd", code}]...)
	for i := 3; i <= len(code); i++ {
		out = append(out, begins[[2]string{"icd", code[:i]}]...)
	}
	return out
}

// text looks for names of up to three words.
func (c *collector) text(s string) {
	list := strings.Fields(words(s))
	for i := range list {
		for j := i + 1; j <= min(i+3, len(list)); j++ {
			c.add(named[strings.Join(list[i:j], " ")]...)
		}
	}
}

// words returns a text in small letters, with single spaces between its words.
func words(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	}), " ")
}
