package medication

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/task"
)

// renew is the one press of a button, for Maria.
func renew(t testing.TB, c clinic, ref string) (Outcome, error) {
	t.Helper()
	outs, result, err := RenewAll(t.Context(), c.as(physician), "maria", "", "", ref)
	if len(outs) == 0 {
		return Outcome{}, err
	}
	outs[0].Result = result
	return outs[0], err
}

// signedHere is a prescription for Maria that Osler has checked, with a reason for all that asks for one.
func (c clinic) signedHere(d Draft) Medicine {
	c.t.Helper()
	f, err := Preview(c.t.Context(), c.as(physician), d)
	if err != nil {
		c.t.Fatal(err)
	}
	prior, err := d.renewed(c.t.Context(), c.as(physician))
	if err != nil {
		c.t.Fatal(err)
	}
	d.Overrides = map[string]string{}
	for _, x := range f.Findings {
		if Asks(x, prior) {
			d.Overrides[x.ID] = "Specialist advised it"
		}
	}
	out, err := Prescribe(c.t.Context(), c.as(physician), d)
	if err != nil {
		c.t.Fatal(err)
	}
	c.clock.Advance(30 * 24 * time.Hour)
	return out.Medicine
}

const (
	active       = `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}`
	activeCond   = `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}`
	potassium5_6 = `{"resourceType":"Observation","id":"o3","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-12-20T08:40:00Z","valueQuantity":{"value":5.6,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`
)

