package problem

// table is the catalogue, one problem a line:
//
//	ICD-10-CM | SNOMED CT or - | words of the clinic | other words to find it by | marks
//
// Marks: c chronic, f finding or symptom, v reason of a visit without an illness.
const table = `
I10|59621000|Essential hypertension|high blood pressure htn|c
I12.9|-|Hypertension with chronic kidney disease|hypertensive ckd htn|c
I11.9|-|Hypertensive heart disease|htn|c
E11.9|44054006|Type 2 diabetes mellitus|dm2 t2dm diabetes|c
E11.22|-|Type 2 diabetes with chronic kidney disease|dm2 t2dm diabetic nephropathy ckd|c
E11.65|-|Type 2 diabetes with hyperglycemia|dm2 t2dm uncontrolled|c
E11.42|-|Type 2 diabetes with polyneuropathy|dm2 t2dm diabetic neuropathy|c
E11.319|-|Type 2 diabetes with retinopathy|dm2 t2dm eye|c
E10.9|46635009|Type 1 diabetes mellitus|dm1 t1dm|c
R73.03|714628002|Prediabetes|impaired glucose|c
E78.5|55822004|Hyperlipidemia|high cholesterol dyslipidemia lipids|c
E78.00|13644009|Hypercholesterolemia|high ldl cholesterol|c
E78.1|302870006|Hypertriglyceridemia|high triglycerides|c
E78.2|267434003|Mixed hyperlipidemia|dyslipidemia|c
N18.2|431856006|Chronic kidney disease stage 2|ckd|c
N18.30|433144002|Chronic kidney disease stage 3|ckd|c
N18.31|700378005|Chronic kidney disease stage 3a|ckd|c
N18.32|700379002|Chronic kidney disease stage 3b|ckd|c
N18.4|431857002|Chronic kidney disease stage 4|ckd|c
N18.5|433146000|Chronic kidney disease stage 5|ckd|c
N18.6|46177005|End-stage renal disease|esrd dialysis kidney failure|c
N18.9|709044004|Chronic kidney disease|ckd renal|c
I48.91|49436004|Atrial fibrillation|af afib|c
I48.0|282825002|Paroxysmal atrial fibrillation|af afib|c
I50.9|84114007|Heart failure|chf hf congestive|c
I50.22|441481004|Chronic systolic heart failure|chf hfref|c
I50.32|441530006|Chronic diastolic heart failure|chf hfpef|c
I25.10|53741008|Coronary artery disease|cad ischaemic ischemic heart disease ihd|c
I25.2|1755008|Old myocardial infarction|heart attack mi history|c
I20.9|194828000|Angina pectoris|chest pain|c
I63.9|230690007|Stroke|cva cerebral infarction|c
G45.9|266257000|Transient ischemic attack|tia ischaemic|
I73.9|400047006|Peripheral vascular disease|pad pvd claudication|c
I82.409|128053003|Deep vein thrombosis of leg|dvt clot|
I26.99|59282003|Pulmonary embolism|pe clot|
I83.90|128060009|Varicose veins of leg|venous|c
J45.909|195967001|Asthma|wheeze|c
J45.20|427679007|Mild intermittent asthma|wheeze|c
J45.30|426979002|Mild persistent asthma|wheeze|c
J45.40|427295004|Moderate persistent asthma|wheeze|c
J45.50|426656000|Severe persistent asthma|wheeze|c
J45.901|708038006|Acute exacerbation of asthma|attack wheeze|
J44.9|13645005|Chronic obstructive pulmonary disease|copd|c
J44.1|195951007|Acute exacerbation of COPD|chronic obstructive|
J43.9|87433001|Emphysema|copd|c
G47.33|78275009|Obstructive sleep apnea|osa apnoea|c
E03.9|40930008|Hypothyroidism|underactive thyroid|c
E05.90|34486009|Hyperthyroidism|overactive thyroid|c
E06.3|21983002|Hashimoto thyroiditis|autoimmune thyroid|c
E04.1|237495005|Thyroid nodule|goitre goiter|c
E66.9|414916001|Obesity|overweight|c
E66.01|238136002|Morbid obesity|severe obesity|c
E66.3|238131007|Overweight|weight|c
M10.9|90560007|Gout|uric acid|c
M81.0|64859006|Osteoporosis|bone|c
M85.80|312894000|Osteopenia|bone density|c
E55.9|34713006|Vitamin D deficiency|low|c
E53.8|190634004|Vitamin B12 deficiency|cobalamin low|c
D50.9|87522002|Iron deficiency anemia|anaemia low iron|c
D64.9|271737000|Anemia|anaemia low hemoglobin|c
E87.5|14140009|Hyperkalemia|high potassium|
E87.6|43339004|Hypokalemia|low potassium|
E87.1|89627008|Hyponatremia|low sodium|
E83.119|399187006|Hemochromatosis|iron overload haemochromatosis|c
D57.1|127040003|Sickle cell disease|anemia hbss|c
K21.9|235595009|Gastro-esophageal reflux disease|gerd heartburn acid oesophageal|c
K29.70|4556007|Gastritis|stomach|
K27.9|13200003|Peptic ulcer|stomach duodenal|
K44.9|84089009|Hiatal hernia|hiatus|c
K40.90|396232000|Inguinal hernia|groin|
K58.9|10743008|Irritable bowel syndrome|ibs|c
K59.00|14760008|Constipation|bowel|
K50.90|34000006|Crohn disease|ibd|c
K51.90|64766004|Ulcerative colitis|ibd|c
K90.0|396331005|Celiac disease|coeliac gluten|c
K57.30|397881000|Diverticulosis of colon|diverticular|c
K57.32|307496006|Diverticulitis of colon|diverticular|
K80.20|235919008|Gallstones|cholelithiasis biliary|
K64.9|70153002|Hemorrhoids|haemorrhoids piles|
K76.0|197321007|Fatty liver|steatosis nafld masld|c
K74.60|19943007|Cirrhosis of liver|hepatic|c
B18.1|61977001|Chronic hepatitis B|hbv viral|c
B18.2|128302006|Chronic hepatitis C|hcv viral|c
A09|-|Infectious gastroenteritis|stomach flu diarrhea diarrhoea|
K52.9|25374005|Gastroenteritis|diarrhea diarrhoea vomiting|
N39.0|68566005|Urinary tract infection|uti|
N30.00|68226007|Acute cystitis|uti bladder infection|
N10|36689008|Acute pyelonephritis|kidney infection uti|
N20.0|95570007|Kidney stone|renal calculus nephrolithiasis|
N40.0|266569009|Benign prostatic hyperplasia|bph prostate|c
N40.1|-|Benign prostatic hyperplasia with urinary symptoms|bph luts prostate|c
N32.81|-|Overactive bladder|oab urge|c
R32|165232002|Urinary incontinence|leak|c
N52.9|-|Erectile dysfunction|ed impotence|c
E28.2|237055002|Polycystic ovary syndrome|pcos|c
N80.9|129103003|Endometriosis|pelvic pain|c
N94.6|266599000|Dysmenorrhea|period pain menstrual|
N92.0|386692008|Heavy menstrual bleeding|menorrhagia periods|
N95.1|-|Menopausal symptoms|hot flushes flashes|c
B37.31|72934000|Vaginal candidiasis|thrush yeast|
N76.0|-|Acute vaginitis|bacterial vaginosis bv|
Z33.1|77386006|Pregnancy|pregnant|
F32.A|35489007|Depression|low mood|c
F32.9|370143000|Major depressive disorder, single episode|mdd depression|c
F33.9|66344007|Major depressive disorder, recurrent|mdd depression|c
F41.1|21897009|Generalized anxiety disorder|gad worry|c
F41.9|197480006|Anxiety disorder|nerves|c
F41.0|371631005|Panic disorder|anxiety attack|c
F31.9|13746004|Bipolar disorder|mania|c
F20.9|58214004|Schizophrenia|psychosis|c
F43.10|47505003|Post-traumatic stress disorder|ptsd trauma|c
F42.9|191736004|Obsessive-compulsive disorder|ocd|c
F90.9|406506008|Attention deficit hyperactivity disorder|adhd add|c
F84.0|408856003|Autism spectrum disorder|autistic asd|c
F50.9|72366004|Eating disorder|anorexia bulimia|c
G47.00|193462001|Insomnia|sleep|c
F10.20|66590003|Alcohol dependence|alcoholism alcohol use disorder|c
F17.210|56294008|Nicotine dependence, cigarettes|smoker smoking tobacco|c
F11.20|75544000|Opioid dependence|opioid use disorder|c
F03.90|52448006|Dementia|memory cognitive|c
G30.9|26929004|Alzheimer disease|dementia memory|c
G43.909|37796009|Migraine|headache|c
G43.109|4473006|Migraine with aura|headache|c
G44.209|398057008|Tension-type headache|headache|
G40.909|84757009|Epilepsy|seizure|c
G20.A1|49049000|Parkinson disease|tremor|c
G25.0|609558009|Essential tremor|shaking|c
G25.81|32914008|Restless legs syndrome|rls|c
G56.00|57406009|Carpal tunnel syndrome|wrist hand numb|c
G62.9|302226006|Peripheral neuropathy|numb feet polyneuropathy|c
H81.10|111541001|Benign paroxysmal positional vertigo|bppv dizziness|
G51.0|193093009|Bell palsy|facial|
M19.90|396275006|Osteoarthritis|oa arthritis joint|c
M17.9|239873007|Osteoarthritis of knee|oa arthritis gonarthrosis|c
M16.9|239872002|Osteoarthritis of hip|oa arthritis coxarthrosis|c
M06.9|69896004|Rheumatoid arthritis|ra joint|c
M32.9|55464009|Systemic lupus erythematosus|sle|c
M35.3|65323003|Polymyalgia rheumatica|pmr|c
M79.7|203082005|Fibromyalgia|pain|c
M54.50|279039007|Low back pain|lumbago backache|f
M54.2|81680005|Neck pain|cervicalgia|f
M54.30|23056005|Sciatica|leg pain radiculopathy|
M25.519|45326000|Shoulder pain|joint|f
M25.569|30989003|Knee pain|joint|f
M72.2|202882003|Plantar fasciitis|heel pain|
M77.10|202855006|Lateral epicondylitis|tennis elbow|
S93.409A|44465007|Ankle sprain|twisted|
L40.9|9014002|Psoriasis|skin|c
L20.9|24079001|Atopic dermatitis|eczema|c
L25.9|40275004|Contact dermatitis|eczema rash|
L21.9|50563003|Seborrheic dermatitis|dandruff|c
L70.0|88616000|Acne vulgaris|pimples|c
L71.9|398909004|Rosacea|face|c
L50.9|126485001|Urticaria|hives|
L03.90|128045006|Cellulitis|skin infection|
L01.00|48277006|Impetigo|skin infection|
L57.0|201101007|Actinic keratosis|sun skin|c
L29.9|418363000|Itching|pruritus|f
L22|91487003|Diaper rash|nappy|
B35.1|414941008|Onychomycosis|nail fungus tinea unguium|
B35.3|6020002|Athlete's foot|tinea pedis|
B02.9|4740000|Shingles|herpes zoster|
B01.9|38907003|Chickenpox|varicella|
B08.4|266108008|Hand, foot and mouth disease|coxsackie|
B86|128869009|Scabies|mites itch|
B07.9|-|Viral wart|verruca|
C44.91|254701007|Basal cell carcinoma of skin|bcc|c
J06.9|54150009|Upper respiratory infection|uri cold|
J01.90|15805002|Acute sinusitis|sinus|
J32.9|40055000|Chronic sinusitis|sinus|c
J02.9|363746003|Acute pharyngitis|sore throat|
J02.0|43878008|Streptococcal pharyngitis|strep throat|
J03.90|17741008|Acute tonsillitis|sore throat|
J20.9|10509002|Acute bronchitis|chest cough|
J21.9|4120002|Bronchiolitis|rsv infant|
J05.0|71186008|Croup|barking cough|
J18.9|233604007|Pneumonia|chest infection|
J11.1|6142004|Influenza|flu|
U07.1|840539006|COVID-19|coronavirus sars-cov-2|
J30.9|61582004|Allergic rhinitis|hay fever|c
H66.90|65363002|Otitis media|ear infection|
H60.90|3135009|Otitis externa|swimmer ear|
H61.20|18070006|Impacted ear wax|cerumen|
H91.90|15188001|Hearing loss|deaf|c
H93.19|60862001|Tinnitus|ringing ear|c
H10.9|9826008|Conjunctivitis|pink eye|
H26.9|193570009|Cataract|eye|c
H40.9|23986001|Glaucoma|eye pressure|c
H35.30|267718000|Macular degeneration|amd eye|c
N39.44|8009008|Nocturnal enuresis|bed wetting|
R62.50|248290002|Developmental delay|child|c
C50.919|254837009|Breast cancer|malignant|c
C61|399068003|Prostate cancer|malignant|c
C18.9|363406005|Colon cancer|colorectal malignant|c
C34.90|363358000|Lung cancer|malignant|c
B20|86406008|HIV infection|aids|c
R07.9|29857009|Chest pain|thorax|f
R10.9|21522001|Abdominal pain|stomach belly|f
R51.9|25064002|Headache|head pain|f
R53.83|84229001|Fatigue|tired|f
R42|404640003|Dizziness|giddy|f
R50.9|386661006|Fever|temperature|f
R06.02|267036007|Shortness of breath|dyspnea dyspnoea breathless|f
R00.2|80313002|Palpitations|heart|f
R05.9|49727002|Cough||f
R60.9|267038008|Edema|oedema swelling|f
R63.4|89362005|Weight loss|thin|f
R11.0|422587007|Nausea|sick|f
R11.10|422400008|Vomiting|sick|f
R19.7|62315008|Diarrhea|diarrhoea loose stools|f
R30.0|49650001|Dysuria|burning urine|f
R31.9|34436003|Hematuria|haematuria blood urine|f
R80.9|29738008|Proteinuria|albuminuria urine protein|f
R55|271594007|Syncope|faint blackout|f
R21|271807003|Rash|skin|f
R03.0|24184005|Raised blood pressure without hypertension|elevated reading|f
R73.9|80394007|Hyperglycemia|high glucose sugar|f
Z00.00|-|Adult health examination|annual physical wellness check|v
Z00.129|-|Child health examination|well child check|v
Z23|-|Immunization visit|vaccine shot|v
Z30.9|-|Contraception management|birth control|v
Z34.90|-|Prenatal care, normal pregnancy|antenatal|v
`
