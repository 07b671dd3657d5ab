package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// TestNumbersOfDocumentsAreOfTheirSystem: one that is no OID and no UUID is not mistaken for another with the same
// extension.
func TestNumbersOfDocumentsAreOfTheirSystem(t *testing.T) {
	for id, want := range map[string]string{
		"": "", "2.999.1^77": "urn:oid:2.999.1 77", "2.999.1": "urn:ietf:rfc:3986 urn:oid:2.999.1", "abc^77": " abc^77", "abc": " abc",
		"5FD1C3E2-0F1B-4A3B-9B0A-0123456789AB^77": "urn:uuid:5fd1c3e2-0f1b-4a3b-9b0a-0123456789ab 77",
	} {
		got := ""
		if n := numberOf(id); n != nil {
			got = n.Get("system").Text() + " " + n.Get("value").Text()
		}
		if got != want {
			t.Errorf("%q is written %q, want %q", id, got, want)
		}
	}
	if sameIdentifier(numberOf("abc^77"), "def^77") || !sameIdentifier(numberOf("abc^77"), "abc^77") || sameIdentifier(nil, "") {
		t.Error("one number is taken for another")
	}
}

// TestAPersonWhoBecameAnotherIsAskedFor: the chart was the document's person when it was filed, and is no more.
func TestAPersonWhoBecameAnotherIsAskedFor(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	h.put(`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1971-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.as(trust.Physician, "anna")
	dec := Decision{Choices: map[string]Choice{"af": Add}}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, dec); !OtherPerson(err) || len(h.all("Condition")) != 0 {
		t.Errorf("accepted without a reason: %v", err)
	}
	dec.Reason = "The date was mistyped here"
	if a, _, err := Accept(ctx, anna, "maria", f.Document, d, dec); err != nil || a.Added != 1 {
		t.Errorf("with a reason: %+v %v", a, err)
	}
}

// TestWhatTwoItemsSayOfAnEntryIsKept: both are merged into it, and none takes the place of the other.
func TestWhatTwoItemsSayOfAnEntryIsKept(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	second := *itemOf(t, d, "lisi")
	second.Key, second.Text, second.Resource = "lisi2", "lisinopril 5 mg tablet, from another list", node(t, `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"lisinopril 5 mg tablet"}}`)
	d.Items = append(d.Items, second)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"lisi": Merge, "lisi2": Merge}})
	if err != nil || a.Merged != 2 {
		t.Fatalf("%+v %v", a, err)
	}
	n, err := anna.Read(ctx, "MedicationRequest", "lisi")
	if err != nil || n.Get("note").Len() != 2 || !strings.Contains(n.Path("note.0.text").Text(), "10 mg") || !strings.Contains(n.Path("note.1.text").Text(), "from another list") {
		t.Errorf("%s %v", n.Get("note").JSON(), err)
	}
}

func itemOf(t *testing.T, d *Document, key string) *Item {
	t.Helper()
	for i := range d.Items {
		if d.Items[i].Key == key {
			return &d.Items[i]
		}
	}
	t.Fatalf("no item %s", key)
	return nil
}

// TestNothingIsWrittenOntoAChartThatMoves: what a colleague writes after the comparison stops the commit.
func TestNothingIsWrittenOntoAChartThatMoves(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReviewOf(ctx, anna, "maria", f.Document)
	if err != nil {
		t.Fatal(err)
	}
	var change record.Change
	if _, err := c.accept(anna, r, f.Document, Decision{Choices: map[string]Choice{"peni": Add}}, &change); err != nil {
		t.Fatal(err)
	}
	h.put(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"}}`)
	if _, err := anna.Commit(ctx, change); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
		t.Errorf("written all the same: %v", err)
	}
	if n := len(h.all("AllergyIntolerance")); n != 1 {
		t.Errorf("%d allergies", n)
	}
}

// TestAMigrationLeavesToAPersonWhatIsNotSure: what could not be read whole, what a check stops, and what a person has
// decided already.
func TestAMigrationLeavesToAPersonWhatIsNotSure(t *testing.T) {
	h := open(t)
	anna := h.as(trust.Physician, "anna")
	d := letter(t)
	itemOf(t, d, "flu").Doubts = []Doubt{{Words: wordsOnly}}
	itemOf(t, d, "lisi").Resource.Set("medicationCodeableConcept", fhir.Obj("text", "amoxicillin 500 mg capsule"))
	h.put(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"},"criticality":"high","reaction":[{"manifestation":[{"text":"anaphylaxis"}],"severity":"severe"}]}`)
	f := h.filed(d)
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Ignore}}); err != nil {
		t.Fatal(err)
	}
	g, a, c, err := Take(ctx, anna, Upload{Patient: "maria", Body: []byte("<ClinicalDocument/>"), Read: d})
	if err != nil || !g.Before || g.Document != f.Document {
		t.Fatalf("%+v %v", g, err)
	}
	r, err := ReviewOf(ctx, anna, "maria", f.Document)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Choice{"flu": "", "lisi": "", "af": Ignore, "htn": Add, "apix": Add, "bmp": Add} {
		if r.Done[key] != want {
			t.Errorf("%s is %q, want %q: %+v", key, r.Done[key], want, must(c.Row(key)))
		}
	}
	if n := len(h.all("Immunization")); n != 0 || a.Left == 0 {
		t.Errorf("%d vaccines, %d left", n, a.Left)
	}
}
