package document

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
)

// medicines is the group of what a patient takes, however it is written down.
const medicines = "medicine"

// thing is a resource as it is compared.
type thing struct {
	node      *fhir.Node
	group     string   // resources that can be the same
	codes     []string // "system|code", and what the catalogues know of them
	words     []string // folded names
	name      string
	date      string   // of an event
	event     bool     // it happened at a time, and the same again is another
	daily     bool     // it happens once a day at most
	now       bool     // it is so today
	none      bool     // that there is none, of a kind at least
	part      bool     // that there is none of a kind only
	medicines bool     // an allergy to medicines, or that there is none
	loose     bool     // part of the words may mean the same
	cause     rx.Cause // what an allergy is to
	facts     []fact
	of        []string // the Observations of a report, with their versions

	byPart    map[string][]int // the facts that are parts of a panel, by their keys
	tried     *thing           // the item that it was last held to
	held      bool             // an item of the document may be the same
	named     map[string]fact  // by name, once somebody asks
	at        lang.Partial     // date, once somebody asks
	dated     bool             // somebody did
	dateKnown bool
	said      []string // the words of the name, each once; see terms
}

// terms are the words of a thing's name, each once.
func (t *thing) terms() []string {
	if t.said == nil && t.name != "" {
		t.said = strings.Fields(folded(t.name))
		slices.Sort(t.said)
		t.said = slices.Compact(t.said)
	}
	return t.said
}

// fact is one value of a thing.
type fact struct {
	name   string
	value  string
	date   bool
	weighs bool // an entry without it says less
	title  bool // names the thing
	equal  func(a, b string) bool
	part   bool     // of a panel: found by its codes, not by its name
	codes  []string // of a part
	more   []fact   // what stands beside the value of a part
	folded string   // the value as words are compared
	label  string   // the name of a part, folded

	usual     string // what it means that an entry does not say it
	otherwise bool   // an entry that does not say it says something else
	gathers   bool   // what an item has beside an entry's is more, no contradiction
	member    string // of the resource: compared as it stands there
	node      *fhir.Node
	within    func(entry, item *fhir.Node) bool // an entry whose node says so has the value among others
}

// find returns the fact of an entry that stands beside one of an item. Of parts with the same code it is
// the one with the same value, if there is one.
func (t *thing) find(f fact) (of fact) {
	if t == nil {
		return of
	}
	if f.member != "" {
		n := t.node.Get(f.member)
		return fact{name: f.name, value: spoken(n), node: n}
	}
	if !f.part {
		return t.byName()[f.name]
	}
	for _, k := range f.keys() {
		list := t.byPart[k]
		for _, i := range list[:min(len(list), mostAlike)] {
			x := t.facts[i]
			if f.analyte(x) && f.same(x) {
				return x
			}
			if !of.part && f.analyte(x) {
				of = x
			}
		}
	}
	return of
}

// mostAlike is how many parts of a panel with the same code are looked at for one of the same value: beyond
// them it is another.
const mostAlike = 50

// keys are under what a part is found.
func (f fact) keys() (out []string) {
	for _, c := range f.codes {
		out = append(out, "|"+c)
	}
	return append(out, "~"+f.label)
}

// analyte puts a value of a panel among the facts.
func (t *thing) analyte(code, of *fhir.Node) {
	x := &thing{}
	x.measured(code)
	f := fact{name: x.name, value: value(of), weighs: true, equal: sameValue, part: true, codes: x.codes, more: besides(of)}
	if s := of.Get("status").Text(); s != "" && !sameStanding(s, "final") { // what was cancelled is no value
		f.value = strings.TrimSpace(f.value + " (" + s + ")")
	}
	t.among(f)
	if note := spoken(of.Get("note")); note != "" {
		var codes []string
		for _, c := range x.codes {
			codes = append(codes, c+"|note")
		}
		t.among(fact{name: x.name + " (note)", value: note, part: true, gathers: true, codes: codes})
	}
}

