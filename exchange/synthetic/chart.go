package synthetic

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
)

// chart grows the record of one patient.
type chart struct {
	dice
	world     *world
	person    person
	id        string
	patient   *fhir.Node
	doctor    *staff
	account   *Account
	resources []*fhir.Node

	height         float64 // cm, of the adult
	weight         float64 // kg, today
	sys, dia       float64 // what the pressure is without any course
	pulse, spo2    float64
	levels         map[string]float64 // what a test would show today
	exact          map[string]float64 // what it shows to the digit, for told stories
	problems       map[string]*fhir.Node
	medicines      map[string]*order // active orders by text
	allergies      map[string]bool   // classes to avoid: penicillin, sulfonamide, nsaid
	courses        []step
	home           string // social facts, in words
	kinName        string
	kinWord        string
	visits         int
	lastVisit      time.Time
	answered       time.Time // when the laboratory sent the latest results
	encounters     []*fhir.Node
	latestReport   *fhir.Node // report or single result of the last laboratory order
	latestResults  map[string]*fhir.Node
	earlier        map[string]float64 // the value before the latest one
	seen           map[string]float64 // the latest value
	smokes, smoked bool
	told           bool // has a story of its own and is not used to fill the day
}

// order is a prescription that runs.
type order struct {
	node    *fhir.Node
	what    medicine
	why     *fhir.Node
	written time.Time
}

// step is what a course does at a visit.
type step func(v *visit)

// chart starts the record of a person: who, insurance, body, habits.
func (w *world) chart(stream uint64, who func(d dice) person) *chart {
	c := &chart{dice: newDice(w.seed, stream+1), world: w, levels: map[string]float64{}, exact: map[string]float64{}, problems: map[string]*fhir.Node{},
		medicines: map[string]*order{}, allergies: map[string]bool{}, latestResults: map[string]*fhir.Node{},
		earlier: map[string]float64{}, seen: map[string]float64{}}
	p := who(c.dice)
	c.person = p
	if p.doctor < 0 {
		p.doctor = c.IntN(len(w.doctors))
		if c.age(w.today) < 17 {
			p.doctor = 1
		}
	}
	c.doctor = w.doctors[p.doctor]
	c.enroll(p)
	c.insure()
	c.embody()
	return c
}

func (c *chart) embody() {
	c.height, c.weight = c.near(176, 6), c.near(80, 9)
	c.levels["creatinine"], c.levels["hb"] = c.near(82, 6), c.near(148, 6)
	if c.person.female {
		c.height, c.weight = c.near(163, 6), c.near(68, 8)
		c.levels["creatinine"], c.levels["hb"] = c.near(66, 5), c.near(133, 5)
		c.levels["ferritin"] = c.near(60, 15)
	}
	c.sys, c.dia = c.near(119, 5), c.near(74, 4)
	c.pulse, c.spo2 = c.near(72, 5), c.near(98, .6)
	c.smokes = c.chance(.09)
	c.smoked = !c.smokes && c.chance(.2)
	c.home = pick(c.dice, "Lives with "+c.kinWord+".", "Lives with family.", "Lives alone, "+c.kinName+" calls most days.", "Lives with "+c.kinName+" and a dog.")
}

func (c *chart) emit(n *fhir.Node) *fhir.Node {
	c.resources = append(c.resources, n)
	return n
}

func (c *chart) ref() *fhir.Node { return fhir.Obj("reference", "Patient/"+c.id) }

func (c *chart) refNamed() *fhir.Node {
	return named("Patient/"+c.id, c.person.given+" "+c.person.family)
}

func (c *chart) age(at time.Time) int { return years(c.person.born, at) }

// ago is a working day about n days before today, at a clinic hour.
func (c *chart) ago(n int) time.Time {
	t := c.world.today.AddDate(0, 0, -n)
	return clinicHours(t, c.between(0, 23))
}

// clinicHours moves a time to a working day at or before it, in a twenty-minute slot from 8:30.
func clinicHours(t time.Time, slot int) time.Time {
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		t = t.AddDate(0, 0, -1)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 8, 30+20*slot, 0, 0, t.Location())
}

// diagnose adds a problem to the list once, and returns it.
func (c *chart) diagnose(p problem, at time.Time) *fhir.Node {
	if n := c.problems[p.text]; n != nil {
		return n
	}
	return c.condition(p, "problem-list-item", at, at)
}

// known adds a problem that began elsewhere, before the clinic knew the patient.
func (c *chart) known(p problem, onset, recorded time.Time) *fhir.Node {
	if n := c.problems[p.text]; n != nil {
		return n
	}
	return c.condition(p, "problem-list-item", onset, recorded)
}

func (c *chart) condition(p problem, category string, onset, recorded time.Time) *fhir.Node {
	n := c.conditionNode(p, category, onset, recorded)
	c.problems[p.text] = n
	return c.emit(n)
}

func (c *chart) conditionNode(p problem, category string, onset, recorded time.Time) *fhir.Node {
	return set(resource(c.dice, "Condition"),
		"clinicalStatus", bare("condition-clinical", "active"), "verificationStatus", bare("condition-ver-status", "confirmed"),
		"category", fhir.Arr(bare("condition-category", category)),
		"code", concept(p.text, code{icd10cm, p.icd, p.icdText}, code{snomed, p.snomed, p.snomedText}),
		"subject", c.ref(), "onsetDateTime", day(onset), "recordedDate", moment(recorded), "recorder", c.doctor.reference())
}

// resolve closes a problem.
func (c *chart) resolve(p problem, at time.Time) {
	if n := c.problems[p.text]; n != nil {
		n.Set("clinicalStatus", bare("condition-clinical", "resolved"))
		n.SetFirst(indexOf(n, "recordedDate"), "abatementDateTime", fhir.Str(day(at)))
	}
}

