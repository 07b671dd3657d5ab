package drug

// pain: analgesics, anti-inflammatories, muscle relaxants.
var pain = []Ingredient{
	{Name: "acetaminophen", RxNorm: "161", Class: "acetaminophen", Brands: "Tylenol", Also: "paracetamol, apap", MaxDaily: mg(4000), Source: monograph("acetaminophen")},
	{Name: "ibuprofen", RxNorm: "5640", Class: "nsaid", Brands: "Advil, Motrin", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(3200), Source: label("ibuprofen tablets")},
	{Name: "naproxen", RxNorm: "7258", Class: "nsaid", Brands: "Naprosyn, Aleve, Anaprox", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(1500), Source: label("Naprosyn")},
	{Name: "diclofenac", RxNorm: "3355", Class: "nsaid", Brands: "Voltaren, Cataflam", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(200), Source: label("diclofenac tablets")},
	{Name: "meloxicam", RxNorm: "41493", Class: "nsaid", Brands: "Mobic", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(15), Source: label("Mobic")},
	{Name: "indomethacin", RxNorm: "5781", Class: "nsaid", Brands: "Indocin", Also: "indometacin", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(200), Source: label("indomethacin capsules")},
	{Name: "ketorolac", RxNorm: "35827", Class: "nsaid", Brands: "Toradol", Allergy: []AllergyClass{NSAIDs}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(40), Source: label("ketorolac tablets")},
	{Name: "celecoxib", RxNorm: "140587", Class: "nsaid", Brands: "Celebrex", Allergy: []AllergyClass{NSAIDs, SulfaNonAbx}, Flags: Bleeding | Nephrotoxic | CautionPregnancy, MaxDaily: mg(400), Source: label("Celebrex")},
	{Name: "tramadol", RxNorm: "10689", Class: "opioid", Brands: "Ultram", Allergy: []AllergyClass{Opioids}, Flags: Serotonergic | Sedative | LowersSeizureThreshold | HighAlert, MaxDaily: mg(400), Source: label("Ultram")},
	{Name: "codeine", RxNorm: "2670", Class: "opioid", Allergy: []AllergyClass{Opioids}, Flags: Sedative | HighAlert, MaxDaily: mg(360), Source: label("codeine sulfate tablets")},
	{Name: "hydrocodone", RxNorm: "5489", Class: "opioid", Allergy: []AllergyClass{Opioids}, Flags: Sedative | HighAlert, Source: label("hydrocodone and acetaminophen tablets")},
	{Name: "oxycodone", RxNorm: "7804", Class: "opioid", Brands: "Roxicodone, Oxycontin", Allergy: []AllergyClass{Opioids}, Flags: Sedative | HighAlert, Source: label("Roxicodone")},
	{Name: "morphine", RxNorm: "7052", Class: "opioid", Brands: "MS Contin", Allergy: []AllergyClass{Opioids}, Flags: Sedative | HighAlert, Source: label("MS Contin")},
	{Name: "hydromorphone", RxNorm: "3423", Class: "opioid", Brands: "Dilaudid", Allergy: []AllergyClass{Opioids}, Flags: Sedative | HighAlert, Source: label("Dilaudid")},
	{Name: "fentanyl", RxNorm: "4337", Class: "opioid", Brands: "Duragesic", Allergy: []AllergyClass{Opioids}, Flags: Serotonergic | Sedative | HighAlert, Source: label("Duragesic")},
	{Name: "methadone", RxNorm: "6813", Class: "opioid", Brands: "Dolophine", Allergy: []AllergyClass{Opioids}, Flags: HighQT | Serotonergic | Sedative | HighAlert, Source: label("Dolophine")},
	{Name: "meperidine", RxNorm: "6754", Class: "opioid", Brands: "Demerol", Also: "pethidine", Allergy: []AllergyClass{Opioids}, Flags: Serotonergic | Sedative | HighAlert, MaxDaily: mg(1200), Source: label("Demerol")},
	{Name: "buprenorphine", RxNorm: "1819", Class: "opioid", Brands: "Subutex, Butrans", Allergy: []AllergyClass{Opioids}, Flags: QT | Sedative, MaxDaily: mg(24), Source: label("buprenorphine sublingual tablets")},
	{Name: "cyclobenzaprine", RxNorm: "21949", Class: "muscle-relaxant", Brands: "Flexeril", Flags: Serotonergic | Sedative | Anticholinergic, MaxDaily: mg(30), Source: label("cyclobenzaprine tablets")},
	{Name: "methocarbamol", RxNorm: "6845", Class: "muscle-relaxant", Brands: "Robaxin", Flags: Sedative, MaxDaily: mg(8000), Source: label("Robaxin")},
	{Name: "tizanidine", RxNorm: "57258", Class: "muscle-relaxant", Brands: "Zanaflex", Flags: Sedative, MaxDaily: mg(36), Source: label("Zanaflex")},
	{Name: "baclofen", RxNorm: "1292", Class: "muscle-relaxant", Brands: "Lioresal", Flags: Sedative, MaxDaily: mg(80), Source: label("baclofen tablets")},
	{Name: "lidocaine", RxNorm: "6387", Class: "local-anaesthetic", Brands: "Lidoderm", Source: label("Lidoderm")},
}
