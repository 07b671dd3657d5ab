package clinic

import (
	"context"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// openChart is a clinic in which Maria has a problem, a result, an earlier note and an
// appointment, and in which there is a price list and a second patient.
func openChart(t *testing.T) house {
	t.Helper()
	h := open(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"otto","name":[{"family":"Brandt","given":["Otto"]}],"birthDate":"1960-04-07","gender":"male"}`,
		`{"resourceType":"Location","id":"room3","name":"Room 3"}`,
		`{"resourceType":"Appointment","id":"a1","status":"checked-in","start":"2026-11-24T10:20:00Z","end":"2026-11-24T10:40:00Z","reasonCode":[{"text":"Diabetes review"}],
		  "participant":[{"status":"accepted","actor":{"reference":"Patient/maria"}},{"status":"accepted","actor":{"reference":"Practitioner/anna"}},{"status":"accepted","actor":{"reference":"Location/room3","display":"Room 3"}}]}`,
		`{"resourceType":"Condition","id":"dm","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}],"text":"Type 2 diabetes mellitus"},"onsetDateTime":"2019"}`,
		`{"resourceType":"MedicationRequest","id":"met","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"metformin 500 mg tablet"},"authoredOn":"2026-08-20","requester":{"reference":"Practitioner/anna"},"reasonReference":[{"reference":"Condition/dm","display":"Type 2 diabetes mellitus"}],"dosageInstruction":[{"text":"Take 1 tablet twice daily","timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"quantity":{"value":180,"unit":"tablet"},"expectedSupplyDuration":{"value":90,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}}}`,
		`{"resourceType":"Composition","id":"old","status":"final","type":{"text":"Progress note"},"subject":{"reference":"Patient/maria"},"date":"2026-08-02T09:00:00Z","author":[{"reference":"Practitioner/anna"}],"title":"Diabetes review",
		  "section":[{"title":"Subjective","code":{"coding":[{"system":"http://loinc.org","code":"61150-9"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Lives with daughter.</p></div>"}}]}`)
	for i, k := range []string{"4.4", "4.6", "4.7", "5.3"} {
		n := fhir.New("Observation")
		n.SetID("k" + string(rune('1'+i)))
		n.Set("status", fhir.Str("final"))
		n.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/observation-category", "code", "laboratory")))))
		n.Set("code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://loinc.org", "code", "2823-3")), "text", "Potassium"))
		n.Set("subject", fhir.Obj("reference", "Patient/maria"))
		n.Set("effectiveDateTime", fhir.Str(noon.AddDate(0, -3*(4-i), 0).Format(time.RFC3339)))
		n.Set("valueQuantity", fhir.Obj("value", fhir.Decimal(k), "unit", "mmol/L", "system", "http://unitsofmeasure.org", "code", "mmol/L"))
		n.Set("referenceRange", fhir.Arr(fhir.Obj("low", fhir.Obj("value", fhir.Decimal("3.5")), "high", fhir.Obj("value", fhir.Decimal("5.1")))))
		h.commit(trust.System("import"), string(n.JSON()))
	}
	if err := billing.SetDefaults(context.Background(), h.site.Gate.As(trust.System("set-up"), "test"), "USD"); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Minute)
	return h
}

func (h house) chart(patient string) chart.Chart {
	h.t.Helper()
	c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), patient)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// startVisit opens the visit of Maria's appointment and returns its path.
func (b browser) startVisit() string {
	b.h.t.Helper()
	a := b.post("/p/maria/visit", "appointment", "a1")
	if a.status != http.StatusOK || !strings.HasPrefix(a.path, "/p/maria/visit/") {
		b.h.t.Fatalf("the visit opens as %s with status %d", a.path, a.status)
	}
	return a.path
}

