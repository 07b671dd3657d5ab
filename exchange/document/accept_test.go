package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

func (h house) maria() {
	h.put(`{"resourceType":"Condition","id":"htn","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}],"text":"Essential hypertension"},"onsetDateTime":"2015-06"}`,
		`{"resourceType":"MedicationRequest","id":"lisi","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"authoredOn":"2026-02-20","medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"requester":{"reference":"Practitioner/anna"}}`,
		`{"resourceType":"MedicationRequest","id":"ibu","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"authoredOn":"2026-10-20","medicationCodeableConcept":{"text":"ibuprofen 400 mg tablet"},"requester":{"reference":"Practitioner/anna"}}`,
		`{"resourceType":"Immunization","id":"flu","status":"completed","patient":{"reference":"Patient/maria"},"vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"150"}],"text":"Flu vaccine"},"occurrenceDateTime":"2026-10-01T09:00:00Z"}`)
}

func (h house) filed(d *Document) Filed {
	h.t.Helper()
	f, err := File(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte("<ClinicalDocument/>"), Read: d, Key: "k1"})
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

func TestADocumentIsHeldToTheChart(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]State{"apix": New, "lisi": Differs, "af": New, "htn": LessExact, "peni": New, "flu": Same, "bmp": New}
	for key, s := range states(c) {
		if want[key] != s {
			t.Errorf("%s is %s, want %s: %+v", key, s, want[key], must(c.Row(key)).Fields)
		}
	}
	if r := must(c.Row("lisi")); r.Entry != "MedicationRequest/lisi" || r.Fields[1].Chart != "20 mg" || r.Fields[1].Incoming != "10 mg" || !r.Fields[1].Differs {
		t.Errorf("lisinopril: %+v", r)
	}
	r := must(c.Row("apix"))
	if len(r.Findings.Findings) == 0 || !strings.Contains(strings.ToLower(r.Findings.Findings[0].Sentence), "ibuprofen") {
		t.Errorf("apixaban beside ibuprofen: %+v", r.Findings)
	}
	if c.Blocks() || len(c.Person) < 4 || c.Person[3].Verdict != Agrees {
		t.Errorf("the person: %+v", c.Person)
	}
	if n := len(h.all("Condition")); n != 1 {
		t.Errorf("%d conditions after a comparison", n)
	}
}

func must(r *Row, _ bool) *Row { return r }

func TestNothingIsInTheChartBeforeItIsAccepted(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	f := h.filed(d)
	if docs := h.all("DocumentReference"); len(docs) != 1 || len(h.all("Condition")) != 1 || len(h.all("AllergyIntolerance")) != 0 {
		t.Fatalf("after filing: %d documents", len(docs))
	}
	if again := h.filed(d); again.Document != f.Document || !again.Before {
		t.Errorf("the same document twice: %+v", again)
	}
	doc, content, err := chart.OpenDocument(ctx, h.as(trust.Physician, "anna"), "maria", f.Document)
	if err != nil || doc.Title != "Clinic summary" {
		t.Fatalf("opened: %+v %v", doc, err)
	}
	content.Close()
	anna := h.as(trust.Physician, "anna")
	r, err := ReviewOf(ctx, anna, "maria", f.Document)
	if err != nil || !r.Open || r.Owner != "anna" {
		t.Fatalf("the task: %+v %v", r, err)
	}
	c, _ := Compare(ctx, anna, "maria", d)
	if _, err := Save(ctx, anna, c, r, map[string]Choice{"apix": Add, "flu": Add}, ""); err != nil {
		t.Fatal(err)
	}
	if r, _ = ReviewOf(ctx, anna, "maria", f.Document); len(r.Saved) != 1 || r.Saved["apix"] != Add {
		t.Errorf("saved: %+v", r.Saved)
	}
}

