package clinic

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/order"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// ill gives Maria an allergy, a problem, two medicines, kidneys and a high potassium, and
// the house a second patient.
func (h house) ill() {
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"gender":"male","birthDate":"1980-01-01"}`,
		`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"code":{"text":"sulfonamides"},"category":["medication"],"recordedDate":"2011-05-11","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"reaction":[{"manifestation":[{"text":"rash"}]}]}`,
		`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/maria"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"text":"Hypertension"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
		`{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"authoredOn":"2026-09-01T09:00:00Z","reasonReference":[{"reference":"Condition/c1","display":"Hypertension"}],"dosageInstruction":[{"text":"Take 1 tablet by mouth once daily","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"quantity":{"value":90,"unit":"tablet"},"expectedSupplyDuration":{"value":90,"unit":"days","system":"http://unitsofmeasure.org","code":"d"}}}`,
		`{"resourceType":"MedicationStatement","id":"s1","status":"active","subject":{"reference":"Patient/maria"},"informationSource":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"moonflower drops"},"effectivePeriod":{"start":"2026-10-01"}}`,
		`{"resourceType":"Observation","id":"k","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"text":"Potassium","coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","valueQuantity":{"value":5.3,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`,
	)
}

const cotrimoxazole = "sulfamethoxazole-trimethoprim-800-mg-160-mg-tablet"

func (h house) medicines(patient string) medication.Medicines {
	h.t.Helper()
	l, err := medication.List(h.t.Context(), h.actor(trust.Physician, "anna"), patient)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)

// sent is what the prescription form of a page sends, with more fields.
func (a answer) sent(more ...string) []string {
	_, form, _ := strings.Cut(a.body, `id="rx"`)
	var out []string
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		out = append(out, m[1], m[2])
	}
	return append(out, more...)
}

var cotrimoxazoleFields = []string{"dose", "1 tablet", "route", "by mouth", "timing", "2-1-d", "days", "3 days", "quantity", "6 tablets", "repeats", "0", "for", "acute cystitis"}

