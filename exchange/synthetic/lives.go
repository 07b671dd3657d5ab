package synthetic

import "time"

// live runs an adult's planned visits: n of them, the first the given number of days ago,
// evenly spread until the last. The courses speak at each.
func (c *chart) live(n, firstDaysAgo, lastDaysAgo int) {
	for i := range n {
		days := firstDaysAgo
		if n > 1 {
			days -= (firstDaysAgo - lastDaysAgo) * i / (n - 1)
		}
		if i > 0 && i < n-1 {
			days += c.between(-9, 9)
		}
		at := c.ago(days)
		if i == 0 {
			c.askAllergies(at)
			c.registry(at)
		}
		c.followUp(at, i)
		if c.chance(.22) && i < n-1 {
			gap := (firstDaysAgo - lastDaysAgo) / max(n-1, 1)
			c.illness(c.ago(days - gap/2))
		}
	}
}

// registry files what a new adult patient brings: older vaccines.
func (c *chart) registry(at time.Time) {
	c.emit(c.immunize(tetanus, at.AddDate(-c.between(2, 8), -c.between(0, 11), 0), nil))
	if c.age(at) > 66 {
		c.emit(c.immunize(pneumo23, at.AddDate(-c.between(0, 2), -c.between(1, 11), 0), nil))
	}
}

func (c *chart) followUp(at time.Time, i int) {
	kind, reason, fee := "Follow-up", c.reason(), "visit-4"
	switch {
	case len(c.courses) == 0:
		kind, reason, fee = "Preventive visit", "Yearly check", "preventive-adult"
		if c.age(at) >= 65 {
			kind, fee = "Annual wellness visit", "wellness-annual"
		}
	case i == 0:
		kind, fee = "New patient visit", "visit-new-4"
	case len(c.courses) > 3:
		fee = "visit-5"
	case len(c.courses) == 1:
		fee = "visit-3"
	}
	v := c.begin(at, kind, reason, fee)
	if i == 0 {
		v.tells(c.story())
	}
	if len(c.courses) == 0 {
		v.prevent()
	}
	for _, s := range c.courses {
		s(v)
	}
	if len(c.courses) > 0 && i > 0 && c.chance(.5) {
		v.tells(c.drugList())
	}
	if m := at.Month(); (m == time.October || m == time.November) && c.chance(.7) {
		v.vaccinate(influenza)
		v.plan = append(v.plan, "Influenza vaccine given today.")
	}
	if i == 1 && c.age(at) >= 50 && c.chance(.6) {
		v.vaccinate(shingles)
	}
	v.finds(c.exam())
	v.renew()
	v.close()
}

// reason is what the front desk wrote for a follow-up.
func (c *chart) reason() string {
	if len(c.problems) == 0 {
		return pick(c.dice, "New patient, wants a check of everything", "New in town, medicines to renew", "First visit")
	}
	return pick(c.dice, "Regular review", "Review of long-term conditions", "Check-up and medicines", "Results and review", "Follow-up")
}

// story is the social paragraph of a first visit.
func (c *chart) story() string {
	job := pick(c.dice, "Works at the library.", "Drives a delivery van.", "Teaches at the primary school.", "Looks after grandchildren two days a week.", "Runs a small bakery.", "Works nights at the warehouse.", "Retrained as an electrician last year.", "Keeps the books for a theatre.")
	if c.age(c.world.today) > 68 {
		job = pick(c.dice, "Retired postal worker.", "Retired nurse, still volunteers.", "Used to farm, keeps hens.", "Retired machinist, mends clocks.", "Retired teacher, sings in a choir.")
	}
	smoke := "Never smoked."
	switch {
	case c.smokes:
		smoke = "Smokes about ten a day, thinking about stopping."
	case c.smoked:
		smoke = "Stopped smoking years ago."
	}
	return job + " " + c.home + " " + smoke
}