// TestARenewalIsQuickOnlyWithoutNews: one press signs again what the checks tell nothing new of.
func TestARenewalIsQuickOnlyWithoutNews(t *testing.T) {
	lisinopril := "lisinopril-20-mg-tablet"
	for name, c := range map[string]struct {
		sentence string
		since    []string // what came into the chart since it was signed
		news     string   // title or sentence of what is new; "" when it is quick
	}{
		"nothing found, nothing new":    {sentence: "cetirizine-10-mg-tablet"},
		"a warning that was told":       {sentence: lisinopril},
		"something that is none of it":  {sentence: "cetirizine-10-mg-tablet", since: []string{potassium5_6}},
		"a new allergy":                 {sentence: "cetirizine-10-mg-tablet", since: []string{`{"resourceType":"AllergyIntolerance","id":"a2","patient":{"reference":"Patient/maria"},"code":{"text":"cetirizine"},` + active + `}`}, news: "cetirizine"},
		"a new medicine that interacts": {sentence: "ibuprofen-600-mg-tablet", since: []string{`{"resourceType":"MedicationRequest","id":"w","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"warfarin 5 mg tablet"},"authoredOn":"2026-12-01T09:00:00Z"}`}, news: "warfarin"},
		"a new value of the laboratory": {sentence: lisinopril, since: []string{potassium5_6}, news: "5.6"},
		"a pregnancy":                   {sentence: lisinopril, since: []string{`{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/maria"},"code":{"text":"Pregnancy","coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"Z33.1"}]},` + activeCond + `}`}, news: "regnan"},
		"the total became too much": {sentence: "acetaminophen-500-mg-tablet", since: []string{`{"resourceType":"MedicationRequest","id":"hc","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"acetaminophen 500 mg tablet"},"authoredOn":"2026-12-01T09:00:00Z",
			"dosageInstruction":[{"timing":{"repeat":{"frequency":1,"period":4,"periodUnit":"h"}},"doseAndRate":[{"doseQuantity":{"value":2,"unit":"tablet"}}]}]}`}, news: "maximum"},
	} {
		t.Run(name, func(t *testing.T) {
			k := open(t)
			d := sentence(t, "maria", c.sentence)
			if c.sentence == lisinopril {
				d.Stops = []string{"MedicationRequest/m1"}
			}
			m := k.signedHere(d)
			if len(c.since) > 0 {
				k.put(c.since...)
			}
			out, err := renew(t, k, m.Reference())
			switch {
			case c.news == "" && err != nil:
				t.Fatalf("it is not quick: %v, %+v", err, out.Findings.Findings)
			case c.news == "":
				return
			case !Stopped(err):
				t.Fatalf("signed without a look: %v, %+v", err, out.Findings.Findings)
			}
			said := false
			for _, x := range out.Findings.Findings {
				said = said || m.IsNew(x) && strings.Contains(x.Title+" "+x.Sentence, c.news)
			}
			if !said {
				t.Errorf("%q is not among what is new: %+v", c.news, out.Findings.Findings)
			}
			if now, ok := k.list("maria").Find(m.Reference()); !ok || now.Status != "active" {
				t.Errorf("the stopped renewal ended it: %+v", now)
			}
			// Looked at in the form, with what a new prescription asks for, it is signed, once seen it is known.
			d, err = Again(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Prescribe(t.Context(), k.as(physician), d); !Stopped(err) {
				t.Errorf("what is new is signed without a reason: %v", err)
			}
			next := k.signedHere(d)
			if next.Prior != m.Reference() {
				t.Errorf("it renews %q", next.Prior)
			}
			for _, x := range out.Findings.Findings {
				if next.IsNew(x) {
					t.Errorf("still new: %s", x.Sentence)
				}
			}
		})
	}
}

// TestAReasonIsOfOneSignature: what needed a reason needs one each time, of a new allergy and of
// the same one.
func TestAReasonIsOfOneSignature(t *testing.T) {
	c := open(t)
	m := c.signedHere(sentence(t, "maria", cotrimoxazole))
	out, err := renew(t, c, m.Reference())
	if !Stopped(err) {
		t.Fatalf("renewed on the reason of before: %v", err)
	}
	for _, x := range out.Findings.Of(rx.Stop) {
		if m.IsNew(x) || m.KeptBefore(x) != "Specialist advised it" {
			t.Errorf("%s: new %v, kept before for %q", x.ID, m.IsNew(x), m.KeptBefore(x))
		}
	}
}

// TestAnImportedPrescriptionIsLookedAtOnce: nobody knows what its signer was told.
func TestAnImportedPrescriptionIsLookedAtOnce(t *testing.T) {
	c := open(t)
	if _, err := renew(t, c, "MedicationRequest/m1"); !Stopped(err) { // potassium 5.3
		t.Fatalf("signed without a look: %v", err)
	}
	d, err := Again(c.list("maria").Current[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renew(t, c, c.signedHere(d).Reference()); err != nil {
		t.Errorf("looked at once, it is not quick: %v", err)
	}
}

func TestRenewCompletesTheOldOne(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	before := c.list("maria").Current[0]
	if left, known := before.SupplyLeft(noon); !known || left != 5 {
		t.Errorf("%d days of supply left (known %v), want 5", left, known)
	}
	d, err := Again(before)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Prescribe(ctx, c.as(physician), d)
	if !Stopped(err) {
		t.Fatalf("potassium 5.3 on lisinopril, of which nobody was told: %v", err)
	}
	d.Overrides = map[string]string{}
	for _, x := range out.Findings.Findings {
		d.Overrides[x.ID] = "Specialist advised it"
	}
	if out, err = Prescribe(ctx, c.as(physician), d); err != nil {
		t.Fatal(err)
	}
	if _, found := find(out.Findings, "LAB-POTASSIUM-HIGH"); !found {
		t.Errorf("the renewal was not checked: %+v", out.Findings.Findings)
	}
	if _, found := find(out.Findings, "DUP-SAME"); found {
		t.Error("the renewal is called a duplicate of what it renews")
	}
	l := c.list("maria")
	if len(l.Current) != 1 || l.Current[0].Prior != "MedicationRequest/m1" || l.Current[0].Text != "lisinopril 20 mg tablet" || l.Current[0].Supply != 90 || l.Current[0].ReasonRef != "Condition/c1" {
		t.Errorf("current after the renewal: %+v", l.Current)
	}
	if len(l.Past) != 1 || l.Past[0].Status != "completed" {
		t.Errorf("past after the renewal: %+v", l.Past)
	}
	if err := c.as(physician).Undo(ctx, out.Result.Undo); err != nil {
		t.Fatal(err)
	}
	if l = c.list("maria"); len(l.Current) != 1 || l.Current[0].ID != "m1" || len(l.Past) != 0 {
		t.Errorf("after undo: %+v", l)
	}
	if _, _, err := RenewAll(ctx, c.as(physician), "sam", "", "k2", "MedicationRequest/m1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another patient's prescription can be renewed: %v", err)
	}
}

// TestTheRequestForARefillEnds: with the press of a button, or with what is signed in its place
// after a look.
func TestTheRequestForARefillEnds(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	ask := func(id, who, ref string) {
		c.put(`{"resourceType":"Task","id":"` + id + `","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"refill-request"}]},"for":{"reference":"Patient/` + who + `"},"requester":{"reference":"Patient/` + who + `"},"owner":{"reference":"Practitioner/anna"},"focus":{"reference":"` + ref + `"},"description":"Refill lisinopril","authoredOn":"2026-11-24T07:00:00Z"}`)
	}
	ended := func(id string) bool {
		got, err := task.Find(ctx, c.as(physician), id)
		return err == nil && !got.Open()
	}
	ask("t1", "maria", "MedicationRequest/m1")
	ask("t2", "sam", "MedicationRequest/m1")
	if _, err := ApproveRefill(ctx, c.as(physician), "t2"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a task of one patient renews another's medicine: %v", err)
	}
	if _, err := ApproveRefill(ctx, c.as(physician), "t1"); !Stopped(err) || ended("t1") {
		t.Errorf("a refill of what nobody has looked at: %v", err)
	}
	d, err := Again(c.list("maria").Current[0])
	if err != nil {
		t.Fatal(err)
	}
	m := c.signedHere(d)
	if !ended("t1") || ended("t2") {
		t.Error("after a look the request is still open, or another patient's is not")
	}
	ask("t3", "maria", m.Reference())
	out, err := ApproveRefill(ctx, c.as(physician), "t3")
	if err != nil || !ended("t3") {
		t.Fatalf("the refill: %v", err)
	}
	if l := c.list("maria"); len(l.Current) != 1 || l.Current[0].ID != out.Medicine.ID {
		t.Errorf("after the refill: %+v", l.Current)
	}
	if _, err := ApproveRefill(ctx, c.as(physician), "t3"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second approval: %v", err)
	}
}
