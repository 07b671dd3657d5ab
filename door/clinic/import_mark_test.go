package clinic

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAMedicineThatMayBeOverIsMarked: another clinic has listed it and does not say whether it is still taken.
func TestAMedicineThatMayBeOverIsMarked(t *testing.T) {
	h := open(t)
	says := func(id, status, text string) string {
		return `{"resourceType":"MedicationStatement","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"` + text + `"},"meta":{"tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}]}}`
	}
	h.commit(trust.System("import"), says("s1", "unknown", "albuterol 0.09 mg inhaler"), says("s2", "active", "warfarin 5 mg tablet"), says("s3", "intended", "apixaban 5 mg tablet"))
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/medications", "/p/maria/emergency"} {
		page := anna.get(path)
		if !page.says("not known whether still taken") || !page.says("albuterol") || !page.says("warfarin") {
			t.Errorf("%s does not mark it: %d %s", path, page.status, tags.ReplaceAllString(page.body, " "))
		}
		if path != "/p/maria/medications" && page.says("apixaban") {
			t.Errorf("%s lists what is planned elsewhere as taken", path)
		}
	}
	if page := anna.get("/p/maria/medications"); !page.says("Planned elsewhere") || !page.says("1 current, 1 not known whether still taken") {
		t.Errorf("the list: %s", tags.ReplaceAllString(page.body, " "))
	}
}

// TestAnotherPersonsDocumentIsNamedAllTheWay: who decides types a reason, ticks, and sees whose it is.
func TestAnotherPersonsDocumentIsNamedAllTheWay(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`)
	anna := h.signedIn("anna")
	letter := strings.NewReplacer("<family>Okafor", "<family>Betterhalf", "<given>Maria", "<given>Eve", "19680314", "19710314").Replace(letterFile())
	if got := anna.sendLetter("maria", letter, "key", "k1", "reason", "x"); got.status != 422 {
		t.Fatalf("x is a reason: %d", got.status)
	}
	page := anna.sendLetter("maria", letter, "key", "k2", "reason", "Her name before she married")
	if !page.says("the document says Eve Betterhalf") || page.says("Choose Add for all") {
		t.Errorf("the review: %s", tags.ReplaceAllString(page.body, " "))
	}
	if regexp.MustCompile(`name="reason"[^>]*value="Her name`).MatchString(page.body) {
		t.Error("the reason is there before anybody types it")
	}
	fields := append(chooseAll(page, "add"), "key", page.value(t, "key"), "mark", page.value(t, "mark"), "act", "accept")
	for name, more := range map[string][]string{"no reason": {"other", "yes"}, "no tick": {"reason", "She told me so herself"}} {
		if got := anna.post(page.path, append(fields, more...)...); got.status != 422 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := anna.post(page.path, append(fields, "reason", "She told me so herself", "other", "yes")...); !got.says("added") {
		t.Fatalf("accepted: %d %s", got.status, tags.ReplaceAllString(got.body, " "))
	}
	for _, path := range []string{"/p/maria/documents", "/p/maria/problems", "/p/maria/medications"} {
		if got := anna.get(path); !got.says("the document of Eve Betterhalf") {
			t.Errorf("%s does not say whose it is", path)
		}
	}
}

