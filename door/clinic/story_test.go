package clinic

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

const phrase = "seven quiet rivers"

// house is a clinic with a physician, a nurse and two patients on a real store.
type house struct {
	t     *testing.T
	site  *web.Site
	url   string
	clock *clock.Manual
	files string // folder of the contents of attachments
}

func open(t *testing.T) house {
	t.Helper()
	return openWith(t, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})
}

// openWith is open with other ways to sign in: without PasswordAlone as a clinic has it.
func openWith(t *testing.T, o identity.Options) house {
	t.Helper()
	dir, c := t.TempDir(), clock.NewManual(noon)
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	place, err := bucket.Open(filepath.Join(dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	whole := record.WithContents(s, blob.New(place, ring.Key("content")))
	h := house{t: t, clock: c, files: filepath.Join(dir, "contents"), site: &web.Site{Gate: record.Open(whole, c), Clock: c, Log: slog.New(slog.DiscardHandler), Clinic: "Harehills",
		Accounts: identity.Open(s, c, o)}}
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`,
		`{"resourceType":"Practitioner","id":"anna","name":[{"family":"Lindqvist","given":["Anna"]}]}`,
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Mensah","given":["Amara"]}]}`,
		`{"resourceType":"PractitionerRole","id":"r1","active":true,"practitioner":{"reference":"Practitioner/anna","display":"Dr Anna Lindqvist"},"code":[{"text":"physician"}]}`,
		`{"resourceType":"PractitionerRole","id":"r2","active":true,"practitioner":{"reference":"Practitioner/amara","display":"Amara Mensah"},"code":[{"text":"nurse"}]}`)
	for _, d := range []identity.Draft{
		{User: "anna", Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna", Password: phrase},
		{User: "amara", Name: "Amara Mensah", Role: trust.Nurse, Practitioner: "amara", Password: phrase},
		{User: "priya", Name: "Priya Nair", Role: trust.Biller, Password: phrase},
		{User: "maria", Name: "Maria Okafor", Role: trust.Patient, Patient: "maria", Password: phrase},
	} {
		if _, err := h.site.Accounts.Create(context.Background(), trust.System("test"), d); err != nil {
			t.Fatal(err)
		}
	}
	handler, err := h.site.Handler(Area())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h house) commit(p trust.Principal, bodies ...string) {
	h.t.Helper()
	var c record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			h.t.Fatal(err)
		}
		c.Put = append(c.Put, record.Put{Resource: n})
	}
	if _, err := h.site.Gate.As(p, "test").Commit(context.Background(), c); err != nil {
		h.t.Fatal(err)
	}
}

func (h house) actor(role trust.Role, id string) *record.Actor {
	p := trust.Principal{ID: id, Name: id, Role: role, Purpose: trust.Treatment, Practitioner: id}
	if role == trust.Patient {
		p.Practitioner, p.Patient, p.Purpose = "", id, trust.PatientRequest
	}
	return h.site.Gate.As(p, "test")
}

// browser is a person without scripts: links and forms only.
type browser struct {
	h      house
	client *http.Client
}

type answer struct {
	status int
	path   string
	body   string
	header http.Header
}

func (h house) browser() browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return browser{h, &http.Client{Jar: jar}}
}

func (h house) signedIn(user string) browser {
	h.t.Helper()
	b := h.browser()
	if a := b.post("/sign-in", "user", user, "password", phrase); a.path != "/today" {
		h.t.Fatalf("%s signed in and saw %s (%d)", user, a.path, a.status)
	}
	return b
}

func (b browser) read(r *http.Response, err error) answer {
	b.h.t.Helper()
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return answer{r.StatusCode, r.Request.URL.Path, string(body), r.Header}
}

func (b browser) get(path string) answer {
	b.h.t.Helper()
	return b.read(b.client.Get(b.h.url + path))
}

func (b browser) post(path string, pairs ...string) answer {
	b.h.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.read(b.client.PostForm(b.h.url+path, form))
}

var tags = regexp.MustCompile(`<[^>]*>`)

// says reports whether a page shows a text.
func (a answer) says(text string) bool {
	return strings.Contains(strings.Join(strings.Fields(tags.ReplaceAllString(a.body, " ")), " "), text)
}

func (a answer) value(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("%s has no field %s", a.path, name)
	}
	return m[1]
}

