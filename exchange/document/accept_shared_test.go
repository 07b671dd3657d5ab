package document

import (
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
