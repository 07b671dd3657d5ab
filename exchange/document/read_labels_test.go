package document

import (
	"slices"
	"strings"
	"testing"
)

// TestWhatClosesASection: the labels of an item by what is said of its section, of the one around it and of the
// document.
func TestWhatClosesASection(t *testing.T) {
	entry := `<entry><observation classCode="OBS" moodCode="EVN"><code code="8302-2" codeSystem="2.16.840.1.113883.6.1" displayName="Body height"/><statusCode code="completed"/><effectiveTime value="20260101"/><value xsi:type="PQ" value="170" unit="cm"/></observation></entry>`
	level := func(code string) string {
		if code == "" {
			return ""
		}
		return `<confidentialityCode code="` + code + `" codeSystem="2.16.840.1.113883.5.25"/>`
	}
	section := func(code, in string) string {
		return `<component><section><code code="8716-3" codeSystem="2.16.840.1.113883.6.1"/><title>Vitals</title>` + level(code) + in + `</section></component>`
	}
	for name, c := range map[string]struct {
		document, body string
		want           []string // of each item
		doubts         int
	}{
		"nothing":                       {"N", section("", entry), []string{""}, 0},
		"restricted":                    {"N", section("R", entry), []string{"SPI"}, 1},
		"a section in it":               {"N", section("R", entry+section("", entry)), []string{"SPI", "SPI"}, 1},
		"a normal section in it":        {"N", section("R", section("N", entry)), []string{"SPI"}, 1},
		"two levels down":               {"N", section("V", section("", section("", entry))), []string{"SPI"}, 1},
		"the section after it":          {"N", section("R", section("", entry)) + section("", entry), []string{"SPI", ""}, 1},
		"HIV":                           {"N", section("HIV", entry), []string{"HIV"}, 0},
		"HIV in a restricted section":   {"N", section("R", section("HIV", entry)), []string{"HIV SPI"}, 1},
		"HIV in a restricted document":  {"R", section("HIV", entry), []string{"HIV SPI"}, 1},
		"psychiatry, the document":      {"PSY", section("", entry), []string{"PSY"}, 0},
		"for clinicians only":           {"N", section("D", entry), []string{"SPI"}, 1},
		"taboo":                         {"N", section("T", entry), []string{"SPI"}, 1},
		"what is not known here":        {"N", section("QQ", entry), []string{"SPI"}, 1},
		"low, and what is business":     {"L", section("B", entry) + section("U", entry), []string{"", ""}, 0},
		"a whole chart's, of a section": {"N", section("CEL", entry), []string{"SPI"}, 1},
	} {
		body := `<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + level(c.document) + `<component><structuredBody>` + c.body + `</structuredBody></component></ClinicalDocument>`
		d, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, it := range d.Items {
			got = append(got, strings.Join(labelsOf(it.Resource), " "))
		}
		if !slices.Equal(got, c.want) || len(d.Doubts) != c.doubts || len(d.Doubts) > 0 && d.Confidentiality == "N" {
			t.Errorf("%s: %q, want %q; %s %v", name, got, c.want, d.Confidentiality, d.Doubts)
		}
	}
}
