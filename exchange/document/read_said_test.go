package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func quotes(d *Document) (out []string) {
	for _, x := range d.Items[0].Doubts {
		if x.Words == textSays {
			out = append(out, fmt.Sprint(x.Args...))
		}
	}
	return out
}

// TestWhatTheTextTakesBackIsADoubt: what an entry's own passage says is not so, not sure or over is quoted, unless
// the entry says it too; what it says of something else is not.
func TestWhatTheTextTakesBackIsADoubt(t *testing.T) {
	problem := func(display, status string) string {
		return `<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><text><reference value="#x"/></text><statusCode code="completed"/><value xsi:type="CD" code="59282003" codeSystem="2.16.840.1.113883.6.96" displayName="` + display + `"/>` + status + `</observation></entryRelationship></act>`
	}
	state := func(code string) string {
		return `<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.6"/><code code="33999-4" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><value xsi:type="CD" code="` + code + `" codeSystem="2.16.840.1.113883.6.96"/></observation></entryRelationship>`
	}
	pe := problem("Pulmonary embolism", "")
	warfarin := medicineAt("", `<code code="855332" codeSystem="2.16.840.1.113883.6.88" displayName="warfarin sodium 5 MG Oral Tablet"/>`, `<text><reference value="#x"/></text><statusCode code="active"/>`)
	item := func(s string) string { return `<list><item ID="x">` + s + `</item></list>` }
	row := func(head, s string) string {
		return `<table><thead><tr><th>Name</th><th>` + head + `</th></tr></thead><tbody><tr><td ID="x">` + "Pulmonary embolism, warfarin" + `</td><td>` + s + `</td></tr></tbody></table>`
	}
	for _, c := range []struct{ text, entry, want string }{
		{item("Pulmonary embolism - ruled out by CT"), pe, "ruled out by CT"},
		{row("Status", "Ruled out"), pe, "Ruled out"},
		{item("No evidence of pulmonary embolism"), pe, "No evidence of pulmonary embolism"},
		{item("Suspected pulmonary embolism"), pe, "Suspected pulmonary embolism"},
		{item("Pulmonary embolism, suspected"), pe, "suspected"},
		{item("Family history of pulmonary embolism"), pe, "Family history of pulmonary embolism"},
		{item("Pulmonary embolism. Resolved 2019"), pe, "Resolved 2019"},
		{row("Status", "Inactive"), pe, "Inactive"},
		{item("Pulmonary embolism (entered in error)"), pe, "entered in error"},
		{item("Fracture of RIGHT wrist"), problem("Fracture of left wrist", ""), "Fracture of RIGHT wrist"},
		{item("Warfarin 5 mg - STOPPED 1 Oct"), warfarin, "STOPPED 1 Oct"},
		{item("Discontinued: warfarin"), warfarin, "Discontinued: warfarin"},
		{row("Status", "Completed"), warfarin, "Completed"},
		{row("Status", "On hold"), warfarin, "On hold"},

		{`<table><thead><tr><th>Name</th><th>Status</th></tr></thead><tbody><tr><td>Warfarin</td><td>Stopped</td></tr></tbody></table>`, medicineAt("", `<code code="11289" codeSystem="2.16.840.1.113883.6.88" displayName="Warfarin"/>`, `<statusCode code="active"/>`), "Stopped"},
		{item("Pulmonary embolism - ruled out by CT 2 March 2025"), pe, "ruled out by CT 2 March 2025"},
		{row("End Date", "10/02/2008"), warfarin, "End Date: 10/02/2008"},
		{row("Stopped", "2015"), warfarin, "Stopped: 2015"},
		{row("Resolved on", "Mar 2019"), pe, "Resolved on: Mar 2019"},
		{row("End Date", "10/02/2008"), strings.Replace(warfarin, `<statusCode code="active"/>`, `<statusCode code="active"/><effectiveTime xsi:type="IVL_TS"><high value="20081002"/></effectiveTime>`, 1), ""},
		{row("End Date", "Not Indicated"), warfarin, ""},
		{row("Weekend dose 2015", "2015"), warfarin, ""},

		{item("Pulmonary embolism"), pe, ""},
		{item("Pulmonary embolism, r/o malignancy"), pe, ""},
		{item("Pulmonary embolism. Status: Active, past Inactive: no"), pe, ""},
		{item("Pulmonary embolism, no evidence of right heart strain"), pe, ""},
		{item("Pulmonary embolism with possible infarction"), pe, ""},
		{item("Pulmonary embolism, not resolved"), pe, ""},
		{row("Resolved", "No"), pe, ""},
		{row("Status", "Resolved"), problem("Pulmonary embolism", state("413322009")), ""},
		{row("Status", "Suspected"), problem("Pulmonary embolism", state("415684004")), ""},
		{item("Suspected pulmonary embolism"), problem("Suspected pulmonary embolism", ""), ""},
		{item("Fracture of left wrist, seen from the right"), problem("Fracture of left wrist", ""), ""},
		{item("Warfarin 5 mg until course is completed"), warfarin, ""},
		{item("Warfarin 5 mg, hold if bleeding"), warfarin, ""},
		{item("Pulmonary embolism") + item("Angina - ruled out"), pe, ""},
	} {
		d := takenIn(t, c.text, c.entry)
		got := quotes(d)
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, not %q", c.text, got, c.want)
		}
	}
}

