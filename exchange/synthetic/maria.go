package synthetic

import (
	"fmt"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// row is one visit of Maria Okafor's: what was measured and what was thought.
type row struct {
	daysAgo                                   int
	hba1c, creatinine, potassium, ldl, trig   float64
	acr, urea, hb, sys, dia, kg               float64
	reason, tells, assess, plan, finds, title string
}

// marias are her visits, the latest one last. The filtration rate follows from creatinine.
var marias = []row{
	{1840, 7.4, 72, 4.2, 3.9, 2.6, 1.4, 5.4, 134, 152, 94, 86.0, "Diabetes and blood pressure, new here", "Moved to be near her daughter. Diabetes since 2019, blood pressure since 2016. Cook in a school kitchen. Never smoked, wine at weddings.", "HbA1c 7.4 % on metformin 500 mg; pressure 152/94 on lisinopril 10 mg; LDL 3.9 untreated.", "Metformin to 1,000 mg twice daily, start atorvastatin 40 mg. Allergies taken over from her old doctor's letter: penicillin (anaphylaxis 1994) and sulfonamides (rash 2011).", "Feet: skin intact, pulses present, filament 10 of 10.", "New patient visit"},
	{1480, 6.9, 75, 4.3, 2.4, 1.9, 1.8, 5.6, 132, 138, 86, 86.4, "Diabetes review", "Walks to work. No lows. Eyes checked in spring.", "HbA1c 6.9 %, LDL 2.4 on atorvastatin, pressure near goal.", "No change.", "Heart sounds regular, no oedema.", "Diabetes review"},
	{1110, 7.0, 79, 4.3, 2.5, 2.0, 2.6, 5.9, 130, 142, 88, 87.1, "Diabetes review", "Itching of the forearms at night since the summer, no rash. Otherwise well.", "HbA1c 7.0 %. Itching without rash, liver tests normal.", "Hydroxyzine 25 mg at night if needed, moisturiser. Diabetes unchanged.", "Skin dry, no burrows, no jaundice.", "Diabetes review, itching"},
	{745, 7.1, 104, 4.4, 2.6, 2.1, 3.9, 6.4, 129, 140, 86, 88.0, "Kidney function", "Feels well. Swollen ankles after long shifts, gone by morning.", "Second creatinine in three months with filtration below 60: chronic kidney disease stage 3a, most likely from diabetes and pressure.", "Explained with the drawing. Avoid anti-inflammatory tablets; kidney function twice a year.", "Trace of ankle oedema.", "Kidney review"},
	{560, 7.0, 94, 4.4, 2.7, 2.2, 3.6, 6.0, 129, 136, 84, 88.6, "Diabetes and kidney review", "Knees ache on stairs. Uses a gel.", "HbA1c 7.0 %, kidney function a little better after more fluids.", "Physiotherapy sheet for knees. Same medicines.", "Knees cool, full range.", "Diabetes and kidney review"},
	{378, 7.2, 88, 4.4, 2.9, 2.4, 3.2, 6.1, 128, 138, 86, 89.4, "Diabetes review", "School holidays were hard: late meals and cake. Wants to get back on track.", "HbA1c 7.2 %, LDL 2.9: forgets the evening tablet.", "Atorvastatin moved to the morning shelf with the others. Influenza vaccine given.", "Feet: skin intact, filament 10 of 10.", "Diabetes review"},
	{277, 7.5, 98, 4.6, 2.4, 1.9, 4.1, 6.8, 126, 144, 90, 89.8, "Blood pressure and diabetes", "Home pressure mostly 140s. No cough on lisinopril.", "Pressure above goal; HbA1c 7.5 %; albumin in urine up to 4.1.", "Lisinopril from 10 to 20 mg, also for the kidneys. Kidney function and potassium in 2 weeks, then with the next review.", "No oedema.", "Blood pressure review"},
	{114, 7.6, 102, 4.7, 2.2, 1.8, 4.1, 7.4, 124, 135, 84, 90.2, "Diabetes and kidney review", "Misses two or three evening metformin tablets a week. Lives with her daughter. Walks 20 minutes most days.", "HbA1c 7.6 %, eGFR 55, potassium 4.7. Pressure at goal.", "Pill box for evenings. Goal for HbA1c stays below 7 %. Retinal photograph referred again. See in 3 to 4 months with bloods before.", "Feet: dry heels, pulses present, filament 10 of 10.", "Diabetes and kidney review"},
}

// maria is the lead story: Maria Okafor, next on Dr Lindqvist's list.
func (d *clinicDay) maria() *chart {
	c := d.tell(0, person{given: "Maria", family: "Okafor", usual: "Ify", female: true, born: date(1968, 3, 14), record: "2041187731",
		portal: "Diabetes, a new potassium result, home blood pressure, and a visit today"})
	c.height, c.kinName, c.kinWord = 171.2, "Adaeze", "child"
	c.person.doctor = 0
	first := c.ago(marias[0].daysAgo)
	c.allergic(allergyList[0], first)
	c.allergic(allergyList[2], first)
	pressure := c.known(hypertension, date(2016, 4, 11), first)
	sugar := c.known(diabetesKidney, date(2019, 9, 3), first)
	fat := c.known(lipids, date(2019, 9, 3), first)
	for i, r := range marias {
		at := c.ago(r.daysAgo)
		if i == 6 {
			at = clinicHours(at, 3)
		}
		v := c.begin(at, pick(c.dice, "Follow-up"), r.reason, "visit-4")
		v.title = r.title
		c.set(r)
		v.sys, v.dia, v.kg, v.pulse = r.sys, r.dia, r.kg, c.near(76, 3)
		v.before(sugarPanel, sugar)
		v.before(renalPanel, sugar)
		v.before(lipidPanel, fat)
		if i != 1 && i != 5 && i != 7 {
			v.before(single("acr"), sugar)
		}
		if i == 2 || i == 7 {
			v.before(liverPanel, fat)
			v.before(bloodPanel, sugar)
		}
		v.tells(r.tells)
		v.finds(r.finds)
		c.treatMaria(v, i, pressure, sugar, fat)
		v.diagnoses = append(v.diagnoses, sugar, pressure, fat)
		v.assessment, v.plan = append(v.assessment, r.assess), append(v.plan, r.plan)
		v.renew()
		v.close()
		if i == 7 {
			c.comment("Thank you for coming in, Maria. Your long-term sugar is a little higher than in February. The evening tablets matter most; the pill box should help. Kidney function is steady.", at.Add(26*time.Hour))
		}
	}
	c.mariaNow(d, sugar)
	return c
}

// set makes the next bloods show a row's values exactly.
func (c *chart) set(r row) {
	c.exact = map[string]float64{"hba1c": r.hba1c, "glucose": r.hba1c*1.6 - 3.5, "creatinine": r.creatinine, "potassium": r.potassium,
		"ldl": r.ldl, "trig": r.trig, "hdl": 1.2, "acr": r.acr, "urea": r.urea, "hb": r.hb, "sodium": 139, "alt": 30}
}

func (c *chart) treatMaria(v *visit, i int, pressure, sugar, fat *fhir.Node) {
	supply := func(m medicine, days int) medicine {
		m.days, m.supply, m.repeats = days, days*m.times, 0
		return m
	}
	again := func(m medicine, why *fhir.Node) {
		if o := v.medicines[m.text]; o != nil {
			o.node.Set("status", fhir.Str("completed"))
			v.order(m, why, o.node)
		}
	}
	switch i {
	case 0:
		v.prescribe(lisinopril10, pressure)
		v.prescribe(metformin1000, sugar)
		v.prescribe(atorvastatin40, fat)
	case 2:
		v.prescribe(hydroxyzine25, c.diagnose(itching, v.at))
		v.medicines[hydroxyzine25.text].what.repeats = 30 // used now and then, not renewed by date
	case 3:
		c.diagnose(kidney3a, v.at)
	case 5:
		v.vaccinate(influenza)
	case 6:
		v.stop(lisinopril10, "Dose increased")
		v.prescribe(lisinopril20, pressure)
	case 7: // today lisinopril has 12 days left, the others 41
		again(supply(lisinopril20, 126), pressure)
		again(supply(metformin1000, 155), sugar)
		again(supply(atorvastatin40, 155), fat)
	}
}

// mariaNow is what is new since August: unsigned results, her own words, home readings, and
// the vital signs of this morning.
func (c *chart) mariaNow(d *clinicDay, sugar *fhir.Node) {
	c.set(row{hba1c: 8.1, creatinine: 107, potassium: 5.3, ldl: 2.1, trig: 1.6, acr: 6.8, urea: 8.2, hb: 121})
	c.unread(renalPanel, 4, c.doctor, c.problems[kidney3a.text])
	c.unread(sugarPanel, 4, c.doctor, sugar)
	c.unread(single("acr"), 4, c.doctor, c.problems[kidney3a.text])
	c.unread(lipidPanel, 4, c.doctor, c.problems[lipids.text])
	now := d.today
	c.says("ibuprofen 400 mg tablet", "active", "Bought without prescription, most days, for the knees.", now.AddDate(0, 0, -45), now.AddDate(0, 0, -2))
	c.says("hydroxyzine 25 mg tablet", "stopped", "Does not need it any more, the itching is gone.", now.AddDate(0, 0, -30), now.AddDate(0, 0, -2))
	c.thread(c.doctor, now.AddDate(0, 0, -100), "Pill box", "The pill box works well. Is it all right to take metformin after dinner instead of with it?",
		"That is fine, Maria, as long as it is within half an hour of eating. I am glad the box helps.")
	c.asks(c.doctor, now.AddDate(0, 0, -2), "Ibuprofen for my knees", "Good morning Dr Lindqvist. My knees have been bad since October, so I take ibuprofen 400 most days. It helps. Is that all right with my other tablets? I see you on my next visit anyway. Maria", "routine")
	nurse := d.nurses[0]
	for i, bp := range [][2]float64{{144, 88}, {149, 92}, {143, 89}, {150, 91}, {147, 90}, {142, 87}, {148, 93}, {146, 90}, {145, 90}} {
		at := now.AddDate(0, 0, -10+i).Add(-time.Duration(20+c.IntN(90)) * time.Minute)
		c.homePressure(bp[0], bp[1], at, i < 6, nurse)
	}
	seat := d.leading.Add(-8 * time.Minute)
	if !seat.Before(now) {
		seat = now.Add(-2 * time.Minute)
	}
	by := func() *fhir.Node { return nurse.reference() }
	c.emit(c.pressure(148, 92, seat, by(), nil))
	for _, x := range []struct {
		k vital
		v float64
	}{{pulseRate, 78}, {warmth, 36.8}, {saturation, 97}, {bodyWeight, 91.4}, {massIndex, 31.2}} {
		c.emit(c.vital(x.k, x.v, seat, by(), nil))
	}
	d.book(c, 0, "checked-in", 3, "Diabetes review", "Diabetes review, and burning when passing water", fmt.Sprintf("Ready in Room 3 since %s", seat.Format("15:04")))
	c.later(28, c.doctor, "Follow-up", "Kidney function and blood pressure")
}
