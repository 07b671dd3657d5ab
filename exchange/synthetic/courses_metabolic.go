package synthetic

import (
	"fmt"
	"math"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// since records a problem that began the given years before today, when it was not known
// yet: at its onset if the clinic knew the patient then, otherwise as told at this visit.
func (v *visit) since(p problem, yearsAgo float64) *fhir.Node {
	onset := v.world.today.Add(-time.Duration(yearsAgo * 365.25 * 24 * float64(time.Hour)))
	if onset.After(v.at) {
		onset = v.at
	}
	if onset.Before(v.person.born) {
		onset = v.person.born
	}
	return v.known(p, onset, v.at)
}

// sugar is a type 2 diabetes: metformin first, more of it, then empagliflozin.
func sugar(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(diabetes, yearsAgo)
		levels := []float64{8.4, 7.7, 7.2, 7.5, 7.0, 6.8, 6.9, 7.1}
		v.levels["hba1c"] = levels[min(n, len(levels)-1)]
		v.levels["glucose"] = v.levels["hba1c"]*1.55 - 3.2
		v.before(sugarPanel, why)
		a1c := v.seen["hba1c"]
		if n == 0 {
			v.tells("Thirsty and up twice at night for some weeks. Father had diabetes.")
		} else {
			v.tells(pick(v.dice,
				"Checks sugar two or three mornings a week, mostly between 6 and 8. No lows.",
				"Has cut out sweet drinks; evenings are harder. No hypoglycaemia.",
				"Misses the evening tablet about once a week. No thirst, no night-time urination.",
				"Walks after dinner most days. Sugar at home mostly under 8 before breakfast."))
		}
		switch {
		case n == 0:
			v.prescribe(metformin500, why)
			v.assess(why, v.told("hba1c")+"; symptoms mild.", "Start metformin 500 mg with meals, talked through stomach effects. Diet and activity leaflet, glucose meter shown.")
		case n == 1:
			v.stop(metformin500, "Dose increased")
			v.prescribe(metformin1000, why)
			v.assess(why, v.told("hba1c")+", better but above goal; tolerates metformin.", "Metformin up to 1,000 mg twice daily.")
		case n >= 3 && a1c > 7.3 && v.medicines[empagliflozin10.text] == nil:
			v.prescribe(empagliflozin10, why)
			v.assess(why, v.told("hba1c")+", creeping up.", "Add empagliflozin 10 mg; drink enough, pause when ill, genital thrush explained.")
		case a1c <= 7.2:
			v.assess(why, v.told("hba1c")+", at goal.", "Same medicines. HbA1c again in 4 months.")
		default:
			v.assess(why, v.told("hba1c")+", a little above the goal of 7.", "Agreed to work on evening meals first; HbA1c again in 3 months.")
		}
		v.diabetesCare(n, why)
		n++
	}
}

func (v *visit) diabetesCare(n int, why *fhir.Node) {
	if n%3 != 1 {
		return
	}
	v.before(single("acr"), why)
	v.finds(pick(v.dice, "Feet: skin intact, pulses present, 10 g filament felt at 10 of 10 sites both sides.",
		"Feet: dry heels, no ulcer, dorsalis pedis and tibial pulses present, filament 9 of 10 left, 10 of 10 right."))
	v.plan = append(v.plan, pick(v.dice, "Retinal photograph referred.", "Eye report of the year seen: no retinopathy.", "Annual foot check done; "+v.told("acr")+"."))
}

// pressureCourse is a hypertension that gives way to one, then two or three medicines.
func pressureCourse(yearsAgo float64, first medicine) step {
	n := 0
	return func(v *visit) {
		why := v.since(hypertension, yearsAgo)
		above := []float64{38, 24, 15, 9, 11, 7, 12, 6}[min(n, 7)]
		v.sys, v.dia = v.sys+above, v.dia+above*.5
		value := fmt.Sprintf("%.0f/%.0f", v.sys, v.dia)
		switch {
		case n == 0:
			v.prescribe(first, why)
			v.before(renalPanel, why)
			v.tells(pick(v.dice, "Home readings around 155/95 for a month. No headache, no chest pain.", "Found high at the pharmacy and twice here. Feels well."))
			v.assess(why, value+" today, confirmed on home readings. "+v.told("creatinine")+", "+v.told("potassium")+".", "Start "+first.text+" daily. Less salt, log at home, kidney function in 2 weeks.")
		case n == 1 && first.text == lisinopril10.text:
			v.stop(lisinopril10, "Dose increased")
			v.prescribe(lisinopril20, why)
			v.draw(renalPanel, why)
			v.assess(why, value+", improved, no cough.", "Lisinopril up to 20 mg; kidney function and potassium taken today.")
		case n == 2 && v.sys > 134 && v.medicines[amlodipine5.text] == nil:
			v.prescribe(amlodipine5, why)
			v.assess(why, value+" on one medicine.", "Add amlodipine 5 mg in the evening; ankle swelling explained.")
		default:
			if n%3 == 0 {
				v.before(renalPanel, why)
			}
			v.tells(pick(v.dice, "Takes blood pressure tablets every morning.", "Home readings in the 120s and 130s.", "No dizziness on standing.", "Forgets the tablets on weekends sometimes."))
			state := "at goal"
			if v.sys >= 138 {
				state = "above goal today, home readings lower"
			}
			v.assess(why, value+", "+state+".", pick(v.dice, "No change.", "Continue; home log for two weeks before the next visit.", "Continue. Salt and alcohol talked about again."))
		}
		n++
	}
}

