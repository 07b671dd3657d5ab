package proof

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// particulars are what a role does not need of a person, in one world or the other.
type particulars struct{ phone, street, friend, number string }

var (
	one     = particulars{"0113-555-7001", "Marigold", "Quentin", "123-45-6789"}
	another = particulars{"0113-555-8002", "Foxglove", "Beatrix", "987-65-6789"} // the last four are the same
)

// person writes somebody with particulars, as a resource of its own or inside of another.
func (p particulars) person(kind, id, more string) string {
	return fmt.Sprintf(`{"resourceType":%q,"id":%q,"text":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Hill, %s, %s, %s, %s</div>"},
"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":%q}}],
"identifier":[{"system":"urn:mrn","value":"M-%s"},{"system":"http://hl7.org/fhir/sid/us-ssn","value":%q},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"PPN"}]},"system":"urn:passport","value":"P%s"},
{"system":"http://hl7.org/fhir/sid/passport-USA","value":"U%s"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"NNGBR"}]},"system":"urn:nhs","value":"N%s"}],
"name":[{"family":"Hill","given":["Rosa"]}],"birthDate":"1970-05-06","telecom":[{"system":"phone","value":%q},{"system":"email","value":"%s@example.org"}],"address":[{"line":["1 %s Lane"],"city":%q,"postalCode":"LS1"}]%s}`,
		kind, id, p.phone, p.street, p.friend, p.number, p.street, id, p.number, p.number, p.number, p.number, p.phone, p.street, p.street, p.street, more)
}

// secrets are what must not be in any answer to who does not see it.
func (p particulars) secrets() []string { return []string{p.phone, p.street, p.friend} }

// masks makes a house whose people have particulars: in the register, in former versions, in
// copies that an order and a document contain, in a reference by number.
func masks(t testing.TB, p particulars) *house {
	contact := fmt.Sprintf(`,"contact":[{"name":{"family":%q},"telecom":[{"system":"phone","value":%q}]}]`, p.friend, p.phone)
	inside := p.person("Patient", "copy", contact)
	story := fmt.Sprintf(`"text":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">for %s %s %s %s</div>"},`, p.phone, p.street, p.friend, p.number)
	lab := `"category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}]`
	subject := `"subject":{"reference":"Patient/rosa","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"` + p.number + `"}}`
	h := build(t, ground{quiet: true},
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
		p.person("Patient", "rosa", contact), p.person("Patient", "sam", ""),
		p.person("RelatedPerson", "aunt", `,"patient":{"reference":"Patient/rosa"}`),
		`{"resourceType":"ServiceRequest","id":"order",`+story+`"contained":[`+inside+`],`+lab+`,"status":"active","intent":"order","code":{"text":"x"},"authoredOn":"2026-11-20","requester":{"reference":"#copy"},`+subject+`}`,
		`{"resourceType":"Observation","id":"obs","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"text":"x"},`+subject+`}`,
		`{"resourceType":"DiagnosticReport","id":"rep",`+story+`"contained":[`+inside+`],"extension":[{"url":"urn:x:copy","valueReference":{"reference":"#copy"}}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"code":{"text":"x"},`+subject+`,"performer":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Coverage","id":"cov",`+story+`"status":"active","beneficiary":{"reference":"Patient/rosa"},"payor":[{"reference":"Patient/rosa"}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"`+p.number+`"}]}`,
		`{"resourceType":"Appointment","id":"appt","status":"booked","start":"2026-11-24T09:00:00Z","end":"2026-11-24T09:20:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"}]}`,
	)
	h.seed(p.person("Patient", "rosa", contact+`,"language":"en"`)) // a second version
	return h
}

