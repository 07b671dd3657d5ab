package proof

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// clerks is a house with a patient whom everybody treats, another, and one whose chart is closed to those
// whom nothing binds to her.
func clerks(t *testing.T, g ground) *house {
	return build(t, g, `{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz","given":["Rosa"]}],"gender":"female","birthDate":"1970-05-06"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`,
		`{"resourceType":"Patient","id":"vic",`+label("CEL")+`"name":[{"family":"Voss"}],"generalPractitioner":[{"reference":"Practitioner/amara"}]}`)
}

// stored is the id of what a request has stored.
func (h *house) made(who, method, path, body string, headers ...string) string {
	h.t.Helper()
	a := h.ask(who, method, path, body, headers...)
	var r struct{ ID string }
	if json.Unmarshal([]byte(a.body), &r); a.status != 201 || r.ID == "" {
		h.t.Fatalf("%s %s by %s: %d %s", method, path, who, a.status, a.body)
	}
	return r.ID
}

func letterIn(patient, file, more string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference",%s"status":"current","subject":{"reference":"Patient/%s"},"content":[{"attachment":{"contentType":"text/plain","url":"%s"}}]}`, more, patient, file)
}

func fileOf(patient, id string) string {
	more := ""
	if id != "" {
		more += `"id":"` + id + `",`
	}
	if patient != "" {
		more += `"securityContext":{"reference":"Patient/` + patient + `"},`
	}
	return `{"resourceType":"Binary",` + more + `"contentType":"text/plain","data":"c2VjcmV0"}`
}

// TestFilesLiveInOneChart: a file without a home is its sender's alone, whatever its address, until an entry of a
// chart names it, which takes it home at once: with the chart's readers, its labels and its log. One that is at
// home in a chart is in no other. On both stores.
func TestFilesLiveInOneChart(t *testing.T) {
	for _, g := range []ground{{}, {postgres: true}} {
		t.Run(g.String(), func(t *testing.T) { filesLiveInOneChart(t, clerks(t, g)) })
	}
}

