package fhirapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

// ids of a $everything answer, sorted.
func (a answer) sorted() []string {
	ids := a.is(200).ids()
	slices.Sort(ids)
	return ids
}

func TestEverythingOfAPatient(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Organization","id":"lab","name":"Lab"}`,
		`{"resourceType":"Observation","id":"old","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2019-05-01","performer":[{"reference":"Organization/lab"}]}`,
		`{"resourceType":"Observation","id":"new","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"effectivePeriod":{"start":"2026-03-01"},"performer":[{"reference":"Practitioner/amara"},{"reference":"Organization/gone"}]}`,
		`{"resourceType":"AllergyIntolerance","id":"nuts","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"patient":{"reference":"Patient/rosa"},"code":{"text":"nuts"},"recordedDate":"2001-01-01"}`,
		`{"resourceType":"RelatedPerson","id":"kin","patient":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Observation","id":"others","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`)
	const all = "/fhir/Patient/rosa/$everything"
	for query, want := range map[string]string{
		"":                                    "[amara kin lab new nuts old rosa]",
		"?_type=Observation":                  "[new old]",
		"?_type=Observation,Organization":     "[lab new old]",
		"?start=2026-01-01":                   "[amara kin new nuts rosa]",
		"?end=2020":                           "[kin lab nuts old rosa]",
		"?start=2019-05-01&end=2019-05-01":    "[kin lab nuts old rosa]",
		"?_since=2026-11-23T12:00:00.001Z":    "[]",
		"?_since=2026-11-23T12:00:00Z&_count": "",
	} {
		if want == "" {
			h.get(all + query).refused(400)
			continue
		}
		if got := fmt.Sprint(h.get(all + query).sorted()); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	body := `{"resourceType":"Parameters","parameter":[{"name":"_type","valueCode":"Observation"},{"name":"end","valueDate":"2020-01-01"}]}`
	if got := fmt.Sprint(h.ask("POST", all, body).sorted()); got != "[old]" {
		t.Errorf("POST: %s", got)
	}
	for _, bad := range []string{"start=yesterday", "start=2026&end=2025", "_since=2026", "_count=0", "_count=-1", "_page=x", "_page=1-0", "_mdm=true"} {
		h.get(all + "?" + bad).refused(400)
	}
}

// Pages show one moment, whatever happens meanwhile, and nothing that was taken away.
func TestEverythingInPages(t *testing.T) {
	h := open(t)
	for i := range 7 {
		h.seed(with(pulse, `"Observation",`, fmt.Sprintf(`"Observation","id":"o%d",`, i)))
	}
	patient := h.as(trust.Patient)
	a := patient.get("/fhir/Patient/rosa/$everything?_count=2").is(200)
	if a.node.Get("total").Text() != "9" {
		t.Errorf("total %s", a.node.Get("total").Text())
	}
	h.clock.Advance(time.Minute)
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	h.ask("PUT", "/fhir/Observation/o6", with(with(pulse, `"Observation",`, `"Observation","id":"o6",`), "Patient/rosa", "Patient/sam")).is(200)
	var seen []string
	for n := 0; ; n++ {
		if n > 9 {
			t.Fatal("no end")
		}
		seen = append(seen, a.is(200).ids()...)
		if a.link("next") == "" {
			break
		}
		a = patient.follow(a.link("next"))
	}
	slices.Sort(seen)
	if got := strings.Join(seen, " "); got != "amara o0 o1 o2 o3 o4 o5 rosa" {
		t.Errorf("pages show %s", got)
	}
}

func TestEverythingOfAnEncounter(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Location","id":"room","name":"Room 1"}`,
		`{"resourceType":"Encounter","id":"visit","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"location":[{"location":{"reference":"Location/room"}}]}`,
		`{"resourceType":"Encounter","id":"other","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Encounter","id":"nobody","status":"finished","class":{"code":"AMB"}}`,
		with(with(pulse, `"Observation",`, `"Observation","id":"in",`), `"subject"`, `"encounter":{"reference":"Encounter/visit"},"subject"`),
		with(with(pulse, `"Observation",`, `"Observation","id":"out",`), `"subject"`, `"encounter":{"reference":"Encounter/other"},"subject"`),
		with(with(pulse, `"Observation",`, `"Observation","id":"named",`), `"subject"`, `"extension":[{"url":"urn:x","valueReference":{"reference":"Encounter/visit"}}],"subject"`))
	if got := fmt.Sprint(h.get("/fhir/Encounter/visit/$everything").sorted()); got != "[amara in room visit]" {
		t.Errorf("everything: %s", got)
	}
	h.get("/fhir/Encounter/nobody/$everything").refused(400, "no patient")
	h.get("/fhir/Encounter/none/$everything").refused(404)
	h.get("/fhir/Encounter/visit/$everything?start=2020").refused(400, "start")
	h.as(trust.FrontDesk).get("/fhir/Encounter/visit/$everything").refused(403)
}
