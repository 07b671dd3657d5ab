package rx

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/knowledge/drug"
)

var today = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func medicine(text string) Medicine {
	return Medicine{ID: "MedicationRequest/" + text, Text: text, Date: today.AddDate(-1, 0, 0)}
}

// adult is a woman of 58 with nothing that would hide a finding.
func adult(candidate string, current ...string) Facts {
	f := Facts{
		Candidate: Medicine{Text: candidate}, NoKnownAllergies: true, Born: time.Date(1968, 3, 14, 0, 0, 0, 0, time.UTC), Sex: "female",
		EGFR: Measure{Value: 90, Unit: "mL/min/1.73 m2", Date: today.AddDate(0, -1, 0), Known: true}, Potassium: Measure{Value: 4.4, Unit: "mmol/L", Date: today.AddDate(0, -1, 0), Known: true},
		Problems: []Problem{{ID: "Condition/1", Text: "plantar fasciitis", Codes: []string{"M72.2"}}}, Date: today,
	}
	for _, c := range current {
		f.Current = append(f.Current, medicine(c))
	}
	return f
}

func has(found Findings, rule string) (Finding, bool) {
	for _, f := range found.Findings {
		if f.Rule == rule {
			return f, true
		}
	}
	return Finding{}, false
}

// expect fails unless the rule fires with the tier, whichever of the two is new.
func expect(t *testing.T, f Facts, rule string, tier Tier) Finding {
	t.Helper()
	found := Check(f)
	got, ok := has(found, rule)
	if !ok || got.Tier != tier {
		t.Errorf("%s on %v: %s is %q, want %q; found %+v", f.Candidate.Text, texts(f.Current), rule, got.Tier, tier, rules(found))
		return got
	}
	if got.Sentence == "" || got.Source == "" || got.Check == "" || got.ID == "" || strings.ContainsAny(got.Sentence, "{}") {
		t.Errorf("%s: incomplete finding %+v", rule, got)
	}
	if tier != Quiet && len(got.Actions) != 3 {
		t.Errorf("%s has %d ways out, want 3", rule, len(got.Actions))
	}
	return got
}

func texts(list []Medicine) (out []string) {
	for _, m := range list {
		out = append(out, m.Text)
	}
	return out
}

func rules(found Findings) (out []string) {
	for _, f := range found.Findings {
		out = append(out, f.Rule+":"+string(f.Tier))
	}
	return out
}

func TestEveryRuleHasASource(t *testing.T) {
	seen := map[string]bool{}
	check := func(id, source string, tier Tier) {
		if source == "" || id == "" || seen[id] || tier == "" {
			t.Errorf("rule %q: twice, without tier or without source (%q)", id, source)
		}
		seen[id] = true
	}
	for _, p := range pairs {
		check(p.id, p.source, p.tier)
		if p.evidence == "" || p.title == "" || !strings.Contains(p.effect, "{a}") || !strings.Contains(p.effect, "{b}") {
			t.Errorf("%s has no evidence or title, or its sentence does not name both medicines", p.id)
		}
		if (p.order == "") != (p.test == "") || p.order != "" && p.days == 0 {
			t.Errorf("%s has half a test to order", p.id)
		}
		for _, g := range []group{p.a, p.b} {
			checkGroup(t, p.id, g)
		}
	}
	for _, r := range kidneyRules {
		check(r.id, r.source, r.tier)
		checkGroup(t, r.id, r.who)
	}
	for _, r := range conditionRules {
		check(r.id, r.source, r.tier)
		checkGroup(t, r.id, r.who)
	}
	for _, r := range olderRules {
		check(r.id, r.source, r.tier)
		checkGroup(t, r.id, r.who)
	}
	for class, r := range withinClass {
		check(string(class), r.source, r.tier)
	}
	if len(highPriority) != 15 {
		t.Errorf("%d high-priority pairs, want 15", len(highPriority))
	}
}

// checkGroup fails when a group names something that the catalogue does not have.
func checkGroup(t *testing.T, id string, g group) {
	t.Helper()
	classes := map[string]bool{}
	for _, i := range drug.Ingredients() {
		classes[string(i.Class)] = true
	}
	for n := range strings.SplitSeq(g.names+","+g.except, ",") {
		if n == "" {
			continue
		}
		if i, ok := drug.ByName(n); !ok || i.Name != n {
			t.Errorf("%s names %q, which is not a row of the catalogue", id, n)
		}
	}
	for c := range strings.SplitSeq(g.classes, ",") {
		if c != "" && !classes[c] {
			t.Errorf("%s names the class %q, which no row has", id, c)
		}
	}
}

