package medication

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// LOINC codes of measurements that checks use.
const (
	loincEGFR      = "98979-8"
	loincPotassium = "2823-3"
	loincPregnancy = "82810-3"
)

// pregnancyFor is how long a recorded pregnancy status is trusted.
const pregnancyFor = 60 * 24 * time.Hour

// ChartFacts reads from the chart what the checks need to know, without a candidate: see FactsFor. Days
// are those of the zone (nil: UTC).
func ChartFacts(ctx context.Context, actor *record.Actor, patient string, zone *time.Location) (rx.Facts, error) {
	if zone == nil {
		zone = time.UTC
	}
	nodes, err := read(ctx, actor, patient, append([]string{"Patient"}, checked...)...)
	if err != nil {
		return rx.Facts{}, err
	}
	named, err := behind(ctx, actor, nodes)
	if err != nil {
		return rx.Facts{}, err
	}
	return FactsFor(ctx, actor, patient, nodes, zone, named)
}

// checked are the types of a chart that the checks look at beside the Patient.
var checked = []string{"MedicationRequest", "MedicationStatement", "AllergyIntolerance", "Condition", "Observation"}

// needs are the types that each check looks at.
var needs = map[string][]string{
	rx.Allergies: {"AllergyIntolerance"}, rx.Interactions: {"MedicationRequest", "MedicationStatement"}, rx.Duplicates: {"MedicationRequest", "MedicationStatement"},
	rx.Dose: {"MedicationRequest", "MedicationStatement", "Observation"}, rx.Kidney: {"Observation"},
	rx.Potassium: {"MedicationRequest", "MedicationStatement", "Observation"}, rx.Conditions: {"Condition"}, rx.InPregnancy: {"Condition", "Observation"},
}

// FactsFor makes the facts from what an actor has read of a chart. What labels hide from the actor is in Unseen, for
// the checks only; what the scopes of a program leave out is not looked at, and the checks that need it are in Unread.
func FactsFor(ctx context.Context, actor *record.Actor, patient string, nodes []*fhir.Node, zone *time.Location, named func(string) *fhir.Node) (rx.Facts, error) {
	f := FactsFrom(nodes, patient, actor.Now().In(zone), named)
	p := actor.Principal()
	partial := false
	for _, t := range checked {
		partial = partial || policy.Partial(p, t)
	}
	if !partial {
		return f, nil
	}
	for check, types := range needs {
		if slices.ContainsFunc(types, func(t string) bool { return !policy.ReadsAll(p, t, patient) }) {
			f.Unread = append(f.Unread, check)
		}
	}
	hidden, err := actor.Unseen(ctx, patient, checked...)
	if err != nil || len(hidden) == 0 {
		return f, err
	}
	for _, n := range nodes { // what is worked out from a value needs age and sex
		if n.ResourceType() == "Patient" && n.ID() == patient {
			hidden = append(hidden, n)
		}
	}
	unseen := FactsFrom(hidden, patient, actor.Now().In(zone), named)
	f.Unseen = &unseen
	return f, nil
}

// FactsFrom makes the facts from resources of a chart; days are those of now's zone.
func FactsFrom(nodes []*fhir.Node, patient string, now time.Time, named func(string) *fhir.Node) rx.Facts {
	f := rx.Facts{Date: now}
	for _, m := range From(nodes, patient, now, named).Current {
		c := m.Check()
		c.Date = lang.Moment(m.AuthoredAs, now.Location())
		f.Current = append(f.Current, c)
	}
	for _, n := range nodes {
		switch n.ResourceType() {
		case "Patient":
			if n.ID() == patient {
				f.Sex, f.Born = n.Get("gender").Text(), lang.Moment(n.Get("birthDate").Text(), now.Location())
			}
		case "AllergyIntolerance":
			addAllergy(&f, n, patient)
		case "Condition":
			addProblem(&f, n, patient)
		case "Observation":
			addMeasure(&f, n, patient)
		}
	}
	addWeight(&f, nodes, patient)
	addEGFR(&f, nodes, patient)
	if f.Pregnancy == rx.PregnancyUnknown && pregnantBy(f.Problems) {
		f.Pregnancy = rx.Pregnant
	}
	return f
}

