package labrange

// Sources of the tables.
const (
	harmony  = "Pathology Harmony (UK), harmonised adult reference intervals"
	medline  = "US National Library of Medicine, MedlinePlus medical tests"
	ada      = "American Diabetes Association, Standards of Care: diagnosis"
	adaCare  = "American Diabetes Association, Standards of Care: pharmacologic approaches (A1C above 10 %)"
	kdigo    = "KDIGO 2012 clinical practice guideline for chronic kidney disease"
	ncep     = "NCEP Adult Treatment Panel III, 2002"
	accAHA   = "ACC/AHA 2018 guideline on blood cholesterol"
	who      = "WHO 2011, haemoglobin concentrations for the diagnosis of anaemia; Pathology Harmony (UK)"
	endo     = "American Thyroid Association 2012, hypothyroidism in adults (TSH above 10 mIU/L)"
	national = "National Academy of Medicine 2011, dietary reference intervals for vitamin D"
)

// Critical limits follow Kost 1990, Critical limits for urgent clinician notification at US
// medical centers, JAMA 263:704.

var kidneyTests = []Test{
	{LOINC: "2951-2", Also: []string{"2947-0"}, Key: "sodium", Name: "Sodium", Display: "Sodium [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 133, high: 146, criticalLow: 120, criticalHigh: 158, from: 1},
	{LOINC: "2823-3", Also: []string{"6298-4"}, Key: "potassium", Name: "Potassium", Display: "Potassium [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony + "; upper limit " + medline, low: 3.5, high: 5.1, criticalLow: 2.8, criticalHigh: 6.2, from: 1},
	{LOINC: "2075-0", Also: []string{"2069-3"}, Key: "chloride", Name: "Chloride", Display: "Chloride [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 95, high: 108, criticalLow: 75, criticalHigh: 126, from: 1},
	{LOINC: "1963-8", Also: []string{"2028-9", "20565-8"}, Key: "bicarbonate", Name: "Bicarbonate", Display: "Bicarbonate [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 22, high: 29, criticalLow: 11, criticalHigh: 40},
	{LOINC: "22664-7", Key: "urea", Name: "Urea", Display: "Urea [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 2.5, high: 7.8, criticalHigh: 37},
	{LOINC: "3094-0", Also: []string{"6299-2"}, Key: "urea", Name: "Urea nitrogen", Display: "Urea nitrogen [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 6, high: 20, criticalHigh: 104},
	{LOINC: "14682-9", Key: "creatinine", Name: "Creatinine", Display: "Creatinine [Moles/volume] in Serum or Plasma", UCUM: "umol/L", Unit: "µmol/L", Group: Kidney, Source: medline + " (converted)", low: 60, high: 110, lowF: 45, highF: 90, criticalHigh: 650},
	{LOINC: "2160-0", Also: []string{"38483-4"}, Key: "creatinine", Name: "Creatinine", Display: "Creatinine [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 0.7, high: 1.3, lowF: 0.6, highF: 1.1, criticalHigh: 7.4},
	{LOINC: "98979-8", Also: []string{"33914-3", "62238-1", "48642-3", "48643-1", "50044-7", "69405-9", "77147-7", "88293-6", "88294-4"}, Key: "egfr", Name: "eGFR", Display: "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)", UCUM: "mL/min/{1.73_m2}", Unit: "mL/min/1.73 m²", Group: Kidney, Source: kdigo, low: 60, high: none, Concern: Concern{30, false, kdigo + " (refer below 30)"}},
	{LOINC: "2000-8", Key: "calcium", Name: "Calcium", Display: "Calcium [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 2.2, high: 2.6, criticalLow: 1.65, criticalHigh: 3.3},
	{LOINC: "17861-6", Also: []string{"49765-1"}, Key: "calcium", Name: "Calcium", Display: "Calcium [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 8.5, high: 10.2, criticalLow: 6.6, criticalHigh: 13.0},
	{LOINC: "2601-3", Key: "magnesium", Name: "Magnesium", Display: "Magnesium [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 0.7, high: 1.0, criticalLow: 0.4, criticalHigh: 2.0},
	{LOINC: "19123-9", Key: "magnesium", Name: "Magnesium", Display: "Magnesium [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 1.7, high: 2.2, criticalLow: 1.0, criticalHigh: 4.9},
	{LOINC: "14879-1", Key: "phosphate", Name: "Phosphate", Display: "Phosphate [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Kidney, Source: harmony, low: 0.8, high: 1.5, criticalLow: 0.4},
	{LOINC: "2777-1", Key: "phosphate", Name: "Phosphate", Display: "Phosphate [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 2.5, high: 4.5, criticalLow: 1.2},
	{LOINC: "14933-6", Key: "urate", Name: "Urate", Display: "Urate [Moles/volume] in Serum or Plasma", UCUM: "umol/L", Unit: "µmol/L", Group: Kidney, Source: harmony, low: 200, high: 430, lowF: 140, highF: 360},
	{LOINC: "3084-1", Key: "urate", Name: "Uric acid", Display: "Urate [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Kidney, Source: medline, low: 3.5, high: 7.2, lowF: 2.6, highF: 6.0},
	{LOINC: "32294-1", Key: "acr", Name: "Albumin/creatinine ratio", Display: "Albumin/Creatinine [Ratio] in Urine", UCUM: "mg/mmol", Group: Kidney, Source: kdigo, low: none, high: 3, Concern: Concern{30, true, kdigo + " (category A3)"}},
	{LOINC: "9318-7", Also: []string{"14959-1"}, Key: "acr", Name: "Albumin/creatinine ratio", Display: "Albumin/Creatinine [Mass Ratio] in Urine", UCUM: "mg/g", Group: Kidney, Source: kdigo, low: none, high: 30, Concern: Concern{300, true, kdigo + " (category A3)"}},
}

var diabetesTests = []Test{
	{LOINC: "4548-4", Key: "hba1c", Name: "HbA1c", Display: "Hemoglobin A1c/Hemoglobin.total in Blood", UCUM: "%", Group: Diabetes, Source: ada, low: 4, high: 5.6, Concern: Concern{10, true, adaCare}},
	{LOINC: "59261-8", Key: "hba1c", Name: "HbA1c", Display: "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol", UCUM: "mmol/mol", Group: Diabetes, Source: ada + " (converted)", low: 20, high: 38, Concern: Concern{86, true, adaCare}},
	{LOINC: "14771-0", Also: []string{"76629-5"}, Key: "glucose-fasting", Name: "Glucose, fasting", Display: "Fasting glucose [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Diabetes, Source: ada, low: 4, high: 5.5, criticalLow: 2.6, criticalHigh: 26.9},
	{LOINC: "1558-6", Key: "glucose-fasting", Name: "Glucose, fasting", Display: "Fasting glucose [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Diabetes, Source: ada, low: 70, high: 99, criticalLow: 46, criticalHigh: 484},
	{LOINC: "14749-6", Also: []string{"15074-8"}, Key: "glucose", Name: "Glucose", Display: "Glucose [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Diabetes, Source: ada + " (any time of day)", low: 4, high: 7.8, criticalLow: 2.6, criticalHigh: 26.9},
	{LOINC: "2345-7", Also: []string{"2339-0"}, Key: "glucose", Name: "Glucose", Display: "Glucose [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Diabetes, Source: ada + " (any time of day)", low: 70, high: 140, criticalLow: 46, criticalHigh: 484},
}

var lipidTests = []Test{
	{LOINC: "14647-2", Key: "cholesterol", Name: "Cholesterol, total", Display: "Cholesterol [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Lipids, Source: ncep, low: none, high: 5.2},
	{LOINC: "2093-3", Key: "cholesterol", Name: "Cholesterol, total", Display: "Cholesterol [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Lipids, Source: ncep, low: none, high: 200},
	{LOINC: "14646-4", Key: "hdl", Name: "HDL cholesterol", Display: "Cholesterol in HDL [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Lipids, Source: ncep, low: 1.0, high: none, lowF: 1.2},
	{LOINC: "2085-9", Key: "hdl", Name: "HDL cholesterol", Display: "Cholesterol in HDL [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Lipids, Source: ncep, low: 40, high: none, lowF: 50},
	{LOINC: "39469-2", Also: []string{"22748-8", "69419-0"}, Key: "ldl", Name: "LDL cholesterol", Display: "Cholesterol in LDL [Moles/volume] in Serum or Plasma by calculation", UCUM: "mmol/L", Group: Lipids, Source: ncep, low: none, high: 2.6, Concern: Concern{4.9, true, accAHA + " (severe hypercholesterolaemia)"}},
	{LOINC: "13457-7", Also: []string{"18262-6", "2089-1"}, Key: "ldl", Name: "LDL cholesterol", Display: "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", UCUM: "mg/dL", Group: Lipids, Source: ncep, low: none, high: 100, Concern: Concern{190, true, accAHA + " (severe hypercholesterolaemia)"}},
	{LOINC: "43396-1", Key: "nonhdl", Name: "Non-HDL cholesterol", Display: "Cholesterol non HDL [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Lipids, Source: ncep, low: none, high: 130},
	{LOINC: "70204-3", Key: "nonhdl", Name: "Non-HDL cholesterol", Display: "Cholesterol non HDL [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Lipids, Source: ncep, low: none, high: 3.4},
	{LOINC: "14927-8", Key: "triglycerides", Name: "Triglycerides", Display: "Triglyceride [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Lipids, Source: ncep, low: none, high: 1.7, Concern: Concern{5.6, true, accAHA + " (risk of pancreatitis)"}},
	{LOINC: "2571-8", Key: "triglycerides", Name: "Triglycerides", Display: "Triglyceride [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Lipids, Source: ncep, low: none, high: 150, Concern: Concern{500, true, accAHA + " (risk of pancreatitis)"}},
}

var bloodTests = []Test{
	{LOINC: "718-7", Key: "haemoglobin", Name: "Haemoglobin", Display: "Hemoglobin [Mass/volume] in Blood", UCUM: "g/L", Group: Blood, Source: who, low: 130, high: 170, lowF: 120, highF: 155, criticalLow: 70, criticalHigh: 200, from: 15},
	{LOINC: "718-7", Key: "haemoglobin", Name: "Haemoglobin", Display: "Hemoglobin [Mass/volume] in Blood", UCUM: "g/dL", Group: Blood, Source: who, low: 13, high: 17, lowF: 12, highF: 15.5, criticalLow: 7, criticalHigh: 20, from: 15},
	{LOINC: "4544-3", Also: []string{"20570-8"}, Key: "haematocrit", Name: "Haematocrit", Display: "Hematocrit [Volume Fraction] of Blood by Automated count", UCUM: "%", Group: Blood, Source: medline, low: 41, high: 50, lowF: 36, highF: 44, criticalLow: 18, criticalHigh: 61},
	{LOINC: "789-8", Key: "redcells", Name: "Red cells", Display: "Erythrocytes [#/volume] in Blood by Automated count", UCUM: "10*12/L", Unit: "10¹²/L", Group: Blood, Source: harmony, low: 4.5, high: 6.5, lowF: 3.8, highF: 5.8},
	{LOINC: "789-8", Key: "redcells", Name: "Red cells", Display: "Erythrocytes [#/volume] in Blood by Automated count", UCUM: "10*6/uL", Unit: "10⁶/µL", Group: Blood, Source: harmony, low: 4.5, high: 6.5, lowF: 3.8, highF: 5.8},
	{LOINC: "787-2", Key: "mcv", Name: "MCV", Display: "MCV [Entitic mean volume] in Red Blood Cells by Automated count", UCUM: "fL", Group: Blood, Source: harmony, low: 80, high: 100},
	{LOINC: "785-6", Key: "mch", Name: "MCH", Display: "MCH [Entitic mass] by Automated count", UCUM: "pg", Group: Blood, Source: harmony, low: 27, high: 32},
	{LOINC: "786-4", Key: "mch", Name: "MCHC", Display: "MCHC [Mass/volume] by Automated count", UCUM: "g/dL", Group: Blood, Source: medline, low: 32, high: 36},
	{LOINC: "788-0", Key: "rdw", Name: "RDW", Display: "Erythrocyte distribution width [Ratio] by Automated count", UCUM: "%", Group: Blood, Source: medline, low: 11.5, high: 14.5},
	{LOINC: "6690-2", Key: "whitecells", Name: "White cells", Display: "Leukocytes [#/volume] in Blood by Automated count", UCUM: "10*9/L", Unit: "10⁹/L", Group: Blood, Source: harmony, low: 4, high: 11, criticalLow: 2, criticalHigh: 37},
	{LOINC: "751-8", Key: "neutrophils", Name: "Neutrophils", Display: "Neutrophils [#/volume] in Blood by Automated count", UCUM: "10*9/L", Unit: "10⁹/L", Group: Blood, Source: harmony, low: 2, high: 7.5, criticalLow: 0.5},
	{LOINC: "731-0", Key: "lymphocytes", Name: "Lymphocytes", Display: "Lymphocytes [#/volume] in Blood by Automated count", UCUM: "10*9/L", Unit: "10⁹/L", Group: Blood, Source: harmony, low: 1, high: 4},
	{LOINC: "777-3", Key: "platelets", Name: "Platelets", Display: "Platelets [#/volume] in Blood by Automated count", UCUM: "10*9/L", Unit: "10⁹/L", Group: Blood, Source: harmony, low: 150, high: 400, criticalLow: 37, criticalHigh: 910, from: 1, Concern: Concern{100, false, "International working group 2009, immune thrombocytopenia (below 100)"}},
	{LOINC: "32623-1", Key: "mpv", Name: "Mean platelet volume", Display: "Platelet mean volume [Entitic volume] in Blood by Automated count", UCUM: "fL", Group: Blood, Source: medline, low: 7, high: 12},
}

var liverTests = []Test{
	{LOINC: "1742-6", Key: "alt", Name: "ALT", Display: "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Liver, Source: medline, low: none, high: 40, criticalHigh: 1000, Concern: Concern{120, true, "FDA guidance 2009, drug-induced liver injury (three times the upper limit)"}},
	{LOINC: "1920-8", Key: "ast", Name: "AST", Display: "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Liver, Source: medline, low: none, high: 40, criticalHigh: 1000, Concern: Concern{120, true, "FDA guidance 2009, drug-induced liver injury (three times the upper limit)"}},
	{LOINC: "6768-6", Key: "alp", Name: "Alkaline phosphatase", Display: "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Liver, Source: harmony, low: 30, high: 130},
	{LOINC: "2324-2", Key: "ggt", Name: "Gamma GT", Display: "Gamma glutamyl transferase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Liver, Source: medline, low: none, high: 60, highF: 40},
	{LOINC: "14631-6", Key: "bilirubin", Name: "Bilirubin", Display: "Bilirubin.total [Moles/volume] in Serum or Plasma", UCUM: "umol/L", Unit: "µmol/L", Group: Liver, Source: harmony, low: none, high: 21, criticalHigh: 257},
	{LOINC: "1975-2", Key: "bilirubin", Name: "Bilirubin", Display: "Bilirubin.total [Mass/volume] in Serum or Plasma", UCUM: "mg/dL", Group: Liver, Source: medline, low: none, high: 1.2, criticalHigh: 15},
	{LOINC: "1751-7", Key: "albumin", Name: "Albumin", Display: "Albumin [Mass/volume] in Serum or Plasma", UCUM: "g/L", Group: Liver, Source: harmony, low: 35, high: 50},
	{LOINC: "1751-7", Key: "albumin", Name: "Albumin", Display: "Albumin [Mass/volume] in Serum or Plasma", UCUM: "g/dL", Group: Liver, Source: harmony + " (converted)", low: 3.5, high: 5.0},
	{LOINC: "2885-2", Key: "protein", Name: "Total protein", Display: "Protein [Mass/volume] in Serum or Plasma", UCUM: "g/dL", Group: Liver, Source: medline, low: 6.0, high: 8.3},
	{LOINC: "2885-2", Key: "protein", Name: "Total protein", Display: "Protein [Mass/volume] in Serum or Plasma", UCUM: "g/L", Group: Liver, Source: harmony, low: 60, high: 80},
	{LOINC: "10834-0", Key: "protein", Name: "Globulin", Display: "Globulin [Mass/volume] in Serum by calculation", UCUM: "g/L", Group: Liver, Source: medline, low: 20, high: 35},
	{LOINC: "3040-3", Key: "lipase", Name: "Lipase", Display: "Lipase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Liver, Source: medline, low: none, high: 160},
}

var otherTests = []Test{
	{LOINC: "3016-3", Also: []string{"11580-8"}, Key: "tsh", Name: "TSH", Display: "Thyrotropin [Units/volume] in Serum or Plasma", UCUM: "m[IU]/L", Unit: "mIU/L", Group: Thyroid, Source: medline, low: 0.4, high: 4.0, Concern: Concern{10, true, endo}},
	{LOINC: "14920-3", Key: "ft4", Name: "Free T4", Display: "Thyroxine (T4) free [Moles/volume] in Serum or Plasma", UCUM: "pmol/L", Group: Thyroid, Source: medline + " (converted)", low: 10, high: 22},
	{LOINC: "3024-7", Key: "ft4", Name: "Free T4", Display: "Thyroxine (T4) free [Mass/volume] in Serum or Plasma", UCUM: "ng/dL", Group: Thyroid, Source: medline, low: 0.8, high: 1.8},
	{LOINC: "2276-4", Key: "ferritin", Name: "Ferritin", Display: "Ferritin [Mass/volume] in Serum or Plasma", UCUM: "ug/L", Unit: "µg/L", Group: Iron, Source: medline, low: 30, high: 400, lowF: 15, highF: 150},
	{LOINC: "2498-4", Key: "iron", Name: "Iron", Display: "Iron [Mass/volume] in Serum or Plasma", UCUM: "ug/dL", Unit: "µg/dL", Group: Iron, Source: medline, low: 60, high: 170},
	{LOINC: "2132-9", Key: "b12", Name: "Vitamin B12", Display: "Cobalamin (Vitamin B12) [Mass/volume] in Serum or Plasma", UCUM: "ng/L", Group: Iron, Source: medline, low: 200, high: 900},
	{LOINC: "2284-8", Key: "folate", Name: "Folate", Display: "Folate [Mass/volume] in Serum or Plasma", UCUM: "ug/L", Unit: "µg/L", Group: Iron, Source: medline, low: 2.7, high: 17},
	{LOINC: "1989-3", Also: []string{"62292-8"}, Key: "vitamin-d", Name: "Vitamin D (25-OH)", Display: "25-hydroxyvitamin D3 [Mass/volume] in Serum or Plasma", UCUM: "ug/L", Unit: "µg/L", Group: Iron, Source: national, low: 20, high: 50, Concern: Concern{12, false, national + " (deficiency)"}},
	{LOINC: "6301-6", Also: []string{"34714-6"}, Key: "inr", Name: "INR", Display: "INR in Platelet poor plasma by Coagulation assay", UCUM: "1", Group: Clotting, Source: medline + " (without an anticoagulant)", low: 0.8, high: 1.2, criticalHigh: 5},
	{LOINC: "1988-5", Also: []string{"30522-7"}, Key: "crp", Name: "CRP", Display: "C reactive protein [Mass/volume] in Serum or Plasma", UCUM: "mg/L", Group: Heart, Source: medline, low: none, high: 5},
	{LOINC: "4537-7", Also: []string{"30341-2"}, Key: "esr", Name: "Sedimentation rate", Display: "Erythrocyte sedimentation rate by Westergren method", UCUM: "mm/h", Group: Heart, Source: medline, low: none, high: 20, highF: 30},
	{LOINC: "33762-6", Key: "bnp", Name: "NT-proBNP", Display: "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", UCUM: "ng/L", Group: Heart, Source: "NICE NG106, chronic heart failure: refer above 400 ng/L", low: none, high: 400, Concern: Concern{2000, true, "NICE NG106, chronic heart failure: urgent above 2,000 ng/L"}},
	{LOINC: "2157-6", Key: "ck", Name: "Creatine kinase", Display: "Creatine kinase [Enzymatic activity/volume] in Serum or Plasma", UCUM: "U/L", Group: Heart, Source: harmony, low: 40, high: 320, lowF: 25, highF: 200, criticalHigh: 5000},
	{LOINC: "2857-1", Key: "psa", Name: "PSA", Display: "Prostate specific Ag [Mass/volume] in Serum or Plasma", UCUM: "ug/L", Unit: "µg/L", Group: Other, Source: medline, low: none, high: 4, Concern: Concern{10, true, "National Cancer Institute, PSA test fact sheet"}},
	{LOINC: "14334-7", Key: "lithium", Name: "Lithium", Display: "Lithium [Moles/volume] in Serum or Plasma", UCUM: "mmol/L", Group: Drugs, Source: "FDA label Lithobid, section 2 (maintenance)", low: 0.4, high: 1.0, criticalHigh: 1.5},
	{LOINC: "10535-3", Key: "digoxin", Name: "Digoxin", Display: "Digoxin [Mass/volume] in Serum or Plasma", UCUM: "ug/L", Unit: "µg/L", Group: Drugs, Source: "FDA label Lanoxin, section 2", low: 0.5, high: 2.0, criticalHigh: 2.5},
	{LOINC: "5811-5", Key: "urine-gravity", Name: "Specific gravity, urine", Display: "Specific gravity of Urine by Test strip", UCUM: "{nominal}", Unit: "1", Group: Urine, Source: medline, low: 1.005, high: 1.030},
	{LOINC: "5803-2", Key: "urine-ph", Name: "pH, urine", Display: "pH of Urine by Test strip", UCUM: "[pH]", Unit: "pH", Group: Urine, Source: medline, low: 4.6, high: 8.0},
}

// qualitative tests have words but no range.
var qualitative = map[string]string{
	"20454-5": "urine-protein", "5804-0": "urine-protein", "25428-4": "urine-glucose", "5792-7": "urine-glucose", "2514-8": "urine-ketones", "5797-6": "urine-ketones",
	"5802-4": "urine-infection", "5799-2": "urine-infection", "5794-3": "urine-blood", "2106-3": "pregnancy-test", "630-4": "urine-culture",
}
