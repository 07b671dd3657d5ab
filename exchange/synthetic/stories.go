package synthetic

import (
	"fmt"
	"time"

	"github.com/osler-emr/osler/fhir"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// tell starts the chart of a person with a story of its own. The number is the person's
// stream of chance.
func (d *clinicDay) tell(number uint64, p person) *chart {
	c := d.chart(500+number, func(dice) person { return p })
	c.told = true
	return c
}

// bornAt is a birth date that gives an age today, whatever the day.
func (d *clinicDay) bornAt(age, monthsMore, dayOfMonth int) time.Time {
	t := d.today.AddDate(-age, -monthsMore, 0)
	return date(t.Year(), t.Month(), dayOfMonth).AddDate(0, -1, 0)
}

// stories are the people whom the screens tell about, most of them Dr Lindqvist's.
func (d *clinicDay) stories() []*chart {
	list := []*chart{d.maria(), d.otto(), d.tunde(), d.joan(), d.gianna(), d.rosa(), d.ivor(), d.ewa(), d.layla(), d.desmond()}
	list = append(list, d.children()...)
	list = append(list, d.samira(), d.tomas(), d.agnes(), d.paula(), d.harpreet(), d.olive(), d.yusuf(), d.lucia(), d.harold())
	list = append(list, d.twice()...)
	return append(list, d.private()...)
}

func (d *clinicDay) hours(n float64) time.Time {
	return d.today.Add(-time.Duration(n * float64(time.Hour)))
}

// otto has a critical sodium on indapamide.
func (d *clinicDay) otto() *chart {
	c := d.tell(1, person{given: "Otto", family: "Brandt", born: date(1960, 4, 7), record: "2040771029"})
	c.courses = []step{pressureCourse(2.6, amlodipine5)}
	c.home = "Lives alone, " + c.kinName + " calls on Sundays."
	first := c.ago(900)
	c.noAllergies(first)
	for i, days := range []int{900, 610, 250, 180} {
		c.exact["sodium"] = []float64{140, 139, 139, 138}[i]
		c.followUp(c.ago(days), i)
	}
	c.exact = map[string]float64{"sodium": 133, "potassium": 3.6, "creatinine": 86, "urea": 5.4}
	v := c.begin(c.ago(70), "Follow-up", "Blood pressure above goal", "visit-4")
	why := c.problems[hypertension.text]
	v.sys, v.dia = 152, 91
	v.before(renalPanel, why)
	v.prescribe(indapamide, why)
	v.tells("Home readings around 150. Takes amlodipine every day. Eats little salt.")
	v.assess(why, "152/91, above goal. "+v.told("sodium")+", lowest normal.", "Add indapamide 1.5 mg. Repeat sodium and potassium in 8 weeks, earlier if unwell.")
	v.close()
	c.exact = map[string]float64{"sodium": 124, "potassium": 3.4, "creatinine": 88, "urea": 4.1}
	c.unread(renalPanel, 0, c.doctor, why)
	c.colleague(d.nurses[1], c.doctor, d.hours(.8), "Lab phoned about Mr Brandt", "The laboratory phoned a sodium of 124. He sounded tired on the phone but knew the day. Next of kin is on the way to him. Please call.")
	return c
}

// tunde has a liver enzyme that rose on terbinafine, and wants his sertraline.
func (d *clinicDay) tunde() *chart {
	c := d.tell(2, person{given: "Tunde", family: "Adeyemi", born: d.bornAt(41, 4, 17), portal: "Liver test up on a new tablet, a refill to ask for"})
	c.courses = []step{mood(2.2)}
	c.live(5, 800, 130)
	c.exact = map[string]float64{"alt": 41}
	v := c.begin(c.ago(44), "Follow-up", "Toenails", "visit-3")
	why := c.diagnose(nailFungus, v.at)
	v.before(liverPanel, why)
	v.prescribe(terbinafine250, why)
	v.tells("Two big toenails thick and yellow for two years, creams did nothing.")
	v.finds("Both big toenails thick, yellow, crumbling; clipping sent, fungus confirmed.")
	v.assess(why, "confirmed. "+v.told("alt")+", just above range.", "Terbinafine 250 mg for 12 weeks; liver tests at 6 weeks. Stop and call for yellow eyes or dark urine.")
	v.close()
	c.comment("Your liver test is one point above the range, which is fine to start the tablet. We check again in six weeks.", v.at.Add(5*time.Hour))
	c.exact = map[string]float64{"alt": 96}
	c.unread(liverPanel, 1, c.doctor, why)
	c.refill(sertraline100, c.doctor, d.hours(20), "routine", "")
	c.thread(c.doctor, d.today.AddDate(0, 0, -60), "Coming off sertraline", "I have felt well since spring. When could I try to stop sertraline?", "Good news, Tunde. Let us keep it through the winter and plan slow steps in March. Please do not stop at once.")
	c.later(9, c.doctor, "Follow-up", "Liver test and toenails")
	return c
}

// joan loses blood on apixaban; Dr Haddad ordered the count.
func (d *clinicDay) joan() *chart {
	c := d.tell(3, person{given: "Joan", family: "Fenwick", female: true, born: d.bornAt(77, 3, 5), doctor: 2})
	c.courses = []step{flutter(4, false), pressureCourse(8, losartan50), knees(10)}
	c.exact = map[string]float64{"hb": 118, "mcv": 84}
	c.live(6, 1050, 60)
	c.exact = map[string]float64{"hb": 101, "mcv": 78, "wbc": 6.2, "platelets": 310}
	c.unread(bloodPanel, 1, d.doctors[2], c.problems[fibrillation.text])
	c.task("follow-up", "Ask about black stools; order ferritin", "urgent", d.nurses[1], nil, d.hours(5))
	return c
}

// gianna has a rash on a new tablet: the message of the day.
func (d *clinicDay) gianna() *chart {
	c := d.tell(4, person{given: "Gianna", family: "Rossi", female: true, born: d.bornAt(34, 7, 23), portal: "A message about a rash that should not wait"})
	c.courses = []step{thyroid(2.4)}
	c.live(5, 760, 100)
	v := c.begin(c.ago(21), "Follow-up", "Mood", "visit-4")
	why := c.diagnose(bipolar, v.at)
	v.prescribe(lamotrigine25, why)
	v.tells("Low weeks after high ones since spring; psychiatrist suggests lamotrigine.")
	v.assess(why, "letter from psychiatry read, agrees with lamotrigine.", "Lamotrigine 25 mg for two weeks, then steps as in the letter. Any rash: stop and call the same day.")
	v.close()
	c.levels["tsh"], c.levels["ft4"] = 2.2, 15.5
	c.unread(thyroidPanel, 1, c.doctor, c.problems[hypothyroid.text])
	c.asks(c.doctor, d.hours(1.8), "Rash since the new tablet", "Hello, since yesterday I have a red rash on my chest and arms. It started in the third week of the new tablet. I feel fine otherwise, no fever. Should I go on taking it? Gianna", "urgent")
	c.colleague(d.nurses[0], c.doctor, d.hours(1.5), "Gianna Rossi, rash", "She wrote about a rash in week 3 of lamotrigine. I asked her not to take the next tablet until you have called. Please ring before your next patient.")
	return c
}

func (d *clinicDay) rosa() *chart {
	c := d.tell(5, person{given: "Rosa", family: "Linden", female: true, born: d.bornAt(45, 2, 9)})
	c.courses = []step{iron(1.5)}
	c.live(4, 520, 90)
	c.exact = map[string]float64{"ferritin": 52}
	c.unread(single("ferritin"), 1, c.doctor, c.problems[ironAnaemia.text])
	d.book(c, 6, "booked", 0, "Same-day visit", "Chest tightness when running", "Confirmed by text")
	return c
}

func (d *clinicDay) ivor() *chart {
	c := d.tell(6, person{given: "Ivor", family: "Marsh", born: d.bornAt(63, 5, 12), portal: "Waiting for an answer before a journey"})
	c.courses = []step{streamCourse(3), fats(3), pressureCourse(5, amlodipine5)}
	c.live(6, 1010, 45)
	c.exact = map[string]float64{"psa": 2.2}
	c.unread(single("psa"), 2, c.doctor, c.problems[prostate.text])
	c.asks(c.doctor, d.hours(3), "Can I fly after the procedure?", "Dr Lindqvist, the urologist will look into my bladder on the 3rd. I am booked to fly to my son on the 6th. Is that safe, and do I stop any tablets before? Thank you, Ivor Marsh", "routine")
	c.later(16, c.doctor, "Follow-up", "After the urology visit")
	return c
}

func (d *clinicDay) ewa() *chart {
	c := d.tell(7, person{given: "Ewa", family: "Nowak", female: true, born: d.bornAt(57, 9, 28), portal: "Thyroid result in range, levothyroxine to refill"})
	c.courses = []step{thyroid(2.8)}
	c.live(6, 980, 75)
	c.comment("Your thyroid is well replaced, Ewa. Keep the same dose; next test in a year.", c.lastVisit.Add(30*time.Hour))
	c.levels["tsh"], c.levels["ft4"] = 2.1, 16
	c.unread(thyroidPanel, 1, c.doctor, c.problems[hypothyroid.text])
	c.refill(levothyroxine75, c.doctor, d.hours(26), "routine", "")
	c.thread(d.nurses[1], d.today.AddDate(0, 0, -30), "Tablet and coffee", "Can I drink coffee with the thyroid tablet?", "Please wait half an hour after the tablet, coffee takes up part of it. Water is fine.")
	d.book(c, 8, "booked", 0, "Follow-up", "Thyroid", "")
	return c
}

// layla takes lithium and has had no level for half a year.
func (d *clinicDay) layla() *chart {
	c := d.tell(8, person{given: "Layla", family: "Ibrahim", female: true, born: d.bornAt(52, 1, 15)})
	c.courses = []step{swing(6)}
	c.levels["creatinine"] = 84
	c.live(4, 900, 205)
	o := c.medicines[lithium400.text]
	c.refill(lithium400, c.doctor, d.hours(5), "urgent", "; no lithium level in the last 6 months")
	late := d.today.AddDate(0, 0, -2)
	order := c.labOrder(single("creatinine"), late, o.why, nil, "active")
	order.Set("authoredOn", fhir.Str(moment(d.today.AddDate(0, 0, -12))))
	c.emit(order)
	c.task("follow-up", "Recheck creatinine; ordered, not collected, was due "+spoken(late), "urgent", c.doctor, order, d.today.AddDate(0, 0, -12))
	return c
}

// desmond comes home from hospital with heart failure and a scale that climbs.
func (d *clinicDay) desmond() *chart {
	c := d.tell(9, person{given: "Desmond", family: "Holloway", born: date(1955, 6, 2), portal: "Heart failure: weight and blood pressure from home, a visit today"})
	c.weight = 84
	c.courses = []step{weakHeart(3), flutter(3, false), fats(6)}
	c.live(7, 1060, 38)
	c.comment("Your heart strain value is lower than last year and kidney function is steady. Keep weighing every morning.", c.lastVisit.Add(20*time.Hour))
	nurse := d.nurses[0]
	for i := range 5 {
		at := d.today.AddDate(0, 0, -4+i).Add(-time.Duration(30+c.IntN(40)) * time.Minute)
		c.homeWeight([]float64{84.2, 84.9, 85.4, 85.8, 86.3}[i], at, i < 2, nurse)
		c.homePressure([]float64{124, 128, 122, 131, 127}[i], []float64{76, 79, 74, 80, 77}[i], at.Add(4*time.Minute), false, nurse)
	}
	c.thread(d.nurses[0], d.today.AddDate(0, 0, -5), "Home from hospital", "I am home since yesterday. The list from the hospital has different water tablets from mine. Which ones do I take?", "Welcome home, Mr Holloway. Take the ones on the hospital list until you see Dr Lindqvist, and bring all boxes to the visit.")
	d.book(c, 1, "arrived", 0, "Hospital follow-up", "Heart failure, 6 days after discharge", "Checked in by phone")
	c.later(14, c.doctor, "Follow-up", "Weight, kidney function")
	return c
}

// children are Elin and Max Price, who share a slot, Leo Tan, and a newborn.
func (d *clinicDay) children() []*chart {
	elin := d.tell(20, person{given: "Elin", family: "Price", female: true, born: date(2020, 1, 19), doctor: 0})
	elin.growUp(40)
	d.book(elin, 2, "arrived", 0, "Same-day visit", "Ear pain, 3 days, fever", "With mother, Jo. Room 2 being readied")
	max := d.tell(21, person{given: "Max", family: "Price", born: d.bornAt(3, 8, 11), doctor: 0})
	max.growUp(0)
	d.book(max, 3, "booked", 0, "Same-day visit", "Cough, comes with his sister", "")
	leo := d.tell(22, person{given: "Leo", family: "Tan", born: d.bornAt(7, 5, 3), doctor: 1})
	leo.courses = []step{wheeze(2)}
	leo.growUp(36)
	leo.childIllness(leo.ago(26))
	leo.later(20, leo.doctor, "Well-child visit", "Check-up and school form")
	baby := d.tell(23, person{given: "Noor", family: "Rahman", female: true, born: date(d.today.Year(), d.today.Month(), d.today.Day()).AddDate(0, 0, -6), doctor: 1})
	baby.person.born = baby.person.born.Add(3 * time.Hour)
	baby.growUp(0)
	baby.task("follow-up", "Weight check of the newborn in two days", "routine", d.nurses[0], nil, d.hours(7))
	return []*chart{elin, max, leo, baby}
}

// samira is newly pregnant and takes valproate.
func (d *clinicDay) samira() *chart {
	c := d.tell(10, person{given: "Samira", family: "Abdullahi", female: true, born: date(1997, 5, 8), language: "so"})
	at := c.ago(420)
	c.noAllergies(at)
	why := c.known(epilepsy, date(2013, 2, 1), at)
	v := c.begin(at, "New patient visit", "New in town, seizure medicine", "visit-new-4")
	v.prescribe(valproate500, why)
	v.tells("Interpreter on the phone (Somali). No seizure for four years. Works in a hotel. Does not plan a pregnancy now.")
	v.assess(why, "free of seizures on divalproex.", "Continue for now; neurology referral to change before any pregnancy, effective contraception advised, risks explained with the leaflet in Somali.")
	v.close()
	v = c.begin(c.ago(200), "Follow-up", "Seizure medicine", "visit-3")
	v.order(valproate500, why, c.medicines[valproate500.text].node)
	v.tells("No seizure. Neurology appointment missed, letter came in English.")
	v.assess(why, "stable.", "Referral sent again, with interpreter.")
	v.close()
	for _, n := range c.resources {
		if n.ResourceType() == "MedicationRequest" && n != c.medicines[valproate500.text].node {
			n.Set("status", fhir.Str("completed"))
		}
	}
	d.book(c, 4, "booked", 0, "Antenatal visit", "Pregnancy booking, about 9 weeks", "Confirmed by text. Interpreter booked: Somali")
	return c
}

// tomas has no data yet: registered, booked, never seen.
func (d *clinicDay) tomas() *chart {
	c := d.tell(11, person{given: "Tomás", family: "Ferreira", born: date(1982, 9, 30)})
	d.book(c, 5, "booked", 0, "New patient visit", "Low back pain", "Not confirmed, 2 reminders sent")
	return c
}

// agnes is 83, forgetful, and takes many medicines.
func (d *clinicDay) agnes() *chart {
	c := d.tell(12, person{given: "Agnes", family: "Whitcombe", female: true, born: date(1942, 12, 11)})
	c.courses = []step{pressureCourse(15, lisinopril10), flutter(5, true), bones(8), knees(12), fats(11), acid(9)}
	c.live(8, 1080, 50)
	v := c.begin(c.ago(24), "Follow-up", "Memory", "visit-4")
	why := c.diagnose(forgetting, v.at)
	v.tells("Daughter worries: twice lost on the way home, kettle left on. Cooks and dresses alone.")
	v.finds("Clock drawing with the hands wrong, 24 of 30 points, mood even.")
	v.assess(why, "24 of 30, daily life mostly intact.", "Bloods for reversible causes, medicines in a weekly box, next talk by video with the daughter.")
	v.draw(bloodPanel, why)
	v.draw(thyroidPanel, why)
	v.close()
	d.book(c, 7, "booked", 0, "Video visit", "Memory review, by video, daughter joins", "Link tested")
	return c
}

func (d *clinicDay) paula() *chart {
	c := d.tell(13, person{given: "Paula", family: "Greene", female: true, born: d.bornAt(72, 6, 19)})
	c.courses = []step{pressureCourse(9, losartan50), sugar(3)}
	c.live(6, 1000, 40)
	for i := range 3 {
		v := c.begin(c.ago(21-7*i), "Nurse visit", "Leg ulcer dressing", "visit-2")
		v.author, v.title = d.nurses[1], "Dressing of leg ulcer"
		why := c.diagnose(legUlcer, v.at)
		size := []string{"3.2 by 2.5 cm", "2.9 by 2.2 cm", "2.4 by 1.8 cm"}[i]
		v.finds("Ulcer above the left inner ankle, " + size + ", clean base, no smell.")
		v.assess(why, size+", healing.", "Compression bandage, same dressing, again in a week.")
		v.bill("wound-dressing")
		v.close()
	}
	d.bookWith(d.nurses[1], c, 2, "booked", 0, "Nurse visit", "Wound check", "Confirmed by text")
	return c
}

func (d *clinicDay) harpreet() *chart {
	c := d.tell(14, person{given: "Harpreet", family: "Singh", born: d.bornAt(49, 10, 7)})
	c.courses = []step{sugar(2.9), fats(2.9)}
	c.live(6, 1020, 120)
	c.exact = map[string]float64{"hba1c": 5.6, "glucose": 5.9}
	c.unread(sugarPanel, 2, c.doctor, c.problems[diabetes.text])
	d.bookWith(d.nurses[0], c, 1, "checked-in", 1, "Bloods", "Kidney function", "")
	c.asks(d.doctors[0], d.hours(30), "Travel to India", "I travel to my family for five weeks in January. Do I need vaccines, and could I have enough metformin for the whole time? Harpreet Singh", "routine")
	return c
}

func (d *clinicDay) olive() *chart {
	c := d.tell(15, person{given: "Olive", family: "Baker", female: true, born: d.bornAt(69, 3, 30)})
	c.courses = []step{smokersLung(6), bones(3)}
	c.live(6, 1040, 33)
	c.colleague(d.nurses[0], c.doctor, d.hours(4), "Olive Baker, inhaler", "She could not press the new inhaler with her arthritis. I showed her the helper grip; worked. Perhaps a different device at the next order?")
	d.bookWith(d.nurses[0], c, 3, "booked", 0, "Nurse visit", "Inhaler technique", "")
	c.refill(tiotropium, d.nurses[1], d.hours(9), "routine", "; asks for a device that is easier to press")
	return c
}

// yusuf uses the portal in Arabic.
func (d *clinicDay) yusuf() *chart {
	c := d.tell(16, person{given: "Yusuf", family: "Al-Masri", script: "يوسف المصري", born: d.bornAt(71, 2, 21), doctor: 2, language: "ar",
		portal: "Portal in Arabic, many medicines, home readings"})
	c.courses = []step{pressureCourse(12, losartan50), stent(6), sugar(3), streamCourse(4)}
	c.live(8, 1090, 28)
	c.comment("نتائج الدم جيدة. استمر على نفس الأدوية، وسنعيد الفحص بعد ثلاثة أشهر.", c.lastVisit.Add(24*time.Hour))
	c.thread(c.doctor, d.today.AddDate(0, 0, -50), "موعد الفحص", "السلام عليكم دكتور حداد. هل يجب أن أكون صائماً قبل فحص الدم؟", "وعليكم السلام. نعم، ثماني ساعات بدون طعام، والماء مسموح.")
	c.asks(c.doctor, d.hours(6), "دوخة عند الوقوف", "صباح الخير دكتور حداد. منذ أسبوع أشعر بدوخة عندما أقف بسرعة. ضغطي في البيت ١١٠ على ٦٥. هل أقلل الدواء؟ يوسف", "routine")
	for i := range 3 {
		c.homePressure([]float64{112, 108, 110}[i], []float64{66, 64, 65}[i], d.today.AddDate(0, 0, -3+i).Add(-50*time.Minute), i == 0, d.nurses[0])
	}
	c.later(6, c.doctor, "Follow-up", "Dizziness, blood pressure")
	return c
}

// lucia uses the portal in Spanish.
func (d *clinicDay) lucia() *chart {
	c := d.tell(17, person{given: "Lucía", family: "Fernández Morales", female: true, born: d.bornAt(38, 8, 13), doctor: 1, language: "es",
		portal: "Portal in Spanish: migraine, asthma, a question to the nurse"})
	c.courses = []step{wheeze(9), headache(2.5)}
	c.live(6, 950, 36)
	c.draw("Hemograma normal y hierro suficiente. Siga igual, Lucía.", d)
	c.thread(c.doctor, d.today.AddDate(0, 0, -33), "Inhalador", "Buenos días, doctor Okonkwo. ¿Uso el inhalador azul antes de correr?", "Sí, dos inhalaciones diez minutos antes. Si lo necesita más de dos veces por semana, escríbame.")
	c.asks(d.nurses[1], d.hours(11), "Vacuna de la gripe", "Buenas tardes. ¿Puedo ponerme la vacuna de la gripe si tengo un poco de tos? Gracias, Lucía", "routine")
	c.later(12, c.doctor, "Follow-up", "Migraine diary")
	return c
}

// draw files bloods of two weeks ago with a comment for the patient.
func (c *chart) draw(comment string, d *clinicDay) {
	c.exact = map[string]float64{"hb": 131, "mcv": 89, "wbc": 6.4, "platelets": 262}
	at := c.ago(15)
	c.bloods(thyroidPanel, at, c.problems[migraine.text], nil, func(n *fhir.Node) { c.emit(n) })
	c.bloods(bloodPanel, at, c.problems[migraine.text], nil, func(n *fhir.Node) { c.emit(n) })
	c.comment(comment, at.Add(28*time.Hour))
}

// harold died last spring.
func (d *clinicDay) harold() *chart {
	died := d.today.AddDate(0, 0, -210)
	c := d.tell(18, person{given: "Harold", family: "Dawes", born: d.bornAt(88, 4, 2), doctor: 2, died: died})
	c.courses = []step{weakHeart(4), smokersLung(12), kidney(4)}
	c.live(6, 1050, 225)
	for text, o := range c.medicines {
		o.node.Set("status", fhir.Str("completed"))
		delete(c.medicines, text)
	}
	return c
}

// twice is one person with two records, as a hurried registration makes them.
func (d *clinicDay) twice() []*chart {
	born := d.bornAt(46, 3, 8)
	a := d.tell(30, person{given: "Katarzyna", family: "Wójcik", female: true, born: born, doctor: 1})
	a.courses = []step{pressureCourse(2.8, lisinopril10), acid(4)}
	a.live(5, 900, 95)
	b := d.tell(31, person{given: "Kasia", family: "Wojcik", female: true, born: born, doctor: 1})
	for _, name := range []string{"telecom", "address"} {
		b.patient.Set(name, a.patient.Get(name).Clone())
	}
	b.patient.Path("address.0").Set("line", fhir.Arr(a.patient.Path("address.0.line.0").Text()+", rear"))
	at := b.ago(13)
	v := b.begin(at, "Same-day visit", "Sore throat", "visit-new-3")
	why := v.diagnosis(cold, at.AddDate(0, 0, -2))
	v.tells("Came in without an appointment, says she has been here before under her full name.")
	v.finds("Throat pink, no white spots.")
	v.assess(why, "viral.", "Fluids, rest. Allergies not asked in the rush: ask next time.")
	v.close()
	t := b.task("duplicate-patient", fmt.Sprintf("Same birth date and phone as record %s", a.person.record), "routine", d.desk, a.patient, d.hours(50))
	t.Get("focus").Set("display", fhir.Str("Katarzyna Wójcik"))
	return []*chart{a, b}
}
