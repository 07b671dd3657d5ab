package synthetic

import (
	"fmt"

	"github.com/osler-emr/osler/fhir"
)

// mood is a depression with its questionnaire scores.
func mood(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(depression, yearsAgo)
		score := []int{17, 11, 6, 4, 3, 5}[min(n, 5)]
		v.score("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]", "PHQ-9 total score", score)
		switch n {
		case 0:
			v.prescribe(sertraline50, why)
			v.tells("Low for three months, wakes at four, has stopped seeing friends. No plan to harm " + map[bool]string{true: "herself", false: "himself"}[v.person.female] + "; safety talked through.")
			v.assess(why, "PHQ-9 17, moderate to severe, work still possible.", "Sertraline 50 mg, slow start explained. Therapy referral made. Crisis numbers given. See in 2 weeks.")
		case 1:
			v.stop(sertraline50, "Dose increased")
			v.prescribe(sertraline100, why)
			v.tells("A little lighter, sleeps till six. Nausea in the first week, gone.")
			v.assess(why, "PHQ-9 11 (was 17), partial answer.", "Sertraline up to 100 mg.")
		default:
			v.tells(pick(v.dice, "Back at choir, laughs again.", "Good weeks and a few flat days.", "Sleeps well, sees friends on Fridays."))
			v.assess(why, fmt.Sprintf("PHQ-9 %d, in remission.", score), "Continue six months after feeling well, then talk about coming off slowly.")
		}
		n++
	}
}

func (v *visit) score(lo, display, text string, score int) {
	n := set(resource(v.dice, "Observation"), "status", "final", "category", fhir.Arr(bare("observation-category", "survey")),
		"code", concept(text, code{loinc, lo, display}), "subject", v.ref(), "encounter", v.encounter(),
		"effectiveDateTime", moment(v.at), "issued", moment(v.at), "performer", fhir.Arr(v.author.reference()),
		"valueQuantity", quantity(float64(score), 0, "points", "{score}"))
	v.after = append(v.after, n)
}

// worry is a generalized anxiety.
func worry(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(anxiety, yearsAgo)
		score := []int{15, 10, 7, 5, 6}[min(n, 4)]
		v.score("70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]", "GAD-7 total score", score)
		v.tells(pick(v.dice, "Worries run in circles at night, shoulders tight.", "Breathing exercises help before meetings.", "Panic once on the bus, got through it with the method from therapy."))
		v.assess(why, fmt.Sprintf("GAD-7 %d.", score), v.calm(why))
		n++
	}
}

// calm treats an anxiety; sertraline for a depression covers it.
func (v *visit) calm(why *fhir.Node) string {
	if v.problems[depression.text] != nil {
		return "Sertraline covers the anxiety too; therapy goes on."
	}
	v.prescribe(escitalopram10, why)
	return pick(v.dice, "Continue escitalopram 10 mg and therapy.", "Continue. Less coffee, sleep times fixed.", "Same dose, see in 3 months.")
}

// headache is a migraine.
func headache(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(migraine, yearsAgo)
		v.prescribe(sumatriptan50, why)
		v.finds("Neurological examination normal, discs sharp.")
		if n == 0 {
			prevent, name := propranolol40, "propranolol 40 mg twice daily"
			if v.problems[asthma.text] != nil {
				prevent, name = amitriptyline10, "amitriptyline 10 mg at night (asthma: no propranolol)"
			}
			v.prescribe(prevent, why)
			v.tells("Six attacks a month, one side, throbbing, with nausea; light hurts. Two days off work.")
			v.assess(why, "frequent, no warning signs.", "Sumatriptan early in the attack, "+name+" to prevent, headache diary.")
		} else {
			v.tells(pick(v.dice, "Two attacks a month now, sumatriptan works in an hour.", "One bad week before a deadline, otherwise rare.", "Diary shows skipped meals as a trigger."))
			v.assess(why, pick(v.dice, "fewer attacks.", "well managed."), pick(v.dice, "Continue both.", "Continue, diary until the next visit."))
		}
		n++
	}
}

// knees is an osteoarthritis; anti-inflammatory tablets only for those who may have them.
func knees(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(kneeArthritis, yearsAgo)
		v.prescribe(acetaminophen, why)
		careful := v.allergies["nsaid"] || v.problems[kidney3a.text] != nil || v.problems[heartFailure.text] != nil || v.problems[fibrillation.text] != nil || v.age(v.at) > 70
		v.finds(pick(v.dice, "Knees: crepitus, full extension, bends to 110 degrees, no warmth.", "Knees: small cool effusion right, stable, walks with a slight limp."))
		v.tells(pick(v.dice, "Stairs are worst, stiff for ten minutes in the morning.", "Gardens on a stool now. Pain 4 of 10 on walking.", "Night pain gone since losing 3 kg."))
		if n == 0 && !careful {
			v.short(naproxen500, why)
		}
		plan := pick(v.dice, "Exercise class for knees, acetaminophen before walks.", "Continue acetaminophen when needed, cushioned shoes, keep moving.", "Physiotherapy referral renewed.")
		if careful {
			plan += " No anti-inflammatory tablets."
		}
		v.assess(why, pick(v.dice, "slowly more painful.", "about the same.", "manages daily life well."), plan)
		n++
	}
}