// asking are requests that try to get at particulars; p is what the asker guesses.
func asking(p particulars) (list []request) {
	get := func(paths ...string) {
		for _, path := range paths {
			list = append(list, request{"GET", path, "", nil})
		}
	}
	at := []string{"/fhir/Patient/rosa", "/fhir/Patient/sam", "/fhir/RelatedPerson/aunt", "/fhir/ServiceRequest/order", "/fhir/Observation/obs", "/fhir/DiagnosticReport/rep"}
	for _, path := range at {
		kind := strings.Split(path, "/")[2]
		get(path, path+"?_summary=true", path+"?_summary=text", path+"?_summary=data", path+"?_elements=telecom,address,contact,identifier,text,contained", path+"?_format=xml",
			path+"/_history", path+"/_history/1", path+"/$meta", path+"?_pretty=true")
		list = append(list, request{"HEAD", path, "", nil})
		for _, test := range []string{"/telecom/0/value", "/address/0/line/0", "/contact/0/name/family", "/identifier/1/value", "/text/div", "/contained/0/telecom/0/value", "/subject/identifier/value"} {
			for _, value := range append(p.secrets(), "1 "+p.street+" Lane", p.number) {
				list = append(list, request{"PATCH", path, fmt.Sprintf(`[{"op":"test","path":%q,"value":%q},{"op":"test","path":"/id","value":"never"}]`, test, value), []string{jsonPatch}})
			}
			list = append(list, request{"PATCH", path, fmt.Sprintf(`[{"op":"copy","from":%q,"path":"/language"}]`, test), []string{jsonPatch}})
		}
		list = append(list, request{"PATCH", path, fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"%s.where(telecom.value.startsWith('%s') or identifier.value='%s').language"},{"name":"value","valueString":"x"}]}]}`, kind, p.phone[:4], p.number), nil})
	}
	for _, kind := range []string{"Patient", "RelatedPerson", "ServiceRequest", "Observation", "DiagnosticReport"} {
		get("/fhir/"+kind, "/fhir/"+kind+"?_include=*&_revinclude=*", "/fhir/"+kind+"/_history", "/fhir/"+kind+"?_elements=telecom,address,identifier", "/fhir/"+kind+"?_summary=text", "/fhir/"+kind+"?_format=xml")
		list = append(list, request{"POST", "/fhir/" + kind + "/_search", "_include=*", []string{"Content-Type: application/x-www-form-urlencoded"}})
	}
	get("/fhir/ServiceRequest?_include=ServiceRequest:subject", "/fhir/Observation?_include=Observation:patient", "/fhir/Patient?_revinclude=RelatedPerson:patient", "/fhir/Appointment?_include=Appointment:patient",
		"/fhir/Patient/rosa/$everything", "/fhir/Patient/$everything", "/fhir/Patient/rosa/*", "/fhir/_history?_count=50", "/fhir?_type=Patient,RelatedPerson")
	for _, value := range append(p.secrets(), p.number, "http://hl7.org/fhir/sid/us-ssn|"+p.number, "http://hl7.org/fhir/sid/us-ssn|", "P"+p.number, "urn:passport|P"+p.number, "U"+p.number, "N"+p.number, "urn:nhs|N"+p.number, "urn:nhs|", "LS1") {
		v := url.QueryEscape(value)
		for _, param := range []string{"phone", "email", "telecom", "address", "address:contains", "address-city", "address-postalcode", "identifier", "identifier:not", "identifier:text", "_text", "_content", "phone:missing", "identifier:of-type"} {
			value := v
			switch param {
			case "phone:missing":
				value = "false"
			case "identifier:of-type":
				value = url.QueryEscape("http://terminology.hl7.org/CodeSystem/v2-0203|PPN|" + "P" + p.number)
			}
			get("/fhir/Patient?"+param+"="+value, "/fhir/RelatedPerson?"+param+"="+value, "/fhir/Observation?patient."+param+"="+value, "/fhir/Practitioner?_has:Patient:general-practitioner:"+param+"="+value,
				"/fhir/Patient?"+param+"="+value+"&_summary=count", "/fhir/Patient?"+param+"="+value+"&_total=accurate&_count=0")
			list = append(list, request{"POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"New"}]}`, []string{"If-None-Exist: " + param + "=" + value}},
				request{"PUT", "/fhir/Patient?" + param + "=" + value, `{"resourceType":"Patient","name":[{"family":"New"}]}`, nil},
				request{"DELETE", "/fhir/Patient?_id=nobody&" + param + "=" + value, "", nil},
				request{"PATCH", "/fhir/Patient?" + param + "=" + value, `[{"op":"test","path":"/id","value":"never"}]`, []string{jsonPatch}})
		}
		get("/fhir/ServiceRequest?_text="+v, "/fhir/ServiceRequest?_content="+v, "/fhir/DiagnosticReport?_content="+v, "/fhir/Observation?_content="+v, "/fhir/Coverage?_content="+v, "/fhir/Coverage?_text="+v, "/fhir/Coverage?_content="+v[:1], "/fhir/Patient?_has:Coverage:beneficiary:_content="+v, "/fhir/Coverage?_filter="+url.QueryEscape(`_content co "`+value+`"`), "/fhir/Observation?_content="+v+"&_summary=count", "/fhir/Observation/$stats?_content="+v, "/fhir/Observation?subject:identifier="+v, "/fhir/Observation?patient:identifier="+v, "/fhir/ServiceRequest?_filter="+url.QueryEscape(`subject.phone eq "`+value+`"`),
			"/fhir/Patient?_filter="+url.QueryEscape(`phone eq "`+value+`" or identifier eq "`+value+`"`), "/patients?q="+v, "/fhir/Patient?_lastUpdated=gt2020&_sort=-address,-phone", "/fhir/Patient?_sort=identifier")
	}
	get("/patients?q=hill", "/p/rosa", "/p/rosa/emergency", "/p/rosa/orders", "/p/rosa/results", "/search?q=hill")
	for _, kind := range []string{"Patient", "ServiceRequest", "DiagnosticReport"} {
		list = append(list, request{"POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"` + kind + `"}},{"request":{"method":"GET","url":"Patient/rosa/_history"}}]}`, nil})
	}
	return list
}

// TestAbuseA14: particulars that a role does not see are in no answer, in whatever way it is
// asked: the bytes are the same whether they say one thing or another. Who sees them, sees
// them.
func TestAbuseA14(t *testing.T) {
	a, b := masks(t, one), masks(t, another)
	if body := a.ask("dana", "GET", "/fhir/Patient/rosa", "").body; !strings.Contains(body, one.phone) || !strings.Contains(body, one.number) {
		t.Fatalf("the front desk does not see how to reach a patient: %s", body)
	}
	if body := a.ask("amara", "GET", "/fhir/Patient/rosa", "").body; !strings.Contains(body, one.phone) || !strings.Contains(body, "***6789") {
		t.Fatalf("a physician does not see the phone and the last four: %s", body)
	}
	if body := a.ask("dana", "GET", "/fhir/Patient?phone="+one.phone, "").body; !strings.Contains(body, `"total":2`) && !strings.Contains(body, `"id":"rosa"`) {
		t.Fatalf("the front desk does not find by phone: %s", body)
	}
	for who, hidden := range map[string]func(p particulars) []string{
		"lara":  func(p particulars) []string { return append(p.secrets(), p.number) },
		"phil":  func(p particulars) []string { return []string{p.number} },
		"amara": func(p particulars) []string { return []string{p.number} },
	} {
		w := &worlds{a: a, b: b, who: who}
		contact := who != "lara"
		if contact { // what they may see must be the same, or all is different
			same := one
			same.number = another.number
			w.a, w.b = masks(t, one), masks(t, same)
		}
		answered, differences := 0, 0
		for _, guess := range []particulars{one, another} {
			if contact {
				guess.phone, guess.street, guess.friend = one.phone, one.street, one.friend
			}
			for _, r := range asking(guess) {
				x, y := w.both(r)
				if x.status < 300 && x.body != "" {
					answered++
				}
				where := differ(x, y)
				for _, secret := range hidden(one) {
					if where == "" && x.status < 300 && strings.Contains(x.body, secret) && !strings.Contains(r.path, url.QueryEscape(secret)) && !strings.Contains(r.body, secret) {
						where = "it holds " + secret
					}
				}
				if where != "" {
					t.Errorf("by %s: %s %s %.300s%s", who, r.method, r.path, r.body, where)
					if differences++; differences == 5 {
						t.Fatal("there are more")
					}
				}
			}
		}
		if answered < 100 {
			t.Errorf("only %d requests of %s were answered", answered, who)
		}
		t.Logf("%s: %d requests answered", who, answered)
	}
}

// TestAbuseA14Writes: who does not see particulars does not take them away by writing, and
// learns from no refusal what they are.
func TestAbuseA14Writes(t *testing.T) {
	h := masks(t, one)
	keeps := func(what string, status int, a answer, path string) {
		t.Helper()
		if a.status != status {
			t.Errorf("%s: %d, want %d: %.300s", what, a.status, status, a.body)
		}
		if strings.Contains(a.body, one.number) {
			t.Errorf("%s tells: %s", what, a.body)
		}
		now := h.ask("dana", "GET", path, "").body
		if strings.Contains(path, "Report") {
			now = string(h.read(t, "DiagnosticReport", "rep"))
		}
		for _, secret := range append(one.secrets(), `"`+one.number+`"`, "P"+one.number) {
			if !strings.Contains(now, secret) {
				t.Fatalf("%s has lost %s: %s", what, secret, now)
			}
		}
	}
	rosa := h.ask("amara", "GET", "/fhir/Patient/rosa", "").body
	keeps("what was read is written", 200, h.ask("amara", "PUT", "/fhir/Patient/rosa", strings.Replace(rosa, `"1970-05-06"`, `"1970-05-07"`, 1)), "/fhir/Patient/rosa")
	keeps("a patch beside", 200, h.ask("amara", "PATCH", "/fhir/Patient/rosa", `[{"op":"add","path":"/gender","value":"female"},{"op":"remove","path":"/identifier/1"}]`, jsonPatch), "/fhir/Patient/rosa")
	keeps("a number of one's own", 403, h.ask("amara", "PATCH", "/fhir/Patient/rosa", `[{"op":"add","path":"/identifier/-","value":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"1"}}]`, jsonPatch), "/fhir/Patient/rosa")
	keeps("in a transaction", 403, h.ask("amara", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"rosa","identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"1"}]},"request":{"method":"PUT","url":"Patient/rosa"}}]}`), "/fhir/Patient/rosa")
	report := h.ask("lara", "GET", "/fhir/DiagnosticReport/rep", "").body
	keeps("a report with a copy", 200, h.ask("lara", "PUT", "/fhir/DiagnosticReport/rep", strings.Replace(report, `"status":"final"`, `"status":"amended"`, 1)), "/fhir/DiagnosticReport/rep")
	keeps("a report with another copy", 403, h.ask("lara", "PATCH", "/fhir/DiagnosticReport/rep", `[{"op":"replace","path":"/contained/0/telecom","value":[{"system":"phone","value":"1"}]}]`, jsonPatch), "/fhir/DiagnosticReport/rep")
	for _, guess := range []string{one.number, "123-45-6780"} { // an answer that differs would tell which guess is right
		for _, change := range []string{`{"op":"replace","path":"/subject/identifier","value":{"system":"urn:other"}},{"op":"add","path":"/note","value":[{"text":"` + guess + `"}]}`,
			`{"op":"add","path":"/text","value":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + guess + `</div>"}}`} {
			if a := h.ask("amara", "PATCH", "/fhir/Observation/obs", "["+change+"]", jsonPatch); a.status != 403 {
				t.Errorf("a guess of %s: %d %s", guess, a.status, a.body)
			}
		}
	}
	if got := h.ask("dana", "GET", "/fhir/Patient/rosa", "").body; !strings.Contains(got, "1970-05-07") || !strings.Contains(got, `"gender":"female"`) {
		t.Errorf("what may be written was not: %s", got)
	}
}

// TestAbuseA14Exports: a bulk export and the audit log keep to it too.
func TestAbuseA14Exports(t *testing.T) {
	h := open(t, one.person("Patient", "rosa", ""))
	h.ask("dana", "GET", "/fhir/Patient?phone="+one.phone, "")
	for _, query := range []string{"identifier=http://hl7.org/fhir/sid/us-ssn|" + one.number, "identifier=" + one.number, "identifier=urn:a|1,http://hl7.org/fhir/sid/us-ssn|" + one.number, "_content=" + one.number,
		"identifier:of-type=x|MR|1,x|SS|" + one.number, `_filter=identifier eq "http://hl7.org/fhir/sid/us-ssn|` + one.number + `"`, "_filter=phone eq " + one.phone} {
		name, value, _ := strings.Cut(query, "=")
		if a := h.ask("dana", "GET", "/fhir/Patient?"+name+"="+url.QueryEscape(value), ""); a.status != 200 {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	for _, path := range []string{"/fhir/AuditEvent?_count=100", "/fhir/AuditEvent?patient=Patient/rosa", "/audit"} {
		if a := h.ask("gus", "GET", path, ""); a.status != 200 || strings.Contains(a.body, one.phone) || strings.Contains(a.body, one.number) {
			t.Errorf("%s: %d tells what was looked for", path, a.status)
		}
	}
	h.exported(t, "lara", "/fhir/Patient/$export", func(line string) {
		for _, secret := range append(one.secrets(), one.number) {
			if strings.Contains(line, secret) {
				t.Errorf("the export holds %s: %s", secret, line)
			}
		}
	})
}

// read returns what is stored.
func (h *house) read(t *testing.T, kind, id string) []byte {
	t.Helper()
	v, err := h.store.Read(t.Context(), kind, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v.Body
}
