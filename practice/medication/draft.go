package medication

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/record"
)

const (
	unitSystem   = "http://unitsofmeasure.org"
	snomedSystem = "http://snomed.info/sct"
)

// Draft is a prescription as a person composes it.
type Draft struct {
	Patient   string // id
	Encounter string // id; "" outside a visit
	Text      string // name, strength and form: "lisinopril 20 mg tablet"
	Codings   []drug.Coding

	Dose       float64
	Unit       string
	Route      string
	Frequency  int
	Period     int
	PeriodUnit string // h, d, wk; "" for once
	AsNeeded   bool
	Note       string // "with food"
	Days       int    // length of a course; 0 goes on
	Directions string // "" composes them from the parts

	Quantity   float64
	QuantityOf string
	Supply     int // days
	Repeats    int
	Reason     string // in words
	ReasonRef  string // "Condition/…"

	// Renews is the reference of the prescription that this one renews, "" when there is none. It
	// is ended by being in Stops too.
	Renews string
	// Overrides holds a reason for each finding (by id) that is kept.
	Overrides map[string]string
	// Shown reports whether the signer had a warning before them; one that has no reason and was not
	// shown stops. nil asks for none.
	Shown func(rx.Finding) bool
	// Stops are references of medicines that end with this prescription: the way out "stop
	// the other".
	Stops []string
	// Also are resources of other disciplines that belong to the same act, such as the order
	// of a test that monitors the medicine.
	Also []record.Put
	// Prepared is the id of the stored draft that is signed with this; "" makes a new prescription.
	Prepared string
	Key      string // makes a double click harmless
	// Zone is that of the clinic, for the days in findings; nil is UTC.
	Zone *time.Location
}

// FromSentence starts a draft from an order sentence of the catalogue.
func FromSentence(patient string, s drug.Sentence) Draft {
	d := Draft{
		Patient: patient, Text: s.Medicine(), Dose: s.Dose, Unit: s.Unit, Route: s.Route, Frequency: s.Frequency, Period: s.Period, PeriodUnit: s.PeriodUnit,
		AsNeeded: s.AsNeeded, Note: s.Note, Days: s.Days, Quantity: s.Quantity, QuantityOf: s.QuantityOf, Supply: s.Supply, Reason: s.For,
	}
	if len(s.Ingredients) == 1 {
		if i, ok := drug.ByName(s.Ingredients[0]); ok && i.RxNorm != "" {
			d.Codings = []drug.Coding{{System: drug.RxNormSystem, Code: i.RxNorm, Display: i.Name}}
		}
	}
	return d
}

// Label is the directions as they will be printed.
func (d Draft) Label() string {
	if d.Directions != "" {
		return d.Directions
	}
	s := drug.Sentence{Dose: d.Dose, Unit: d.Unit, Route: d.Route, Frequency: d.Frequency, Period: d.Period, PeriodUnit: d.PeriodUnit, AsNeeded: d.AsNeeded, Note: d.Note, Days: d.Days}
	return s.Directions()
}

// Candidate is the draft as the checks see it.
func (d Draft) Candidate(now time.Time) rx.Medicine {
	return rx.Medicine{
		Text: d.Text, Codings: d.Codings, Strength: strengthIn(d.Text), Dose: d.Dose, Unit: d.Unit,
		PerDay: d.perDay(), AsNeeded: d.AsNeeded, Days: d.Days, Date: now,
	}
}

// perDay counts a single dose as one taking on its day.
func (d Draft) perDay() float64 {
	if d.Frequency > 0 && d.PeriodUnit == "" {
		return float64(d.Frequency)
	}
	return drug.PerDay(d.Frequency, d.Period, d.PeriodUnit)
}

// limits of a prescription, against slips of the finger.
const (
	maxQuantity = 10000
	maxDays     = 366
	maxRepeats  = 11
	maxText     = 300
)

// Validate returns everything that is missing or cannot be right, as one fault whose issues
// name the fields of the form.
func (d Draft) Validate() error {
	var issues []fault.Issue
	say := func(field, text string) {
		issues = append(issues, fault.Issue{Severity: "error", Type: "required", Expression: field, Text: text})
	}
	if strings.TrimSpace(d.Text) == "" || len(d.Text) > maxText {
		say("medicine", "Choose a medicine, or write its name, strength and form.")
	}
	if !(d.Dose > 0) || math.IsInf(d.Dose, 0) || d.Unit == "" {
		say("dose", "Write how much is taken at a time, such as “1 tablet”.")
	}
	if d.Frequency <= 0 || d.Period < 0 || d.PeriodUnit != "" && d.Period == 0 {
		say("timing", "Choose how often it is taken.")
	}
	if !(d.Quantity > 0) || d.Quantity > maxQuantity {
		say("quantity", "Write how much to supply, such as “90 tablets”.")
	}
	if d.Days < 0 || d.Days > maxDays || d.Supply < 0 || d.Supply > maxDays {
		say("days", "A course or supply is at most 366 days.")
	}
	if d.Repeats < 0 || d.Repeats > maxRepeats {
		say("repeats", "A prescription can be repeated at most 11 times.")
	}
	if len(issues) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "The prescription is not complete.").With(issues...)
}

