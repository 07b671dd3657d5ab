package document

import (
	"slices"
	"strings"
	"testing"
)

// TestAnotherStrengthIsADoubt: where the words of the author give another strength than the name of the code, the
// item says so; where they cannot be held to each other, it does not.
func TestAnotherStrengthIsADoubt(t *testing.T) {
	const lisinopril, reference = `displayName="lisinopril 10 MG Oral Tablet"`, `<text><reference value="#m"/></text>`
	code := func(name, more string) string {
		return `<code code="314076" codeSystem="2.16.840.1.113883.6.88" ` + name + `>` + more + `</code>`
	}
	dose := func(value, unit string) string {
		return `<doseQuantity value="` + value + `"` + strings.Replace(` unit="`+unit+`"`, ` unit=""`, "", 1) + `/>`
	}
	row := func(cells ...string) string {
		return `<table><thead><tr><th>Medicine</th><th>Strength</th></tr></thead><tbody><tr ID="m"><td>` + strings.Join(cells, "</td><td>") + `</td></tr></tbody></table>`
	}
	for _, c := range []struct {
		name, text, entry string
		want              bool
	}{
		{"the same", row("Lisinopril 10 mg tablet"), medicineAt("", code(lisinopril, ""), reference), false},
		{"another", row("Lisinopril 20 mg tablet"), medicineAt("", code(lisinopril, ""), reference), true},
		{"another in a paragraph", `<paragraph ID="m">Lisinopril 20 mg tablet, take one daily</paragraph>`, medicineAt("", code(lisinopril, ""), reference), true},
		{"in a column of its own", row("Lisinopril", "20 mg"), medicineAt("", code(lisinopril, ""), reference), true},
		{"the same in a column of its own", row("Lisinopril", "10.0 MG"), medicineAt("", code(lisinopril, ""), reference), false},
		{"in the words of the code", "", medicineAt("", code(lisinopril, "<originalText>Lisinopril 40 mg</originalText>"), ""), true},
		{"in the name of the product", "", medicineAt("", code(lisinopril, "")+"<name>Lisinopril 40 mg</name>", ""), true},
		{"no strength in the text", row("Lisinopril"), medicineAt("", code(lisinopril, ""), reference), false},
		{"no strength in the code", row("Lisinopril 20 mg"), medicineAt("", code(`displayName="lisinopril"`, ""), reference), false},
		{"how to take it", row("Lisinopril take 20 mg daily"), medicineAt("", code(lisinopril, ""), reference), false},
		{"two tablets", row("Lisinopril 20 mg"), medicineAt("", code(lisinopril, ""), reference+dose("2", "")), false},
		{"the dose", row("Lisinopril 20 mg"), medicineAt("", code(lisinopril, ""), reference+dose("20", "mg")), false},
		{"another unit", row("Levothyroxine 50 mcg"), medicineAt("", code(`displayName="levothyroxine sodium 0.05 MG Oral Tablet"`, ""), reference), false},
		{"another, in another unit", row("Levothyroxine 75 mcg"), medicineAt("", code(`displayName="levothyroxine sodium 0.05 MG Oral Tablet"`, ""), reference), true},
		{"thousands", row("Metformin 1,000 mg"), medicineAt("", code(`displayName="metformin hydrochloride 1000 MG Oral Tablet"`, ""), reference), false},
		{"two ingredients", row("Lisinopril-hydrochlorothiazide 10-12.5 mg"), medicineAt("", code(`displayName="hydrochlorothiazide 12.5 MG / lisinopril 10 MG Oral Tablet"`, ""), reference), false},
		{"what is in a volume", row("Albuterol 2.5 mg/3 mL"), medicineAt("", code(`displayName="albuterol 0.83 MG/ML Inhalation Solution"`, ""), reference), false},
		{"units against mass", row("Cholecalciferol 25 mcg"), medicineAt("", code(`displayName="cholecalciferol 1000 UNT Oral Tablet"`, ""), reference), false},
	} {
		d, err := Read(whole("strength.xml", []byte(`<section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medications</title><text>`+c.text+`</text><entry>`+c.entry+`</entry></section>`)))
		if err != nil || len(d.Items) != 1 {
			t.Fatalf("%s: %v %s", c.name, err, said(d))
		}
		got := slices.ContainsFunc(d.Items[0].Doubts, func(x Doubt) bool { return x.Words == otherText })
		if got != c.want || c.text != "" && d.Texts[0].Differs != c.want {
			t.Errorf("%s: %t, %t: %s %v", c.name, got, d.Texts[0].Differs, d.Items[0].Text, d.Items[0].Doubts)
		}
	}
}
