package rx

import (
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// Facts is what a check knows about a patient. Everything that is not known is its zero
// value, and the check says so.
type Facts struct {
	Candidate Medicine   // the medicine about to be prescribed
	Current   []Medicine // what the patient takes; a renewed medicine is left out by the caller
	Allergies []Allergy
	// NoKnownAllergies: someone has asked and recorded that there are none.
	NoKnownAllergies bool
	Problems         []Problem
	Born             time.Time // zero: not recorded
	Sex              string    // female, male, other; "" not recorded
	Pregnancy        Pregnancy
	Weight           Measure // kg
	// WeightDoubted is a newer weight that is unusual and that nobody has confirmed, or whose unit
	// is not known: it is told and not used.
	WeightDoubted Measure
	// EGFRDoubted and PotassiumDoubted are newer ones that no living person has: told, not used.
	EGFRDoubted, PotassiumDoubted Measure
	EGFR                          Measure // mL/min/1.73 m2
	// NoEGFR says why none was calculated from a creatinine newer than EGFR: "that of 20-Nov-2026: its unit is not known".
	NoEGFR    lang.Text
	Potassium Measure // mmol/L
	Date      time.Time
	// Unseen is what is in the chart and hidden from the person who asks: its Current,
	// Allergies, Problems, Pregnancy and measures. Findings never say what it is.
	Unseen *Facts
	// Unread are the checks of which some facts were not read, since the program that asks may not:
	// none of them is clear.
	Unread []string
}

// NotCovered is why a check of Facts.Unread did not look at everything.
const NotCovered = "the program that asks may not read all that this check looks at"

// Medicine is one medicine in the list or on the form.
type Medicine struct {
	ID       string // reference of the resource, for links: "MedicationRequest/…"
	Text     string // "lisinopril 20 mg tablet"
	Codings  []drug.Coding
	Strength string  // "20 mg"; "" not known
	Dose     float64 // per taking, counted in Unit; 0 not known
	Unit     string  // "tablet", or a unit of mass
	PerDay   float64 // takings a day; 0 not known
	AsNeeded bool
	Days     int // length of a course; 0 goes on
	// Stated: the patient says so; nobody prescribed it here.
	Stated bool
	Date   time.Time
}

// Allergy is one recorded allergy or intolerance.
type Allergy struct {
	ID          string
	Text        string // "penicillin"
	Codings     []drug.Coding
	Category    string // medication, food, environment, biologic; "" not recorded
	Reaction    string // "anaphylaxis"; "" not recorded
	Severe      bool   // severe reaction or high criticality
	Intolerance bool   // recorded as intolerance, not allergy
	Date        time.Time
}

// Problem is one active problem.
type Problem struct {
	ID, Text string
	Codes    []string // ICD-10-CM and SNOMED CT codes
}

// Pregnancy is what is recorded.
type Pregnancy int

// The values of Pregnancy.
const (
	PregnancyUnknown Pregnancy = iota
	Pregnant
	NotPregnant
)

// Measure is the latest value of a measurement; Known is false when there is none.
type Measure struct {
	Value float64
	Unit  string
	Date  time.Time
	Known bool
	// Calculated says that it is an eGFR that Osler has worked out from a creatinine of Date: nobody has reported it.
	Calculated bool
	// Unsure says that something of it was not sure when it was taken in from another clinic, and nobody has confirmed it.
	Unsure bool
}

// from says of when a measure is, and of an eGFR that was calculated, from what.
func (m Measure) from() any {
	if m.Calculated {
		return lang.Say("calculated by Osler from creatinine of %s", day(m.Date))
	}
	return day(m.Date)
}

// text is the value with its unit, which stay together in every language.
func (m Measure) text() string { return number(m.Value) + " " + m.Unit }

// Age returns the patient's age in whole years on the date of the facts.
func (f *Facts) Age() (years int, known bool) {
	if f.Born.IsZero() || f.Date.IsZero() || f.Date.Before(f.Born) {
		return 0, false
	}
	years = f.Date.Year() - f.Born.Year()
	if f.Date.Month() < f.Born.Month() || f.Date.Month() == f.Born.Month() && f.Date.Day() < f.Born.Day() {
		years--
	}
	return years, true
}

// Tier is how loudly a finding speaks.
type Tier string

// The tiers. Stop needs a reason when the prescriber keeps the medicine; Warning is a
// passive note with ways out, except that a grave one is kept only with a reason too
// (medication.NeedsReason); Quiet asks for nothing.
const (
	Stop    Tier = "stop"
	Warning Tier = "warning"
	Quiet   Tier = "quiet"
)

func rank(t Tier) int {
	switch t {
	case Stop:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// Involved is a resource that a finding is about.
type Involved struct{ ID, Text string }

// Deed is what an Action does.
type Deed string

// The deeds.
const (
	Change  Deed = "change"  // choose another medicine or another dose
	StopIt  Deed = "stop"    // stop the other medicine, Target
	Correct Deed = "correct" // correct the allergy or problem, Target
	Keep    Deed = "keep"    // keep with the reason in Label
	Monitor Deed = "monitor" // keep, and order the test Order in Days days
)

// Action is one way out of a finding.
type Action struct {
	Deed   Deed
	Label  string
	Target string    // reference of the resource that the deed is about
	Order  string    // LOINC code of the test to order
	Days   int       // from today
	Said   lang.Text // Label, when something is put into it
}

// Text is the label for readers of other languages.
func (a Action) Text() lang.Text { return textOr(a.Said, a.Label) }

// Finding is one thing that a check found.
type Finding struct {
	ID       string // stable: "ALG-CLASS/sulfamethoxazole/AllergyIntolerance/7"
	Rule     string // "ALG-CLASS"
	Check    string // the check that found it
	Tier     Tier
	Title    string // "Allergy"
	Sentence string
	// Heading and Said are Title and Sentence for readers of other languages.
	Heading, Said lang.Text
	Evidence      string // grade or nature of the evidence
	Source        string // where the rule comes from
	Date          string // edition of the rule
	Involves      []Involved
	Actions       []Action
}

// NotChecked is something that a check could not look at.
type NotChecked struct {
	Check, Subject, Reason string
	Said                   lang.Text // Reason, when something is put into it
}

// Text is the reason for readers of other languages.
func (n NotChecked) Text() lang.Text { return textOr(n.Said, n.Reason) }

// Is reports whether two are about the same thing for the same reason.
func (n NotChecked) Is(of NotChecked) bool {
	return n.Check == of.Check && n.Subject == of.Subject && n.Reason == of.Reason
}

func textOr(t lang.Text, plain string) lang.Text {
	if t.Words == "" {
		return lang.Say(plain)
	}
	return t
}

// Outcome of one check.
type Outcome string

// The outcomes.
const (
	Clear   Outcome = "clear"       // it ran on all it needs and found nothing
	Found   Outcome = "found"       // it found something
	Partly  Outcome = "partly"      // it found nothing in what it could see, but could not see all
	Missing Outcome = "not checked" // it could not run
)

// Run says how one check ended.
type Run struct {
	Check   string
	Outcome Outcome
	Note    string    // "eGFR 52 mL/min/1.73 m2, 20-Nov-2026"
	Said    lang.Text // the same for readers of other languages
}

// Findings is the outcome of Check.
type Findings struct {
	Findings   []Finding // loudest first
	NotChecked []NotChecked
	Runs       []Run // every check, also the clear ones
	// Ingredients are what the candidate was recognised as.
	Ingredients []drug.Ingredient
}