// TestHighPriorityPairs fires each of the 15 pairs of the ONC, in both directions.
func TestHighPriorityPairs(t *testing.T) {
	for _, c := range []struct{ rule, a, b string }{
		{"ONC-01", "methylphenidate 18 mg tablet", "phenelzine 15 mg tablet"},
		{"ONC-02", "atazanavir 300 mg capsule", "omeprazole 20 mg capsule"},
		{"ONC-03", "febuxostat 40 mg tablet", "azathioprine 50 mg tablet"},
		{"ONC-04", "sertraline 50 mg tablet", "tranylcypromine 10 mg tablet"},
		{"ONC-05", "irinotecan 20 mg", "ketoconazole 200 mg tablet"},
		{"ONC-06", "meperidine 50 mg tablet", "phenelzine 15 mg tablet"},
		{"ONC-07", "amitriptyline 25 mg tablet", "isocarboxazid 10 mg tablet"},
		{"ONC-08", "amiodarone 200 mg tablet", "sotalol 80 mg tablet"},
		{"ONC-09", "ramelteon 8 mg tablet", "fluvoxamine 100 mg tablet"},
		{"ONC-10", "atazanavir 300 mg capsule", "rifampin 300 mg capsule"},
		{"ONC-11", "simvastatin 20 mg tablet", "clarithromycin 500 mg tablet"},
		{"ONC-12", "ergotamine 2 mg tablet", "ritonavir 100 mg tablet"},
		{"ONC-13", "tizanidine 4 mg tablet", "ciprofloxacin 500 mg tablet"},
		{"ONC-14", "tranylcypromine 10 mg tablet", "procarbazine 50 mg capsule"},
		{"ONC-15", "sumatriptan 50 mg tablet", "phenelzine 15 mg tablet"},
	} {
		expect(t, adult(c.a, c.b), c.rule, Stop)
		expect(t, adult(c.b, c.a), c.rule, Stop)
	}
}

func TestPairsOfFamilyPractice(t *testing.T) {
	for _, c := range []struct {
		rule, a, b string
		tier       Tier
	}{
		{"LBL-NITRATE", "sildenafil 50 mg tablet", "nitroglycerin 0.4 mg sublingual tablet", Stop},
		{"DDI-K-SPARING", "spironolactone 25 mg tablet", "lisinopril 20 mg tablet", Warning},
		{"DDI-K-TRIMETHOPRIM", "sulfamethoxazole-trimethoprim 800 mg/160 mg tablet", "losartan 50 mg tablet", Warning},
		{"DDI-WARFARIN-NSAID", "ibuprofen 600 mg tablet", "warfarin 5 mg tablet", Warning},
		{"DDI-WARFARIN-MACROLIDE", "azithromycin 250 mg tablet", "warfarin 5 mg tablet", Warning},
		{"DDI-WARFARIN-SULFA", "metronidazole 500 mg tablet", "warfarin 5 mg tablet", Warning},
		{"DDI-WARFARIN-AZOLE", "fluconazole 150 mg tablet", "warfarin 5 mg tablet", Warning},
		{"DDI-STATIN-CLARITHROMYCIN", "clarithromycin 500 mg tablet", "atorvastatin 40 mg tablet", Warning},
		{"DDI-SSRI-NSAID", "naproxen 500 mg tablet", "sertraline 50 mg tablet", Warning},
		{"DDI-OPIOID-BENZO", "oxycodone 5 mg tablet", "lorazepam 0.5 mg tablet", Warning},
		{"DDI-LITHIUM-NSAID", "ibuprofen 600 mg tablet", "lithium 300 mg tablet", Warning},
		{"DDI-LITHIUM-THIAZIDE", "hydrochlorothiazide 25 mg tablet", "lithium 300 mg tablet", Warning},
		{"DDI-LITHIUM-ACE", "lisinopril 10 mg tablet", "lithium 300 mg tablet", Warning},
		{"DDI-METHOTREXATE-TRIMETHOPRIM", "trimethoprim 100 mg tablet", "methotrexate 2.5 mg tablet", Stop},
		{"DDI-CLOPIDOGREL-OMEPRAZOLE", "omeprazole 20 mg capsule", "clopidogrel 75 mg tablet", Warning},
		{"DDI-DIGOXIN-AMIODARONE", "verapamil 240 mg tablet", "digoxin 0.125 mg tablet", Warning},
		{"DDI-ALLOPURINOL-AZATHIOPRINE", "allopurinol 100 mg tablet", "azathioprine 50 mg tablet", Stop},
		{"DDI-CONTRACEPTIVE-INDUCER", "carbamazepine 200 mg tablet", "Yaz 28 Day Pack", Warning},
		{"QUIET-LEVOTHYROXINE", "ferrous sulfate 325 mg tablet", "levothyroxine 50 mcg tablet", Quiet},
	} {
		expect(t, adult(c.a, c.b), c.rule, c.tier)
		expect(t, adult(c.b, c.a), c.rule, c.tier)
	}
}

