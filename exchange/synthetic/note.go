package synthetic

import (
	"fmt"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// writeNote writes the signed progress note in APSO order.
func (v *visit) writeNote(minutes int) {
	c := v.chart
	signed := v.at.Add(time.Duration(minutes+c.between(3, 40)) * time.Minute)
	if signed.After(c.world.today) {
		signed = c.world.today.Add(-time.Minute)
	}
	section := func(title, lo, display string, paragraphs []string, entries []*fhir.Node) *fhir.Node {
		n := fhir.Obj("title", title, "code", concept(title, code{loinc, lo, display}), "text", narrative(paragraphs...))
		if len(entries) > 0 {
			list := fhir.Arr()
			for _, e := range entries {
				list.Append(ref(e))
			}
			n.Set("entry", list)
		}
		return n
	}
	objective := v.objective
	if v.vitals {
		objective = append([]string{v.vitalsLine()}, objective...)
	}
	if len(v.subjective) == 0 {
		v.tells(pick(c.dice, "Feels well, no new concerns.", "Nothing new since the last visit."))
	}
	if len(v.plan) == 0 {
		v.plan = append(v.plan, pick(c.dice, "No change. Come back if anything is different.", "Carry on as before; see us when needed."))
	}
	sections := fhir.Arr(
		section("Assessment", "51848-0", "Evaluation note", v.assessment, v.diagnoses),
		section("Plan", "18776-5", "Plan of care note", v.plan, nil),
		section("Subjective", "61150-9", "Subjective Narrative", v.subjective, nil),
		section("Objective", "61149-1", "Objective Narrative", objective, v.linked))
	c.emit(set(resource(c.dice, "Composition"), "status", "final",
		"type", concept("Progress note", code{loinc, "11506-3", "Progress note"}), "subject", c.refNamed(), "encounter", v.encounter(),
		"date", moment(signed), "author", fhir.Arr(v.author.reference()), "title", v.title,
		"attester", fhir.Arr(fhir.Obj("mode", "legal", "time", moment(signed), "party", v.author.reference())),
		"custodian", ref(c.world.clinic), "section", sections))
}

// vitalsLine writes the vital signs as a clinician would.
func (v *visit) vitalsLine() string {
	var parts []string
	age := v.age(v.at)
	if age >= 3 {
		parts = append(parts, fmt.Sprintf("BP %.0f/%.0f", v.sys, v.dia))
	}
	parts = append(parts, fmt.Sprintf("pulse %.0f", v.pulse))
	if age < 19 || v.temp > 37.4 {
		parts = append(parts, fmt.Sprintf("temp %.1f °C", v.temp))
	}
	if v.spo2 < 96 {
		parts = append(parts, fmt.Sprintf("SpO2 %.0f %%", v.spo2))
	}
	parts = append(parts, fmt.Sprintf("weight %.1f kg", v.kg))
	if age < 19 {
		parts = append(parts, fmt.Sprintf("height %.1f cm", v.cm))
	}
	s := strings.Join(parts, ", ") + "."
	return strings.ToUpper(s[:1]) + s[1:]
}
