package fhirapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/fhir/definition"
)

// gallery is a small record in which every kind of search parameter finds something.
func gallery(t *testing.T) *house {
	h := open(t)
	h.seed(
		`{"resourceType":"Observation","id":"bp","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}],"text":"Blood pressure"},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2026-03-01T09:00:00Z","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":90,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
		`{"resourceType":"Observation","id":"k1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2026-01","valueQuantity":{"value":4.1,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"},"performer":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Observation","id":"k2","status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"Patient/sam"},"effectiveDateTime":"2026-02-10","valueQuantity":{"value":5.4,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"},"hasMember":[{"reference":"Observation/k1"}]}`,
		`{"resourceType":"RiskAssessment","id":"risk","status":"final","subject":{"reference":"Patient/rosa"},"prediction":[{"probabilityDecimal":0.25}]}`,
		`{"resourceType":"ValueSet","id":"vs","url":"http://example.org/fhir/ValueSet/a","version":"2","status":"draft","name":"Colours"}`,
		`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/amara"}}],"period":{"start":"2026-03-01T08:50:00Z","end":"2026-03-01T09:20:00Z"}}`,
		`{"resourceType":"ServiceRequest","id":"sr","status":"active","intent":"order","subject":{"reference":"Patient/sam"},"requester":{"identifier":{"system":"urn:npi","value":"7"}},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`,
	)
	return h
}