func TestQuietPairsNeverInterrupt(t *testing.T) {
	for _, p := range quietPairs {
		if p.tier != Quiet {
			t.Errorf("%s stands with the quiet pairs and is %s", p.id, p.tier)
		}
	}
}

// Common pairs that do no harm must not raise anything: too many alerts are a danger.
func TestHarmlessPairsStaySilent(t *testing.T) {
	for _, c := range [][2]string{
		{"amlodipine 5 mg tablet", "lisinopril 20 mg tablet"},
		{"metformin 500 mg tablet", "atorvastatin 20 mg tablet"},
		{"amoxicillin 500 mg capsule", "levothyroxine 50 mcg tablet"},
		{"acetaminophen 500 mg tablet", "warfarin 5 mg tablet"},
		{"pantoprazole 40 mg tablet", "clopidogrel 75 mg tablet"},
		{"cetirizine 10 mg tablet", "sertraline 50 mg tablet"},
	} {
		found := Check(adult(c[0], c[1]))
		if len(found.Findings) != 0 {
			t.Errorf("%s with %s: %v", c[0], c[1], rules(found))
		}
		if len(found.RunsOf(Clear)) == 0 {
			t.Errorf("%s: no check says that it ran", c[0])
		}
	}
}

func TestUnknownMedicineIsSaidAndNotCleared(t *testing.T) {
	found := Check(adult("moonflower 3 mg tablet", "warfarin 5 mg tablet"))
	if len(found.NotChecked) != 1 || len(found.RunsOf(Clear)) != 0 {
		t.Errorf("an unknown medicine is cleared: %+v", found)
	}
	found = Check(adult("lisinopril 20 mg / moonflower 3 mg tablet"))
	if len(found.NotChecked) == 0 || len(found.RunsOf(Clear)) != 0 {
		t.Errorf("a half-known medicine is cleared: %+v", found.Runs)
	}
	f := adult("warfarin 5 mg tablet", "moonflower 3 mg tablet")
	f.Current[0].Stated = true
	found = Check(f)
	if !missed(found, Interactions, "moonflower 3 mg tablet", "patient-stated and not coded") {
		t.Errorf("an unknown current medicine is not told: %+v", found.NotChecked)
	}
	if !strings.Contains(found.Tally(), "not checked") {
		t.Errorf("the tally hides it: %s", found.Tally())
	}
}

func missed(found Findings, check, subject, reason string) bool {
	for _, m := range found.NotChecked {
		if m.Check == check && m.Subject == subject && strings.Contains(m.Reason, reason) {
			return true
		}
	}
	return false
}

