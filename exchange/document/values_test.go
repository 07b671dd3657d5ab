package document

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// readEntry reads one entry of a document.
func readEntry(t *testing.T, section, body string) *Document {
	t.Helper()
	if section != "" {
		body = `<section><code code="` + section + `" codeSystem="2.16.840.1.113883.6.1"/><title>Section</title><entry>` + body + `</entry></section>`
	}
	d, err := Read(whole("entry.xml", []byte(body)))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, it := range d.Items {
		check(t, "entry", it)
	}
	return d
}

// said are the lines of what was read, and what was not.
func said(d *Document) string {
	var out []string
	for _, it := range d.Items {
		line := it.Text
		if it.Absent {
			line += " [none]"
		}
		out = append(out, line)
	}
	for _, u := range d.Unread {
		out = append(out, "unread "+u.What)
	}
	return strings.Join(out, " | ")
}

// TestAPanelIsTheSameOnlyByItsValues: two panels of a day with another sodium are not the same.
func TestAPanelIsTheSameOnlyByItsValues(t *testing.T) {
	value := func(id, code, name, value, unit string) string {
		return `{"resourceType":"Observation",` + id + `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}],"text":"` + name + `"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":` + value + `,"unit":"` + unit + `"}}`
	}
	report := func(rest string) string {
		return `{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"51990-0"}],"text":"Basic metabolic panel"},"effectiveDateTime":"2026-11-01"` + rest + `}`
	}
	sodium := func(v string) string { return value("", "2951-2", "Sodium", v, "mmol/L") }
	potassium := value("", "2823-3", "Potassium", "4.0", "mmol/L")
	both := `,"result":[{"reference":"Observation/na"},{"reference":"Observation/k"}]`
	na, k := value(`"id":"na",`, "2951-2", "Na+", "140", "mmol/L"), value(`"id":"k",`, "2823-3", "K+", "4", "mmol/L")
	for name, c := range map[string]struct {
		chart   []string
		parts   []string
		want    State
		differs string
	}{
		"the same":               {[]string{report(both), na, k}, []string{sodium("140.0"), potassium}, Same, ""},
		"another sodium":         {[]string{report(both), na, k}, []string{sodium("115"), potassium}, Differs, "Sodium: 140 mmol/L, 115 mmol/L"},
		"the other way round":    {[]string{report(both), na, k}, []string{potassium, sodium("115")}, Differs, "Sodium: 140 mmol/L, 115 mmol/L"},
		"a part more":            {[]string{report(`,"result":[{"reference":"Observation/na"}]`), na}, []string{sodium("140"), potassium}, Differs, ""},
		"a part less":            {[]string{report(both), na, k}, []string{potassium}, LessExact, ""},
		"values out of reach":    {[]string{report(both)}, []string{sodium("140"), potassium}, Differs, ""},
		"no values in the chart": {[]string{report("")}, []string{sodium("115")}, Differs, ""},
		"a value in error":       {[]string{report(both), strings.Replace(na, "final", "entered-in-error", 1), k}, []string{sodium("140"), potassium}, Differs, ""},
		"below zero":             {[]string{report(both), na, strings.Replace(k, `"value":4`, `"value":-4`, 1)}, []string{sodium("140"), potassium}, Differs, "Potassium: -4 mmol/L, 4.0 mmol/L"},
	} {
		var nodes []*fhir.Node
		for _, b := range c.chart {
			nodes = append(nodes, node(t, b))
		}
		item := Item{Key: "1", Section: Results, Resource: node(t, strings.Replace(report(""), `"id":"r",`, "", 1))}
		for _, b := range c.parts {
			item.Parts = append(item.Parts, node(t, b))
		}
		r := indexOf(nodes).row(&item)
		differs := ""
		for _, f := range r.Fields {
			if f.Differs {
				differs += f.Name + ": " + f.Chart + ", " + f.Incoming
			}
		}
		if r.State != c.want || differs != c.differs {
			t.Errorf("%s: %s, %q; want %s, %q", name, r.State, differs, c.want, c.differs)
		}
	}
}

// TestAPressureIsOfOneTime: what was measured at different times is no pressure of one.
func TestAPressureIsOfOneTime(t *testing.T) {
	o := func(code, value, at string) string {
		if at != "" {
			at = `<effectiveTime value="` + at + `"/>`
		}
		return `<component><observation classCode="OBS" moodCode="EVN"><code code="` + code + `" codeSystem="2.16.840.1.113883.6.1" displayName="BP ` + code + `"/><statusCode code="completed"/>` + at + `<value xsi:type="PQ" value="` + value + `" unit="mm[Hg]"/></observation></component>`
	}
	s, d := "8480-6", "8462-4"
	for _, c := range []struct {
		members string
		want    []string
	}{
		{o(s, "180", "20261101") + o(d, "110", "20261101") + o(s, "120", "20261102") + o(d, "70", "20261102"), []string{"180/110", "120/70"}},
		{o(s, "180", "20261101") + o(s, "120", "20261102") + o(d, "70", "20261102") + o(d, "110", "20261101"), []string{"180/110", "120/70"}},
		{o(s, "180", "20261101") + o(d, "70", "20261102"), nil},
		{o(s, "180", "") + o(d, "110", ""), []string{"180/110"}},
		{o(s, "180", "") + o(d, "110", "20261103"), []string{"180/110"}}, // the time of the set
		{o(s, "180", "20261101") + o(s, "120", "20261101") + o(d, "70", "20261101") + o(d, "110", "20261101"), nil},
	} {
		doc := readEntry(t, "", `<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.26"/><code code="46680005" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/><effectiveTime value="20261103"/>`+c.members+`</organizer>`)
		var got []string
		for _, it := range doc.Items {
			if words := strings.Fields(it.Text); strings.HasPrefix(it.Text, "Blood pressure ") {
				got = append(got, words[2])
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v, want %v: %s", got, c.want, said(doc))
		}
	}
}
