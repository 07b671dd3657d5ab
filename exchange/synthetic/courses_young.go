package synthetic

import (
	"fmt"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// vaccine is a CVX code with its name in the clinic.
type vaccine struct{ cvx, text, lot string }

var (
	hepatitisB = vaccine{"08", "Hepatitis B, paediatric", "HB"}
	rotavirus  = vaccine{"119", "Rotavirus", "RV"}
	dtap       = vaccine{"20", "DTaP", "DT"}
	hib        = vaccine{"49", "Hib", "HI"}
	polio      = vaccine{"10", "Polio, inactivated", "IP"}
	pneumo13   = vaccine{"133", "Pneumococcal conjugate 13", "PC"}
	measles    = vaccine{"03", "Measles, mumps, rubella", "MM"}
	chickenpox = vaccine{"21", "Varicella", "VA"}
	hepatitisA = vaccine{"83", "Hepatitis A, paediatric", "HA"}
	influenza  = vaccine{"140", "Influenza, seasonal, preservative free", "FL"}
	tdap       = vaccine{"115", "Tdap", "TD"}
	hpv        = vaccine{"165", "HPV, 9-valent", "HP"}
	meningitis = vaccine{"114", "Meningococcal A, C, W, Y", "MC"}
	tetanus    = vaccine{"113", "Td, adult", "TT"}
	shingles   = vaccine{"187", "Zoster, recombinant", "ZO"}
	pneumo23   = vaccine{"33", "Pneumococcal polysaccharide 23", "PP"}
)

func (c *chart) immunize(x vaccine, at time.Time, encounter *fhir.Node) *fhir.Node {
	name, _ := definition.Display(cvx, x.cvx) // the clinic has shorter ones
	n := set(resource(c.dice, "Immunization"), "status", "completed", "vaccineCode", concept(x.text, code{cvx, x.cvx, name}),
		"patient", c.ref())
	if encounter != nil {
		n.Set("encounter", encounter)
	}
	site := pick(c.dice, "Left upper arm", "Right upper arm")
	if c.age(at) < 2 {
		site = pick(c.dice, "Left thigh", "Right thigh")
	}
	set(n, "occurrenceDateTime", moment(at), "primarySource", true)
	if encounter == nil {
		n.Set("primarySource", fhir.Bool(false))
		n.Set("reportOrigin", concept("Written record the patient brought"))
		return n
	}
	return set(n, "lotNumber", fmt.Sprintf("%s%04d", x.lot, 1000+c.IntN(9000)), "site", concept(site),
		"performer", fhir.Arr(fhir.Obj("actor", pick(c.dice, c.world.nurses...).reference())))
}

// vaccinate gives a vaccine at the visit.
func (v *visit) vaccinate(x vaccine) {
	v.after = append(v.after, v.immunize(x, v.at.Add(15*time.Minute), v.encounter()))
	if x == influenza && v.age(v.at) >= 18 {
		v.bill("influenza-administration")
		return
	}
	v.bill("vaccine-administration")
}

// milestone is a well-child visit: when, what is given, what one sees and says.
type milestone struct {
	month    int
	vaccines []vaccine
	sees     string
	says     string
}

var childhood = []milestone{
	{0, []vaccine{hepatitisB}, "Fontanelle soft, hips stable, red reflex both eyes, cord dry.", "Feeding on demand, back to sleep, vitamin D drops."},
	{2, []vaccine{hepatitisB, rotavirus, dtap, hib, pneumo13, polio}, "Smiles, follows a face, lifts the head.", "Tummy time, fever after vaccines explained."},
	{4, []vaccine{rotavirus, dtap, hib, pneumo13, polio}, "Rolls, laughs, holds a rattle, hips symmetrical.", "Car seat, no honey, choking first aid."},
	{6, []vaccine{hepatitisB, dtap, pneumo13, polio}, "Sits with support, passes toys from hand to hand.", "First foods with iron, egg and peanut early."},
	{9, nil, "Pulls to stand, babbles, wary of strangers.", "Home made safe: stairs, plugs, cleaning agents."},
	{12, []vaccine{measles, chickenpox, hepatitisA, hib}, "Walks along furniture, two words, pincer grip.", "Cow's milk from a cup, brush the first teeth."},
	{15, []vaccine{dtap, pneumo13}, "Walks alone, points at what is wanted.", "Tantrums, sleep routine, books every day."},
	{18, []vaccine{hepatitisA}, "Ten words, stacks three cubes, eats with a spoon; autism screen without concern.", "Screen time none, play outside."},
	{24, nil, "Two-word sentences, runs, kicks a ball.", "Dentist, toilet when ready."},
	{36, nil, "Pedals, tells a short story, draws a circle.", "Preschool, bicycle helmet."},
	{48, []vaccine{dtap, polio, measles, chickenpox}, "Hops, knows colours, vision 20/25 both eyes.", "Ready for school, sleep ten hours."},
	{72, nil, "Reads first words, vision and hearing normal.", "Breakfast, road safety, sleep."},
	{96, nil, "Back straight, heart without murmur, does well at school.", "Sport twice a week, screens out of the bedroom."},
	{120, nil, "Growth steady, spine straight, teeth sealed.", "Puberty explained, phone rules at night."},
	{132, []vaccine{tdap, hpv, meningitis}, "Puberty stage 2, spine straight, skin clear.", "HPV second dose in 6 months. Time alone with the doctor offered."},
	{144, []vaccine{hpv}, "Puberty stage 3, blood pressure normal.", "Sleep, mood, friends asked about: well."},
	{168, nil, "Puberty stage 4, knees fine, fit for sport.", "Confidential part: no smoking, no worries raised."},
	{192, []vaccine{meningitis}, "Fit for sport, mood score low, heart normal.", "Seat belt, consent, alcohol talked about. Booster given."},
	{216, nil, "Healthy young adult.", "Moving to adult care explained."},
}

// growUp grows a child up to today, with illnesses on the way. Only the last years
// of an older child have full visits; earlier vaccines stand as brought records.
func (c *chart) growUp(joinedMonths int) {
	born, today := c.person.born, c.world.today
	asked := false
	for i, m := range childhood {
		at := clinicHours(born.AddDate(0, m.month, c.IntN(12)+3), c.IntN(20))
		if at.Before(born) {
			at = born.Add(26 * time.Hour)
		}
		if !at.Before(today.Add(-time.Hour)) {
			break
		}
		if m.month < joinedMonths {
			for _, x := range m.vaccines {
				c.emit(c.immunize(x, at, nil))
			}
			continue
		}
		if !asked {
			c.askAllergies(at)
			asked = true
		}
		c.wellChild(at, m)
		if next := i + 1; next < len(childhood) && c.chance(.45) {
			gap := childhood[next].month - m.month
			sick := clinicHours(born.AddDate(0, m.month+gap/2+1, c.IntN(14)), c.IntN(20))
			if sick.After(at.AddDate(0, 0, 10)) && sick.Before(today.AddDate(0, 0, -1)) {
				c.childIllness(sick)
			}
		}
	}
}

func (c *chart) wellChild(at time.Time, m milestone) {
	months := int(at.Sub(c.person.born).Hours() / 24 / 30.4)
	kind := "Well-child visit"
	v := c.begin(at, kind, fmt.Sprintf("Check-up at %s", span(months)), "well-child")
	why := wellChild
	if months == 0 {
		why = newborn
	}
	d := v.diagnosis(why, at)
	v.assess(d, fmt.Sprintf("growing along %s line, development right for %s.", map[bool]string{true: "her", false: "his"}[c.person.female], span(months)), m.says)
	v.finds(m.sees)
	if months < 18 {
		v.tells(pick(c.dice, "Feeds well, six wet nappies a day. Parents tired and happy.", "Sleeps in stretches of five hours. Older sibling is curious.", "Eats what the family eats, likes banana best."))
	} else {
		v.tells(pick(c.dice, "No worries from "+c.kinName+". Eats everything but greens.", "Likes school, has a best friend. Sleeps ten hours.", "Plays outside most days; one cold since the last check."))
	}
	for _, s := range c.courses {
		s(v)
	}
	for _, x := range m.vaccines {
		v.vaccinate(x)
	}
	if month := at.Month(); months > 6 && (month >= time.October || month == time.January) {
		v.vaccinate(influenza)
	}
	v.renew()
	v.close()
}

func span(months int) string {
	switch {
	case months == 0:
		return "the first weeks"
	case months < 24:
		return fmt.Sprintf("%d months", months)
	}
	return fmt.Sprintf("%d years", months/12)
}

func (c *chart) childIllness(at time.Time) {
	switch c.IntN(3) {
	case 0:
		v := c.begin(at, "Same-day visit", "Ear pain and fever", "visit-3")
		d := v.diagnosis(earache, at.AddDate(0, 0, -2))
		v.temp, v.pulse = c.near(38.6, .3), v.pulse+18
		v.tells("Two nights of ear pain after a cold, fever up to 39, drinks well.")
		v.finds(pick(c.dice, "Right eardrum red and bulging, left dull. Throat slightly red, chest clear.", "Left eardrum bulging with yellow fluid, no discharge. Neck supple."))
		switch {
		case c.allergies["penicillin"] && c.allergies["macrolide"]:
			v.assess(d, "probably bacterial; allergic to penicillin and macrolides.", "Pain relief and a second look in 2 days before any antibiotic.")
		case c.allergies["penicillin"]:
			v.short(azithroSus, d)
			v.assess(d, "bacterial, allergic to penicillin.", "Azithromycin for 5 days, acetaminophen for pain, back if not better in 2 days.")
		default:
			v.short(amoxicillinSus, d)
			v.assess(d, "bacterial, well hydrated.", "Amoxicillin for 7 days, pain relief, back if not better in 2 days.")
		}
		v.close()
	case 1:
		v := c.begin(at, "Same-day visit", "Cough and runny nose", "visit-2")
		d := v.diagnosis(cold, at.AddDate(0, 0, -3))
		v.temp = c.near(37.6, .3)
		v.tells("Three days of cough and runny nose, worse at night, plays in the day.")
		v.finds("Nose blocked, throat pink, eardrums pale, chest clear, no fast breathing.")
		v.assess(d, "viral, no sign of pneumonia.", "Fluids, honey for those over one, raise the head at night. Signs to come back explained.")
		v.close()
	default:
		v := c.begin(at, "Same-day visit", "Vomiting and diarrhoea", "visit-3")
		d := v.diagnosis(gastritis, at.AddDate(0, 0, -1))
		v.temp, v.pulse = c.near(37.9, .3), v.pulse+8
		v.tells("Vomited four times since yesterday, loose stools, last wet nappy or toilet three hours ago.")
		v.finds("Moist mouth, tears, skin turgor normal, abdomen soft.")
		v.assess(d, "mild dehydration at most.", "Rehydration drink in small sips every five minutes, no sugary drinks, back if no urine for 8 hours.")
		v.close()
	}
}
