package clinic

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// TestASectionIsChosenAtOnce: only of that section, only what is plainly new, and as many as the button says. What the chart
// says not to be there, what a check warns of and what the chart has alike are chosen one by one.
func TestASectionIsChosenAtOnce(t *testing.T) {
	h := open(t)
	h.reviewed()
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", letterFile(), "key", "k1")
	count := func(page answer, act string) int {
		m := regexp.MustCompile(`value="` + act + `"[^>]*>[^<]*: (\d+)</button>`).FindStringSubmatch(page.body)
		if m == nil {
			return 0
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	said, all := count(page, "new/medications"), count(page, "new")
	if said == 0 || all <= said {
		t.Fatalf("the buttons say %d of the medicines and %d of all", said, all)
	}
	for _, act := range []string{"new/medications", "new"} {
		page = anna.post(page.path, "act", act)
		chosen := 0
		for _, row := range strings.Split(page.body, "<tr data-row")[1:] {
			if !strings.Contains(row, `value="add" checked`) {
				continue
			}
			chosen++
			for _, why := range []string{"Warning", "perhaps the same", "differs", "the chart says"} {
				if strings.Contains(tags.ReplaceAllString(row[:strings.Index(row, "</tr>")], " "), why) {
					t.Errorf("%s chose an item of which the page says: %s", act, why)
				}
			}
		}
		if chosen != said {
			t.Errorf("%s: %d are chosen, the button said %d", act, chosen, said)
		}
		said += count(page, "new")
	}
	if count(page, "new") != 0 || strings.Contains(page.body, `value="new/`) {
		t.Error("a button is left that would choose nothing")
	}
}

// TestAStatementIsNotEndedWithOthers: an allergy beside "no known allergies" of the chart, and such a statement of a
// document, are chosen by hand; the page says so.
func TestAStatementIsNotEndedWithOthers(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`,
		`{"resourceType":"AllergyIntolerance","id":"none","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003","display":"No known allergy"}],"text":"No known allergy"}}`)
	anna := h.signedIn("anna")
	at := anna.sendLetter("maria", letterFile(), "key", "k1").path
	page := anna.post(at, "act", "new")
	if !page.says("3 with a statement that there is none") || strings.Contains(page.body, `value="new/allergies"`) {
		t.Errorf("the page does not set them apart: %s", tags.ReplaceAllString(page.body, " "))
	}
	for _, row := range strings.Split(page.body, "<tr data-row")[1:] {
		if strings.Contains(row, "Add ends that statement") && strings.Contains(row, `value="add" checked`) {
			t.Error("all that is new ends the chart's statement")
		}
	}
}

// TestLinesOfTheInboxDiffer: two documents of one patient and one sender are told apart, by their titles in the list and by
// how many entries wait in the open line; the name of the action says which one it opens.
func TestLinesOfTheInboxDiffer(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.signedIn("anna")
	anna.sendLetter("maria", problemsLetter("one", "", "59282003", "38341003"), "key", "k1")
	letter := anna.sendLetter("maria", letterFile(), "key", "k2")
	list := anna.get("/inbox")
	for _, want := range []string{"Summary one", "Clinic summary", "from Kirkstall Heart Clinic, 09-Nov-2026", "nothing of it is in the chart yet"} {
		if !list.says(want) {
			t.Errorf("the inbox does not say %q: %s", want, tags.ReplaceAllString(list.body, " "))
		}
	}
	for _, title := range []string{"Summary one", "Clinic summary"} {
		if !strings.Contains(list.body, `aria-label="Review, OKAFOR, Maria, `+title+`"`) {
			t.Errorf("no action names %s", title)
		}
	}
	waits := map[string]bool{}
	for _, m := range rowHref.FindAllStringSubmatch(list.body, -1) {
		waits[regexp.MustCompile(`\d+ to decide`).FindString(anna.get(m[1]).body)] = true
	}
	if !waits["2 to decide"] || !waits[fmt.Sprint(len(chooseAll(letter, "add"))/2)+" to decide"] {
		t.Errorf("what waits: %v", waits)
	}
	anna.post(letter.path, "act", "save", "key", letter.value(t, "key"))
	if got := anna.get("/inbox"); !got.says("its review has begun") {
		t.Error("a review that has begun looks like a new one")
	}
}

// TestAHiddenDocumentIsNotNamedInTheInbox: its line is there, and says neither title nor sender nor how much waits.
func TestAHiddenDocumentIsNotNamedInTheInbox(t *testing.T) {
	h := officeHouse(t)
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	anna.sendLetter("maria", problemsLetter("one", "", "59282003"), "key", "k1")
	if list := amara.get("/inbox"); !list.says("Summary one") {
		t.Fatalf("what is not hidden has no name: %s", tags.ReplaceAllString(list.body, " "))
	}
	h.commit(trust.System("import"), `{"resourceType":"DocumentReference","id":"secret","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}],"tag":[{"system":"urn:osler:origin","code":"imported","display":"Methadone programme, 2026-11-09"}]},"status":"current","subject":{"reference":"Patient/maria"},"description":"Methadone plan","content":[{"attachment":{"contentType":"text/xml","data":"PGEvPg=="}}]}`,
		`{"resourceType":"Task","id":"look","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"review-document"}]},"description":"A document of another clinic waits for review","focus":{"reference":"DocumentReference/secret"},"for":{"reference":"Patient/maria"},"authoredOn":"2026-11-20T10:00:00Z"}`)
	list := amara.get("/inbox")
	if strings.Contains(strings.ToLower(list.body), "methadone") {
		t.Errorf("the inbox names it: %s", tags.ReplaceAllString(list.body, " "))
	}
	if got := amara.get("/inbox/look"); strings.Contains(strings.ToLower(got.body), "methadone") || got.says("to decide") {
		t.Errorf("the line names it: %s", tags.ReplaceAllString(got.body, " "))
	}
	h.clears("amara")
	if list := amara.get("/inbox"); !list.says("Methadone plan") {
		t.Errorf("cleared, she reads no name: %s", tags.ReplaceAllString(list.body, " "))
	}
}

