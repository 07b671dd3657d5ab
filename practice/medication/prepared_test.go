package medication

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

var nurse = trust.Principal{ID: "acc-amara", Name: "Amara Mensah", Role: trust.Nurse, Practitioner: "amara", Session: "s2"}

// forAllergic is a draft that is stopped by Maria's allergy.
func forAllergic(patient string) Draft {
	return Draft{Patient: patient, Text: "sulfamethoxazole-trimethoprim 800 mg/160 mg tablet", Dose: 1, Unit: "tablet", Route: "by mouth", Frequency: 2, Period: 1, PeriodUnit: "d", Days: 3, Quantity: 6, QuantityOf: "tablet"}
}

// TestANurseHandsAPrescriptionOn: a nurse prepares, with the checks, what a physician signs, with
// the checks; before that nobody takes it and the patient does not see it, and it is signed once.
func TestANurseHandsAPrescriptionOn(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah"}]}`)
	ctx, amara, anna := t.Context(), c.as(nurse), c.as(physician)
	out, err := Prepare(ctx, amara, forAllergic("maria"), "anna", "Dr Anna Lindqvist")
	if err != nil {
		t.Fatal(err)
	}
	if out.Findings.Count("stop") == 0 || out.Medicine.Status != "draft" || out.Medicine.Requester != "Practitioner/anna" || out.Medicine.Recorder != "Practitioner/amara" {
		t.Errorf("prepared: %+v", out.Medicine)
	}
	list, err := List(ctx, anna, "maria")
	if err != nil || len(list.Current) != 1 || len(list.Past) != 0 || len(list.Prepared) != 1 {
		t.Fatalf("the list: %+v, %v", list, err)
	}
	if l, err := List(ctx, c.as(patient), "maria"); err != nil || len(l.Prepared) != 0 {
		t.Errorf("the patient sees a draft: %+v, %v", l, err)
	}
	work, err := task.Of(ctx, anna, "anna")
	if err != nil || len(work) != 1 || work[0].Kind != task.SignPrescription || work[0].Focus != out.Medicine.Reference() || work[0].Requester != "Practitioner/amara" {
		t.Fatalf("the physician's work: %+v, %v", work, err)
	}

	if _, err := Prescribe(ctx, amara, ToSign(list.Prepared[0])); err == nil {
		t.Error("a nurse signed it")
	}
	refused, err := Prescribe(ctx, anna, ToSign(list.Prepared[0]))
	if !Stopped(err) {
		t.Fatalf("signed in spite of an allergy: %v", err)
	}
	d := ToSign(list.Prepared[0])
	d.Overrides = map[string]string{}
	for _, x := range refused.Findings.Findings {
		d.Overrides[x.ID] = "Specialist advised it"
	}
	c.clock.Advance(time.Hour)
	signed, err := Prescribe(ctx, anna, d)
	if err != nil {
		t.Fatal(err)
	}
	m := signed.Medicine
	if m.ID != out.Medicine.ID || m.Status != "active" || m.Requester != "Practitioner/anna" || m.Recorder != "Practitioner/amara" || len(m.Overrides) == 0 || !m.Authored.Equal(c.clock.Now().Truncate(time.Second)) {
		t.Errorf("signed: %+v", m)
	}
	if work, err = task.Of(ctx, anna, "anna"); err != nil || len(work) != 0 {
		t.Errorf("still asked to sign: %+v, %v", work, err)
	}
	if _, err := Prescribe(ctx, anna, d); !fault.Is(err, fault.Conflict) {
		t.Errorf("signed twice: %v", err)
	}
	other := d
	other.Patient = "sam"
	if _, err := Prescribe(ctx, anna, other); !fault.Is(err, fault.NotFound) {
		t.Errorf("one patient's draft was signed in another's chart: %v", err)
	}
}

