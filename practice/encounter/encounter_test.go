package encounter

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var (
	ctx    = context.Background()
	amara  = trust.Principal{ID: "acc-amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara", Purpose: trust.Treatment}
	nina   = trust.Principal{ID: "acc-nina", Name: "Nina Park", Role: trust.Nurse, Practitioner: "nina", Purpose: trust.Treatment}
	dana   = trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}
	system = trust.System("set-up")
)

// clinic is a record with two patients, two clinicians, an appointment and a price list.
type clinic struct {
	*testing.T
	gate  *record.Gate
	clock *clock.Manual
}

func open(t *testing.T) clinic {
	t.Helper()
	c := clinic{T: t, clock: clock.NewManual(time.Date(2026, 11, 24, 10, 20, 0, 0, time.UTC))}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c.clock, Readers: 1, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c.gate = record.Open(s, c.clock)
	c.put(
		`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz","given":["Rosa"]}],"gender":"female","birthDate":"1968-03-14"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`,
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
		`{"resourceType":"Practitioner","id":"nina","name":[{"family":"Park"}]}`,
		`{"resourceType":"Location","id":"room3","name":"Room 3"}`,
		`{"resourceType":"Appointment","id":"a1","status":"booked","start":"2026-11-24T10:20:00Z","end":"2026-11-24T10:40:00Z","reasonCode":[{"text":"Diabetes review"}],
		  "participant":[{"status":"accepted","actor":{"reference":"Patient/rosa"}},{"status":"accepted","actor":{"reference":"Practitioner/amara"}},{"status":"accepted","actor":{"reference":"Location/room3","display":"Room 3"}}]}`,
		`{"resourceType":"Condition","id":"dm","subject":{"reference":"Patient/rosa"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}],"text":"Type 2 diabetes mellitus"}}`,
		`{"resourceType":"Observation","id":"k1","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/rosa"},"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}],"text":"Potassium"},"effectiveDateTime":"2026-11-20T08:00:00Z","valueQuantity":{"value":5.3,"unit":"mmol/L"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"H"}]}]}`)
	if err := billing.SetDefaults(ctx, c.as(system), "USD"); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(time.Minute)
	return c
}

func (c clinic) as(p trust.Principal) *record.Actor { return c.gate.As(p, "test") }

func (c clinic) put(bodies ...string) {
	c.Helper()
	var change record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			c.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := c.as(system).Commit(ctx, change); err != nil {
		c.Fatalf("%v", err)
	}
}

func (c clinic) chart(p trust.Principal, patient string) chart.Chart {
	c.Helper()
	x, err := chart.Read(ctx, c.as(p), patient)
	if err != nil {
		c.Fatal(err)
	}
	return x
}

func (c clinic) start(appointment string) chart.Visit {
	c.Helper()
	v, _, err := Start(ctx, c.as(amara), "rosa", appointment, "")
	if err != nil {
		c.Fatal(err)
	}
	return v
}

func (c clinic) edit(visit string, change func(*Work) error) {
	c.Helper()
	if err := Edit(ctx, c.as(amara), "rosa", visit, change); err != nil {
		c.Fatal(err)
	}
}

