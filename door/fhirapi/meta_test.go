package fhirapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

func TestMeta(t *testing.T) {
	h := open(t)
	id := h.ask("POST", "/fhir/Observation", with(pulse, `"Observation",`, `"Observation","meta":{"profile":["urn:p"],"tag":[{"system":"urn:t","code":"a"}]},`)).is(201).node.ID()
	at := "/fhir/Observation/" + id
	meta := func(path string) string {
		t.Helper()
		m := h.get(path).is(200).node.Path("parameter.0.valueMeta")
		var codes []string
		for _, name := range metaLists {
			for item := range m.Get(name).Items() {
				codes = append(codes, item.Get("code").Text()+item.Text())
			}
		}
		return strings.Join(codes, " ")
	}
	if got := meta(at + "/$meta"); got != "urn:p a" {
		t.Errorf("meta: %s", got)
	}
	change := func(op, what string) answer {
		return h.ask("POST", at+"/$"+op, `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":`+what+`}]}`)
	}
	change("meta-add", `{"security":[{"system":"urn:s","code":"R"}],"tag":[{"system":"urn:t","code":"a"},{"system":"urn:t","code":"b"}]}`).is(200)
	if got := meta(at + "/$meta"); got != "urn:p R a b" {
		t.Errorf("added: %s", got)
	}
	change("meta-add", `{"tag":[{"system":"urn:t","code":"b"}]}`).is(200)
	if v := h.get(at).node.Path("meta.versionId").Text(); v != "2" {
		t.Errorf("what is there already was added again: version %s", v)
	}
	change("meta-delete", `{"profile":["urn:p"],"tag":[{"system":"urn:t","code":"a"},{"system":"urn:other","code":"b"}]}`).is(200)
	if got := meta(at + "/$meta"); got != "R b" {
		t.Errorf("deleted: %s", got)
	}
	if got := meta(at + "/_history/1/$meta"); got != "urn:p a" {
		t.Errorf("of version 1: %s", got)
	}
	if got := meta("/fhir/Observation/$meta"); got != "R b" {
		t.Errorf("of the type: %s", got)
	}
	if got := meta("/fhir/$meta"); got != "R b" {
		t.Errorf("of everything: %s", got)
	}
	if got := h.as(trust.Patient).get("/fhir/Observation/nobody/$meta").status; got != 404 {
		t.Errorf("of nothing: %d", got)
	}
	h.ask("POST", at+"/$meta-add", pulse).refused(400)
	h.ask("POST", at+"/$meta-add", `{"resourceType":"Parameters"}`).refused(400)
	h.ask("POST", "/fhir/Observation/nobody/$meta-add", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"profile":["urn:p"]}}]}`).refused(404)
	h.get(at + "/$meta?mode=deep").refused(400)
	h.get(at + "/_history/9/$meta").refused(404)
}

// TestProgramsLabelNothingStored: a program neither hides what is stored nor takes a label off,
// by whatever way.
func TestProgramsLabelNothingStored(t *testing.T) {
	h := open(t)
	id := h.ask("POST", "/fhir/Observation", pulse).is(201).node.ID()
	at := "/fhir/Observation/" + id
	const security = `"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]`
	change := func(op, at string) answer {
		return h.ask("POST", at+"/$"+op, `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{`+security+`}}]}`)
	}
	change("meta-add", at).refused(403, "in person")
	h.ask("PUT", at, with(string(h.get(at).is(200).body), `"meta":{`, `"meta":{`+security+`,`)).refused(403, "by hand")
	h.ask("PATCH", at, `[{"op":"add","path":"/meta/security","value":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}]`, "Content-Type: application/json-patch+json").refused(403, "by hand")
	if v := h.get(at).node.Path("meta.versionId").Text(); v != "1" {
		t.Errorf("version %s", v)
	}
	marked := "/fhir/Observation/" + h.ask("POST", "/fhir/Observation", with(pulse, `"status"`, `"meta":{`+security+`},"status"`)).is(201).node.ID()
	change("meta-add", marked).is(200) // there is nothing to do
	change("meta-delete", marked).refused(403, "in person")
	if got := h.get(marked).is(200).node.Path("meta.security.0.code").Text(); got != "PSY" {
		t.Errorf("label %q", got)
	}
}

