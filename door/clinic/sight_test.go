package clinic

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/trust"
)

// sightHouse is the clinic of the stories of charts with a medical assistant, who is not told of mental
// health, health records, a front desk and an auditor.
func sightHouse(t *testing.T) house {
	t.Helper()
	h := openChart(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Practitioner","id":"lena","name":[{"family":"Berg","given":["Lena"]}]}`,
		`{"resourceType":"Practitioner","id":"rita","name":[{"family":"Sousa","given":["Rita"]}]}`,
		`{"resourceType":"PractitionerRole","id":"r7","active":true,"practitioner":{"reference":"Practitioner/lena","display":"Lena Berg"},"code":[{"text":"medical-assistant"}]}`,
		`{"resourceType":"PractitionerRole","id":"r8","active":true,"practitioner":{"reference":"Practitioner/rita","display":"Rita Sousa"},"code":[{"text":"records"}]}`)
	for _, d := range []identity.Draft{
		{User: "lena", Name: "Lena Berg", Role: trust.MedicalAssistant, Practitioner: "lena", Password: phrase},
		{User: "rita", Name: "Rita Sousa", Role: trust.Records, Practitioner: "rita", Password: phrase},
		{User: "tom", Name: "Tom Reyes", Role: trust.FrontDesk, Password: phrase},
		{User: "ines", Name: "Ines Castellanos", Role: trust.Auditor, Password: phrase},
	} {
		if _, err := h.site.Accounts.Create(t.Context(), trust.System("test"), d); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

const (
	illness   = "Type 2 diabetes mellitus"
	illnessAt = "/p/maria/sight/Condition/dm"
)

// TestALabelByHand: a physician labels a stored entry with a reason and a proof of who it is; who is
// not cleared sees it no longer, until the label is taken off; the page says who did it and why.
func TestALabelByHand(t *testing.T) {
	h := sightHouse(t)
	anna, lena := h.signedIn("anna"), h.signedIn("lena")
	if a := lena.get("/p/maria/problems"); !a.says(illness) {
		t.Fatalf("the medical assistant, before: %d", a.status)
	}
	if a := anna.get("/p/maria/problems"); !strings.Contains(a.body, `href="`+illnessAt+`"`) {
		t.Fatal("no way leads from the problem to who may see it")
	}
	page := anna.get(illnessAt)
	if !page.says("bears no sensitivity label") || !page.says("mental health: hidden from: medical assistant") || !page.says("Nobody has changed its labels") {
		t.Errorf("the page without a label: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	for range 2 { // so long that the proof is old
		anna.pastSigning()
	}
	set := []string{"had", "", "label", "PSY", "reason", "She told me of it in \"confidence\"."}
	if a := anna.post(illnessAt, set...); a.status != http.StatusUnauthorized || !a.says("change what people or programs may see") {
		t.Fatalf("labelled without a proof: %d", a.status)
	}
	if a := lena.get("/p/maria/problems"); a.path == "/p/maria/problems" && !a.says(illness) {
		t.Error("it is hidden before anybody proved who they are")
	}
	without := anna.post(illnessAt, "had", "", "label", "PSY", "reason", " ", "prove.password", phrase)
	if without.status != http.StatusUnprocessableEntity || !without.says("Say why the label is set") || !strings.Contains(without.body, `value="PSY" checked`) {
		t.Errorf("without a reason: %d", without.status)
	}
	if a := anna.post(illnessAt, "had", "", "reason", "nothing"); a.status != http.StatusUnprocessableEntity || !a.says("Nothing was changed") {
		t.Errorf("without a change: %d", a.status)
	}
	a := anna.post(illnessAt, set...)
	if a.path != illnessAt || !a.says("set by Dr Anna Lindqvist") || !a.says("She told me of it in &#34;confidence&#34;.") || !a.says("set: mental health") {
		t.Fatalf("labelled: %s %d %s", a.path, a.status, tags.ReplaceAllString(a.body, " "))
	}
	lena = h.signedIn("lena")
	if a := lena.get("/p/maria/problems"); a.status != http.StatusOK || a.says(illness) {
		t.Errorf("the medical assistant still sees it: %d", a.status)
	}
	if a := h.signedIn("amara").get("/p/maria/problems"); !a.says(illness) || a.says("Who may see") {
		t.Error("a nurse, whose role sees mental health, does not see it, or is offered to label")
	}
	if a := anna.get("/p/maria/sight"); !a.says(illness) || !a.says("1 entry") {
		t.Error("the list of what not everybody sees lacks it")
	}
	for _, user := range []string{"amara", "lena", "tom"} {
		b, _ := h.enters(user)
		if got := b.get(illnessAt).status; got != http.StatusForbidden {
			t.Errorf("%s opens the page of labels: %d", user, got)
		}
		if got := b.post(illnessAt, "had", "PSY", "reason", "mine").status; got != http.StatusForbidden {
			t.Errorf("%s takes the label off: %d", user, got)
		}
	}
	if a := anna.get("/p/otto/sight/Condition/dm"); a.status != http.StatusNotFound {
		t.Errorf("through the chart of somebody else: %d", a.status)
	}
	if a := anna.post("/p/otto/sight/Condition/dm", "had", "PSY", "reason", "x"); a.status != http.StatusNotFound {
		t.Errorf("changed through the chart of somebody else: %d", a.status)
	}
	rita, _ := h.enters("rita") // health records may too
	a = rita.post(illnessAt, "had", "PSY", "reason", "Not what it is about.")
	if a.path != illnessAt || !a.says("taken off by Rita Sousa") || !a.says("Not what it is about.") || !a.says("set by Dr Anna Lindqvist") && !a.says("She told me of it") {
		t.Fatalf("taken off: %s %d %s", a.path, a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := lena.get("/p/maria/problems"); !a.says(illness) {
		t.Error("the medical assistant does not see it again")
	}
	ines, _ := h.enters("ines")
	if a := ines.get("/audit?patient=maria&did=wrote"); !a.says("Not what it is about.") || !a.says("labels: set: mental health") || !a.says("labels: taken off: mental health") {
		t.Errorf("the audit log does not tell it: %d", a.status)
	}
}

// TestObjectionsAreNotedAndLifted: what a patient says about a colleague is noted by a physician with a
// proof, obeyed at once, told in plain words, and lifted with a reason; nurses do neither.
func TestObjectionsAreNotedAndLifted(t *testing.T) {
	h := sightHouse(t)
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	if a := anna.get("/p/maria/rights"); !a.says("The patient has objected to nothing") || !a.says("Amara Mensah") || !a.says("Lena Berg") {
		t.Fatalf("before: %d", a.status)
	}
	against := []string{"against", rights.Person, "practitioner", "amara", "why", "She is my neighbour."}
	if a := amara.post("/p/maria/objections", against...); a.status != http.StatusForbidden {
		t.Errorf("a nurse notes an objection: %d", a.status)
	}
	if a := amara.get("/p/maria/rights"); a.status != http.StatusOK || strings.Contains(a.body, `id="object"`) {
		t.Errorf("a nurse is offered the form: %d", a.status)
	}
	for form, want := range map[string]string{"practitioner=": "Choose the person", "why=": "Write what the patient has said", "until=2026-01-01": "over already"} {
		name, value, _ := strings.Cut(form, "=")
		if a := anna.post("/p/maria/objections", append(except(against, name), name, value)...); a.status != http.StatusUnprocessableEntity || !a.says(want) || !a.says("She is my neighbour.") && name != "why" {
			t.Errorf("%s: %d", form, a.status)
		}
	}
	a := anna.post("/p/maria/objections", append(against, "until", "2027-11-30")...)
	if a.path != "/p/maria/rights" || !a.says("Amara Mensah does not see this chart.") || !a.says("She is my neighbour.") || !a.says("30-Nov-2027") {
		t.Fatalf("noted: %s %d %s", a.path, a.status, tags.ReplaceAllString(a.body, " "))
	}
	if got := amara.get("/p/maria"); got.says("OKAFOR") || got.says(illness) {
		t.Error("the neighbour still sees the chart")
	}
	list, err := rights.Objections(t.Context(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d objections, %v", len(list), err)
	}
	at := "/p/maria/objections/" + list[0].ID + "/lift"
	if a := anna.post(at, "lift-why", " "); a.status != http.StatusUnprocessableEntity || !a.says("Say why it is lifted") {
		t.Errorf("lifted without a reason: %d", a.status)
	}
	if a := anna.post("/p/otto/objections/"+list[0].ID+"/lift", "lift-why", "x"); a.status != http.StatusNotFound {
		t.Errorf("lifted through somebody else's chart: %d", a.status)
	}
	if a := anna.post(at, "lift-why", "They have made it up."); !a.says("Lifted. It is not in force any more.") || !a.says("They have made it up.") || !a.says("1 that is not in force") {
		t.Errorf("lifted: %d", a.status)
	}
	if got := amara.get("/p/maria"); !got.says("OKAFOR") {
		t.Error("after it was lifted the colleague still does not see the chart")
	}
}

// TestAnObjectionAgainstWhoCares: nobody notes one against themselves, and who cares for the patient is closed out
// only when that is known. What nobody could lift again is not offered.
func TestAnObjectionAgainstWhoCares(t *testing.T) {
	h := sightHouse(t)
	anna := h.signedIn("anna")
	if a := anna.post("/p/maria/objections", "against", "everybody", "why", "Nobody."); a.status != http.StatusUnprocessableEntity || !a.says("Choose against whom it is") {
		t.Errorf("against everybody: %d", a.status)
	}
	if a := anna.get("/p/maria/rights"); strings.Contains(a.body, `<option value="anna"`) || !strings.Contains(a.body, `<option value="amara"`) {
		t.Error("who notes it is offered")
	}
	against := []string{"against", rights.Person, "practitioner", "anna", "why", "I want another doctor."}
	if a := anna.post("/p/maria/objections", against...); a.status != http.StatusUnprocessableEntity || !a.says("noted by a colleague") {
		t.Errorf("against oneself: %d", a.status)
	}
	h.commit(trust.System("import"), `{"resourceType":"CareTeam","id":"team","status":"active","subject":{"reference":"Patient/maria"},"participant":[{"member":{"reference":"Practitioner/anna"}}]}`)
	rita, _ := h.enters("rita")
	a := rita.post("/p/maria/objections", against...)
	if a.status != http.StatusUnprocessableEntity || !a.says("Nothing is noted yet") || !a.says("This person is in the patient&#39;s care team.") || !a.says("I want another doctor.") {
		t.Fatalf("no warning: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if got := anna.get("/p/maria"); !got.says("Potassium") {
		t.Error("the warning has closed the chart")
	}
	if a := rita.post("/p/maria/objections", append(against, "despite", "amara")...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the tick was for another person: %d", a.status)
	}
	if a := rita.post("/p/maria/objections", append(against, "despite", "anna")...); a.path != "/p/maria/rights" || !a.says("Noted.") {
		t.Fatalf("noted: %s %d", a.path, a.status)
	}
	if got := anna.get("/p/maria"); got.says("Potassium") {
		t.Error("the chart is open")
	}
	list, err := rights.Objections(t.Context(), h.actor(trust.Records, "rita"), "maria")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d objections, %v", len(list), err)
	}
	if a := rita.post("/p/maria/objections/"+list[0].ID+"/lift", "lift-why", "She has thought it over."); !a.says("Lifted") {
		t.Errorf("lifted: %s %d", a.path, a.status)
	}
	if got := anna.get("/p/maria"); !got.says("Potassium") {
		t.Error("the chart stays closed")
	}
}

// TestManyEndedConsents: what was ended is shown in parts, with how many there are, and hides nothing that is in force.
func TestManyEndedConsents(t *testing.T) {
	h := sightHouse(t)
	const body = `{"resourceType":"Consent","id":"%s","status":"%s","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]},{"text":"x"}],"patient":{"reference":"Patient/maria"},"policyRule":{"text":"x"},"provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Practitioner/amara"}}]}}`
	bodies := []string{fmt.Sprintf(body, "first", "active")}
	for i := range pastShown*2 + 1 {
		bodies = append(bodies, fmt.Sprintf(body, fmt.Sprint("over-", i), []string{"inactive", "entered-in-error"}[i%2]))
	}
	h.commit(trust.System("import"), bodies...)
	anna := h.signedIn("anna")
	shown := func(a answer) int { return strings.Count(a.body, `id="objection-over-`) }
	a := anna.get("/p/maria/rights")
	if shown(a) != pastShown || !strings.Contains(a.body, "/objections/first/lift") || !a.says("101 that are not in force") || !a.says("Show more of 51 older ones") {
		t.Errorf("%d are shown: %s", shown(a), tags.ReplaceAllString(a.body, " "))
	}
	for _, want := range []int{2 * pastShown, 2*pastShown + 1} {
		_, next, _ := strings.Cut(a.body, `href="/p/maria/rights?ended=`)
		next, _, _ = strings.Cut(next, "#")
		if a = anna.get("/p/maria/rights?ended=" + next); shown(a) != want || !strings.Contains(a.body, "/objections/first/lift") || !a.says("101 that are not in force") {
			t.Errorf("%d are shown of %d", shown(a), want)
		}
	}
	if strings.Contains(a.body, "older one") {
		t.Error("more is offered than there is")
	}
}

// TestALargeClinic: everybody who works there can be booked and objected to, and every room is there.
func TestALargeClinic(t *testing.T) {
	h := sightHouse(t)
	var bodies []string
	for i := range 220 {
		bodies = append(bodies, fmt.Sprintf(`{"resourceType":"Practitioner","id":"many%d"}`, i), fmt.Sprintf(`{"resourceType":"Location","id":"room%d","status":"active","name":"Room %d"}`, i, i),
			fmt.Sprintf(`{"resourceType":"PractitionerRole","active":true,"practitioner":{"reference":"Practitioner/many%d","display":"Many %d"},"code":[{"text":"nurse"}]}`, i, i))
	}
	h.commit(trust.System("import"), bodies...)
	anna := h.actor(trust.Physician, "anna")
	clinicians, err := schedule.Clinicians(t.Context(), anna)
	if err != nil || len(clinicians) < 220 {
		t.Errorf("%d clinicians, %v", len(clinicians), err)
	}
	rooms, err := schedule.Rooms(t.Context(), anna)
	if err != nil || len(rooms) < 220 {
		t.Errorf("%d rooms, %v", len(rooms), err)
	}
	if staff, err := workingHere(t.Context(), anna); err != nil || len(staff) < 220 {
		t.Errorf("%d who work here, %v", len(staff), err)
	}
}

// except leaves a field out of the pairs of a form.
func except(pairs []string, name string) (out []string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != name {
			out = append(out, pairs[i], pairs[i+1])
		}
	}
	return out
}

// TestLabelsInABrowser: with scripts, the question who it is comes over the page, and the colleague at
// the next workstation sees the entry no longer, and then again.
func TestLabelsInABrowser(t *testing.T) {
	h := sightHouse(t)
	b, other := webtest.Start(t), webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	q := other.Open(h.url+"/sign-in", webtest.Desktop)
	q.SignIn(h.url, "lena", phrase)
	sees := func() bool {
		q.Goto(h.url + "/p/maria/problems")
		return strings.Contains(q.Text("#main"), illness)
	}
	if !sees() {
		t.Fatal("the medical assistant does not see it before")
	}
	p.Goto(h.url + "/p/maria/problems")
	p.Submit(`a[href="` + illnessAt + `"]`)
	p.Click(`#sight [name="label"][value="PSY"]`)
	p.Type("#f-reason", "She told me so.")
	h.clock.Advance(11 * time.Minute)
	p.Click("#sight button.primary")
	p.Wait(`[name="prove.password"]`)
	p.Type(`[name="prove.password"]`, phrase)
	p.Press("\r")
	p.Wait("#labels")
	if got := p.Text("#labels"); !strings.Contains(got, "mental health") || !strings.Contains(got, "Dr Anna Lindqvist") {
		t.Errorf("the page after labelling: %s", got)
	}
	if sees() {
		t.Error("the medical assistant sees what was labelled")
	}
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		for name, path := range map[string]string{"sight": illnessAt, "sight-list": "/p/maria/sight?kind=Observation", "sight-problems": "/p/maria/problems", "objections": "/p/maria/rights", "looked": "/p/maria/looked"} {
			s := b.Open(h.url+path, v)
			s.Check()
			s.Picture(name + "-" + v.Name)
		}
	}
	h.commit(trust.System("import"), `{"resourceType":"CareTeam","id":"team","status":"active","subject":{"reference":"Patient/maria"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`)
	for _, v := range []webtest.View{webtest.Dark, webtest.Phone} {
		s := b.Open(h.url+"/p/maria/rights", v)
		s.Click(`[name="against"][value="` + rights.Person + `"]`)
		webtest.Eval[bool](s, `(()=>{document.querySelector("#f-practitioner").value="amara";return true})()`)
		s.Type("#f-why", "She is my neighbour.")
		s.Submit("#object button.primary")
		s.Wait("#f-despite")
		s.Check()
		webtest.Eval[bool](s, `(()=>{document.querySelector("#f-despite").scrollIntoView({block:"center"});return true})()`)
		s.Picture("objection-warned-" + v.Name)
	}
	p = b.Open(h.url+"/p/maria/sight", webtest.Desktop)
	if strings.Contains(p.Text("#main"), "There is nothing of this kind") || webtest.Eval[bool](p, `!!document.querySelector('a[href^="/p/maria/sight/Observation/"]')`) {
		t.Error("the list of entries is there before a kind is chosen")
	}
	webtest.Eval[bool](p, `(()=>{const s=document.querySelector("#f-kind");s.value="Observation";s.dispatchEvent(new Event("change",{bubbles:true}));return true})()`)
	p.Wait(`.card:has(#f-kind) a[href^="/p/maria/sight/Observation/"]`)
	if !webtest.Eval[bool](p, `document.querySelector("#f-kind").value==="Observation" && [...document.querySelectorAll(".card:has(#f-kind) li a")].every(a=>a.pathname.startsWith("/p/maria/sight/Observation/"))`) {
		t.Error("the kind that was chosen does not stand over entries of that kind alone")
	}
	p.NoConsoleFaults()
	p = b.Open(h.url+illnessAt, webtest.Desktop)
	p.Click(`#sight [name="label"][value="PSY"]`)
	p.Type("#f-reason", "It was a mistake.")
	p.Submit("#sight button.primary")
	if got := p.Text("#labels"); !strings.Contains(got, "taken off by Dr Anna Lindqvist") {
		t.Errorf("the page after it was taken off: %s", got)
	}
	if !sees() {
		t.Error("the medical assistant does not see it again")
	}
}

// TestAnAllergyIsNotHidden: nobody labels an allergy, and the page says why; one that bears a label from before
// is shown again when it is lifted. Meanwhile no page and no sheet says that nobody has asked.
func TestAnAllergyIsNotHidden(t *testing.T) {
	h := sightHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"AllergyIntolerance","id":"peni","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"Penicillin"},"patient":{"reference":"Patient/maria"},"criticality":"high",
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]}}`)
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	const at = "/p/maria/sight/AllergyIntolerance/peni"
	for page, want := range map[string]string{"/p/maria": "No allergies recorded that you may see", "/p/maria/allergies": "No answer is recorded that you may see",
		"/p/maria/prescribe": "None recorded that you may see", "/p/maria/emergency": "NO ALLERGIES ON THIS SHEET"} {
		who := amara
		a := who.get(page)
		if a.status != http.StatusOK || !a.says(want) || a.says("Penicillin") || a.says("Nobody has asked") || a.says("Allergies not recorded") || a.says("Nobody has recorded") {
			t.Errorf("%s of the nurse: %d, without %q", page, a.status, want)
		}
	}
	if a := anna.get("/p/maria/allergies"); !a.says("Penicillin") || !strings.Contains(a.body, `href="`+at+`"`) {
		t.Error("the physician is not led to the label that stands on the allergy")
	}
	if a := anna.get(at); !a.says("can kill") || !strings.Contains(a.body, `value="SUD" checked`) || strings.Contains(a.body, `value="PSY"`) {
		t.Errorf("the page of a labelled allergy: %d", a.status)
	}
	if a := anna.post(at, "had", "SUD", "label", "SUD", "label", "PSY", "reason", "more"); a.status != http.StatusUnprocessableEntity || !a.says("can kill") {
		t.Errorf("another label: %d", a.status)
	}
	if a := anna.post(at, "had", "SUD", "reason", "Everybody must know."); a.path != at || !a.says("taken off by Dr Anna Lindqvist") || strings.Contains(a.body, `<form method="post" action="`+at) {
		t.Fatalf("lifted: %s %d", a.path, a.status)
	}
	if a := amara.get("/p/maria/emergency"); !a.says("KNOWN ALLERGIES") || !a.says("Penicillin") {
		t.Errorf("the nurse still lacks it: %d", a.status)
	}
	if a := anna.get("/p/maria/allergies"); strings.Contains(a.body, `href="`+at+`"`) {
		t.Error("a lock leads from an allergy without a label to its labels")
	}
	if a := anna.post(at, "had", "", "label", "PSY", "reason", "She asked me to."); a.status != http.StatusUnprocessableEntity || !a.says("everybody who treats must see it") {
		t.Errorf("labelled by hand: %d", a.status)
	}
}
