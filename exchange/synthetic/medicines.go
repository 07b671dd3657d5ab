package synthetic

// medicine is an order sentence of the clinic's: what, how much, how often, how many.
// rxnorm stands only where the code of the clinical drug is known for certain.
type medicine struct {
	text, rxnorm string
	sig          string  // "Take 1 tablet by mouth once daily"
	dose         float64 // of unit
	unit         string
	times        int    // times
	every        int    // per every
	period       string // period unit: h, d, wk
	asNeeded     bool
	route        string // "" is by mouth
	supply, days int
	repeats      int
}

func daily(text, rx, unit string, times, repeats int) medicine {
	words := map[int]string{1: "once daily", 2: "twice daily", 3: "three times daily"}[times]
	return medicine{text: text, rxnorm: rx, sig: "Take 1 " + unit + " by mouth " + words, dose: 1, unit: unit,
		times: times, every: 1, period: "d", supply: 90 * times, days: 90, repeats: repeats}
}

func course(text, rx, unit string, times, days int) medicine {
	m := daily(text, rx, unit, times, 0)
	m.supply, m.days = times*days, days
	m.sig += " for " + number(float64(days), 0) + " days"
	return m
}

func (m medicine) says(sig string) medicine { m.sig = sig; return m }

func (m medicine) needed(sig string, supply int) medicine {
	m.sig, m.asNeeded, m.supply, m.days = sig, true, supply, 30
	return m
}

func (m medicine) each(every int, period string, supply int) medicine {
	m.every, m.period, m.supply = every, period, supply
	return m
}

func (m medicine) by(route string) medicine { m.route = route; return m }