// among puts a part of a panel among the facts.
func (t *thing) among(f fact) {
	f.label = folded(f.name)
	if t.byPart == nil {
		t.byPart = map[string][]int{}
	}
	for _, k := range f.keys() {
		t.byPart[k] = append(t.byPart[k], len(t.facts))
	}
	t.fact(f)
}

// analyte reports whether two parts of panels are of the same: by a code that both have, by words where one
// has none.
func (f fact) analyte(of fact) bool {
	if len(f.codes) == 0 || len(of.codes) == 0 {
		return f.label != "" && f.label == of.label
	}
	return slices.ContainsFunc(f.codes, func(c string) bool { return slices.Contains(of.codes, c) })
}

// sameValue compares what was measured, where a sign or a comparator is no mere punctuation.
func sameValue(a, b string) bool {
	return strings.EqualFold(collapse(a), collapse(b)) || sameNumber(a, b)
}

func (f fact) same(of fact) bool {
	switch {
	case f.member != "":
		return contains(of.node, f.node)
	case f.within != nil && f.within(of.node, f.node):
		return true
	case f.equal != nil:
		return f.equal(f.value, of.value)
	case f.date:
		return sameDay(f.value, of.value)
	}
	return f.value == of.value || f.sameWords(of) || sameNumber(f.value, of.value)
}

func (f fact) sameWords(of fact) bool { return f.folded != "" && f.folded == of.folded }

// differs reports whether both sides say something, and not the same.
func (f fact) differs(of fact) bool {
	if f.name == "Certainty" && f.value == "" && suspicions[of.value] {
		return true
	}
	return !f.title && !f.gathers && f.value != "" && of.value != "" && !f.same(of)
}

// sameNumber compares quantities: "5.0 mmol/L" is "5 mmol/L".
func sameNumber(a, b string) bool {
	x, unit, _ := strings.Cut(a, " ")
	y, unit2, _ := strings.Cut(b, " ")
	v, err := strconv.ParseFloat(x, 64)
	w, err2 := strconv.ParseFloat(y, 64)
	return err == nil && err2 == nil && v == w && (strings.EqualFold(unit, unit2) || unit == "" || unit2 == "")
}

// describe reads a resource as it is compared; nil for one of a type that is not.
func describe(n *fhir.Node) *thing {
	t := &thing{node: n, group: n.ResourceType()}
	if read, ok := describers[t.group]; ok {
		read(t, n)
	} else {
		return nil
	}
	if t.name != "" {
		t.words = append(t.words, folded(t.name))
	}
	slices.Sort(t.codes)
	t.codes = slices.Compact(t.codes)
	return t
}

var describers = map[string]func(*thing, *fhir.Node){
	"AllergyIntolerance": (*thing).allergy, "MedicationStatement": (*thing).medicine, "MedicationRequest": (*thing).medicine,
	"Condition": (*thing).problem, "Immunization": (*thing).vaccine, "Observation": (*thing).observation, "DiagnosticReport": (*thing).report,
	"Procedure": (*thing).procedure, "Encounter": (*thing).visit, "FamilyMemberHistory": (*thing).family, "Goal": (*thing).goal,
	"CarePlan": (*thing).plan, "ServiceRequest": (*thing).plan, "Appointment": (*thing).plan, "NutritionOrder": (*thing).plan,
	"ImmunizationRecommendation": (*thing).plan, "Device": (*thing).device, "DeviceUseStatement": (*thing).device,
	"DocumentReference": (*thing).note,
}

// concept takes the codes and the words of a concept.
func (t *thing) concept(n *fhir.Node) {
	if t.name == "" {
		t.name = words(n)
	}
	for c := range n.Get("coding").Items() {
		t.coded(c.Get("system").Text(), c.Get("code").Text(), words(n))
	}
}

