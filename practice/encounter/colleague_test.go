package encounter

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// TestANurseDoesNotEndTheVisitOfAPhysician signs in the visit of another clinician.
func TestANurseDoesNotEndTheVisitOfAPhysician(t *testing.T) {
	c := open(t)
	v, _, err := Start(ctx, c.as(nina), "rosa", "a1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := Edit(ctx, c.as(nina), "rosa", v.ID, func(w *Work) error { return w.AddDiagnosis("", "N30.00") }); err != nil {
		t.Fatal(err)
	}
	signed, _, err := Sign(ctx, c.as(nina), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldSubjective: "Feels dizzy."}})
	if err != nil || !signed.Open {
		t.Fatalf("%+v, %v", signed, err)
	}
	ch := c.chart(amara, "rosa")
	if visit, _ := ch.Visit(v.ID); !visit.InProgress() || ch.Appointments[0].Status != "arrived" || len(ch.Notes) != 1 {
		t.Fatalf("after the nurse signed, the visit is %s and the appointment %s, with %d notes", visit.Status, ch.Appointments[0].Status, len(ch.Notes))
	}
	c.clock.Advance(time.Minute)
	if again, err := Load(ctx, c.as(nina), "rosa", v.ID); err != nil || len(again.Work.Diagnoses) != 0 {
		t.Errorf("what the nurse has signed waits to be signed again: %+v, %v", again.Work, err)
	}
	if signed, _, err = Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "Fosfomycin."}}); err != nil || signed.Open {
		t.Fatalf("%+v, %v", signed, err)
	}
	ch = c.chart(amara, "rosa")
	if visit, _ := ch.Visit(v.ID); visit.Status != "finished" || len(visit.Diagnoses) != 1 || ch.Appointments[0].Status != "fulfilled" || len(ch.Notes) != 2 {
		t.Errorf("after the physician signed, the visit is %+v and the appointment %s", visit, ch.Appointments[0].Status)
	}
}

// TestTextInAVisitThatAColleagueSignsIsNotLost has two people write in one visit.
func TestTextInAVisitThatAColleagueSignsIsNotLost(t *testing.T) {
	c := open(t)
	v := c.start("a1")
	text, _ := json.Marshal(map[string]string{FieldSubjective: "Fell on Sunday."})
	if _, err := c.as(nina).SaveDraft(ctx, NoteKey("rosa", v.ID), text, 0); err != nil {
		t.Fatal(err)
	}
	seen, err := Load(ctx, c.as(amara), "rosa", v.ID)
	if err != nil || len(seen.Others) != 1 || seen.Others[0].Name != "Nina Park" || seen.Others[0].Text != "Fell on Sunday." {
		t.Fatalf("the physician sees %+v of the nurse's text, %v", seen.Others, err)
	}
	if own, err := Load(ctx, c.as(nina), "rosa", v.ID); err != nil || len(own.Others) != 0 {
		t.Errorf("the nurse's own text is shown as a colleague's: %+v, %v", own.Others, err)
	}
	if others, err := c.as(dana).Colleagues(ctx, "rosa", NoteKey("rosa", v.ID)); len(others) != 0 {
		t.Errorf("the front desk reads unsigned notes: %+v, %v", others, err)
	}
	if _, err := c.as(amara).Colleagues(ctx, "sam", NoteKey("rosa", v.ID)); !fault.Is(err, fault.NotFound) {
		t.Errorf("a draft is read through another chart: %v", err)
	}
	signed, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "Rest."}})
	if err != nil {
		t.Fatal(err)
	}
	late := SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldSubjective: "Fell on Sunday."}}
	if _, _, err := Sign(ctx, c.as(nina), late); !fault.Is(err, fault.Conflict) {
		t.Fatalf("a signed visit is signed again: %v", err)
	}
	kept, err := Load(ctx, c.as(nina), "rosa", v.ID)
	if err != nil || !kept.Addendum() || kept.Text[FieldSubjective] != "Fell on Sunday." {
		t.Fatalf("the nurse's text is %+v, %v", kept.Text, err)
	}
	late.Addendum = true
	added, _, err := Sign(ctx, c.as(nina), late)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.chart(amara, "rosa").Notes {
		if n.ID == added.Note && (n.Appends != signed.Note || n.SignedBy != "Practitioner/nina" || !strings.Contains(n.Sections[0].Text, "Fell on Sunday.")) {
			t.Errorf("the addendum is %+v", n)
		}
	}
	if _, err := c.as(nina).Draft(ctx, NoteKey("rosa", v.ID)); !fault.Is(err, fault.NotFound) {
		t.Errorf("the signed draft is still there: %v", err)
	}
}

// TestUnsignedTextIsWithheldWhereTheChartIs has a colleague from whom an entry is hidden.
func TestUnsignedTextIsWithheldWhereTheChartIs(t *testing.T) {
	c := open(t)
	v := c.start("a1")
	text, _ := json.Marshal(map[string]string{FieldSubjective: "Drinks."})
	if _, err := c.as(nina).SaveDraft(ctx, NoteKey("rosa", v.ID), text, 0); err != nil {
		t.Fatal(err)
	}
	c.put(`{"resourceType":"MedicationRequest","id":"hidden","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"medicationCodeableConcept":{"text":"methadone 40 mg dispersible tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	other := trust.Principal{ID: "acc-thandi", Name: "Thandi", Role: trust.Nurse, Practitioner: "thandi", Purpose: trust.Treatment}
	if hidden, err := c.as(other).Unseen(ctx, "rosa", "MedicationRequest"); err != nil || len(hidden) != 1 {
		t.Fatalf("nothing is hidden from the colleague: %d, %v", len(hidden), err)
	}
	seen, err := Load(ctx, c.as(other), "rosa", v.ID)
	if err != nil || len(seen.Others) != 1 || !seen.Others[0].Hidden || seen.Others[0].Text != "" || seen.Others[0].Name != "Nina Park" {
		t.Errorf("who may not see the whole chart is given %+v, %v", seen.Others, err)
	}
}