func TestADecisionIsWrittenAndTakenBack(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, _ := Compare(ctx, anna, "maria", d)
	dec := Decision{Choices: map[string]Choice{"apix": Add, "af": Add, "peni": Add, "bmp": Add, "lisi": Merge, "htn": Merge}, Mark: c.Mark(), Key: "n1"}
	a, _, err := Accept(ctx, anna, "maria", f.Document, d, dec)
	if err != nil {
		t.Fatal(err)
	}
	if a.Added != 4 || a.Merged != 2 || a.Left != 0 {
		t.Errorf("%d %d %d", a.Added, a.Merged, a.Left)
	}
	if a, _, err := Accept(ctx, anna, "maria", f.Document, d, dec); err != nil || !a.Result.Repeated {
		t.Errorf("the form sent twice: %+v %v", a, err)
	}
	ch, err := chart.Read(ctx, anna, "maria")
	if err != nil || len(ch.ActiveProblems()) != 2 || len(ch.Allergies.Active) != 1 || ch.Allergies.Active[0].Origin != chart.Imported {
		t.Fatalf("the chart: %+v %v", ch.Problems, err)
	}
	if got := h.all("MedicationStatement"); len(got) != 1 || got[0].Path("informationSource.display").Text() != "Kirkstall Heart Clinic" || got[0].Path("meta.tag.0.display").Text() != "Kirkstall Heart Clinic, 2026-11-09" {
		t.Errorf("apixaban: %s", got[0].JSON())
	}
	reports, values := h.all("DiagnosticReport"), h.all("Observation")
	if len(reports) != 1 || len(values) != 1 || reports[0].Path("result.0.reference").Text() != values[0].Reference() {
		t.Errorf("the panel: %d %d", len(reports), len(values))
	}
	lisi, _ := anna.Read(ctx, "MedicationRequest", "lisi")
	if lisi.Path("medicationCodeableConcept.text").Text() != "lisinopril 20 mg tablet" || !strings.Contains(lisi.Path("note.0.text").Text(), "Kirkstall Heart Clinic") {
		t.Errorf("the order: %s", lisi.JSON())
	}
	if r, _ := ReviewOf(ctx, anna, "maria", f.Document); r.Open || len(r.Batches) != 1 || r.Batches[0].Written != 7 {
		t.Errorf("the review: %+v", r)
	}
	for _, kind := range []string{"Organization", "Location"} {
		if n := len(h.all(kind)); n != 0 {
			t.Errorf("%d %s were made", n, kind)
		}
	}
	if n := len(h.all("Practitioner")); n != 2 {
		t.Errorf("%d practitioners", n)
	}

	// a problem that somebody works on since stays; all else reads as before
	for _, n := range h.all("Condition") {
		if n.ID() != "htn" {
			n.Set("onsetDateTime", fhir.Str("2026-11-01"))
			h.put(string(n.JSON()))
		}
	}
	h.clock.Advance(20 * 24 * time.Hour)
	u, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d)
	if err != nil || len(u.Kept) != 1 || u.Back != 6 {
		t.Fatalf("undo: %d %v %v", u.Back, u.Kept, err)
	}
	ch, _ = chart.Read(ctx, anna, "maria")
	lisi, _ = anna.Read(ctx, "MedicationRequest", "lisi")
	if len(ch.Allergies.Active) != 0 || len(ch.ActiveProblems()) != 2 || lisi.Get("note") != nil {
		t.Errorf("after undo: %+v %s", ch.Problems, lisi.JSON())
	}
	if r, _ := ReviewOf(ctx, anna, "maria", f.Document); !r.Open || !r.Batches[0].Undone {
		t.Errorf("the review after undo: %+v", r)
	}
	if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo twice: %v", err)
	}
}