// addEGFR works the eGFR out from the newest creatinine, where that is of a later day than any eGFR that was reported.
func addEGFR(f *rx.Facts, nodes []*fhir.Node, patient string) {
	var newest *fhir.Node
	var at time.Time
	unsure := false
	for _, n := range nodes {
		if n.ResourceType() != "Observation" || !counts(n, patient) {
			continue
		}
		for _, part := range withParts(n) {
			if part.Path("valueQuantity.value") == nil || !slices.ContainsFunc(codings(part.Get("code")), func(c drug.Coding) bool { return labrange.IsCreatinine(c.Code) }) {
				continue
			}
			if when := measuredAt(f, n); newest == nil || when.After(at) {
				newest, at, unsure = part, when, policy.DoubtOf(n) != ""
			}
		}
	}
	if newest == nil || f.EGFR.Known && at.Format(time.DateOnly) <= f.EGFR.Date.Format(time.DateOnly) {
		return
	}
	q := newest.Get("valueQuantity")
	value, _ := q.Get("value").Float()
	age := -1
	if then := (rx.Facts{Born: f.Born, Date: at}); !at.IsZero() {
		if years, known := then.Age(); known {
			age = years
		}
	}
	egfr, why := labrange.EstimateEGFR(labrange.Quantity{Value: value, Comparator: q.Get("comparator").Text(), Unit: firstOf(q.Get("code"), q.Get("unit"))}, f.Sex, age)
	switch {
	case at.IsZero():
		f.NoEGFR = lang.Say("that without a date: %s", lang.Say(labrange.NoDay))
	case why != "":
		f.NoEGFR = lang.Say("that of %s: %s", at.Format("02-Jan-2006"), lang.Say(why))
	default:
		f.EGFR = rx.Measure{Value: egfr, Unit: "mL/min/1.73 m²", Date: at, Known: true, Calculated: true, Unsure: unsure}
	}
}

// withParts are an Observation and its components: a panel has its values there.
func withParts(n *fhir.Node) []*fhir.Node {
	out := []*fhir.Node{n}
	for part := range n.Get("component").Items() {
		out = append(out, part)
	}
	return out
}

// counts reports whether an Observation is a final one of a patient.
func counts(n *fhir.Node, patient string) bool {
	switch n.Get("status").Text() {
	case "final", "amended", "corrected":
		return fhir.IDIn(n.Path("subject.reference").Text(), "Patient") == patient
	}
	return false
}

func measuredAt(f *rx.Facts, n *fhir.Node) time.Time {
	return lang.Moment(firstOf(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Get("issued")), f.Date.Location())
}

// Check returns the medicine as the checks see it.
func (m Medicine) Check() rx.Medicine {
	return rx.Medicine{
		ID: m.Reference(), Text: m.Text, Codings: m.Codings, Strength: m.Strength(), Dose: m.Dose, Unit: m.Unit,
		PerDay: drug.PerDay(m.Frequency, m.Period, m.PeriodUnit), AsNeeded: m.AsNeeded, Days: m.Days, Stated: m.Stated && (m.Source == "" || m.Origin == policy.Reported), Date: m.Authored,
	}
}

func codings(concept *fhir.Node) []drug.Coding {
	var out []drug.Coding
	for c := range concept.Get("coding").Items() {
		out = append(out, drug.Coding{System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: c.Get("display").Text()})
	}
	return out
}

// gone reports whether a problem or allergy is over or was an error.
func gone(n *fhir.Node) bool {
	clinical := n.Path("clinicalStatus.coding.0.code").Text()
	verified := n.Path("verificationStatus.coding.0.code").Text()
	return clinical == "inactive" || clinical == "resolved" || clinical == "remission" || verified == "entered-in-error" || verified == "refuted"
}

func addAllergy(f *rx.Facts, n *fhir.Node, patient string) {
	if gone(n) || fhir.IDIn(n.Path("patient.reference").Text(), "Patient") != patient {
		return
	}
	concept := n.Get("code")
	list := codings(concept)
	text := firstOf(concept.Get("text"), concept.Path("coding.0.display"))
	var codes []string
	for _, c := range list {
		codes = append(codes, c.Code)
	}
	switch allergen.DenialOf(codes, text) {
	case allergen.DeniesAll, allergen.DeniesMedicines: // somebody has asked
		f.NoKnownAllergies = true
		return
	case allergen.DeniesKind: // which says nothing of medicines
		return
	}
	a := rx.Allergy{
		ID: n.Reference(), Text: text, Codings: list, Category: n.Get("category").At(0).Text(), Intolerance: n.Get("type").Text() == "intolerance",
		Date: lang.Moment(firstOf(n.Get("recordedDate"), n.Get("onsetDateTime")), f.Date.Location()),
	}
	if a.Text == "" {
		a.Text = firstOf(n.Path("reaction.0.substance.text"), n.Path("reaction.0.substance.coding.0.display"))
	}
	if n.Get("criticality").Text() == "high" {
		a.Severe = true
	}
	var reactions []string
	for r := range n.Get("reaction").Items() {
		if r.Get("severity").Text() == "severe" {
			a.Severe = true
		}
		for x := range r.Get("manifestation").Items() {
			if t := firstOf(x.Get("text"), x.Path("coding.0.display")); t != "" {
				reactions = append(reactions, t)
			}
		}
	}
	a.Reaction = strings.Join(reactions, ", ")
	f.Allergies = append(f.Allergies, a)
}

