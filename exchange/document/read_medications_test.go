package document

import (
	"slices"
	"strings"
	"testing"
)

const (
	metformin = `<code code="860975" codeSystem="2.16.840.1.113883.6.88" displayName="metformin hydrochloride 500 MG Oral Tablet"/>`
	daily     = `<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="1" unit="d"/></effectiveTime>`
	since     = `<effectiveTime xsi:type="IVL_TS"><low value="20260101"/></effectiveTime>`
)

// takenIn reads an entry in a section of medicines of a document that is of 1 November 2026.
func takenIn(t *testing.T, text, entry string) *Document {
	t.Helper()
	return takenInOf(t, "20261101", text, entry)
}

func takenInOf(t *testing.T, at, text, entry string) *Document {
	t.Helper()
	if at != "" {
		at = `<effectiveTime value="` + at + `"/>`
	}
	d, err := Read([]byte(`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>` + at + `<component><structuredBody><component><section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medicines</title><text>` + text + `</text><entry>` + entry + `</entry></section></component></structuredBody></component></ClinicalDocument>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Items) != 1 {
		t.Fatalf("%s: %s", entry, said(d))
	}
	check(t, "entry", d.Items[0])
	return d
}

func saysDoubt(d *Document, words string) bool {
	return slices.ContainsFunc(d.Items[0].Doubts, func(x Doubt) bool { return x.Words == words })
}

func freeSig(words string) string {
	return `<entryRelationship typeCode="COMP"><substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.147"/><code code="76662-6" codeSystem="2.16.840.1.113883.6.1"/><text>` + words + `</text></substanceAdministration></entryRelationship>`
}

func eachTime(value, unit string) string {
	return `<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="` + value + `" unit="` + unit + `"/></effectiveTime>`
}

// TestWordsAgainstWhatIsCoded: a dose or a time in the words of the author that is not the coded one is a doubt,
// wherever the words stand; the same in other words is none.
func TestWordsAgainstWhatIsCoded(t *testing.T) {
	for _, c := range []struct {
		words, dose, unit, times string
		want                     bool
	}{
		{"methotrexate 2.5 mg, take 4 tablets once weekly", "4", "{tablet}", daily, true},
		{"take 4 tablets once weekly", "4", "{tablet}", eachTime("1", "wk"), false},
		{"take 4 tablets once weekly", "4", "{tablet}", eachTime("7", "d"), false},
		{"take 4 tablets every Monday", "4", "{tablet}", daily, true},
		{"take 4 tablets on Mondays", "4", "{tablet}", eachTime("1", "wk"), false},
		{"take 1 tablet daily starting Monday", "1", "{tablet}", daily, false},
		{"take 1 tablet on Monday, Wednesday and Friday", "1", "{tablet}", daily, true},
		{"take 1 tablet Monday through Friday", "1", "{tablet}", daily, true},
		{"take 1 tablet daily except Sunday", "1", "{tablet}", daily, true},
		{"take 1 tablet every other day", "1", "{tablet}", daily, true},
		{"take 1 tablet every other day", "1", "{tablet}", eachTime("2", "d"), false},
		{"take 1 tablet every other morning", "1", "{tablet}", eachTime("48", "h"), false},
		{"Take 2 tablets twice a day", "1", "{tablet}", daily, true},
		{"Take 1 tablet twice a day", "1", "{tablet}", daily, true},
		{"Take 2 tablets a day", "1", "{tablet}", eachTime("12", "h"), false},
		{"Take 1 tablet two times a day", "1", "{tablet}", eachTime("12", "h"), false},
		{"TAKE ONE TABLET BY MOUTH EVERY MORNING AND EVERY EVENING", "1", "{tablet}", eachTime("12", "h"), false},
		{"Take 1 tablet in the morning and at bedtime", "1", "{tablet}", daily, true},
		{"Take 1 tablet at bedtime", "1", "{tablet}", daily, false},
		{"Take 1 tablet twice daily, the second at bedtime", "1", "{tablet}", eachTime("12", "h"), false},
		{"1 tab po bid", "1", "{tablet}", eachTime("12", "h"), false},
		{"1 tab po b.i.d.", "1", "{tablet}", daily, true},
		{"1 tab po qid", "1", "{tablet}", eachTime("6", "h"), false},
		{"1 tab po qd", "1", "{tablet}", eachTime("6", "h"), true},
		{"1 tab po q4-6h prn", "1", "{tablet}", eachTime("4", "h"), false},
		{"1 tab po q8h", "1", "{tablet}", eachTime("6", "h"), true},
		{"1 tablet every 4 to 6 hours, up to 4 times a day", "1", "{tablet}", eachTime("6", "h"), false},
		{"1 tablet up to twice a day as needed", "1", "{tablet}", eachTime("6", "h"), true},
		{"1 tablet every month", "1", "{tablet}", eachTime("4", "wk"), false},
		{"1 tablet daily for a week", "1", "{tablet}", daily, false},
		{"1 tablet daily x 7 days", "1", "{tablet}", daily, false},
		{"2 tablets daily for 3 days, then 1 tablet daily", "2", "{tablet}", daily, true},
		{"1 tablet daily, may increase to 2 tablets daily", "1", "{tablet}", daily, true},
		{"1 tablet daily, max 3 tablets daily", "1", "{tablet}", daily, false},
		{"1 tablet once daily, 30 tablets", "1", "{tablet}", daily, false},
		{"1 tablet once daily, dispense 30 tablets", "1", "{tablet}", daily, false},
		{"take 1/2 tablet daily", "2", "{tablet}", daily, true},
		{"take 1/2 tablet daily", "0.5", "{tablet}", daily, false},
		{"take half a tablet daily", "1", "{tablet}", daily, true},
		{"take one half tablet daily", "0.5", "{tablet}", daily, false},
		{"take 1 1/2 tablets daily", "1.5", "{tablet}", daily, false},
		{"take one and a half tablets daily", "1.5", "{tablet}", daily, false},
		{"take 1½ tablets daily", "1.5", "{tablet}", daily, false},
		{"take 1¹/₂ tablets daily", "1.5", "{tablet}", daily, false},
		{"take 1¹/₂ tablets daily", "11", "{tablet}", daily, true},
		{"take two (2) tablets daily", "2", "{tablet}", daily, false},
		{"take 2 tablets daily", "1", "", daily, true},
		{"take 2 tablets daily", "2", "", daily, false},
		{"take 2 capsules daily", "2", "{tablet}", daily, true},
		{"take 75 mcg daily", "75", "mg", daily, true},
		{"take 0.075 mg daily", "75", "ug", daily, false},
		{"take 1 g daily", "1000", "mg", daily, false},
		{"take 1,000 mg daily", "1000", "mg", daily, false},
		{"take .5 mg daily", "0.5", "mg", daily, false},
		{"500 mg tablet, take 2 tablets daily", "1000", "mg", daily, false},
		{"take 2 tablets (50 mg) daily", "2", "{tablet}", daily, false},
		{"take 10 mg/day", "5", "mg", daily, false},
		{"take 1 teaspoonful daily", "5", "mL", daily, false},
		{"take 1 tablespoon daily", "5", "mL", daily, true},
		{"take 1 tablet by mouth daily", "1", "{tablet}", `<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="HS"/></effectiveTime>`, false},
		{"take 1 tablet by mouth weekly", "1", "{tablet}", `<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="HS"/></effectiveTime>`, true},
		{"take 1 tablet three times daily with meals", "1", "{tablet}", `<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="C"/></effectiveTime>`, false},
	} {
		unit := ""
		if c.unit != "" {
			unit = ` unit="` + c.unit + `"`
		}
		rest := `<statusCode code="active"/>` + since + c.times + `<doseQuantity value="` + c.dose + `"` + unit + `/>`
		row := `<table><thead><tr><th>Name</th><th>Directions</th></tr></thead><tbody><tr ID="m"><td>metformin</td><td>` + c.words + `</td></tr></tbody></table>`
		for where, d := range map[string]*Document{
			"its own text": takenIn(t, "", medicineAt("", metformin, "<text>"+c.words+"</text>"+rest)),
			"the sig":      takenIn(t, "", medicineAt("", metformin, rest+freeSig(c.words))),
			"the row":      takenIn(t, row, medicineAt("", metformin, `<text><reference value="#m"/></text>`+rest)),
		} {
			if got := saysDoubt(d, otherText); got != c.want {
				t.Errorf("%q in %s, coded %s %s %s: %t, %s", c.words, where, c.dose, c.unit, c.times, got, d.Items[0].Text)
			}
			if text := d.Items[0].Resource.Path("dosage.0.text").Text(); c.want && (!strings.Contains(text, c.words) || !strings.Contains(text, "(coded: ")) {
				t.Errorf("%q in %s is stored as %q", c.words, where, text)
			}
		}
	}
	if d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+daily+freeSig("take 1 tablet daily"+strings.Repeat(" as directed", 180)))); !saysDoubt(d, otherText) {
		t.Error("directions that are too long to be held to what is coded have no doubt")
	}
	for cell, want := range map[string]string{
		`Take <content styleCode="Bold">5 mg</content> daily`:                    "Take 5 mg daily",
		`Take 1<sup>1</sup>/<sub>2</sub> tablets daily`:                          "Take 1¹/₂ tablets daily",
		`<content>Metformin</content> <content>Take 1 tablet daily</content>`:    "Take 1 tablet daily",
		`Metformin<br/>Take 1 tablet daily`:                                      "Take 1 tablet daily",
		`Metformin <content ID="x">Take 1 tablet daily</content>`:                "Take 1 tablet daily",
		`<content revised="delete">Take 10 mg daily</content> Take 5 mg daily`:   "Take 5 mg daily",
		`<paragraph>Metformin</paragraph><paragraph>Take 5 mg daily</paragraph>`: "Take 5 mg daily",
	} {
		d := takenIn(t, `<table><tbody><tr ID="m"><td>`+cell+`</td></tr></tbody></table>`, medicineAt("", metformin, `<text><reference value="#m"/></text><statusCode code="active"/>`+since))
		if got := d.Items[0].Resource.Path("dosage.0.text").Text(); got != want || saysDoubt(d, howOften) {
			t.Errorf("%s: %q %v", cell, got, d.Items[0].Doubts)
		}
	}
	row := `<table><thead><tr><th>Name</th><th>Directions</th></tr></thead><tbody><tr ID="m"><td>metformin</td><td>take 1 tablet weekly</td></tr></tbody></table>`
	if d := takenIn(t, row, medicineAt("", metformin, `<text><reference value="#m"/></text><statusCode code="active"/>`+since+daily+freeSig("take 1 tablet daily"))); !saysDoubt(d, otherText) || !strings.Contains(d.Items[0].Text, "take 1 tablet daily (in the text: take 1 tablet weekly)") {
		t.Errorf("a row against the sig: %s %v", d.Items[0].Text, d.Items[0].Doubts)
	}
	columns := `<table><thead><tr><th>Name</th><th>Dose</th><th>Frequency</th></tr></thead><tbody><tr ID="m"><td>metformin</td><td>4 tablets</td><td>once weekly</td></tr></tbody></table>`
	d := takenIn(t, columns, medicineAt("", metformin, `<text><reference value="#m"/></text><statusCode code="active"/>`+since+daily+`<doseQuantity value="4" unit="{tablet}"/>`))
	if !saysDoubt(d, otherText) || !d.Texts[0].Differs || !strings.Contains(d.Items[0].Text, "once weekly") {
		t.Errorf("columns: %s %v", d.Items[0].Text, d.Items[0].Doubts)
	}
}