func TestDiffOperation(t *testing.T) {
	h := open(t)
	h.ask("PUT", "/fhir/Patient/rosa", `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz"}],"gender":"female"}`).is(200)
	h.ask("PUT", "/fhir/Patient/rosa", `{"resourceType":"Patient","id":"rosa","name":[{"family":"Hill"}],"gender":"female"}`).is(200)
	d := h.get("/fhir/Patient/rosa/$diff").is(200)
	if got := string(d.node.Get("parameter").JSON()); got != `[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.name[0].family"},{"name":"value","valueString":"Hill"}]}]` {
		t.Errorf("diff: %s", got)
	}
	// Carried out on the first version, the differences to it make the third.
	all := h.get("/fhir/Patient/rosa/$diff?fromVersion=1").is(200)
	h.ask("PUT", "/fhir/Patient/rosa", string(h.get("/fhir/Patient/rosa/_history/1").body)).is(200)
	h.ask("PATCH", "/fhir/Patient/rosa", string(all.body)).is(200)
	if got := h.get("/fhir/Patient/rosa/$diff?fromVersion=3").is(200).node.Get("parameter").Len(); got != 0 {
		t.Errorf("%d differences are left", got)
	}
	if got := h.get("/fhir/Patient/rosa/$diff?fromVersion=3&toVersion=2").is(200).node.Path("parameter.0.part.2.valueString").Text(); got != "Díaz" {
		t.Errorf("backwards: %s", got)
	}
	if got := h.get("/fhir/Patient/sam/$diff").is(200).node.Get("parameter").Len(); got != 0 {
		t.Errorf("of one version: %d", got)
	}
	h.get("/fhir/Patient/rosa/$diff?fromVersion=99").refused(404)
	h.get("/fhir/Patient/rosa/$diff?fromVersion=x").refused(404)
	h.get("/fhir/Patient/rosa/$diff?spam=1").refused(400)
	h.as(trust.Patient).get("/fhir/Patient/sam/$diff").refused(404)
}

func TestLastN(t *testing.T) {
	h := open(t)
	put := func(id, date, codings string, who string) {
		h.seed(`{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"code":"vital-signs"}]}],"code":` + codings + `,"subject":{"reference":"Patient/` + who + `"},"effectiveDateTime":"` + date + `"}`)
	}
	pulse, alias := `{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}`, `{"coding":[{"system":"urn:own","code":"P"},{"system":"http://loinc.org","code":"8867-4"}]}`
	put("p1", "2026-01-01", pulse, "rosa")
	put("p2", "2026-03-01", alias, "rosa")
	put("p3", "2026-02-01", `{"coding":[{"system":"urn:own","code":"P"}]}`, "rosa")
	put("w1", "2026-01-05", `{"text":"Weight"}`, "rosa")
	put("w2", "2026-01-06", `{"text":"weight"}`, "rosa")
	put("s1", "2026-05-06", pulse, "sam")
	for query, want := range map[string]string{
		"patient=rosa&category=vital-signs":                          "[p2 w2]",
		"patient=Patient/rosa&category=vital-signs&max=2":            "[p2 p3 w2 w1]",
		"subject=Patient/rosa&code=8867-4&max=7":                     "[p2 p1]",
		"patient=rosa&category=vital-signs&date=lt2026-02-01":        "[w2 p1]",
		"patient.identifier=urn:mrn|S1&code=http://loinc.org|8867-4": "[s1]",
		"patient=nobody&category=vital-signs":                        "[]",
	} {
		if got := fmt.Sprint(h.get("/fhir/Observation/$lastn?" + strings.ReplaceAll(query, "|", "%7C")).is(200).ids()); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"", "patient=rosa", "category=vital-signs", "patient=rosa&category=x&max=0", "patient=rosa&category=x&spam=1"} {
		h.get("/fhir/Observation/$lastn?" + bad).refused(400)
	}
	if got := h.as(trust.Patient).get("/fhir/Observation/$lastn?patient=sam&code=8867-4").is(200).ids(); len(got) != 0 {
		t.Errorf("a patient sees %v", got)
	}
	h.as(trust.FrontDesk).get("/fhir/Observation/$lastn?patient=sam&code=8867-4").refused(403)
}

