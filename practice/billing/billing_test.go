package billing

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

func TestCents(t *testing.T) {
	for literal, want := range map[string]Cents{"158": 15800, "158.5": 15850, "0.07": 7, "-12.30": -1230, "9.990": 999, "1000000.01": 100000001} {
		if got, err := ParseCents(literal); err != nil || got != want {
			t.Errorf("ParseCents(%q) = %d, %v; want %d", literal, got, err, want)
		}
	}
	for _, literal := range []string{"", "x", "1.005", "1.", ".5", "1e3", "--1", "99999999999999"} {
		if got, err := ParseCents(literal); err == nil {
			t.Errorf("ParseCents(%q) = %d, want an error", literal, got)
		}
	}
	if got := Cents(-1205).String(); got != "-12.05" {
		t.Errorf("-1205 cents read %s", got)
	}
}

func FuzzParseCents(f *testing.F) {
	f.Add("158.50")
	f.Add("-0.01")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCents(s)
		if err != nil {
			return
		}
		if back, err := ParseCents(c.String()); err != nil || back != c {
			t.Errorf("%q is %d, written %q, read %d (%v)", s, c, c.String(), back, err)
		}
	})
}

func TestSuggestVisit(t *testing.T) {
	for name, c := range map[string]struct {
		facts Facts
		want  string
	}{
		"nothing yet":                           {Facts{}, "visit-2"},
		"a cold":                                {Facts{Minor: 1}, "visit-2"},
		"one chronic problem, nothing changed":  {Facts{Chronic: 1}, "visit-2"},
		"cystitis with an antibiotic":           {Facts{Acute: 1, MedicineChanged: true}, "visit-3"},
		"two chronic problems, medicine change": {Facts{Chronic: 2, MedicineChanged: true}, "visit-4"},
		"two chronic problems, two tests":       {Facts{Chronic: 2, Tests: 2}, "visit-3"},
		"three tests and a medicine":            {Facts{Acute: 1, Tests: 3, MedicineChanged: true}, "visit-4"},
		"new patient":                           {Facts{NewPatient: true, Chronic: 2, MedicineChanged: true}, "visit-new-4"},
	} {
		if got := SuggestVisit(c.facts); got.Code != c.want || got.Why == "" {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func fee(code string, price Cents) Fee {
	return Fee{Code: code, CPT: "99213", Text: "Visit", Price: Money{price, "USD"}}
}

func TestFeeRoundTrip(t *testing.T) {
	want := fee("visit-3", 11205)
	got, ok := feeFrom(want.resource())
	if !ok || got.Code != want.Code || got.Price != want.Price || got.CPT != want.CPT || got.Text != want.Text {
		t.Errorf("%+v comes back as %+v", want, got)
	}
	if _, ok := feeFrom(fhir.Obj("resourceType", "ChargeItemDefinition")); ok {
		t.Error("a definition without code and price is a fee")
	}
}

func TestChargeNeedsAReasonWithACode(t *testing.T) {
	d := ChargeDraft{Patient: "p", Encounter: "e", Fee: fee("visit-3", 11200), When: time.Unix(0, 0).UTC()}
	if _, err := d.Resource(); err == nil {
		t.Error("a charge without a diagnosis is accepted")
	}
	d.Reasons = []Reason{{"", "free text"}}
	if _, err := d.Resource(); err == nil {
		t.Error("a charge with an uncoded diagnosis is accepted")
	}
	d.Reasons = []Reason{{"I10", "Hypertension"}, {"", "free text"}}
	n, err := d.Resource()
	if err != nil {
		t.Fatal(err)
	}
	c := ChargeFrom(n)
	if c.Total().Amount != 11200 || c.Code != "visit-3" || c.CPT != "99213" || len(c.Reasons) != 1 || c.Reasons[0].ICD != "I10" || c.Encounter != "e" {
		t.Errorf("the charge reads %+v", c)
	}
}

func TestStatementBalances(t *testing.T) {
	charge := func(id, price string) *fhir.Node {
		n, _ := fhir.Parse([]byte(`{"resourceType":"ChargeItem","id":"` + id + `","status":"billed","quantity":{"value":3},"priceOverride":{"value":` + price + `,"currency":"USD"},"code":{"text":"x"}}`))
		return n
	}
	invoice := func(total string) *fhir.Node {
		n, _ := fhir.Parse([]byte(`{"resourceType":"Invoice","id":"i","status":"issued","totalNet":{"value":` + total + `,"currency":"USD"},"lineItem":[{"chargeItemReference":{"reference":"ChargeItem/a"}},{"chargeItemReference":{"reference":"ChargeItem/b"}}]}`))
		return n
	}
	charges := []*fhir.Node{charge("a", "0.1"), charge("b", "0.2")}
	if s := StatementsFrom([]*fhir.Node{invoice("0.90")}, charges)[0]; !s.Balanced || s.Total.Amount != 90 {
		t.Errorf("0.30 and 0.60 do not add up to 0.90: %+v", s)
	}
	billable := charge("a", "0.1")
	billable.Set("status", fhir.Str("billable"))
	if c := ChargesFrom([]*fhir.Node{billable}, []*fhir.Node{invoice("0.90")}); c[0].Status != "billed" {
		t.Errorf("a charge that is on a statement counts as %s: it would be asked for twice", c[0].Status)
	}
	if s := StatementsFrom([]*fhir.Node{invoice("0.91")}, charges)[0]; s.Balanced {
		t.Error("a wrong total passes as balanced")
	}
	if s := StatementsFrom([]*fhir.Node{invoice("0.90")}, charges[:1])[0]; s.Balanced || !s.Lines[1].Missing {
		t.Errorf("a missing charge is not noticed: %+v", s)
	}
}