// TestWhetherAMedicineIsTaken: what is observed of it counts, and where the document contradicts itself, or has a
// state that is none of a medicine's, it is a doubt.
func TestWhetherAMedicineIsTaken(t *testing.T) {
	observed := func(code, name string) string {
		return `<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN"><code code="33999-4" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><value xsi:type="CE" code="` + code + `" codeSystem="2.16.840.1.113883.6.96" displayName="` + name + `"/></observation></entryRelationship>`
	}
	course := func(low, high string) string {
		return `<effectiveTime xsi:type="IVL_TS"><low value="` + low + `"/><high value="` + high + `"/></effectiveTime>`
	}
	active, gone, held := observed("55561003", "Active"), observed("73425007", "No Longer Active"), observed("421139008", "On Hold")
	for _, c := range []struct {
		status, more, want string
		doubt              bool
	}{
		{"active", since, "active", false},
		{"Active", since, "active", false},
		{"active", since + active, "active", false},
		{"active", since + gone, "unknown", true},
		{"active", since + held, "on-hold", true},
		{"active", since + observed("421139008", "No Longer Active"), "unknown", true},
		{"active", since + observed("55561003", "No Longer Active"), "unknown", true},
		{"active", since + observed("74964007", "Other"), "active", false},
		{"active", course("20260101", "20260201"), "completed", false},
		{"active", course("20270101", "20270201"), "intended", false},
		{"completed", since, "unknown", true},
		{"completed", since + active, "active", false},
		{"completed", since + gone, "completed", false},
		{"completed", since + observed("392521001", "Prior History"), "completed", false},
		{"completed", since + held, "on-hold", false},
		{"completed", course("20260101", "20260201"), "completed", false},
		{"completed", course("20260101", "20260201") + active, "completed", true},
		{"completed", course("20260101", "20270201"), "active", false},
		{"completed", course("20260101", "20270201") + gone, "completed", false},
		{"aborted", since, "stopped", false},
		{"Aborted", since, "stopped", false},
		{"discontinued", since, "stopped", false},
		{"aborted", since + active, "unknown", true},
		{"suspended", since, "on-hold", false},
		{"suspended", since + active, "unknown", true},
		{"new", since, "unknown", true},
		{"obsolete", since, "unknown", true},
		{"normal", since, "unknown", true},
		{"", since, "active", true},
		{"", since + gone, "completed", false},
	} {
		d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="`+c.status+`"/>`+c.more+daily))
		if got := d.Items[0].Resource.Get("status").Text(); got != c.want || saysDoubt(d, statusUnclear) != c.doubt {
			t.Errorf("%s %s: %s %v", c.status, c.more, got, d.Items[0].Doubts)
		}
	}
	for _, c := range []struct {
		status, more, want string
		doubt              bool
	}{
		{"completed", course("20120101", "20120201"), "completed", true},
		{"completed", course("20120101", "20120201") + gone, "completed", false},
		{"active", course("20120101", "20120201"), "unknown", true},
		{"active", since, "active", false},
	} {
		d := takenInOf(t, "", "", medicineAt("", metformin, `<statusCode code="`+c.status+`"/>`+c.more+daily))
		if got := d.Items[0].Resource.Get("status").Text(); got != c.want || saysDoubt(d, statusUnclear) != c.doubt {
			t.Errorf("in a document without a date: %s %s: %s %v", c.status, c.more, got, d.Items[0].Doubts)
		}
	}
	for words, want := range map[string]string{"Active": "active", "No Longer Active": "past", "Not currently taking": "past", "Inactive": "past", "On hold": onHold, "Active and past medicines": "", "Medications Prior to Admission": "", "Current medications": "active"} {
		if got := sided(words); got != want {
			t.Errorf("%q says %q", words, got)
		}
	}
	if d := readEntry(t, "10160-0", medicineAt("", metformin, `<statusCode code="Nullified"/>`+since)); len(d.Items) != 0 {
		t.Errorf("an error is read: %s", said(d))
	}
}

// TestHowLongAMedicineIsTaken: a width is an end, and a second course is told.
func TestHowLongAMedicineIsTaken(t *testing.T) {
	for _, c := range []struct{ time, want, doubt string }{
		{`<low value="20200101"/><width value="7" unit="d"/>`, "1 Jan 2020 to 8 Jan 2020 (completed)", ""},
		{`<low value="20200101"/><width value="2" unit="wk"/>`, "1 Jan 2020 to 15 Jan 2020 (completed)", ""},
		{`<low value="20200131"/><width value="1" unit="mo"/>`, "31 Jan 2020 to 29 Feb 2020 (completed)", ""},
		{`<low value="202001"/><width value="2" unit="mo"/>`, "Jan 2020 to Mar 2020 (completed)", ""},
		{`<low value="2020"/><width value="1" unit="a"/>`, "2020 to 2021 (completed)", ""},
		{`<low value="20200101"/><width value="48" unit="h"/>`, "1 Jan 2020 to 3 Jan 2020 (completed)", ""},
		{`<low value="202001010800-0500"/><width value="36" unit="h"/>`, "1 Jan 2020 to 2 Jan 2020 (completed)", ""},
		{`<high value="20200108"/><width value="7" unit="d"/>`, "1 Jan 2020 to 8 Jan 2020 (completed)", ""},
		{`<low value="20200101"/><high value="20200105"/><width value="7" unit="d"/>`, "1 Jan 2020 to 5 Jan 2020 (completed)", ""},
		{`<low value="202001"/><width value="7" unit="d"/>`, "since Jan 2020", lengthOnly},
		{`<low value="20200101"/><width value="7.5" unit="d"/>`, "since 1 Jan 2020", lengthOnly},
		{`<low value="20200101"/><width value="-7" unit="d"/>`, "since 1 Jan 2020", lengthOnly},
		{`<low value="20200101"/><width value="99999999" unit="a"/>`, "since 1 Jan 2020", lengthOnly},
		{`<low value="20200101"/><width nullFlavor="UNK"/>`, "since 1 Jan 2020", ""},
		{`<width value="7" unit="d"/>`, "once a day", lengthOnly},
	} {
		d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/><effectiveTime xsi:type="IVL_TS">`+c.time+`</effectiveTime>`+daily))
		if it := d.Items[0]; !strings.HasSuffix(it.Text, ", "+c.want) || saysDoubt(d, lengthOnly) != (c.doubt != "") {
			t.Errorf("%s: %s %v", c.time, it.Text, it.Doubts)
		}
	}
	course := func(low, high string) string {
		return `<effectiveTime xsi:type="IVL_TS"><low value="` + low + `"/><high value="` + high + `"/></effectiveTime>`
	}
	for times, want := range map[string]bool{
		course("20260101", "20260107") + course("20260201", "20260207") + daily:                                                                                                true,
		course("20260101", "20260107") + daily + course("20260101", "20260107"):                                                                                                false,
		course("20260101", "20260107") + `<effectiveTime nullFlavor="NI"/>` + daily:                                                                                            false,
		course("20260101", "20260107") + `<effectiveTime value="20260301"/>`:                                                                                                   true,
		`<effectiveTime xsi:type="SXPR_TS"><comp xsi:type="IVL_TS"><low value="20260101"/></comp><comp xsi:type="PIVL_TS"><period value="1" unit="d"/></comp></effectiveTime>`: false,
		`<effectiveTime xsi:type="PIVL_TS"><phase><low value="20260105"/></phase><period value="1" unit="wk"/></effectiveTime><effectiveTime xsi:type="PIVL_TS"><phase><low value="20260107"/></phase><period value="1" unit="wk"/></effectiveTime>`: true,
	} {
		d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+times))
		if saysDoubt(d, moreTimes) != want {
			t.Errorf("%s: %s %v", times, d.Items[0].Text, d.Items[0].Doubts)
		}
		if strings.Contains(times, "SXPR") && !strings.Contains(d.Items[0].Text, "once a day, since 1 Jan 2026") {
			t.Errorf("in a bracket: %s", d.Items[0].Text)
		}
	}
}