func TestAVisitWithoutScripts(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	if a := anna.get("/p/maria"); !a.says("OKAFOR, Maria") || !a.says("Type 2 diabetes mellitus") || !a.says("No allergies recorded that you may see") || !a.says("5.3") {
		t.Error("the summary lacks the name, the problem, the state of allergies or the result")
	}
	visit := anna.startVisit()
	for _, edit := range [][]string{{"diagnosis", "condition", "dm"}, {"diagnosis", "icd", "N30.00"}, {"pull", "pull", "lab:2823-3", "field", "objective"}, {"copy", "field", "subjective"}} {
		if a := anna.post(visit+"/edit/"+edit[0], edit[1:]...); a.status != http.StatusOK {
			t.Fatalf("%v: status %d", edit, a.status)
		}
	}
	page := anna.get(visit)
	if !page.says("Sign note, 1 charge") || !page.says("N30.00") || !page.says("Copied forward") {
		t.Error("the visit does not show what will be signed")
	}
	a := anna.post(visit+"/sign", "seen", page.value(t, "seen"), "key", page.value(t, "key"), "dx-1", "Above goal.", "subjective", "Burning & <b>2 days</b>.")
	if a.path != "/p/maria" || !a.says("Visit signed with 1 charge") {
		t.Fatalf("signing leads to %s (%d)", a.path, a.status)
	}
	c := h.chart("maria")
	note := c.Notes[0]
	if note.Status != "final" || note.SignedBy != "Practitioner/anna" || !strings.Contains(note.Sections[1].Text, "Burning & <b>2 days</b>.") {
		t.Errorf("the note is %+v", note)
	}
	read := anna.get("/p/maria/notes/" + note.ID)
	if !read.says("Burning &amp; &lt;b&gt;2 days&lt;/b&gt;.") || strings.Contains(read.body, "<b>2 days</b>") {
		t.Error("the note's text is not escaped on its page")
	}
	if a := anna.get(visit); a.path != "/p/maria/notes/"+note.ID {
		t.Errorf("the signed visit leads to %s, want its note", a.path)
	}
	amended := anna.post("/p/maria/notes/"+note.ID+"/amend", "version", note.Version, "section-"+chart.Subjective, "Burning for 3 days.", "reason", "")
	if amended.status != http.StatusUnprocessableEntity || !amended.says("Burning for 3 days.") {
		t.Errorf("an amendment without reason: status %d, or the typed text is lost", amended.status)
	}
	amended = anna.post("/p/maria/notes/"+note.ID+"/amend", "version", note.Version, "section-"+chart.Subjective, "Burning for 3 days.", "reason", "Asked again")
	if amended.status != http.StatusOK || !amended.says("Former versions") || !amended.says("Asked again") {
		t.Errorf("the amended note: status %d", amended.status)
	}
	charges := anna.get("/p/maria/charges")
	if !charges.says("74.00 USD") && !charges.says("96.00 USD") {
		t.Error("the charge is not listed with its price")
	}
	paper := anna.post("/p/maria/statement", "key", charges.value(t, "key"))
	if !strings.HasPrefix(paper.path, "/p/maria/statement/") || !paper.says("Balance") || paper.says("do not add up") {
		t.Errorf("the statement is at %s (%d)", paper.path, paper.status)
	}
	if a := anna.get(strings.Replace(paper.path, "maria", "otto", 1)); a.status != http.StatusNotFound {
		t.Errorf("Maria's statement opens in Otto's chart: %d", a.status)
	}
}

func TestWhatWasTypedSurvivesARefusedSignature(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	page := anna.get(visit)
	anna.post(visit+"/edit/diagnosis", "icd", "I10") // in another window
	a := anna.post(visit+"/sign", "seen", page.value(t, "seen"), "plan", "Long thoughts.")
	if a.status != http.StatusUnprocessableEntity || !a.says("Long thoughts.") || !a.says("Nothing is signed") {
		t.Errorf("status %d: the refusal does not say so or loses the text", a.status)
	}
	if n := len(h.chart("maria").Notes); n != 1 {
		t.Errorf("%d notes after a refused signature, want the earlier one only", n)
	}
}