func TestSearch(t *testing.T) {
	h := gallery(t)
	for _, c := range []struct{ query, want string }{
		// token
		{"Observation?code=http://loinc.org|2823-3&_sort=_id", "k1 k2"},
		{"Observation?code=2823-3&_sort=-_id", "k2 k1"},
		{"Observation?code=|2823-3", ""},
		{"Observation?status=amended,final&code=http://loinc.org|2823-3&_sort=_id", "k1 k2"},
		{"Observation?status:not=final", "k2"},
		{"Observation?code:text=blood", "bp"},
		{"Patient?identifier=urn:mrn|R1", "rosa"},
		{"Patient?identifier=urn:mrn|&_sort=_id", "rosa sam"},
		{"Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|R1", "rosa"},
		{"Patient?active=true", "rosa"},
		{"Patient?active:missing=true", "sam"},
		{"Patient?gender=male", "sam"},
		// string
		{"Patient?family=dia", "rosa"}, {"Patient?family=DIAZ", "rosa"}, {"Patient?family:exact=Diaz", ""}, {"Patient?family:exact=D%C3%ADaz", "rosa"},
		{"Patient?name:contains=il", "sam"}, {"Patient?name=rosa,sam&_sort=family", "rosa sam"},
		// reference
		{"Observation?subject=Patient/sam", "k2"}, {"Observation?patient=sam", "k2"}, {"Observation?subject:Patient=sam", "k2"},
		{"Observation?subject=" + url.QueryEscape(h.url+"/fhir/Patient/sam"), "k2"},
		{"ServiceRequest?requester:identifier=urn:npi|7", "sr"},
		{"Observation?patient.family=hill", "k2"},
		{"Patient?_has:Observation:patient:code=85354-9", "rosa"},
		// date
		{"Observation?date=2026-02-10", "k2"}, {"Observation?date=ge2026-02&_sort=date", "k2 bp"}, {"Observation?date=lt2026-02", "k1"},
		{"Observation?date=2026&_sort=-date", "bp k2 k1"}, {"Observation?date=gt2026-01-15&date=lt2026-02-20&_sort=_id", "k1 k2"}, {"Observation?date=sa2026-01-15&date=lt2026-02-20", "k2"}, {"Observation?date=sa2026-02-10", "bp"},
		{"Observation?date=eb2026-02", "k1"}, {"Observation?date=ne2026-02-10&_sort=_id", "bp k1"}, {"Patient?birthdate=ap1970-05-06", "rosa"},
		// number, quantity
		{"RiskAssessment?probability=gt0.2", "risk"}, {"RiskAssessment?probability=lt0.2", ""},
		{"Observation?value-quantity=5.4|http://unitsofmeasure.org|mmol/L", "k2"}, {"Observation?value-quantity=gt4.1", "k2"}, {"Observation?value-quantity=le4.1||mmol/L", "k1"},
		{"Observation?value-quantity=5400|http://unitsofmeasure.org|umol/L", "k2"}, {"Observation?value-quantity=gt0.0041|http://unitsofmeasure.org|mol/L", "k2"}, {"Observation?value-quantity=5.4|http://unitsofmeasure.org|mol/L", ""},
		{"Observation?value-quantity=ge0.0041|http://unitsofmeasure.org|mol/L&_sort=_id", "k1 k2"}, {"Observation?value-quantity=5400||umol/L", ""}, {"Observation?value-quantity=gt1|http://unitsofmeasure.org|mg", ""},
		{"Observation?component-code-value-quantity=http://loinc.org|8480-6$gt18.9|http://unitsofmeasure.org|kPa", "bp"}, {"Observation?component-code-value-quantity=http://loinc.org|8480-6$gt19|http://unitsofmeasure.org|kPa", ""},
		// uri, composite
		{"ValueSet?url=http://example.org/fhir/ValueSet/a", "vs"}, {"ValueSet?url:below=http://example.org/fhir", "vs"},
		{"Observation?component-code-value-quantity=http://loinc.org|8480-6$gt140", "bp"}, {"Observation?component-code-value-quantity=http://loinc.org|8462-4$gt140", ""},
		// for every type
		{"Patient?_id=rosa,sam&_sort=_id", "rosa sam"}, {"Patient?_id=nobody", ""}, {"Patient?_lastUpdated=ge2026-11-23&_sort=_id", "rosa sam"}, {"Patient?_lastUpdated=lt2026-11-23", ""},
		// includes
		{"Observation?_id=k1&_include=Observation:patient", "k1 +rosa"}, {"Observation?_id=k1&_include=Observation:patient&_include=Observation:performer:Practitioner", "k1 +amara +rosa"},
		{"Observation?_id=k1&_include=*", "k1 +amara +rosa"}, {"Observation?_id=k1&_include=Observation:performer:Patient", "k1"},
		{"Patient?_id=sam&_revinclude=Observation:patient", "sam +k2"}, {"Patient?_id=sam&_revinclude=Observation:*&_revinclude=ServiceRequest:subject", "sam +k2 +sr"},
		{"Observation?_id=k2&_include=Observation:has-member", "k2 +k1"},
		{"Observation?_id=k2&_include:iterate=Observation:has-member&_include:iterate=Observation:performer", "k2 +k1 +amara"},
		{"Observation?_id=k2&_include=Observation:has-member&_include:iterate=Observation:performer", "k2 +k1 +amara"},
		{"Observation?_id=k2&_include=Observation:has-member&_include=Observation:performer", "k2 +k1"},
		{"Practitioner?_id=amara&_revinclude:iterate=Observation:performer&_revinclude:iterate=Observation:has-member", "amara +k1 +k2"},
		{"Observation?_id=k2&_include:iterate=*", "k2 +k1 +sam +rosa +amara"},
		// several types at once
		{"?_id=rosa", "rosa"}, {"?_id=rosa,k1,vs", "k1 rosa vs"},
	} {
		for _, strict := range []string{"lenient", "strict"} {
			got := h.get("/fhir/"+strings.TrimPrefix(c.query, "/"), "Prefer: handling="+strict).is(200).ids()
			if strings.Contains(c.want, "+") || strings.HasPrefix(c.query, "?") {
				slices.Sort(got)
				want := strings.Fields(c.want)
				slices.Sort(want)
				c.want = strings.Join(want, " ")
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s (%s): %v, want %s", c.query, strict, got, c.want)
			}
		}
		path, query, _ := strings.Cut(c.query, "?")
		posted := h.ask("POST", strings.TrimSuffix("/fhir/"+path, "/")+"/_search", query, "Content-Type: application/x-www-form-urlencoded").is(200).ids()
		slices.Sort(posted)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(posted, want) {
			t.Errorf("POST _search %s: %v, want %s", c.query, posted, c.want)
		}
	}
}