// TestAConditionIsNoNeed: "hold if" is no "as needed for", and what says nothing is none.
func TestAConditionIsNoNeed(t *testing.T) {
	criterion := func(s string) string {
		return `<precondition typeCode="PRCN"><criterion>` + s + `</criterion></precondition>`
	}
	wheezing := criterion(`<value xsi:type="CD" code="56018004" codeSystem="2.16.840.1.113883.6.96" displayName="Wheezing"/>`)
	for _, c := range []struct{ condition, line, need, rule string }{
		{`<precondition typeCode="PRCN" nullFlavor="NI"/>`, "once a day", "", ""},
		{`<precondition typeCode="PRCN"><criterion nullFlavor="UNK"/></precondition>`, "once a day", "", ""},
		{criterion(`<value xsi:type="CD" nullFlavor="NI"/>`), "once a day, as needed", "true", ""},
		{wheezing, "once a day, as needed for Wheezing", "Wheezing", ""},
		{criterion(`<text>pain</text>`), "once a day, as needed for pain", "pain", ""},
		{criterion(`<text>if the pain is severe</text>`), "once a day, as needed if the pain is severe", "if the pain is severe", ""},
		{criterion(`<text>hold if systolic below 100</text>`), "once a day, hold if systolic below 100", "", "hold if systolic below 100"},
		{criterion(`<text>Do not take with alcohol</text>`), "once a day, Do not take with alcohol", "", "Do not take with alcohol"},
		{wheezing + criterion(`<text>hold if heart rate above 120</text>`), "once a day, as needed for Wheezing, hold if heart rate above 120", "Wheezing", "hold if heart rate above 120"},
	} {
		d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+daily+c.condition))
		dosage := d.Items[0].Resource.Path("dosage.0")
		need := conceptText(dosage.Get("asNeededCodeableConcept"))
		if dosage.Get("asNeededBoolean").True() {
			need = "true"
		}
		if rule := dosage.Path("additionalInstruction.0.text").Text(); need != c.need || rule != c.rule || !strings.HasSuffix(d.Items[0].Text, "Tablet, "+c.line) || len(d.Items[0].Doubts) > 0 {
			t.Errorf("%s: %s; needed %q, rule %q %v", c.condition, d.Items[0].Text, need, rule, d.Items[0].Doubts)
		}
	}
	d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+daily+criterion(`<code code="8480-6" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="IVL_PQ"><low value="100" unit="mm[Hg]"/></value>`)))
	if !saysDoubt(d, valueUnreadable) || strings.Contains(d.Items[0].Text, "needed") {
		t.Errorf("a measure as a condition: %s %v", d.Items[0].Text, d.Items[0].Doubts)
	}
}

