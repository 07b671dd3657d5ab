package chart

import (
	"cmp"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/trust/policy"
)

// AllergyState is one of the four states that must never be mistaken for each other.
type AllergyState uint8

// The states. The zero value claims nothing.
const (
	Unavailable  AllergyState = iota // the reader may not see allergies, or they were not asked for
	NotRecorded                      // nobody has asked the patient, as far as the reader sees
	NoneKnown                        // the patient says that there are none
	HasAllergies                     // at least one is recorded
)

// NoKnownAllergy is the SNOMED CT concept of "no known allergies".
const NoKnownAllergy = allergen.NoneKnown

// Allergies is what a chart knows about allergies.
type Allergies struct {
	State   AllergyState
	Active  []Allergy // the most dangerous first
	Past    []Allergy // resolved or refuted
	Asked   string    // when "no known allergies" was stated
	NoneRef string    // the id of that statement, also when allergies were added since
	Denied  []Allergy // statements that there is none of a kind: "No known food allergy". They say nothing of others
	// Partial says that allergies may be kept from the reader: NotRecorded and NoneKnown are then
	// said of what the reader may see.
	Partial bool
}

// Allergy is one allergy or intolerance.
type Allergy struct {
	ID           string
	Agent        string
	RxNorm       string
	Type         string // allergy, intolerance, "" not recorded
	Category     string // food, medication, environment, biologic
	Criticality  string // low, high, unable-to-assess
	Reaction     string // all of them
	Severity     string // mild, moderate, severe: of the worst
	Status       string
	Verification string
	Recorded     string
	Recorder     string
	Doubt        string // what was not sure when it was taken in, see policy.DoubtOf
	Note         string
	Origin       Origin
	Source       string // of what is imported, see policy.SourceOf
	Version      string
}

// Refuted reports whether the allergy was looked into and does not exist.
func (a Allergy) Refuted() bool { return a.Verification == "refuted" }

// Dangerous reports whether the next exposure may threaten life.
func (a Allergy) Dangerous() bool { return a.Criticality == "high" || a.Severity == "severe" }

// given reports whether it is of what a clinic gives or touches patients with: medicines, vaccines, latex.
func (a Allergy) given() bool {
	return a.Category == "medication" || a.Category == "biologic" || a.RxNorm != "" || strings.Contains(strings.ToLower(a.Agent), "latex")
}

// Reference is the FHIR reference of the allergy.
func (a Allergy) Reference() string { return "AllergyIntolerance/" + a.ID }

func allergyFrom(n *fhir.Node) Allergy {
	a := Allergy{
		ID: n.ID(), Agent: Words(n.Get("code")), RxNorm: codeIn(n.Get("code"), RxNorm),
		Type: n.Get("type").Text(), Category: n.Get("category").At(0).Text(), Criticality: n.Get("criticality").Text(),
		Status: code(n.Get("clinicalStatus")), Verification: code(n.Get("verificationStatus")),
		Recorded: cmp.Or(n.Get("recordedDate").Text(), n.Get("onsetDateTime").Text()),
		Recorder: n.Path("recorder.reference").Text(), Doubt: policy.DoubtOf(n), Note: policy.NoteOf(n),
		Origin: policy.OriginOf(n), Source: policy.SourceOf(n), Version: n.Path("meta.versionId").Text(),
	}
	if a.Agent == "" {
		a.Agent = Words(n.Path("reaction.0.substance"))
	}
	var reactions []string
	for r := range n.Get("reaction").Items() {
		if s := r.Get("severity").Text(); slices.Index(severities, s) > slices.Index(severities, a.Severity) {
			a.Severity = s
		}
		for m := range r.Get("manifestation").Items() {
			if text := Words(m); text != "" && !slices.ContainsFunc(reactions, func(s string) bool { return strings.EqualFold(s, text) }) {
				reactions = append(reactions, text)
			}
		}
	}
	a.Reaction = strings.Join(reactions, ", ")
	return a
}

// severities of a reaction, the mildest first.
var severities = []string{"mild", "moderate", "severe"}

// denial reads what a statement says that there is none of.
func denial(n *fhir.Node) allergen.Denial {
	var codes []string
	for coding := range n.Path("code.coding").Items() {
		codes = append(codes, coding.Get("code").Text())
	}
	return allergen.DenialOf(codes, n.Path("code.text").Text())
}

func allergiesFrom(nodes []*fhir.Node) Allergies {
	out := Allergies{State: NotRecorded}
	for _, n := range nodes {
		a := allergyFrom(n)
		gone := a.Status == "inactive" || a.Status == "resolved" || a.Refuted()
		switch {
		case a.Verification == "entered-in-error":
		case denial(n) != allergen.NotDenied:
			switch {
			case gone:
			case denial(n) == allergen.DeniesAll:
				out.Asked, out.NoneRef = a.Recorded, a.ID
			default:
				out.Denied = append(out.Denied, a)
			}
		case gone:
			out.Past = append(out.Past, a)
		default:
			out.Active = append(out.Active, a)
		}
	}
	switch {
	case len(out.Active) > 0:
		out.State = HasAllergies
	case out.NoneRef != "":
		out.State = NoneKnown
	}
	slices.SortStableFunc(out.Active, func(a, b Allergy) int {
		return cmp.Or(first(a.Dangerous(), b.Dangerous()), first(a.given(), b.given()),
			slices.Index(severities, b.Severity)-slices.Index(severities, a.Severity),
			strings.Compare(strings.ToLower(a.Agent), strings.ToLower(b.Agent)))
	})
	return out
}