func TestAllergies(t *testing.T) {
	anaphylaxis := Allergy{ID: "AllergyIntolerance/1", Text: "penicillin", Reaction: "anaphylaxis", Severe: true, Category: "medication", Date: time.Date(2003, 5, 2, 0, 0, 0, 0, time.UTC)}
	rash := Allergy{ID: "AllergyIntolerance/2", Text: "sulfonamides", Reaction: "rash", Category: "medication", Date: time.Date(2011, 5, 11, 0, 0, 0, 0, time.UTC)}
	mild := Allergy{ID: "AllergyIntolerance/3", Text: "penicillin V", Reaction: "rash", Category: "medication"}
	cough := Allergy{ID: "AllergyIntolerance/4", Text: "lisinopril", Reaction: "cough", Intolerance: true}
	for _, c := range []struct {
		allergy   Allergy
		candidate string
		rule      string
		tier      Tier
	}{
		{rash, "sulfamethoxazole-trimethoprim 800 mg/160 mg tablet", "ALG-CLASS", Stop},
		{rash, "hydrochlorothiazide 25 mg tablet", "ALG-SULFA", Quiet},
		{anaphylaxis, "amoxicillin 500 mg capsule", "ALG-CLASS", Stop},
		{anaphylaxis, "Augmentin", "ALG-CLASS", Stop},
		{anaphylaxis, "cephalexin 500 mg capsule", "ALG-SIDECHAIN", Stop},
		{anaphylaxis, "cefdinir 300 mg capsule", "ALG-BETALACTAM", Warning},
		{mild, "penicillin V 500 mg tablet", "ALG-SAME", Stop},
		{mild, "amoxicillin 500 mg capsule", "ALG-CLASS", Stop},
		{mild, "cefdinir 300 mg capsule", "ALG-BETALACTAM", Quiet},
		{Allergy{ID: "5", Text: "amoxicillin", Reaction: "rash"}, "cefadroxil 500 mg capsule", "ALG-SIDECHAIN", Warning},
		{Allergy{ID: "5", Text: "amoxicillin", Reaction: "rash"}, "cephalexin 500 mg capsule", "ALG-BETALACTAM", Quiet},
		{Allergy{ID: "6", Text: "Aspirin", Reaction: "asthma"}, "ibuprofen 600 mg tablet", "ALG-CLASS", Stop},
		{cough, "lisinopril 20 mg tablet", "ALG-SAME", Warning},
		{cough, "losartan 50 mg tablet", "ALG-ANGIO", Quiet},
		{Allergy{ID: "7", Text: "codeine", Reaction: "itching", Intolerance: true}, "morphine 15 mg tablet", "ALG-CLASS", Warning},
	} {
		f := adult(c.candidate)
		f.NoKnownAllergies, f.Allergies = false, []Allergy{c.allergy}
		expect(t, f, c.rule, c.tier)
	}
	f := adult("sulfamethoxazole-trimethoprim 800 mg/160 mg tablet")
	f.Allergies = []Allergy{rash}
	got := expect(t, f, "ALG-CLASS", Stop)
	if want := "Sulfonamides, rash, recorded 11-May-2011."; !strings.HasPrefix(got.Sentence, want) {
		t.Errorf("the sentence is %q, want %q first", got.Sentence, want)
	}
}

func TestAllergiesThatCannotBeCompared(t *testing.T) {
	f := adult("amoxicillin 500 mg capsule")
	f.NoKnownAllergies = false
	if found := Check(f); !missed(found, Allergies, "", "recorded that you may see") {
		t.Errorf("no allergies on record passes for none: %+v", found.NotChecked)
	}
	f.Allergies = []Allergy{{ID: "1", Text: "some old tablet", Category: "medication"}, {ID: "2", Text: "Peanut (substance)", Category: "food"}, {ID: "3", Text: "Tree pollen"}}
	found := Check(f)
	if !missed(found, Allergies, "some old tablet", "not in the catalogue") || len(found.NotChecked) != 1+1 {
		// the second is the dose, which this Facts does not give
		t.Errorf("not checked: %+v", found.NotChecked)
	}
}

func TestDose(t *testing.T) {
	with := func(text, strength string, dose, perDay float64) Facts {
		f := adult(text)
		f.Candidate.Strength, f.Candidate.Dose, f.Candidate.Unit, f.Candidate.PerDay = strength, dose, "tablet", perDay
		return f
	}
	expect(t, with("lisinopril 40 mg tablet", "40 mg", 3, 1), "DOSE-MAX-lisinopril", Warning)
	expect(t, with("lisinopril 40 mg tablet", "40 mg", 5, 1), "DOSE-MAX-lisinopril", Stop)
	expect(t, with("levothyroxine 100 mcg tablet", "0.1 mg", 4, 1), "DOSE-MAX-levothyroxine", Warning)
	if found := Check(with("lisinopril 40 mg tablet", "40 mg", 2, 1)); found.Count(Warning)+found.Count(Stop) != 0 {
		t.Errorf("the maximum itself warns: %v", rules(found))
	}
	f := with("hydrocodone-acetaminophen 5 mg/325 mg tablet", "5 mg/325 mg", 1, 4)
	f.Current = []Medicine{{ID: "MedicationRequest/1", Text: "acetaminophen 500 mg tablet", Strength: "500 mg", Dose: 2, Unit: "tablet", PerDay: 4}}
	got := expect(t, f, "DOSE-TOTAL-acetaminophen", Warning)
	if !strings.Contains(got.Sentence, "5,300 mg") {
		t.Errorf("the total is not told: %q", got.Sentence)
	}
	f.Current[0].Dose = 0
	f.Current[0].Stated = true
	if found := Check(f); !missed(found, Dose, "acetaminophen 500 mg tablet", "left it out") {
		t.Errorf("the unknown amount is not told: %+v", found.NotChecked)
	}
	child := with("amoxicillin 500 mg capsule", "500 mg", 1, 3)
	child.Born = today.AddDate(-6, 0, 0)
	if found := Check(child); !missed(found, Dose, "", "no weight is recorded") {
		t.Errorf("a child's dose passes for checked: %+v", found.NotChecked)
	}
}

