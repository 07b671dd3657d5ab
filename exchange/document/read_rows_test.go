package document

import "testing"

// TestACellStandsUnderItsHead: one that spans rows or columns moves those beside it, and no other.
func TestACellStandsUnderItsHead(t *testing.T) {
	entry := `<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.30"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.7"/><text><reference value="#r"/></text><participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="111088007" codeSystem="2.16.840.1.113883.6.96" displayName="Latex"/></playingEntity></participantRole></participant></observation></entryRelationship></act>`
	heads := "<thead><tr><th>Year</th><th>Reaction</th><th>Substance</th></tr></thead>"
	for name, table := range map[string]string{
		"a cell each":       heads + `<tbody><tr ID="r"><td>2011</td><td>Hives</td><td>Latex</td></tr></tbody>`,
		"a year of two":     heads + `<tbody><tr><td rowspan="2">2011</td><td>Cough</td><td>Egg</td></tr><tr ID="r"><td>Hives</td><td>Latex</td></tr></tbody>`,
		"a year before":     heads + `<tbody><tr><td rowspan="2">2010</td><td>Cough</td><td>Egg</td></tr><tr><td>Rash</td><td>Nuts</td></tr><tr ID="r"><td>2011</td><td>Hives</td><td>Latex</td></tr></tbody>`,
		"two columns":       heads + `<tbody><tr><td colspan="2" rowspan="2">Unknown</td><td>Egg</td></tr><tr><td>Nuts</td></tr><tr ID="r"><td>2011</td><td>Hives</td><td>Latex</td></tr></tbody>`,
		"heads of two rows": `<thead><tr><th rowspan="2">Year</th><th colspan="2">Allergy</th></tr><tr><th>Reaction</th><th>Substance</th></tr></thead><tbody><tr ID="r"><td>2011</td><td>Hives</td><td>Latex</td></tr></tbody>`,
		"a head too long":   `<thead><tr><th rowspan="9">Year</th><th>Reaction</th><th>Substance</th></tr></thead><tbody><tr ID="r"><td>2011</td><td>Hives</td><td>Latex</td></tr></tbody>`,
		"other heads below": heads + `<tbody><tr><td>2011</td><td>Cough</td><td>Egg</td></tr></tbody><thead><tr><th>Substance</th><th>Reaction</th></tr></thead><tbody><tr ID="r"><td>Latex</td><td>Hives</td></tr></tbody>`,
	} {
		d, err := Read(whole("x", []byte(`<section><code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><title>Allergies</title><text><table>`+table+`</table></text><entry>`+entry+`</entry></section>`)))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Items) != 1 || d.Items[0].Text != "Latex: Hives" {
			t.Errorf("%s: %s", name, said(d))
		}
	}
}