// TestAProductIsWhatItsCodeSays, or the item says that its name is another.
func TestAProductIsWhatItsCodeSays(t *testing.T) {
	for _, c := range []struct {
		coded, name string
		doubt       bool
	}{
		{"warfarin sodium 5 MG Oral Tablet", "Metformin 500 mg", true},
		{"metoprolol tartrate 50 MG Oral Tablet", "Zantac", true},
		{"metoprolol tartrate 50 MG Oral Tablet", "zolpidem tartrate", true},
		{"warfarin sodium 5 MG Oral Tablet", "Warfarin", false},
		{"warfarin sodium 5 MG Oral Tablet", "Coumadin", false},
		{"amlodipine 5 MG / benazepril 10 MG Oral Capsule", "amlodipine", true},
		{"warfarin sodium 5 MG Oral Tablet", "Fluindione", true},
		{"warfarin sodium 5 MG Oral Tablet", "Anticoagulants", false},
		{"warfarin sodium 5 MG Oral Tablet", "Unknown", false},
		{"warfarin sodium 5 MG Oral Tablet", "", false},
	} {
		d := takenIn(t, "", medicineAt("", `<code code="0" codeSystem="2.16.840.1.113883.6.88" displayName="`+c.coded+`"/><name>`+c.name+`</name>`, `<statusCode code="active"/>`+since+daily))
		if saysDoubt(d, otherText) != c.doubt || c.doubt && !strings.Contains(d.Items[0].Text, c.name) {
			t.Errorf("%s named %s: %s %v", c.coded, c.name, d.Items[0].Text, d.Items[0].Doubts)
		}
	}
}