// result files a laboratory value with a task that asks anna to review it.
func (h house) result(id, literal, flag string) {
	h.commit(trust.System("lab"),
		`{"resourceType":"Observation","id":"`+id+`","status":"final","code":{"text":"Potassium"},"subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-11-20T08:40:00Z",
		"valueQuantity":{"value":`+literal+`,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"`+flag+`"}]}]}`,
		string(task.Task{ID: "t-" + id, Kind: task.ReviewResult, Status: "requested", Priority: "routine", Patient: "maria", Owner: "anna",
			Focus: "Observation/" + id, Text: "Potassium " + literal + " mmol/L", Authored: noon.Add(-time.Hour)}.Resource().JSON()))
}

func TestSigningResultsInABatchAndTakingItBack(t *testing.T) {
	h := open(t)
	h.result("ok1", "4.2", "N")
	h.result("ok2", "4.4", "N")
	h.result("high", "5.9", "H")
	anna := h.signedIn("anna")
	page := anna.get("/inbox")
	if !page.says("2 in range") || !page.says("Potassium 5.9") || !page.says("OKAFOR, Maria") {
		t.Fatalf("inbox: %s", tags.ReplaceAllString(page.body, " "))
	}
	if a := anna.post("/inbox/sign", "task", "t-ok1", "task", "t-high"); a.status != http.StatusConflict {
		t.Errorf("a high result was signed in a batch: %d", a.status)
	}
	if open, _ := task.Of(t.Context(), h.actor(trust.Physician, "anna"), "anna"); len(open) != 3 {
		t.Fatalf("%d tasks open after a refused batch, want all 3", len(open))
	}
	after := anna.post("/inbox/sign", "task", "t-ok1", "task", "t-ok2")
	if after.path != "/inbox" || !after.says("2 results signed.") || !after.says("Undo") {
		t.Fatalf("after signing: %s %s", after.path, tags.ReplaceAllString(after.body, " "))
	}
	undone := anna.post("/undo", "token", after.value(t, "token"), "next", "/inbox")
	if !undone.says("Undone.") || !undone.says("2 in range") {
		t.Error("the undo did not bring the results back")
	}
	late := anna.post("/inbox/sign", "task", "t-ok1", "task", "t-ok2")
	h.clock.Advance(record.UndoWindow + time.Second)
	if a := anna.post("/undo", "token", late.value(t, "token"), "next", "/inbox"); !a.says("too late") {
		t.Error("an undo after the window did not say so")
	}
}

func TestAMessageIsAnsweredAndTheTaskEnds(t *testing.T) {
	h := open(t)
	ctx := t.Context()
	maria := h.actor(trust.Patient, "maria")
	if _, err := message.Send(ctx, maria, message.Draft{Patient: "maria", To: []string{"Practitioner/anna"}, Subject: "Rash", Text: "Since Sunday."}); err != nil {
		t.Fatal(err)
	}
	open, err := task.Of(ctx, h.actor(trust.Physician, "anna"), "anna")
	if err != nil || len(open) != 1 || open[0].Kind != task.AnswerMessage {
		t.Fatalf("tasks %+v, %v", open, err)
	}
	anna := h.signedIn("anna")
	item := anna.get("/inbox/" + open[0].ID)
	if !item.says("Since Sunday.") || !item.says("Your answer") {
		t.Fatalf("item: %s", tags.ReplaceAllString(item.body, " "))
	}
	if a := anna.post("/inbox/"+open[0].ID+"/reply", "text", "  "); a.status != http.StatusUnprocessableEntity || !a.says("The message is empty") {
		t.Errorf("an empty answer: %d", a.status)
	}
	if a := anna.post("/inbox/"+open[0].ID+"/reply", "text", "Stop it, come today."); a.path != "/inbox" || !a.says("Answer sent.") {
		t.Fatalf("after the answer: %s %d", a.path, a.status)
	}
	if left, _ := task.Of(ctx, h.actor(trust.Physician, "anna"), "anna"); len(left) != 0 {
		t.Errorf("the task is still open: %+v", left)
	}
	got, err := message.Threads(ctx, maria, "maria")
	if err != nil || len(got) != 1 || len(got[0].Messages) != 2 || got[0].Last().Text != "Stop it, come today." {
		t.Fatalf("the patient reads %+v, %v", got, err)
	}
	if n, err := message.CountUnread(ctx, maria); err != nil || n != 1 {
		t.Errorf("unread %d, %v", n, err)
	}
	if err := message.MarkRead(ctx, maria, got[0]); err != nil {
		t.Errorf("the patient cannot mark it read: %v", err)
	}
}