// coded takes a code. One that stands where there is none is the same of everything; one of no system is another
// clinic's number, and the same only under the same name.
func (t *thing) coded(system, code, name string) {
	switch {
	case noCode[strings.ToLower(strings.TrimSpace(code))]:
	case system == "":
		t.codes = append(t.codes, "|"+code+"|"+folded(name))
	default:
		t.codes = append(t.codes, system+"|"+code)
	}
}

// noCode are what systems write as a code where they have none.
var noCode = map[string]bool{"": true, "unknown": true, "unk": true, "unspecified": true, "other": true, "oth": true, "none": true, "n/a": true, "na": true, "ni": true, "nil": true,
	"null": true, "nullflavor": true, "nocode": true, "no code": true, "-": true, "0": true}

// words returns how a concept reads.
func words(n *fhir.Node) string { return chart.Words(n) }

func (t *thing) fact(f fact) {
	if f.folded == "" && f.equal == nil && !f.date { // once, not for each entry that it is held to
		f.folded = folded(f.value)
	}
	t.facts = append(t.facts, f)
}

func code(n *fhir.Node) string { return n.Path("coding.0.code").Text() }

// first returns the first text that is not empty.
func first(nodes ...*fhir.Node) string {
	for _, n := range nodes {
		if s := n.Text(); s != "" {
			return s
		}
	}
	return ""
}

func (t *thing) allergy(n *fhir.Node) {
	t.concept(n.Get("code"))
	if t.name == "" {
		t.concept(n.Path("reaction.0.substance"))
	}
	var list []drug.Coding
	for c := range n.Path("code.coding").Items() {
		list = append(list, drug.Coding{System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: c.Get("display").Text()})
	}
	if found, whole := drug.Recognise(t.name, list); whole {
		t.codes = append(t.codes, "agent|"+ingredients(found))
	} else if a, ok := allergen.Find(t.name); ok {
		t.codes = append(t.codes, "agent|"+strings.ToLower(a.Text))
	}
	clinical, verified := code(n.Get("clinicalStatus")), code(n.Get("verificationStatus"))
	var codes []string
	for _, c := range list {
		codes = append(codes, c.Code)
	}
	denied := allergen.DenialOf(codes, t.name)
	t.none, t.part, t.medicines = denied != allergen.NotDenied, denied > allergen.DeniesAll, denied == allergen.DeniesMedicines
	for x := range n.Get("category").Items() {
		t.medicines = t.medicines || !t.none && x.Text() == "medication"
	}
	if a, ok := allergen.Find(t.name); ok && !t.none {
		t.medicines = t.medicines || a.Category == "medication"
	}
	t.now = !t.none && clinical != "inactive" && clinical != "resolved" && verified != "refuted"
	t.loose = true
	t.cause = rx.CauseOf(rx.Allergy{Text: t.name, Codings: list})
	var reactions []string
	for r := range n.Get("reaction").Items() {
		for m := range r.Get("manifestation").Items() {
			if w := words(m); w != undescribed {
				reactions = append(reactions, w)
			}
		}
	}
	slices.Sort(reactions)
	t.fact(fact{name: "Substance", value: t.name, title: true})
	has := n.Get("reaction")
	t.fact(fact{name: "Reaction", value: strings.Join(slices.Compact(reactions), ", "), weighs: true, node: has, within: allManifest})
	t.fact(fact{name: "Severity", value: severitiesOf(n), weighs: true, node: has, within: allSevere})
	t.fact(fact{name: "Certainty", value: certainty(verified), usual: "confirmed"})
	t.fact(fact{name: "Criticality", value: n.Get("criticality").Text()})
	t.fact(fact{name: "Status", value: map[bool]string{true: "active", false: cmp.Or(clinical, verified)}[t.now || t.none]})
	t.fact(fact{name: "Since", value: first(n.Get("onsetDateTime"), n.Path("onsetPeriod.start")), date: true})
}