func TestStats(t *testing.T) {
	h := open(t)
	value := func(n int, v, unit string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":"g%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2026-11-0%dT10:00:00Z","valueQuantity":{"value":%s,"unit":"%s","system":"http://unitsofmeasure.org","code":"%s"}}`, n, n, v, unit, unit)
	}
	h.seed(value(1, "90", "mg/dL"), value(2, "1.1", "g/L"), value(3, "100", "mg/dL"), value(4, "140.0", "mg/dL"),
		with(value(5, "999", "mg/dL"), `"final"`, `"entered-in-error"`), with(value(6, "999", "mg/dL"), "rosa", "sam"),
		`{"resourceType":"Observation","id":"bp","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2026-11-07","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`)
	ask := func(query string) answer {
		return h.get("/fhir/Observation/$stats?" + strings.ReplaceAll(query, "|", "%7C"))
	}
	got := map[string]string{}
	a := ask("subject=Patient/rosa&code=http://loinc.org|2339-0&period=2026-11-01/2026-11-30&statistic=average,minimum,maximum,count,total-count,median,sum,std-dev,variance,4-lower&include=true&limit=2").is(200)
	for c := range a.node.Path("parameter.0.resource.component").Items() {
		got[c.Path("code.coding.0.code").Text()] = c.Path("valueQuantity.value").Text() + " " + c.Path("valueQuantity.code").Text()
	}
	for code, want := range map[string]string{
		"average": "110.000 mg/dL", "minimum": "90.000 mg/dL", "maximum": "140.000 mg/dL", "count": "4 1", "total-count": "4 1", "median": "105.000 mg/dL",
		"sum": "440.000 mg/dL", "std-dev": "21.602 mg/dL", "variance": "466.667 (mg/dL)2", "4-lower": "97.500 mg/dL",
	} {
		if got[code] != want {
			t.Errorf("%s: %s, want %s", code, got[code], want)
		}
	}
	if n := a.node.Get("parameter").Len(); n != 3 {
		t.Errorf("%d parameters, want the statistics and two sources", n)
	}
	if v := ask("subject=Patient/rosa&code=8480-6&system=http://loinc.org&duration=720&statistic=average").is(200).node.Path("parameter.0.resource.component.0.valueQuantity.value").Text(); v != "120.00" {
		t.Errorf("of a component: %s", v)
	}
	if v := ask("subject=Patient/rosa&code=http://loinc.org|1-8&duration=24&statistic=average").is(200).node.Path("parameter.0.resource.component.0"); v.Get("valueQuantity") != nil || v.Get("dataAbsentReason") == nil {
		t.Errorf("of nothing: %s", v.JSON())
	}
	h.seed(value(8, "5", "kg"))
	ask("subject=Patient/rosa&code=http://loinc.org|2339-0&duration=720&statistic=average").refused(422, "kg")
	const good = "subject=Patient/rosa&code=http://loinc.org|2339-0&duration=720&statistic=average"
	for _, bad := range []string{"", strings.Replace(good, "average", "regression", 1), strings.Replace(good, "720", "-1", 1), strings.Replace(good, "duration=720", "period=2026", 1), good + "&period=2026-01-01/2026-02-01", good + "&limit=x", good + "&spam=1", strings.Replace(good, "http://loinc.org|", "", 1)} {
		ask(bad).refused(400)
	}
	if v := h.as(trust.Patient).get("/fhir/Observation/$stats?subject=Patient/sam&code=http://loinc.org%7C2339-0&duration=720&statistic=count").is(200).node.Path("parameter.0.resource.component.0.valueQuantity.value").Text(); v != "0" {
		t.Errorf("a patient counts %s of another's", v)
	}
}

func TestDocument(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Organization","id":"clinic","name":"Clinic"}`,
		`{"resourceType":"Medication","id":"drug","code":{"text":"x"},"manufacturer":{"reference":"Organization/clinic"}}`,
		`{"resourceType":"MedicationStatement","id":"takes","status":"active","subject":{"reference":"Patient/rosa"},"medicationReference":{"reference":"Medication/drug"}}`,
		`{"resourceType":"MedicationStatement","id":"others","status":"active","subject":{"reference":"Patient/sam"},"medicationReference":{"reference":"Medication/drug"}}`,
		`{"resourceType":"Composition","id":"letter","status":"final","type":{"text":"Letter"},"subject":{"reference":"Patient/rosa"},"date":"2026-11-20","author":[{"reference":"Practitioner/amara"}],"title":"Letter","section":[{"title":"Medicines","entry":[{"reference":"MedicationStatement/takes"},{"reference":"MedicationStatement/others"},{"reference":"MedicationStatement/gone"}]}]}`)
	a := h.get("/fhir/Composition/letter/$document").is(200)
	var got []string
	for e := range a.node.Get("entry").Items() {
		got = append(got, e.Path("resource.id").Text())
		if want := h.url + "/fhir/" + e.Get("resource").Reference(); e.Get("fullUrl").Text() != want {
			t.Errorf("fullUrl %s, want %s", e.Get("fullUrl").Text(), want)
		}
	}
	if fmt.Sprint(got) != "[letter rosa amara takes drug clinic]" {
		t.Errorf("document: %v", got)
	}
	if a.node.Get("type").Text() != "document" || !strings.HasPrefix(a.node.Path("identifier.value").Text(), "urn:uuid:") || a.node.Get("timestamp") == nil {
		t.Errorf("the Bundle: %.300s", a.body)
	}
	h.seed(`{"resourceType":"Composition","id":"short","status":"final","type":{"text":"Letter"},"subject":{"reference":"Patient/rosa"},"date":"2026-11-20","author":[{"reference":"Practitioner/amara"}],"title":"Letter","section":[{"title":"Medicines","entry":[{"reference":"MedicationStatement/takes"}]}]}`)
	a = h.get("/fhir/Composition/short/$document").is(200)
	for i := range h.ask("POST", "/fhir/Bundle/$validate", string(a.body)).is(200).node.Get("issue").Items() {
		if s := i.Get("severity").Text(); s == "error" || s == "fatal" {
			t.Errorf("the document is not valid: %s", i.JSON())
		}
	}
	h.get("/fhir/Composition/letter/$document?persist=true").refused(400, "asked for")
	h.get("/fhir/Composition/none/$document").refused(404)
}
