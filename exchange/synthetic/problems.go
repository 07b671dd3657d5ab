package synthetic

// problem is a diagnosis in the clinic's words, with ICD-10-CM and, where it is known for
// certain, SNOMED CT.
type problem struct {
	text, icd, icdText string
	snomed, snomedText string
}

// The problems that courses use.
var (
	diabetes       = problem{"Type 2 diabetes mellitus", "E11.9", "Type 2 diabetes mellitus without complications", "44054006", "Type 2 diabetes mellitus"}
	diabetesKidney = problem{"Type 2 diabetes mellitus with kidney disease", "E11.22", "Type 2 diabetes mellitus with diabetic chronic kidney disease", "44054006", "Type 2 diabetes mellitus"}
	hypertension   = problem{"Essential hypertension", "I10", "Essential (primary) hypertension", "59621000", "Essential hypertension"}
	lipids         = problem{"Hyperlipidaemia", "E78.5", "Hyperlipidemia, unspecified", "55822004", "Hyperlipidemia"}
	kidney3a       = problem{"Chronic kidney disease stage 3a", "N18.31", "Chronic kidney disease, stage 3a", "700378005", "Chronic kidney disease stage 3A"}
	asthma         = problem{"Asthma, mild persistent", "J45.30", "Mild persistent asthma, uncomplicated", "195967001", "Asthma"}
	copd           = problem{"Chronic obstructive pulmonary disease", "J44.9", "Chronic obstructive pulmonary disease, unspecified", "13645005", "Chronic obstructive lung disease"}
	hypothyroid    = problem{"Hypothyroidism", "E03.9", "Hypothyroidism, unspecified", "40930008", "Hypothyroidism"}
	depression     = problem{"Depression, moderate", "F32.1", "Major depressive disorder, single episode, moderate", "35489007", "Depressive disorder"}
	anxiety        = problem{"Generalized anxiety", "F41.1", "Generalized anxiety disorder", "21897009", "Generalized anxiety disorder"}
	fibrillation   = problem{"Atrial fibrillation", "I48.91", "Unspecified atrial fibrillation", "49436004", "Atrial fibrillation"}
	heartFailure   = problem{"Heart failure with reduced ejection fraction", "I50.22", "Chronic systolic (congestive) heart failure", "84114007", "Heart failure"}
	coronary       = problem{"Coronary artery disease", "I25.10", "Atherosclerotic heart disease of native coronary artery without angina pectoris", "53741008", "Coronary arteriosclerosis"}
	kneeArthritis  = problem{"Osteoarthritis of both knees", "M17.0", "Bilateral primary osteoarthritis of knee", "396275006", "Osteoarthritis"}
	reflux         = problem{"Gastro-oesophageal reflux", "K21.9", "Gastro-esophageal reflux disease without esophagitis", "235595009", "Gastroesophageal reflux disease"}
	migraine       = problem{"Migraine without aura", "G43.009", "Migraine without aura, not intractable, without status migrainosus", "37796009", "Migraine"}
	ironAnaemia    = problem{"Iron deficiency anaemia", "D50.9", "Iron deficiency anemia, unspecified", "87522002", "Iron deficiency anemia"}
	gout           = problem{"Gout", "M10.9", "Gout, unspecified", "90560007", "Gout"}
	rhinitis       = problem{"Seasonal allergic rhinitis", "J30.2", "Other seasonal allergic rhinitis", "61582004", "Allergic rhinitis"}
	eczema         = problem{"Atopic eczema", "L20.9", "Atopic dermatitis, unspecified", "24079001", "Atopic dermatitis"}
	osteoporosis   = problem{"Osteoporosis", "M81.0", "Age-related osteoporosis without current pathological fracture", "64859006", "Osteoporosis"}
	prostate       = problem{"Benign prostatic hyperplasia", "N40.1", "Benign prostatic hyperplasia with lower urinary tract symptoms", "", ""}
	acne           = problem{"Acne", "L70.0", "Acne vulgaris", "", ""}
	attention      = problem{"Attention deficit hyperactivity disorder", "F90.2", "Attention-deficit hyperactivity disorder, combined type", "406506008", "Attention deficit hyperactivity disorder"}
	nailFungus     = problem{"Fungal infection of toenails", "B35.1", "Tinea unguium", "", ""}
	alcohol        = problem{"Alcohol dependence", "F10.20", "Alcohol dependence, uncomplicated", "66590003", "Alcohol dependence"}
	bipolar        = problem{"Bipolar disorder", "F31.9", "Bipolar disorder, unspecified", "13746004", "Bipolar disorder"}
	itching        = problem{"Itching", "L29.9", "Pruritus, unspecified", "418290006", "Itching"}
	contraception  = problem{"Oral contraception", "Z30.41", "Encounter for surveillance of contraceptive pills", "", ""}

	cystitis   = problem{"Acute cystitis", "N30.00", "Acute cystitis without hematuria", "68566005", "Urinary tract infectious disease"}
	backPain   = problem{"Low back pain", "M54.50", "Low back pain, unspecified", "279039007", "Low back pain"}
	cold       = problem{"Upper respiratory infection", "J06.9", "Acute upper respiratory infection, unspecified", "54150009", "Upper respiratory infection"}
	earache    = problem{"Acute otitis media", "H66.90", "Otitis media, unspecified, unspecified ear", "65363002", "Otitis media"}
	strep      = problem{"Streptococcal sore throat", "J02.0", "Streptococcal pharyngitis", "43878008", "Streptococcal sore throat"}
	sprain     = problem{"Sprained ankle", "S93.401A", "Sprain of unspecified ligament of right ankle, initial encounter", "", ""}
	bronchitis = problem{"Acute bronchitis", "J20.9", "Acute bronchitis, unspecified", "10509002", "Acute bronchitis"}
	gastritis  = problem{"Gastroenteritis", "A09", "Infectious gastroenteritis and colitis, unspecified", "", ""}
	wellChild  = problem{"Well-child examination", "Z00.129", "Encounter for routine child health examination without abnormal findings", "", ""}
	wellAdult  = problem{"Preventive examination", "Z00.00", "Encounter for general adult medical examination without abnormal findings", "", ""}
	newborn    = problem{"Newborn", "Z38.00", "Single liveborn infant, delivered vaginally", "", ""}
	epilepsy   = problem{"Epilepsy", "G40.909", "Epilepsy, unspecified, not intractable, without status epilepticus", "84757009", "Epilepsy"}
	forgetting = problem{"Mild cognitive impairment", "G31.84", "Mild cognitive impairment of uncertain or unknown etiology", "386805003", "Mild cognitive impairment"}
	legUlcer   = problem{"Venous leg ulcer, left", "", "", "", ""}
	exSmoker   = problem{"Former smoker", "Z87.891", "Personal history of nicotine dependence", "", ""}
)