func TestAnotherPersonsDocument(t *testing.T) {
	for name, who := range map[string]string{
		"birth date": strings.Replace(maria, "1968-03-14", "1971-03-14", 1),
		"sex":        strings.Replace(maria, "female", "male", 1),
		"name":       strings.NewReplacer("Okafor", "Smith", "Maria", "Joan").Replace(maria),
	} {
		h := open(t)
		d := letter(t)
		anna := h.as(trust.Physician, "anna")
		d.Patient = node(t, who)
		up := Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}
		if _, err := File(ctx, anna, up); !OtherPerson(err) || len(h.all("DocumentReference")) != 0 {
			t.Errorf("%s: filed without a reason: %v", name, err)
		}
		if _, _, _, err := Take(ctx, anna, up); !OtherPerson(err) || len(h.all("Condition")) != 0 {
			t.Errorf("%s: taken without a reason: %v", name, err)
		}
		up.Reason = "Typing error there, confirmed by phone"
		f, taken, _, err := Take(ctx, anna, up)
		if err != nil || taken.Added != 0 || taken.Left != len(d.Items) || len(h.all("Condition"))+len(h.all("Provenance")) != 0 || len(h.all("Task")) != 1 {
			t.Errorf("%s: what nobody has looked at is taken in for a reason: %+v %v", name, taken, err)
		}
		if again, err := File(ctx, anna, up); err != nil || again.Document != f.Document || !again.Before {
			t.Fatalf("%s: %v", name, err)
		}
		a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add}})
		if err != nil || a.Added != 1 {
			t.Errorf("%s: with the reason given at the upload: %v", name, err)
		}
		for _, p := range h.all("Provenance") {
			if p.Path("reason.0.text").Text() != up.Reason {
				t.Errorf("the reason is not kept: %s", p.JSON())
			}
		}
	}
}

func TestAChartThatMoved(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, _ := Compare(ctx, anna, "maria", d)
	seen := c.Mark()
	h.put(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"}}`)
	_, c, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"peni": Add}, Mark: seen})
	if !Moved(err) || must(c.Row("peni")).State == New || len(h.all("AllergyIntolerance")) != 1 {
		t.Fatalf("added beside what a colleague wrote: %v", err)
	}
	h.put(`{"resourceType":"Observation","status":"final","code":{"text":"unrelated"},"subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-11-24"}`)
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add}, Mark: c.Mark()}); err != nil {
		t.Errorf("what has nothing to do with it stops the decision: %v", err)
	}
}

// TestAValueOfAPanelThatMoved: what a panel of the chart is made of was seen too.
func TestAValueOfAPanelThatMoved(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	sodium := func(v string) string {
		return `{"resourceType":"Observation","id":"na","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2951-2"}],"text":"Sodium"},"subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-11-09","valueQuantity":{"value":` + v + `,"unit":"mmol/L"}}`
	}
	h.put(sodium("120"), `{"resourceType":"DiagnosticReport","id":"bmp","status":"final","code":{"text":"Basic metabolic panel"},"subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-11-09","result":[{"reference":"Observation/na"}]}`)
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil || must(c.Row("bmp")).Entry != "DiagnosticReport/bmp" {
		t.Fatalf("%v %+v", err, must(c.Row("bmp")))
	}
	h.put(sodium("121"))
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"bmp": Ignore}, Mark: c.Mark()}); !Moved(err) {
		t.Errorf("another sodium than was seen: %v", err)
	}
}

func TestNoKnownAllergiesNeverContradicts(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Items = []Item{{Key: "none", Section: Allergies, Absent: true, Text: "No known allergies", Resource: node(t, `{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003"}],"text":"No known allergies"}}`)}}
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	h.put(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"}}`)
	c, _ := Compare(ctx, anna, "maria", d)
	if c.Rows[0].State != Against || c.Rows[0].ChartText != "penicillin" {
		t.Fatalf("%+v", c.Rows[0])
	}
	if list := c.Rows[0].Doubts(); len(list) != 1 || fmt.Sprintf(list[0].Words, list[0].Args...) != "Kirkstall Heart Clinic says: “No known allergies”. The chart has: penicillin. A document takes nothing away, and this cannot be added: correct the chart by hand, or ignore it." {
		t.Errorf("the row says %+v", list)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"none": Add}}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "says that there is none") || !strings.Contains(err.Error(), "Nothing was added") {
		t.Errorf("added: %v", err)
	}
	if _, a, _, err := Take(ctx, anna, Upload{Patient: "maria", Read: d}); err != nil || a.Added != 0 {
		t.Errorf("taken: %+v %v", a, err)
	}
}