func TestAnAllergyIsCaughtWhilePrescribing(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	list := anna.post("/p/maria/prescribe/find", "q", "sulfameth")
	if !list.says("Matches, 2 of 2") || !list.says("stop: allergies") {
		t.Fatalf("the search: %s", tags.ReplaceAllString(list.body, " "))
	}
	page := anna.get("/p/maria/prescribe?s=" + cotrimoxazole)
	for _, want := range []string{"Stop: Allergy: sulfonamides", "recorded 11-May-2011", "Warning: High potassium", "Use fosfomycin", "Correct the allergy", "Prescribe anyway",
		"Not checked", "moonflower drops", "patient-stated and not coded", "no eGFR recorded", "cannot be signed as it is", "of 9 checks ran in full"} {
		if !page.says(want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	refused := anna.post("/p/maria/prescriptions", page.sent(cotrimoxazoleFields...)...)
	if refused.status != http.StatusUnprocessableEntity || !refused.says("A check stops this prescription") || !strings.Contains(refused.body, `value="3 days"`) {
		t.Errorf("without a reason: %d", refused.status)
	}
	if n := len(h.medicines("maria").Current); n != 2 {
		t.Fatalf("%d medicines after a refused prescription, want the 2 from before", n)
	}
	stop := "keep:ALG-CLASS|AllergyIntolerance/a1|"
	potassium := "LAB-POTASSIUM-HIGH||MedicationRequest/m1"
	signed := anna.post("/p/maria/prescriptions", page.sent(append(cotrimoxazoleFields, stop, "Specialist advised it", "monitor", potassium)...)...)
	if signed.path != "/p/maria/medications" || !signed.says("Prescribed: sulfamethoxazole-trimethoprim 800 mg/160 mg tablet.") || !signed.says("Undo") || !signed.says("Specialist advised it") {
		t.Fatalf("after signing: %d %s %s", signed.status, signed.path, tags.ReplaceAllString(signed.body, " "))
	}
	orders, err := order.List(t.Context(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(orders.Open) != 1 || orders.Open[0].LOINC != "2823-3" || orders.Open[0].Planned.Format("2006-01-02") != "2026-11-27" {
		t.Errorf("the promised potassium: %+v, %v", orders, err)
	}
	undone := anna.post("/undo", "token", signed.value(t, "token"), "next", "/p/maria/medications")
	if orders, _ = order.List(t.Context(), h.actor(trust.Physician, "anna"), "maria"); len(orders.Open) != 0 || len(h.medicines("maria").Current) != 2 || !undone.says("Undone.") {
		t.Error("the undo left the prescription or its order")
	}
}

// TestAWarningThatNobodySawIsNotSigned: a dose is raised and signed before the page could check it again.
func TestAWarningThatNobodySawIsNotSigned(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/prescribe?s=ibuprofen-600-mg-tablet")
	if !page.says("Warning: Kidney harm") || page.says("usual maximum") || strings.Count(page.body, "can be signed, with 1 warning") != 2 {
		t.Fatalf("the page: %s", tags.ReplaceAllString(page.body, " "))
	}
	fields := []string{"dose", "3 tablets", "route", "by mouth", "timing", "1-8-h", "prn", "yes", "quantity", "90 tablets", "repeats", "0"}
	refused := anna.post("/p/maria/prescriptions", page.sent(fields...)...)
	if refused.status != http.StatusUnprocessableEntity || !refused.says("New since the page was shown: Above the usual maximum.") || len(h.medicines("maria").Current) != 2 {
		t.Fatalf("a dose that nobody saw checked: %d %s", refused.status, tags.ReplaceAllString(refused.body, " "))
	}
	if signed := anna.post("/p/maria/prescriptions", refused.sent(fields...)...); !signed.says("Prescribed: ibuprofen 600 mg tablet.") {
		t.Errorf("after a look: %d", signed.status)
	}
}

func TestWhatTheCatalogueDoesNotKnowIsNotCleared(t *testing.T) {
	h := open(t)
	h.ill()
	page := h.signedIn("anna").post("/p/maria/prescribe/find", "free", "moonflower 3 mg")
	if !page.says("not in the catalogue: no check") || page.says("found nothing") || !page.says("of 9 checks ran in full, 0 found something") {
		t.Errorf("an unknown medicine: %s", tags.ReplaceAllString(page.body, " "))
	}
}

// TestWhatCouldNotBeCheckedIsSignedWithAWord: by "Write it myself" nothing is checked, so the
// physician says that they did it, of these very words; the list says so to who dispenses it.
func TestWhatCouldNotBeCheckedIsSignedWithAWord(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.post("/p/sam/prescribe/find", "free", "cetirizin")
	if !page.says("Did you mean cetirizine?") || page.says("can be signed") {
		t.Fatalf("a slip of the finger: %s", tags.ReplaceAllString(page.body, " "))
	}
	fields := []string{"medicine", "cetirizin", "dose", "1 tablet", "route", "by mouth", "timing", "1-1-d", "quantity", "10 tablets", "repeats", "0", "note", "after meals"}
	seen := anna.post("/p/sam/prescribe", page.sent(fields...)...)
	if !seen.says("I have checked allergies, interactions and dose myself.") || !strings.Contains(seen.body, "not checked") || seen.says("can be signed") {
		t.Errorf("complete and unchecked: %s", tags.ReplaceAllString(seen.body, " "))
	}
	for name, said := range map[string]string{"without a word": "", "with a word about another medicine": "foobarin"} {
		a := anna.post("/p/sam/prescriptions", page.sent(append(fields, "unchecked", said)...)...)
		if a.status != http.StatusUnprocessableEntity || !a.says("Osler could not check this medicine.") || !strings.Contains(a.body, `value="after meals"`) || len(h.medicines("sam").Current) != 0 {
			t.Fatalf("signed %s: %d %s", name, a.status, tags.ReplaceAllString(a.body, " "))
		}
	}
	if a := anna.post("/p/sam/prescriptions", page.sent(append(fields, "unchecked", "cetirizin")...)...); !a.says("Prescribed: cetirizin.") {
		t.Fatalf("with the word: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/sam/medications"); !a.says("not checked by Osler") || !a.says("The prescriber checked it: allergies, interactions and dose.") {
		t.Errorf("the list: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestAForeignNameIsCheckedAsTheKnownOne: by "Write it myself" in Spanish, an allergy to a sulfonamide
// still stops it; the tick does not carry it, and a reason does.
func TestAForeignNameIsCheckedAsTheKnownOne(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.post("/p/maria/prescribe/find", "free", "sulfametoxazol")
	if !page.says("If this is sulfamethoxazole:") || page.says("can be signed") {
		t.Fatalf("the foreign name: %s", tags.ReplaceAllString(page.body, " "))
	}
	before := len(h.medicines("maria").Current)
	fields := []string{"medicine", "sulfametoxazol", "dose", "1 tablet", "route", "by mouth", "timing", "1-1-d", "quantity", "10", "repeats", "0", "unchecked", "sulfametoxazol"}
	if a := anna.post("/p/maria/prescriptions", page.sent(fields...)...); a.status != http.StatusUnprocessableEntity || len(h.medicines("maria").Current) != before {
		t.Fatalf("signed with a tick: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestASupplyOfADoseInMilligramsSaysOfWhat: "21" beside a dose of 500 mg is not 21 mg; beside tablets it is tablets.
func TestASupplyOfADoseInMilligramsSaysOfWhat(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.post("/p/sam/prescribe/find", "free", "moonflower")
	for _, c := range []struct {
		dose, quantity string
		status         int
	}{{"500 mg", "21", http.StatusUnprocessableEntity}, {"10 units", "3", http.StatusUnprocessableEntity}, {"500 mg", "21 capsules", http.StatusSeeOther}, {"1 tablet", "21", http.StatusSeeOther}} {
		before := len(h.medicines("sam").Current)
		fields := page.sent("medicine", "moonflower", "dose", c.dose, "route", "by mouth", "timing", "3-1-d", "quantity", c.quantity, "repeats", "0", "unchecked", "moonflower")
		a := anna.post("/p/sam/prescriptions", fields...)
		signed := len(h.medicines("sam").Current) - before
		if refused := c.status == http.StatusUnprocessableEntity; refused != (a.status == c.status) || refused != (signed == 0) || refused != a.says("Write of what it is too") {
			t.Errorf("%s, %s: %d, %d signed: %s", c.dose, c.quantity, a.status, signed, tags.ReplaceAllString(a.body, " "))
		}
	}
}

func TestStoppingTheOtherWithThePrescription(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/prescribe?s=losartan-50-mg-tablet")
	if !page.says("Double blockade") || !page.says("Stop lisinopril") {
		t.Fatalf("losartan on lisinopril: %s", tags.ReplaceAllString(page.body, " "))
	}
	fields := []string{"dose", "1 tablet", "timing", "1-1-d", "quantity", "90 tablets", "repeats", "0", "for", "Condition/c1", "stop", "MedicationRequest/m1"}
	again := anna.post("/p/maria/prescribe", page.sent(fields...)...)
	if again.says("Double blockade") || !again.says("Ends with this prescription:") {
		t.Error("what ends with the prescription is still counted")
	}
	if a := anna.post("/p/maria/prescriptions", page.sent(fields...)...); a.status != http.StatusUnprocessableEntity || !a.says("New since the page was shown: High potassium.") {
		t.Errorf("with the potassium of losartan alone, which nobody has seen: %d", a.status)
	}
	if a := anna.post("/p/maria/prescriptions", again.sent(fields...)...); !a.says("1 other stopped.") {
		t.Fatalf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	l := h.medicines("maria")
	if len(l.Current) != 2 || l.Past[0].ID != "m1" || l.Current[0].ReasonRef != "Condition/c1" {
		t.Errorf("after replacing: %+v", l)
	}
}

func TestRenewStopAndRefill(t *testing.T) {
	h := open(t)
	h.ill()
	h.commit(trust.System("portal"), string(task.Task{ID: "r1", Kind: task.RefillRequest, Status: "requested", Priority: "routine", Patient: "maria", Owner: "anna", Requester: "Patient/maria",
		Focus: "MedicationRequest/m1", Text: "lisinopril", Authored: noon}.Resource().JSON()))
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/meds")
	if page.path != "/p/maria/medications" || !page.says("patient says") || !page.says("not in the catalogue: checks do not see it") || !page.says("Grant refill") || !page.says("5 days left") {
		t.Fatalf("the list at %s: %s", page.path, tags.ReplaceAllString(page.body, " "))
	}
	look := anna.post("/p/maria/medications/refill", "task", "r1", "ref", "MedicationRequest/m1")
	if look.path != "/p/maria/prescribe" || !look.says("The checks found something new since this was signed last.") || !look.says("1 finding is new since then") || !look.says("new since it was signed last") || len(h.medicines("maria").Past) != 0 {
		t.Fatalf("a refill with a high potassium that nobody was told of: %d %s %s", look.status, look.path, tags.ReplaceAllString(look.body, " "))
	}
	if look.says("can be signed") || !look.says("new since it was signed last: needs a reason") || !look.says("New: to renew this medicine, choose a reason or a test.") || !strings.Contains(look.body, "disabled") {
		t.Errorf("a renewal with news looks as if it could be signed: %s", tags.ReplaceAllString(look.body, " "))
	}
	fields := []string{"medicine", "lisinopril 20 mg tablet", "dose", "1 tablet", "timing", "1-1-d", "quantity", "90 tablets", "repeats", "0", "for", "Condition/c1", "stop", "MedicationRequest/m1"}
	if a := anna.post("/p/maria/prescribe/compose", look.sent(fields...)...); a.says("can be signed") || !a.says("new since it was signed last: needs a reason") {
		t.Errorf("the part of the page looks otherwise: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/p/maria/prescriptions", look.sent(fields...)...); a.status != http.StatusUnprocessableEntity || len(h.medicines("maria").Past) != 0 {
		t.Fatalf("what is new is signed without a reason: %d", a.status)
	}
	tick := regexp.MustCompile(`name="monitor" value="([^"]+)"`).FindStringSubmatch(look.body)
	if tick == nil {
		t.Fatalf("nothing answers it: %s", look.body)
	}
	fields = append(fields, "monitor", html.UnescapeString(tick[1]))
	if a := anna.post("/p/maria/prescribe/compose", look.sent(fields...)...); !a.says("can be signed") {
		t.Errorf("with a reason: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/p/maria/prescriptions", look.sent(fields...)...); !a.says("Prescribed: lisinopril 20 mg tablet.") || a.says("Grant refill") {
		t.Fatalf("signed after a look: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	renewed := h.medicines("maria").Current[0].Reference()
	if a := anna.post("/p/maria/medications/renew", "one", renewed, "key", "k"); !a.says("Renewed: lisinopril 20 mg tablet.") {
		t.Errorf("renew: %d", a.status)
	}
	if a := anna.post("/p/maria/medications/renew", "ref", "MedicationStatement/s1"); a.path != "/p/maria/prescribe" || !a.says("moonflower drops") {
		t.Errorf("what cannot be renewed as it is leads to %s (%d)", a.path, a.status)
	}
	if a := anna.post("/p/maria/medications/stop", "ref", "MedicationStatement/s1"); !a.says("Stopped.") {
		t.Errorf("stop: %d", a.status)
	}
	if a := anna.post("/p/sam/medications/stop", "ref", h.medicines("maria").Current[0].Reference()); a.status != http.StatusNotFound {
		t.Errorf("one patient's medicine is stopped from another's chart: %d", a.status)
	}
	if l := h.medicines("maria"); len(l.Current) != 1 || len(l.Past) != 3 {
		t.Errorf("%d current and %d past, want 1 and 3", len(l.Current), len(l.Past))
	}
	amara := h.signedIn("amara")
	if a := amara.post("/p/maria/medications/renew", "one", h.medicines("maria").Current[0].Reference()); a.status != http.StatusForbidden {
		t.Errorf("a nurse renews: %d", a.status)
	}
}

// TestOfSeveralTheOneThatStopsIsNamed: the renewal of several says which of them needs a look.
func TestOfSeveralTheOneThatStopsIsNamed(t *testing.T) {
	h := open(t)
	h.ill()
	h.commit(trust.System("import"), `{"resourceType":"MedicationRequest","id":"cet","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"cetirizine 10 mg tablet"},"authoredOn":"2026-09-01T09:00:00Z","dosageInstruction":[{"text":"1 tablet once daily","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"quantity":{"value":90,"unit":"tablet"}}}`)
	a := h.signedIn("anna").post("/p/maria/medications/renew", "ref", "MedicationRequest/cet", "ref", "MedicationRequest/m1", "key", "k")
	if a.status != http.StatusUnprocessableEntity || !a.says("lisinopril 20 mg tablet: The checks found something new") || len(h.medicines("maria").Past) != 0 {
		t.Errorf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestWhatIsForbiddenComesLast: a word for a problem offers first what the patient can take; what
// the allergy forbids is still there, with the reason.
func TestWhatIsForbiddenComesLast(t *testing.T) {
	h := open(t)
	h.ill()
	a := h.signedIn("anna").post("/p/maria/medicine-search", "q", "cystitis")
	text := tags.ReplaceAllString(a.body, " ")
	forbidden, last := strings.Index(text, "Last, because of:"), 0
	for _, name := range []string{"nitrofurantoin", "fosfomycin", "cephalexin"} {
		last = max(last, strings.Index(text, name))
	}
	if forbidden < 0 || !a.says("Last, because of: Allergy") || forbidden < last {
		t.Errorf("offered for cystitis: %s", text)
	}
}

// kid gives the house a child of two without a weight.
func (h house) kid() {
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"kid","name":[{"family":"Hill","given":["Noa"]}],"gender":"female","birthDate":"2024-10-01"}`)
}

// TestAChildIsWeighedBesideThePrescription: without a weight the page says so first, takes it, and
// keeps what was typed; forms of adults come last and are called so.
func TestAChildIsWeighedBesideThePrescription(t *testing.T) {
	h := open(t)
	h.kid()
	anna := h.signedIn("anna")
	page := anna.get("/p/kid/prescribe?s=cetirizine-10-mg-tablet")
	if !page.says("Weight not recorded: dose by weight not checked") || !page.says("form and strength of adults") || page.says("can be signed") {
		t.Fatalf("a child without a weight: %s", tags.ReplaceAllString(page.body, " "))
	}
	fields := []string{"dose", "0.25 tablet", "route", "by mouth", "timing", "1-1-d", "days", "10 days", "quantity", "3 tablets", "repeats", "0", "for", "hay fever", "note", "in juice"}
	for typed, says := range map[string]string{"": "Write the weight in kg.", "heavy": "cannot be read as a number"} {
		if a := anna.post("/p/kid/prescribe/weight", page.sent(append(fields, "weight", typed)...)...); a.status != http.StatusUnprocessableEntity || !a.says(says) || !strings.Contains(a.body, `value="in juice"`) {
			t.Errorf("%q kg: %d %s", typed, a.status, tags.ReplaceAllString(a.body, " "))
		}
	}
	a := anna.post("/p/kid/prescribe/weight", page.sent(append(fields, "weight", "12.4")...)...)
	if a.status != http.StatusOK || a.says("Weight not recorded") || !a.says("Weight recorded: 12.4 kg.") || !strings.Contains(a.body, `value="in juice"`) || !strings.Contains(a.body, `value="0.25 tablet"`) || !a.says("dose not checked") || !a.says("Dose by weight not checked: the catalogue has no doses for children") {
		t.Fatalf("weighed: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	h.clock.Advance(200 * 24 * time.Hour)
	anna = h.signedIn("anna")
	amara := h.signedIn("amara")
	if a := amara.get("/p/kid/prescribe"); !a.says("The weight is old: dose by weight not checked") || !a.says("6 months ago") && !a.says("200 days ago") {
		t.Errorf("200 days later: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/p/kid/medicine-search", "q", "cetirizine"); !a.says("The catalogue has only forms and strengths of adults for this.") {
		t.Errorf("only tablets: %s", a.body)
	}
	a = anna.post("/p/kid/medicine-search", "q", "infection")
	if text := tags.ReplaceAllString(a.body, " "); strings.Contains(text, "only forms and strengths of adults") && strings.Contains(text, "ointment") {
		t.Errorf("more than tablets: %s", text)
	}
	if a := anna.get("/p/maria/prescribe"); a.says("by weight") {
		t.Error("a grown-up is asked for a weight")
	}
}

// TestAChildHasNoDoseOfAdults: a ready prescription is one of adults; for a child its dose stays empty,
// on the page and in its part, and the field says why.
func TestAChildHasNoDoseOfAdults(t *testing.T) {
	h := open(t)
	h.kid()
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"teen","name":[{"family":"Hill","given":["Ira"]}],"gender":"male","birthDate":"2011-10-01"}`)
	anna := h.signedIn("anna")
	for _, patient := range []string{"kid", "teen"} {
		for _, path := range []string{"/prescribe?s=cetirizine-10-mg-tablet", "/prescribe/compose?s=cetirizine-10-mg-tablet"} {
			a := anna.get("/p/" + patient + path)
			for _, name := range []string{"dose", "days", "quantity", "note"} {
				if m := regexp.MustCompile(`name="` + name + `"[^>]* value="([^"]*)"`).FindStringSubmatch(a.body); m == nil || m[1] != "" {
					t.Errorf("%s%s: %s is %q", patient, path, name, m)
				}
			}
			if !a.says("Empty for a child: work it out by weight.") || !a.says("The dose is left empty: the catalogue has doses of adults only.") || !a.says("not complete") {
				t.Errorf("%s%s does not say why: %s", patient, path, tags.ReplaceAllString(a.body, " "))
			}
		}
	}
	if a := anna.post("/p/teen/medicine-search", "q", "cetirizine"); a.says("1 tablet") || !a.says("no dose for a child: you write it") {
		t.Errorf("the list offers a dose of adults: %s", tags.ReplaceAllString(a.body, " "))
	}
	page := anna.get("/p/kid/prescribe?s=cetirizine-10-mg-tablet")
	fields := []string{"dose", "0.25 tablet", "route", "by mouth", "timing", "1-1-d", "days", "10 days", "quantity", "3 tablets", "repeats", "0", "for", "hay fever"}
	if a := anna.post("/p/kid/prescribe/compose", page.sent(fields...)...); !strings.Contains(a.body, `value="0.25 tablet"`) || a.says("Empty for a child") {
		t.Errorf("what was typed: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/maria/prescribe?s=cetirizine-10-mg-tablet"); !strings.Contains(a.body, `value="1 tablet"`) {
		t.Error("a grown-up's dose is gone")
	}
}

// TestAWeightThatNobodyConfirmedDosesNothing: one that a program sent is told and not used, on the page
// of prescribing, of vital signs and in the summary, until somebody says that it is right.
func TestAWeightThatNobodyConfirmedDosesNothing(t *testing.T) {
	h := open(t)
	h.growing()
	h.commit(trust.System("import"), `{"resourceType":"Observation","id":"sent","status":"final","subject":{"reference":"Patient/ada"},"code":{"coding":[{"system":"http://loinc.org","code":"3141-9"}]},"effectiveDateTime":"2026-11-23","valueQuantity":{"value":30.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`)
	anna := h.signedIn("anna")
	for path, want := range map[string]string{"/prescribe?s=cetirizine-10-mg-tablet": "unusual value, not confirmed: not used", "/vitals": "unusual, not confirmed", "": "unusual, not confirmed", "/vitals/sent": "Nothing is computed from it."} {
		if a := anna.get("/p/ada" + path); !a.says(want) {
			t.Errorf("%s lacks %q: %s", path, want, strings.Join(strings.Fields(tags.ReplaceAllString(a.body, " ")), " "))
		}
	}
	if a := anna.get("/p/ada/prescribe?s=cetirizine-10-mg-tablet"); !a.says("13.3 kg") || !a.says("30.5 kg") {
		t.Error("the weight that counts, or the one that does not, is not told")
	}
	fix := []string{"weight", "30.5", "reason", "weighed again", "do", "correct"}
	if a := anna.post("/p/ada/vitals/sent", fix...); a.status != http.StatusUnprocessableEntity || !a.says("Yes, this is right") {
		t.Errorf("confirmed without a tick: %d", a.status)
	}
	if a := anna.post("/p/ada/vitals/sent", append(fix, "sure-weight", "30.5")...); a.status != http.StatusOK {
		t.Errorf("confirmed: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/ada/prescribe?s=cetirizine-10-mg-tablet"); a.says("not confirmed") || !a.says("30.5 kg") {
		t.Errorf("confirmed, and not used: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestAMarkerHasItsAge: the value that tells how a problem stands says of when it is, unless it is of today.
func TestAMarkerHasItsAge(t *testing.T) {
	h := open(t)
	pressure := func(id, when, s, d string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/tess"},"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"` + when + `","component":[
			{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":` + s + `,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":` + d + `,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"tess","name":[{"family":"Hill","given":["Tess"]}],"birthDate":"1960-01-01"}`,
		`{"resourceType":"Condition","id":"ht","subject":{"reference":"Patient/tess"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}],"text":"Hypertension"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
		`{"resourceType":"Condition","id":"dm","subject":{"reference":"Patient/tess"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}],"text":"Diabetes"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
		`{"resourceType":"Observation","id":"a1c","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/tess"},"code":{"text":"HbA1c","coding":[{"system":"http://loinc.org","code":"4548-4"}]},"effectiveDateTime":"2025-11-20T08:40:00Z","valueQuantity":{"value":7.1,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}`,
		pressure("old", "2026-05-20T08:40:00Z", "152", "94"))
	marker := func(name string) string {
		body := h.signedIn("anna").get("/p/tess").body
		_, after, _ := strings.Cut(body, `<span class="sub">`+name+`</span>`)
		row, _, _ := strings.Cut(after, "</td>")
		return strings.Join(strings.Fields(tags.ReplaceAllString(row, " ")), " ")
	}
	if got := marker("BP"); !strings.Contains(got, "152/94") || !strings.Contains(got, "20-May-2026 (6 months ago)") {
		t.Errorf("pressure: %q", got)
	}
	if got := marker("HbA1c"); !strings.Contains(got, "7.1") || !strings.Contains(got, "20-Nov-2025 (12 months ago)") {
		t.Errorf("HbA1c: %q", got)
	}
	h.commit(trust.System("import"), pressure("new", "2026-11-24T08:40:00Z", "138", "84"))
	if got := marker("BP"); !strings.Contains(got, "138/84") || strings.Contains(got, "2026") {
		t.Errorf("pressure of today: %q", got)
	}
}

// TestTheSupplyFollowsTheDirections: what the form worked out follows what is changed, and is seen
// before it is signed; what a person typed stays, with the difference.
func TestTheSupplyFollowsTheDirections(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.get("/p/sam/prescribe?s=cephalexin-500-mg-capsule")
	fields := func(dose, timing, days, quantity string) []string {
		return []string{"dose", dose, "route", "by mouth", "timing", timing, "days", days, "quantity", quantity, "repeats", "0", "for", "acute cystitis"}
	}
	for name, c := range map[string]struct{ dose, timing, days, quantity, want, says string }{
		"nothing changed":   {"1 capsule", "2-1-d", "7 days", "14 capsules", "14 capsules", ""},
		"a longer course":   {"1 capsule", "2-1-d", "10 days", "14 capsules", "20 capsules", ""},
		"more often":        {"1 capsule", "4-1-d", "7 days", "14 capsules", "28 capsules", ""},
		"a double dose":     {"2 capsules", "2-1-d", "7 days", "14 capsules", "28 capsules", ""},
		"typed by hand":     {"1 capsule", "2-1-d", "7 days", "28 capsules", "28 capsules", "28 capsules: lasts 14 days; the course is 7 days."},
		"by hand, and less": {"1 capsule", "4-1-d", "7 days", "12 capsules", "12 capsules", "12 capsules: lasts 3 days; the course is 7 days."},
	} {
		a := anna.post("/p/sam/prescribe/compose", page.sent(fields(c.dose, c.timing, c.days, c.quantity)...)...)
		if !strings.Contains(a.body, `name="quantity" type="text" value="`+c.want+`"`) || c.says != "" && !a.says(c.says) || c.says == "" && a.says("the course is") {
			t.Errorf("%s: %s", name, tags.ReplaceAllString(a.body, " "))
		}
	}
	changed := fields("1 capsule", "2-1-d", "10 days", "14 capsules")
	a := anna.post("/p/sam/prescriptions", page.sent(changed...)...)
	if a.status != http.StatusUnprocessableEntity || !a.says("The supply followed the directions: 20 capsules. Look at it, then sign.") || len(h.medicines("sam").Current) != 0 {
		t.Fatalf("signed before the supply was seen: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/p/sam/prescriptions", a.sent(fields("1 capsule", "2-1-d", "10 days", "20 capsules")...)...); !a.says("Prescribed: cephalexin") || h.medicines("sam").Current[0].Quantity != 20 {
		t.Errorf("seen: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	free := anna.post("/p/sam/prescribe/find", "free", "cetirizine 10 mg tablet")
	b := anna.post("/p/sam/prescribe/compose", free.sent("medicine", "cetirizine 10 mg tablet", "dose", "1 tablet", "timing", "2-1-d", "days", "5 days", "quantity", "", "repeats", "0", "for", "hay fever")...)
	if !strings.Contains(b.body, `name="quantity" type="text" value="10 tablets"`) || !strings.Contains(b.body, `value="hay fever"`) {
		t.Errorf("written by hand: %s", b.body)
	}
}

func TestOrderResultReview(t *testing.T) {
	h := open(t)
	h.ill()
	ctx, doctor := t.Context(), h.actor(trust.Physician, "anna")
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	if a := anna.post("/p/maria/test-search", "q", "kidn"); !a.says("Kidney function") || !a.says("Sodium, Potassium") {
		t.Fatalf("search: %s", a.body)
	}
	placed := anna.post("/p/maria/orders", "test", "24362-6", "for", "Condition/c1")
	if placed.path != "/p/maria/orders" || !placed.says("Ordered: Kidney function.") || !placed.says("Hypertension") {
		t.Fatalf("order: %d %s", placed.status, tags.ReplaceAllString(placed.body, " "))
	}
	if a := anna.post("/p/maria/orders", "test", "24362-6"); a.status != http.StatusUnprocessableEntity || !a.says("still open") || !a.says("Order it again all the same") {
		t.Errorf("the same test twice: %d", a.status)
	}
	list, err := order.List(ctx, doctor, "maria")
	if err != nil || len(list.Open) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	path := "/orders/" + list.Open[0].ID + "/result"
	if a := amara.get("/p/sam" + path); a.status != http.StatusNotFound {
		t.Errorf("one patient's order opens in another's chart: %d", a.status)
	}
	form := amara.get("/p/maria" + path)
	if !form.says("Enter the result of Kidney function") || !form.says("3.5–5.1") {
		t.Fatalf("form: %s", tags.ReplaceAllString(form.body, " "))
	}
	bad := amara.post("/p/maria"+path, "v-2823-3", "five", "v-2951-2", "139", "collected", "2026-11-24T08:00")
	if bad.status != http.StatusUnprocessableEntity || !bad.says("Potassium cannot be read as a number") || !strings.Contains(bad.body, `value="five"`) || !strings.Contains(bad.body, `value="139"`) {
		t.Errorf("a bad value: %d", bad.status)
	}
	filed := amara.post("/p/maria"+path, "v-2823-3", "6.3", "v-2951-2", "139", "v-98979-8", "41", "collected", "2026-11-24T08:00", "lab", "City Laboratory")
	if filed.path != "/p/maria/results" || !filed.says("Result filed: Kidney function.") || !filed.says("unsigned") || !filed.says("very high") && !filed.says("critically") {
		t.Fatalf("filed: %d %s %s", filed.status, filed.path, tags.ReplaceAllString(filed.body, " "))
	}
	open, err := task.Of(ctx, doctor, "anna")
	if err != nil || len(open) != 1 || open[0].Priority != "stat" {
		t.Fatalf("the orderer's tasks: %+v, %v", open, err)
	}
	trend := anna.get("/p/maria/results/2823-3")
	if !trend.says("was 5.3") || !trend.says("Medicines that can change it") || !trend.says("lisinopril") || !trend.says("The same as a table") {
		t.Errorf("trend: %s", tags.ReplaceAllString(trend.body, " "))
	}
	if a := anna.get("/p/maria/results/99999-9"); a.status != http.StatusNotFound {
		t.Errorf("a test without results: %d", a.status)
	}
	for _, path := range []string{"/inbox/" + open[0].ID + "/done", "/p/maria/results/sign"} {
		a := anna.post(path, "task", open[0].ID, "comment", "Please come today.", "plan", " ")
		if a.status != http.StatusUnprocessableEntity || a.says("What was done (optional)") || !a.says("This result is critical. Write what was done") || !a.says("Please come today.") || !strings.Contains(a.body, `name="plan"`) {
			t.Errorf("a potassium of 6.3 is signed at %s without a plan: %d %s", path, a.status, tags.ReplaceAllString(a.body, " "))
		}
	}
	signed := anna.post("/p/maria/results/sign", "task", open[0].ID, "comment", "Please come today.", "plan", "Told by phone.")
	if !signed.says("1 signed.") || !signed.says("The patient reads your words") {
		t.Fatalf("signed: %d %s", signed.status, tags.ReplaceAllString(signed.body, " "))
	}
	report, err := result.Behind(ctx, h.actor(trust.Patient, "maria"), open[0].Focus)
	if err != nil || report.Comment != "Please come today." {
		t.Errorf("the patient reads %+v, %v", report, err)
	}
	if a := anna.post("/p/maria/results/sign"); a.status != http.StatusUnprocessableEntity || !a.says("Choose at least one result") {
		t.Errorf("signing nothing: %d", a.status)
	}
}

func TestCancelAnOrder(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	anna.post("/p/maria/orders", "name", "Zinc level", "days", "7")
	list, err := order.List(t.Context(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(list.Open) != 1 || list.Open[0].Name != "Zinc level" {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := anna.post("/p/maria/orders/" + list.Open[0].ID + "/cancel"); !a.says("Order cancelled.") || !a.says("No open orders.") {
		t.Errorf("cancel: %d", a.status)
	}
	if a := anna.post("/p/maria/orders/" + list.Open[0].ID + "/cancel"); a.status != http.StatusConflict {
		t.Errorf("cancel twice: %d", a.status)
	}
}

func TestWhoMayNotSeeMedicines(t *testing.T) {
	h := open(t)
	h.ill()
	priya := h.browser()
	if a := priya.post("/sign-in", "user", "priya", "password", phrase); a.path != "/billing" {
		t.Fatalf("the biller signed in and saw %s", a.path)
	}
	for _, path := range []string{"/p/maria/medications", "/p/maria/prescribe", "/p/maria/orders", "/p/maria/results", "/p/maria/results/2823-3"} {
		if a := priya.get(path); a.status != http.StatusForbidden || a.says("lisinopril") {
			t.Errorf("a biller opens %s: %d", path, a.status)
		}
	}
	if a := priya.post("/p/maria/medicine-search", "q", "lisin"); a.status != http.StatusForbidden || a.says("lisinopril") {
		t.Errorf("a biller looks for medicines: %d", a.status)
	}
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/nobody/medications", "/p/nobody/prescribe", "/p/nobody/orders", "/p/nobody/results"} {
		if a := anna.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestThePatientHasStoppedAMedicine: that stands beside it wherever it is called current, in her
// words, until somebody answers it.
func TestThePatientHasStoppedAMedicine(t *testing.T) {
	h := open(t)
	h.ill()
	h.commit(trust.System("import"),
		`{"resourceType":"MedicationStatement","id":"told","status":"stopped","subject":{"reference":"Patient/maria"},"informationSource":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"derivedFrom":[{"reference":"MedicationRequest/m1"}],"dateAsserted":"2026-11-20T09:00:00Z","note":[{"text":"made me cough"}]}`,
		`{"resourceType":"MedicationStatement","id":"also","status":"active","subject":{"reference":"Patient/maria"},"informationSource":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"ibuprofen 400 mg"},"dateAsserted":"2026-11-20T09:00:00Z","note":[{"text":"most days, for the knees"}]}`)
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/medications"} {
		page := anna.get(path)
		row, _, _ := strings.Cut(page.body[max(strings.Index(page.body, "isinopril"), 0):], "</tr>")
		for _, want := range []string{"patient says: stopped", "20-Nov-2026", "made me cough"} {
			if !strings.Contains(tags.ReplaceAllString(row, " "), want) {
				t.Errorf("%s does not say %q beside the medicine: %s", path, want, tags.ReplaceAllString(row, " "))
			}
		}
		if !page.says("most days, for the knees") {
			t.Errorf("%s leaves out how she takes the other", path)
		}
	}
}

// TestTheLabelNeverSaysAnotherDose: the words of the last prescription give way when a field beside
// them is changed, and nobody signs a label that was not seen.
func TestTheLabelNeverSaysAnotherDose(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	look := anna.get("/p/maria/prescribe?renew=MedicationRequest/m1")
	if !strings.Contains(look.body, `value="Take 1 tablet by mouth once daily"`) {
		t.Fatalf("the words of the last prescription are not there: %s", tags.ReplaceAllString(look.body, " "))
	}
	fields := []string{"medicine", "lisinopril 20 mg tablet", "dose", "2 tablets", "route", "by mouth", "timing", "1-1-d", "quantity", "180 tablets", "repeats", "0", "for", "Condition/c1", "stop", "MedicationRequest/m1",
		"words", "Take 1 tablet by mouth once daily"}
	if tick := regexp.MustCompile(`name="monitor" value="([^"]+)"`).FindStringSubmatch(look.body); tick != nil {
		fields = append(fields, "monitor", html.UnescapeString(tick[1]))
	}
	changed := anna.post("/p/maria/prescribe/compose", look.sent(fields...)...)
	if strings.Contains(changed.body, "Take 1 tablet") || !changed.says("label changed") || !changed.says("2 tablets") {
		t.Errorf("after the dose was changed: %s", tags.ReplaceAllString(changed.body, " "))
	}
	if a := anna.post("/p/maria/prescriptions", look.sent(fields...)...); a.status != http.StatusUnprocessableEntity || !a.says("The label follows the directions: 2 tablets") || len(h.medicines("maria").Past) != 0 {
		t.Fatalf("a label that nobody has seen is signed: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	fields[slices.Index(fields, "words")+1] = ""
	if a := anna.post("/p/maria/prescriptions", changed.sent(fields...)...); !a.says("Prescribed: lisinopril 20 mg tablet.") {
		t.Fatalf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	for _, m := range h.medicines("maria").Current {
		if m.Prior == "MedicationRequest/m1" && (m.Dose != 2 || strings.Contains(m.Directions, "1 tablet")) {
			t.Errorf("stored: dose %v, label %q", m.Dose, m.Directions)
		}
	}
}

// TestAResultOfASlipIsAskedAbout: 66 is not taken for a potassium until somebody says that it is what
// the laboratory reported, and what was typed is kept.
func TestAResultOfASlipIsAskedAbout(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	typed := []string{"v-2823-3", "66", "collected", "2026-11-24T08:00", "lab", "City Laboratory"}
	asked := anna.post("/p/maria/results/new?test=2823-3", typed...)
	if asked.status != http.StatusUnprocessableEntity || !asked.says("66 mmol/L is far from what is seen") || !strings.Contains(asked.body, `value="City Laboratory"`) {
		t.Fatalf("%d %s", asked.status, tags.ReplaceAllString(asked.body, " "))
	}
	if a := anna.post("/p/maria/results/new?test=2823-3", append(slices.Clone(typed), "sure-2823-3", "66")...); !a.says("Result filed") {
		t.Errorf("said to be right: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestAWrongResultIsMarked: from the page of the test, with a reason; then neither the chart nor the
// checks know it.
func TestAWrongResultIsMarked(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/results/2823-3")
	if !page.says("Wrong entry") || !page.says("5.3 mmol/L, 20-Nov-2026") {
		t.Fatalf("the page of the test: %s", tags.ReplaceAllString(page.body, " "))
	}
	if a := anna.post("/p/maria/results/2823-3", "value", "k", "reason", " "); a.status != http.StatusUnprocessableEntity || !a.says("Say why") {
		t.Errorf("without a reason: %d", a.status)
	}
	if a := anna.post("/p/maria/results/2823-3", "value", "k", "reason", "typed in the wrong chart"); !a.says("Marked as entered in error") || a.says("5.3") {
		t.Errorf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/maria/prescribe?s=" + cotrimoxazole); a.says("5.3") {
		t.Error("the checks still use it")
	}
}