// fats is a raised cholesterol and its statin.
func fats(yearsAgo float64) step {
	n, statin := 0, atorvastatin20
	return func(v *visit) {
		why := v.since(lipids, yearsAgo)
		v.levels["ldl"] = []float64{4.4, 2.8, 2.5, 2.1, 2.0}[min(n, 4)]
		v.levels["trig"] = []float64{2.2, 1.8, 1.7, 1.5, 1.5}[min(n, 4)]
		n++
		if n > 2 && n%3 != 0 {
			return
		}
		v.before(lipidPanel, why)
		switch {
		case n == 1:
			v.prescribe(statin, why)
			v.assess(why, v.told("ldl")+"; ten-year risk explained with the chart.", "Start atorvastatin 20 mg at bedtime. Lipids and ALT in 3 months.")
		case n == 2 && v.seen["ldl"] > 2.6:
			v.stop(atorvastatin20, "Dose increased")
			v.prescribe(atorvastatin40, why)
			v.before(liverPanel, why)
			v.assess(why, v.told("ldl")+", "+v.told("alt")+". No muscle pain.", "Atorvastatin up to 40 mg.")
		default:
			v.assess(why, v.told("ldl")+" on statin, no muscle pain.", "Continue.")
		}
	}
}

// kidney is a slowly falling filtration, within the limits of stage 3a.
func kidney(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		v.levels["creatinine"] = creatinineFor(math.Max(48, 56-.9*float64(n)), v.age(v.at), v.person.female)
		v.levels["acr"] = 3.6 + .4*float64(n)
		n++
		why := v.since(kidney3a, yearsAgo)
		if n%2 == 1 {
			v.before(renalPanel, why)
			v.before(single("acr"), why)
			v.assess(why, v.told("egfr")+", "+v.told("potassium")+", "+v.told("acr")+".", pick(v.dice, "Avoid anti-inflammatory tablets. Kidney function in 6 months.", "Stable slope; pressure and sugar are the treatment."))
		}
	}
}

// thyroid is a hypothyroidism found at the first visit.
func thyroid(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(hypothyroid, yearsAgo)
		v.levels["tsh"], v.levels["ft4"] = []float64{9.6, 5.4, 2.4, 2.1}[min(n, 3)], []float64{10.6, 13, 15.5, 16}[min(n, 3)]
		if n < 3 || n%2 == 0 {
			v.before(thyroidPanel, why)
		}
		switch n {
		case 0:
			v.tells("Tired for months, feels the cold, hair thinner, weight up without eating more.")
			v.prescribe(levothyroxine50, why)
			v.assess(why, v.told("tsh")+", "+v.told("ft4")+", symptoms fit.", "Start levothyroxine 50 mcg, half an hour before breakfast, apart from iron and calcium. TSH in 8 weeks.")
		case 1:
			v.stop(levothyroxine50, "Dose increased")
			v.prescribe(levothyroxine75, why)
			v.assess(why, v.told("tsh")+", better, still above range.", "Levothyroxine up to 75 mcg.")
		default:
			v.tells(pick(v.dice, "More energy, weight steady.", "No palpitations, sleeps well.", "Takes the tablet before breakfast every day."))
			v.assess(why, v.told("tsh")+", replaced well.", "Same dose, TSH once a year.")
		}
		n++
	}
}

// uric is gout with attacks that end when urate is low.
func uric(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(gout, yearsAgo)
		v.levels["urate"] = []float64{548, 432, 352, 335}[min(n, 3)]
		v.before(single("urate"), why)
		switch n {
		case 0:
			v.tells("Third attack in the right big toe this year, two nights without sleep, better now.")
			v.finds("Right first toe joint still warm and tender, no redness beyond it.")
			v.prescribe(colchicine, why)
			v.prescribe(allopurinol100, why)
			v.assess(why, v.told("urate")+", recurrent attacks.", "Allopurinol 100 mg daily, colchicine for flares, beer and organ meat explained.")
		case 1:
			v.stop(allopurinol100, "Dose increased")
			v.prescribe(allopurinol300, why)
			v.tells("One short attack since, settled with colchicine.")
			v.assess(why, v.told("urate")+", not yet at the goal of 360.", "Allopurinol up to 300 mg.")
		default:
			v.tells("No attack since the last visit.")
			v.assess(why, v.told("urate")+", at goal.", "Continue, urate once a year.")
		}
		n++
	}
}

// iron is an iron deficiency that is treated and explained.
func iron(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(ironAnaemia, yearsAgo)
		v.levels["hb"] = []float64{98, 112, 124, 129}[min(n, 3)]
		v.levels["ferritin"], v.levels["mcv"] = []float64{6, 18, 34, 48}[min(n, 3)], []float64{74, 79, 85, 88}[min(n, 3)]
		v.before(bloodPanel, why)
		v.before(single("ferritin"), why)
		switch n {
		case 0:
			v.tells(pick(v.dice, "Tired on the stairs, craves ice. Heavy periods for a year.", "Breathless when hurrying. No black stools, eats little meat."))
			v.finds("Pale conjunctivae, no murmur, abdomen soft.")
			v.prescribe(ferrous325, why)
			v.assess(why, v.told("hb")+", "+v.told("ferritin")+", small cells.", "Iron every other day. Stool blood test and coeliac blood test sent, source to be looked for.")
		case 1, 2:
			v.assess(why, v.told("hb")+", "+v.told("ferritin")+", coming up.", "Continue iron until three months after the count is normal.")
		default:
			v.stop(ferrous325, "Iron stores refilled")
			if n == 3 {
				v.resolve(ironAnaemia, v.at)
			}
			v.assess(why, v.told("hb")+", "+v.told("ferritin")+".", "Stop iron, count again in 6 months.")
		}
		n++
	}
}