// TestATaperIsNotItsFirstDose: doses that follow one another are all said and stored, with a doubt.
func TestATaperIsNotItsFirstDose(t *testing.T) {
	step := func(at, dose, time string) string {
		return `<entryRelationship typeCode="COMP"><sequenceNumber value="` + at + `"/>` + medicineAt("", metformin, `<statusCode code="active"/>`+time+`<doseQuantity value="`+dose+`" unit="{tablet}"/>`) + `</entryRelationship>`
	}
	from := func(low string) string {
		return `<effectiveTime xsi:type="IVL_TS"><low value="` + low + `"/></effectiveTime>`
	}
	d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+since+daily+`<doseQuantity value="4" unit="{tablet}"/>`+step("2", "1", from("20260115")+daily)+step("1", "2", from("20260108")+daily)))
	const want = "4 tablet, once a day, then 2 tablet, once a day, from 8 Jan 2026, then 1 tablet, once a day, from 15 Jan 2026"
	n := d.Items[0].Resource
	if !saysDoubt(d, moreDoses) || !strings.Contains(d.Items[0].Text, want) || n.Path("dosage.0.text").Text() != want {
		t.Errorf("%s %v\n%s", d.Items[0].Text, d.Items[0].Doubts, n.JSON())
	}
	if n.Get("dosage").Len() != 3 || n.Path("dosage.1.doseAndRate.0.doseQuantity.value").Text() != "2" || n.Path("dosage.2.timing.repeat.boundsPeriod.start").Text() != "2026-01-15" || n.Path("dosage.2.sequence").Text() != "3" {
		t.Errorf("%s", n.JSON())
	}
	d = takenIn(t, "", medicineAt("", metformin, `<text>apply daily</text><statusCode code="active"/>`+since+step("1", "2", from("20260108")+daily)))
	if got := d.Items[0].Resource.Path("dosage.0.text").Text(); got != "apply daily, then 2 tablet, once a day, from 8 Jan 2026" {
		t.Errorf("after a dose in words: %s", got)
	}
	d = takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+since+daily+`<entryRelationship typeCode="COMP">`+medicineAt("", `<code code="855332" codeSystem="2.16.840.1.113883.6.88" displayName="warfarin sodium 5 MG Oral Tablet"/>`, "")+`</entryRelationship>`))
	if !saysDoubt(d, kindNotRead) || d.Items[0].Resource.Get("dosage").Len() != 1 {
		t.Errorf("another medicine in one: %s %v", d.Items[0].Text, d.Items[0].Doubts)
	}
	d = takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+since+daily+`<rateQuantity><low value="2" unit="L/min"/><high value="4" unit="L/min"/></rateQuantity>`))
	if rng := d.Items[0].Resource.Path("dosage.0.doseAndRate.0.rateRange"); rng.Path("low.value").Text() != "2" || rng.Path("high.value").Text() != "4" || !strings.Contains(d.Items[0].Text, "at 2 to 4 L/min") {
		t.Errorf("a range of rates: %s", d.Items[0].Text)
	}
}

