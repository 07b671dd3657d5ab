package document

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var ctx = context.Background()

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// house is a clinic with a patient on a real store.
type house struct {
	t     testing.TB
	gate  *record.Gate
	clock *clock.Manual
}

// kind is the store that the tests of this package open.
var kind = "sqlite"

func open(t *testing.T) house { return openIn(t) }

// openIn opens one whose store is wrapped.
func openIn(t testing.TB, wrap ...func(store.Store) store.Store) house {
	t.Helper()
	dir, c := t.TempDir(), clock.NewManual(noon)
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	var s store.Store
	if kind == "postgres" {
		s, err = postgres.Open(ctx, postgres.Options{URL: pgtest.URL(t), Dir: dir, Keyring: ring, Clock: c, Careless: true})
	} else {
		s, err = sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 4, CacheKiB: 4096})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, w := range wrap {
		s = w(s)
	}
	place, err := bucket.Open(filepath.Join(dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	h := house{t, record.Open(record.WithContents(s, blob.New(place, ring.Key("content"))), c), c}
	h.put(`{"resourceType":"Practitioner","id":"anna","name":[{"family":"Lindqvist","given":["Anna"]}]}`,
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah","given":["Amara"]}]}`,
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","telecom":[{"system":"phone","value":"+44 113 496 0123"}],"generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	return h
}

func (h house) put(bodies ...string) {
	h.t.Helper()
	var c record.Change
	for _, b := range bodies {
		c.Put = append(c.Put, record.Put{Resource: node(h.t, b)})
	}
	if _, err := h.gate.As(trust.System("test"), "test").Commit(ctx, c); err != nil {
		h.t.Fatal(err)
	}
}

func node(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return n
}

func (h house) as(role trust.Role, id string) *record.Actor {
	return h.gate.As(trust.Principal{ID: id, Name: id, Role: role, Purpose: trust.Treatment, Practitioner: id}, "test")
}

// all returns the resources of a type, as the house itself sees them.
func (h house) all(resourceType string) []*fhir.Node {
	h.t.Helper()
	list, err := h.gate.As(trust.System("test"), "test").Find(ctx, resourceType, "_count=500")
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

const maria = `{"resourceType":"Patient","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","telecom":[{"system":"phone","value":"tel:01134960123"}]}`

// letter is a document with one item of most kinds.
func letter(t *testing.T) *Document {
	item := func(key string, s Section, text, body string, parts ...string) Item {
		i := Item{Key: key, Section: s, Resource: node(t, body), Text: text, Source: key}
		for _, p := range parts {
			i.Parts = append(i.Parts, node(t, p))
		}
		return i
	}
	return &Document{Form: "C-CDA R2.1", Title: "Clinic summary", ID: "2.16.840.1.113883.19^77", Set: "2.16.840.1.113883.19.1^5", Version: 1,
		Written: time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC), Patient: node(t, maria), Author: "Dr K. Hart", Custodian: "Kirkstall Heart Clinic",
		Texts: []Text{{Title: "Medications", Section: Medications, Body: Passage{Parts: []Passage{{ID: "apix", Kind: "paragraph", Text: "Apixaban 5 mg twice a day"}}}}},
		Items: []Item{
			item("apix", Medications, "apixaban 5 mg tablet, 5 mg twice daily", `{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationCodeableConcept":{"text":"apixaban 5 mg tablet"},"dosageInstruction":[{"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}]}`),
			item("lisi", Medications, "lisinopril 10 mg tablet", `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"lisinopril 10 mg tablet"}}`),
			item("af", Problems, "Paroxysmal atrial fibrillation", `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"282825002","display":"Paroxysmal atrial fibrillation"}]},"onsetDateTime":"2026-11-09"}`),
			item("htn", Problems, "Essential hypertension", `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"59621000","display":"Essential hypertension"}]},"onsetDateTime":"2015"}`),
			item("peni", Allergies, "penicillin, anaphylaxis", `{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"},"criticality":"high","reaction":[{"manifestation":[{"text":"anaphylaxis"}],"severity":"severe"}]}`),
			item("flu", Immunizations, "Influenza vaccine, 01-Oct-2026", `{"resourceType":"Immunization","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"150"}],"text":"Influenza"},"occurrenceDateTime":"2026-10-01"}`),
			item("bmp", Results, "Basic metabolic panel", `{"resourceType":"DiagnosticReport","status":"final","code":{"text":"Basic metabolic panel"},"effectiveDateTime":"2026-11-09"}`,
				`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2951-2","display":"Sodium"}]},"effectiveDateTime":"2026-11-09","valueQuantity":{"value":139,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`),
		}}
}

func states(c *Comparison) map[string]State {
	out := map[string]State{}
	for _, r := range c.Rows {
		out[r.Item.Key] = r.State
	}
	return out
}
