package chart

import (
	"cmp"
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Lane is one row of kinds on the timeline.
type Lane string

// The lanes, in the order of the chart's navigation.
const (
	LaneProblems    Lane = "Problems"
	LaneMedications Lane = "Medications"
	LaneVisits      Lane = "Visits"
	LaneResults     Lane = "Results"
	LaneDoses       Lane = "Immunizations"
	LaneNotes       Lane = "Notes"
)

// Event is one thing on the timeline: a bar from Start to End, or a mark when End is zero
// and Open is false.
type Event struct {
	Lane       Lane
	Text       string
	Kind       string // of a visit: "AMB", "EMER", …; of a medicine: "stated" when the patient says so
	Start, End time.Time
	Open       bool   // still going on
	When       string // Start as it was recorded, for people
	Until      string // End as it was recorded
	Reference  string // "Condition/…"
	Flag       string // of a result
	Origin     Origin
	Doubt      string // see policy.DoubtOf
	NoStart    bool   // only its end is known: When is that
}

// Timeline returns all events of a chart, oldest first. What has no date cannot be placed
// and is returned apart, so that a page can say so.
func (c Chart) Timeline() (events, undated []Event) {
	var all []Event
	for _, p := range c.Problems {
		if p.Wrong() {
			continue
		}
		all = append(all, Event{Lane: LaneProblems, Text: p.Text, When: cmp.Or(p.Onset, p.Recorded), Until: p.Ended, Open: p.Active(), Reference: p.Reference(), Origin: p.Origin, Doubt: p.Doubt})
	}
	for _, n := range c.resources["MedicationRequest"] {
		if s := n.Get("status").Text(); s != "draft" && s != "entered-in-error" { // nobody takes what is not signed
			all = append(all, requestEvent(n))
		}
	}
	for _, n := range c.resources["MedicationStatement"] {
		all = append(all, statementEvent(n))
	}
	for _, v := range c.Visits {
		all = append(all, Event{Lane: LaneVisits, Text: v.Title(), Kind: v.Class, When: v.Start, Reference: v.Reference(), Origin: v.Origin, Doubt: v.Doubt})
	}
	all = append(all, resultEvents(c.resources["DiagnosticReport"])...)
	for _, i := range c.Immunizations {
		if i.Status == "completed" {
			all = append(all, Event{Lane: LaneDoses, Text: i.Vaccine, When: i.When, Reference: "Immunization/" + i.ID, Origin: i.Origin, Doubt: i.Doubt})
		}
	}
	for _, n := range c.Notes {
		all = append(all, Event{Lane: LaneNotes, Text: n.Title, When: n.Date, Reference: n.Reference(), Origin: n.Origin})
	}
	for _, e := range all {
		if e.Start = Moment(e.When); e.Start.IsZero() {
			undated = append(undated, e)
			continue
		}
		e.End = Moment(e.Until)
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Start.Compare(b.Start) })
	return events, undated
}

func requestEvent(n *fhir.Node) Event {
	status := n.Get("status").Text()
	e := Event{
		Lane: LaneMedications, Text: Words(n.Get("medicationCodeableConcept")), When: n.Get("authoredOn").Text(),
		Open: status == "active" || status == "on-hold", Reference: n.Reference(), Origin: policy.OriginOf(n),
	}
	if e.Text == "" {
		e.Text = cmp.Or(n.Path("medicationReference.display").Text(), "medicine not named")
	}
	if !e.Open {
		e.Until = cmp.Or(n.Path("dispenseRequest.validityPeriod.end").Text(), n.Path("dosageInstruction.0.timing.repeat.boundsPeriod.end").Text())
	}
	return e
}

func statementEvent(n *fhir.Node) Event {
	e := Event{
		Lane: LaneMedications, Kind: "stated", Text: Words(n.Get("medicationCodeableConcept")), Reference: n.Reference(), Origin: Reported, Doubt: policy.DoubtOf(n),
		When:  cmp.Or(n.Path("effectivePeriod.start").Text(), n.Get("effectiveDateTime").Text(), n.Get("dateAsserted").Text()),
		Until: n.Path("effectivePeriod.end").Text(), Open: n.Get("status").Text() == "active",
	}
	if end := n.Path("effectivePeriod.end").Text(); end != "" && n.Path("effectivePeriod.start").Text() == "" && n.Get("effectiveDateTime") == nil {
		e.When, e.NoStart = end, true // when it was told is no start
	}
	return e
}

func resultEvents(reports []*fhir.Node) []Event {
	var out []Event
	for _, n := range reports {
		if s := n.Get("status").Text(); s == "cancelled" || s == "entered-in-error" {
			continue
		}
		out = append(out, Event{
			Lane: LaneResults, Text: Words(n.Get("code")), Reference: n.Reference(), Origin: policy.OriginOf(n), Doubt: policy.DoubtOf(n),
			When: cmp.Or(n.Get("effectiveDateTime").Text(), n.Path("effectivePeriod.start").Text(), n.Get("issued").Text()),
		})
	}
	return out
}
