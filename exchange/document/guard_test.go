package document

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// marias is a document of bytes, read.
func marias(t *testing.T, number int) ([]byte, *Document) {
	t.Helper()
	body := synthetic.Letter{Number: number, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 1}.Document()
	d, err := Read(body)
	if err != nil || d.Hash != hashOf(body) {
		t.Fatalf("%q %v", d.Hash, err)
	}
	return body, d
}

// swap puts other bytes in the place of a filed original, as nothing but the house itself could.
func (h house) swap(document string, body []byte) {
	h.t.Helper()
	system := h.gate.As(trust.System("test"), "test")
	n, err := system.Read(ctx, "DocumentReference", document)
	if err != nil {
		h.t.Fatal(err)
	}
	_, id, _ := strings.Cut(n.Path("content.0.attachment.url").Text(), "/")
	b := fhir.Obj("resourceType", "Binary", "id", id, "contentType", contentType, "securityContext", reference("Patient/maria"))
	content, err := system.Keep(ctx, strings.NewReader(string(body)), MaxBytes)
	if err == nil {
		_, err = system.Commit(ctx, record.Change{Put: []record.Put{{Resource: b, Content: &content}}})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestWhatIsAcceptedWasSeen: an original that became another one between the look and the press is not accepted from,
// in place of it nothing is, and what was accepted before can still be taken back.
func TestWhatIsAcceptedWasSeen(t *testing.T) {
	h := open(t)
	anna := h.as(trust.Physician, "anna")
	body, d := marias(t, 1)
	f, err := File(ctx, anna, Upload{Patient: "maria", Body: body, Read: d})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := Compare(ctx, anna, "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range seen.Rows {
		if r.State == New && r.Item.Section == Problems {
			keys = append(keys, r.Item.Key)
		}
	}
	first, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{keys[0]: Add, keys[1]: Ignore}, Mark: seen.Mark()})
	if err != nil || first.Added != 1 {
		t.Fatalf("%+v %v", first, err)
	}
	other, o := marias(t, 2)
	h.swap(f.Document, other)
	before := len(h.all("Condition"))
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{keys[2]: Add}}); !Moved(err) {
		t.Errorf("accepted from what is no longer there: %v", err)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, o, Decision{Choices: map[string]Choice{keys[2]: Add}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("accepted from what was not filed: %v", err)
	}
	if n := len(h.all("Condition")); n != before {
		t.Errorf("%d problems, %d before", n, before)
	}
	h.swap(f.Document, []byte("gone"))
	u, err := Undo(ctx, anna, "maria", f.Document, first.Batch, nil)
	if err != nil || u.Back != 1 {
		t.Fatalf("taken back without the original: %+v %v", u, err)
	}
	r, err := ReviewOf(ctx, anna, "maria", f.Document)
	if err != nil || !r.Open || r.Done[keys[0]] != "" || r.Done[keys[1]] != Ignore || !r.Batches[0].Undone {
		t.Errorf("the review is %+v %v", r, err)
	}
}

// TestTheMarkIsOfTheContent: two documents that stand to the chart in the same way are two.
func TestTheMarkIsOfTheContent(t *testing.T) {
	a, b := &Comparison{Document: &Document{Hash: "1"}}, &Comparison{Document: &Document{Hash: "2"}}
	if a.Mark() == b.Mark() {
		t.Error("the same mark")
	}
}

// TestNothingTellsOfAHiddenDocument: who may not see a document learns from no entry that there is one, nor whose it is.
func TestNothingTellsOfAHiddenDocument(t *testing.T) {
	h := open(t)
	h.put(`{"resourceType":"Condition","id":"asthma","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}],"text":"Asthma"},"onsetDateTime":"2011"}`)
	problem := func(key, code, text string) Item {
		return Item{Key: key, Section: Problems, Text: text, Resource: node(t, `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"`+code+`"}],"text":"`+text+`"},"onsetDateTime":"2020-02-02"}`)}
	}
	for i, where := range []string{"entry", "document"} {
		d := letter(t)
		d.Custodian, d.Author, d.ID = "Leeds Methadone Clinic", "Dr Methadone", fmt.Sprintf("1.2.3^%d", i)
		d.Items = []Item{problem("asthma", "195967001", "Asthma"), problem("plain", "90708001", "Kidney disease"), d.Items[0], d.Items[4]}
		switch where {
		case "entry":
			d.Items[1].Resource.SetFirst(1, "meta", fhir.Obj("security", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code", "SUD"))))
			d.Items[1].Resource.Get("code").Set("text", fhir.Str("Something else"))
		case "document":
			d.Labels = []string{"SUD"}
		}
		anna := h.as(trust.Physician, "anna")
		f, err := File(ctx, anna, Upload{Patient: "maria", Body: []byte("<" + where + "/>"), Read: d})
		if err != nil {
			t.Fatal(err)
		}
		a, c, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"asthma": Merge, "plain": Add, "apix": Add, "peni": Add}})
		if err != nil {
			t.Fatalf("%s: %v %v", where, err, states(c))
		}
		if a.Merged != 1 {
			t.Errorf("%s: %+v", where, a)
		}
		amara := h.as(trust.Nurse, "amara")
		if _, err := amara.Read(ctx, "DocumentReference", f.Document); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: the nurse reads the document: %v", where, err)
		}
		seen := 0
		for _, kind := range []string{"Condition", "MedicationStatement", "AllergyIntolerance"} {
			list, err := amara.Find(ctx, kind, "patient=maria")
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range list {
				seen++
				if body := string(n.JSON()); strings.Contains(body, "Methadone") || strings.Contains(body, f.Document) {
					t.Errorf("%s: the nurse reads %s", where, body)
				}
			}
		}
		if seen < 2 {
			t.Errorf("%s: the nurse sees %d entries", where, seen)
		}
	}
	if n, err := h.as(trust.Physician, "anna").Read(ctx, "Condition", "asthma"); err != nil || n.Path("meta.versionId").Text() != "1" {
		t.Errorf("the entry: %s %v", n.JSON(), err)
	}
}

// TestAnOrdinaryDocumentIsNamed: a psychoactive medicine among others does not take the name of the clinic from the rest, which yet
// refers to no document that fewer people see.
func TestAnOrdinaryDocumentIsNamed(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Items = append(d.Items, Item{Key: "ser", Section: Medications, Text: "sertraline 50 mg", Resource: node(t, `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"sertraline 50 mg tablet"}}`)})
	f := h.filed(d)
	if n := h.all("DocumentReference")[0]; len(labels(n)) == 0 {
		t.Fatal("the document has no label")
	}
	if _, _, err := Accept(ctx, h.as(trust.Physician, "anna"), "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add, "ser": Add}}); err != nil {
		t.Fatal(err)
	}
	for kind, source := range map[string]string{"Condition": "", "MedicationStatement": "urn:uuid:" + f.Document} {
		n := h.all(kind)[0]
		if n.Path("meta.tag.0.display").Text() != "Kirkstall Heart Clinic, 2026-11-09" || n.Path("meta.source").Text() != source {
			t.Errorf("%s", n.JSON())
		}
	}
}