// TestTheReasonSaysWhetherItIsNeeded: a document about another person is filed with a reason only, and no field calls it optional.
func TestTheReasonSaysWhetherItIsNeeded(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	wrong := strings.Replace(letterFile(), "19680314", "19710314", 1)
	field := func(a answer, id string) string {
		t.Helper()
		m := regexp.MustCompile(`(?s)<label for="` + id + `">.{0,600}`).FindString(a.body)
		if m == "" {
			t.Fatalf("no field %s: %d", id, a.status)
		}
		return tags.ReplaceAllString(m, " ")
	}
	form := anna.sendLetter("maria", wrong, "key", "k1")
	if said := field(form, "f-import-reason"); strings.Contains(said, "optional") || !strings.Contains(said, "it is not filed") {
		t.Errorf("the form: %s", said)
	}
	if said := field(anna.sendLetter("maria", "%PDF", "key", "k2", "reason", "She confirms it"), "f-import-reason"); strings.Contains(said, "optional") {
		t.Errorf("the form that came back: %s", said)
	}
	if said := field(anna.sendLetter("maria", wrong, "key", "k3", "reason", "She confirms it"), "f-reason"); strings.Contains(said, "optional") || !strings.Contains(said, "nothing is accepted") {
		t.Errorf("the review: %s", said)
	}
}

// focused says on which item and which choice the focus is.
const focused = `((e) => (e.closest("tr[data-source]")?.querySelector("td:nth-child(2) b").innerText.split(",")[0] || e.id || e.tagName) + ": " + (e.value || ""))(document.activeElement)`

// TestTheFocusGoesFromOneItemToTheNext: from the top of the page with three presses, by letters and by Space to the next one
// without a choice, at last to the button; over a new page it is not lost, and folded sections unfold before it.
func TestTheFocusGoesFromOneItemToTheNext(t *testing.T) {
	h := open(t)
	h.reviewed()
	at := h.signedIn("anna").sendLetter("maria", letterFile(), "key", "k").path
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + at)
	on := func(want string) {
		t.Helper()
		if got := webtest.Eval[string](p, focused); !strings.HasPrefix(got, want) {
			t.Fatalf("the focus is on %q, want %q", got, want)
		}
	}
	p.Press(kb.Tab)
	p.Press(kb.Tab)
	p.Press(kb.Enter)
	on("apixaban 5 mg tablet: ") // on the item as a whole: Enter presses nothing there
	p.Press(kb.Enter)
	p.Key("a")
	on("lisinopril 10 mg tablet: add")
	p.Press(kb.ArrowRight) // looks for a choice, and stays
	on("lisinopril 10 mg tablet: merge")
	p.Press(" ")
	on("metformin 1000 mg tablet: add")
	p.Key("u")
	on("atorvastatin 40 mg tablet: add")
	if said := p.Text(".sec summary"); !strings.Contains(said, "6 to decide") { // Unsure waits still
		t.Errorf("the section says %q", said)
	}
	p.Click("#f-only + *, label:has(#f-only)")
	if n := webtest.Eval[int](p, `[...document.querySelectorAll("tr[data-row]")].filter(r => r.getClientRects().length && r.querySelector(":checked:not([value=unsure])")).length`); n != 0 {
		t.Errorf("%d decided items are shown with those that need a decision", n)
	}
	p.Check()
	p.Picture("import-only")
	p.Submit(`button[value="new/medications"]`)
	if !strings.Contains(p.Path(), "view=open") || !webtest.Eval[bool](p, `document.querySelector("#f-only").checked`) {
		t.Errorf("the page forgets what is shown: %s", p.Path())
	}
	if got := webtest.Eval[bool](p, `!!document.activeElement.closest("tr[data-source]") && !document.activeElement.closest("tr").querySelector(":checked")`); !got {
		t.Errorf("the focus is lost: %s", webtest.Eval[string](p, focused))
	}
	for range 60 { // all that is left
		if webtest.Eval[string](p, "document.activeElement.id") == "accept" {
			break
		}
		p.Key("i")
	}
	on("accept")
	p.Key("u") // no item is in hand
	if said := p.Text("[data-accepts]"); !strings.HasPrefix(said, "Accept ") || !strings.Contains(said, "leave 1") {
		t.Errorf("at the end: %q", said)
	}
}

