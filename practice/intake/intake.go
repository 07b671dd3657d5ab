// Package intake takes in what patients measure and feel at home, and brings it before a
// clinician, who accepts it into the chart or declines it with a reason.
//
// A home measurement is an Observation with status preliminary, the patient as performer
// and the tag patient-reported; a Task patient-measurement puts it into the inbox of the
// patient's own physician. Accepted it becomes final, declined it is cancelled with a note.
// It never replaces what the clinic measured.
//
//	m, result, err := intake.Record(ctx, actor, intake.Draft{Kind: intake.Pressure, Upper: "142", Lower: "88"})
//	result, err := intake.Accept(ctx, nurse, taskID)
//
// The shapes are in docs/reference/representation.md.
package intake

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Kind is what a patient can report.
type Kind string

// The kinds.
const (
	Pressure Kind = "pressure"
	Weight   Kind = "weight"
	Symptom  Kind = "symptom"
)

// State is how far a report has come.
type State string

// The states.
const (
	Waiting  State = "waiting"
	Accepted State = "accepted"
	Declined State = "declined"
)

// Measurement is one report of a patient.
type Measurement struct {
	ID           string
	Kind         Kind
	Name         string // as recorded
	Upper, Lower string // of a pressure, mmHg
	Value        string // decimal literal, or the words of a symptom
	Unit         string // UCUM
	When         time.Time
	State        State
	Comment      string // of the patient
	Reason       string // of a decline, by the clinician
	Version      int64
}

// Urgent reports whether the value is one with which the page tells the patient to get
// help: a pressure of 180/120 or more (ACC/AHA 2017, severe hypertension).
func (m Measurement) Urgent() bool {
	return m.Kind == Pressure && (number(m.Upper) >= 180 || number(m.Lower) >= 120)
}

func number(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	return f
}

// FromResource reads a home measurement; ok is false for an Observation that no patient
// reported, or of another kind.
func FromResource(n *fhir.Node) (m Measurement, ok bool) {
	if n.ResourceType() != "Observation" || !policy.Reported.Of(n) || policy.Imported.Of(n) { // from a document that the patient sent
		return m, false
	}
	m = Measurement{ID: n.ID(), Name: n.Path("code.text").Text(), When: lang.Moment(n.Get("effectiveDateTime").Text(), time.UTC)}
	m.Version, _ = strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	switch n.Get("status").Text() {
	case "preliminary":
		m.State = Waiting
	case "final", "amended", "corrected":
		m.State = Accepted
	case "cancelled":
		m.State = Declined
	default:
		return m, false
	}
	for note := range n.Get("note").Items() {
		if strings.HasPrefix(note.Path("authorReference.reference").Text(), "Practitioner/") {
			m.Reason = note.Get("text").Text()
		} else {
			m.Comment = note.Get("text").Text()
		}
	}
	return m, m.value(n)
}

func (m *Measurement) value(n *fhir.Node) bool {
	switch loinc(n) {
	case vital.Of(vital.BloodPressure).Code:
		m.Kind, m.Unit = Pressure, vital.Of(vital.BloodPressure).Unit
		for c := range n.Get("component").Items() {
			switch loinc(c) {
			case vital.Of(vital.Systolic).Code:
				m.Upper = c.Path("valueQuantity.value").Text()
			case vital.Of(vital.Diastolic).Code:
				m.Lower = c.Path("valueQuantity.value").Text()
			}
		}
		return m.Upper != "" && m.Lower != ""
	case vital.Of(vital.Weight).Code:
		m.Kind, m.Value = Weight, n.Path("valueQuantity.value").Text()
		m.Unit = cmp.Or(n.Path("valueQuantity.code").Text(), n.Path("valueQuantity.unit").Text())
		return m.Value != ""
	case "":
		m.Kind, m.Value = Symptom, n.Get("valueString").Text()
		return m.Value != "" || m.Name != ""
	}
	return false
}

func loinc(n *fhir.Node) string {
	for c := range n.Path("code.coding").Items() {
		if c.Get("system").Text() == loincSystem {
			return c.Get("code").Text()
		}
	}
	return ""
}

// List returns what a patient reported, newest first.
func List(ctx context.Context, actor *record.Actor, patient string) ([]Measurement, error) {
	var out []Measurement
	for n, err := range actor.Chart(ctx, patient, "Observation") {
		if err != nil {
			return nil, err
		}
		if m, ok := FromResource(n); ok && n.Path("subject.reference").Text() == "Patient/"+patient {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Measurement) int { return b.When.Compare(a.When) })
	return out, nil
}