func addProblem(f *rx.Facts, n *fhir.Node, patient string) {
	if gone(n) || n.Get("abatementDateTime") != nil || fhir.IDIn(n.Path("subject.reference").Text(), "Patient") != patient {
		return
	}
	p := rx.Problem{ID: n.Reference(), Text: firstOf(n.Path("code.text"), n.Path("code.coding.0.display"))}
	for _, c := range codings(n.Get("code")) {
		p.Codes = append(p.Codes, c.Code)
	}
	if problem.Denies(p.Codes, p.Text) {
		return
	}
	for _, have := range f.Problems {
		if strings.EqualFold(have.Text, p.Text) {
			return
		}
	}
	f.Problems = append(f.Problems, p)
}

// pregnantBy reads a pregnancy off the problem list: ICD-10-CM Z33.1, Z34 and O09, SNOMED
// CT pregnancy and normal pregnancy.
func pregnantBy(problems []rx.Problem) bool {
	for _, p := range problems {
		for _, c := range p.Codes {
			if c == "77386006" || c == "72892002" || c == "Z33.1" || strings.HasPrefix(c, "Z34") || strings.HasPrefix(c, "O09") {
				return true
			}
		}
	}
	return false
}

func addMeasure(f *rx.Facts, n *fhir.Node, patient string) {
	if !counts(n, patient) {
		return
	}
	for _, part := range withParts(n) {
		addPart(f, n, part)
	}
}

// addPart takes a value of an Observation: its own, or a component's.
func addPart(f *rx.Facts, n, part *fhir.Node) {
	at, unsure := measuredAt(f, n), policy.DoubtOf(n) != ""
	for _, c := range codings(part.Get("code")) {
		switch {
		case is(c.Code, loincEGFR):
			latest(&f.EGFR, &f.EGFRDoubted, part, rx.Measure{Date: at, Unit: "mL/min/1.73 m²", Unsure: unsure}, labrange.LeastEGFR, labrange.MostEGFR)
		case is(c.Code, loincPotassium):
			latest(&f.Potassium, &f.PotassiumDoubted, part, rx.Measure{Date: at, Unit: "mmol/L", Unsure: unsure}, 1, 12)
		case c.Code == loincPregnancy && f.Date.Sub(at) < pregnancyFor:
			pregnancy(f, part)
		default:
			continue
		}
		return
	}
}

// addWeight finds the weight that a dose may be worked out from: what the chart shows as a weight,
// by the definition of both (package vitalsign). A newer one that nobody has confirmed is told, and
// not used.
func addWeight(f *rx.Facts, nodes []*fhir.Node, patient string) {
	var mine []*fhir.Node
	born := ""
	for _, n := range nodes {
		switch {
		case n.ResourceType() == "Patient" && n.ID() == patient:
			born = n.Get("birthDate").Text()
		case n.ResourceType() == "Observation" && fhir.IDIn(n.Path("subject.reference").Text(), "Patient") == patient:
			mine = append(mine, n)
		}
	}
	measure := func(r vitalsign.Reading) rx.Measure {
		if r.Value == "" {
			return rx.Measure{}
		}
		return rx.Measure{Value: r.Float(), Unit: r.Unit, Date: lang.Moment(r.When, f.Date.Location()), Known: true, Unsure: r.Doubt != ""}
	}
	usable, newer := vitalsign.Usable(vital.Weight, vitalsign.Of(vital.Weight, mine, born))
	f.Weight, f.WeightDoubted = measure(usable), measure(newer)
}

// is reports whether a code stands for the same test as a preferred one.
func is(code, preferred string) bool {
	t, ok := labrange.Find(code)
	return ok && t.LOINC == preferred
}

// latest keeps the newest value. A value in a unit other than the expected one is not used, and one
// that no living person has (below low or above high) is told as doubted and not used.
func latest(m, doubted *rx.Measure, n *fhir.Node, got rx.Measure, low, high float64) {
	at, unit := got.Date, got.Unit
	q := n.Get("valueQuantity")
	v, ok := q.Get("value").Float()
	if !ok || q.Get("comparator") != nil || m.Known && !at.After(m.Date) {
		return
	}
	switch have := strings.ToLower(firstOf(q.Get("code"), q.Get("unit"))); {
	case unit == "mmol/L" && have != "mmol/l" && have != "meq/l":
		return
	}
	got.Value, got.Known = v, true
	if v < low || v > high {
		if !doubted.Known || at.After(doubted.Date) {
			*doubted = got
		}
		return
	}
	*m = got
	if !doubted.Date.After(at) {
		*doubted = rx.Measure{}
	}
}

func pregnancy(f *rx.Facts, n *fhir.Node) {
	for _, c := range codings(n.Get("valueCodeableConcept")) {
		switch c.Code {
		case "77386006", "LA15173-0": // pregnant
			f.Pregnancy = rx.Pregnant
		case "60001007", "LA26683-5": // not pregnant
			f.Pregnancy = rx.NotPregnant
		}
	}
}
