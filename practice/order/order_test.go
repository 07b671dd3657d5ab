package order

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var (
	noon      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	physician = trust.Principal{ID: "acc-anna", Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna"}
)

func open(t testing.TB) *record.Actor {
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
	for _, b := range []string{`{"resourceType":"Practitioner","id":"anna"}`, `{"resourceType":"Patient","id":"maria"}`, `{"resourceType":"Patient","id":"sam"}`} {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := gate.As(trust.System("import"), "test").Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	return gate.As(physician, "test")
}

func TestPlaceListCancel(t *testing.T) {
	actor := open(t)
	ctx := t.Context()
	placed, _, err := Place(ctx, actor, "k1", Draft{Patient: "maria", LOINC: "24362-6", Reason: "CKD"}, Draft{Patient: "maria", LOINC: "4548-4", InDays: 90})
	if err != nil || len(placed) != 2 {
		t.Fatalf("%v %+v", err, placed)
	}
	l, err := List(ctx, actor, "maria")
	if err != nil || len(l.Open) != 2 || l.Open[0].Name != "Kidney function" || l.Open[0].Requester != "Practitioner/anna" || l.Open[0].Reason != "CKD" || l.Open[1].Planned.Format("2006-01-02") != "2027-02-22" {
		t.Fatalf("%v %+v", err, l)
	}
	if _, _, err := Place(ctx, actor, "k2", Draft{Patient: "maria", LOINC: "24362-6"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same test twice: %v", err)
	}
	if _, _, err := Place(ctx, actor, "k3", Draft{Patient: "maria", LOINC: "24362-6", Again: true}); err != nil {
		t.Errorf("the same test twice on purpose: %v", err)
	}
	if _, err := Cancel(ctx, actor, "sam", placed[0].ID, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("cancel in another chart: %v", err)
	}
	if _, err := Cancel(ctx, actor, "maria", placed[0].ID, "Done elsewhere"); err != nil {
		t.Fatal(err)
	}
	if _, err := Cancel(ctx, actor, "maria", placed[0].ID, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("cancel twice: %v", err)
	}
	l, _ = List(ctx, actor, "maria")
	if len(l.Open) != 2 || len(l.Done) != 1 || l.Done[0].Note != "Done elsewhere" || l.Done[0].Status != "revoked" {
		t.Errorf("after cancelling: %+v", l)
	}
	if l, _ = List(ctx, actor, "sam"); len(l.Open)+len(l.Done) != 0 {
		t.Errorf("another patient's orders: %+v", l)
	}
}

func TestBadOrders(t *testing.T) {
	actor := open(t)
	for name, d := range map[string]Draft{
		"nothing": {Patient: "maria"}, "the past": {Patient: "maria", LOINC: "4548-4", InDays: -1}, "years ahead": {Patient: "maria", LOINC: "4548-4", InDays: 5000},
		"urgency": {Patient: "maria", LOINC: "4548-4", Priority: "now!"},
	} {
		if _, _, err := Place(t.Context(), actor, "", d); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Place(t.Context(), actor, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("no draft: %v", err)
	}
	if _, _, err := Place(t.Context(), actor, "", Draft{Patient: "maria", LOINC: "4548-4"}, Draft{Patient: "sam", LOINC: "4548-4"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("two patients: %v", err)
	}
}

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Catalogue() {
		if seen[o.LOINC] || o.Name == "" || o.Display == "" || len(o.Members) == 0 || !checkDigit(o.LOINC) {
			t.Errorf("%+v is incomplete, twice, or has a wrong check digit", o)
		}
		seen[o.LOINC] = true
		if known := len(o.Tests()); known == 0 && !o.Words {
			t.Errorf("%s has no test that labrange knows", o.Name)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d orderables, want at least 40", len(seen))
	}
	for typed, want := range map[string]string{"kidn": "Kidney function", "cbc": "Full blood count", "a1c": "HbA1c", "pota": "Potassium", "tsh": "TSH", "lip": "Lipids", "covid": "SARS-CoV-2 PCR"} {
		got := Search(typed, 5)
		if len(got) == 0 || got[0].Name != want {
			t.Errorf("%q finds %v first, want %s", typed, got, want)
		}
	}
	if len(Search("", 5))+len(Search("zzzz", 5)) != 0 {
		t.Error("nothing typed finds something")
	}
}

func checkDigit(code string) bool {
	body, digit, ok := strings.Cut(code, "-")
	if !ok || len(digit) != 1 {
		return false
	}
	sum := 0
	for i, double := len(body)-1, true; i >= 0; i, double = i-1, !double {
		d := int(body[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10-sum%10)%10 == int(digit[0]-'0')
}
