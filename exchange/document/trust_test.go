package document

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// labels are what a resource of the chart is labelled with.
func labels(n *fhir.Node) (list []string) {
	for c := range n.Path("meta.security").Items() {
		list = append(list, c.Get("code").Text())
	}
	return list
}

// marked is the letter with entries that say themselves who may see them.
func marked(t *testing.T) *Document {
	d := letter(t)
	say := func(n *fhir.Node, code string) {
		n.SetFirst(1, "meta", fhir.Obj("security", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code", code))))
	}
	for i := range d.Items {
		switch it := &d.Items[i]; it.Key {
		case "af":
			say(it.Resource, "PSYTHPN")
		case "apix":
			say(it.Resource, "SPI")
		case "bmp":
			say(it.Parts[0], "HIV")
		}
	}
	return d
}

// TestAnEntryKeepsItsOwnLabels: what an entry or its section says of who may see it stands on what is added.
func TestAnEntryKeepsItsOwnLabels(t *testing.T) {
	h := open(t)
	d := marked(t)
	if _, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil || a.Added != len(d.Items) {
		t.Fatalf("%+v %v", a, err)
	}
	for kind, want := range map[string]string{"Condition": "PSYTHPN", "MedicationStatement": "SPI", "Observation": "HIV", "DiagnosticReport": "HIV"} {
		if !slices.ContainsFunc(h.all(kind), func(n *fhir.Node) bool { return slices.Contains(labels(n), want) }) {
			t.Errorf("no %s is labelled %s", kind, want)
		}
	}
	amara := h.as(trust.Nurse, "amara")
	if list, err := amara.Find(ctx, "Condition", "patient=maria"); err != nil || len(list) != 1 {
		t.Errorf("a nurse sees %d problems: %v", len(list), err)
	}
}

// TestTheOriginalIsAsSensitiveAsItsEntries: nobody reads in the original, on the task or in what says where entries are
// from what is hidden of them.
func TestTheOriginalIsAsSensitiveAsItsEntries(t *testing.T) {
	h := open(t)
	d := marked(t)
	for i := range d.Items {
		if d.Items[i].Key == "htn" { // labelled by the record, for its code
			d.Items[i].Resource = node(t, `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20","display":"Opioid dependence"}]}}`)
		}
	}
	amara := h.as(trust.Nurse, "amara")
	if _, err := File(ctx, amara, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil {
		t.Fatalf("whoever holds the paper files it: %v", err)
	}
	if _, a, _, err := Take(ctx, amara, Upload{Patient: "maria", Body: []byte("<y/>"), Read: d}); err != nil || a.Added == 0 {
		t.Fatalf("%+v %v", a, err)
	}
	for _, kind := range []string{"DocumentReference", "Binary", "Task", "Provenance"} {
		if len(h.all(kind)) == 0 {
			t.Errorf("no %s", kind)
		}
		for _, n := range h.all(kind) {
			for _, want := range []string{"PSYTHPN", "SPI", "HIV", "OPIOIDUD"} {
				if !slices.Contains(labels(n), want) {
					t.Errorf("%s without %s: %v", kind, want, labels(n))
				}
			}
		}
		if list, err := amara.Find(ctx, kind, "_count=10"); err == nil && len(list) > 0 {
			t.Errorf("a nurse reads a %s", kind)
		}
	}
}

// TestNobodyForgesAStep: what the review believes is written by the review alone, and it takes back nothing but its own.
func TestNobodyForgesAStep(t *testing.T) {
	h := open(t)
	h.put(`{"resourceType":"Patient","id":"tunde","name":[{"family":"Adeyemi"}]}`, `{"resourceType":"Condition","id":"his","subject":{"reference":"Patient/tunde"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Asthma"}}`,
		`{"resourceType":"Condition","id":"hers","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Gout"}}`)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	step := func(id, activity, target, more string) string {
		return `{"resourceType":"Provenance","id":"` + id + `","target":[{"reference":"Patient/maria"},{"reference":"` + target + `"}],"recorded":"2026-11-24T12:00:00Z","activity":{"coding":[{"system":"urn:osler:import","code":"` + activity + `"}]},"agent":[{"who":{"reference":"Practitioner/amara"}}],"entity":[{"role":"source","what":{"reference":"DocumentReference/` + f.Document + `"}}` + more + `]}`
	}
	for _, who := range []*record.Actor{h.as(trust.Nurse, "amara"), anna} {
		n := node(t, step("x", "accept", "Condition/hers/_history/1", ""))
		n.Remove("id")
		if _, err := who.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, Create: true}}}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s writes a step of a review: %v", who.Principal().Role, err)
		}
	}
	h.put(step("his-step", "accept", "Condition/his/_history/1", ""), step("hers-step", "accept", "Condition/hers/_history/1", ""))
	for _, id := range []string{"his-step", "hers-step"} {
		if _, err := Undo(ctx, anna, "maria", f.Document, id, d); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s taken back: %v", id, err)
		}
	}
	for _, id := range []string{"his", "hers"} {
		if n, _ := h.gate.As(trust.System("test"), "test").Read(ctx, "Condition", id); n.Path("meta.versionId").Text() != "1" {
			t.Errorf("changed: %s", n.JSON())
		}
	}
	a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add}})
	if err != nil {
		t.Fatal(err)
	}
	forged := node(t, step("no-undo", "undo", "Condition/his/_history/1", `,{"role":"revision","what":{"reference":"Provenance/`+a.Batch+`"}}`))
	forged.Set("target", fhir.Arr(reference("Patient/tunde"), reference("Condition/his/_history/1")))
	h.put(string(forged.JSON()))
	if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d); err != nil {
		t.Errorf("a step of another chart stops the undo: %v", err)
	}
}

