package intake

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var (
	maria = trust.Principal{ID: "u-maria", Name: "Maria Okafor", Role: trust.Patient, Patient: "maria", Purpose: trust.PatientRequest}
	anna  = trust.Principal{ID: "u-anna", Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna", Purpose: trust.Treatment}
)

func open(t testing.TB) *record.Gate {
	t.Helper()
	c := clock.NewManual(noon)
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	gate := record.Open(s, c)
	var change record.Change
	for _, b := range []string{
		`{"resourceType":"Practitioner","id":"anna","name":[{"family":"Lindqvist"}]}`,
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor"}],"gender":"female","birthDate":"1968-03-14","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"gender":"male","birthDate":"1980-01-01"}`,
	} {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := gate.As(trust.System("import"), "test").Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	return gate
}

// TestAReportReachesThePhysicianAndComesBack walks the whole way of a home measurement.
func TestAReportReachesThePhysicianAndComesBack(t *testing.T) {
	gate := open(t)
	me, doctor := gate.As(maria, "portal"), gate.As(anna, "clinic")
	for _, d := range []Draft{{Kind: Pressure, Upper: "148", Lower: "92", Comment: "after the stairs"}, {Kind: Weight, Weight: "158 lb"}, {Kind: Symptom, Symptom: "Dizzy when I get up"}} {
		if _, _, err := Record(t.Context(), me, d); err != nil {
			t.Fatalf("%s: %v", d.Kind, err)
		}
	}
	inbox, err := task.Of(t.Context(), doctor, "anna")
	if err != nil || len(inbox) != 3 {
		t.Fatalf("inbox %+v, %v", inbox, err)
	}
	for _, k := range inbox {
		if k.Kind != task.PatientMeasurement || k.Patient != "maria" {
			t.Errorf("task %+v", k)
		}
	}
	byText := func(part string) string {
		for _, k := range inbox {
			if strings.Contains(k.Text, part) {
				return k.ID
			}
		}
		t.Fatalf("no task about %q in %+v", part, inbox)
		return ""
	}
	if _, err := Accept(t.Context(), doctor, byText("148/92")); err != nil {
		t.Fatal(err)
	}
	if _, err := Decline(t.Context(), doctor, byText("Weight"), "  "); !fault.Is(err, fault.Invalid) {
		t.Errorf("a decline without a reason: %v", err)
	}
	if _, err := Decline(t.Context(), doctor, byText("Weight"), "Please weigh without clothes."); err != nil {
		t.Fatal(err)
	}
	list, err := List(t.Context(), me, "maria")
	if err != nil || len(list) != 3 {
		t.Fatalf("list %+v, %v", list, err)
	}
	for _, m := range list {
		switch m.Kind {
		case Pressure:
			if m.State != Accepted || m.Upper != "148" || m.Lower != "92" || m.Comment != "after the stairs" || m.Reason != "" {
				t.Errorf("pressure %+v", m)
			}
		case Weight:
			if m.State != Declined || m.Reason != "Please weigh without clothes." {
				t.Errorf("weight %+v", m)
			}
		case Symptom:
			if m.State != Waiting || m.Value != "Dizzy when I get up" {
				t.Errorf("symptom %+v", m)
			}
		}
	}
	if _, err := Accept(t.Context(), doctor, byText("148/92")); !fault.Is(err, fault.Conflict) {
		t.Errorf("accepted twice: %v", err)
	}
	if _, err := Accept(t.Context(), me, byText("Dizzy")); err == nil {
		t.Error("a patient accepted her own measurement")
	}
}

func TestWhatCannotBeRightIsNotStored(t *testing.T) {
	gate := open(t)
	me := gate.As(maria, "portal")
	before, _ := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},
		"effectiveDateTime":"2026-10-20","valueQuantity":{"value":71.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`))
	if _, err := gate.As(trust.System("import"), "test").Commit(t.Context(), record.Change{Put: []record.Put{{Resource: before, Create: true}}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		draft       Draft
		field       string
		mixed, ask  bool
		issueAtMost int
	}{
		"swapped":     {Draft{Kind: Pressure, Upper: "85", Lower: "135"}, FieldLower, true, false, 1},
		"equal":       {Draft{Kind: Pressure, Upper: "120", Lower: "120"}, FieldLower, true, false, 1},
		"impossible":  {Draft{Kind: Pressure, Upper: "1480", Lower: "92"}, FieldUpper, false, false, 1},
		"words":       {Draft{Kind: Pressure, Upper: "high", Lower: "92"}, FieldUpper, false, false, 1},
		"nothing":     {Draft{Kind: Weight}, FieldWeight, false, false, 1},
		"no symptom":  {Draft{Kind: Symptom, Symptom: "  "}, FieldSymptom, false, false, 1},
		"tomorrow":    {Draft{Kind: Weight, Weight: "71", When: noon.Add(24 * time.Hour)}, FieldWhen, false, false, 1},
		"unusual":     {Draft{Kind: Pressure, Upper: "240", Lower: "100"}, FieldUpper, false, true, 1},
		"in pounds":   {Draft{Kind: Weight, Weight: "158"}, FieldWeight, false, true, 1},
		"a child's":   {Draft{Kind: Weight, Weight: "14.5"}, FieldWeight, false, true, 1},
		"years ago":   {Draft{Kind: Weight, Weight: "71", When: noon.AddDate(-3, 0, 0)}, FieldWhen, false, false, 1},
		"both absent": {Draft{Kind: Pressure}, FieldUpper, false, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Record(t.Context(), me, c.draft)
			if !fault.Is(err, fault.Invalid) || Mixed(err) != c.mixed || Unconfirmed(err) != c.ask {
				t.Fatalf("fault %v, mixed %v, unconfirmed %v", err, Mixed(err), Unconfirmed(err))
			}
			var f *fault.Error
			errors.As(err, &f)
			issues := f.Issues
			if len(issues) == 0 || len(issues) > c.issueAtMost || issues[0].Expression != c.field {
				t.Errorf("issues %+v, want the field %s", issues, c.field)
			}
		})
	}
	if list, err := List(t.Context(), me, "maria"); err != nil || len(list) != 0 {
		t.Errorf("something was stored: %+v, %v", list, err)
	}
	m, _, err := Record(t.Context(), me, Draft{Kind: Pressure, Upper: "240", Lower: "100", Sure: "240/100"})
	if err != nil || !m.Urgent() {
		t.Errorf("a confirmed high pressure: %+v, %v", m, err)
	}
	if got, want := m.line(), "Blood pressure 240/100 mmHg, measured at home, very high"; got != want {
		t.Errorf("its line in the inbox is %q, want %q", got, want)
	}
}

func TestAbuseD20ASecondClickStoresNothing(t *testing.T) {
	me := open(t).As(maria, "portal")
	for range 2 {
		if _, _, err := Record(t.Context(), me, Draft{Kind: Weight, Weight: "71.5", Key: "form-1"}); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := List(t.Context(), me, "maria"); err != nil || len(list) != 1 {
		t.Errorf("%d measurements, %v", len(list), err)
	}
	if _, err := List(t.Context(), me, "sam"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another patient's list: %v", err)
	}
}