// severitiesOf are those of the reactions: of each, where they are not the same.
func severitiesOf(n *fhir.Node) string {
	var all, each []string
	for r := range n.Get("reaction").Items() {
		s := r.Get("severity").Text()
		if s == "" {
			continue
		}
		var of []string
		for m := range r.Get("manifestation").Items() {
			of = append(of, words(m))
		}
		all, each = append(all, s), append(each, strings.TrimSpace(strings.Join(of, ", ")+" "+s))
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 1 {
		return all[0]
	}
	slices.Sort(each)
	return strings.Join(each, "; ")
}

// certainty is how sure an entry is, where it says so: what is refuted or in error has a status of its own.
func certainty(verified string) string {
	if verified == "refuted" || verified == "entered-in-error" {
		return ""
	}
	return verified
}

func ingredients(list []drug.Ingredient) string {
	var out []string
	for _, i := range list {
		out = append(out, i.Name)
	}
	slices.Sort(out)
	return strings.Join(out, "+")
}

func (t *thing) medicine(n *fhir.Node) {
	t.group = medicines
	m := medication.FromResource(n, nil)
	t.name = m.Text
	for _, c := range m.Codings {
		t.coded(c.System, c.Code, t.name)
	}
	if found, whole := m.Ingredients(); whole {
		t.codes = append(t.codes, "ingredient|"+ingredients(found))
	}
	t.none = strings.HasPrefix(folded(t.name), "no known ") || slices.Contains(t.codes, chart.SNOMED+"|787481004")
	t.now = !t.none && m.Status != "stopped" && m.Status != "completed" && m.Status != "cancelled" && m.Status != "not-taken"
	dosage := n.Get("dosageInstruction")
	if dosage == nil {
		dosage = n.Get("dosage")
	}
	dose, often := doseIn(m, dosage.At(0)), oftenIn(m, dosage.At(0))
	directions, more, contrary := directionsIn(dosage)
	status := map[bool]string{true: "taken", false: cmp.Or(map[string]string{"stopped": "stopped", "not-taken": "not taken", "completed": "finished"}[m.Status], m.Status)}[t.now]
	switch {
	case m.Doubtful():
		status = "not known whether still taken"
	case m.Planned() || m.Status == "draft":
		status = "planned"
	}
	t.fact(fact{name: "Medicine", value: m.Text, title: true})
	t.fact(fact{name: "Strength", value: strength(m.Strength()), weighs: true})
	t.fact(fact{name: "Dose", value: dose, weighs: true})
	t.fact(fact{name: "How often", value: often, weighs: true})
	most := dosage.At(0).Get("maxDosePerPeriod")
	t.fact(fact{name: "At most", value: strings.TrimSpace(amount(most.Get("numerator")) + " " + amount(most.Get("denominator"))), weighs: true})
	switch {
	case more:
		t.fact(fact{name: "Directions", value: directions, weighs: true, otherwise: true, equal: func(a, b string) bool {
			return sameWords(a, b) || !contrary && b != "" && beyond(a) == beyond(b)
		}})
	case dose == "" && often == "":
		t.fact(fact{name: "Directions", value: m.Directions})
	default:
		t.fact(fact{name: "Directions"})
	}
	t.fact(fact{name: "Route", value: m.Route, folded: route(m.Route)})
	t.fact(fact{name: "Status", value: status})
	t.fact(fact{name: "Since", value: cmp.Or(m.StartAs, m.AuthoredAs), date: true, equal: anyDay})
	ended := dayOf(m.End)
	if ended == "" {
		ended = m.EndedAs
	}
	t.fact(fact{name: "Stopped on", value: ended, date: true, weighs: true})
}

// doseIn is how much is taken at a time: "1 tablet", "2 to 4 tablet", "1 inhalation at 2 to 4 L/min".
func doseIn(m medication.Medicine, d *fhir.Node) string {
	rate, said := d.Path("doseAndRate.0"), ""
	switch rng := rate.Get("doseRange"); {
	case m.Dose > 0:
		said = drug.Count(m.Dose, strings.Trim(m.Unit, "{}"))
	case rng != nil:
		said = rangeText(rng)
	}
	for _, at := range []string{amount(rate.Get("rateQuantity")), rangeText(rate.Get("rateRange"))} {
		if at != "" {
			said = strings.TrimSpace(said + " at " + at)
		}
	}
	return said
}

// oftenIn is how often something is taken: "twice daily", "every 4 to 6 hours", "at bedtime as needed for pain".
func oftenIn(m medication.Medicine, d *fhir.Node) string {
	repeat := d.Path("timing.repeat")
	var said []string
	period, most := repeat.Get("period").Text(), repeat.Get("periodMax").Text()
	times := repeat.Get("frequency").Text()
	if top := repeat.Get("frequencyMax").Text(); top != "" && top != times {
		times += " to " + top
	}
	name := ""
	if most == "" && !strings.Contains(times, " ") && float64(m.Period) == number64(repeat.Get("period")) {
		name = drug.TimingName(m.Frequency, m.Period, m.PeriodUnit)
	}
	unit, known := periods[repeat.Get("periodUnit").Text()]
	switch {
	case m.Frequency == 0:
	case name != "":
		said = append(said, name)
	case known:
		if most != "" && most != period {
			period += " to " + most
		}
		if period = "every " + period + " " + unit[1]; times != "" && times != "1" {
			period = times + " times " + period
		}
		said = append(said, period)
	default:
		said = append(said, times+" times")
	}
	offset := repeat.Get("offset").Text()
	if offset != "" {
		said = append(said, offset+" minutes")
	}
	for w := range repeat.Get("when").Items() {
		event := cmp.Or(eventWords[w.Text()], w.Text())
		if offset != "" {
			event = fromThen(event)
		}
		said = append(said, event)
	}
	for _, list := range []*fhir.Node{repeat.Get("dayOfWeek"), repeat.Get("timeOfDay")} {
		for w := range list.Items() {
			said = append(said, w.Text())
		}
	}
	if m.AsNeeded {
		said = append(said, "as needed")
		if need := words(d.Get("asNeededCodeableConcept")); need != "" {
			said = append(said, "for "+need)
		}
	}
	return strings.Join(said, " ")
}

func number64(n *fhir.Node) float64 {
	v, _ := n.Float()
	return v
}

// directionsIn returns the directions in words, of all doses that follow one another; more tells that they say more
// than the dose and the time, and contrary that they say something else.
func directionsIn(dosage *fhir.Node) (text string, more, contrary bool) {
	d := dosage.At(0)
	written := first(d.Get("text"), d.Get("patientInstruction"))
	said := []string{written}
	for i := 1; i < dosage.Len(); i++ {
		if t := dosage.At(i).Get("text").Text(); !strings.Contains(written, t) {
			said = append(said, t)
		}
		more = true
	}
	text = strings.TrimSpace(strings.Join(said, ", "))
	for _, t := range []string{d.Get("patientInstruction").Text(), words(d.Path("additionalInstruction.0"))} {
		if t != "" && !strings.Contains(text, t) {
			text = strings.TrimSpace(text + " " + t)
		}
	}
	if len(text) > maxDirections {
		return text, true, true
	}
	contrary = against(written, d)
	return text, more || contrary || weighty.MatchString(beyond(text)), contrary
}

// anyDay holds no difference of days against a medicine: one says when it was begun, the other when it was renewed.
func anyDay(string, string) bool { return true }

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// strength is one as both sides write it: "20 mg" for "20 MG".
func strength(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// route folds a route, so that "Oral route" and "by mouth" are the same.
func route(s string) string {
	switch s = strings.TrimSuffix(strings.TrimSuffix(folded(s), " route"), " use"); {
	case s == "by mouth" || s == "oral" || s == "po":
		return "oral"
	case strings.HasPrefix(s, "inhal") || strings.HasPrefix(s, "respirat") || s == "oral inhalation":
		return "inhaled"
	}
	return s
}

func (t *thing) problem(n *fhir.Node) {
	t.concept(n.Get("code"))
	for c := range n.Path("code.coding").Items() {
		p, ok := problem.Problem{}, false
		switch c.Get("system").Text() {
		case chart.ICD10CM:
			p, ok = problem.ByICD(c.Get("code").Text())
		case chart.SNOMED:
			p, ok = problem.BySNOMED(c.Get("code").Text())
		}
		if ok {
			t.codes = append(t.codes, "problem|"+p.ICD)
		}
	}
	clinical := code(n.Get("clinicalStatus"))
	ended := first(n.Get("abatementDateTime"), n.Path("abatementPeriod.end"), n.Get("abatementString"))
	t.now = (clinical == "active" || clinical == "recurrence" || clinical == "relapse" || clinical == "" && ended == "") && code(n.Get("verificationStatus")) != "refuted"
	t.none = slices.Contains(t.codes, chart.SNOMED+"|"+problem.NoneKnown) || strings.HasPrefix(folded(t.name), "no known ")
	t.now = t.now && !t.none
	t.loose = true
	t.fact(fact{name: "Problem", value: t.name, title: true})
	t.fact(fact{name: "Certainty", value: certainty(code(n.Get("verificationStatus"))), usual: "confirmed"})
	t.fact(fact{name: "Status", value: map[bool]string{true: "active", false: cmp.Or(clinical, "over")}[t.now]})
	t.fact(fact{name: "Since", value: first(n.Get("onsetDateTime"), n.Path("onsetPeriod.start"), n.Get("onsetString")), date: n.Get("onsetString") == nil, weighs: true})
	t.fact(fact{name: "Until", value: ended, date: n.Get("abatementString") == nil})
}

func (t *thing) vaccine(n *fhir.Node) {
	t.concept(n.Get("vaccineCode"))
	t.event, t.daily, t.now = true, true, true
	t.date = n.Get("occurrenceDateTime").Text()
	t.fact(fact{name: "Vaccine", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Lot", value: n.Get("lotNumber").Text()})
	t.fact(fact{name: "Status", value: n.Get("status").Text()})
}

func (t *thing) observation(n *fhir.Node) {
	if v := n.Get("valueCodeableConcept"); isAssertion(n.Get("code")) && words(v) != "" { // it is of what it asserts
		t.concept(v)
	} else {
		t.measured(n.Get("code"))
	}
	t.event = true
	t.date = first(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Get("effectiveInstant"), n.Get("issued"))
	t.fact(fact{name: "Name", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Value", value: value(n), weighs: true, equal: sameValue})
	t.fact(fact{name: "Status", value: n.Get("status").Text(), equal: sameStanding, usual: "final"})
	for _, f := range besides(n) {
		t.fact(f)
	}
	for c := range n.Get("component").Items() {
		if name := words(c.Get("code")); name != "" {
			t.fact(fact{name: name, value: value(c), weighs: true, equal: sameValue})
		}
	}
}

// besides is what an Observation or a component of one says about its value, which is no difference.
func besides(n *fhir.Node) []fact {
	return []fact{{name: "Reference range", value: span(n), equal: anyDay}, {name: "Interpretation", value: words(n.Path("interpretation.0")), equal: anyDay}}
}

// value is what an Observation or a component of one says.
func value(n *fhir.Node) string {
	if q := n.Get("valueQuantity"); q != nil {
		return strings.TrimSpace(q.Get("comparator").Text() + q.Get("value").Text() + " " + cmp.Or(q.Get("unit").Text(), q.Get("code").Text()))
	}
	for name, v := range n.Members() {
		switch {
		case name == "valueCodeableConcept":
			return words(v)
		case name == "valueRange":
			return v.Path("low.value").Text() + " - " + v.Path("high.value").Text() + " " + first(v.Path("high.unit"), v.Path("low.unit"))
		case name == "valueRatio":
			return v.Path("numerator.value").Text() + ":" + v.Path("denominator.value").Text()
		case name == "valuePeriod":
			return v.Get("start").Text()
		case strings.HasPrefix(name, "value") && v.Kind() != fhir.Object && v.Kind() != fhir.Array:
			return v.Text()
		}
	}
	return words(n.Get("dataAbsentReason"))
}

// parts puts the values of a panel beside its name.
func (t *thing) parts(parts []*fhir.Node) {
	for _, p := range parts {
		t.analyte(p.Get("code"), p)
		for c := range p.Get("component").Items() {
			t.analyte(c.Get("code"), c)
		}
	}
}

// results puts the Observations of a report beside it, as far as they can be read; what cannot is no value that
// is the same as another.
func (t *thing) results(observations map[string]*fhir.Node) {
	var parts []*fhir.Node
	for ref := range t.node.Get("result").Items() {
		to := ref.Get("reference").Text()
		n := observations[to]
		for c := range t.node.Get("contained").Items() {
			if to == "#"+c.ID() && c.ResourceType() == "Observation" {
				n = c
			}
		}
		if n != nil && n.Get("status").Text() != "entered-in-error" {
			parts = append(parts, n)
			t.of = append(t.of, n.Reference()+"/"+n.Path("meta.versionId").Text())
		}
	}
	t.parts(parts)
}

// measured takes the codes and the words of what is measured.
func (t *thing) measured(n *fhir.Node) {
	t.concept(n)
	for c := range n.Get("coding").Items() {
		if test, ok := labrange.Find(c.Get("code").Text()); ok && c.Get("system").Text() == chart.LOINC {
			t.codes = append(t.codes, "test|"+test.LOINC)
		}
	}
}

// span is the range within which a value is usual: "135 - 145 mmol/L".
func span(n *fhir.Node) string {
	r := n.Path("referenceRange.0")
	low, high := r.Path("low.value").Text(), r.Path("high.value").Text()
	unit := first(r.Path("high.unit"), r.Path("low.unit"))
	switch {
	case low != "" && high != "":
		return strings.TrimSpace(low + " - " + high + " " + unit)
	case low != "":
		return strings.TrimSpace("≥ " + low + " " + unit)
	case high != "":
		return strings.TrimSpace("≤ " + high + " " + unit)
	}
	return r.Get("text").Text()
}

func (t *thing) report(n *fhir.Node) {
	t.concept(n.Get("code"))
	t.event = true
	t.date = first(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Get("issued"))
	t.fact(fact{name: "Name", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Status", value: n.Get("status").Text(), equal: sameStanding, usual: "final"})
	t.fact(fact{name: "Conclusion", value: n.Get("conclusion").Text()})
}

// sameStanding reports whether two results stand alike: final, or as it was corrected since; or the same otherwise.
func sameStanding(a, b string) bool {
	final := []string{"final", "amended", "corrected", "appended"}
	return a == b || slices.Contains(final, a) && slices.Contains(final, b)
}

func (t *thing) procedure(n *fhir.Node) {
	t.concept(n.Get("code"))
	t.event, t.daily = true, true
	t.date = first(n.Get("performedDateTime"), n.Path("performedPeriod.start"), n.Get("performedString"))
	t.fact(fact{name: "Procedure", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Status", value: n.Get("status").Text()})
}

func (t *thing) visit(n *fhir.Node) {
	for c := range n.Get("type").Items() {
		t.concept(c)
	}
	t.event, t.daily = true, true
	t.date = n.Path("period.start").Text()
	t.name = cmp.Or(t.name, words(n.Path("reasonCode.0")), n.Path("class.display").Text(), n.Path("class.code").Text())
	if len(t.date) >= len(time.DateOnly) { // a visit of the same day may be the same
		t.words = append(t.words, t.date[:len(time.DateOnly)])
	}
	t.fact(fact{name: "Visit", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Until", value: n.Path("period.end").Text(), date: true})
	t.fact(fact{name: "Reason", value: words(n.Path("reasonCode.0"))})
}

func (t *thing) family(n *fhir.Node) {
	relation := cmp.Or(code(n.Get("relationship")), folded(words(n.Get("relationship"))))
	t.name = words(n.Get("relationship"))
	var list []string
	for c := range n.Get("condition").Items() {
		list = append(list, words(c.Get("code")))
		for x := range c.Path("code.coding").Items() {
			t.codes = append(t.codes, relation+"/"+x.Get("system").Text()+"|"+x.Get("code").Text())
		}
	}
	slices.Sort(list)
	t.fact(fact{name: "Relative", value: t.name, title: true})
	t.fact(fact{name: "Conditions", value: strings.Join(list, ", "), weighs: true})
	t.fact(fact{name: "Died", value: first(n.Get("deceasedDate"), n.Path("deceasedAge.value"), n.Get("deceasedBoolean"))})
}

func (t *thing) goal(n *fhir.Node) {
	t.concept(n.Get("description"))
	t.fact(fact{name: "Goal", value: t.name, title: true})
	t.fact(fact{name: "In words", value: n.Path("description.text").Text(), gathers: true})
	t.fact(fact{name: "Status", value: n.Get("lifecycleStatus").Text()})
	t.fact(fact{name: "Since", value: n.Get("startDate").Text(), date: true})
	t.fact(fact{name: "Due", value: n.Path("target.0.dueDate").Text(), date: true})
}

func (t *thing) plan(n *fhir.Node) {
	for _, name := range []string{"code", "serviceType", "vaccineCode", "oralDiet"} {
		t.concept(n.Get(name).At(0))
	}
	t.name = cmp.Or(t.name, n.Get("title").Text(), n.Get("description").Text())
	t.event, t.daily = true, true
	t.date = first(n.Get("occurrenceDateTime"), n.Path("occurrencePeriod.start"), n.Path("period.start"), n.Get("start"), n.Get("authoredOn"), n.Get("date"))
	status := n.Get("status").Text()
	if n.Get("doNotPerform").True() {
		status = "not to be done"
	}
	t.fact(fact{name: "Plan", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Status", value: status})
}

func (t *thing) device(n *fhir.Node) {
	t.concept(n.Get("type"))
	if n.ResourceType() == "DeviceUseStatement" {
		for c := range n.Get("contained").Items() {
			t.concept(c.Get("type"))
			t.carrier(c)
		}
		t.name = cmp.Or(t.name, n.Path("device.display").Text())
	}
	t.name = cmp.Or(t.name, n.Path("deviceName.0.name").Text())
	t.carrier(n)
	t.fact(fact{name: "Device", value: t.name, title: true})
	t.fact(fact{name: "Date", value: first(n.Get("timingDateTime"), n.Path("timingPeriod.start"), n.Get("recordedOn"), n.Get("manufactureDate")), date: true})
	t.fact(fact{name: "Serial number", value: n.Get("serialNumber").Text()})
	t.fact(fact{name: "Status", value: n.Get("status").Text()})
}

// note is a text that somebody has written.
func (t *thing) note(n *fhir.Node) {
	t.concept(n.Get("type"))
	t.event, t.date = true, first(n.Get("date"), n.Path("content.0.attachment.creation"))
	t.fact(fact{name: "Note", value: t.name, title: true})
	t.fact(fact{name: "Date", value: t.date, date: true})
	t.fact(fact{name: "Author", value: n.Path("author.0.display").Text()})
}

// carrier takes the number that no other device has.
func (t *thing) carrier(n *fhir.Node) {
	for c := range n.Get("udiCarrier").Items() {
		if udi := first(c.Get("carrierHRF"), c.Get("deviceIdentifier")); udi != "" {
			t.codes = append(t.codes, "udi|"+udi)
		}
	}
}