func filesLiveInOneChart(t *testing.T, h *house) {
	seen := func(who, id string, want bool) {
		t.Helper()
		body := h.ask(who, "GET", "/fhir/Binary/"+id, "", "Accept: application/fhir+json").body + h.ask(who, "GET", "/fhir/Binary/"+id, "", "Accept: */*").body
		list := h.ask(who, "GET", "/fhir/Binary?_count=200", "").body
		history := h.ask(who, "GET", "/fhir/Binary/_history?_count=200", "").body
		counted := h.ask(who, "GET", "/fhir/Binary?_id="+id+"&_summary=count", "").body
		for what, got := range map[string]bool{"reads": strings.Contains(body, "c2VjcmV0") && strings.HasSuffix(body, "secret"), "gets some of": strings.Contains(body, "secret"), "lists": strings.Contains(list, id), "sees in the history": strings.Contains(history, id), "counts": strings.Contains(counted, `"total":1`)} {
			if got != want {
				t.Errorf("%s %s the file: %v", who, what, got)
			}
		}
		if !want && h.people[who].principal.Staff() {
			if a := h.ask(who, "PUT", "/fhir/Binary/"+id, fileOf("", id)); a.status != 404 {
				t.Errorf("%s writes over the file: %d %s", who, a.status, a.body)
			}
		}
	}
	refused := func(who, method, path, body, why string) {
		t.Helper()
		before := h.stored()
		if a := h.ask(who, method, path, body); a.status != 422 || !strings.Contains(a.body, why) || h.stored() != before {
			t.Errorf("%s %s by %s: %d %s", method, path, who, a.status, a.body)
		}
	}

	id := h.made("amara", "POST", "/fhir/Binary", "secret", "Content-Type: text/plain")
	seen("amara", id, true)
	seen("nina", id, false)
	seen("rex", id, false)
	refused("nina", "POST", "/fhir/DocumentReference", letterIn("rosa", "Binary/"+id, ""), "not in the record or not visible")
	refused("nina", "POST", "/fhir/DocumentReference", letterIn("rosa", "Binary/01939f00-0000-7000-8000-000000000009", ""), "not in the record or not visible")
	if a := h.ask("amara", "PUT", "/fhir/Binary/"+id, strings.Replace(fileOf("", id), `"contentType"`, `"meta":{"tag":[{"system":"urn:osler:owner","code":"x"}]},"contentType"`, 1)); a.status != 200 {
		t.Fatalf("the sender corrects the file: %d %s", a.status, a.body)
	}
	seen("amara", id, true)
	h.made("amara", "POST", "/fhir/DocumentReference", letterIn("rosa", "Binary/"+id, label("SUD")))
	got := h.ask("amara", "GET", "/fhir/Binary/"+id, "", "Accept: application/fhir+json").body
	if !strings.Contains(got, `"Patient/rosa"`) || !strings.Contains(got, `"SUD"`) || strings.Contains(got, "urn:osler:owner") || !strings.Contains(got, "c2VjcmV0") {
		t.Errorf("at home it is %s", got)
	}
	seen("rex", id, true)
	seen("nina", id, false)
	seen("rosa", id, true)
	if a := h.ask("rex", "GET", "/fhir/Binary/"+id+"/_history/1", ""); a.status != 404 {
		t.Errorf("what was nobody's but the sender's: %d", a.status)
	}
	refused("amara", "POST", "/fhir/DocumentReference", letterIn("sam", "Binary/"+id, ""), "not in this patient's chart")
	refused("amara", "POST", "/fhir/DocumentReference", letterIn("sam", "https://osler.example/fhir/Binary/"+id, ""), "not in this patient's chart")
	refused("amara", "PUT", "/fhir/Binary/"+id, fileOf("sam", id), "stays in the chart")
	refused("amara", "PUT", "/fhir/Binary/"+id, strings.Replace(fileOf("x", id), "Patient/x", "Practitioner/amara", 1), "stays in the chart")
	if a := h.ask("amara", "PUT", "/fhir/Binary/"+id, fileOf("", id), "Prefer: return=representation"); a.status != 200 || !strings.Contains(a.body, `"Patient/rosa"`) {
		t.Errorf("written over without a word of whose it is: %d %s", a.status, a.body)
	}
	for kind, body := range map[string]string{
		"Media":            `{"resourceType":"Media","status":"completed","subject":{"reference":"Patient/sam"},"content":{"url":"Binary/` + id + `"}}`,
		"Communication":    `{"resourceType":"Communication","status":"completed","subject":{"reference":"Patient/sam"},"payload":[{"contentAttachment":{"url":"Binary/` + id + `"}}]}`,
		"DiagnosticReport": `{"resourceType":"DiagnosticReport","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"},"presentedForm":[{"url":"Binary/` + id + `"}]}`,
		"Consent":          `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"policyRule":{"text":"x"},"patient":{"reference":"Patient/sam"},"sourceAttachment":{"url":"Binary/` + id + `"}}`,
		"Task":             `{"resourceType":"Task","status":"requested","intent":"order","for":{"reference":"Patient/sam"},"input":[{"type":{"text":"x"},"valueAttachment":{"url":"Binary/` + id + `"}}]}`,
		"Observation":      `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"},"extension":[{"url":"urn:x","valueAttachment":{"url":"Binary/` + id + `"}}]}`,
		"DocumentManifest": `{"resourceType":"DocumentManifest","status":"current","subject":{"reference":"Patient/sam"},"content":[{"reference":"Binary/` + id + `"}]}`,
	} {
		refused("amara", "POST", "/fhir/"+kind, body, "not in this patient's chart")
	}

	// The closed chart, and its log.
	id = h.made("amara", "POST", "/fhir/Binary", fileOf("", ""))
	h.made("amara", "POST", "/fhir/DocumentReference", letterIn("vic", "Binary/"+id, ""))
	seen("amara", id, true)
	seen("nina", id, false)
	seen("rex", id, false)
	if a := h.ask("gus", "GET", "/fhir/AuditEvent?patient=vic&_count=50", ""); strings.Count(a.body, `"Binary/`+id) < 3 {
		t.Errorf("the log of the chart does not tell of the file: %d %s", a.status, a.body)
	}

	// As sensitive as an entry is: in its chart too.
	note := h.made("amara", "POST", "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/vic"}}`)
	id = h.made("amara", "POST", "/fhir/Binary", strings.Replace(fileOf("x", ""), "Patient/x", "Observation/"+note, 1))
	seen("amara", id, true)
	seen("nina", id, false)
	refused("amara", "POST", "/fhir/DocumentReference", letterIn("rosa", "Binary/"+id, ""), "not in this patient's chart")

	// Both in one transaction, in either order, and moved in one.
	a := h.ask("amara", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:4a0cf5f0-4a5b-4a5b-8a5b-4a0cf5f04a5b","resource":`+letterIn("rosa", "urn:uuid:4a0cf5f0-4a5b-4a5b-8a5b-4a0cf5f04a5c", "")+`,"request":{"method":"POST","url":"DocumentReference"}},
		{"fullUrl":"urn:uuid:4a0cf5f0-4a5b-4a5b-8a5b-4a0cf5f04a5c","resource":`+fileOf("", "")+`,"request":{"method":"POST","url":"Binary"}}]}`, "Prefer: return=representation")
	b, err := fhir.Parse([]byte(a.body))
	if err != nil || a.status != 200 || b.Path("entry.1.resource.securityContext.reference").Text() != "Patient/rosa" {
		t.Fatalf("both in one transaction: %d %s", a.status, a.body)
	}
	doc, id := b.Path("entry.0.resource.id").Text(), b.Path("entry.1.resource.id").Text()
	seen("nina", id, true)
	put := func(resource, url string) string {
		return `{"resource":` + resource + `,"request":{"method":"PUT","url":"` + url + `"}}`
	}
	moved := letterIn("sam", "Binary/"+id, `"id":"`+doc+`",`)
	refused("amara", "PUT", "/fhir/DocumentReference/"+doc, moved, "not in this patient's chart")
	if a := h.ask("amara", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+put(moved, "DocumentReference/"+doc)+`,`+put(fileOf("sam", id), "Binary/"+id)+`]}`); a.status != 200 {
		t.Errorf("moved together: %d %s", a.status, a.body)
	}
	seen("sam", id, true)
	seen("rosa", id, false)

	// What is in no chart, as a picture of a colleague, makes a file the clinic's.
	id = h.made("amara", "POST", "/fhir/Binary", fileOf("", ""))
	if a := h.ask("amara", "PUT", "/fhir/Practitioner/amara", `{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}],"photo":[{"url":"Binary/`+id+`"}]}`); a.status != 200 {
		t.Fatalf("a photo: %d %s", a.status, a.body)
	}
	if a := h.ask("nina", "GET", "/fhir/Binary/"+id, ""); a.status != 200 {
		t.Errorf("a colleague's photo: %d", a.status)
	}

	// An import may bring them apart, and the other way round.
	system := h.gate.As(trust.System("import"), "test")
	for i, order := range [][]int{{0, 1}, {1, 0}} {
		bodies := []string{fileOf("", fmt.Sprint("imp", i)), letterIn("vic", fmt.Sprint("Binary/imp", i), "")}
		for _, k := range order {
			if _, err := system.Commit(t.Context(), record.Change{Dangling: true, Put: []record.Put{{Resource: parsed(t, bodies[k])}}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.gate.Relabel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := system.Commit(t.Context(), record.Change{Dangling: true, Put: []record.Put{{Resource: parsed(t, bodies[0])}}}); err != nil { // once more
			t.Fatal(err)
		}
		seen("amara", fmt.Sprint("imp", i), true)
		if a := h.ask("nina", "GET", fmt.Sprint("/fhir/Binary/imp", i), ""); a.status != 404 {
			t.Errorf("an imported file: %d", a.status)
		}
	}
}

// TestPatientsNameTheirOwnFiles: what a patient writes may bear a label, and hides no file that the clinic has. On both stores.
func TestPatientsNameTheirOwnFiles(t *testing.T) {
	for _, g := range []ground{{}, {postgres: true}} {
		h := clerks(t, g)
		clinics := h.made("amara", "POST", "/fhir/Binary", fileOf("rosa", ""))
		h.made("amara", "POST", "/fhir/DocumentReference", letterIn("rosa", "Binary/"+clinics, ""))
		own := h.made("rosa", "POST", "/fhir/Binary", fileOf("rosa", ""))
		says := func(file string) string {
			return letterIn("rosa", file, `"meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"docStatus":"preliminary","author":[{"reference":"Patient/rosa"}],"type":{"coding":[{"system":"http://loinc.org","code":"75626-2"}]},`)
		}
		for _, body := range []struct{ kind, body string }{
			{"DocumentReference", says("Binary/" + clinics)}, {"DocumentReference", says("https://osler.example/fhir/Binary/" + clinics)},
			{"Communication", `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject":{"reference":"Patient/rosa"},"sender":{"reference":"Patient/rosa"},"recipient":[{"reference":"Practitioner/amara"}],"sent":"2026-11-23T12:00:00Z","payload":[{"contentAttachment":{"url":"Binary/` + clinics + `"}}]}`},
		} {
			if a := h.ask("rosa", "POST", "/fhir/"+body.kind, body.body); a.status != 422 || !strings.Contains(a.body, "send a copy") {
				t.Errorf("%v: a %s about the clinic's file: %d %s", g, body.kind, a.status, a.body)
			}
		}
		h.made("rosa", "POST", "/fhir/DocumentReference", says("Binary/"+own))
		if _, err := h.gate.Relabel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a := h.ask("nina", "GET", "/fhir/Binary/"+clinics, ""); a.status != 200 {
			t.Errorf("%v: the nurse reads the clinic's file: %d", g, a.status)
		}
		if a := h.ask("nina", "GET", "/fhir/Binary/"+own, ""); a.status != 404 {
			t.Errorf("%v: the nurse reads the patient's labelled file: %d", g, a.status)
		}
	}
}

// TestAnImportedDocumentStays: what another clinic attests, whose it is and in whose chart is written by the import alone, whoever
// asks, and so are the steps of its review; a step of another system is none. On both stores.
func TestAnImportedDocumentStays(t *testing.T) {
	for _, g := range []ground{{}, {postgres: true}} {
		t.Run(g.String(), func(t *testing.T) { anImportedDocumentStays(t, clerks(t, g)) })
	}
}

func anImportedDocumentStays(t *testing.T, h *house) {
	rosas := synthetic.Letter{Number: 1, Family: "Díaz", Given: "Rosa", Born: "19700506", Sex: "F", Visits: 1}
	a := h.ask("amara", "POST", "/fhir/Patient/rosa/$import-document?accept=new", string(rosas.Document()), "Content-Type: application/cda+xml")
	answer, err := fhir.Parse([]byte(a.body))
	if err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	given := func(name string) string {
		for p := range answer.Get("parameter").Items() {
			if p.Get("name").Text() == name {
				return p.Path("valueReference.reference").Text()
			}
		}
		return ""
	}
	read := func(ref string) *fhir.Node {
		t.Helper()
		a := h.ask("amara", "GET", "/fhir/"+ref, "", "Accept: application/fhir+json")
		n, err := fhir.Parse([]byte(a.body))
		if err != nil || a.status != 200 {
			t.Fatalf("%s: %d %s", ref, a.status, a.body)
		}
		return n
	}
	document, step := given("document"), given("provenance")
	filed := read(document)
	file := filed.Path("content.0.attachment.url").Text()
	forbidden := func(what, method, path string, n *fhir.Node) {
		t.Helper()
		for _, who := range []string{"amara", "nina", "rex"} {
			before := h.stored()
			if a := h.ask(who, method, "/fhir/"+path, string(n.JSON())); a.status != 403 || h.stored() != before {
				t.Errorf("%s by %s: %d %s", what, who, a.status, a.body)
			}
		}
	}
	changed := func(n *fhir.Node, change func(n *fhir.Node)) *fhir.Node {
		n = n.Clone()
		change(n)
		return n
	}
	original := read(file)
	forbidden("other bytes", "PUT", file, changed(original, func(n *fhir.Node) { n.Set("data", fhir.Str("YQ==")) }))
	forbidden("another chart", "PUT", file, changed(original, func(n *fhir.Node) { n.Set("securityContext", fhir.Obj("reference", "Patient/sam")) }))
	forbidden("no chart", "PUT", file, changed(original, func(n *fhir.Node) { n.Remove("securityContext") }))
	other := h.made("amara", "POST", "/fhir/Binary", fileOf("rosa", ""))
	for name, v := range map[string]any{"custodian": fhir.Obj("display", "Royal Hospital"), "subject": fhir.Obj("reference", "Patient/sam"), "identifier": nil, "masterIdentifier": nil,
		"author": nil, "content": fhir.Arr(fhir.Obj("attachment", fhir.Obj("contentType", "text/xml", "url", "Binary/"+other))),
		"relatesTo": fhir.Arr(fhir.Obj("code", "replaces", "target", fhir.Obj("reference", document)))} {
		forbidden(name, "PUT", document, changed(filed, func(n *fhir.Node) {
			if v == nil {
				n.Remove(name)
			} else {
				n.Set(name, v.(*fhir.Node))
			}
		}))
	}
	forbidden("another origin", "PUT", document, changed(filed, func(n *fhir.Node) { n.Path("meta.tag.0").Set("display", fhir.Str("Royal Hospital, 2026-11-02")) }))
	forbidden("no origin", "PUT", document, changed(filed, func(n *fhir.Node) { n.Get("meta").Remove("tag") }))
	forbidden("a document that looks filed", "POST", "DocumentReference", changed(filed, func(n *fhir.Node) { n.Remove("id"); n.Remove("meta") }))

	// Steps: another's system says nothing, and a step of the system is refused wherever its coding stands.
	forged := func(codings, who string) *fhir.Node {
		n := parsed(t, `{"resourceType":"Provenance","recorded":"2026-11-23T12:00:00Z","activity":{"coding":[`+codings+`]},"agent":[{"who":{"reference":"`+who+`"}}],"entity":[{"role":"source","what":{"reference":"`+document+`"}},{"role":"revision","what":{"reference":"`+step+`"}}]}`)
		n.Set("target", read(step).Get("target").Clone())
		return n
	}
	const elsewhere, ours = `{"system":"http://example.org/x","code":"undo"}`, `{"system":"urn:osler:import","code":"undo"}`
	if a := h.ask("amara", "POST", "/fhir/Provenance", string(forged(elsewhere, "Practitioner/amara").JSON())); a.status != 201 {
		t.Errorf("a Provenance of another system: %d %s", a.status, a.body)
	}
	if a := h.ask("amara", "POST", "/fhir/Provenance", string(forged(elsewhere+","+ours, "Practitioner/amara").JSON())); a.status != 403 {
		t.Errorf("a step in the second place: %d %s", a.status, a.body)
	}
	_, id, _ := strings.Cut(document, "/")
	_, batch, _ := strings.Cut(step, "/")
	if a := h.ask("amara", "GET", "/p/rosa/documents/"+id+"/review", ""); a.status != 200 || !strings.Contains(a.body, "/undo/"+batch) {
		t.Errorf("the review does not offer the undo: %d", a.status)
	}
	if a := h.ask("amara", "PUT", "/fhir/"+document, string(changed(filed, func(n *fhir.Node) { n.Set("description", fhir.Str("Letter of the heart clinic")) }).JSON())); a.status != 200 {
		t.Errorf("what it is called: %d %s", a.status, a.body)
	}

	// The original that cannot be read, as of a disk that has lost it: its review offers the undo, and the undo works.
	_, binary, _ := strings.Cut(file, "/")
	lost := parsed(t, `{"resourceType":"Binary","id":"`+binary+`","contentType":"text/xml","securityContext":{"reference":"Patient/rosa"},"data":"Z29uZQ=="}`)
	if _, err := h.gate.As(trust.System("test"), "test").Commit(t.Context(), record.Change{Put: []record.Put{{Resource: lost}}}); err != nil {
		t.Fatal(err)
	}
	if a := h.ask("amara", "GET", "/p/rosa/documents/"+id+"/review", ""); a.status != 422 || !strings.Contains(a.body, "/undo/"+batch) {
		t.Errorf("the review of what cannot be read: %d", a.status)
	}
	if a := h.ask("amara", "POST", "/p/rosa/documents/"+id+"/undo/"+batch, "", "Origin: http://osler.example", "Sec-Fetch-Site: same-origin"); a.status != 303 {
		t.Errorf("the undo: %d %.300s", a.status, a.body)
	}
	if a := h.ask("amara", "GET", "/fhir/Condition?patient=rosa&verification-status=entered-in-error&_summary=count", ""); strings.Contains(a.body, `"total":0`) || a.status != 200 {
		t.Errorf("nothing was taken back: %s", a.body)
	}

	// The place of a deleted original is nobody's.
	if a := h.ask("rex", "DELETE", "/fhir/"+file, ""); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	forbidden("in the place of the original", "PUT", file, original)
}

// TestPatientsSetNoOriginButTheirs: what a patient says is known as such, whatever is written beside. On both stores.
func TestPatientsSetNoOriginButTheirs(t *testing.T) {
	const clinics, own = `{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-01"}`, `{"system":"urn:osler:origin","code":"patient-reported"}`
	bodies := map[string]string{
		"MedicationStatement":   `"status":"active","medicationCodeableConcept":{"text":"oxycodone 30 mg"},"subject":{"reference":"Patient/rosa"},"informationSource":{"reference":"Patient/rosa"}`,
		"Observation":           `"status":"preliminary","code":{"text":"Weight"},"subject":{"reference":"Patient/rosa"},"performer":[{"reference":"Patient/rosa"}]`,
		"DocumentReference":     `"status":"current","docStatus":"preliminary","subject":{"reference":"Patient/rosa"},"author":[{"reference":"Patient/rosa"}],"content":[{"attachment":{"title":"x"}}]`,
		"Binary":                `"contentType":"text/plain","securityContext":{"reference":"Patient/rosa"},"data":"YQ=="`,
		"QuestionnaireResponse": `"status":"completed","subject":{"reference":"Patient/rosa"},"source":{"reference":"Patient/rosa"}`,
		"Task":                  `"status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"follow-up"}]},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Patient/rosa"}`,
		"Communication":         `"status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject":{"reference":"Patient/rosa"},"sender":{"reference":"Patient/rosa"},"recipient":[{"reference":"Practitioner/amara"}],"payload":[{"contentString":"x"}]`,
	}
	for _, g := range []ground{{}, {postgres: true}} {
		h := clerks(t, g)
		for kind, body := range bodies {
			tagged := func(tags string) string {
				return `{"resourceType":"` + kind + `","meta":{"tag":[` + tags + `]},` + body + `}`
			}
			for _, tags := range []string{clinics + "," + own, own + "," + clinics, clinics} {
				if a := h.ask("rosa", "POST", "/fhir/"+kind, tagged(tags)); a.status != 403 {
					t.Errorf("%v: a %s of another origin: %d %s", g, kind, a.status, a.body)
				}
			}
			id := h.made("rosa", "POST", "/fhir/"+kind, tagged(own))
			if a := h.ask("rosa", "PUT", "/fhir/"+kind+"/"+id, strings.Replace(tagged(own+","+clinics), `"meta"`, `"id":"`+id+`","meta"`, 1)); a.status != 403 {
				t.Errorf("%v: a %s that changes its origin: %d %s", g, kind, a.status, a.body)
			}
		}
		id := h.made("rosa", "POST", "/fhir/MedicationStatement", `{"resourceType":"MedicationStatement",`+bodies["MedicationStatement"]+`}`)
		if a := h.ask("amara", "GET", "/fhir/MedicationStatement/"+id, ""); !strings.Contains(a.body, "patient-reported") {
			t.Errorf("%v: what a patient says without a tag: %s", g, a.body)
		}
		// What is stored with both already, is what the patient says.
		h.seed(`{"resourceType":"MedicationStatement","id":"both","meta":{"tag":[` + clinics + `,` + own + `]},"status":"active","medicationCodeableConcept":{"text":"tramadol 50 mg"},"subject":{"reference":"Patient/sam"}}`)
		if a := h.ask("amara", "GET", "/p/sam/medications", ""); a.status != 200 || strings.Contains(a.body, "Kirkstall") || !strings.Contains(a.body, "patient says") {
			t.Errorf("%v: the list does not say that the patient says so: %d", g, a.status)
		}
	}
}