func TestAVisitFromStartToSignature(t *testing.T) {
	c := open(t)
	actor := c.as(amara)
	v := c.start("a1")
	if v.Status != "in-progress" || v.Reason != "Diabetes review" || v.Location != "Room 3" || v.Clinician != "Practitioner/amara" {
		t.Fatalf("the visit starts as %+v", v)
	}
	if again := c.start("a1"); again.ID != v.ID {
		t.Error("starting twice makes two visits")
	}
	if a := c.chart(amara, "rosa").Appointments[0]; a.Status != "arrived" {
		t.Errorf("the appointment is %s, want arrived", a.Status)
	}

	if _, _, err := chart.RecordVitals(ctx, c.as(nina), chart.VitalDraft{Patient: "rosa", Encounter: v.ID, Typed: map[vital.Measure]string{
		vital.BloodPressure: "148/92", vital.Pulse: "78", vital.Weight: "91.4", vital.Height: "171"}}); err != nil {
		t.Fatal(err)
	}
	ch := c.chart(amara, "rosa")
	if bmi := ch.Vital(vital.BodyMass).Last(); bmi.Value != "31.3" || bmi.Computed {
		t.Errorf("the body mass index is %+v, want 31.3 recorded", bmi)
	}
	pull, ok := FindPull(ch, "vitals", time.UTC)
	if !ok || !strings.Contains(pull.Text, "BP 148/92 mmHg high") {
		t.Fatalf("vitals pull %+v", pull)
	}
	k, _ := FindPull(ch, "lab:2823-3", time.UTC)
	c.edit(v.ID, func(w *Work) error {
		w.AddProblem(ch.Problems[0])
		w.AddPull(pull)
		w.AddPull(k)
		return w.AddDiagnosis("", "N30.00")
	})
	text := map[string]string{"dx-1": "Above goal.", "dx-2": "Fosfomycin.", FieldSubjective: "Burning <2 days>.", FieldObjective: "No flank tenderness."}
	value, _ := json.Marshal(text)
	if _, err := actor.SaveDraft(ctx, NoteKey("rosa", v.ID), value, 0); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(ctx, actor, "rosa", v.ID)
	if err != nil || loaded.Text[FieldSubjective] != text[FieldSubjective] || len(loaded.Work.Diagnoses) != 2 {
		t.Fatalf("the visit loads as %+v, %v", loaded.Work, err)
	}
	fees, err := billing.Fees(ctx, actor)
	if err != nil {
		t.Fatal(err)
	}
	charges := loaded.Charges(fees, nil)
	if len(charges) != 1 || charges[0].Missing != "" || charges[0].Fee.Code != "visit-new-2" {
		t.Errorf("suggested charges are %+v", charges)
	}

	c.clock.Advance(20 * time.Minute)
	signed, result, err := Sign(ctx, actor, SignDraft{Patient: "rosa", Encounter: v.ID, Text: text, Fees: fees, Seen: loaded.Digest(fees, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ch = c.chart(amara, "rosa")
	visit, _ := ch.Visit(v.ID)
	if visit.Status != "finished" || visit.End == "" || len(visit.Diagnoses) != 2 || ch.Appointments[0].Status != "fulfilled" {
		t.Errorf("after signing the visit is %+v, the appointment %s", visit, ch.Appointments[0].Status)
	}
	if len(ch.Notes) != 1 || ch.Notes[0].ID != signed.Note || ch.Notes[0].Status != "final" || ch.Notes[0].SignedBy != "Practitioner/amara" {
		t.Fatalf("notes are %+v", ch.Notes)
	}
	sections := ch.Notes[0].Sections
	if len(sections) != 3 || sections[0].Code != chart.AssessmentPlan || sections[1].Code != chart.Subjective || sections[2].Code != chart.Objective {
		t.Fatalf("sections are not in APSO order: %+v", sections)
	}
	if want := "1. Type 2 diabetes mellitus (E11.9)\nAbove goal.\n2. Acute cystitis (N30.00)\nFosfomycin."; sections[0].Text != want {
		t.Errorf("assessment is %q, want %q", sections[0].Text, want)
	}
	if sections[1].Text != "Burning <2 days>." {
		t.Errorf("subjective is %q", sections[1].Text)
	}
	if !strings.Contains(sections[2].Text, "Vitals, 24-Nov-2026 10:21: BP 148/92 mmHg high") || !strings.Contains(sections[2].Text, "5.3 mmol/L high (20-Nov-2026)") {
		t.Errorf("linked data is not frozen into the note: %q", sections[2].Text)
	}
	if d := ch.DiagnosesOf(v.ID); len(d) != 1 || d[0].ICD != "N30.00" {
		t.Errorf("the new diagnosis is %+v", d)
	}
	if items := billing.ChargesFrom(ch.Resources("ChargeItem"), ch.Resources("Invoice")); len(items) != 1 || items[0].Total().Amount != 9600 || len(items[0].Reasons) != 2 {
		t.Errorf("charges are %+v", items)
	}
	if _, err := actor.Draft(ctx, NoteKey("rosa", v.ID)); !fault.Is(err, fault.NotFound) {
		t.Errorf("the draft is still there: %v", err)
	}
	if _, _, err := Sign(ctx, actor, SignDraft{Patient: "rosa", Encounter: v.ID, Text: text, Fees: fees}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a signed visit is signed again: %v", err)
	}

	// Within ten seconds everything can be taken back, and nothing typed is lost.
	if err := actor.Undo(ctx, result.Undo); err != nil {
		t.Fatal(err)
	}
	loaded, err = Load(ctx, actor, "rosa", v.ID)
	if err != nil || !loaded.InProgress() || loaded.Text["dx-1"] != "Above goal." || len(loaded.Work.Pulls) != 2 || len(loaded.Chart.Notes) != 0 {
		t.Errorf("after undo the visit is %s with text %v, %v", loaded.Status, loaded.Text, err)
	}
}

func TestSigningWhatWasNotShownIsRefused(t *testing.T) {
	c := open(t)
	v := c.start("")
	fees, _ := billing.Fees(ctx, c.as(amara))
	shown, _ := Load(ctx, c.as(amara), "rosa", v.ID)
	seen := shown.Digest(fees, nil)
	c.edit(v.ID, func(w *Work) error { return w.AddDiagnosis("", "I10") })
	d := SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "x"}, Fees: fees, Seen: seen}
	if _, _, err := Sign(ctx, c.as(amara), d); !fault.Is(err, fault.Conflict) {
		t.Errorf("a diagnosis that was added elsewhere is signed unseen: %v", err)
	}
	if len(c.chart(amara, "rosa").Notes) != 0 {
		t.Error("a refused signature stored a note")
	}
}

func TestAVisitOfAnotherPatientIsNotFound(t *testing.T) {
	c := open(t)
	v := c.start("")
	if _, err := Load(ctx, c.as(amara), "sam", v.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("rosa's visit opens in sam's chart: %v", err)
	}
	if _, _, err := Start(ctx, c.as(amara), "sam", "a1", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("rosa's appointment starts a visit of sam: %v", err)
	}
}

func TestNothingToSign(t *testing.T) {
	c := open(t)
	v := c.start("")
	if _, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "  "}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty visit is signed: %v", err)
	}
	if _, _, err := Start(ctx, c.as(dana), "rosa", "a1", ""); err == nil {
		t.Error("the front desk starts a visit")
	}
}