// acid is a reflux.
func acid(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(reflux, yearsAgo)
		v.prescribe(omeprazole20, why)
		v.tells(pick(v.dice, "Heartburn only when late meals creep in. No trouble swallowing.", "No weight loss, no black stools. Tried without omeprazole, burning came back in a week."))
		v.assess(why, "controlled.", pick(v.dice, "Lowest dose that works; try every other day.", "Continue, raise the head of the bed, early dinner."))
	}
}

// season is a hay fever.
func season(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(rhinitis, yearsAgo)
		v.prescribe(loratadine10, why)
		v.prescribe(nasalSteroid, why)
		v.tells(pick(v.dice, "Sneezes from April to June, eyes itch.", "Spray works when started before the season."))
		v.assess(why, "seasonal, no wheeze.", "Spray from March, loratadine on bad days.")
	}
}

// skin is an atopic eczema.
func skin(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(eczema, yearsAgo)
		cream := hydrocortis
		if v.age(v.at) > 12 {
			cream = mometasone
		}
		v.prescribe(cream, why)
		v.finds(pick(v.dice, "Dry red patches in the elbow folds, no crusts.", "Skin dry, faint patches behind the knees, scratch marks."))
		v.assess(why, pick(v.dice, "mild flare.", "calm with moisturiser."), "Moisturiser twice daily all year, cream on red patches only.")
	}
}

// bones is an osteoporosis.
func bones(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(osteoporosis, yearsAgo)
		v.prescribe(alendronate70, why)
		v.assess(why, pick(v.dice, "no fracture, no fall since the last visit.", "one trip on the kerb, no injury."), "Alendronate once a week upright with water; calcium from food, vitamin D in winter, balance class.")
	}
}

// streamCourse is a benign prostatic hyperplasia.
func streamCourse(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(prostate, yearsAgo)
		v.prescribe(tamsulosin, why)
		if n%3 == 0 {
			v.levels["psa"] = 2.3
			v.before(single("psa"), why)
			v.assess(why, "up once or twice at night. "+v.told("psa")+".", "Continue tamsulosin, less to drink after eight.")
		} else {
			v.assess(why, "stream better on tamsulosin, no dizziness.", "Continue.")
		}
		n++
	}
}

// focus is an ADHD of school age or later.
func focus(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(attention, yearsAgo)
		v.prescribe(methylphenidate, why)
		v.tells(pick(v.dice, "Teachers notice the difference; appetite small at lunch, eats well in the evening.", "Finishes homework. Falls asleep by ten."))
		v.assess(why, "good effect, growth and pulse fine.", "Continue on school days, weight and pulse every 4 months.")
	}
}

// spots is a teenager's acne.
func spots(yearsAgo float64) step {
	return func(v *visit) {
		why := v.since(acne, yearsAgo)
		v.prescribe(benzoyl, why)
		v.assess(why, pick(v.dice, "comedones on forehead and chin, no scars.", "clearer than in spring."), "Benzoyl peroxide nightly, patience for 8 weeks.")
	}
}

// swing is a bipolar disorder on lithium.
func swing(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(bipolar, yearsAgo)
		v.prescribe(lithium400, why)
		if n%2 == 0 {
			v.before(single("lithium"), why)
			v.before(renalPanel, why)
			v.before(single("tsh"), why)
			v.assess(why, "steady mood. "+v.told("lithium")+", "+v.told("creatinine")+", "+v.told("tsh")+".", "Continue; level every 6 months, no ibuprofen, drink enough in heat.")
		} else {
			v.assess(why, "steady, sleeps 7 hours, works four days.", "Continue. Psychiatrist appointment in spring.")
		}
		n++
	}
}

// pill is oral contraception with its yearly check.
func pill(yearsAgo float64) step {
	return func(v *visit) {
		if v.problems[migraine.text] != nil || v.age(v.at) < 16 || v.smokes {
			return
		}
		why := v.since(contraception, yearsAgo)
		v.prescribe(thePill, why)
		v.assess(why, "no migraine, does not smoke, pressure fine.", "Continue, yearly blood pressure.")
	}
}