// TestNobodyForgesADecision: the task of a review says what was decided; who works on it takes it over and closes it.
func TestNobodyForgesADecision(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Ignore}}); err != nil {
		t.Fatal(err)
	}
	stored := h.all("Task")[0]
	try := func(change func(n *fhir.Node)) error {
		n := h.all("Task")[0]
		change(n)
		_, err := h.as(trust.Nurse, "amara").Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}})
		return err
	}
	for name, change := range map[string]func(n *fhir.Node){
		"ignore":     func(n *fhir.Node) { n.Get("output").Append(noted("ignore", "peni")) },
		"reason":     func(n *fhir.Node) { n.Set("input", fhir.Arr(noted("person", "It is she"))) },
		"forgets":    func(n *fhir.Node) { n.Remove("output") },
		"other kind": func(n *fhir.Node) { n.Remove("code") },
		"another":    func(n *fhir.Node) { n.Remove("id") },
	} {
		if err := try(change); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := try(func(n *fhir.Node) {
		n.Set("owner", reference("Practitioner/amara"))
		n.Set("status", fhir.Str("completed"))
	}); err != nil {
		t.Errorf("the task is taken over and closed: %v", err)
	}
	if r, err := ReviewOf(ctx, anna, "maria", f.Document); err != nil || len(r.Done) != 1 || r.Task != stored.ID() {
		t.Errorf("%+v %v", r, err)
	}
}

// TestWhoCouldNotWriteAStepDoesNotTakeItBack: a nurse does not undo what only a physician could accept.
func TestWhoCouldNotWriteAStepDoesNotTakeItBack(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	f := h.filed(d)
	a, _, err := Accept(ctx, h.as(trust.Physician, "anna"), "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add, "lisi": Merge}})
	if err != nil {
		t.Fatal(err)
	}
	h.put(`{"resourceType":"MedicationRequest","id":"lisi","status":"completed","intent":"order","subject":{"reference":"Patient/maria"},"authoredOn":"2026-02-20","medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"requester":{"reference":"Practitioner/anna"}}`)
	if u, err := Undo(ctx, h.as(trust.Nurse, "amara"), "maria", f.Document, a.Batch, d); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse takes it back: %+v %v", u, err)
	}
}

// TestAPatientsDocumentStandsForNone: neither a document that the patient sent, nor one that only says so, makes the
// real one one that was filed before.
func TestAPatientsDocumentStandsForNone(t *testing.T) {
	h := open(t)
	d, body := letter(t), []byte("<ClinicalDocument/>")
	file := func(id, tag string) string {
		return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current",` + tag + `"subject":{"reference":"Patient/maria"},"masterIdentifier":{"system":"urn:oid:2.16.840.1.113883.19","value":"77"},"identifier":[{"system":"urn:osler:document-content","value":"` + hashOf(body) + `"}],"content":[{"attachment":{"contentType":"text/xml","data":"PHgvPg=="}}]}`
	}
	h.put(file("hers", `"meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},`), file("false", ""))
	f, err := File(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: body, Read: d})
	if err != nil || f.Before {
		t.Fatalf("the real document was dropped: %+v %v", f, err)
	}
	n, _ := h.as(trust.Physician, "anna").Read(ctx, "DocumentReference", f.Document)
	if strings.Contains(string(n.Get("relatesTo").JSON()), "hers") {
		t.Error("it replaces the patient's")
	}
}

// TestOneFileSentTwiceAtOnceIsFiledOnce: two people, or two windows, file the same letter.
func TestOneFileSentTwiceAtOnceIsFiledOnce(t *testing.T) {
	h := open(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if _, err := File(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte("<ClinicalDocument/>"), Read: letter(t), Key: fmt.Sprint(i)}); err != nil && !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(h.all("DocumentReference")); n != 1 {
		t.Errorf("filed %d times", n)
	}
}

// TestTheSameNumberOfAnotherPersonIsAnotherDocument: an import drops nobody's document for its number.
func TestTheSameNumberOfAnotherPersonIsAnotherDocument(t *testing.T) {
	h := open(t)
	actor := h.gate.As(trust.System("import"), "test")
	body := func(given, born string) []byte {
		return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/><id root="2.999.1" extension="c1"/><recordTarget><patientRole><patient><name><given>` + given + `</given><family>Zork</family></name><administrativeGenderCode code="M"/><birthTime value="` + born + `"/></patient></patientRole></recordTarget></ClinicalDocument>`)
	}
	first, err := Register(ctx, actor, body("Zed", "19010101"))
	if err != nil || first.Before {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := Register(ctx, actor, body("Zed", "19010101")); err != nil || !again.Before || again.Patient != first.Patient {
		t.Errorf("the same again: %+v %v", again, err)
	}
	other, err := Register(ctx, actor, body("Other", "19020202"))
	if err != nil || other.Before || other.Patient == first.Patient {
		t.Errorf("another person's under the same number: %+v %v", other, err)
	}
}
