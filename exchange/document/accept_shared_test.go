package document

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// TestSharedDocumentsAreTakenIn brings every whole document of the shared test data through filing,
// acceptance, a second look and the undo.
func TestSharedDocumentsAreTakenIn(t *testing.T) {
	h := open(t)
	h.put(`{"resourceType":"Organization","id":"o1","name":"Osler"}`, `{"resourceType":"Location","id":"l1","name":"Room 1"}`)
	anna := h.as(trust.Physician, "anna")
	documents, items, again := 0, 0, map[State]int{}
	everyShared(t, func(name string, body []byte) {
		if strings.HasPrefix(name, "hl7-fragments/") || !strings.HasPrefix(name, "onc/") && testing.Short() {
			return
		}
		d, err := Read(body)
		if err != nil {
			return
		}
		who := d.Patient.Clone()
		who.Remove("id")
		who.Remove("contained")
		who.Set("generalPractitioner", nil)
		who.Set("managingOrganization", nil)
		res, err := anna.Commit(ctx, record.Change{Put: []record.Put{{Resource: who, Create: true}}})
		if err != nil {
			t.Errorf("%s: the patient: %v", name, err)
			return
		}
		patient := res.Versions[0].ID
		f, a, c, err := Take(ctx, anna, Upload{Patient: patient, Body: body, Read: d})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		documents++
		items += a.Added
		for _, tr := range c.Person {
			if tr.Verdict == Disagrees {
				t.Errorf("%s: the person of the document is not the person of the document: %+v", name, tr)
			}
		}
		c2, err := Compare(ctx, anna, patient, d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i, r := range c2.Rows {
			again[r.State]++
			if c.alone(&c.Rows[i]) && r.State == New { // what a check stops or nobody could read waits for a person
				t.Errorf("%s: %s %q was added and is new again: %s", name, r.Item.Section, r.Item.Text, r.Item.Resource.JSON())
			}
		}
		if c2.Filed != f.Document {
			t.Errorf("%s: filed and not known", name)
		}
		if a.Added == 0 {
			return
		}
		u, err := Undo(ctx, anna, patient, f.Document, a.Batch, d)
		if err != nil || len(u.Kept) > 0 {
			t.Errorf("%s: undo: %v %v", name, u.Kept, err)
		}
		ch, err := chart.Read(ctx, anna, patient)
		if err != nil || len(ch.ActiveProblems())+len(ch.Allergies.Active)+len(ch.Vitals) > 0 {
			t.Errorf("%s: after the undo: %d problems, %d allergies, %d vitals, %v", name, len(ch.ActiveProblems()), len(ch.Allergies.Active), len(ch.Vitals), err)
		}
	})
	if len(h.all("Organization")) != 1 || len(h.all("Location")) != 1 || len(h.all("Practitioner")) != 2 {
		t.Error("an import made practitioners, organizations or places")
	}
	t.Logf("%d documents, %d items added; held to the chart again: %v", documents, items, again)
}

// TestADiagnosisOfAVisitIsNoVisit: it stands among the diagnoses, says of which visit it is, and is linked with it once both are in the
// chart, in one step or in two.
func TestADiagnosisOfAVisitIsNoVisit(t *testing.T) {
	d, err := Read(shared(t, "onc/b1_ToC_Amb__170.315_b1_toc_amb_r11_sample1_v8.xml"))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(d.Items, func(i Item) bool { return i.Section == Diagnoses })
	if at < 1 || d.Items[at].Text != "Pneumonia, since 6 Aug 2012" || d.Items[at].Visit != d.Items[at-1].Key || d.Items[at-1].Resource.ResourceType() != "Encounter" {
		t.Fatal(said(d))
	}
	for _, it := range d.Items {
		if it.Section == Encounters && it.Resource.ResourceType() != "Encounter" {
			t.Errorf("among the visits: %s", it.Text)
		}
	}
	visit, diagnosis := d.Items[at-1].Key, d.Items[at].Key
	d.Items = d.Items[at-1 : at+1]         // the same problem is on its list too
	d.Patient, d.Hash = node(t, maria), "" // it is another than the file
	for name, steps := range map[string][]map[string]Choice{
		"in one step": {{visit: Add, diagnosis: Add}},
		"in two":      {{visit: Add}, {diagnosis: Add}},
		"alone":       {{diagnosis: Add}},
	} {
		h := open(t)
		f := h.filed(d)
		for _, s := range steps {
			if _, _, err := Accept(ctx, h.as(trust.Physician, "anna"), "maria", f.Document, d, Decision{Choices: s}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		want := ""
		for _, n := range h.all("Encounter") {
			want = n.Reference()
		}
		if got := h.all("Condition")[0].Path("encounter.reference").Text(); got != want {
			t.Errorf("%s: of %q, want %q", name, got, want)
		}
	}
}
