package chart

import (
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// TestADoubtStandsUntilSomebodyConfirmsIt: what was not sure of an imported problem and of a visit is told, apart from the notes of who sent
// it; confirmed, it is a note of who did so.
func TestADoubtStandsUntilSomebodyConfirmsIt(t *testing.T) {
	doctor, desk := clinic(t)
	doubt := `"text":"` + policy.DoubtMark + `There is no code, only words."`
	for _, n := range nodes(t,
		`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/rosa"},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"unconfirmed"}]},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Gout"},"note":[{`+doubt+`},{"text":"Both feet"}]}`,
		`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"extension":[{"url":"`+policy.NoteURL+`","valueAnnotation":{`+doubt+`}}]}`) {
		if _, err := doctor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, Create: true}}}); err != nil {
			t.Fatal(err)
		}
	}
	c := read(t, doctor, "rosa")
	p := c.ActiveProblems()[0]
	if p.Doubt != "There is no code, only words." || p.Note != "Both feet" || !p.Doubtful() || c.Visits[0].Doubt != p.Doubt {
		t.Fatalf("%+v, %+v", p, c.Visits[0])
	}
	if _, _, err := Confirm(ctx, desk, "rosa", p.Reference(), p.Version); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
		t.Errorf("the front desk confirms: %v", err)
	}
	if _, _, err := Confirm(ctx, doctor, "sam", p.Reference(), p.Version); !fault.Is(err, fault.NotFound) {
		t.Errorf("from another chart: %v", err)
	}
	for _, version := range []string{"", "7"} { // not the one that was looked at
		if _, _, err := Confirm(ctx, doctor, "rosa", p.Reference(), version); !fault.Is(err, fault.Stale) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	for _, ref := range []string{p.Reference(), c.Visits[0].Reference()} {
		if _, _, err := Confirm(ctx, doctor, "rosa", ref, p.Version); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
	}
	c = read(t, doctor, "rosa")
	if p = c.ActiveProblems()[0]; p.Doubt != "" || p.Doubtful() || p.Note != confirmedMark+"There is no code, only words." || c.Visits[0].Doubt != "" {
		t.Errorf("%+v, %+v", p, c.Visits[0])
	}
	v, err := doctor.ReadVersion(ctx, "Condition", p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := fhir.Parse(v.Body); n.Path("note.0.authorReference.reference").Text() != "Practitioner/amara" || n.Path("note.0.time").Text() == "" {
		t.Errorf("nobody is named: %s", v.Body)
	}
	if _, _, err := Confirm(ctx, doctor, "rosa", p.Reference(), p.Version); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
}
