package portal

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestPatientFindsWhoLookedInOneClick: the first page has the link; the page behind it says who,
// when and why, and what can be kept verifies and names nobody else.
func TestPatientFindsWhoLookedInOneClick(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	id := c.people[maria].Patient
	nurse := trust.Principal{ID: "n1", Name: "=Nurse Joy", Role: trust.Nurse, Purpose: trust.Treatment}
	if err := c.gate.As(nurse, "clinic").Note(t.Context(), ledger.Print, id, "chart"); err != nil {
		t.Fatal(err)
	}
	if _, home := c.see(maria, "/portal"); !strings.Contains(home, `href="/portal/access"`) {
		t.Fatal("the first page does not lead to who looked")
	}
	_, page := c.see(maria, "/portal/access")
	for _, want := range []string{"Nurse Joy", "for your treatment", `href="/portal/access/proof"`, `href="/portal/access/disclosures"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, table := c.see(maria, "/portal/access/disclosures")
	if !strings.Contains(table, "'=Nurse Joy") || !strings.Contains(table, "printed from your record") {
		t.Errorf("disclosures: %s", table)
	}
	_, file := c.see(maria, "/portal/access/proof")
	for user, other := range c.people {
		if other.Patient != "" && user != maria && strings.Contains(file, other.Patient) {
			t.Errorf("the proofs of Maria name %s", user)
		}
	}
	_, rest, _ := strings.Cut(file, `"key":"`)
	vkey, _, _ := strings.Cut(rest, `"`)
	key, err := ledger.OpenKey(strings.NewReplacer(`\u002b`, "+", `\u002B`, "+").Replace(vkey))
	if err != nil {
		t.Fatal(err)
	}
	joy := false
	found, err := ledger.Examination{Key: key, Report: func(p string) { t.Error(p) }, Each: func(_ int64, l ledger.Leaf) { joy = joy || l.Name == "=Nurse Joy" }}.Verify(strings.NewReader(file))
	if err != nil || found.Entries == 0 || !joy {
		t.Errorf("%+v, %v; the nurse among them: %v", found, err, joy)
	}
	forged := strings.Replace(file, "=Nurse Joy", "=Nurse Sad", 1)
	problems := 0
	if _, err := (ledger.Examination{Key: key, Report: func(string) { problems++ }}).Verify(strings.NewReader(forged)); err != nil || problems == 0 {
		t.Errorf("a forged line verifies: %v", err)
	}
}