// The medicines that courses use.
var (
	lisinopril10     = daily("lisinopril 10 mg tablet", "314076", "tablet", 1, 3)
	lisinopril20     = daily("lisinopril 20 mg tablet", "314077", "tablet", 1, 3)
	amlodipine5      = daily("amlodipine 5 mg tablet", "197361", "tablet", 1, 3)
	indapamide       = daily("indapamide 1.5 mg modified-release tablet", "", "tablet", 1, 1)
	losartan50       = daily("losartan 50 mg tablet", "979492", "tablet", 1, 3)
	metformin500     = daily("metformin 500 mg tablet", "861007", "tablet", 2, 3).says("Take 1 tablet by mouth twice daily with meals")
	metformin1000    = daily("metformin 1,000 mg tablet", "861004", "tablet", 2, 3).says("Take 1 tablet by mouth twice daily with meals")
	empagliflozin10  = daily("empagliflozin 10 mg tablet", "1545658", "tablet", 1, 3).says("Take 1 tablet by mouth every morning")
	atorvastatin20   = daily("atorvastatin 20 mg tablet", "617310", "tablet", 1, 3).says("Take 1 tablet by mouth at bedtime")
	atorvastatin40   = daily("atorvastatin 40 mg tablet", "617311", "tablet", 1, 3).says("Take 1 tablet by mouth at bedtime")
	atorvastatin80   = daily("atorvastatin 80 mg tablet", "259255", "tablet", 1, 3).says("Take 1 tablet by mouth at bedtime")
	aspirin81        = daily("aspirin 81 mg enteric-coated tablet", "308416", "tablet", 1, 3)
	clopidogrel75    = daily("clopidogrel 75 mg tablet", "309362", "tablet", 1, 3)
	metoprolol50     = daily("metoprolol succinate 50 mg extended-release tablet", "866436", "tablet", 1, 3)
	apixaban5        = daily("apixaban 5 mg tablet", "1364445", "tablet", 2, 3)
	warfarin5        = daily("warfarin 5 mg tablet", "855332", "tablet", 1, 1).says("Take as in your yellow book, usually 1 tablet by mouth every evening")
	furosemide40     = daily("furosemide 40 mg tablet", "313988", "tablet", 1, 3).says("Take 1 tablet by mouth every morning")
	spironolactone25 = daily("spironolactone 25 mg tablet", "313096", "tablet", 1, 3)
	levothyroxine50  = daily("levothyroxine 50 mcg tablet", "", "tablet", 1, 3).says("Take 1 tablet by mouth every morning on an empty stomach")
	levothyroxine75  = daily("levothyroxine 75 mcg tablet", "966222", "tablet", 1, 3).says("Take 1 tablet by mouth every morning on an empty stomach")
	sertraline50     = daily("sertraline 50 mg tablet", "312941", "tablet", 1, 2)
	sertraline100    = daily("sertraline 100 mg tablet", "", "tablet", 1, 2)
	escitalopram10   = daily("escitalopram 10 mg tablet", "349332", "tablet", 1, 2)
	lithium400       = daily("lithium carbonate 400 mg modified-release tablet", "", "tablet", 1, 1).says("Take 1 tablet by mouth every night")
	omeprazole20     = daily("omeprazole 20 mg delayed-release capsule", "198051", "capsule", 1, 2).says("Take 1 capsule by mouth every morning before breakfast")
	allopurinol100   = daily("allopurinol 100 mg tablet", "197319", "tablet", 1, 3)
	allopurinol300   = daily("allopurinol 300 mg tablet", "197320", "tablet", 1, 3)
	ferrous325       = daily("ferrous sulfate 325 mg tablet", "310325", "tablet", 1, 2).each(2, "d", 45).says("Take 1 tablet by mouth every other day")
	alendronate70    = daily("alendronic acid 70 mg tablet", "", "tablet", 1, 3).each(1, "wk", 12).says("Take 1 tablet by mouth once a week, upright, with a full glass of water")
	tamsulosin       = daily("tamsulosin 0.4 mg capsule", "863669", "capsule", 1, 3).says("Take 1 capsule by mouth every evening")
	loratadine10     = daily("loratadine 10 mg tablet", "311372", "tablet", 1, 2)
	naltrexone50     = daily("naltrexone 50 mg tablet", "", "tablet", 1, 2)
	terbinafine250   = daily("terbinafine 250 mg tablet", "", "tablet", 1, 0)
	propranolol40    = daily("propranolol 40 mg tablet", "", "tablet", 2, 2)
	amitriptyline10  = daily("amitriptyline 10 mg tablet", "", "tablet", 1, 2).says("Take 1 tablet by mouth at night")
	methylphenidate  = daily("methylphenidate 18 mg extended-release tablet", "", "tablet", 1, 0).says("Take 1 tablet by mouth every morning")
	thePill          = daily("levonorgestrel 0.15 mg / ethinylestradiol 0.03 mg tablet", "", "tablet", 1, 3)
	hydroxyzine25    = daily("hydroxyzine 25 mg tablet", "", "tablet", 1, 1).needed("Take 1 tablet by mouth at night if needed for itching", 30)
	acetaminophen    = daily("acetaminophen 500 mg tablet", "198440", "tablet", 3, 2).needed("Take 2 tablets by mouth up to three times daily if needed", 180)
	naproxen500      = daily("naproxen 500 mg tablet", "198014", "tablet", 2, 0).needed("Take 1 tablet by mouth twice daily with food if needed, for up to 10 days", 20)
	sumatriptan50    = daily("sumatriptan 50 mg tablet", "", "tablet", 1, 2).needed("Take 1 tablet by mouth at the start of a migraine; may repeat once after 2 hours", 9)
	colchicine       = daily("colchicine 0.6 mg tablet", "197541", "tablet", 2, 1).needed("Take 1 tablet by mouth twice daily during a flare, for up to 5 days", 20)

	lamotrigine25 = daily("lamotrigine 25 mg tablet", "", "tablet", 1, 0)
	valproate500  = daily("divalproex 500 mg delayed-release tablet", "", "tablet", 2, 1)

	albuterol    = daily("albuterol 90 mcg inhaler", "", "puff", 1, 3).by("inhaled").needed("Inhale 2 puffs every 4 to 6 hours if needed for wheeze", 200)
	fluticasone  = daily("fluticasone 44 mcg inhaler", "895994", "puff", 2, 3).by("inhaled").says("Inhale 2 puffs twice daily with a spacer, then rinse the mouth")
	tiotropium   = daily("tiotropium 2.5 mcg inhaler", "", "puff", 1, 3).by("inhaled").says("Inhale 2 puffs once daily")
	nasalSteroid = daily("budesonide 32 mcg nasal spray", "", "spray", 1, 2).by("nasal").says("1 to 2 sprays into each nostril once daily in the season")
	hydrocortis  = daily("hydrocortisone 1 % cream", "", "application", 2, 2).by("skin").says("Apply thinly to the affected skin twice daily for up to 7 days")
	mometasone   = daily("mometasone 0.1 % ointment", "", "application", 1, 1).by("skin").says("Apply thinly to the affected skin once daily for up to 14 days")
	benzoyl      = daily("benzoyl peroxide 5 % gel", "", "application", 1, 2).by("skin").says("Apply to the face once daily, less often if the skin is dry")

	nitrofurantoin = course("nitrofurantoin 100 mg modified-release capsule", "1648755", "capsule", 2, 5)
	fosfomycin     = course("fosfomycin 3 g granules", "", "sachet", 1, 1).says("Dissolve 1 sachet in water and drink once on an empty stomach")
	amoxicillinSus = course("amoxicillin 400 mg/5 mL suspension", "", "dose", 2, 7).says("Give 5 mL by mouth twice daily for 7 days")
	azithroSus     = course("azithromycin 200 mg/5 mL suspension", "", "dose", 1, 5).says("Give 5 mL by mouth on day 1, then 2.5 mL daily for 4 days")
	penicillinV    = course("penicillin V potassium 500 mg tablet", "834102", "tablet", 2, 10)
	prednisone20   = course("prednisone 20 mg tablet", "312615", "tablet", 2, 5).says("Take 2 tablets by mouth every morning for 5 days")
)