func TestShapeOfResults(t *testing.T) {
	h := gallery(t)
	a := h.get("/fhir/Observation?_total=accurate&_count=2&code=2823-3").is(200)
	if a.node.Get("total").Text() != "2" || a.link("self") != h.url+"/fhir/Observation?_total=accurate&_count=2&code=2823-3" || a.link("next") != "" {
		t.Errorf("total and links: %s", a.node.Get("link").JSON())
	}
	if full := a.node.Path("entry.0.fullUrl").Text(); !strings.HasPrefix(full, h.url+"/fhir/Observation/k") {
		t.Errorf("fullUrl %q", full)
	}
	for _, q := range []string{"_summary=count", "_count=0"} {
		if a := h.get("/fhir/Observation?" + q).is(200); a.node.Get("total").Text() != "3" || a.node.Get("entry") != nil {
			t.Errorf("%s: %s", q, a.body)
		}
	}
	one := func(q string) string {
		r := h.get("/fhir/ServiceRequest?_id=sr&" + q).is(200).node.Path("entry.0.resource")
		if r.Path("meta.tag.0.code").Text() != "SUBSETTED" {
			t.Errorf("%s is not marked SUBSETTED: %s", q, r.JSON())
		}
		var names []string
		for name := range r.Members() {
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	for q, want := range map[string]string{
		"_summary=true":             "id intent meta requester resourceType status subject",
		"_summary=text":             "id intent meta resourceType status subject text",
		"_summary=data":             "id intent meta requester resourceType status subject",
		"_elements=requester":       "id intent meta requester resourceType status subject",
		"_elements=id,text":         "id intent meta resourceType status subject text",
		"_elements=nothing-of-this": "id intent meta resourceType status subject",
	} {
		if got := one(q); got != want {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
	if r := h.get("/fhir/ServiceRequest/sr?_elements=status").is(200); r.node.Get("text") != nil || r.node.Path("meta.tag.0.code").Text() != "SUBSETTED" {
		t.Errorf("_elements on a read: %s", r.body)
	}
	h.get("/fhir/ServiceRequest/sr?_summary=some").refused(400)
	if r := h.get("/fhir/ServiceRequest/sr?_pretty=true").is(200); !strings.Contains(string(r.body), "\n  \"") {
		t.Errorf("_pretty: %s", r.body)
	}

	lenient := h.get("/fhir/Patient?family=hill&favourite-colour=red").is(200)
	if got := lenient.ids(); fmt.Sprint(got) != "[sam]" {
		t.Errorf("lenient: %v", got)
	}
	last := lenient.node.Get("entry").At(1)
	if last.Path("search.mode").Text() != "outcome" || !strings.Contains(last.Path("resource.issue.0.details.text").Text(), "favourite-colour") {
		t.Errorf("the parameter that was left out is not named: %s", lenient.body)
	}
	if strings.Contains(lenient.link("self"), "favourite") {
		t.Errorf("self claims what was not applied: %s", lenient.link("self"))
	}
	h.get("/fhir/Patient?family=hill&favourite-colour=red", "Prefer: handling=strict").refused(400, "favourite-colour")
}

// TestPagesWhileOthersWrite: the pages of a search show one moment: nothing twice, nothing
// missing, whatever is written meanwhile.
func TestPagesWhileOthersWrite(t *testing.T) {
	h := open(t)
	var want []string
	var bodies []string
	for i := range 60 {
		id := fmt.Sprintf("o%02d", i)
		want = append(want, id)
		bodies = append(bodies, with(with(pulse, `{"resourceType"`, `{"id":"`+id+`","resourceType"`), "72.50", fmt.Sprint(60+i%7)))
	}
	h.seed(bodies...)
	for _, query := range []string{"", "&_sort=-date", "&_sort=value-quantity,-_id", "&_sort=_lastUpdated", "&_sort=-_id", "&code=8867-4&_sort=patient"} {
		stop, done := make(chan bool), sync.WaitGroup{}
		done.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := want[(i*13)%len(want)]
				switch i % 3 {
				case 0:
					h.ask("POST", "/fhir/Observation", pulse)
				case 1: // moves to another place of every order
					h.ask("PUT", "/fhir/Observation/"+id, with(with(with(pulse, `{"resourceType"`, `{"id":"`+id+`","resourceType"`), "2026-11-20", fmt.Sprintf("20%02d-11-20", i%26)), "72.50", fmt.Sprint(i)))
				case 2:
					h.drop("Observation", id)
				}
			}
		})
		before := len(h.get("/fhir/Observation?_count=1000").is(200).ids())
		a := h.get("/fhir/Observation?_count=7&_total=accurate" + query).is(200)
		total, got := a.node.Get("total").Text(), a.ids()
		for a.link("next") != "" {
			a = h.follow(a.link("next")).is(200)
			got = append(got, a.ids()...)
		}
		close(stop)
		done.Wait()
		slices.Sort(got)
		if n := len(slices.Compact(slices.Clone(got))); n != len(got) || fmt.Sprint(n) != total || n < 20 || before < 20 {
			t.Errorf("%q: %d resources, %d different, total %s", query, len(got), n, total)
		}
	}
}

// TestCapabilities asks for everything that the CapabilityStatement of twenty types lists.
func TestCapabilities(t *testing.T) {
	h := open(t)
	cs := h.get("/fhir/metadata").is(200).node
	if cs.Get("fhirVersion").Text() != "4.0.1" || cs.Path("implementation.url").Text() != h.url+"/fhir" {
		t.Errorf("metadata: %s", cs.Get("implementation").JSON())
	}
	values := map[string]string{"token": "a|b", "string": "x", "reference": "Patient/rosa", "date": "2026-01-01", "number": "5", "quantity": "5|http://unitsofmeasure.org|mg", "uri": "http://example.org/x", "special": "42.25|-83.69|11.20|km"}
	types := strings.Fields("Patient Observation Condition MedicationRequest AllergyIntolerance Encounter Practitioner Organization Appointment DiagnosticReport " +
		"Immunization Procedure Task Communication DocumentReference ServiceRequest Coverage Claim ValueSet Location Composition Questionnaire Medication")
	asked := 0
	for r := range cs.Path("rest.0.resource").Items() {
		name := r.Get("type").Text()
		if !slices.Contains(types, name) {
			continue
		}
		for p := range r.Get("searchParam").Items() {
			code, value := p.Get("name").Text(), values[p.Get("type").Text()]
			if code == "_filter" {
				value = "_id eq rosa"
			}
			if p.Get("type").Text() == "composite" {
				value = composite(t, name, code, values)
			}
			if value == "" {
				t.Errorf("%s lists %s of type %s", name, code, p.Get("type").Text())
				continue
			}
			asked++
			a := h.get("/fhir/"+name+"?"+code+"="+url.QueryEscape(value), "Prefer: handling=strict")
			if masked := code == "_text" || code == "_content"; masked && a.status == 400 && (name == "Patient" || name == "Person" || name == "RelatedPerson" || name == "Bundle") {
				continue // a physician does not see the national numbers of people, nor words that may hold them
			}
			if a.status != 200 {
				t.Errorf("%s is listed but %s?%s=%s answers %d: %.300s", code, name, code, value, a.status, a.body)
			}
		}
		for i := range r.Get("searchInclude").Items() {
			asked++
			if a := h.get("/fhir/"+name+"?_include="+i.Text(), "Prefer: handling=strict"); a.status != 200 {
				t.Errorf("_include=%s is listed but answers %d: %.300s", i.Text(), a.status, a.body)
			}
		}
	}
	if asked < 600 {
		t.Errorf("only %d requests were tried", asked)
	}
	if n := cs.Path("rest.0.resource").Len(); n != len(definition.ResourceTypes()) {
		t.Errorf("%d types are listed", n)
	}
	var system []string
	for i := range cs.Path("rest.0.interaction").Items() {
		system = append(system, i.Get("code").Text())
	}
	slices.Sort(system)
	if fmt.Sprint(system) != "[batch history-system search-system transaction]" {
		t.Errorf("system interactions: %v", system)
	}
}

func composite(t *testing.T, resourceType, code string, values map[string]string) string {
	p, _ := definition.SearchParameterFor(resourceType, code)
	var parts []string
	for _, c := range p.Components {
		part, ok := definition.SearchParameterByURL(c.Definition)
		if !ok || values[part.Type] == "" {
			t.Errorf("component of %s.%s: %+v", resourceType, code, c)
			return ""
		}
		parts = append(parts, values[part.Type])
	}
	return strings.Join(parts, "$")
}