func TestKidneyPotassiumPregnancyAge(t *testing.T) {
	at := func(candidate string, egfr, potassium float64, current ...string) Facts {
		f := adult(candidate, current...)
		f.EGFR.Value, f.Potassium.Value = egfr, potassium
		return f
	}
	expect(t, at("metformin 500 mg tablet", 25, 4), "REN-METFORMIN-30", Stop)
	expect(t, at("metformin 500 mg tablet", 40, 4), "REN-METFORMIN-45", Warning)
	expect(t, at("nitrofurantoin 100 mg capsule", 52, 4), "REN-NITROFURANTOIN-60", Warning)
	expect(t, at("ibuprofen 600 mg tablet", 25, 4), "REN-NSAID-30", Stop)
	if found := Check(at("metformin 500 mg tablet", 60, 4)); len(found.Findings) != 0 {
		t.Errorf("metformin at 60: %v", rules(found))
	}
	f := at("sulfamethoxazole-trimethoprim 800 mg/160 mg tablet", 52, 5.3, "lisinopril 20 mg tablet")
	got := expect(t, f, "LAB-POTASSIUM-HIGH", Warning)
	if !strings.Contains(got.Sentence, "5.3 mmol/L") || !strings.Contains(got.Sentence, "lisinopril") || !strings.Contains(got.Sentence, "eGFR 52") || got.Actions[2].Order != "2823-3" {
		t.Errorf("the finding does not carry its evidence: %+v", got)
	}
	if _, ok := has(Check(f), "DDI-K-TRIMETHOPRIM"); ok {
		t.Error("the same danger is told twice")
	}
	expect(t, at("lisinopril 20 mg tablet", 90, 6.2), "LAB-POTASSIUM-HIGH", Stop)
	expect(t, at("furosemide 40 mg tablet", 90, 3.1), "LAB-POTASSIUM-LOW", Warning)

	f = at("lisinopril 20 mg tablet", 90, 4)
	f.Potassium, f.EGFR = Measure{}, Measure{}
	if found := Check(f); !missed(found, Potassium, "", "no potassium recorded") {
		t.Errorf("missing potassium: %+v", found.NotChecked)
	}
	f.Candidate.Text = "metformin 500 mg tablet"
	if found := Check(f); !missed(found, Kidney, "", "no eGFR recorded") {
		t.Errorf("missing eGFR: %+v", found.NotChecked)
	}

	f = adult("lisinopril 20 mg tablet")
	f.Born = today.AddDate(-30, 0, 0)
	if found := Check(f); !missed(found, InPregnancy, "", "not recorded") {
		t.Errorf("unknown pregnancy: %+v", found.NotChecked)
	}
	f.Pregnancy = Pregnant
	expect(t, f, "PRG-HARM", Stop)
	f.Candidate.Text = "doxycycline 100 mg capsule"
	expect(t, f, "PRG-CAUTION", Warning)
	f.Pregnancy = NotPregnant
	if found := Check(f); len(found.Findings) != 0 {
		t.Errorf("not pregnant: %v", rules(found))
	}

	f = adult("lorazepam 0.5 mg tablet")
	f.Born = today.AddDate(-80, 0, 0)
	expect(t, f, "AGE-BENZODIAZEPINE", Warning)
}

func TestConditionsAndDuplicates(t *testing.T) {
	f := adult("sumatriptan 50 mg tablet")
	f.Problems = []Problem{{ID: "Condition/2", Text: "coronary artery disease"}}
	expect(t, f, "CON-TRIPTAN-CAD", Stop)
	f.Problems = []Problem{{ID: "Condition/2", Text: "ischaemia", Codes: []string{"I25.10"}}}
	expect(t, f, "CON-TRIPTAN-CAD", Stop)
	f.Problems = []Problem{{ID: "Condition/2", Text: "family history of coronary artery disease"}}
	if found := Check(f); len(found.Findings) != 0 {
		t.Errorf("a family history stops: %v", rules(found))
	}
	f.Problems = nil
	if found := Check(f); !missed(found, Conditions, "", "no problems") {
		t.Errorf("no problems: %+v", found.NotChecked)
	}
	expect(t, adult("lisinopril 20 mg tablet", "lisinopril 10 mg tablet"), "DUP-SAME", Warning)
	expect(t, adult("lisinopril 20 mg tablet", "Lotensin 20 mg tablet"), "DUP-CLASS", Warning)
	expect(t, adult("atorvastatin 20 mg tablet", "simvastatin 20 mg tablet"), "DUP-CLASS", Warning)
}

