package clinic

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// officeHouse is the clinic of the stories with everybody who works beside the clinicians, two
// records that may be one person, fees, and charges of a signed visit.
func officeHouse(t *testing.T) house {
	t.Helper()
	h := open(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Practitioner","id":"sam","name":[{"family":"Whitlock","given":["Sam"]}]}`,
		`{"resourceType":"Practitioner","id":"tom","name":[{"family":"Reyes","given":["Tom"]}]}`,
		`{"resourceType":"PractitionerRole","id":"r3","active":true,"practitioner":{"reference":"Practitioner/sam","display":"Sam Whitlock"},"code":[{"text":"administrator"}]}`,
		`{"resourceType":"Patient","id":"kasia","name":[{"use":"official","family":"Wojcik","given":["Kasia"]}],"birthDate":"1990-02-03","gender":"female","telecom":[{"system":"phone","value":"0113 496 0999"}]}`,
		`{"resourceType":"Patient","id":"katarzyna","name":[{"use":"official","family":"Wójcik","given":["Katarzyna"]}],"birthDate":"1990-02-03","gender":"female","telecom":[{"system":"phone","value":"0113 496 0999"}]}`,
		string(task.Task{ID: "twice", Kind: task.DuplicatePatient, Status: "requested", Priority: "routine", Patient: "kasia", Focus: "Patient/katarzyna", Owner: "tom",
			Text: "Same birth date and phone", Authored: noon}.Resource().JSON()),
		feeBody("visit-3", "Office visit, low complexity", "112.00"), feeBody("blood-draw", "Blood draw", "12.00"),
		`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"},"type":[{"text":"Follow-up"}],"subject":{"reference":"Patient/maria"},"period":{"start":"2026-11-20T09:00:00Z","end":"2026-11-20T09:20:00Z"}}`,
		chargeBody("c1", "visit-3", "Office visit, low complexity", 1, "112.00", `,"reason":[{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}],"text":"Hypertension"}]`),
		chargeBody("c2", "blood-draw", "Blood draw", 2, "12.10", ""))
	for _, d := range []identity.Draft{
		{User: "tom", Name: "Tom Reyes", Role: trust.FrontDesk, Practitioner: "tom", Password: phrase},
		{User: "sam", Name: "Sam Whitlock", Role: trust.Administrator, Practitioner: "sam", Password: phrase},
		{User: "ines", Name: "Ines Castellanos", Role: trust.Auditor, Password: phrase},
	} {
		if _, err := h.site.Accounts.Create(t.Context(), trust.System("test"), d); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func feeBody(code, text, price string) string {
	return `{"resourceType":"ChargeItemDefinition","id":"` + code + `","url":"urn:osler:fee:` + code + `","status":"active","title":"` + text + `","code":{"coding":[{"system":"urn:osler:fee","code":"` + code + `"}],"text":"` + text +
		`"},"propertyGroup":[{"priceComponent":[{"type":"base","amount":{"value":` + price + `,"currency":"USD"}}]}]}`
}

func chargeBody(id, code, text string, quantity int64, price, more string) string {
	return `{"resourceType":"ChargeItem","id":"` + id + `","status":"billable","code":{"coding":[{"system":"urn:osler:fee","code":"` + code + `"}],"text":"` + text +
		`"},"subject":{"reference":"Patient/maria"},"context":{"reference":"Encounter/e1"},"occurrenceDateTime":"2026-11-20T09:00:00Z","quantity":{"value":` + itoa(quantity) +
		`},"priceOverride":{"value":` + price + `,"currency":"USD"}` + more + `}`
}

// enters signs in and returns the browser with the first page.
func (h house) enters(user string) (browser, answer) {
	h.t.Helper()
	b := h.browser()
	return b, b.post("/sign-in", "user", user, "password", phrase)
}

var links = regexp.MustCompile(`<a href="([^"]*)"[^>]*data-go`)

// TestEachRoleHasItsFirstPage: the first page works, every entry of the navigation opens,
// and what belongs to other roles does not.
func TestEachRoleHasItsFirstPage(t *testing.T) {
	h := officeHouse(t)
	for user, want := range map[string]struct {
		home   string
		nav    int
		closed []string
	}{
		"anna":  {"/today", 4, []string{"/billing", "/statements", "/fees", "/people", "/audit"}},
		"amara": {"/today", 4, []string{"/billing", "/people", "/audit"}},
		"tom":   {"/schedule", 4, []string{"/today", "/billing", "/fees", "/people", "/audit", "/p/maria/messages"}},
		"priya": {"/billing", 3, []string{"/today", "/inbox", "/register", "/people", "/audit", "/p/maria/details"}},
		"sam":   {"/people", 8, []string{"/today", "/inbox", "/charts", "/p/maria/details", "/billing/maria"}},
		"ines":  {"/audit", 5, []string{"/today", "/charts", "/people", "/billing", "/p/maria/details"}},
	} {
		b, first := h.enters(user)
		if first.path != want.home || first.status != http.StatusOK {
			t.Errorf("%s signs in and sees %s (%d), want %s", user, first.path, first.status, want.home)
		}
		found := links.FindAllStringSubmatch(first.body, -1)
		if len(found) != want.nav {
			t.Errorf("%s has %d entries in the navigation, want %d", user, len(found), want.nav)
		}
		for _, m := range found {
			if m[1] == "/programs" { // a page of door/smart
				continue
			}
			if a := b.get(m[1]); a.status != http.StatusOK {
				t.Errorf("%s: the navigation leads to %s: %d", user, m[1], a.status)
			}
		}
		for _, path := range want.closed {
			if a := b.get(path); a.status != http.StatusForbidden {
				t.Errorf("%s opens %s: %d, want 403", user, path, a.status)
			}
		}
	}
}

// TestEveryRouteIsClosedToStrangersOfIt: a role that a route does not name gets 403, also by
// POST.
func TestEveryRouteIsClosedToStrangersOfIt(t *testing.T) {
	h := officeHouse(t)
	routes, err := h.site.Routes(Area())
	if err != nil {
		t.Fatal(err)
	}
	bits := map[string]web.Policy{"anna": web.Physician, "tom": web.FrontDesk, "priya": web.Biller, "sam": web.Administrator, "ines": web.Auditor}
	names := regexp.MustCompile(`\{[^}]*\}`)
	for user, bit := range bits {
		b, _ := h.enters(user)
		for _, route := range routes {
			if route.Door != "clinic" || route.Policy&bit != 0 {
				continue
			}
			method, path, _ := strings.Cut(route.Pattern, " ")
			path = names.ReplaceAllString(path, "x")
			a := answer{}
			if method == http.MethodGet {
				a = b.get(path)
			} else {
				a = b.post(path)
			}
			if a.status != http.StatusForbidden {
				t.Errorf("%s %s: %d, want 403", user, route.Pattern, a.status)
			}
		}
	}
}

var oneTime = regexp.MustCompile(`id="one-time-link"[^>]*>https?://[^/]*(/invite/[^<]*)<`)

func TestAColleagueIsInvitedSignsInAndIsDisabled(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	bad := sam.post("/people/invite", "given", "Ana", "family", "", "role", "nurse", "user", "anna")
	if bad.status != http.StatusUnprocessableEntity || !bad.says("Type the family name.") || !bad.says("is in use") || !strings.Contains(bad.body, `value="Ana"`) {
		t.Errorf("a form with faults: %d %s", bad.status, tags.ReplaceAllString(bad.body, " "))
	}
	made := sam.post("/people/invite", "prefix", "Dr", "given", "Ana", "family", "Ruiz", "role", "physician", "user", "ana.ruiz")
	link := oneTime.FindStringSubmatch(made.body)
	if made.status != http.StatusOK || link == nil || !made.says("Invited") {
		t.Fatalf("invitation: %d %s", made.status, tags.ReplaceAllString(made.body, " "))
	}
	if again := sam.get("/people"); strings.Contains(again.body, link[1]) || !again.says("Dr Ana Ruiz") || !again.says("1 invited") {
		t.Error("the list shows the link again, or not the invitation")
	}
	if first := sam.get("/schedule"); first.status != http.StatusForbidden {
		t.Error("the administrator opens the schedule")
	}
	ana := h.browser()
	in := ana.post(link[1], "password", "four green bicycles", "again", "four green bicycles")
	if in.path != "/today" || in.status != http.StatusOK || !in.says("Dr Ana Ruiz") {
		t.Fatalf("after choosing a password: %s %d", in.path, in.status)
	}
	if used := h.browser().get(link[1]); used.status != http.StatusGone {
		t.Errorf("the link works twice: %d", used.status)
	}
	desk, _ := h.enters("tom")
	if !desk.get("/schedule").says("Ana Ruiz") {
		t.Error("nobody can be booked with the new physician")
	}
	a, err := h.site.Accounts.FindByUser(t.Context(), "ana.ruiz")
	if err != nil {
		t.Fatal(err)
	}
	if off := sam.post("/people/" + a.ID + "/disable"); off.path != "/people/"+a.ID || !off.says("Disabled") {
		t.Errorf("disable: %s %d", off.path, off.status)
	}
	if out := ana.get("/today"); out.path != "/sign-in" {
		t.Errorf("a disabled account still sees %s (%d)", out.path, out.status)
	}
	if desk.get("/schedule").says("Ana Ruiz") {
		t.Error("patients can be booked with a disabled physician")
	}
	if on := sam.post("/people/" + a.ID + "/enable"); !on.says("Active") {
		t.Error("the account is not active again")
	}
	me, err := h.site.Accounts.FindByUser(t.Context(), "sam")
	if err != nil {
		t.Fatal(err)
	}
	if own := sam.post("/people/" + me.ID + "/disable"); own.status != http.StatusForbidden {
		t.Errorf("an administrator disabled the own account: %d", own.status)
	}
}

func TestTheDeskInvitesAPatientOnce(t *testing.T) {
	h := officeHouse(t)
	tom, _ := h.enters("tom")
	page := tom.get("/p/kasia/portal")
	if page.status != http.StatusOK || !page.says("Invite to the portal") {
		t.Fatalf("portal access: %d", page.status)
	}
	made := tom.post("/p/kasia/portal", "user", "kasia@example.org")
	if oneTime.FindString(made.body) == "" {
		t.Fatalf("no link: %s", tags.ReplaceAllString(made.body, " "))
	}
	if twice := tom.post("/p/kasia/portal", "user", "other@example.org"); twice.status != http.StatusUnprocessableEntity || !twice.says("has an account already") {
		t.Errorf("a second account: %d", twice.status)
	}
	list, err := h.site.Accounts.OfPatient(t.Context(), trust.System("test"), "kasia")
	if err != nil || len(list) != 1 || list[0].Role != trust.Patient {
		t.Fatalf("accounts of the patient: %+v, %v", list, err)
	}
	if other := tom.post("/p/maria/portal/" + list[0].ID + "/link"); other.status != http.StatusNotFound {
		t.Errorf("a link for another patient's account: %d", other.status)
	}
}

func TestTheAuditorSeesAReadJustMade(t *testing.T) {
	h := officeHouse(t)
	tom, _ := h.enters("tom")
	if a := tom.get("/p/maria/details"); a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	h.clock.Advance(time.Second)
	ines, first := h.enters("ines")
	if !first.says("not verified yet") {
		t.Error("the log claims to be verified")
	}
	by, err := h.site.Accounts.FindByUser(t.Context(), "tom")
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"person": {by.ID}, "patient": {"maria"}, "did": {"looked"}, "from": {"2026-11-24"}, "to": {"2026-11-24"}}
	seen := ines.get("/audit?" + q.Encode())
	if !seen.says("Tom Reyes") || !seen.says("Opened Patient") || !seen.says("Who looked at the record of") || seen.says("0113 496") {
		t.Errorf("the filtered log: %s", tags.ReplaceAllString(seen.body, " "))
	}
	q.Set("did", "wrote")
	if none := ines.get("/audit?" + q.Encode()); !none.says("No entry fits the filter") {
		t.Error("a filter by action is not applied")
	}
	if bad := ines.get("/audit?from=soon"); bad.status != http.StatusUnprocessableEntity || !bad.says("Choose a day") {
		t.Errorf("a day that is none: %d", bad.status)
	}
	if done := ines.post("/audit/verify"); done.path != "/audit" || !done.says("verified up to entry") || !done.says("checkpoint") {
		t.Errorf("verification: %s", tags.ReplaceAllString(done.body, " "))
	}
	q.Del("did")
	file := ines.get("/audit/export.csv?" + q.Encode())
	if !strings.Contains(file.header.Get("Content-Type"), "text/csv") || !strings.Contains(file.body, "Tom Reyes,front-desk") {
		t.Errorf("file: %q", file.body)
	}
	if after := ines.get("/audit?did=took"); !after.says("audit log as a table") {
		t.Error("the export is not in the log")
	}
}

func TestAbuseC12CellsAreNoFormulas(t *testing.T) {
	for in, want := range map[string]string{"=1+1": "'=1+1", "+cmd": "'+cmd", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "name=oka": "name=oka", "": ""} {
		if got := web.Cell(in); got != want {
			t.Errorf("Cell(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTheAuditPagesThroughEverythingOnce(t *testing.T) {
	h := officeHouse(t)
	tom, _ := h.enters("tom")
	for range 60 {
		tom.get("/p/maria/details")
	}
	by, err := h.site.Accounts.FindByUser(t.Context(), "tom")
	if err != nil {
		t.Fatal(err)
	}
	ines, _ := h.enters("ines")
	next, entries := "/audit?did=looked&patient=maria&person="+by.ID, map[string]bool{}
	entry := regexp.MustCompile(`entry (\d+)</bdi>`)
	older := regexp.MustCompile(`rel="next" href="([^"]*)"`)
	for pages := 0; next != "" && pages < 5; pages++ {
		a := ines.get(strings.ReplaceAll(next, "&amp;", "&"))
		for _, m := range entry.FindAllStringSubmatch(a.body, -1) {
			if entries[m[1]] {
				t.Errorf("entry %s is on two pages", m[1])
			}
			entries[m[1]] = true
		}
		next = ""
		if m := older.FindStringSubmatch(a.body); m != nil {
			next = m[1]
		}
	}
	if len(entries) < 60 {
		t.Errorf("%d entries of 60 readings", len(entries))
	}
}

func TestTheBillerMakesAStatement(t *testing.T) {
	h := officeHouse(t)
	priya, list := h.enters("priya")
	if !list.says("1 without a diagnosis code") || !list.says("136.20 USD") || !list.says("notes are hidden") {
		t.Fatalf("work list: %s", tags.ReplaceAllString(list.body, " "))
	}
	if early := priya.post("/billing/maria/statement", "key", "k1"); early.status != http.StatusUnprocessableEntity || !early.says("no diagnosis code") {
		t.Errorf("a statement without codes: %d", early.status)
	}
	bad := priya.post("/billing/maria/charges/c2", "version", "1", "code", "blood-draw", "quantity", "x", "price", "12.105", "reasons", "tired")
	for _, want := range []string{"Type a whole number", "at most two decimals", "is not a diagnosis code"} {
		if !bad.says(want) {
			t.Errorf("the form does not say %q", want)
		}
	}
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `value="12.105"`) {
		t.Errorf("what was typed is lost, status %d", bad.status)
	}
	if other := priya.post("/billing/kasia/charges/c2", "version", "1", "quantity", "1", "price", "1", "reasons", "I10"); other.status != http.StatusNotFound {
		t.Errorf("a charge of another patient: %d", other.status)
	}
	good := priya.post("/billing/maria/charges/c2", "version", "1", "code", "blood-draw", "quantity", "3", "price", "12.10", "reasons", "i10, E11.22")
	if good.status != http.StatusOK || !good.says("148.30 USD") || !good.says("Ready") {
		t.Fatalf("saved: %d %s", good.status, tags.ReplaceAllString(good.body, " "))
	}
	if stale := priya.post("/billing/maria/charges/c2", "version", "1", "code", "blood-draw", "quantity", "9", "price", "12.10", "reasons", "I10"); stale.status != http.StatusUnprocessableEntity || !stale.says("changed") {
		t.Errorf("an old form: %d", stale.status)
	}
	done := priya.post("/billing/maria/statement", "key", good.value(t, "key"))
	if !done.says("The statement is made.") || !done.says("148.30 USD") || !done.says("Every charge of this patient is on a statement") {
		t.Fatalf("statement: %s", tags.ReplaceAllString(done.body, " "))
	}
	month := priya.get("/statements?month=2026-11")
	if !month.says("OKAFOR, Maria") || !month.says("148.30 USD") {
		t.Errorf("statements: %s", tags.ReplaceAllString(month.body, " "))
	}
	paper := regexp.MustCompile(`/p/maria/statement/[^"]*`).FindString(month.body)
	if a := priya.get(paper); a.status != http.StatusOK || !a.says("148.30") {
		t.Errorf("printed statement %s: %d", paper, a.status)
	}
	if a := priya.post("/billing/maria/statement", "key", "other"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a second statement of nothing: %d", a.status)
	}
}

func TestFeesAreChangedByOffice(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	if bad := sam.post("/fees/visit-3", "version", "1", "price", "12,5"); bad.status != http.StatusUnprocessableEntity || !bad.says("at most two decimals") || !strings.Contains(bad.body, `value="12,5"`) {
		t.Errorf("a bad amount: %d", bad.status)
	}
	if good := sam.post("/fees/visit-3", "version", "1", "price", "115.50"); !strings.Contains(good.body, `value="115.50"`) {
		t.Error("the fee is not changed")
	}
	if stale := sam.post("/fees/visit-3", "version", "1", "price", "99"); stale.status != http.StatusUnprocessableEntity {
		t.Errorf("an old form: %d", stale.status)
	}
}

func TestTwoRecordsAreComparedAndAnswered(t *testing.T) {
	h := officeHouse(t)
	tom, _ := h.enters("tom")
	if inbox := tom.get("/inbox"); !strings.Contains(inbox.body, "/duplicates/twice") {
		t.Error("the inbox does not lead to the comparison")
	}
	page := tom.get("/duplicates/twice")
	for _, want := range []string{"Field by field", "WOJCIK, Kasia", "WÓJCIK, Katarzyna", "does not merge records"} {
		if !page.says(want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if nobody := tom.post("/duplicates/twice/same", "owner", "anna"); nobody.status != http.StatusUnprocessableEntity {
		t.Errorf("somebody who is no administrator was asked: %d", nobody.status)
	}
	asked := tom.post("/duplicates/twice/same", "owner", "sam", "word", "Same passport.")
	if asked.path != "/duplicates" || !asked.says("waits for an administrator") {
		t.Errorf("asked: %s %d", asked.path, asked.status)
	}
	if kept, err := task.Find(t.Context(), h.actor(trust.Physician, "anna"), "twice"); err != nil || !kept.Open() || kept.Owner != "sam" {
		t.Errorf("the question: %+v, %v", kept, err)
	}
	done := tom.post("/duplicates/twice/different")
	if done.path != "/duplicates" || !done.says("No two records wait") {
		t.Errorf("answered: %s %d", done.path, done.status)
	}
	for id, other := range map[string]string{"kasia": "katarzyna", "katarzyna": "kasia"} {
		r, err := h.actor(trust.Physician, "anna").Read(t.Context(), "Patient", id)
		if err != nil || !strings.Contains(string(r.JSON()), `"urn:osler:different-person"`) || !strings.Contains(string(r.JSON()), "Patient/"+other) {
			t.Errorf("%s does not remember: %v", id, err)
		}
	}
	if again := tom.post("/duplicates/twice/different"); again.status != http.StatusConflict {
		t.Errorf("answered twice: %d", again.status)
	}
}

func TestTheOfficeInABrowser(t *testing.T) {
	h := officeHouse(t)
	b := webtest.Start(t)
	ines, err := h.site.Accounts.FindByUser(t.Context(), "ines")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range []struct {
		user  string
		paths []string
	}{
		{"tom", []string{"/duplicates", "/duplicates/twice", "/p/kasia/portal"}},
		{"priya", []string{"/billing", "/billing/maria", "/statements", "/fees"}},
		{"sam", []string{"/people", "/people/invite", "/people/" + ines.ID}},
		{"ines", []string{"/audit"}},
	} {
		for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
			p := b.Open(h.url+"/sign-in", look)
			p.SignIn(h.url, story.user, phrase)
			for i, path := range story.paths {
				p.Goto(h.url + path)
				p.Check()
				p.Picture("office-" + story.user + "-" + itoa(int64(i)) + "-" + look.Name)
			}
			p.Click(".um summary")
			p.Submit("form[action='/sign-out'] button")
		}
	}
}
