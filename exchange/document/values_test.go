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

// TestAPanelShowsItsRanges: each value of a panel has its range and its interpretation beside it, as a single value
// has; they are no difference.
func TestAPanelShowsItsRanges(t *testing.T) {
	value := func(id, low string) string {
		return `{"resourceType":"Observation",` + id + `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2951-2"}],"text":"Sodium"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":140,"unit":"mmol/L"},"referenceRange":[{"low":{"value":` + low + `},"high":{"value":145,"unit":"mmol/L"}}]}`
	}
	report := `{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"51990-0"}],"text":"Basic metabolic panel"},"effectiveDateTime":"2026-11-01","result":[{"reference":"Observation/na"}]}`
	incoming := strings.Replace(value("", "136"), `"referenceRange"`, `"interpretation":[{"text":"Normal"}],"referenceRange"`, 1)
	item := Item{Key: "1", Section: Results, Resource: node(t, report), Parts: []*fhir.Node{node(t, incoming)}}
	r := indexOf([]*fhir.Node{node(t, report), node(t, value(`"id":"na",`, "135"))}).row(&item)
	i := slices.IndexFunc(r.Fields, func(f Field) bool { return f.Name == "Sodium" })
	want := []Field{{Name: "Sodium", Chart: "140 mmol/L", Incoming: "140 mmol/L"},
		{Name: "Reference range", Chart: "135 - 145 mmol/L", Incoming: "136 - 145 mmol/L"}, {Name: "Interpretation", Incoming: "Normal"}}
	if i < 0 || !slices.Equal(r.Fields[i:], want) || r.State != Same {
		t.Errorf("%s %+v", r.State, r.Fields)
	}
	fresh := indexOf(nil).row(&item)
	if !slices.ContainsFunc(fresh.Fields, func(f Field) bool { return f == Field{Name: "Reference range", Incoming: "136 - 145 mmol/L"} }) {
		t.Errorf("a new panel: %+v", fresh.Fields)
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

func medicineAt(negated, product, rest string) string {
	return `<substanceAdministration classCode="SBADM" moodCode="EVN"` + negated + `><templateId root="2.16.840.1.113883.10.20.22.4.16"/>` + rest + `<consumable><manufacturedProduct><manufacturedMaterial>` + product + `</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>`
}

// TestEachTimeOfADayIsRead: a medicine for the morning and the evening is not one for the morning.
func TestEachTimeOfADayIsRead(t *testing.T) {
	event := func(code string) string {
		return `<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="` + code + `"/></effectiveTime>`
	}
	period := func(hours string) string {
		return `<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="` + hours + `" unit="h"/></effectiveTime>`
	}
	for _, c := range []struct {
		times, line, when string
		doubt             bool
	}{
		{event("ACM"), "before breakfast", "ACM", false},
		{event("ACM") + event("ACV"), "before breakfast and before dinner", "ACM ACV", false},
		{event("ACM") + event("ACM"), "before breakfast", "ACM", false},
		{period("12") + period("8"), "every 12 hours", "", true},
		{period("12") + period("12"), "every 12 hours", "", false},
		{period("12") + event("HS"), "every 12 hours", "", true},
		{event("HS") + period("12"), "at bedtime", "HS", true},
		{event("ACM") + `<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="ACV"/><offset><low value="30" unit="min"/></offset></effectiveTime>`, "before breakfast", "ACM", true},
		{event("ACM") + event("XYZ"), "before breakfast", "ACM", true},
	} {
		d := readEntry(t, "10160-0", medicineAt("", `<code code="860975" codeSystem="2.16.840.1.113883.6.88" displayName="metformin 500 MG"/>`, `<statusCode code="active"/>`+c.times))
		if len(d.Items) != 1 {
			t.Fatalf("%s: %s", c.times, said(d))
		}
		it := d.Items[0]
		var when []string
		for w := range it.Resource.Path("dosage.0.timing.repeat.when").Items() {
			when = append(when, w.Text())
		}
		doubt := slices.ContainsFunc(it.Doubts, func(x Doubt) bool { return x.Words == moreTimes })
		if strings.Join(when, " ") != c.when || doubt != c.doubt || !strings.HasSuffix(it.Text, ", "+c.line) {
			t.Errorf("%s: %q %v %v", c.times, it.Text, when, it.Doubts)
		}
	}
}

// TestWhatIsTakenBesideAnEventIsSaid: half an hour before a meal, an hour before bedtime; or that it was not understood.
func TestWhatIsTakenBesideAnEventIsSaid(t *testing.T) {
	for _, c := range []struct {
		event, offset, line, minutes string
		doubt                        bool
	}{
		{"AC", `<low value="30" unit="min"/>`, "30 minutes before meals", "30", false},
		{"AC", `<low value="-30" unit="min"/>`, "30 minutes before meals", "30", false},
		{"PCM", `<low value="1" unit="h"/>`, "60 minutes after breakfast", "60", false},
		{"HS", `<low value="30" unit="min"/>`, "30 minutes after bedtime", "30", false},
		{"HS", `<low value="-1" unit="h"/>`, "at bedtime", "", true},
		{"HS", `<low value="2" unit="d"/>`, "at bedtime", "", true},
		{"HS", `<low value="1e9" unit="min"/>`, "at bedtime", "", true},
		{"HS", `<low value="0" unit="d"/>`, "at bedtime", "", false},
	} {
		d := readEntry(t, "10160-0", medicineAt("", `<code code="860975" codeSystem="2.16.840.1.113883.6.88" displayName="metformin 500 MG"/>`,
			`<statusCode code="active"/><effectiveTime xsi:type="EIVL_TS" operator="A"><event code="`+c.event+`"/><offset>`+c.offset+`</offset></effectiveTime>`))
		if len(d.Items) != 1 {
			t.Fatalf("%s %s: %s", c.event, c.offset, said(d))
		}
		it := d.Items[0]
		doubt := slices.ContainsFunc(it.Doubts, func(x Doubt) bool { return x.Words == valueUnreadable })
		if got := it.Resource.Path("dosage.0.timing.repeat.offset").Text(); got != c.minutes || doubt != c.doubt || !strings.HasSuffix(it.Text, ", "+c.line) {
			t.Errorf("%s %s: %q, offset %q, %v", c.event, c.offset, it.Text, got, it.Doubts)
		}
	}
}

// TestIntegers: what a document counts, and nothing that is not one; a number whose exponent would take a second to work out
// is none.
func TestIntegers(t *testing.T) {
	for s, want := range map[string]int{"": -1, "7": 7, " 7 ": 7, "+7": 7, "07": 7, "7.0": 7, "7.5": -1, "-7": -7, "1e3": -1, "1e999999": -1, "1/2": -1, "4/2": -1, "99999999999999": -1} {
		if got := integer(s); got != want {
			t.Errorf("integer(%q) = %d, want %d", s, got, want)
		}
	}
}

// TestADenialDeniesWhatItNames, and no more than that.
func TestADenialDeniesWhatItNames(t *testing.T) {
	not := ` negationInd="true"`
	allergy := func(value, agent, more string) string {
		if agent != "" {
			agent = `<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">` + agent + `</playingEntity></participantRole></participant>`
		}
		return `<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.30"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"` + not + `><templateId root="2.16.840.1.113883.10.20.22.4.7"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>` + value + agent + `</observation></entryRelationship>` + more + `</act>`
	}
	value := func(code, name string) string {
		return `<value xsi:type="CD" code="` + code + `" codeSystem="2.16.840.1.113883.6.96" displayName="` + name + `"/>`
	}
	nothing := `<code nullFlavor="NA"/>`
	for _, c := range []struct{ section, body, want string }{
		{"48765-2", allergy(value("419199007", "Allergy to substance"), nothing, ""), "No known allergy [none]"},
		{"48765-2", allergy(value("420134006", "Propensity to adverse reaction"), `<code code="105590001" codeSystem="2.16.840.1.113883.6.96" displayName="Substance"/>`, ""), "No known allergy [none]"},
		{"48765-2", allergy(`<value xsi:type="CD" nullFlavor="NA"/>`, nothing, ""), "No known allergy [none]"},
		{"48765-2", allergy(value("416098002", "Allergy to drug"), nothing, ""), "No known drug allergy [none]"},
		{"48765-2", allergy(value("426232007", "Environmental allergy"), nothing, ""), "No known environmental allergy [none]"},
		{"48765-2", allergy(value("235719002", "Food intolerance"), nothing, ""), "Not: Food intolerance"},
		{"48765-2", allergy(value("91936005", "Allergy to penicillin"), nothing, ""), "Not: Allergy to penicillin"},
		{"48765-2", allergy(value("419199007", "Allergy to substance"), `<code code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="penicillin"/>`, ""), "No allergy to penicillin"},
		{"48765-2", strings.Replace(allergy(value("419199007", "Allergy to substance"), `<code code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="penicillin"/>`,
			`<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><code code="82606-5" codeSystem="2.16.840.1.113883.6.1" displayName="Criticality"/><value xsi:type="CD" code="CRITH" codeSystem="2.16.840.1.113883.5.1063" displayName="High criticality"/></observation></entryRelationship>`), not, "", 1),
			"penicillin; high criticality"},
		{"10160-0", medicineAt("", `<code code="182904002" codeSystem="2.16.840.1.113883.6.96" displayName="Drug treatment unknown"/>`, ""), "unread Drug treatment unknown"},
		{"10160-0", medicineAt(not, `<code nullFlavor="OTH"><originalText>Metformin</originalText></code>`, ""), "Does not take: Metformin"},
		{"10160-0", medicineAt(not, `<code code="410942007" codeSystem="2.16.840.1.113883.6.96" displayName="Drug or medicament"/><name>Metformin</name>`, ""), "Does not take: Metformin"},
		{"10160-0", medicineAt(not, `<code nullFlavor="NA"/>`, `<text>Metformin</text>`), "Does not take: Metformin"},
		{"10160-0", medicineAt(not, `<code nullFlavor="NA"/>`, ""), "No known medications [none]"},
		{"10160-0", medicineAt(not, `<code code="410942007" codeSystem="2.16.840.1.113883.6.96" displayName="Drug or medicament"/>`, ""), "No known medications [none]"},
		{"29762-2", `<observation classCode="OBS" moodCode="EVN"` + not + `><templateId root="2.16.840.1.113883.10.20.22.4.38"/><code code="228366006" codeSystem="2.16.840.1.113883.6.96" displayName="Drug user"/><statusCode code="completed"/></observation>`, "Not: Drug user"},
		{"29762-2", `<observation classCode="OBS" moodCode="EVN"` + not + `><templateId root="2.16.840.1.113883.10.20.22.4.38"/><code code="228366006" codeSystem="2.16.840.1.113883.6.96" displayName="Drug user"/><statusCode code="completed"/><value xsi:type="CD" nullFlavor="NI"/></observation>`, "Not: Drug user"},
	} {
		if got := said(readEntry(t, c.section, c.body)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

// TestValuesAreReadAsTheyStand: units that UCUM does not have, numbers below zero, ranges without a type, panels in panels.
func TestValuesAreReadAsTheyStand(t *testing.T) {
	o := func(value, more string) string {
		return `<observation classCode="OBS" moodCode="EVN"><code code="2951-2" codeSystem="2.16.840.1.113883.6.1" displayName="Sodium"/><statusCode code="completed"/>` + value + more + `</observation>`
	}
	panel := func(name, inside string) string {
		return `<organizer classCode="BATTERY" moodCode="EVN"><code code="1" codeSystem="2.16.840.1.113883.6.1" displayName="` + name + `"/><statusCode code="completed"/>` + inside + `</organizer>`
	}
	in := func(s string) string { return `<component>` + s + `</component>` }
	for _, c := range []struct{ section, body, want string }{
		{"30954-2", o(`<value xsi:type="PQ" nullFlavor="OTH"><translation value="12" code="tbl" codeSystem="1.2.3" displayName="tablets"/></value>`, ""), "Sodium 12 tablets"},
		{"30954-2", o(`<value xsi:type="PQ" nullFlavor="OTH"><translation value="12"><originalText>spoons</originalText></translation></value>`, ""), "Sodium 12 spoons"},
		{"30954-2", o(`<value xsi:type="INT" value="-3"/>`, ""), "Sodium -3"},
		{"30954-2", panel("Outer", in(o(`<value xsi:type="INT" value="1"/>`, ""))+in(panel("Inner", in(o(`<value xsi:type="INT" value="2"/>`, ""))))), "Outer: Sodium 1 | Inner: Sodium 2"},
		{"30954-2", panel("Outer", in(panel("Inner", in(o(`<value xsi:type="INT" value="2"/>`, ""))))), "Inner: Sodium 2"},
		{"8716-3", panel("Outer", in(panel("Inner", in(o(`<value xsi:type="INT" value="2"/>`, ""))))), "Sodium 2"},
	} {
		if got := said(readEntry(t, c.section, c.body)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
	d := readEntry(t, "30954-2", o(`<value xsi:type="PQ" value="140" unit="mmol/L"/>`, `<referenceRange><observationRange><value><low value="135" unit="mmol/L"/><high value="145" unit="mmol/L"/></value></observationRange></referenceRange>`))
	if r := d.Items[0].Resource.Path("referenceRange.0"); r.Path("low.value").Text() != "135" || r.Path("high.value").Text() != "145" {
		t.Errorf("the range is %s", r.JSON())
	}
}