func TestTallyCountsEverything(t *testing.T) {
	f := adult("sulfamethoxazole-trimethoprim 800 mg/160 mg tablet", "lisinopril 20 mg tablet", "ibuprofen")
	f.Candidate.Strength, f.Candidate.Dose, f.Candidate.Unit, f.Candidate.PerDay = "800 mg/160 mg", 1, "tablet", 2
	f.Allergies = []Allergy{{ID: "AllergyIntolerance/2", Text: "sulfonamides", Reaction: "rash"}}
	f.Potassium.Value = 5.3
	found := Check(f)
	if len(found.Runs) != 9 || found.Loudest() != Stop {
		t.Errorf("%d runs, loudest %q", len(found.Runs), found.Loudest())
	}
	if want := "9 checks: 1 stop, 1 warning, 7 clear"; found.Tally() != want {
		t.Errorf("tally %q, want %q (%v %+v)", found.Tally(), want, rules(found), found.NotChecked)
	}
}

// A check that lacks its value is never "clear", whatever the others found.
func TestMissingValuesAreNotClear(t *testing.T) {
	f := adult("nitrofurantoin 100 mg capsule", "moonflower drops")
	f.EGFR = Measure{}
	found := Check(f)
	for check, want := range map[string]Outcome{Kidney: Missing, Interactions: Partly, Duplicates: Partly, Allergies: Clear} {
		for _, r := range found.Runs {
			if r.Check == check && r.Outcome != want {
				t.Errorf("%s ends %q, want %q", check, r.Outcome, want)
			}
		}
	}
}

// TestANameThatIsAlmostAnotherIsCheckedAsThat: a slip of the finger or the name of another language is
// stopped where the right name is, stays unread all the same, and a name like none is only not checked.
func TestANameThatIsAlmostAnotherIsCheckedAsThat(t *testing.T) {
	anaphylaxis := Allergy{ID: "AllergyIntolerance/1", Text: "penicillin", Reaction: "anaphylaxis", Severe: true}
	for text, want := range map[string]struct{ says, rule string }{
		"amoxicilina":              {"If this is amoxicillin: ", "ALG-CLASS"},
		"Amoxicilina 500 mg":       {"If this is amoxicillin: ", "ALG-CLASS"},
		"penicilina":               {"If this is penicillin v: ", "ALG-CLASS"},
		"cetirizine y amoxicilina": {"If this is amoxicillin: ", "ALG-CLASS"},
		"moonflower 3 mg":          {},
	} {
		f := adult(text)
		f.Allergies = []Allergy{anaphylaxis}
		got := Check(f)
		stops := got.Of(Stop)
		if !got.Unread() {
			t.Errorf("%s: taken for read", text)
		}
		if want.rule == "" {
			if len(got.Findings) != 0 || len(got.RunsOf(Missing)) != len(got.Runs) || !strings.Contains(got.NotChecked[0].Reason, "no check of allergies") {
				t.Errorf("%s: %+v, %+v", text, got.Findings, got.NotChecked)
			}
			continue
		}
		if len(stops) != 1 || stops[0].Rule != want.rule || !strings.HasPrefix(stops[0].Sentence, want.says) || stops[0].Check != Allergies || len(stops[0].Actions) == 0 {
			t.Errorf("%s: %+v", text, stops)
		}
	}
}

// TestANameThatIsAlmostAnotherMeetsTheOtherMedicines: interactions are told under the same condition.
func TestANameThatIsAlmostAnotherMeetsTheOtherMedicines(t *testing.T) {
	right, slip := adult("ibuprofen 600 mg tablet", "warfarin 5 mg tablet"), adult("ibuprofeno 600 mg", "warfarin 5 mg tablet")
	want, got := Check(right), Check(slip)
	if n := want.Count(Stop) + want.Count(Warning); n == 0 || got.Count(Stop)+got.Count(Warning) != n {
		t.Fatalf("%d findings of the right name, of the other %+v", n, got.Findings)
	}
}