// TestWhatHasNoPageIsSeen: a device on Documents, an order not to resuscitate on the summary, a PDF behind a link, and
// how far each review has come.
func TestWhatHasNoPageIsSeen(t *testing.T) {
	h := open(t)
	meta := `"meta":{"source":"urn:uuid:d1","tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}]}`
	h.commit(trust.System("import"), `{"resourceType":"Device","id":"dev","status":"active","patient":{"reference":"Patient/maria"},"type":{"text":"Cardiac pacemaker"},`+meta+`}`,
		`{"resourceType":"Observation","id":"dnr","status":"final","subject":{"reference":"Patient/maria"},"code":{"text":"Do not resuscitate"},`+meta+`}`,
		`{"resourceType":"Procedure","id":"gone","status":"entered-in-error","subject":{"reference":"Patient/maria"},"code":{"text":"Appendectomy"},`+meta+`}`)
	anna := h.signedIn("anna")
	if page := anna.get("/p/maria/documents"); !page.says("Cardiac pacemaker") || !page.says("from Kirkstall Heart Clinic") || page.says("Appendectomy") {
		t.Errorf("documents: %s", tags.ReplaceAllString(page.body, " "))
	}
	if page := anna.get("/p/maria"); !page.says("Do not resuscitate") {
		t.Error("the summary does not show it")
	}
	letter := letterFile()
	cover := letter[:strings.Index(letter, "<component>")] + `<component><nonXMLBody><text mediaType="application/pdf" representation="B64">` + base64.StdEncoding.EncodeToString([]byte("%PDF-1.7 hello")) + `</text></nonXMLBody></component></ClinicalDocument>`
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`)
	page := anna.sendLetter("maria", cover, "key", "pdf")
	if !page.says("A PDF: open it") || page.says("is the same as the chart") {
		t.Fatalf("%d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if got := anna.get(strings.TrimSuffix(page.path, "/review") + "?view=body"); got.body != "%PDF-1.7 hello" {
		t.Errorf("the PDF: %d %q", got.status, got.body)
	}
	if got := anna.get("/p/maria/documents"); !got.says("to review") {
		t.Error("the list does not say that it waits")
	}
}

// TestWhatIsNotSureIsChosenOneByOne: the choice of all that is new leaves it, the page says how many and why, and it
// counts what a press of Accept leaves.
func TestWhatIsNotSureIsChosenOneByOne(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`)
	anna := h.signedIn("anna")
	coded := `code="7646" displayName="omeprazole" codeSystem="2.16.840.1.113883.6.88"`
	letter := strings.Replace(letterFile(), coded, `nullFlavor="UNK"`, 1)
	if letter == letterFile() {
		t.Fatal("the letter has no omeprazole")
	}
	at := anna.sendLetter("maria", letter, "key", "k1").path
	page := anna.post(at, "act", "new")
	if !page.says("1 where something is not sure") {
		t.Errorf("the page does not say what is left: %s", tags.ReplaceAllString(page.body, " "))
	}
	chosen := 0
	for _, row := range strings.Split(page.body, "<tr data-row")[1:] {
		unsure, taken := strings.Contains(row, "There is no code, only words."), strings.Contains(row, `value="add" checked`)
		if unsure && taken {
			t.Error("what has a doubt was chosen with the others")
		}
		if taken {
			chosen++
		}
	}
	left := regexp.MustCompile(`data-leftover>(\d+) left`).FindStringSubmatch(page.body)
	press := regexp.MustCompile(`Accept (\d+), leave (\d+)</span>`).FindStringSubmatch(page.body)
	if chosen == 0 || left == nil || press == nil || press[1] != strconv.Itoa(chosen) || press[2] != left[1] {
		t.Errorf("%d are chosen, the bar says %v and %v", chosen, left, press)
	}
}

// TestAWorseReactionIsMarked: the row says so in the colour of danger, and what merging would change.
func TestAWorseReactionIsMarked(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`,
		`{"resourceType":"AllergyIntolerance","id":"peni","patient":{"reference":"Patient/maria"},"criticality":"low","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"7980"}],"text":"penicillin G"},"reaction":[{"manifestation":[{"text":"rash"}],"severity":"mild"}]}`)
	page := h.signedIn("anna").sendLetter("maria", letterFile(), "key", "k1")
	if !regexp.MustCompile(`<span class="tag crit[^>]*>.{0,400}worse than the chart`).MatchString(strings.ReplaceAll(page.body, "\n", " ")) || strings.Count(page.body, "worse than the chart") != 1 || !page.says("raises its criticality to high") {
		t.Errorf("the review: %s", tags.ReplaceAllString(page.body, " "))
	}
}

// TestADoubtIsSeenInTheChart: on the pages of problems and of what came from other clinics.
func TestADoubtIsSeenInTheChart(t *testing.T) {
	h := open(t)
	meta := `"meta":{"tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}]},"note":[{"text":"Not sure in the document that this is from: only words."}],"subject":{"reference":"Patient/maria"}`
	h.commit(trust.System("import"), `{"resourceType":"Condition","id":"pe","code":{"text":"Pulmonary embolism"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},`+meta+`}`,
		`{"resourceType":"Procedure","id":"op","status":"unknown","code":{"text":"Sigmoidoscopy"},`+meta+`}`)
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria/problems", "/p/maria/documents"} {
		if page := anna.get(path); !page.says("not sure when taken in") || !page.says("only words.") {
			t.Errorf("%s does not show it: %d %s", path, page.status, tags.ReplaceAllString(page.body, " "))
		}
	}
	if page := anna.get("/p/maria/emergency"); page.says("Sigmoidoscopy") {
		t.Error("the emergency sheet lists as done what nobody knows to be done")
	}
}
