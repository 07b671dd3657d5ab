package encounter

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
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

// Overtaken is an Observation that a signed note links to and that says something else now.
type Overtaken struct {
	Name  string
	Now   string // all that it says now; "" when it has no value any more
	Wrong bool   // it was entered in error
}

// OvertakenOf are the Observations that are overtaken, by the note and its section.
type OvertakenOf map[string][]Overtaken

// In are those that a section of a note links to.
func (o OvertakenOf) In(n chart.Note, s chart.Section) []Overtaken {
	return o[n.Reference()+"/"+n.Version+"#"+s.Key]
}

// OvertakenIn returns what was corrected or withdrawn after notes of a chart were signed: what was signed
// stays, and its reader is told. The text of a note is not looked at, it may be anybody's: an Observation
// is overtaken when it says something else than the record said when the section that links to it was
// signed as it stands.
func OvertakenIn(ctx context.Context, actor *record.Actor, c chart.Chart, notes ...chart.Note) (OvertakenOf, error) {
	changed := map[string]*fhir.Node{}
	for _, o := range c.Resources("Observation") {
		if v := o.Path("meta.versionId").Text(); v != "" && v != "1" {
			changed[o.Reference()] = o
		}
	}
	out := OvertakenOf{}
	for _, n := range notes {
		for _, s := range n.Sections {
			list, err := overtakenIn(ctx, actor, n, s, changed)
			if err != nil {
				return nil, err
			}
			out[n.Reference()+"/"+n.Version+"#"+s.Key] = list
		}
	}
	return out, nil
}

func overtakenIn(ctx context.Context, actor *record.Actor, n chart.Note, s chart.Section, changed map[string]*fhir.Node) (out []Overtaken, err error) {
	var then *record.Actor
	for i, ref := range s.Entries {
		o := changed[ref]
		if o == nil || s.Text == "" || slices.Contains(s.Entries[:i], ref) {
			continue
		}
		if then == nil {
			if then, err = signedAs(ctx, actor, n, s); err != nil {
				return nil, err
			}
		}
		x, is, err := overtaken(ctx, then, o)
		if err != nil {
			return nil, err
		}
		if is {
			out = append(out, x)
		}
	}
	return out, nil
}

// signedAs reads the record as it was when a section of a note was signed as it stands: amendments that
// left it alone are passed over.
func signedAs(ctx context.Context, actor *record.Actor, n chart.Note, s chart.Section) (*record.Actor, error) {
	version, err := strconv.ParseInt(n.Version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("encounter: version of %s: %w", n.Reference(), err)
	}
	signed, err := actor.ReadVersion(ctx, "Composition", n.ID, version)
	if err != nil {
		return nil, err
	}
	for version--; version > 0; version-- {
		v, err := actor.ReadVersion(ctx, "Composition", n.ID, version)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			break
		}
		if err != nil {
			return nil, err
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		old := chart.NoteFrom(r)
		same := func(was chart.Section) bool { return was.Key == s.Key && was.Text == s.Text }
		if old.Status == "preliminary" || !slices.ContainsFunc(old.Sections, same) {
			break
		}
		signed = v
	}
	return actor.AsOfCommit(signed.T), nil
}

// overtaken compares an Observation with what it was.
func overtaken(ctx context.Context, then *record.Actor, now *fhir.Node) (x Overtaken, is bool, err error) {
	was, err := then.Read(ctx, "Observation", now.ID())
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return x, false, nil // the record did not have it
	}
	if err != nil {
		return x, false, err
	}
	before, after := said(was), said(now)
	x = Overtaken{Name: cmp.Or(after.name, before.name), Now: after.text, Wrong: now.Get("status").Text() == "entered-in-error"}
	return x, before.values != "" && before.values != after.values, nil
}

// saying is an Observation in words.
type saying struct {
	name   string
	text   string // its values, those of components with their names
	values string // the values alone: another name is no other measurement
}

// said is what an Observation says; it has no values when it does not count.
func said(n *fhir.Node) saying {
	out := saying{name: fhir.ConceptText(n.Get("code"))}
	m, r, sign := vitalsign.FromResource(n)
	if sign {
		out.name = vital.Of(m).Name
	}
	switch {
	case !vitalsign.Counts(n):
		return out
	case sign:
		out.text = r.Text() + " " + vital.Print(r.Unit)
		out.values = out.text
		return out
	}
	var texts, values []string
	for _, x := range result.ValuesFrom(n) {
		values = append(values, valueText(x))
		if x.Name != "" && x.Name != out.name {
			texts = append(texts, x.Name+" "+valueText(x))
		} else {
			texts = append(texts, valueText(x))
		}
	}
	out.text, out.values = strings.Join(texts, " · "), strings.Join(values, "\n")
	return out
}