// TestADeniedProblemSaysWhatIsDenied: in its row, by whom; who chooses Add all the same is told that nothing was added,
// without the name of a diagnosis.
func TestADeniedProblemSaysWhatIsDenied(t *testing.T) {
	h := open(t)
	d := letter(t)
	gout := `"code":{"coding":[{"system":"http://snomed.info/sct","code":"90560007"}],"text":"Gout"}`
	d.Items = []Item{{Key: "gout", Section: Problems, Text: "No gout", Resource: node(t, `{"resourceType":"Condition",`+gout+`,"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"refuted"}]}}`)}}
	h.put(`{"resourceType":"Condition","id":"g","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},` + gout + `}`)
	f, anna := h.filed(d), h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	if list := c.Rows[0].Doubts(); len(list) != 1 || !strings.HasPrefix(fmt.Sprintf(list[0].Words, list[0].Args...), "Kirkstall Heart Clinic says: “No gout”. The chart has: Gout. ") {
		t.Errorf("the row says %+v", list)
	}
	_, _, err = Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"gout": Add}})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "denies this") || !strings.Contains(err.Error(), "Nothing was added") || strings.Contains(strings.ToLower(err.Error()), "gout") {
		t.Errorf("added: %v", err)
	}
	if n := len(h.all("Condition")); n != 1 {
		t.Errorf("%d problems after it was refused", n)
	}
}

// TestAMemberOfAClassIsNotNews: penicillin G is shown beside the penicillin that the chart knows.
func TestAMemberOfAClassIsNotNews(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Items = []Item{{Key: "g", Section: Allergies, Text: "Penicillin G benzathine: hives", Resource: node(t, `{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"7982"}],"text":"Penicillin G benzathine"}}`)}}
	h.put(`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"}}`)
	c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
	if err != nil || c.Rows[0].State != Perhaps && c.Rows[0].State != Differs || c.Rows[0].ChartText != "penicillin" {
		t.Errorf("%+v %v", c.Rows[0], err)
	}
}

func TestAFamilyNameAloneIsNoPerson(t *testing.T) {
	h := open(t)
	for body, blocks := range map[string]bool{
		maria: false,
		`{"resourceType":"Patient","name":[{"family":"Okafor","given":["Grace"]}]}`:                                                        true,
		`{"resourceType":"Patient","name":[{"family":"Okafor","given":["Grace"]}],"birthDate":"1968-03-14"}`:                               true,
		`{"resourceType":"Patient","name":[{"family":"Okafor","given":["Maria"]}]}`:                                                        true,
		`{"resourceType":"Patient","name":[{"family":"Okafor","given":["Maria"]}],"telecom":[{"system":"phone","value":"0113 496 0123"}]}`: false,
		`{"resourceType":"Patient"}`: true,
	} {
		d := letter(t)
		d.Patient = node(t, body)
		if c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d); err != nil || c.Blocks() != blocks {
			t.Errorf("%s: blocks %v, %v", body, c.Blocks(), err)
		}
	}
}

