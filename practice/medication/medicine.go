// Package medication keeps what a patient takes: prescriptions (MedicationRequest) and what
// the patient says (MedicationStatement).
//
// Prescribe, RenewAll and Stop are the only ways in which the clinic's webs change medicines.
// Each prescription is checked by knowledge/rx at the moment of signing, on the chart as it
// is then; a finding of the tier "stop" needs a reason, and the reason is stored with the
// prescription; a renewal is signed on the same terms. Imported resources are read tolerantly:
// what cannot be read is left empty, never guessed.
//
//	list, err := medication.List(ctx, actor, patient)
//	for _, m := range list.Current { fmt.Println(m.Text, m.Directions) }
//
// The shapes are in docs/reference/representation.md.
package medication

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/trust/policy"
)

// overrideURL is the extension of a prescription that keeps why a warning was overridden.
const overrideURL = "urn:osler:override"

// Medicine is one medicine of a patient's list.
type Medicine struct {
	Type, ID string // MedicationRequest or MedicationStatement
	Version  int64
	Patient  string // id
	Text     string // "lisinopril 20 mg tablet"; "" when the resource names none
	Codings  []drug.Coding
	Status   string // active, on-hold, stopped, completed, …
	// Stated: the patient (or someone else) says so; nobody here prescribed it.
	Stated bool
	Origin policy.Origin
	Source string // of what is imported: "Kirkstall Heart Clinic, 2026-11-09"; "" when nothing is known

	Directions string // for the label; "" not recorded
	Dose       float64
	Unit       string
	Route      string
	Frequency  int
	Period     int
	PeriodUnit string
	AsNeeded   bool
	Days       int // length of a course; 0 goes on or is not known

	Authored   time.Time
	AuthoredAs string // as it was written
	Start      time.Time
	StartAs    string // as it was written; "" when only Authored is known
	End        time.Time
	EndedAs    string // when a prescription was stopped, as it was written; "" when nobody wrote it down
	Requester  string // reference
	Recorder   string // reference of who wrote it down, where that is somebody else
	By         string // printed name of the requester, when the resource has it
	Encounter  string // id
	Reason     string // in words
	ReasonRef  string // reference of a Condition
	Quantity   float64
	QuantityOf string
	Supply     int // days that one dispense lasts; 0 not known
	Repeats    int
	StopReason string
	Overrides  []Override
	Found      []string // marks of what the checks had told who signed it
	Prior      string   // reference of the prescription that this one renews
	Note       string
	Doubt      string // what was not sure when it was taken in, see policy.DoubtOf

	// Of is the prescription that the patient speaks of, in a statement; "" for none.
	Of string
	// Says is what the patient has said of a prescription since it was written, newest first.
	Says []Medicine
	// Beside: what it says stands in Says of a current prescription.
	Beside bool
}

// Override is a finding that the prescriber kept the medicine in spite of.
type Override struct{ Finding, Reason string }

// Reference returns "MedicationRequest/id".
func (m Medicine) Reference() string { return m.Type + "/" + m.ID }

// Ingredients returns what the catalogue recognises in the medicine, and whether it
// recognises all of it.
func (m Medicine) Ingredients() ([]drug.Ingredient, bool) { return drug.Recognise(m.Text, m.Codings) }

// Strength returns the part of the text that starts with the first number of a strength:
// "20 mg"; "" when there is none.
func (m Medicine) Strength() string { return strengthIn(m.Text) }

var strengthPattern = regexp.MustCompile(`(?i)\d[\d.,]*\s*(?:mg|mcg|µg|g|units?|iu)(?:\s*/\s*\d[\d.,]*\s*(?:mg|mcg|µg|g))*(?:\s*(?:/|per)\s*(?:ml|\d+\s*ml|actuat|puff|spray|day|hr))?`)

// strengthIn finds strengths in a text; those of "A 5 MG / B 12.5 MG" are joined with "/".
func strengthIn(text string) string {
	found := strengthPattern.FindAllString(text, -1)
	for i, s := range found {
		found[i] = strings.NewReplacer("/ACTUAT", " per puff", "/actuat", " per puff").Replace(strings.TrimSpace(s))
	}
	return strings.Join(found, "/")
}