func (c *chart) exam() string {
	if c.problems[fibrillation.text] != nil || c.problems[heartFailure.text] != nil || c.problems[copd.text] != nil {
		return pick(c.dice, "Comfortable at rest, walks in unaided.", "Alert, good colour, abdomen soft.", "Examination otherwise as last time.", "Skin without bruises, abdomen soft.")
	}
	return pick(c.dice, "Looks well. Heart sounds regular, chest clear.", "Comfortable at rest, walks in unaided.", "Chest clear, no ankle swelling.", "Alert, good colour, abdomen soft.", "Examination otherwise as last time.", "Neck without lumps, heart without murmur, chest clear.")
}

// prevent is the yearly visit of someone without long-term problems.
func (v *visit) prevent() {
	d := v.diagnosis(wellAdult, v.at)
	v.before(lipidPanel, nil)
	v.before(bloodPanel, nil)
	v.before(single("hba1c"), nil)
	v.tells(pick(v.dice, "Feels healthy, here for the yearly check.", "No complaints; father had a heart attack at 62, wants cholesterol looked at.", "Sleeps well, exercises twice a week, wants to do more."))
	plan := []string{"Next check in a year."}
	age := v.age(v.at)
	if age >= 45 && age <= 75 {
		plan = append(plan, pick(v.dice, "Bowel cancer screening test handed out.", "Colonoscopy of 2021 was clear, next in 2031."))
	}
	if v.person.female && age >= 25 && age < 65 && v.chance(.4) {
		plan = append(plan, "Cervical screening done last year, due in two.")
	}
	v.assess(d, v.told("ldl")+", "+v.told("hba1c")+", blood count "+v.told("hb")+".", sentence(plan...))
}

// illness is a visit for something short.
func (c *chart) illness(at time.Time) {
	if !at.After(c.lastVisit.AddDate(0, 0, 1)) {
		return
	}
	switch n := c.IntN(5); {
	case n == 0 && c.person.female:
		c.bladder(at)
	case n <= 1:
		c.backache(at)
	case n == 2:
		c.chestCold(at)
	case n == 3:
		c.soreThroat(at)
	default:
		c.ankle(at)
	}
}

func (c *chart) bladder(at time.Time) {
	v := c.begin(at, "Same-day visit", "Burning when passing water", "visit-3")
	d := v.diagnosis(cystitis, at.AddDate(0, 0, -2))
	v.tells("Two days of burning and going often. No fever, no flank pain, no discharge.")
	v.finds("Abdomen soft, no tenderness over the kidneys. Dipstick: nitrite positive, leucocytes 2+.")
	v.bill("urine-dipstick")
	v.after = append(v.after,
		c.finding("Nitrite, urine dipstick", "positive", code{loinc, "5802-4", "Nitrite [Presence] in Urine by Test strip"}, at, v.encounter(), true),
		c.finding("Leucocytes, urine dipstick", "2+", code{loinc, "5799-2", "Leukocyte esterase [Presence] in Urine by Test strip"}, at, v.encounter(), true))
	if c.problems[kidney3a.text] != nil {
		v.short(fosfomycin, d)
		v.assess(d, "simple, reduced kidney function.", "Fosfomycin 3 g once. Call for fever or flank pain.")
	} else {
		v.short(nitrofurantoin, d)
		v.assess(d, "simple.", "Nitrofurantoin for 5 days. Call for fever or flank pain.")
	}
	v.close()
}

func (c *chart) backache(at time.Time) {
	v := c.begin(at, "Same-day visit", "Back pain", "visit-3")
	d := v.diagnosis(backPain, at.AddDate(0, 0, -5))
	v.tells(pick(c.dice, "Five days after moving boxes, stiff in the morning, no leg pain.", "Came on while gardening, worse sitting. Bladder and bowels normal."))
	v.finds("Lumbar muscles tight, straight leg raise free on both sides, reflexes and power normal.")
	if !c.allergies["nsaid"] && c.age(at) < 65 && c.problems[kidney3a.text] == nil && c.problems[heartFailure.text] == nil && c.problems[bipolar.text] == nil && c.problems[hypertension.text] == nil && c.problems[coronary.text] == nil && c.problems[fibrillation.text] == nil {
		v.short(naproxen500, d)
	}
	v.assess(d, "mechanical, no warning signs.", "Stay active, heat, back exercises sheet. Better in two to four weeks; earlier visit for weakness or numbness.")
	v.close()
}