func TestWhatColleaguesWriteStaysAmongThem(t *testing.T) {
	h := open(t)
	ctx := t.Context()
	anna := h.signedIn("anna")
	if a := anna.post("/p/maria/messages", "to", "amara", "subject", "Phone her", "text", "Potassium high, please call."); !a.says("Message sent.") {
		t.Fatalf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if got, err := message.Threads(ctx, h.actor(trust.Patient, "maria"), "maria"); err != nil || len(got) != 0 {
		t.Errorf("the patient sees %+v, %v", got, err)
	}
	amara := h.signedIn("amara")
	if page := amara.get("/inbox"); !page.says("Phone her") || !page.says("a colleague asks you") {
		t.Error("the nurse's inbox lacks the question")
	}
	_, err := message.Send(ctx, h.actor(trust.Physician, "anna"), message.Draft{Patient: "maria", To: []string{"Patient/other"}, Text: "x"})
	if err == nil {
		t.Error("a message about Maria was sent to another patient")
	}
}

func TestPassingOn(t *testing.T) {
	h := open(t)
	h.result("high", "5.9", "H")
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	if a := anna.post("/inbox/t-high/pass", "owner", ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("passed on to nobody: %d", a.status)
	}
	anna.post("/inbox/t-high/pass", "owner", "amara", "word", "You know her better.")
	if anna.get("/inbox").says("Potassium 5.9") || !amara.get("/inbox").says("Potassium 5.9") {
		t.Error("the line did not move to the colleague")
	}
}

func TestWhoGetsWhichPage(t *testing.T) {
	h := open(t)
	if a := h.browser().get("/today"); a.path != "/sign-in" {
		t.Errorf("a stranger saw %s", a.path)
	}
	priya := h.browser()
	priya.post("/sign-in", "user", "priya", "password", phrase)
	if a := priya.get("/p/maria/messages"); a.status != http.StatusForbidden {
		t.Errorf("the biller reads messages: %d", a.status)
	}
	routes, err := h.site.Routes(Area())
	if err != nil || len(routes) < 10 {
		t.Fatalf("%d routes, %v", len(routes), err)
	}
	for _, r := range routes {
		if r.Policy == 0 {
			t.Errorf("%s has no policy", r.Pattern)
		}
	}
	a := h.signedIn("anna").get("/today")
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if a.header.Get(name) != want {
			t.Errorf("%s is %q", name, a.header.Get(name))
		}
	}
	if strings.Contains(a.header.Get("Content-Security-Policy"), "unsafe") || strings.Contains(a.body, " style=") {
		t.Error("the page needs inline styles or scripts")
	}
}

func TestALockKeepsWhatWasTyped(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	h.clock.Advance(identity.StaffIdle + time.Minute)
	locked := anna.post("/p/maria/messages", "to", "amara", "subject", "Phone her", "text", "Typed just before the lock.")
	if locked.status != http.StatusUnauthorized || !locked.says("Nothing that you typed is lost") {
		t.Fatalf("locked: %d", locked.status)
	}
	if a := anna.post("/locked", "password", "wrong password here", "held-path", "/p/maria/messages", "held.text", "Typed"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong password: %d", a.status)
	}
	again := anna.post("/locked", "password", phrase, "held-path", locked.value(t, "held-path"), "held.to", "amara", "held.text", locked.value(t, "held.text"))
	if !again.says("Send what I typed") || again.value(t, "text") != "Typed just before the lock." {
		t.Errorf("behind the lock: %s", tags.ReplaceAllString(again.body, " "))
	}
}

func TestDraftsOfTwoWindows(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	save := func(version, text string) answer {
		body := `{"key":"reply/x","version":` + version + `,"value":{"text":"` + text + `"}}`
		return anna.read(anna.client.Post(h.url+"/draft", "application/json", strings.NewReader(body)))
	}
	if a := save("0", "first"); a.status != http.StatusOK || !strings.Contains(a.body, `"version":1`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := save("0", "second window"); a.status != http.StatusConflict || !strings.Contains(a.body, `"text":"first"`) {
		t.Errorf("the other version is not shown: %d %s", a.status, a.body)
	}
}

func TestAnotherSiteCannotPost(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	req, err := http.NewRequest("POST", h.url+"/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := anna.read(anna.client.Do(req)); a.status != http.StatusForbidden {
		t.Errorf("a post from another site: %d", a.status)
	}
	if a := anna.get("/today"); a.path != "/today" {
		t.Error("the session ended by another site")
	}
}