// FromResource reads a MedicationRequest or MedicationStatement. named gives the Medication
// resource behind a reference and may be nil.
func FromResource(r *fhir.Node, named func(reference string) *fhir.Node) Medicine {
	m := Medicine{
		Type: r.ResourceType(), ID: r.ID(), Status: r.Get("status").Text(), Origin: policy.OriginOf(r), Source: policy.SourceOf(r),
		Patient: fhir.IDIn(r.Path("subject.reference").Text(), "Patient"), Requester: r.Path("requester.reference").Text(), Recorder: r.Path("recorder.reference").Text(),
		By: r.Path("requester.display").Text(), StopReason: firstOf(r.Path("statusReason.text"), r.Path("statusReason.coding.0.display")),
		Prior: r.Path("priorPrescription.reference").Text(), Note: policy.NoteOf(r), Doubt: policy.DoubtOf(r),
		AuthoredAs: firstOf(r.Get("authoredOn"), r.Get("dateAsserted"), r.Get("effectiveDateTime"), r.Path("effectivePeriod.start")),
		ReasonRef:  r.Get("reasonReference").At(0).Get("reference").Text(),
		Reason:     firstOf(r.Get("reasonReference").At(0).Get("display"), r.Get("reasonCode").At(0).Get("text"), r.Get("reasonCode").At(0).Path("coding.0.display")),
		Encounter:  fhir.IDIn(firstOf(r.Path("encounter.reference"), r.Path("context.reference")), "Encounter"),
	}
	m.Version, _ = strconv.ParseInt(r.Path("meta.versionId").Text(), 10, 64)
	m.Stated = m.Type == "MedicationStatement"
	if m.Stated {
		m.Of = r.Get("derivedFrom").At(0).Get("reference").Text()
	}
	m.name(r, named)
	m.Authored, m.Start, m.End = moment(m.AuthoredAs), moment(r.Path("effectivePeriod.start").Text()), moment(r.Path("effectivePeriod.end").Text())
	m.StartAs = r.Path("effectivePeriod.start").Text()
	m.dosage(firstNode(r.Get("dosageInstruction"), r.Get("dosage")).At(0))
	m.dispense(r.Get("dispenseRequest"))
	for e := range r.Get("extension").Items() {
		switch text := e.Get("valueString").Text(); e.Get("url").Text() {
		case overrideURL:
			finding, reason, _ := strings.Cut(text, ": ")
			m.Overrides = append(m.Overrides, Override{finding, reason})
		case foundURL:
			m.Found = append(m.Found, text)
		}
	}
	return m
}

// name reads the medicine itself: a concept, a contained Medication, or one behind a
// reference, or at least the reference's display.
func (m *Medicine) name(r *fhir.Node, named func(string) *fhir.Node) {
	concept := r.Get("medicationCodeableConcept")
	ref := r.Get("medicationReference")
	if concept == nil && ref != nil {
		target := ref.Get("reference").Text()
		if local, ok := strings.CutPrefix(target, "#"); ok {
			for c := range r.Get("contained").Items() {
				if c.ID() == local {
					concept = c.Get("code")
				}
			}
		} else if named != nil {
			concept = named(target).Get("code")
		}
	}
	for c := range concept.Get("coding").Items() {
		m.Codings = append(m.Codings, drug.Coding{System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: c.Get("display").Text()})
	}
	m.Text = firstOf(concept.Get("text"), concept.Path("coding.0.display"), ref.Get("display"), concept.Path("coding.0.code"))
}

func (m *Medicine) dosage(d *fhir.Node) {
	m.Directions = firstOf(d.Get("text"), d.Get("patientInstruction"))
	m.AsNeeded = d.Get("asNeededBoolean").True() || d.Get("asNeededCodeableConcept") != nil
	m.Route = firstOf(d.Path("route.text"), d.Path("route.coding.0.display"))
	repeat := d.Path("timing.repeat")
	m.Frequency, m.Period, m.PeriodUnit = whole(repeat.Get("frequency")), whole(repeat.Get("period")), repeat.Get("periodUnit").Text()
	if m.Frequency == 0 && m.PeriodUnit == "" { // "once" is written as a count
		m.Frequency = whole(repeat.Get("count"))
	}
	if bounds := repeat.Get("boundsDuration"); bounds != nil {
		m.Days = inDays(bounds)
	}
	if end := repeat.Path("boundsPeriod.end").Text(); end != "" && m.End.IsZero() {
		m.End = moment(end)
	}
	q := d.Get("doseAndRate").At(0).Get("doseQuantity")
	m.Dose, _ = q.Get("value").Float()
	m.Unit = firstOf(q.Get("unit"), q.Get("code"))
	if m.Directions == "" && m.Dose > 0 {
		m.Directions = strings.Join(strings.Fields(drug.Count(m.Dose, m.Unit)+" "+strings.ToLower(m.Route)+" "+drug.TimingName(m.Frequency, m.Period, m.PeriodUnit)), " ")
	}
}

func (m *Medicine) dispense(d *fhir.Node) {
	m.Quantity, _ = d.Path("quantity.value").Float()
	m.QuantityOf = d.Path("quantity.unit").Text()
	m.Supply = inDays(d.Get("expectedSupplyDuration"))
	m.Repeats = whole(d.Get("numberOfRepeatsAllowed"))
	if at := d.Path("validityPeriod.start").Text(); !moment(at).IsZero() {
		m.Start, m.StartAs = moment(at), at
	}
	if at := d.Path("validityPeriod.end").Text(); m.Status == "stopped" && !moment(at).IsZero() { // of others it is how long it may be dispensed
		m.EndedAs = at
	}
}

// inDays reads a FHIR Duration in days, rounded up; 0 when it is none.
func inDays(q *fhir.Node) int {
	v, ok := q.Get("value").Float()
	if !ok {
		return 0
	}
	per, ok := map[string]float64{"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7, "mo": 30, "month": 30, "months": 30, "a": 365, "h": 1.0 / 24}[firstOf(q.Get("code"), q.Get("unit"))]
	if !ok {
		return 0
	}
	return int(v*per + 0.999)
}

func whole(n *fhir.Node) int {
	v, ok := n.Float()
	if !ok || v < 0 || v > 1e6 {
		return 0
	}
	return int(v)
}

func firstOf(nodes ...*fhir.Node) string {
	for _, n := range nodes {
		if t := strings.TrimSpace(n.Text()); t != "" {
			return t
		}
	}
	return ""
}

func firstNode(nodes ...*fhir.Node) *fhir.Node {
	for _, n := range nodes {
		if n != nil {
			return n
		}
	}
	return nil
}

func moment(value string) time.Time { return lang.Moment(value, time.UTC) }