func (c *chart) chestCold(at time.Time) {
	v := c.begin(at, "Same-day visit", "Cough for ten days", "visit-3")
	d := v.diagnosis(bronchitis, at.AddDate(0, 0, -10))
	v.temp = c.near(37.3, .3)
	v.tells("Cough for ten days, first dry, now with some sputum. No breathlessness.")
	v.finds("Chest: scattered wheezes that clear with coughing, no crackles.")
	v.assess(d, "viral, no pneumonia.", "No antibiotic needed; cough can last three weeks. Honey, fluids, back with fever or breathlessness.")
	v.close()
}

func (c *chart) soreThroat(at time.Time) {
	v := c.begin(at, "Same-day visit", "Sore throat and fever", "visit-3")
	d := v.diagnosis(strep, at.AddDate(0, 0, -2))
	v.temp, v.pulse = c.near(38.4, .3), v.pulse+12
	v.tells("Throat pain and fever for two days, no cough, a colleague has strep.")
	v.finds("Tonsils red with white spots, tender neck glands, rapid strep test positive.")
	if c.allergies["penicillin"] || c.allergies["macrolide"] {
		v.assess(d, "confirmed by rapid test; antibiotic choice limited by allergy, mild course.", "Pain relief and rest, back in 48 hours if not better.")
	} else {
		v.short(penicillinV, d)
		v.assess(d, "confirmed by rapid test.", "Penicillin V for 10 days, home for a day, fluids.")
	}
	v.close()
}

func (c *chart) ankle(at time.Time) {
	v := c.begin(at, "Same-day visit", "Twisted ankle", "visit-3")
	d := v.diagnosis(sprain, at.AddDate(0, 0, -1))
	v.tells("Twisted the right ankle on the stairs yesterday, could walk four steps afterwards.")
	v.finds("Swelling below the outer ankle, no bone tenderness at the points that ask for an X-ray.")
	v.assess(d, "ligament, no fracture by the ankle rules.", "Ice, strapping, early movement; balance exercises from day three.")
	v.close()
}

// anyone grows a patient of any age, for populations.
func (w *world) anyone(stream uint64) *chart {
	c := w.chart(stream, func(d dice) person { return d.anyone(0, 92, w.today) })
	c.destiny()
	return c
}

// destiny draws what a person of this age and sex would live with, and lives it.
func (c *chart) destiny() {
	age := c.age(c.world.today)
	add := func(p float64, s step) {
		if c.chance(p) {
			c.courses = append(c.courses, s)
		}
	}
	years := 3.2
	switch {
	case age < 18:
		add(.12, wheeze(float64(age)/2))
		add(.1, skin(float64(age)*.8))
		if age > 12 {
			add(.2, spots(1))
		}
		if age > 7 {
			add(.08, focus(2))
		}
		c.growUp(max(0, age*12-40))
		return
	case age < 40:
		add(.12, wheeze(years))
		add(.12, mood(2))
		add(.16, worry(years))
		add(.1, season(6))
		add(.08, acid(2))
		add(.06, thyroid(years))
		if c.person.female {
			add(.14, headache(years))
			add(.1, iron(years))
			add(.2, pill(years))
		}
	case age < 65:
		add(.4, pressureCourse(years, lisinopril10))
		add(.35, fats(years))
		add(.22, sugar(years))
		add(.12, thyroid(years))
		add(.1, mood(2))
		add(.1, acid(4))
		add(.12, knees(5))
		add(.07, uric(2))
		add(.06, wheeze(9))
	default:
		add(.65, pressureCourse(years+4, lisinopril10))
		add(.5, fats(years+3))
		add(.28, sugar(years))
		add(.2, flutter(3, c.chance(.3)))
		add(.13, weakHeart(3))
		add(.3, kidney(4))
		add(.4, knees(9))
		add(.15, smokersLung(6))
		add(.14, thyroid(years))
		if c.person.female {
			add(.3, bones(4))
		} else {
			add(.35, streamCourse(5))
		}
	}
	visits := min(9, 3+2*len(c.courses))
	c.live(visits, c.between(1000, 1180), c.between(12, 160))
}
