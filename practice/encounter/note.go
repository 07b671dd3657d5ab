package encounter

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
)

// note makes the Composition of the visit, sections in APSO order.
func (s *signing) note() *fhir.Node {
	now := s.actor.Now().Format(time.RFC3339)
	by := s.actor.Principal().Reference()
	n := fhir.New("Composition")
	n.SetID(ident.New(s.actor.Now()))
	n.Set("status", fhir.Str("final"))
	n.Set("type", loinc(chart.ProgressNote, "Progress note"))
	n.Set("subject", reference("Patient/"+s.Patient))
	n.Set("encounter", reference("Encounter/"+s.Encounter))
	n.Set("date", fhir.Str(now))
	n.Set("author", fhir.Arr(fhir.Obj("reference", by, "display", s.actor.Principal().Name)))
	n.Set("title", fhir.Str(cmp.Or(s.visit.Title(), "Visit note")))
	if s.Addendum {
		n.Set("title", fhir.Str("Addendum: "+cmp.Or(s.visit.Title(), "Visit note")))
		if to := s.visit.Signed(); to != "" {
			n.Set("relatesTo", fhir.Arr(fhir.Obj("code", "appends", "targetReference", reference("Composition/"+to))))
		}
	}
	n.Set("attester", fhir.Arr(attester(by, now)))
	sections := fhir.Arr()
	signs, tests := s.measured()
	for _, part := range []section{s.assessment(), s.orders(), s.part(chart.Subjective, "Subjective", FieldSubjective), signs, tests, s.part(chart.Objective, "Objective", FieldObjective)} {
		if part.text != "" {
			sections.Append(part.node())
		}
	}
	n.Set("section", sections)
	return n
}

// section is one part of a note before it is written.
type section struct {
	code, title, text string
	refs              []string
}

func (p section) node() *fhir.Node {
	entries := fhir.Arr()
	seen := map[string]bool{}
	for _, r := range p.refs {
		if !seen[r] {
			entries.Append(reference(r))
		}
		seen[r] = true
	}
	n := fhir.Obj("title", p.title, "code", loinc(p.code, p.title), "text", fhir.Obj("status", "generated", "div", chart.Div(p.text)))
	if entries.Len() > 0 {
		n.Set("entry", entries)
	}
	return n
}

// assessment is the numbered diagnoses with their text, then the general plan.
func (s *signing) assessment() section {
	p := section{code: chart.AssessmentPlan, title: "Assessment and plan"}
	var lines []string
	for i, d := range s.visit.Work.Diagnoses {
		line := fmt.Sprintf("%d. %s", i+1, d.Text)
		if d.ICD != "" {
			line += " (" + d.ICD + ")"
		}
		lines = append(lines, line)
		if t := strings.TrimSpace(s.Text[d.Field()]); t != "" {
			lines = append(lines, t)
		}
		p.refs = append(p.refs, s.refs[d.Key])
	}
	for _, field := range s.visit.Work.LooseFields(s.Text) {
		lines = append(lines, strings.TrimSpace(s.Text[field]))
	}
	rest := s.part(chart.AssessmentPlan, "", FieldPlan)
	if rest.text != "" {
		lines = append(lines, rest.text)
	}
	p.text, p.refs = strings.Join(lines, "\n"), append(p.refs, rest.refs...)
	return p
}

// part is one typed field with what was copied and linked behind it. The text of linked data
// is that which the clinician saw: signing freezes it.
func (s *signing) part(code, title, field string) section {
	p := section{code: code, title: title}
	var lines []string
	if t := strings.TrimSpace(s.Text[field]); t != "" {
		lines = append(lines, t)
	}
	for _, c := range s.visit.Work.Copies {
		if c.Field != field {
			continue
		}
		mark := "Copied from the note of " + day(c.Date, s.zone)
		if !c.Checked {
			mark += ", not reviewed"
		}
		lines = append(lines, mark+": "+c.Text)
		p.refs = append(p.refs, "Composition/"+c.Note)
	}
	for _, x := range s.visit.Work.Pulls {
		if x.Field != field {
			continue
		}
		title := x.Title
		if x.When != "" {
			title += ", " + english.DateTime(x.When, 0, s.zone)
		}
		lines = append(lines, title+": "+x.Text)
		p.refs = append(p.refs, x.Refs...)
	}
	p.text = strings.Join(lines, "\n")
	return p
}

// orders lists what is ordered in this visit, signed with it or before.
func (s *signing) orders() section {
	p := section{code: chart.Plan, title: "Orders"}
	var lines []string
	for _, n := range append(s.visit.made("MedicationRequest", "ServiceRequest"), s.orderNodes()...) {
		if n.ID() == "" {
			n.SetID(ident.New(s.actor.Now()))
		}
		what := n.Get("medicationCodeableConcept")
		if what == nil {
			what = n.Get("code")
		}
		line := cmp.Or(what.Get("text").Text(), what.Get("coding").Get("display").Text(), n.ResourceType())
		if d := n.Path("dosageInstruction.0.text").Text(); d != "" {
			line += ", " + d
		}
		if when := n.Get("occurrenceDateTime").Text(); when != "" {
			line += ", " + day(when, s.zone)
		}
		if status := n.Get("status").Text(); status == "stopped" || status == "cancelled" || status == "revoked" {
			line += ": stopped"
		}
		lines = append(lines, line)
		p.refs = append(p.refs, n.Reference())
	}
	p.text = strings.Join(lines, "\n")
	return p
}

func loinc(code, display string) *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", chart.LOINC, "code", code, "display", display)), "text", display)
}

func attester(by, when string) *fhir.Node {
	return fhir.Obj("mode", "legal", "time", when, "party", reference(by))
}
