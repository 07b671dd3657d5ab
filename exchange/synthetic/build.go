package synthetic

import (
	"html"
	"strconv"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// The code systems in use.
const (
	loinc    = "http://loinc.org"
	snomed   = "http://snomed.info/sct"
	icd10cm  = "http://hl7.org/fhir/sid/icd-10-cm"
	cvx      = "http://hl7.org/fhir/sid/cvx"
	rxnorm   = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ucum     = "http://unitsofmeasure.org"
	hl7      = "http://terminology.hl7.org/CodeSystem/"
	feeCodes = "urn:osler:fee"
	taskCode = "urn:osler:task"
)

// code is a coding.
type code struct{ system, code, display string }

func coding(c code) *fhir.Node {
	return fhir.Obj("system", c.system, "code", c.code, "display", c.display)
}

// concept is a CodeableConcept; codings without a code are left out.
func concept(text string, codes ...code) *fhir.Node {
	list := fhir.Arr()
	for _, c := range codes {
		if c.code != "" {
			list.Append(coding(c))
		}
	}
	n := fhir.Obj()
	if list.Len() > 0 {
		n.Set("coding", list)
	}
	n.Set("text", fhir.Str(text))
	return n
}

// bare is a CodeableConcept with a coding and no text, for status codes of HL7.
func bare(system, value string) *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", hl7+system, "code", value)))
}

func ref(n *fhir.Node) *fhir.Node { return fhir.Obj("reference", n.Reference()) }

func named(reference, display string) *fhir.Node {
	return fhir.Obj("reference", reference, "display", display)
}

func decimal(v float64, digits int) *fhir.Node {
	return fhir.Decimal(strconv.FormatFloat(v, 'f', digits, 64))
}

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func quantity(v float64, digits int, unit, code string) *fhir.Node {
	return fhir.Obj("value", decimal(v, digits), "unit", unit, "system", ucum, "code", code)
}

func moment(t time.Time) string { return t.Format("2006-01-02T15:04:05-07:00") }

func day(t time.Time) string { return t.Format("2006-01-02") }

// spoken is a date as the clinic writes it in prose.
func spoken(t time.Time) string { return t.Format("2 January 2006") }

// narrative is a section's text: paragraphs, escaped.
func narrative(paragraphs ...string) *fhir.Node {
	div := `<div xmlns="http://www.w3.org/1999/xhtml">`
	for _, p := range paragraphs {
		div += "<p>" + html.EscapeString(p) + "</p>"
	}
	return fhir.Obj("status", "generated", "div", div+"</div>")
}

func money(v float64) *fhir.Node { return fhir.Obj("value", decimal(v, 2), "currency", "USD") }

// resource starts a resource with an id and the tag that says what it is: invented.
func resource(d dice, resourceType string) *fhir.Node {
	n := fhir.New(resourceType)
	n.Set("id", fhir.Str(d.id()))
	n.Set("meta", policy.Demonstration.Meta())
	return n
}

// set sets alternating names and values, as fhir.Obj does.
func set(n *fhir.Node, pairs ...any) *fhir.Node {
	for name, value := range fhir.Obj(pairs...).Members() {
		n.Set(name, value)
	}
	return n
}

// years is the age in whole years at a time.
func years(born, at time.Time) int {
	n := at.Year() - born.Year()
	if at.Month() < born.Month() || at.Month() == born.Month() && at.Day() < born.Day() {
		n--
	}
	return n
}