// TestAnUnusualValueIsADoubt: what a page of the chart would ask about is said before it is taken in.
func TestAnUnusualValueIsADoubt(t *testing.T) {
	for _, c := range []struct {
		code, value, unit string
		want              bool
	}{
		{"8310-5", "98.6", "Cel", true}, {"8310-5", "98.6", "[degF]", false}, {"8310-5", "37", "Cel", false},
		{"29463-7", "914", "kg", true}, {"29463-7", "91.4", "kg", false}, {"8302-2", "5.6", "cm", true}, {"8302-2", "5.6", "[ft_i]", false},
		{"2951-2", "914", "mmol/L", false},
	} {
		d := readEntry(t, "8716-3", measureEntry(c.code, "Measured", `<value xsi:type="PQ" value="`+c.value+`" unit="`+c.unit+`"/>`, ""))
		if saysDoubt(d, valueUnusual) != c.want {
			t.Errorf("%s %s %s: %s", c.code, c.value, c.unit, said(d))
		}
	}
}

// TestARowThatNamesAMedicineIsHeldToIt: an entry that is linked to the text by its directions, or not at all, is
// held to the rows that name its medicine.
func TestARowThatNamesAMedicineIsHeldToIt(t *testing.T) {
	naproxen := `<code code="198013" codeSystem="2.16.840.1.113883.6.88" displayName="Naproxen 500 MG Oral Tablet"/>`
	sig := `<entryRelationship typeCode="COMP"><substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.147"/><code code="76662-6" codeSystem="2.16.840.1.113883.6.1"/><text><reference value="#sig"/></text></substanceAdministration></entryRelationship>`
	active := `<statusCode code="active"/>`
	unlinked, bySig := medicineAt("", naproxen, active), medicineAt("", naproxen, active+sig)
	byText := medicineAt("", naproxen, `<text><reference value="#sig"/></text>`+active)
	row := func(cells ...string) string { return `<tr><td>` + strings.Join(cells, `</td><td>`) + `</td></tr>` }
	table := func(rows ...string) string {
		return `<table><thead><tr><th>Medicine</th><th>Directions</th></tr></thead><tbody>` + strings.Join(rows, "") + `</tbody></table>`
	}
	sigIn := `<content ID="sig">1 tablet twice daily</content>`
	stopped := "Naproxen 500 MG Oral Tablet - STOPPED 27 Nov 2026, GI bleed. Do not restart."
	apart := table(row("Lisinopril 10 MG Oral Tablet", "1 tablet daily")) + `<paragraph ID="sig">1 tablet twice daily</paragraph>`
	for _, c := range []struct{ text, entry, want string }{
		{table(row(stopped, sigIn)), bySig, stopped + " 1 tablet twice daily"},
		{table(row(stopped, sigIn)), byText, "STOPPED 27 Nov 2026"},
		{table(row(stopped, "1 tablet twice daily")), unlinked, stopped + " 1 tablet twice daily"},
		{table(row(stopped, "")) + `<paragraph ID="sig">1 tablet twice daily</paragraph>`, byText, stopped},
		{`<list><item>` + stopped + `</item><item ID="sig">1 tablet twice daily</item></list>`, bySig, stopped},
		{`<paragraph>` + stopped + `</paragraph>`, unlinked, stopped},
		{table(row("NAPROXEN 500 mg", "Do not restart")), unlinked, "NAPROXEN 500 mg Do not restart"},
		{table(row("Naproxen 500 mg", "On hold")), bySig, "Naproxen 500 mg On hold"},
		{table(row("Naproxen 500 mg (patient is allergic)", "")), bySig, "Naproxen 500 mg (patient is allergic)"},
		{table(row("Naproxen 500 mg", "1 tablet daily"), row("Naproxen 500 mg", "Discontinued")), unlinked, "Naproxen 500 mg Discontinued"},

		{table(row("Naproxen 500 MG Oral Tablet", sigIn)), bySig, ""},
		{table(row("Naproxen 500 mg", "1 tablet daily"), row("Naproxen 250 mg", "2 tablets daily")), unlinked, ""},
		{table(row("Warfarin 5 mg - STOPPED", "")) + apart, byText, ""},
		{table(row("Naproxen 500 mg until the course is completed", "")), unlinked, ""},
		{table(row("Naproxen 500 mg for allergic rhinitis", "")), unlinked, ""},
		{table(row("Naproxen 500 mg, patient is allergic to penicillin", "")), unlinked, ""},
		{table(row(stopped, "")), medicineAt("", naproxen, `<statusCode code="aborted"/>`), ""},
		{table(row("Warfarin STOPPED, continue naproxen", "")), unlinked, ""},
		{table(row(stopped, ""), row(`<content ID="own">Naproxen 500 MG Oral Tablet</content>`, "from 28 Nov")), medicineAt("", naproxen, `<text><reference value="#own"/></text>`+active), ""},
	} {
		d := takenIn(t, c.text, c.entry)
		if got := quotes(d); c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s\n%s: %q, not %q", c.text, c.entry, got, c.want)
		}
		if d.Items[0].Resource.Get("status").Text() != "active" && !strings.Contains(c.entry, "aborted") {
			t.Errorf("%s changes the status", c.text)
		}
	}
}