// TestALongReviewFoldsOnAPhone: one section is open, each says what waits, and a key leads into a folded one.
func TestALongReviewFoldsOnAPhone(t *testing.T) {
	h := open(t)
	h.reviewed()
	at := h.signedIn("anna").sendLetter("maria", letterFile(), "key", "k").path
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	p := b.Open(h.url+at, webtest.Phone)
	p.Wait(".sec")
	if n := webtest.Eval[int](p, `document.querySelectorAll(".sec[open]").length`); n != 1 {
		t.Errorf("%d sections are open", n)
	}
	if said := p.Text(".sec:not([open]) summary"); !regexp.MustCompile(`^Allergies: \d+, \d+ to decide$`).MatchString(said) {
		t.Errorf("a folded section says %q", said)
	}
	p.Check()
	p.Picture("import-phone-folded")
	p.Key("j")
	for range 8 {
		p.Key("i")
	}
	if !webtest.Eval[bool](p, `document.activeElement.closest(".sec") === document.querySelectorAll(".sec")[1] && document.querySelectorAll(".sec")[1].open`) {
		t.Errorf("the next section is not unfolded: %s", webtest.Eval[string](p, focused))
	}
}

// TestWhatIsMergedFitsAPhone: the note of what another clinic lists wraps, and a substance is not torn apart in the banner.
func TestWhatIsMergedFitsAPhone(t *testing.T) {
	h := open(t)
	h.reviewed()
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", letterFile(), "key", "k")
	fields := append(chooseAll(page, "merge"), "act", "accept", "key", page.value(t, "key"), "mark", page.value(t, "mark"))
	var merged []string
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "merge" || strings.Contains(page.body, `name="`+fields[i]+`" value="merge"`) {
			merged = append(merged, fields[i], fields[i+1])
		}
	}
	if got := anna.post(page.path, merged...); !got.says("merged") {
		t.Fatalf("%d", got.status)
	}
	h.commit(trust.System("import"), `{"resourceType":"AllergyIntolerance","id":"sulfa","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"sulfonamide antibiotics"},"reaction":[{"manifestation":[{"text":"rash"}]}]}`)
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, tag := range []string{"en", "ar"} {
		anna.post("/settings", "language", tag, "keys", "on")
		for _, path := range []string{"/p/maria/medications", "/p/maria/allergies"} {
			p := b.Open(h.url+path, webtest.Phone)
			p.Wait("main")
			if !strings.Contains(p.Text("main"), "Also listed by") {
				t.Errorf("%s has no note of a merge", path)
			}
			for _, part := range webtest.Eval[[]string](p, `[...document.querySelectorAll("main .sub bdi")].filter(e => { const r = e.getBoundingClientRect(); return r.width > 1 && (r.right > innerWidth || r.left < 0) }).map(e => e.innerText)`) {
				t.Errorf("%s in %s is cut off: %s", path, tag, part)
			}
			if n := webtest.Eval[int](p, `[...document.querySelectorAll(".banner .alg>bdi")].filter(e => e.getClientRects().length > 1).length`); n > 0 {
				t.Errorf("%s in %s: an allergy of the banner is torn apart", path, tag)
			}
			p.Picture("merged-" + strings.TrimPrefix(path, "/p/maria/") + "-" + tag)
		}
	}
}

// TestTheInboxFitsALaptop: with long names of people and senders no button lies under the open item.
func TestTheInboxFitsALaptop(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Featherstonehaugh-Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.signedIn("anna")
	anna.sendLetter("maria", strings.ReplaceAll(letterFile(), "<family>Okafor", "<family>Featherstonehaugh-Okafor"), "key", "k1", "reason", "It is hers")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, tag := range []string{"en", "es", "ar"} {
		anna.post("/settings", "language", tag, "keys", "on")
		p := b.Open(h.url+"/inbox", webtest.View{Name: "1280", Width: 1280, Height: 900})
		p.Wait(".inb")
		for _, part := range webtest.Eval[[]string](p, outside) {
			t.Errorf("in %s: %s is too wide", tag, part)
		}
		p.Check()
	}
}