func TestLabelsOfTheDocumentGoOntoEverything(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Labels = []string{"PSY"}
	anna := h.as(trust.Physician, "anna")
	if _, a, _, err := Take(ctx, anna, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil || a.Added == 0 {
		t.Fatal(err)
	}
	for _, kind := range []string{"DocumentReference", "Binary", "Condition", "MedicationStatement", "DiagnosticReport", "Observation", "Immunization", "Task", "Provenance"} {
		list := h.all(kind)
		if len(list) == 0 {
			t.Errorf("no %s was written", kind)
		}
		for _, n := range list {
			if !slices.Equal(labels(n), []string{"PSY"}) {
				t.Errorf("%s is labelled %v", kind, labels(n))
			}
		}
	}
}

func TestANurseAcceptsWhatANurseWrites(t *testing.T) {
	h := open(t)
	d := letter(t)
	amara := h.as(trust.Nurse, "amara")
	f, err := File(ctx, amara, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Choice{}
	for _, i := range d.Items {
		all[i.Key] = Add
	}
	a, _, err := Accept(ctx, amara, "maria", f.Document, d, Decision{Choices: all})
	if err != nil || a.Added != len(d.Items) {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := Undo(ctx, amara, "maria", f.Document, a.Batch, d); err != nil {
		t.Error(err)
	}
	clerk := h.gate.As(trust.Principal{ID: "rec", Name: "rec", Role: trust.Records, Purpose: trust.Treatment, Practitioner: "amara"}, "test")
	c, err := Compare(ctx, clerk, "maria", d)
	if err != nil || !c.Rows[0].Unwritten {
		t.Errorf("records staff: %v", err)
	}
	if _, _, err := Accept(ctx, clerk, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("records staff add a problem: %v", err)
	}
	if _, _, err := Accept(ctx, clerk, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Ignore}}); err != nil {
		t.Errorf("records staff set one aside: %v", err)
	}
}

// Another content under the same number is another document: it does not pass for the one that was reviewed.
func TestTheSameNumberWithAnotherContent(t *testing.T) {
	h := open(t)
	d := letter(t)
	first := h.filed(d)
	second, err := File(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte("<ClinicalDocument>other</ClinicalDocument>"), Read: d})
	if err != nil || second.Before || second.Document == first.Document {
		t.Fatalf("%+v %v", second, err)
	}
	n, err := h.as(trust.Physician, "anna").Read(ctx, "DocumentReference", second.Document)
	if err != nil || n.Path("relatesTo.0.target.reference").Text() != "DocumentReference/"+first.Document {
		t.Errorf("%v", err)
	}
	if again := h.filed(d); again.Document != first.Document || !again.Before {
		t.Errorf("the first one again: %+v", again)
	}
}

func TestANewerVersionSaysWhatItReplaces(t *testing.T) {
	h := open(t)
	d := letter(t)
	first := h.filed(d)
	d.ID, d.Version = "2.16.840.1.113883.19^78", 2
	c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
	if err != nil || c.Filed != "" || c.Former != first.Document {
		t.Fatalf("%+v %v", c, err)
	}
}

// TestOnPostgreSQL goes through what the store decides once more on the other store.
func TestOnPostgreSQL(t *testing.T) {
	kind = "postgres"
	defer func() { kind = "sqlite" }()
	for name, test := range map[string]func(*testing.T){"before": TestNothingIsInTheChartBeforeItIsAccepted, "accept": TestADecisionIsWrittenAndTakenBack,
		"moved": TestAChartThatMoved, "other": TestAnotherPersonsDocument, "labels": TestLabelsOfTheDocumentGoOntoEverything, "nurse": TestANurseAcceptsWhatANurseWrites} {
		t.Run(name, test)
	}
}

// TestACriticalValueOfADocumentCannotWait: the review of a document with a value of these days that its sender calls
// critical stands before other work; one of years ago does not.
func TestACriticalValueOfADocumentCannotWait(t *testing.T) {
	for when, want := range map[string]string{"2026-11-20T22:15:00Z": "stat", "2026-11-20": "stat", "2026-11-01": "routine", "2013-07-01": "routine"} {
		h := open(t)
		h.maria()
		d := letter(t)
		d.Items = append(d.Items, Item{Key: "k", Section: Results, Text: "Potassium 6.4 mmol/L", Resource: node(t, `{"resourceType":"Observation","status":"final","code":{"text":"Potassium"},"effectiveDateTime":"`+when+`","valueQuantity":{"value":6.4,"unit":"mmol/L"},"interpretation":[{"coding":[{"code":"HH"}]}]}`)})
		h.filed(d)
		if tasks := h.all("Task"); len(tasks) != 1 || tasks[0].Get("priority").Text() != want {
			t.Errorf("a critical value of %s: %d tasks, %s; want %s", when, len(tasks), tasks[0].JSON(), want)
		}
	}
}