func TestCopyForwardIsMarkedUntilChecked(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Composition","id":"old","status":"final","type":{"text":"note"},"subject":{"reference":"Patient/rosa"},"date":"2026-08-02","author":[{"reference":"Practitioner/amara"}],"title":"Review",
	 "section":[{"title":"Subjective","code":{"coding":[{"system":"http://loinc.org","code":"61150-9"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Lives with daughter.</p></div>"}}]}`)
	v := c.start("")
	ch := c.chart(amara, "rosa")
	c.edit(v.ID, func(w *Work) error { return w.CopyForward(ch, v.ID, FieldSubjective) })
	c.edit(v.ID, func(w *Work) error { return w.CopyForward(ch, v.ID, FieldSubjective) })
	loaded, _ := Load(ctx, c.as(amara), "rosa", v.ID)
	if len(loaded.Work.Copies) != 1 || loaded.Work.Unread() != 1 || loaded.NewText() != 0 {
		t.Fatalf("copies are %+v, new text %d %%", loaded.Work.Copies, loaded.NewText())
	}
	if err := Edit(ctx, c.as(amara), "rosa", v.ID, func(w *Work) error { return w.CopyForward(ch, v.ID, FieldObjective) }); !fault.Is(err, fault.NotFound) {
		t.Errorf("a part that no note has is copied: %v", err)
	}
	if _, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID}); err != nil {
		t.Fatal(err)
	}
	note := c.chart(amara, "rosa").Notes[0]
	if got := note.Sections[0].Text; got != "Copied from the note of 02-Aug-2026, not reviewed: Lives with daughter." {
		t.Errorf("the copied part reads %q", got)
	}
}

func TestAnAmendmentMayTakeASectionAway(t *testing.T) {
	c := open(t)
	v := c.start("")
	signed, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "Left knee.", FieldSubjective: "Of another patient."}})
	if err != nil {
		t.Fatal(err)
	}
	d := AmendDraft{Patient: "rosa", Note: signed.Note, Reason: "Wrong patient", Sections: map[string]string{chart.Subjective: "  \n"}}
	if _, _, err := Amend(ctx, c.as(amara), d); err != nil {
		t.Fatal(err)
	}
	note := c.chart(amara, "rosa").Notes[0]
	if len(note.Sections) != 1 || note.Sections[0].Text != "Left knee." {
		t.Errorf("the amended note is %+v", note)
	}
	d.Sections = map[string]string{chart.AssessmentPlan: ""}
	if _, _, err := Amend(ctx, c.as(amara), d); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "cannot be emptied") {
		t.Errorf("a note is emptied: %v", err)
	}
}

