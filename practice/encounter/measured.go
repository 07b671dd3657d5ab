package encounter

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/trust/policy"
)

// Measured is what was measured in a visit at one time: a line of its note.
type Measured struct {
	When string // FHIR dateTime
	Text string // "BP 148/92 mmHg high · pulse 78 /min"
	Refs []string
	Test bool // the value of a test, no vital sign
}

// Measured returns what was measured in this visit and will be signed with it, oldest first: the vital
// signs of a minute in one line, and each value of a test in its own. It is what names this visit, and
// what the staff took shortly before it; what else was measured on the same day is no part of it. What the note links to as it is now is
// not said twice, and an addendum has only what came after the notes of the visit.
func (v Visit) Measured() []Measured {
	said := v.said()
	out := slices.DeleteFunc(append(v.vitals(), v.tests()...), func(m Measured) bool {
		return len(m.Refs) > 0 && !slices.ContainsFunc(m.Refs, func(ref string) bool { return !said[ref] }) ||
			slices.ContainsFunc(v.Work.Pulls, func(p Pull) bool { return p.When == m.When && strings.Contains(p.Text, m.Text) })
	})
	slices.SortStableFunc(out, func(a, b Measured) int { return chart.Moment(a.When).Compare(chart.Moment(b.When)) })
	return out
}

// said are the references that the notes of a visit that is over link to.
func (v Visit) said() map[string]bool {
	out := map[string]bool{}
	for _, n := range v.Chart.Notes {
		if v.Status != "finished" || n.Encounter != v.ID || n.Status == "entered-in-error" {
			continue
		}
		for _, part := range n.Sections {
			for _, ref := range part.Entries {
				out[ref] = true
			}
		}
	}
	return out
}

func (v Visit) vitals() []Measured {
	var out []Measured
	for _, d := range vital.Definitions() {
		for _, r := range v.Chart.Vital(d.Measure).Readings {
			if !v.took(r) {
				continue
			}
			minute := chart.Moment(r.When).Truncate(time.Minute)
			i := slices.IndexFunc(out, func(m Measured) bool { return chart.Moment(m.When).Truncate(time.Minute).Equal(minute) })
			if i < 0 {
				i, out = len(out), append(out, Measured{When: r.When})
			}
			out[i].Text = strings.TrimPrefix(out[i].Text+" · "+reading(d, r), " · ")
			if r.ID != "" {
				out[i].Refs = append(out[i].Refs, "Observation/"+r.ID)
			}
		}
	}
	return out
}

// roomed is how long before a visit its vital signs may be taken: a nurse takes them before the clinician comes.
const roomed = 4 * time.Hour

// took reports whether a vital sign is of this visit: it names it, or it names none and the staff took it
// shortly before, with no other visit in between.
func (v Visit) took(r chart.Reading) bool {
	if r.Encounter != "" || r.Origin == policy.Reported || r.Origin == policy.Imported {
		return r.Encounter == v.ID
	}
	taken, start := chart.Moment(r.When), chart.Moment(v.Start)
	if v.Start == "" || taken.After(start) || start.Sub(taken) > roomed {
		return false
	}
	return !slices.ContainsFunc(v.Chart.Visits, func(o chart.Visit) bool {
		began := chart.Moment(o.Start)
		return o.ID != v.ID && !began.Before(taken) && began.Before(start)
	})
}

// reading is a vital sign in a note. One that nobody has confirmed says so: the note is read later
// without the chart beside it.
func reading(d vital.Definition, r chart.Reading) string {
	name := map[vital.Measure]string{vital.BloodPressure: "BP", vital.BodyMass: "BMI", vital.Oxygen: "SpO₂"}[d.Measure]
	text := cmp.Or(name, strings.ToLower(d.Name)) + " " + r.Text() + " " + vital.Print(r.Unit) + flagWord(r.Flag)
	if r.Unconfirmed {
		text += " (not confirmed)"
	}
	return text
}

// tests are the values that are no vital signs, flagged as the results page flags them.
func (v Visit) tests() []Measured {
	flags := map[string]string{} // by id and name of the value
	for _, s := range result.From(slices.Concat(v.Chart.Resources("Patient"), v.Chart.Resources("Observation")), v.Chart.Patient.ID, nil).Series {
		for _, p := range s.Points {
			flags[p.ID+" "+p.Code] = p.Flag
		}
	}
	var out []Measured
	for _, n := range v.made("Observation") {
		if _, _, sign := vitalsign.FromResource(n); sign || !vitalsign.Counts(n) {
			continue
		}
		for _, x := range result.ValuesFrom(n) {
			out = append(out, Measured{When: x.When, Test: true, Refs: []string{n.Reference()}, Text: strings.TrimSpace(x.Name + ": " + valueText(x) + flagWord(cmp.Or(flags[x.ID+" "+x.Code], x.Flag)))})
		}
	}
	return out
}

func valueText(x result.Value) string {
	if !x.Numeric {
		return x.Value
	}
	return strings.TrimSpace(x.Comparator + lang.Number(x.Value) + " " + x.Unit)
}

// measured are the sections of what was measured in the visit. The text is frozen with the signature; a
// value that is corrected later is told beside it, see OvertakenIn.
func (s *signing) measured() (signs, tests section) {
	signs, tests = section{code: chart.VitalSigns, title: "Vital signs"}, section{code: chart.Results, title: "Results"}
	for _, m := range s.visit.Measured() {
		part := &signs
		if m.Test {
			part = &tests
		}
		part.text = strings.TrimPrefix(part.text+"\n"+m.Line(s.zone), "\n")
		part.refs = append(part.refs, m.Refs...)
	}
	return signs, tests
}

// Line is the time in a zone and what was measured.
func (m Measured) Line(zone *time.Location) string {
	if m.When == "" {
		return m.Text
	}
	return english.DateTime(m.When, 0, zone) + ": " + m.Text
}

// Overtaken is a measurement that a signed note quotes and that is another one now.
type Overtaken struct {
	Name string
	Now  string // what it is now; "" when it was entered in error

	quoted string // how a note would quote it
}

// OvertakenIn returns the measurements that a part of a signed note quotes and that were corrected or
// withdrawn since: what was signed stays, and its reader is told.
func OvertakenIn(c chart.Chart, part chart.Section) []Overtaken {
	var out []Overtaken
	for _, n := range c.Resources("Observation") {
		if !slices.Contains(part.Entries, n.Reference()) {
			continue
		}
		for _, x := range nowSays(n) {
			switch {
			case !vitalsign.Counts(n):
				out = append(out, Overtaken{Name: x.Name})
			case !strings.Contains(part.Text, x.quoted):
				out = append(out, x)
			}
		}
	}
	return out
}

// nowSays is what an observation says now. A note has the values of a test in the unit of its row.
func nowSays(n *fhir.Node) []Overtaken {
	if m, r, ok := vitalsign.FromResource(n); ok {
		text := r.Text() + " " + vital.Print(r.Unit)
		return []Overtaken{{vital.Of(m).Name, text, text}}
	}
	var out []Overtaken
	for _, x := range result.ValuesFrom(n) {
		out = append(out, Overtaken{x.Name, valueText(x), strings.TrimSuffix(valueText(x), " "+x.Unit)})
	}
	return out
}
