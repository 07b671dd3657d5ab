package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// TestControlledDrugAsksWhoItIs: in Chromium, a prescriber who signed in six minutes ago signs an
// antihypertensive without a question, and touches the passkey for a sleeping pill. Nothing is
// prescribed before, and nothing that was chosen is lost.
func TestControlledDrugAsksWhoItIs(t *testing.T) {
	h := strict(t)
	h.ill()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.Authenticator()
	p.SignIn(h.url, "anna", phrase)
	p.Submit("form[action='/settings/passkeys'] [data-passkey]")
	p.Wait("#codes")
	h.clock.Advance(6 * time.Minute)
	prescribe := func(typed string) {
		p.Goto(h.url + "/p/sam/prescribe")
		p.Wait("#find-medicine:focus")
		scriptsReady(p)
		p.Press(typed)
		p.Press("\r")
		p.Wait("#rx .sent")
		p.Wait("#f-dose:focus")
		p.Chord("Enter")
	}
	prescribe("amlod")
	p.Wait(".toast")
	prescribe("zolpi")
	p.Wait("[data-into='prove.passkey']")
	p.Check()
	p.Picture("controlled")
	if l := h.medicines("sam"); len(l.Current) != 1 {
		t.Fatalf("prescribed before the proof: %+v", l.Current)
	}
	if text := p.Text("body"); !strings.Contains(text, "You are about to prescribe a controlled drug.") {
		t.Errorf("the question: %s", text)
	}
	p.Submit("[data-into='prove.passkey']")
	p.Wait(".toast")
	l := h.medicines("sam")
	if len(l.Current) != 2 {
		t.Fatalf("after the proof at %s: %+v", p.Path(), l.Current)
	}
}

// TestControlledDrugIsRenewedWithAProof: the same counts for signing one again, and a password
// alone is not enough for it where there is a second factor.
func TestControlledDrugIsRenewedWithAProof(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"),
		`{"resourceType":"MedicationRequest","id":"zol","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"zolpidem 5 mg tablet"},"authoredOn":"2026-08-20","requester":{"reference":"Practitioner/anna"},"dosageInstruction":[{"text":"Take 1 tablet at bedtime","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"quantity":{"value":14,"unit":"tablet"},"expectedSupplyDuration":{"value":14,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}}}`)
	anna := h.signedIn("anna")
	h.clock.Advance(6 * time.Minute)
	form := []string{"ref", "MedicationRequest/zol", "key", "k1"}
	if a := anna.post("/p/maria/medications/renew", form...); a.status != http.StatusUnauthorized || !a.says("prescribe a controlled drug") || a.value(t, "ref") != "MedicationRequest/zol" {
		t.Fatalf("renewing without a proof: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	me, err := h.site.Accounts.FindByUser(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	self := trust.Principal{ID: me.ID}
	e, err := h.site.Accounts.EnrolTOTP(t.Context(), self, me.ID)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := identity.TOTPCode(e.Secret, h.clock.Now())
	if err := h.site.Accounts.ConfirmTOTP(t.Context(), self, me.ID, code); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Minute)
	if a := anna.post("/p/maria/medications/renew", append(form, "prove.password", phrase)...); a.status != http.StatusUnauthorized {
		t.Fatalf("by the password alone: %d", a.status)
	}
	code, _ = identity.TOTPCode(e.Secret, h.clock.Now())
	if a := anna.post("/p/maria/medications/renew", append(form, "prove.password", phrase, "prove.code", code)...); a.status != http.StatusOK || !a.says("Renewed: zolpidem") {
		t.Errorf("with both factors: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestControlledDrugInAVisitAsksToo: the question comes inside of a visit as well, keeps which
// visit it is, and leads back there.
func TestControlledDrugInAVisitAsksToo(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	id := visit[strings.LastIndex(visit, "/")+1:]
	h.clock.Advance(6 * time.Minute)
	form := []string{"encounter", id, "medicine", "zolpidem 5 mg tablet", "dose", "1 tablet", "route", "by mouth", "timing", "1-1-d", "days", "5 days", "quantity", "5 tablets", "repeats", "0", "key", "k1"}
	a := anna.post("/p/maria/prescriptions", form...)
	if a.status != http.StatusUnauthorized || !a.says("prescribe a controlled drug") || a.value(t, "encounter") != id {
		t.Fatalf("without a proof: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if strings.Contains(anna.get(visit).body, "olpidem") {
		t.Fatal("prescribed before the proof")
	}
	a = anna.post("/p/maria/prescriptions", append(form, "prove.password", phrase)...)
	if a.status != http.StatusOK || a.path != visit || !a.says("Prescribed: zolpidem") {
		t.Errorf("with the proof: %d %s %s", a.status, a.path, tags.ReplaceAllString(a.body, " "))
	}
}
