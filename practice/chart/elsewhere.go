package chart

import (
	"cmp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Elsewhere is something that was taken in from a document, of another clinic or sent by the patient, and has no page of its own.
type Elsewhere struct {
	Kind, Text, Value, When string
	Document                string // id of the DocumentReference; "" where fewer people see it
	Source                  string // see policy.SourceOf
	Reference               string // "Procedure/…"
	Doubt                   string // what was not sure when it was taken in, see policy.DoubtOf
	Note                    string // the first
}

// kindsElsewhere are the types without a page, with their heading.
var kindsElsewhere = []struct{ Type, Kind string }{
	{"Procedure", "Procedures"}, {"Device", "Devices"}, {"DeviceUseStatement", "Devices"}, {"FamilyMemberHistory", "Family history"},
	{"Observation", "Social history and function"}, {"Goal", "Goals"}, {"CarePlan", "Plan"}, {"ServiceRequest", "Plan"}, {"NutritionOrder", "Plan"},
	{"ImmunizationRecommendation", "Plan"}, {"CareTeam", "Care team"},
}

// Elsewhere lists what came from documents of other clinics and stands on no other page, by kind.
func (c Chart) Elsewhere() (out []Elsewhere) {
	for _, k := range kindsElsewhere {
		for _, n := range c.resources[k.Type] {
			document, _ := strings.CutPrefix(n.Path("meta.source").Text(), "urn:uuid:")
			if !Imported.Of(n) || inError(n) || n.Get("lifecycleStatus").Text() == "entered-in-error" || k.Type == "Observation" && charted(n) {
				continue
			}
			e := elsewhere(n)
			e.Kind, e.Document, e.Source = k.Kind, document, policy.SourceOf(n)
			if e.Text != "" {
				out = append(out, e)
			}
		}
	}
	return out
}

// charted reports whether an Observation stands among results or vital signs.
func charted(n *fhir.Node) bool {
	for x := range n.Get("category").Items() {
		switch x.Path("coding.0.code").Text() {
		case "laboratory", "vital-signs", "imaging":
			return true
		}
	}
	return false
}

func elsewhere(n *fhir.Node) Elsewhere {
	e := Elsewhere{
		Text: cmp.Or(Words(n.Get("code")), Words(n.Get("type")), Words(n.Get("relationship")), Words(n.Get("description")), n.Get("title").Text(),
			n.Path("deviceName.0.name").Text(), n.Path("device.display").Text(), n.Get("name").Text(), n.Path("recommendation.0.vaccineCode.0.text").Text()),
		When: cmp.Or(n.Get("effectiveDateTime").Text(), n.Path("effectivePeriod.start").Text(), n.Get("performedDateTime").Text(), n.Path("performedPeriod.start").Text(),
			n.Get("occurrenceDateTime").Text(), n.Get("startDate").Text(), n.Path("period.start").Text(), n.Get("timingDateTime").Text(), n.Get("authoredOn").Text()),
		Value: cmp.Or(Words(n.Get("valueCodeableConcept")), n.Get("valueString").Text(),
			strings.TrimSpace(n.Path("valueQuantity.value").Text()+" "+n.Path("valueQuantity.unit").Text())),
		Reference: n.Reference(), Doubt: policy.DoubtOf(n), Note: policy.NoteOf(n),
	}
	for x := range n.Get("contained").Items() {
		e.Text = cmp.Or(e.Text, Words(x.Get("type")))
	}
	if n.ResourceType() == "FamilyMemberHistory" {
		var list []string
		for x := range n.Get("condition").Items() {
			list = append(list, Words(x.Get("code")))
		}
		e.Value = strings.Join(list, ", ")
	}
	return e
}

// directives are codes of statements about what is to be done when the patient cannot say it (LOINC, SNOMED CT).
var directives = map[string]bool{"45473-6": true, "75320-2": true, "75787-2": true, "81351-9": true, "42348-3": true, "304253006": true, "304251008": true,
	"310301000": true, "310305009": true, "143021000119109": true, "425392003": true, "3138006": true}

// Directives are advance directives and orders not to resuscitate, wherever they are from.
func (c Chart) Directives() (out []Elsewhere) {
	for _, n := range c.resources["Observation"] {
		if inError(n) || n.Get("status").Text() == "cancelled" {
			continue
		}
		e, is := elsewhere(n), false
		for _, concept := range []*fhir.Node{n.Get("code"), n.Get("valueCodeableConcept")} {
			for x := range concept.Get("coding").Items() {
				is = is || directives[x.Get("code").Text()]
			}
		}
		said := strings.ToLower(e.Text + " " + e.Value)
		if is || strings.Contains(said, "resuscitat") || strings.Contains(said, "advance directive") || strings.Contains(said, "living will") {
			e.Source = policy.SourceOf(n)
			e.Document, _ = strings.CutPrefix(n.Path("meta.source").Text(), "urn:uuid:")
			out = append(out, e)
		}
	}
	return out
}
