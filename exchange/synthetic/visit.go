package synthetic

import (
	"math"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// visit is one encounter while it is being written.
type visit struct {
	*chart
	at          time.Time
	encounterID string
	kind        string // "Follow-up", "Well-child visit"
	reason      string
	title       string
	level       string // fee code of the visit
	author      *staff

	sys, dia, pulse, temp, resp, spo2, kg, cm, head float64
	vitals                                          bool

	assessment, plan, subjective, objective []string
	diagnoses                               []*fhir.Node
	linked                                  []*fhir.Node // results and vital signs that the note cites
	after                                   []*fhir.Node // resources that refer to the encounter
	charges                                 []charge
}

type charge struct {
	fee string
}

// begin opens a visit. Courses then speak, and close writes it down.
func (c *chart) begin(at time.Time, kind, reason, fee string) *visit {
	v := &visit{chart: c, at: at, encounterID: c.dice.id(), kind: kind, reason: reason, title: kind, level: fee, author: c.doctor, vitals: true}
	progress := math.Max(0, c.world.today.Sub(at).Hours()/24/365)
	v.sys, v.dia, v.pulse = c.near(c.sys, 4), c.near(c.dia, 3), c.near(c.pulse, 4)
	v.temp, v.resp, v.spo2 = c.near(36.7, .15), c.near(15, 1), math.Min(100, c.near(c.spo2, .5))
	v.kg, v.cm = c.weight-progress*.5+c.near(0, .6), c.height
	if c.age(at) < 19 {
		v.grow()
	}
	return v
}

// encounter is a reference to the visit.
func (v *visit) encounter() *fhir.Node { return fhir.Obj("reference", "Encounter/"+v.encounterID) }

// assess adds a problem's paragraph to the note and its diagnosis to the visit.
func (v *visit) assess(n *fhir.Node, text, plan string) {
	v.diagnoses = append(v.diagnoses, n)
	v.assessment = append(v.assessment, n.Path("code.text").Text()+": "+text)
	if plan != "" {
		v.plan = append(v.plan, plan)
	}
}

func (v *visit) tells(text string) { v.subjective = append(v.subjective, text) }
func (v *visit) finds(text string) { v.objective = append(v.objective, text) }

// bill adds a service beyond the visit itself.
func (v *visit) bill(fee string) { v.charges = append(v.charges, charge{fee: fee}) }

// close writes the visit down: encounter, vital signs, what it led to, note, charges.
func (v *visit) close() {
	c := v.chart
	v.stable()
	c.visits++
	if c.lastVisit.Before(v.at) {
		c.lastVisit = v.at
	}
	age := c.world.today.Sub(v.at).Hours() / 24
	minutes := c.between(12, 24)
	e := set(fhir.New("Encounter"), "id", v.encounterID, "meta", policy.Demonstration.Meta(),
		"status", "finished", "class", fhir.Obj("system", hl7+"v3-ActCode", "code", "AMB", "display", "ambulatory"),
		"type", fhir.Arr(concept(v.kind)), "subject", c.refNamed())
	room := c.world.rooms[2+c.IntN(4)]
	if age < 40 {
		appointment := c.appointment("fulfilled", v.at, 20, v.author, room, v.kind, v.reason, "")
		e.Set("appointment", fhir.Arr(ref(appointment)))
	}
	set(e, "participant", fhir.Arr(fhir.Obj("individual", v.author.reference())),
		"period", fhir.Obj("start", moment(v.at), "end", moment(v.at.Add(time.Duration(minutes)*time.Minute))),
		"reasonCode", fhir.Arr(concept(v.reason)))
	if len(v.diagnoses) > 0 {
		list := fhir.Arr()
		for _, d := range v.diagnoses {
			if d.Get("encounter") == nil {
				list.Append(fhir.Obj("condition", named(d.Reference(), d.Path("code.text").Text())))
			}
		}
		if list.Len() > 0 {
			e.Set("diagnosis", list)
		}
	}
	set(e, "location", fhir.Arr(fhir.Obj("location", named(room.Reference(), room.Get("name").Text()))), "serviceProvider", ref(c.world.clinic))
	c.emit(e)
	c.encounters = append(c.encounters, e)
	if v.vitals {
		v.writeVitals()
	}
	c.resources = append(c.resources, v.after...)
	v.writeNote(minutes)
	if age < 420 {
		v.writeCharges(age)
	}
}

// diagnosis is what the visit is about when it is no long-term problem. It refers to the
// encounter and not the other way round.
func (v *visit) diagnosis(p problem, onset time.Time) *fhir.Node {
	if onset.Before(v.person.born) {
		onset = v.person.born
	}
	n := v.conditionNode(p, "encounter-diagnosis", onset, v.at)
	n.SetFirst(indexOf(n, "onsetDateTime"), "encounter", v.encounter())
	v.after = append(v.after, n)
	return n
}

// stable writes the assessment of a visit at which no course had anything to say.
func (v *visit) stable() {
	if len(v.assessment) > 0 {
		return
	}
	for _, n := range v.chart.resources {
		if n.ResourceType() == "Condition" && n.Path("category.0.coding.0.code").Text() == "problem-list-item" {
			v.assess(n, pick(v.dice, "stable since the last visit.", "no change, no complaints."), "")
			return
		}
	}
	v.assess(v.diagnosis(wellAdult, v.at), "well, nothing to treat.", "Come back in a year, earlier when needed.")
}

// appointment books a patient; a nil room is a patient who is not in one.
func (c *chart) appointment(status string, start time.Time, minutes int, who *staff, room *fhir.Node, kind, reason, comment string) *fhir.Node {
	part := map[string]string{"cancelled": "declined"}[status]
	if part == "" {
		part = "accepted"
	}
	people := fhir.Arr(fhir.Obj("actor", c.refNamed(), "status", part), fhir.Obj("actor", who.reference(), "status", "accepted"))
	if room != nil {
		people.Append(fhir.Obj("actor", named(room.Reference(), room.Get("name").Text()), "status", "accepted"))
	}
	n := set(resource(c.dice, "Appointment"), "status", status)
	if status == "cancelled" {
		n.Set("cancelationReason", concept("Cancelled by the patient"))
	}
	booked := start.AddDate(0, 0, -c.between(2, 30))
	if booked.After(c.world.today) {
		booked = c.world.today.AddDate(0, 0, -c.between(1, 20))
	}
	if booked.Before(c.person.born) {
		booked = start.Add(-2 * time.Hour)
	}
	return c.emit(set(n, "appointmentType", concept(kind), "reasonCode", fhir.Arr(concept(reason)),
		"start", moment(start), "end", moment(start.Add(time.Duration(minutes)*time.Minute)), "minutesDuration", minutes,
		"created", moment(booked), "comment", comment, "participant", people))
}

// vital is one vital sign's name and unit.
type vital struct {
	loinc, display, text, unit, ucum string
	digits                           int
}

var (
	pulseRate  = vital{"8867-4", "Heart rate", "Pulse", "/min", "/min", 0}
	warmth     = vital{"8310-5", "Body temperature", "Temperature", "°C", "Cel", 1}
	breathing  = vital{"9279-1", "Respiratory rate", "Respiration", "/min", "/min", 0}
	saturation = vital{"59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "Oxygen saturation", "%", "%", 0}
	bodyWeight = vital{"29463-7", "Body weight", "Weight", "kg", "kg", 1}
	bodyHeight = vital{"8302-2", "Body height", "Height", "cm", "cm", 1}
	massIndex  = vital{"39156-5", "Body mass index (BMI) [Ratio]", "BMI", "kg/m²", "kg/m2", 1}
	headSize   = vital{"9843-4", "Head Occipital-frontal circumference", "Head circumference", "cm", "cm", 1}
	peakFlow   = vital{"19935-6", "Maximum expiratory gas flow Respiratory system airway by Peak flow meter", "Peak flow", "L/min", "L/min", 0}
)

// measure is a vital sign's Observation without a value. by is who measured.
func (c *chart) measure(k vital, at time.Time, by, encounter *fhir.Node, more ...code) *fhir.Node {
	n := set(resource(c.dice, "Observation"), "status", "final", "category", fhir.Arr(bare("observation-category", "vital-signs")),
		"code", concept(k.text, append([]code{{loinc, k.loinc, k.display}}, more...)...),
		"subject", c.ref())
	if encounter != nil {
		n.Set("encounter", encounter)
	}
	return set(n, "effectiveDateTime", moment(at), "issued", moment(at), "performer", fhir.Arr(by))
}

func (c *chart) vital(k vital, value float64, at time.Time, by, encounter *fhir.Node, more ...code) *fhir.Node {
	return set(c.measure(k, at, by, encounter, more...), "valueQuantity", quantity(value, k.digits, k.unit, k.ucum))
}

func (c *chart) pressure(sys, dia float64, at time.Time, by, encounter *fhir.Node) *fhir.Node {
	k := vital{loinc: "85354-9", display: "Blood pressure panel with all children optional", text: "Blood pressure"}
	part := func(value float64, lo, text string) *fhir.Node {
		return fhir.Obj("code", concept(text, code{loinc, lo, text}), "valueQuantity", quantity(value, 0, "mmHg", "mm[Hg]"))
	}
	return set(c.measure(k, at, by, encounter), "component",
		fhir.Arr(part(sys, "8480-6", "Systolic blood pressure"), part(dia, "8462-4", "Diastolic blood pressure")))
}

func (v *visit) writeVitals() {
	c, at, age := v.chart, v.at.Add(-5*time.Minute), v.age(v.at)
	nurse := pick(c.dice, c.world.nurses...)
	by := func() *fhir.Node { return nurse.reference() }
	add := func(k vital, value float64, more ...code) {
		v.linked = append(v.linked, c.emit(c.vital(k, value, at, by(), v.encounter(), more...)))
	}
	v.sys, v.dia = math.Round(v.sys), math.Round(v.dia)
	if age >= 3 {
		v.linked = append(v.linked, c.emit(c.pressure(v.sys, v.dia, at, by(), v.encounter())))
	}
	add(pulseRate, v.pulse)
	add(bodyWeight, v.kg)
	if age < 19 || c.visits == 1 {
		add(bodyHeight, v.cm)
	}
	if age >= 2 {
		add(massIndex, v.kg/(v.cm*v.cm/10000))
	}
	if age < 2 {
		add(headSize, v.head)
	}
	if age < 19 || v.temp > 37.4 {
		add(warmth, v.temp)
	}
	if v.spo2 < 96 || v.temp > 37.8 || c.spo2 < 96 {
		add(saturation, v.spo2, code{loinc, "2708-6", "Oxygen saturation in Arterial blood"})
		add(breathing, v.resp)
	}
}

// prescribe orders a medicine for a problem, once: a running order of the same text stays.
func (v *visit) prescribe(m medicine, why *fhir.Node) {
	if v.medicines[m.text] == nil {
		v.order(m, why, nil)
	}
}

func (v *visit) order(m medicine, why, prior *fhir.Node) {
	n := set(resource(v.dice, "MedicationRequest"), "status", "active", "intent", "order",
		"medicationCodeableConcept", concept(m.text, code{rxnorm, m.rxnorm, m.text}),
		"subject", v.ref(), "encounter", v.encounter(), "authoredOn", moment(v.at), "requester", v.author.reference(),
		"reasonReference", fhir.Arr(named(why.Reference(), why.Path("code.text").Text())))
	repeat := fhir.Obj("frequency", m.times, "period", m.every, "periodUnit", m.period)
	dosage := fhir.Obj("text", m.sig, "timing", fhir.Obj("repeat", repeat))
	if m.asNeeded {
		dosage.Set("asNeededBoolean", fhir.Bool(true))
	}
	set(dosage, "route", m.routeConcept(), "doseAndRate", fhir.Arr(fhir.Obj("doseQuantity", fhir.Obj("value", decimal(m.dose, 0), "unit", m.unit))))
	set(n, "dosageInstruction", fhir.Arr(dosage), "dispenseRequest", fhir.Obj(
		"validityPeriod", fhir.Obj("start", day(v.at)), "numberOfRepeatsAllowed", m.repeats,
		"quantity", fhir.Obj("value", m.supply, "unit", m.unit),
		"expectedSupplyDuration", quantity(float64(m.days), 0, "days", "d")))
	if prior != nil {
		n.Set("priorPrescription", ref(prior))
	}
	v.medicines[m.text] = &order{n, m, why, v.at}
	v.after = append(v.after, n)
}

func (m medicine) routeConcept() *fhir.Node {
	switch m.route {
	case "inhaled":
		return concept("Inhaled", code{snomed, "447694001", "Respiratory tract route"})
	case "nasal":
		return concept("In the nose", code{snomed, "46713006", "Nasal route"})
	case "skin":
		return concept("On the skin", code{snomed, "6064005", "Topical route"})
	}
	return concept("By mouth", code{snomed, "26643006", "Oral route"})
}

// short prescribes a course of treatment that is over by now, when it is.
func (v *visit) short(m medicine, why *fhir.Node) {
	v.order(m, why, nil)
	n := v.medicines[m.text].node
	if v.at.AddDate(0, 0, m.days).Before(v.world.today) {
		n.Set("status", fhir.Str("completed"))
		delete(v.medicines, m.text)
	}
}

// stop ends a running order and says why.
func (v *visit) stop(m medicine, reason string) {
	o := v.medicines[m.text]
	if o == nil {
		return
	}
	o.node.Set("status", fhir.Str("stopped"))
	o.node.SetFirst(indexOf(o.node, "intent"), "statusReason", concept(reason))
	delete(v.medicines, m.text)
}

// renew writes again what runs longer than its repeats reach.
func (v *visit) renew() {
	var due []*order
	for _, o := range v.medicines {
		if v.at.Sub(o.written) > time.Duration(o.what.days*(o.what.repeats+1)-20)*24*time.Hour {
			due = append(due, o)
		}
	}
	sortOrders(due)
	for _, o := range due {
		o.node.Set("status", fhir.Str("completed"))
		v.order(o.what, o.why, o.node)
	}
	if len(due) > 0 {
		v.plan = append(v.plan, pick(v.dice, "Repeat prescriptions renewed.", "Medicines reviewed and renewed.", "Long-term medicines renewed for the year."))
	}
}

func (v *visit) writeCharges(age float64) {
	c := v.chart
	v.charges = append([]charge{{fee: v.level}}, v.charges...)
	reasons := func() *fhir.Node {
		list := fhir.Arr()
		for i, d := range v.diagnoses {
			if icd := d.Path("code.coding.0"); i < 4 && icd.Get("system").Text() == icd10cm {
				list.Append(concept(d.Path("code.text").Text(), code{icd10cm, icd.Get("code").Text(), icd.Get("display").Text()}))
			}
		}
		return list
	}
	total, lines := 0.0, fhir.Arr()
	for i := range v.charges {
		f, ok := c.world.fees[v.charges[i].fee]
		if !ok {
			continue
		}
		total += f.price
		n := set(resource(c.dice, "ChargeItem"), "status", "billable", "code", f.concept(), "subject", c.ref(),
			"context", v.encounter(), "occurrenceDateTime", moment(v.at),
			"performer", fhir.Arr(fhir.Obj("actor", v.author.reference())),
			"quantity", fhir.Obj("value", 1), "priceOverride", money(f.price), "enteredDate", moment(c.world.past(v.at.Add(30*time.Minute))))
		if r := reasons(); r.Len() > 0 {
			n.Set("reason", r)
		}
		lines.Append(fhir.Obj("sequence", i+1, "chargeItemReference", ref(c.emit(n)),
			"priceComponent", fhir.Arr(fhir.Obj("type", "base", "amount", money(f.price)))))
	}
	if age < 3 || lines.Len() == 0 {
		return // the statement has not gone out yet
	}
	c.emit(set(resource(c.dice, "Invoice"), "status", "issued", "subject", c.ref(), "date", moment(v.at.AddDate(0, 0, 2)),
		"issuer", ref(c.world.clinic), "lineItem", lines, "totalNet", money(total), "totalGross", money(total)))
}

// past returns a time, or now when the time is still to come.
func (w *world) past(t time.Time) time.Time {
	if t.After(w.today) {
		return w.today
	}
	return t
}

// sentence joins parts and ends them with a full stop.
func sentence(parts ...string) string {
	s := strings.TrimSpace(strings.Join(parts, " "))
	if s != "" && !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