func TestEntriesOfOneChartStayThere(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	for _, path := range []string{strings.Replace(visit, "maria", "otto", 1), "/p/otto/notes/old", "/p/nobody", "/p/nobody/vitals"} {
		if a := anna.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, a.status)
		}
	}
	for path, fields := range map[string][]string{
		"/p/otto/problems/dm/resolve":                                  nil,
		strings.Replace(visit, "maria", "otto", 1) + "/sign":           {"plan", "x"},
		strings.Replace(visit, "maria", "otto", 1) + "/edit/diagnosis": {"condition", "dm"},
		"/p/otto/notes/old/amend":                                      {"reason", "x", "section-61150-9", "y"},
		"/p/otto/medications/renew":                                    {"one", "MedicationRequest/met"},
	} {
		if a := anna.post(path, fields...); a.status != http.StatusNotFound {
			t.Errorf("POST %s answers %d, want 404", path, a.status)
		}
	}
	if p := h.chart("maria").ActiveProblems(); len(p) != 1 {
		t.Errorf("Maria's problem was changed through another chart: %+v", p)
	}
}

// growing are measurements of Otto, an adult, and of Ada, a child of six, of different days.
func (h house) growing() {
	measured := func(id, patient, code, value, unit, when string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"code":"vital-signs"}]}],"subject":{"reference":"Patient/` + patient + `"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},
			"effectiveDateTime":"` + when + `","performer":[{"reference":"Practitioner/amara"}],"valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
	}
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"otto","name":[{"family":"Brandt","given":["Otto"]}],"birthDate":"1960-04-07","gender":"male"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Brandt","given":["Ada"]}],"birthDate":"2023-06-01","gender":"female"}`,
		measured("oh", "otto", "8302-2", "180", "cm", "2021-03-02"), measured("ow", "otto", "29463-7", "81", "kg", "2026-11-24T08:00:00Z"),
		measured("op", "otto", "8867-4", "72", "/min", "2026-08-20T08:00:00Z"), measured("ot", "otto", "8310-5", "38.4", "Cel", "2021-03-02"),
		measured("ah", "ada", "8302-2", "92", "cm", "2026-10-20T08:00:00Z"), measured("aw", "ada", "29463-7", "13.3", "kg", "2026-10-22T08:00:00Z"))
}

// TestEachMeasurementHasItsAge: the card has one date; what was measured on another day says of which, an
// index of an adult says of when its height is, and a growing child has none from heights of another day.
func TestEachMeasurementHasItsAge(t *testing.T) {
	h := open(t)
	h.growing()
	anna := h.signedIn("anna")
	otto := anna.get("/p/otto")
	for _, want := range []string{"81 kg", "20-Aug-2026 , 3 months ago", "02-Mar-2021 , 5 years ago", "BMI 25.0 kg/m²", "with the height of 02-Mar-2021"} {
		if !otto.says(want) {
			t.Errorf("the adult's card lacks %q: %s", want, strings.Join(strings.Fields(tags.ReplaceAllString(otto.body, " ")), " "))
		}
	}
	if n := strings.Count(otto.body, `class="aged"`); n != 2 {
		t.Errorf("%d values look old, want pulse and temperature", n)
	}
	if a := anna.get("/p/ada/vitals"); a.says("BMI") {
		t.Error("a child has an index of two days")
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"teen","name":[{"family":"Brandt"}],"birthDate":"2012-06-01"}`,
		`{"resourceType":"Observation","id":"th","status":"final","subject":{"reference":"Patient/teen"},"code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"effectiveDateTime":"2026-02-01","valueQuantity":{"value":150,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}`,
		`{"resourceType":"Observation","id":"tw","status":"final","subject":{"reference":"Patient/teen"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2026-11-20","valueQuantity":{"value":45,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`)
	if a := anna.get("/p/teen"); !a.says("not computed: height is of 01-Feb-2026") {
		t.Errorf("a growing child: %s", strings.Join(strings.Fields(tags.ReplaceAllString(a.body, " ")), " "))
	}
}

