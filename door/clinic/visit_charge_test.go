package clinic

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/trust"
)

// TestAVisitIsChargedOnce: who covers signs and charges; the visit's own physician, whose page was
// opened before, signs only after having seen that, without a second charge for the visit unless
// she adds one herself.
func TestAVisitIsChargedOnce(t *testing.T) {
	h := openChart(t)
	h.commit(trust.System("import"), `{"resourceType":"Practitioner","id":"boris","name":[{"prefix":["Dr"],"family":"Hahn","given":["Boris"]}]}`)
	if _, err := h.site.Accounts.Create(t.Context(), trust.System("test"), identity.Draft{User: "boris", Name: "Dr Boris Hahn", Role: trust.Physician, Practitioner: "boris", Password: phrase}); err != nil {
		t.Fatal(err)
	}
	anna, boris := h.signedIn("anna"), h.signedIn("boris")
	visit := anna.startVisit()
	anna.post(visit+"/edit/diagnosis", "condition", "dm")
	before := anna.get(visit)
	if !before.says("Sign note, 1 charge") {
		t.Fatal("nothing to charge")
	}
	boris.post(visit+"/edit/diagnosis", "condition", "dm")
	page := boris.get(visit)
	if a := boris.post(visit+"/sign", "seen", page.value(t, "seen"), "key", page.value(t, "key"), "plan", "Covered."); !a.says("The visit stays open for its own clinician") {
		t.Fatalf("who covers signs: %d %s", a.status, a.path)
	}
	charges := func() int {
		c := h.chart("maria")
		return len(billing.ChargesFrom(c.Resources("ChargeItem"), nil))
	}
	if n := charges(); n != 1 {
		t.Fatalf("%d charges after the covering signature", n)
	}
	stale := anna.post(visit+"/sign", "seen", before.value(t, "seen"), "key", before.value(t, "key"), "plan", "Reviewed.")
	if stale.status != http.StatusConflict && stale.status != http.StatusUnprocessableEntity || charges() != 1 {
		t.Fatalf("signed without having seen the colleague's charge: %d, %d charges", stale.status, charges())
	}
	if !stale.says("charged already") || !stale.says("Dr Boris Hahn") || !stale.says("Reviewed.") {
		t.Errorf("the page does not say who charged, or has lost the text")
	}
	for _, v := range []webtest.View{webtest.Dark, webtest.Phone} {
		p := webtest.Start(t).Open(h.url+"/sign-in", v)
		p.SignIn(h.url, "anna", phrase)
		p.Goto(h.url + visit)
		p.Wait("#charges")
		p.Wait(".note p.sunk") // the line is seen, not only sent
		if said := p.Text(".note p.sunk"); !strings.Contains(said, "signed in this visit") || !strings.Contains(said, "Dr Boris Hahn") {
			t.Errorf("who has signed in this visit is not seen on a %s: %q", v.Name, said)
		}
		p.Check()
		p.Picture("charged-" + v.Name)
	}
	if a := anna.post(visit+"/sign", "seen", stale.value(t, "seen"), "key", stale.value(t, "key"), "plan", "Reviewed."); a.path != "/p/maria" || !a.says("Visit signed, no charges.") || charges() != 1 {
		t.Errorf("her own signature: %d %s, %d charges", a.status, a.path, charges())
	}
}
