package synthetic

import "fmt"

// wheeze is a mild persistent asthma.
func wheeze(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(asthma, yearsAgo)
		v.prescribe(albuterol, why)
		best := 390.0
		if v.age(v.at) < 16 {
			best = 150 + 24*float64(v.age(v.at)-6)
		} else if v.person.female {
			best = 370
		} else {
			best = 520
		}
		flow := best * []float64{.72, .86, .93, .9, .95}[min(n, 4)]
		if v.age(v.at) >= 6 { // younger children cannot blow on purpose
			v.after = append(v.after, v.chart.vital(peakFlow, flow, v.at, v.world.nurses[0].reference(), v.encounter()))
			v.bill("peak-flow")
			v.finds(fmt.Sprintf("Peak flow %.0f L/min, %.0f %% of best. %s", flow, flow/best*100, pick(v.dice, "Chest clear.", "A few wheezes at the end of breathing out.", "No wheeze, speaks in full sentences.")))
		} else {
			v.finds("Chest with a few wheezes, no pulling in of the ribs.")
		}
		switch n {
		case 0:
			v.prescribe(fluticasone, why)
			v.tells("Cough at night twice a week, wheeze with running and with cats. Uses the blue inhaler most days.")
			v.assess(why, "not controlled, needs a preventer.", "Start fluticasone 2 puffs twice daily with a spacer; technique shown, action plan printed.")
		default:
			v.tells(pick(v.dice, "Blue inhaler once a week. Sleeps through.", "Needed the blue inhaler with a cold in the autumn, otherwise well.", "Forgets the preventer on holidays."))
			v.assess(why, pick(v.dice, "well controlled.", "controlled, technique good.", "mostly controlled; triggers talked through."), pick(v.dice, "Same inhalers, action plan confirmed.", "Continue; spacer replaced.", "Preventer all year, influenza vaccine in autumn."))
		}
		n++
	}
}

// smokersLung is a COPD.
func smokersLung(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		if n == 0 {
			v.chart.spo2 = 94
			v.spo2 = 94
		}
		v.since(exSmoker, yearsAgo+3)
		why := v.since(copd, yearsAgo)
		v.prescribe(albuterol, why)
		v.prescribe(tiotropium, why)
		v.finds(pick(v.dice, "Long breathing out, no crackles.", "Barrel chest, quiet breath sounds, few wheezes.", "Breath sounds distant, no wheeze today."))
		switch {
		case n == 2:
			v.temp, v.spo2 = 37.6, 91
			v.short(prednisone20, why)
			v.tells("Four days of more cough and yellow sputum, breathless dressing. No chest pain.")
			v.assess(why, "flare, oxygen 91 % at rest, speaks in sentences.", "Prednisone 40 mg for 5 days, albuterol every 4 hours, call if worse; see again in a week.")
		default:
			v.tells(pick(v.dice, "Manages one flight of stairs. Cough in the mornings.", "Walks to the shop with one stop.", "Rehabilitation class twice a week and enjoys it."))
			v.assess(why, pick(v.dice, "stable, grade 2 breathlessness.", "stable since the last visit, no flare.", "slowly more breathless on hills."), pick(v.dice, "Same inhalers, technique good.", "Pulmonary rehabilitation offered again.", "Continue. Pneumococcal and influenza vaccines up to date."))
		}
		n++
	}
}

// flutter is an atrial fibrillation on apixaban, or on warfarin with its INR.
func flutter(yearsAgo float64, warfarin bool) step {
	n := 0
	return func(v *visit) {
		why := v.since(fibrillation, yearsAgo)
		v.prescribe(metoprolol50, why)
		v.pulse = v.near(76, 5)
		v.finds(fmt.Sprintf("Pulse irregular, about %.0f, no murmur.", v.pulse))
		v.tells(pick(v.dice, "No palpitations, no bleeding.", "Sometimes feels the heart flutter in bed, minutes only.", "Bruises easily on the arms, no other bleeding."))
		if warfarin {
			v.prescribe(warfarin5, why)
			v.levels["inr"] = []float64{2.4, 3.3, 2.6, 1.8, 2.5, 2.3}[n%6]
			v.before(single("inr"), why)
			v.bill("inr-point-of-care")
			advice := "Same dose, INR in 4 weeks."
			if v.seen["inr"] > 3 {
				advice = "Skip one tablet this week, INR in 1 week."
			} else if v.seen["inr"] < 2 {
				advice = "Half a tablet more on Sundays, INR in 1 week."
			}
			v.assess(why, "rate controlled, "+v.told("inr")+".", advice)
		} else {
			v.prescribe(apixaban5, why)
			if n%2 == 0 {
				v.before(renalPanel, why)
				v.before(bloodPanel, why)
				v.assess(why, "rate controlled, anticoagulated. "+v.told("hb")+", "+v.told("egfr")+".", "Apixaban 5 mg twice daily stays right for kidney function and weight.")
			} else {
				v.assess(why, "rate controlled, takes apixaban twice daily.", "Continue; no missed doses, no aspirin on top.")
			}
		}
		n++
	}
}

// weakHeart is a heart failure with reduced ejection fraction.
func weakHeart(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(heartFailure, yearsAgo)
		v.prescribe(furosemide40, why)
		v.prescribe(metoprolol50, why)
		if v.medicines[lisinopril20.text] == nil {
			v.prescribe(lisinopril10, why)
		}
		v.levels["bnp"] = []float64{2380, 1640, 1210, 1320, 1150}[min(n, 4)]
		v.before(renalPanel, why)
		if n%2 == 0 {
			v.before(single("bnp"), why)
		}
		if n == 1 {
			v.prescribe(spironolactone25, why)
		}
		v.tells(pick(v.dice, "Sleeps on two pillows. Weighs every morning.", "Ankles swell by the evening, flat by morning.", "Walks 200 metres on the flat before stopping."))
		v.finds(pick(v.dice, "No raised neck veins, chest clear, trace of ankle swelling.", "Neck veins 2 cm up, few crackles at the bases, mild swelling to the shins.", "Chest clear, no swelling."))
		state := v.told("potassium") + ", " + v.told("creatinine")
		if n%2 == 0 {
			state = v.told("bnp") + ", " + state
		}
		v.assess(why, "stable on exertion class II. "+state+".", pick(v.dice, "Same medicines. Call when the weight rises 2 kg in 3 days.", "Fluid 1.5 L, daily weight, salt low. Bloods in 3 months.", "Continue; echo of last year shown and explained again."))
		n++
	}
}

// stent is a coronary artery disease after a stent some years ago.
func stent(yearsAgo float64) step {
	n := 0
	return func(v *visit) {
		why := v.since(coronary, yearsAgo)
		if !v.allergies["nsaid"] {
			v.prescribe(aspirin81, why)
		} else {
			v.prescribe(clopidogrel75, why)
		}
		v.prescribe(atorvastatin80, why)
		v.levels["ldl"], v.levels["trig"] = 1.6, 1.3
		if n%2 == 0 {
			v.before(lipidPanel, why)
			v.assess(why, "no angina. "+v.told("ldl")+" on full statin dose.", "Continue. Chest pain longer than 10 minutes: emergency number.")
		} else {
			v.assess(why, pick(v.dice, "no angina on the usual walk.", "no chest pain, cycles twice a week."), "Continue.")
		}
		n++
	}
}
