package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// TestANursePreparesAPhysicianSigns: the nurse sees the findings and names who signs; the
// physician finds it in the inbox, sees the findings too, and cannot sign past them without a
// reason. Declining gives the nurse the reason.
func TestANursePreparesAPhysicianSigns(t *testing.T) {
	h := open(t)
	h.ill()
	amara, anna := h.signedIn("amara"), h.signedIn("anna")
	page := amara.get("/p/maria/prescribe?s=" + cotrimoxazole)
	for _, want := range []string{"Stop: Allergy: sulfonamides", "Who signs it", "Hand on for signature"} {
		if !page.says(want) {
			t.Errorf("the nurse's page does not say %q", want)
		}
	}
	if page.says("Prescribe anyway") || page.says("Sign the prescription") {
		t.Error("the nurse decides what the signature decides")
	}
	if a := amara.post("/p/maria/prescriptions", page.sent(cotrimoxazoleFields...)...); a.status != http.StatusForbidden {
		t.Errorf("a nurse signs: %d", a.status)
	}
	if a := amara.post("/p/maria/prescriptions/prepare", page.sent(cotrimoxazoleFields...)...); a.status != http.StatusUnprocessableEntity || !a.says("Choose who signs the prescription.") || !strings.Contains(a.body, `value="3 days"`) {
		t.Errorf("for nobody: %d", a.status)
	}
	if a := amara.post("/p/maria/prescriptions/prepare", page.sent(append(cotrimoxazoleFields, "physician", "amara")...)...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("for a nurse: %d", a.status)
	}
	done := amara.post("/p/maria/prescriptions/prepare", page.sent(append(cotrimoxazoleFields, "physician", "anna")...)...)
	if done.path != "/p/maria/medications" || !done.says("Dr Anna Lindqvist is asked to sign it.") || !done.says("Prepared, not signed") {
		t.Fatalf("handed on: %d %s %s", done.status, done.path, tags.ReplaceAllString(done.body, " "))
	}
	list := h.medicines("maria")
	if len(list.Current) != 2 || len(list.Prepared) != 1 {
		t.Fatalf("%+v", list)
	}

	if a := anna.get("/p/maria/timeline"); !a.says("lisinopril") || a.says("sulfamethoxazole") {
		t.Error("the timeline shows what nobody takes")
	}
	work, err := task.Of(t.Context(), h.actor(trust.Physician, "anna"), "anna")
	if err != nil || len(work) != 1 {
		t.Fatalf("%+v, %v", work, err)
	}
	item := anna.get("/inbox/" + work[0].ID)
	if !item.says("prepared for your signature") || !item.says("800 mg/160 mg tablet") || !item.says("Check and sign") || !item.says("Who prepared it reads it.") {
		t.Fatalf("the inbox: %s", tags.ReplaceAllString(item.body, " "))
	}
	open := anna.get("/p/maria/prescribe?renew=" + list.Prepared[0].Reference())
	if !open.says("prepared, not signed") || !open.says("Amara Mensah") || !open.says("Stop: Allergy: sulfonamides") || !strings.Contains(open.body, `value="6 tablets"`) {
		t.Fatalf("opened: %s", tags.ReplaceAllString(open.body, " "))
	}
	if a := anna.post("/p/maria/prescriptions", open.sent(append(cotrimoxazoleFields, "medicine", "sulfamethoxazole-trimethoprim 800 mg/160 mg tablet")...)...); a.status != http.StatusUnprocessableEntity || !a.says("A check stops this prescription") || !a.says("prepared, not signed") {
		t.Errorf("signed past an allergy: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/inbox/"+work[0].ID+"/reject", "reason", "Allergic to sulfonamides."); a.status != http.StatusOK || !a.says("Declined, with your reason.") {
		t.Fatalf("declined: %d", a.status)
	}
	if list = h.medicines("maria"); len(list.Prepared)+len(list.Past) != 0 || len(list.Current) != 2 {
		t.Errorf("after declining: %+v", list)
	}
	if a := amara.get("/inbox"); !a.says("A prescription that you prepared was not signed. Allergic to sulfonamides.") {
		t.Errorf("the nurse's inbox: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestAPreparedControlledDrugAsksWhoSigns: the nurse is not asked who it is, the physician is.
func TestAPreparedControlledDrugAsksWhoSigns(t *testing.T) {
	h := open(t)
	h.ill()
	amara, anna := h.signedIn("amara"), h.signedIn("anna")
	h.clock.Advance(6 * time.Minute)
	form := []string{"medicine", "zolpidem 5 mg tablet", "dose", "1 tablet", "route", "by mouth", "timing", "1-1-d", "days", "5 days", "quantity", "5 tablets", "repeats", "0"}
	if a := amara.post("/p/sam/prescriptions/prepare", append(form, "key", "k1", "physician", "anna")...); a.status != http.StatusOK || !a.says("Prepared: zolpidem") {
		t.Fatalf("prepared: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	ref := h.medicines("sam").Prepared[0].Reference()
	page := anna.get("/p/sam/prescribe?renew=" + ref)
	asked := anna.post("/p/sam/prescriptions", page.sent(form...)...)
	if asked.status != http.StatusUnauthorized || !asked.says("prescribe a controlled drug") || len(h.medicines("sam").Prepared) != 1 {
		t.Fatalf("signed without a proof: %d", asked.status)
	}
	if a := anna.post("/p/sam/prescriptions", append(page.sent(form...), "prove.password", phrase)...); a.status != http.StatusOK || !a.says("Prescribed: zolpidem") {
		t.Fatalf("with the proof: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if l := h.medicines("sam"); len(l.Prepared) != 0 || len(l.Current) != 1 || l.Current[0].Reference() != ref {
		t.Errorf("signed: %+v", l)
	}
}

// TestPreparingByKeyboard: in Chromium a nurse finds, fills in and hands on without a mouse.
func TestPreparingByKeyboard(t *testing.T) {
	h := openWith(t, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})
	h.ill()
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := webtest.Start(t).Open(h.url+"/sign-in", v)
		p.SignIn(h.url, "amara", phrase)
		p.Goto(h.url + "/p/sam/prescribe")
		p.Wait("#find-medicine:focus")
		scriptsReady(p)
		p.Press("amlod")
		p.Press("\r")
		p.Wait("#rx .sent")
		p.Wait("#f-dose:focus")
		p.Check()
		p.Picture("prepare-" + v.Name)
		p.Chord("Enter")
		p.Wait(".toast")
		p.Check()
		p.Picture("prepared-" + v.Name)
	}
	l, err := medication.List(t.Context(), h.actor(trust.Physician, "anna"), "sam")
	if err != nil || len(l.Prepared) != 2 || len(l.Current) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}