// Resource returns the draft as a new MedicationRequest signed by the actor.
func (d Draft) Resource(actor *record.Actor, overrides []Override) *fhir.Node {
	now := actor.Now().UTC()
	r := fhir.New("MedicationRequest")
	extensions := fhir.Arr()
	for _, o := range overrides {
		extensions.Append(fhir.Obj("url", overrideURL, "valueString", o.Finding+": "+o.Reason))
	}
	if extensions.Len() > 0 {
		r.Set("extension", extensions)
	}
	r.Set("status", fhir.Str("active"))
	r.Set("intent", fhir.Str("order"))
	concept := fhir.Obj()
	list := fhir.Arr()
	for _, c := range d.Codings {
		list.Append(fhir.Obj("system", c.System, "code", c.Code, "display", c.Display))
	}
	if list.Len() > 0 {
		concept.Set("coding", list)
	}
	concept.Set("text", fhir.Str(strings.TrimSpace(d.Text)))
	r.Set("medicationCodeableConcept", concept)
	r.Set("subject", reference("Patient/"+d.Patient))
	if d.Encounter != "" {
		r.Set("encounter", reference("Encounter/"+d.Encounter))
	}
	r.Set("authoredOn", fhir.Str(now.Format(time.RFC3339)))
	if by := actor.Principal().Reference(); by != "" {
		r.Set("requester", fhir.Obj("reference", by, "display", actor.Principal().Name))
	}
	switch {
	case d.ReasonRef != "":
		r.Set("reasonReference", fhir.Arr(fhir.Obj("reference", d.ReasonRef, "display", d.Reason)))
	case d.Reason != "":
		r.Set("reasonCode", fhir.Arr(fhir.Obj("text", d.Reason)))
	}
	r.Set("dosageInstruction", fhir.Arr(d.dosage()))
	r.Set("dispenseRequest", d.dispense(now))
	return r
}

func (d Draft) dosage() *fhir.Node {
	n := fhir.Obj("text", d.Label())
	repeat := fhir.Obj()
	if d.Days > 0 {
		repeat.Set("boundsDuration", days(d.Days))
	}
	switch {
	case d.PeriodUnit == "": // once
		repeat.Set("count", fhir.Int(int64(d.Frequency)))
	default:
		repeat.Set("frequency", fhir.Int(int64(d.Frequency)))
		repeat.Set("period", fhir.Int(int64(d.Period)))
		repeat.Set("periodUnit", fhir.Str(d.PeriodUnit))
	}
	n.Set("timing", fhir.Obj("repeat", repeat))
	if d.AsNeeded {
		n.Set("asNeededBoolean", fhir.Bool(true))
	}
	if d.Route != "" {
		n.Set("route", routeConcept(d.Route))
	}
	n.Set("doseAndRate", fhir.Arr(fhir.Obj("doseQuantity", fhir.Obj("value", number(d.Dose), "unit", d.Unit))))
	return n
}

func (d Draft) dispense(now time.Time) *fhir.Node {
	n := fhir.Obj("validityPeriod", fhir.Obj("start", now.Format("2006-01-02")), "numberOfRepeatsAllowed", d.Repeats,
		"quantity", fhir.Obj("value", number(d.Quantity), "unit", d.QuantityOf))
	if d.Supply > 0 {
		n.Set("expectedSupplyDuration", days(d.Supply))
	}
	return n
}

func days(n int) *fhir.Node {
	return fhir.Obj("value", n, "unit", "days", "system", unitSystem, "code", "d")
}

func number(v float64) *fhir.Node { return fhir.Decimal(strconv.FormatFloat(v, 'f', -1, 64)) }

func reference(to string) *fhir.Node { return fhir.Obj("reference", to) }

// routeConcept codes the routes of order sentences in SNOMED CT; others keep their words.
func routeConcept(route string) *fhir.Node {
	code := map[string][2]string{
		"by mouth": {"26643006", "Oral route"}, "inhaled": {"447694001", "Respiratory tract route"}, "on the skin": {"6064005", "Topical route"},
		"under the skin": {"34206005", "Subcutaneous route"}, "under the tongue": {"37839007", "Sublingual route"}, "in each nostril": {"46713006", "Nasal route"},
		"in the eye": {"54485002", "Ophthalmic route"}, "into the thigh muscle": {"78421000", "Intramuscular route"},
	}[route]
	if code[0] == "" {
		return fhir.Obj("text", route)
	}
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", snomedSystem, "code", code[0], "display", code[1])), "text", route)
}