func indexOf(n *fhir.Node, name string) int {
	i := 0
	for member := range n.Members() {
		if member == name {
			break
		}
		i++
	}
	return i
}

// allergy is a substance, how to find it, and what it did.
type allergy struct {
	text, category string
	code           code
	reaction       string
	severity       string // mild, moderate, severe
	high           bool   // criticality
	class          string // what courses must avoid
}

var allergyList = []allergy{
	{"penicillin", "medication", code{snomed, "373270004", "Substance with penicillin structure and antibacterial mechanism of action"}, "anaphylaxis", "severe", true, "penicillin"},
	{"penicillin", "medication", code{snomed, "373270004", "Substance with penicillin structure and antibacterial mechanism of action"}, "rash", "mild", false, "penicillin"},
	{"sulfonamide antibiotics", "medication", code{snomed, "387406002", "Sulfonamide"}, "rash", "moderate", false, "sulfonamide"},
	{"codeine", "medication", code{rxnorm, "2670", "codeine"}, "vomiting", "moderate", false, ""},
	{"ibuprofen", "medication", code{rxnorm, "5640", "ibuprofen"}, "wheeze", "severe", true, "nsaid"},
	{"aspirin", "medication", code{rxnorm, "1191", "aspirin"}, "swelling of the lips", "severe", true, "nsaid"},
	{"peanut", "food", code{snomed, "762952008", "Peanut"}, "hives and swelling", "severe", true, ""},
	{"latex", "environment", code{snomed, "111088007", "Latex"}, "contact rash", "mild", false, ""},
	{"cat hair", "environment", code{}, "sneezing and itchy eyes", "mild", false, ""},
	{"erythromycin", "medication", code{rxnorm, "4053", "erythromycin"}, "stomach cramps", "mild", false, "macrolide"},
}

func (c *chart) allergic(a allergy, at time.Time) {
	c.allergies[a.class] = true
	kind, criticality := "allergy", "low"
	if a.reaction == "vomiting" || a.reaction == "stomach cramps" {
		kind = "intolerance"
	}
	if a.high {
		criticality = "high"
	}
	c.emit(set(resource(c.dice, "AllergyIntolerance"),
		"clinicalStatus", bare("allergyintolerance-clinical", "active"), "verificationStatus", bare("allergyintolerance-verification", "confirmed"),
		"type", kind, "category", fhir.Arr(a.category), "criticality", criticality, "code", concept(a.text, a.code),
		"patient", c.ref(), "recordedDate", moment(at), "recorder", c.doctor.reference(),
		"reaction", fhir.Arr(fhir.Obj("manifestation", fhir.Arr(concept(a.reaction)), "severity", a.severity))))
}

func (c *chart) noAllergies(at time.Time) {
	c.emit(set(resource(c.dice, "AllergyIntolerance"),
		"clinicalStatus", bare("allergyintolerance-clinical", "active"), "verificationStatus", bare("allergyintolerance-verification", "confirmed"),
		"code", concept("No known allergies", code{snomed, "716186003", "No known allergy"}),
		"patient", c.ref(), "recordedDate", moment(at), "recorder", c.doctor.reference()))
}

// askAllergies draws: three in ten have one or two, most others none, a few were never asked.
func (c *chart) askAllergies(at time.Time) {
	switch x := c.Float64(); {
	case x < .3:
		i := c.IntN(len(allergyList))
		c.allergic(allergyList[i], at)
		if j := c.IntN(len(allergyList)); c.chance(.2) && allergyList[j].text != allergyList[i].text {
			c.allergic(allergyList[j], at)
		}
	case x < .92:
		c.noAllergies(at)
	}
}

// level returns what a test shows now: around the patient's own level when a course or an
// earlier draw has set one, around the healthy mean otherwise.
func (c *chart) level(key string, at time.Time) float64 {
	t := tests[key]
	switch key {
	case "egfr":
		return math.Min(120, labrange.EGFR(c.seen["creatinine"], c.person.female, c.age(at)))
	case "cholesterol":
		return c.seen["ldl"] + c.seen["hdl"] + c.seen["trig"]/2.2
	}
	if v, ok := c.exact[key]; ok {
		return v
	}
	base, ok := c.levels[key]
	if !ok {
		base = c.near(t.mean, t.sd)
		c.levels[key] = base
	}
	return math.Max(c.near(base, .018*base), math.Pow(10, -float64(t.digits)))
}

// pregnancyTest and other qualitative findings are plain text results.
func (c *chart) finding(text, value string, lo code, at time.Time, encounter *fhir.Node, abnormal bool) *fhir.Node {
	n := set(resource(c.dice, "Observation"), "status", "final",
		"category", fhir.Arr(bare("observation-category", "laboratory")), "code", concept(text, lo),
		"subject", c.ref(), "encounter", encounter, "effectiveDateTime", moment(at), "issued", moment(at),
		"performer", fhir.Arr(c.world.nurses[0].reference()), "valueString", value)
	if abnormal {
		n.Set("interpretation", fhir.Arr(bare("v3-ObservationInterpretation", "A")))
	}
	return n
}

// drugList names the active medicines in one line, sorted.
func (c *chart) drugList() string {
	var list []string
	for text := range c.medicines {
		list = append(list, text)
	}
	sort.Strings(list)
	switch len(list) {
	case 0:
		return "No regular medicines."
	case 1:
		return "Takes " + list[0] + "."
	}
	return fmt.Sprintf("Takes %d regular medicines, list checked.", len(list))
}
