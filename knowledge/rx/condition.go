package rx

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// conditionRule is a medicine that a problem makes dangerous. Codes are prefixes of
// ICD-10-CM; words are looked for in the problem's text when it has no such code.
type conditionRule struct {
	id     string
	who    group
	codes  string
	words  string
	tier   Tier
	say    string
	source string
}

var conditionRules = []conditionRule{
	{"CON-NSAID-HF", group{classes: "nsaid"}, "I50,I11.0", "heart failure", Warning, "makes heart failure worse.", "FDA labels of NSAIDs, section 5 (heart failure)"},
	{"CON-NSAID-ULCER", group{classes: "nsaid,salicylate"}, "K25,K26,K27,K28,K92.2", "peptic ulcer,gastric ulcer,duodenal ulcer,gastrointestinal bleed", Warning, "can make an ulcer bleed.", "FDA boxed warning of NSAIDs (bleeding, ulceration)"},
	{"CON-NSAID-CKD", group{classes: "nsaid"}, "N18.4,N18.5,N18.6", "kidney disease stage 4,kidney disease stage 5", Stop, "can destroy what is left of the kidney function.", "FDA labels of NSAIDs, section 5 (renal toxicity)"},
	{"CON-NSAID-MI", group{classes: "nsaid"}, "I21,I22,I25.2", "myocardial infarction", Warning, "raises the risk of another heart attack.", "FDA boxed warning of NSAIDs (cardiovascular)"},
	{"CON-BETA-ASTHMA", group{names: "propranolol,carvedilol,sotalol"}, "J45", "asthma", Stop, "can close the airways in asthma.", "FDA label Coreg, section 4"},
	{"CON-BETA1-ASTHMA", group{names: "metoprolol,atenolol,bisoprolol"}, "J45", "asthma", Warning, "can narrow the airways in asthma.", "FDA label Lopressor, section 5"},
	{"CON-CCB-HF", group{classes: "rate-limiting-calcium-blocker"}, "I50", "heart failure", Warning, "weakens the heart.", "FDA label Calan SR, section Warnings"},
	{"CON-GLITAZONE-HF", group{names: "pioglitazone"}, "I50", "heart failure", Stop, "causes or worsens heart failure.", "FDA boxed warning, Actos"},
	{"CON-BUPROPION-SEIZURE", group{names: "bupropion"}, "G40,F50.0,F50.2", "epilepsy,seizure disorder,bulimia,anorexia nervosa", Stop, "is ruled out in seizure and eating disorders.", "FDA label Wellbutrin XL, section 4"},
	{"CON-TRAMADOL-SEIZURE", group{names: "tramadol,ciprofloxacin,levofloxacin,moxifloxacin,clomipramine"}, "G40", "epilepsy,seizure disorder", Warning, "lowers the threshold for seizures.", "FDA label Ultram, section 5"},
	{"CON-TRIPTAN-CAD", group{classes: "triptan,ergot"}, "I20,I21,I22,I24,I25,I63,G45,I73.9", "coronary,angina,ischemic heart,ischaemic heart,myocardial infarction,stroke", Stop, "narrows vessels and is ruled out.", "FDA label Imitrex, section 4"},
	{"CON-ESTROGEN-CLOT", group{classes: "estrogen,contraceptive-estrogen"}, "I26,I82,Z86.71,I21,I63,C50", "deep vein thrombosis,pulmonary embolism,stroke,breast cancer,malignant neoplasm of breast", Stop, "raises the risk of clots and is ruled out.", "FDA label Yaz, section 4"},
	{"CON-ESTROGEN-MIGRAINE", group{classes: "contraceptive-estrogen"}, "G43.1", "migraine with aura", Stop, "raises the risk of stroke in migraine with aura.", "FDA label Yaz, section 4"},
	{"CON-ESTROGEN-PRESSURE", group{classes: "contraceptive-estrogen"}, "I10", "hypertension", Warning, "can raise blood pressure; ruled out when it is not controlled.", "FDA label Yaz, section 4"},
	{"CON-ACE-ANGIOEDEMA", group{classes: "ace-inhibitor,neprilysin-inhibitor"}, "T78.3,D84.1", "angioedema", Stop, "is ruled out after angioedema.", "FDA label Zestril, section 4"},
	{"CON-ANTICHOLINERGIC-GLAUCOMA", group{flags: drug.Anticholinergic}, "H40.2", "angle-closure glaucoma,narrow angle", Warning, "can start an attack of glaucoma.", "FDA label Ditropan XL, section 4"},
	{"CON-ANTICHOLINERGIC-RETENTION", group{flags: drug.Anticholinergic}, "N40,R33", "prostatic hyperplasia,urinary retention", Warning, "can stop the flow of urine.", "FDA label Ditropan XL, section 4"},
	{"CON-QUINOLONE-MYASTHENIA", group{classes: "quinolone"}, "G70", "myasthenia", Stop, "can worsen myasthenia; deaths have been reported.", "FDA boxed warning of quinolones"},
	{"CON-QUINOLONE-ANEURYSM", group{classes: "quinolone"}, "I71", "aortic aneurysm", Warning, "raises the risk of rupture.", "FDA safety communication of 20 December 2018 on quinolones"},
	{"CON-DOPAMINE-PARKINSON", group{names: "metoclopramide,haloperidol,chlorpromazine,risperidone,olanzapine,promethazine"}, "G20", "parkinson", Warning, "blocks dopamine and worsens Parkinson's disease.", "FDA label Reglan, section 5"},
	{"CON-SGLT2-TYPE1", group{classes: "sglt2-inhibitor,biguanide"}, "E10", "type 1 diabetes", Warning, "is not for type 1 diabetes: ketoacidosis.", "FDA label Jardiance, sections 1 and 5"},
	{"CON-GLP1-MTC", group{classes: "glp1-agonist"}, "E31.2,C73", "medullary thyroid,men 2", Stop, "is ruled out: thyroid C-cell tumours.", "FDA boxed warning, Ozempic"},
	{"CON-DECONGESTANT", group{names: "pseudoephedrine,phentermine"}, "I10,I11,I12,I13", "hypertension", Warning, "raises blood pressure.", "FDA over-the-counter drug facts, pseudoephedrine"},
	{"CON-STEROID-DIABETES", group{classes: "systemic-corticosteroid"}, "E11,E10", "diabetes", Quiet, "raises blood sugar.", "FDA label prednisone, section Precautions"},
	{"CON-THIAZIDE-GOUT", group{classes: "thiazide,loop-diuretic"}, "M10,M1A", "gout", Quiet, "raises uric acid.", "FDA label hydrochlorothiazide, section Precautions"},
	{"CON-G6PD", group{names: "nitrofurantoin,sulfamethoxazole,phenazopyridine,hydroxychloroquine"}, "D55.0", "g6pd", Stop, "can break down red blood cells.", "FDA label Macrobid, section Warnings"},
	{"CON-METFORMIN-LIVER", group{names: "metformin,acetaminophen,methotrexate"}, "K70.3,K74.6,K72", "cirrhosis,liver failure", Warning, "needs care when the liver fails.", "FDA label Glucophage, section 5"},
	{"CON-ANTIPSYCHOTIC-DEMENTIA", group{classes: "atypical-antipsychotic,typical-antipsychotic"}, "F01,F02,F03,G30", "dementia,alzheimer", Warning, "raises mortality in dementia.", "FDA boxed warning of antipsychotics"},
	{"CON-QT", group{flags: drug.HighQT | drug.QT}, "I45.81", "long qt", Stop, "prolongs the QT interval.", "FDA labels of QT-prolonging medicines, section 5"},
	{"CON-OPIOID-APNOEA", group{classes: "opioid,benzodiazepine"}, "G47.3", "sleep apnea,sleep apnoea", Warning, "slows breathing in sleep apnoea.", "FDA labels of opioids, section 5"},
}