// TestAnUnusualMeasurementIsAskedAbout: the value before and its day are shown, what was typed stays, and only
// the tick beside the value itself stores it.
func TestAnUnusualMeasurementIsAskedAbout(t *testing.T) {
	h := open(t)
	h.growing()
	amara := h.signedIn("amara")
	typed := []string{string(vital.Weight), "145", string(vital.Pulse), "98", "back", "/p/ada"}
	a := amara.post("/p/ada/vitals", typed...)
	if a.status != http.StatusUnprocessableEntity || !a.says("Weight of 145 kg is unusual at this age. The last one was 13.3 kg on 22-Oct-2026.") || !a.says("Yes, this is right") {
		t.Fatalf("asked: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if !strings.Contains(a.body, `value="145"`) || !strings.Contains(a.body, `value="98"`) || strings.Contains(a.body, "checked") {
		t.Error("what was typed is lost, or the tick is set already")
	}
	if a := amara.post("/p/ada/vitals", append([]string{"sure-weight", "144"}, typed...)...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the tick of another value stores it: %d", a.status)
	}
	if a := amara.post("/p/ada/vitals", string(vital.Temperature), "98", "back", "/p/ada"); a.status != http.StatusUnprocessableEntity || !a.says("If it is in Fahrenheit, write 98 F") || a.says("Yes, this is right") {
		t.Errorf("a temperature in the other unit: %d", a.status)
	}
	if a := amara.post("/p/ada/vitals", append([]string{"sure-weight", "145"}, typed...)...); a.path != "/p/ada" || !a.says("Vitals saved.") {
		t.Errorf("with the tick: %d %s", a.status, a.path)
	}
}

// TestAMeasurementIsCorrectedOnThePage: from the table of readings, with a reason; the wrong value leaves card
// and trend, and who may not write has no such link.
func TestAMeasurementIsCorrectedOnThePage(t *testing.T) {
	h := open(t)
	h.growing()
	amara := h.signedIn("amara")
	if page := amara.get("/p/otto/vitals"); !strings.Contains(page.body, `href="/p/otto/vitals/ow"`) || !page.says("25.0") {
		t.Fatal("no way to correct a weight")
	}
	page := amara.get("/p/otto/vitals/ow")
	key := page.value(t, "key")
	if a := amara.post("/p/otto/vitals/ow", "do", "correct", "weight", "91", "key", key); a.status != http.StatusUnprocessableEntity || !a.says("Say why") || !strings.Contains(a.body, `value="91"`) {
		t.Errorf("without a reason: %d", a.status)
	}
	if a := amara.post("/p/otto/vitals/ow", "do", "correct", "weight", "", "reason", "slip", "key", key); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an empty value: %d %s", a.status, a.path)
	}
	a := amara.post("/p/otto/vitals/ow", "do", "correct", "weight", "91", "reason", "wrong digit", "key", key)
	if a.path != "/p/otto/vitals" || !a.says("Corrected.") || a.says("81 kg") || !a.says("91 kg") || !a.says("28.1") {
		t.Fatalf("corrected: %d %s %s", a.status, a.path, tags.ReplaceAllString(a.body, " "))
	}
	if a := amara.get("/p/otto/vitals/ow"); !a.says("corrected") || !a.says("Corrected, was 81 kg: wrong digit") {
		t.Errorf("the measurement says nothing of it: %s", tags.ReplaceAllString(a.body, " "))
	}
	a = amara.post("/p/otto/vitals/ow", "do", "withdraw", "reason", "another patient's", "key", key)
	if !a.says("Marked as entered in error.") || a.says("91 kg") || amara.get("/p/otto").says("kg/m²") {
		t.Errorf("withdrawn: %s", tags.ReplaceAllString(a.body, " "))
	}
	undone := amara.post("/undo", "token", a.value(t, "token"), "next", "/p/otto/vitals")
	if !undone.says("91 kg") {
		t.Error("the undo did not bring it back")
	}
	for _, path := range []string{"/p/maria/vitals/ow", "/p/otto/vitals/nothing"} {
		if a := amara.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
		if a := amara.post(path, "do", "withdraw", "reason", "x"); a.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
}

func TestAddingToAChart(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	a := anna.post("/p/maria/vitals", string(vital.BloodPressure), "148/92", string(vital.Pulse), "780", "back", "/p/maria")
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="148/92"`) || !a.says("cannot be right") {
		t.Errorf("an impossible pulse: status %d, or the other values are lost", a.status)
	}
	a = anna.post("/p/maria/vitals", string(vital.BloodPressure), "148/92", string(vital.Pulse), "78", "back", "/p/maria")
	if a.path != "/p/maria" || !a.says("Vitals saved.") || !a.says("Undo") {
		t.Errorf("vitals lead to %s (%d)", a.path, a.status)
	}
	a = anna.post("/p/maria/problems", "icd", "I10", "text", "htn", "back", "/p/maria")
	if a.path != "/p/maria" || !a.says("Essential hypertension") {
		t.Errorf("a problem leads to %s (%d)", a.path, a.status)
	}
	a = anna.post("/p/maria/allergies", "agent", "peni", "pick", "penicillin", "reaction", "anaphylaxis", "back", "https://elsewhere.example/")
	if a.path != "/p/maria/allergies" || !a.says("may threaten life") {
		t.Errorf("an allergy leads to %s (%d)", a.path, a.status)
	}
	undo := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(a.body)
	if undo == nil {
		t.Fatal("the allergy cannot be undone")
	}
	anna.post("/undo", "token", undo[1], "next", "/p/maria/allergies")
	if s := h.chart("maria").Allergies.State; s != chart.NotRecorded {
		t.Errorf("after undo the allergies are in state %d", s)
	}
	if found := anna.post("/p/maria/problems/find", "q", "ckd"); !found.says("Chronic kidney disease") {
		t.Error("the list under the problem field is empty")
	}
	if found := anna.post("/p/maria/allergies/find", "q", "pean"); !found.says("peanut") {
		t.Error("the list under the agent field is empty")
	}
}

func TestRolesInAChart(t *testing.T) {
	h := openChart(t)
	priya := h.browser()
	priya.post("/sign-in", "user", "priya", "password", phrase)
	a := priya.get("/p/maria")
	if a.status != http.StatusOK || a.says("Type 2 diabetes mellitus") || a.says("Potassium") || a.says("metformin") {
		t.Errorf("the biller's page of a patient has status %d or shows clinical facts", a.status)
	}
	if a := priya.get("/p/maria/charges"); a.status != http.StatusOK {
		t.Errorf("the biller's page of charges answers %d", a.status)
	}
	for _, path := range []string{"/p/maria/vitals", "/p/maria/notes", "/p/maria/problems", "/p/maria/timeline"} {
		if a := priya.get(path); a.status != http.StatusForbidden {
			t.Errorf("a biller gets %s: %d", path, a.status)
		}
	}
	amara := h.signedIn("amara")
	visit := amara.startVisit()
	page := amara.get(visit)
	if page.says("charge\"") || !page.says("A physician adds the charges.") {
		t.Error("the nurse's visit offers charges")
	}
	if a := amara.post(visit+"/sign", "seen", page.value(t, "seen"), "plan", "Dressing changed."); a.path != "/p/maria" || !a.says("stays open for its own clinician") {
		t.Errorf("a nurse's signature leads to %s (%d)", a.path, a.status)
	}
}

func TestTheTimelineShowsThePast(t *testing.T) {
	h := openChart(t)
	h.clock.Advance(48 * time.Hour)
	anna := h.signedIn("anna")
	anna.post("/p/maria/problems", "icd", "I10")
	if a := anna.get("/p/maria/timeline"); !a.says("Essential hypertension") {
		t.Error("today's timeline lacks today's problem")
	}
	a := anna.get("/p/maria/timeline?asof=2026-11-24")
	if !a.says("Nothing can be changed here") || !a.says("not on the list") {
		t.Error("the chart as of two days ago does not say what changed since")
	}
	if a := anna.get("/p/maria/timeline?asof=2020-01-01"); a.status != http.StatusOK || !a.says("did not know the patient") {
		t.Errorf("a day before the record: %d", a.status)
	}
	if a := anna.get("/p/maria/timeline?asof=soon"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an unreadable day: %d", a.status)
	}
}

// TestEverySyntheaChartOpens imports the bundles and opens every page of every chart.
func TestEverySyntheaChartOpens(t *testing.T) {
	dir := sample.Dir(t, "synthea", 30)
	h := open(t)
	in := &bulk.Import{Actor: h.site.Gate.As(trust.System("import"), "test")}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if _, err := in.Run(context.Background(), files); err != nil {
		t.Fatal(err)
	}
	anna := h.signedIn("anna")
	patients, err := h.actor(trust.Physician, "anna").Find(context.Background(), "Patient", "_count=100")
	if err != nil || len(patients) < 30 {
		t.Fatalf("%d patients, %v", len(patients), err)
	}
	for i, p := range patients {
		pages := []string{""}
		if i%5 == 0 {
			pages = append(pages, "/notes", "/problems", "/allergies", "/vitals", "/immunizations", "/documents", "/timeline?years=0", "/charges", "/medications", "/results", "/orders")
		}
		for _, page := range pages {
			if a := anna.get("/p/" + p.ID() + page); a.status != http.StatusOK {
				t.Errorf("patient %d: page %q answers %d", i, page, a.status)
			}
		}
	}
}

// TestTwoPeopleWriteInOneVisit: the nurse's text is shown to the physician who signs, and comes
// back to the nurse as an addendum. A nurse's signature leaves the visit with its physician.
func TestTwoPeopleWriteInOneVisit(t *testing.T) {
	h := openChart(t)
	amara, anna := h.signedIn("amara"), h.signedIn("anna")
	visit := amara.startVisit()
	page := amara.get(visit)
	if a := amara.post(visit+"/sign", "seen", page.value(t, "seen"), "key", page.value(t, "key"), "subjective", "Feels dizzy."); !a.says("The visit stays open for its own clinician") {
		t.Fatalf("the nurse signs: %d %s", a.status, a.path)
	}
	if c := h.chart("maria"); len(c.Notes) == 0 || !anna.get(visit).says("signed in this visit") || anna.get(visit).path != visit {
		t.Fatal("the physician does not see the nurse's note in the open visit")
	}
	again := amara.get(visit)
	seen := anna.get(visit)
	if a := anna.post(visit+"/sign", "seen", seen.value(t, "seen"), "key", seen.value(t, "key"), "plan", "Rest."); a.path != "/p/maria" {
		t.Fatalf("the physician signs: %d %s", a.status, a.path)
	}
	late := amara.post(visit+"/sign", "seen", again.value(t, "seen"), "key", again.value(t, "key"), "subjective", "Fell on Sunday.")
	if late.status < 400 || !late.says("Fell on Sunday.") || !late.says("Sign as an addendum") {
		t.Fatalf("the nurse signs after the physician: %d %s", late.status, late.path)
	}
	if back := amara.get(visit); back.path != visit || !back.says("Fell on Sunday.") {
		t.Errorf("the text is not found again: %s", back.path)
	}
	done := amara.post(visit+"/sign", "seen", late.value(t, "seen"), "key", late.value(t, "key"), "addendum", late.value(t, "addendum"), "subjective", "Fell on Sunday.")
	if done.path != "/p/maria" {
		t.Fatalf("the addendum is not signed: %d %s", done.status, tags.ReplaceAllString(done.body, " "))
	}
	for _, n := range h.chart("maria").Notes {
		if n.Appends != "" && !anna.get("/p/maria/notes/"+n.Appends).says("Fell on Sunday.") {
			t.Error("the addendum is not shown with its note")
		}
	}
}