// TestSectionsWithoutACodeAreAmendedOneByOne amends an imported note, whose sections cannot
// be told apart by their codes.
func TestSectionsWithoutACodeAreAmendedOneByOne(t *testing.T) {
	c := open(t)
	body := `{"resourceType":"Composition","id":"imported","status":"final","type":{"text":"Letter"},"title":"Letter","date":"2020-01-02","subject":{"reference":"Patient/rosa"},"author":[{"display":"Elsewhere"}],
	 "section":[{"title":"One","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">first</div>"}},{"title":"Two","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">second</div>"}}]}`
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.gate.As(trust.System("import"), "test").Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}}); err != nil {
		t.Fatal(err)
	}
	note := chart.NoteFrom(n)
	d := AmendDraft{Patient: "rosa", Note: "imported", Reason: "Typing", Sections: map[string]string{}}
	for _, s := range note.Sections {
		d.Sections[s.Key] = s.Text
	}
	d.Sections[note.Sections[1].Key] = "SECOND"
	got, _, err := Amend(ctx, c.as(amara), d)
	if err != nil || len(got.Sections) != 2 || got.Sections[0].Text != "first" || got.Sections[1].Text != "SECOND" {
		t.Errorf("%+v, %v", got.Sections, err)
	}
}

func TestAmendKeepsTheFormerVersion(t *testing.T) {
	c := open(t)
	v := c.start("")
	signed, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "Left knee."}})
	if err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(time.Hour)
	d := AmendDraft{Patient: "rosa", Note: signed.Note, Version: "1", Sections: map[string]string{chart.AssessmentPlan: "Right knee."}}
	if _, _, err := Amend(ctx, c.as(amara), d); !fault.Is(err, fault.Invalid) {
		t.Errorf("a note is amended without a reason: %v", err)
	}
	d.Reason = "Wrong side"
	if _, _, err := Amend(ctx, c.as(amara), d); err != nil {
		t.Fatal(err)
	}
	note := c.chart(amara, "rosa").Notes[0]
	if note.Status != "amended" || note.Sections[0].Text != "Right knee." {
		t.Errorf("the amended note is %+v", note)
	}
	former, err := c.as(amara).ReadVersion(ctx, "Composition", signed.Note, 1)
	if err != nil || !strings.Contains(string(former.Body), "Left knee.") {
		t.Errorf("the former version is lost: %v", err)
	}
	if _, _, err := Amend(ctx, c.as(amara), d); !fault.Is(err, fault.Stale) {
		t.Errorf("an amendment of an old version is accepted: %v", err)
	}
	d.Patient, d.Version = "sam", ""
	if _, _, err := Amend(ctx, c.as(amara), d); !fault.Is(err, fault.NotFound) {
		t.Errorf("a note is amended through another chart: %v", err)
	}
}

func TestRemovedDiagnosisKeepsItsText(t *testing.T) {
	c := open(t)
	v := c.start("")
	c.edit(v.ID, func(w *Work) error { return w.AddDiagnosis("", "I10") })
	c.edit(v.ID, func(w *Work) error { w.RemoveDiagnosis("1"); return nil })
	if _, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{"dx-1": "Home readings first."}}); err != nil {
		t.Fatal(err)
	}
	if got := c.chart(amara, "rosa").Notes[0].Sections[0].Text; got != "Home readings first." {
		t.Errorf("the note reads %q: the text of the removed diagnosis is lost", got)
	}
}

func TestStatement(t *testing.T) {
	c := open(t)
	v := c.start("")
	c.edit(v.ID, func(w *Work) error {
		w.Chosen, w.Charges = true, []string{"visit-3", "urine-dipstick"}
		return w.AddDiagnosis("", "N30.00")
	})
	fees, _ := billing.Fees(ctx, c.as(amara))
	if _, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Fees: fees}); err != nil {
		t.Fatal(err)
	}
	id, _, err := billing.Issue(ctx, c.as(amara), "rosa", "")
	if err != nil {
		t.Fatal(err)
	}
	ch := c.chart(amara, "rosa")
	s := billing.StatementsFrom(ch.Resources("Invoice"), ch.Resources("ChargeItem"))
	if len(s) != 1 || s[0].ID != id || !s[0].Balanced || s[0].Total.Amount != 12100 || len(s[0].Lines) != 2 {
		t.Errorf("the statement is %+v", s)
	}
	if _, n, _ := billing.Open(billing.ChargesFrom(ch.Resources("ChargeItem"), ch.Resources("Invoice"))); n != 0 {
		t.Errorf("%d charges are still open", n)
	}
	if _, _, err := billing.Issue(ctx, c.as(amara), "rosa", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty statement is issued: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	c := open(t)
	ch := c.chart(amara, "rosa")
	got := Suggest(ch, "k", time.UTC)
	if len(got) < 2 || got[0].Pull != "lab:2823-3" || got[1].Word != "kstop" {
		t.Errorf(".k offers %+v, want potassium and then the phrase", got)
	}
	if got := Suggest(ch, "zzz", time.UTC); len(got) != 0 {
		t.Errorf(".zzz offers %+v", got)
	}
}