// TestWhatIsNotSeenIsNotStored: characters that are not seen are left out of what is read, and those that turn the
// text around are a doubt.
func TestWhatIsNotSeenIsNotStored(t *testing.T) {
	for words, want := range map[string]struct {
		text  string
		doubt bool
	}{
		"take \u202e01 mg\u202c daily": {"take 01 mg daily", true},
		"take \u20661 mg\u2069 daily":  {"take 1 mg daily", true},
		"take 1\u200b0 mg da\u00adily": {"take 10 mg daily", false},
		"take 10 mg daily":             {"take 10 mg daily", false},
	} {
		d := takenIn(t, "", medicineAt("", metformin, `<statusCode code="active"/>`+since+freeSig(words)))
		if got := d.Items[0].Resource.Path("dosage.0.text").Text(); got != want.text || saysDoubt(d, hiddenLetters) != want.doubt || !strings.Contains(d.Items[0].Text, want.text) {
			t.Errorf("%q: %q %v", words, got, d.Items[0].Doubts)
		}
	}
	d, err := Read(whole("x.xml", []byte("<recordTarget><patientRole><patient><name><given>Ro\u2066sa</given><given>M\u200bia</given><family>Mu\u202ester</family></name></patient></patientRole></recordTarget>")))
	if n := d.Patient.Path("name.0"); err != nil || n.Path("family").Text() != "Muster" || n.Path("given.0").Text() != "Rosa" || n.Path("given.1").Text() != "Mia" {
		t.Errorf("%v %s", err, d.Patient.JSON())
	}
}