func checkConditions(s *state) lang.Text {
	if len(s.Problems) == 0 {
		s.miss(Conditions, "", "no problems are recorded")
		return lang.Text{}
	}
	for _, i := range s.mine {
		for _, r := range conditionRules {
			if !r.who.has(i) {
				continue
			}
			for _, p := range s.Problems {
				if r.fits(p) {
					s.find(Finding{
						Rule: r.id, Tier: r.tier, Heading: lang.Say("Problem: %s", p.Text), Said: lang.Say("%s "+r.say, i.Name), Evidence: "label", Source: r.source,
						Involves: []Involved{{p.ID, p.Text}, {"", i.Name}},
						Actions:  []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Correct, Label: "Correct the problem list", Target: p.ID}, {Deed: Keep, Label: "Prescribe anyway"}},
					})
				}
			}
		}
	}
	if len(s.Problems) == 1 {
		return lang.Say("compared with 1 problem")
	}
	return lang.Say("compared with %d problems", len(s.Problems))
}

func (r conditionRule) fits(p Problem) bool {
	for code := range strings.SplitSeq(r.codes, ",") {
		if slices.ContainsFunc(p.Codes, func(have string) bool { return strings.HasPrefix(have, code) }) {
			return true
		}
	}
	low := strings.ToLower(p.Text)
	for w := range strings.SplitSeq(r.words, ",") {
		if w != "" && strings.Contains(low, w) && !strings.Contains(low, "family history") && !strings.Contains(low, "no "+w) {
			return true
		}
	}
	return false
}
