package billing

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

func TestParseReasons(t *testing.T) {
	before := []Reason{{ICD: "Z99.89", Text: "Words of the clinic"}}
	got, err := ParseReasons(" i10,E11.22; Z99.89 i10\n", before)
	if err != nil || len(got) != 3 || got[0].ICD != "I10" || got[2].Text != "Words of the clinic" || got[0].Text == "I10" {
		t.Errorf("%+v, %v", got, err)
	}
	for typed, want := range map[string]string{"": "at least one", "tired": "not a diagnosis code", "I1": "not a diagnosis code", "I10.": "not a diagnosis code",
		"11.2": "not a diagnosis code", "I10.12345": "not a diagnosis code", "I10 I11.9 I12.9 I13.0 I14": "at most four"} {
		if got, err := ParseReasons(typed, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseReasons(%q) = %+v, %v; want %q", typed, got, err, want)
		}
	}
}

func FuzzParseReasons(f *testing.F) {
	f.Add("E11.22, I10")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseReasons(s, nil)
		if err != nil {
			return
		}
		var codes []string
		for _, r := range got {
			codes = append(codes, r.ICD)
		}
		again, err := ParseReasons(strings.Join(codes, ", "), nil)
		if err != nil || len(again) != len(got) {
			t.Errorf("%q gives %v, read again %v (%v)", s, got, again, err)
		}
	})
}

// TestAnotherServiceHasItsOwnPrice: the price of the former service does not stay on the
// new one, but a price that a person typed does.
func TestAnotherServiceHasItsOwnPrice(t *testing.T) {
	draw := fee("blood-draw", 1200)
	draw.concept = draw.resource().Get("code")
	visit := fee("visit-3", 11200)
	visit.concept = visit.resource().Get("code")
	for typed, want := range map[string]Cents{"112.00": 1200, "15": 1500} {
		n, err := ChargeDraft{Patient: "p", Encounter: "e", Fee: visit, Reasons: []Reason{{ICD: "I10", Text: "Hypertension"}}}.Resource()
		if err != nil {
			t.Fatal(err)
		}
		if issues := (ChargeEdit{Code: "blood-draw", Quantity: "2", Price: typed, Reasons: "I10"}).apply(n, Schedule{draw, visit}); len(issues) > 0 {
			t.Fatal(issues)
		}
		if c := ChargeFrom(n); c.Code != "blood-draw" || c.Price.Amount != want || c.Quantity != 2 {
			t.Errorf("typed %s: %+v, want %s", typed, c, want)
		}
	}
}

// TestWhatIsOnAStatementIsNotOpen: also when its own status was never changed.
func TestWhatIsOnAStatementIsNotOpen(t *testing.T) {
	charge := func(id, status string) *fhir.Node {
		return fhir.Obj("resourceType", "ChargeItem", "id", id, "status", status, "subject", fhir.Obj("reference", "Patient/p"),
			"priceOverride", Money{100, "USD"}.node())
	}
	invoice := func(status, on string) *fhir.Node {
		return fhir.Obj("resourceType", "Invoice", "status", status, "lineItem", fhir.Arr(fhir.Obj("chargeItemReference", fhir.Obj("reference", "ChargeItem/"+on))))
	}
	u := UnbilledOf("p", []*fhir.Node{charge("a", "billable"), charge("b", "billable"), charge("c", "billed"), charge("d", "billable")},
		[]*fhir.Node{invoice("issued", "a"), invoice("cancelled", "b")})
	if len(u.Charges) != 2 || u.Charges[0].ID != "b" || u.Charges[1].ID != "d" || u.Sum.Amount != 200 || u.Missing != 2 || u.Ready() {
		t.Errorf("%+v", u)
	}
}
