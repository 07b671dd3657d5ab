package drug

import "testing"

func TestScheduleOf(t *testing.T) {
	for text, want := range map[string]Schedule{
		"oxycodone 5 mg tablet": "II", "Oxycontin 10 mg": "II", "OXYcodone-acetaminophen 5 mg-325 mg tablet": "II", "MS Contin 15 mg": "II",
		"methylphenidate 18 mg tablet": "II", "buprenorphine-naloxone 8 mg-2 mg film": "III", "testosterone cypionate 200 mg/mL": "III",
		"diazepam 5 mg tablet": "IV", "tramadol 50 mg": "IV", "Ambien 5 mg": "IV", "phenobarbital 60 mg": "IV", "pregabalin 75 mg capsule": "V",
		"codeine and butalbital": "II", "midazolam nasal spray": "IV",
		"lisinopril 20 mg tablet": "", "gabapentin 300 mg capsule": "", "naloxone 4 mg nasal spray": "", "": "", "morph": "",
	} {
		if got := ScheduleOf(text, nil); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := ScheduleOf("Schmerzmittel", []Coding{{System: RxNormSystem, Code: "7052"}}); got != "II" {
		t.Errorf("by the code of morphine: %q", got)
	}
	if got := ScheduleOf("", []Coding{{System: "x", Code: "y", Display: "zolpidem tartrate"}}); got != "IV" {
		t.Errorf("by the display of a code: %q", got)
	}
	for _, i := range Ingredients() { // every opioid of the catalogue that is an agonist, and every benzodiazepine
		if (i.Class == "opioid" || i.Class == "benzodiazepine") && ScheduleOf(i.Name, nil) == "" {
			t.Errorf("%s (%s) is not controlled", i.Name, i.Class)
		}
	}
}