// TestARenewalIsPrepared: what it renews goes on until it is signed, and ends with it.
func TestARenewalIsPrepared(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah"}]}`)
	ctx, amara, anna := t.Context(), c.as(nurse), c.as(physician)
	list, err := List(ctx, amara, "maria")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Again(list.Current[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(ctx, amara, d, "anna", "Dr Anna Lindqvist"); err != nil {
		t.Fatal(err)
	}
	if list, err = List(ctx, anna, "maria"); err != nil || len(list.Current) != 1 || list.Current[0].ID != "m1" || list.Prepared[0].Prior != "MedicationRequest/m1" {
		t.Fatalf("prepared: %+v, %v", list, err)
	}
	sign := ToSign(list.Prepared[0])
	out, err := Preview(ctx, anna, sign)
	if err != nil {
		t.Fatal(err)
	}
	sign.Overrides = map[string]string{}
	for _, x := range out.Findings {
		sign.Overrides[x.ID] = "watched"
	}
	if _, err := Prescribe(ctx, anna, sign); err != nil {
		t.Fatal(err)
	}
	if list, err = List(ctx, anna, "maria"); err != nil || len(list.Current) != 1 || list.Current[0].Prior != "MedicationRequest/m1" || len(list.Past) != 1 {
		t.Errorf("signed: %+v, %v", list, err)
	}
}

// TestAPreparedPrescriptionIsDeclined: it is no medicine of any list, and who prepared it reads why.
func TestAPreparedPrescriptionIsDeclined(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah"}]}`)
	ctx, amara, anna := t.Context(), c.as(nurse), c.as(physician)
	if _, err := Prepare(ctx, amara, forAllergic("maria"), "", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("for nobody: %v", err)
	}
	two := forAllergic("maria")
	two.Stops = []string{"MedicationRequest/m1", "MedicationRequest/m2"}
	if _, err := Prepare(ctx, amara, two, "anna", "Dr Anna Lindqvist"); !fault.Is(err, fault.Invalid) {
		t.Errorf("with two ends: %v", err)
	}
	other := forAllergic("sam")
	other.Stops = []string{"MedicationRequest/m1"}
	if _, err := Prepare(ctx, amara, other, "anna", "Dr Anna Lindqvist"); !fault.Is(err, fault.NotFound) {
		t.Errorf("ends another patient's medicine: %v", err)
	}
	if _, err := Prepare(ctx, amara, forAllergic("maria"), "anna", "Dr Anna Lindqvist"); err != nil {
		t.Fatal(err)
	}
	work, err := task.Of(ctx, anna, "anna")
	if err != nil || len(work) != 1 {
		t.Fatalf("%+v, %v", work, err)
	}
	if _, err := DeclinePrepared(ctx, anna, work[0].ID, " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := DeclinePrepared(ctx, anna, work[0].ID, "Allergic to sulfonamides."); err != nil {
		t.Fatal(err)
	}
	list, err := List(ctx, anna, "maria")
	if err != nil || len(list.Current) != 1 || len(list.Past)+len(list.Prepared) != 0 {
		t.Errorf("the list: %+v, %v", list, err)
	}
	back, err := task.Of(ctx, amara, "amara")
	if err != nil || len(back) != 1 || back[0].Text != "A prescription that you prepared was not signed. Allergic to sulfonamides." {
		t.Errorf("the nurse's work: %+v, %v", back, err)
	}
	if _, err := DeclinePrepared(ctx, anna, work[0].ID, "Again."); !fault.Is(err, fault.Conflict) {
		t.Errorf("declined twice: %v", err)
	}
}

// TestATaskNamesNoMedicine: neither the request to sign a prescription nor the answer that it was
// not signed names the medicine. Who is not cleared for substance use does not see them, since a
// task is labelled with what it is about, and nothing hangs on that label alone.
func TestATaskNamesNoMedicine(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah"}]}`)
	d := Draft{Patient: "maria", Text: "methadone 40 mg dispersible tablet", Dose: 1, Unit: "tablet", Route: "by mouth", Frequency: 1, Period: 1, PeriodUnit: "d", Quantity: 7, QuantityOf: "tablet"}
	if _, err := Prepare(t.Context(), c.as(nurse), d, "anna", "Dr Anna Lindqvist"); err != nil {
		t.Fatal(err)
	}
	named := func(when string) task.Task {
		if list, err := task.About(t.Context(), c.as(trust.Principal{ID: "acc-thandi", Role: trust.Nurse, Practitioner: "thandi"}), "maria"); err != nil || len(list) != 0 {
			t.Errorf("%s: who is not cleared sees %d tasks: %v", when, len(list), err)
		}
		list, err := task.About(t.Context(), c.as(physician), "maria")
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d tasks: %v", when, len(list), err)
		}
		if strings.Contains(strings.ToLower(list[0].Text), "methadone") || strings.TrimSpace(list[0].Text) == "" {
			t.Errorf("%s: the task says %q", when, list[0].Text)
		}
		return list[0]
	}
	asked := named("asked")
	if _, err := DeclinePrepared(t.Context(), c.as(physician), asked.ID, "See me first."); err != nil {
		t.Fatal(err)
	}
	// Who prepared it learns that it was declined, cleared or not; why, of whom and what it was, when cleared.
	back, err := task.Of(t.Context(), c.as(nurse), "amara")
	if err != nil || len(back) != 1 || back[0].Text != "A prescription that you prepared was not signed. Ask Dr Anna Lindqvist about it." || back[0].Patient != "" || back[0].Focus != "" {
		t.Fatalf("the answer: %+v, %v", back, err)
	}
	if _, err := task.Find(t.Context(), c.as(nurse), back[0].Part); !fault.Is(err, fault.NotFound) {
		t.Errorf("who is not cleared reads the request: %v", err)
	}
	cleared := nurse
	cleared.Clearance = []string{"SUD", "ETH", "OPIOIDUD"}
	if was, err := task.Find(t.Context(), c.as(cleared), back[0].Part); err != nil || was.Outcome != "See me first." || was.Patient != "maria" {
		t.Errorf("who is cleared reads %+v, %v", was, err)
	}
}
