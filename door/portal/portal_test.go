package portal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/clinic"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/intake"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const password = "three quiet herons wade"

// house is a running site with the invented clinic's patients.
type house struct {
	t       testing.TB
	url     string
	handler http.Handler // what the server at url answers with
	dir     string
	gate    *record.Gate
	logins  *identity.Accounts
	clock   *clock.Manual
	people  map[string]synthetic.Account // by user name
	clients map[string]*http.Client
}

func start(t testing.TB) *house {
	t.Helper()
	c := &house{t: t, clock: clock.NewManual(noon), dir: t.TempDir(), people: map[string]synthetic.Account{}, clients: map[string]*http.Client{}}
	filled, err := filled()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(c.dir, os.DirFS(filled.dir)); err != nil {
		t.Fatal(err)
	}
	for _, a := range filled.people {
		c.people[a.User] = a
	}
	s, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	site := &web.Site{Gate: c.gate, Accounts: c.logins, Clock: c.clock, Clinic: "Harehills Family Practice",
		Program: func(_ context.Context, id string) (string, error) {
			return map[string]string{"vs": "Vital signs viewer"}[id], nil
		}}
	h, err := site.Handler(clinic.Area(), Area())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c.url, c.handler = server.URL, h
	return c
}

// open opens the record in the folder of a house.
func (c *house) open() (store.Store, error) {
	ring, err := seal.OpenKeyring(c.dir, seal.KeyFile(filepath.Join(c.dir, "master.key")))
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(context.Background(), c.dir, sqlite.Options{Keyring: ring, Clock: c.clock, Readers: 2, CacheKiB: 2048})
	if err != nil {
		return nil, err
	}
	place, err := bucket.Open(filepath.Join(c.dir, "contents"))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	c.gate = record.Open(record.WithContents(s, blob.New(place, ring.Key("content"))), c.clock)
	c.logins = identity.Open(s, c.clock, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true, CheckEvery: 200 * time.Millisecond})
	return s, nil
}

// demonstration is a record of the invented clinic's patients, with their accounts, in a folder:
// each house begins with a copy of it.
type demonstration struct {
	dir    string
	people []synthetic.Account
}

var filled = sync.OnceValues(func() (demonstration, error) {
	dir, err := os.MkdirTemp("", "osler-portal-")
	if err != nil {
		return demonstration{}, err
	}
	practice := synthetic.Clinic(1, noon)
	d := demonstration{dir: dir, people: practice.Accounts}
	c := &house{clock: clock.NewManual(noon), dir: dir}
	s, err := c.open()
	if err != nil {
		return d, err
	}
	return d, errors.Join(fill(c, practice), s.Close())
})

func fill(c *house, practice synthetic.Practice) error {
	if err := c.gate.Found(context.Background()); err != nil {
		return err
	}
	system := trust.System("demo")
	for chunk := range slices.Chunk(practice.Resources, 1000) {
		change := record.Change{What: "demonstration data"}
		for _, r := range chunk {
			change.Put = append(change.Put, record.Put{Resource: r, Create: true})
		}
		if _, err := c.gate.As(system, "test").Commit(context.Background(), change); err != nil {
			return err
		}
	}
	for _, a := range practice.Accounts {
		if a.Role != trust.Patient {
			continue
		}
		if _, err := c.logins.Create(context.Background(), system, identity.Draft{User: a.User, Name: a.Name, Role: a.Role, Patient: a.Patient, Language: a.Language, Password: password}); err != nil {
			return err
		}
	}
	return nil
}

// TestMain lets the tests share a Chromium and the invented clinic.
func TestMain(m *testing.M) {
	code := webtest.Main(m)
	if d, err := filled(); err == nil {
		os.RemoveAll(d.dir)
	}
	os.Exit(code)
}

// enter signs anybody in through the form.
func (c *house) enter(user string) {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.clients[user] = &http.Client{Jar: jar}
	if status, path, page := c.send(user, "/sign-in", url.Values{"user": {user}, "password": {password}}); status != 200 || path == "/sign-in" {
		c.t.Fatalf("%s signs in: status %d at %s: %s", user, status, path, plainText(page))
	}
}

// enterBy chooses a password through an invitation and signs in.
func (c *house) enterBy(link, user, check string) {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.clients[user] = &http.Client{Jar: jar}
	if status, _, page := c.send(user, link, url.Values{"check": {check}, "password": {password}, "again": {password}}); status != 200 {
		c.t.Fatalf("%s: %d %s", link, status, plainText(page))
	}
	c.enter(user)
}

// as signs a patient in through the form, without any script, and returns the browser.
func (c *house) as(user string) *http.Client {
	c.t.Helper()
	if b := c.clients[user]; b != nil {
		return b
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b := &http.Client{Jar: jar}
	c.clients[user] = b
	if status, path, _ := c.send(user, "/sign-in", url.Values{"user": {user}, "password": {password}}); status != 200 || path != "/portal" {
		c.t.Fatalf("%s signs in: status %d at %s", user, status, path)
	}
	return b
}

// see opens a page and returns its status and HTML.
func (c *house) see(user, path string) (int, string) {
	c.t.Helper()
	r, err := c.as(user).Get(c.url + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// send posts a form and follows the redirect; it returns where it ended.
func (c *house) send(user, path string, form url.Values) (status int, at, body string) {
	c.t.Helper()
	r, err := c.as(user).PostForm(c.url+path, form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, r.Request.URL.Path, string(b)
}

// must returns the first group of a pattern in a page.
func (c *house) must(body, pattern string) string {
	c.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if m == nil {
		c.t.Fatalf("the page has no %s:\n%s", pattern, plainText(body))
	}
	return m[1]
}

var tags = regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`)

// plainText is what a page says.
func plainText(body string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(body, " ")), " ")
}

func (c *house) staff(user string) *record.Actor {
	a := c.people[user]
	return c.gate.As(trust.Principal{ID: "u-" + user, Name: a.Name, Role: a.Role, Practitioner: a.Practitioner, Purpose: trust.Treatment}, "clinic")
}

// TestAPatientsDayWithoutScript walks the core of the portal with plain links and forms.
func TestAPatientsDayWithoutScript(t *testing.T) {
	c := start(t)
	const maria, anna = "maria.okafor", "anna.lindqvist"
	me := c.people[maria].Patient

	_, home := c.see(maria, "/portal")
	result := c.must(home, `href="(/portal/results/[^"]+)"`)
	newBefore := c.must(plainText(home), `You have (\d+) new results`)
	status, page := c.see(maria, result)
	if text := plainText(page); status != 200 || !strings.Contains(text, "Usual range") || !strings.Contains(text, "What this test tells you") {
		t.Errorf("result page %d: %s", status, text)
	}
	if _, home = c.see(maria, "/portal"); strings.Contains(plainText(home), "You have "+newBefore+" new results") {
		t.Error("the result that was read still counts as new")
	}

	if status, at, page := c.send(maria, result+"/ask", url.Values{"question": {"Something else"}, "text": {" "}}); status != 422 || at != result+"/ask" {
		t.Errorf("an empty question: %d at %s: %s", status, at, plainText(page))
	}
	if _, at, _ := c.send(maria, result+"/ask", url.Values{"question": {"Something else"}, "text": {"Is this why I am tired?"}}); at != result {
		t.Errorf("asked, ended at %s", at)
	}
	doctor := c.staff(anna)
	threads, err := message.Threads(t.Context(), doctor, me)
	if err != nil || threads[0].Last().Text != "Is this why I am tired?" {
		t.Fatalf("the doctor's newest message %+v, %v", threads[0].Last(), err)
	}
	if _, err := message.Send(t.Context(), doctor, message.Draft{Thread: threads[0].ID, Text: "Partly. Let us talk on Tuesday."}); err != nil {
		t.Fatal(err)
	}
	if _, list := c.see(maria, "/portal/messages"); !strings.Contains(plainText(list), "1 new") {
		t.Error("the answer is not marked as unread")
	}
	if _, thread := c.see(maria, "/portal/messages/"+threads[0].ID); !strings.Contains(plainText(thread), "Partly. Let us talk on Tuesday.") {
		t.Error("the clinic's answer does not appear")
	}

	_, meds := c.see(maria, "/portal/medicines")
	medicine := c.must(meds, `name="medicine" value="(MedicationRequest/[^"]+)"`)
	if _, _, page := c.send(maria, "/portal/medicines/refill", url.Values{"medicine": {medicine}}); !strings.Contains(plainText(page), "Refill asked for") {
		t.Errorf("refill: %s", plainText(page))
	}
	if _, _, page := c.send(maria, "/portal/medicines/refill", url.Values{"medicine": {medicine}}); !strings.Contains(plainText(page), "asked for this refill already") {
		t.Error("a second request was not refused in words")
	}
	if _, _, page := c.send(maria, "/portal/medicines/tell", url.Values{"medicine": {medicine}, "told": {"stopped"}, "words": {"It made me cough"}}); !strings.Contains(plainText(page), "It made me cough") || !strings.Contains(plainText(page), "You said: stopped") {
		t.Errorf("told: %s", plainText(page))
	}
	if _, _, page := c.send(maria, "/portal/medicines/tell", url.Values{"told": {"takes"}, "name": {"St John's wort"}, "words": {"one a day"}}); !strings.Contains(plainText(page), "You told us, not checked yet") {
		t.Errorf("also takes: %s", plainText(page))
	}

	form := url.Values{"upper": {"88"}, "lower": {"142"}, "date": {"2026-11-24"}, "clock": {"08:15"}, "comment": {"left arm"}, "nonce": {"n1"}}
	status, _, page = c.send(maria, "/portal/measure/pressure", form)
	if status != 422 || !strings.Contains(page, `value="142"`) || !strings.Contains(page, `value="left arm"`) || !strings.Contains(page, `name="swap"`) {
		t.Errorf("mixed-up numbers: %d, typed input or the repair is missing", status)
	}
	form.Set("swap", "1")
	if _, at, page := c.send(maria, "/portal/measure/pressure", form); at != "/portal/measure" || !strings.Contains(plainText(page), "142/88 mmHg") || !strings.Contains(plainText(page), "waiting for a look") {
		t.Errorf("recorded: at %s: %s", at, plainText(page))
	}
	inbox, err := task.About(t.Context(), doctor, me)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(inbox, func(k task.Task) bool {
		return k.Kind == task.PatientMeasurement && strings.Contains(k.Text, "142/88")
	})
	if i < 0 {
		t.Fatalf("no task about the measurement in %+v", inbox)
	}
	if _, err := intake.Accept(t.Context(), doctor, inbox[i].ID); err != nil {
		t.Fatal(err)
	}
	if _, page := c.see(maria, "/portal/measure"); !strings.Contains(plainText(page), "142/88 mmHg Blood pressure · 24 November 2026 08:15 left arm accepted into your record") {
		t.Errorf("accepted: %s", plainText(page))
	}

	_, log := c.see(maria, "/portal/access")
	if text := plainText(log); !strings.Contains(text, "Dr Anna Lindqvist") || !strings.Contains(text, "for your treatment") || !strings.Contains(text, "doctor") {
		t.Errorf("access log: %s", text)
	}
	line := c.must(log, `href="(/portal/messages/new\?topic=access&amp;line=\d+)"`)
	if _, page := c.see(maria, strings.ReplaceAll(line, "&amp;", "&")); !strings.Contains(page, "I do not know this person") {
		t.Error("the question about the log is not filled in")
	}

	var bundle struct {
		ResourceType string
		Entry        []struct{ Resource json.RawMessage }
	}
	_, file := c.see(maria, "/portal/download")
	if err := json.Unmarshal([]byte(file), &bundle); err != nil || bundle.ResourceType != "Bundle" || len(bundle.Entry) < 50 {
		t.Errorf("download: %v, %d entries", err, len(bundle.Entry))
	}
	if !strings.Contains(file, `"value":142`) {
		t.Error("the download does not hold the new measurement")
	}
	c.clock.Advance(11 * time.Minute) // a phone that somebody else picks up
	if status, page := c.see(maria, "/portal/download"); status != http.StatusUnauthorized || !strings.Contains(page, "take data out of Osler") {
		t.Errorf("a download long after the last proof: %d", status)
	}
	if status, _, page := c.send(maria, "/prove", url.Values{"next": {"/portal/download"}, "full": {"yes"}, "prove.password": {password}}); status != 200 || !strings.Contains(page, "0;url=/portal/download") {
		t.Errorf("the proof: %d %s", status, plainText(page))
	}
	if status, file := c.see(maria, "/portal/download"); status != 200 || !strings.Contains(file, `"resourceType":"Bundle"`) {
		t.Errorf("the download after the proof: %d", status)
	}
	for path, want := range map[string]string{"/portal/record": "metFORMIN", "/portal/emergency": "EMERGENCY MEDICAL SUMMARY", "/portal/health": "Health problems", "/portal/visits": "Past", "/portal/share": "FHIR", "/portal/more": "Emergency sheet"} {
		if status, page := c.see(maria, path); status != 200 || !strings.Contains(plainText(page), want) {
			t.Errorf("%s: %d, without %q", path, status, want)
		}
	}
}

// TestNobodyIsAskedForMoreOfASingleDose: what is taken once and is gone has not run out.
func TestNobodyIsAskedForMoreOfASingleDose(t *testing.T) {
	c := start(t)
	const maria, anna = "maria.okafor", "anna.lindqvist"
	dose, err := fhir.Parse([]byte(`{"resourceType":"MedicationRequest","id":"dose","status":"active","intent":"order","subject":{"reference":"Patient/` + c.people[maria].Patient + `"},
		"medicationCodeableConcept":{"text":"fosfomycin 3 g granules"},"authoredOn":"2026-11-23T09:00:00Z",
		"dosageInstruction":[{"text":"1 sachet by mouth once","timing":{"repeat":{"count":1}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"sachet"}}]}],
		"dispenseRequest":{"quantity":{"value":1,"unit":"sachet"},"expectedSupplyDuration":{"value":1,"unit":"days","system":"http://unitsofmeasure.org","code":"d"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.staff(anna).Commit(t.Context(), record.Change{What: "prescribe", Put: []record.Put{{Resource: dose, Create: true}}}); err != nil {
		t.Fatal(err)
	}
	if _, page := c.see(maria, "/portal/medicines"); !strings.Contains(page, "fosfomycin") || strings.Contains(plainText(page), "may have run out") {
		t.Errorf("medicines: %s", plainText(page))
	}
	if _, page := c.see(maria, "/portal"); strings.Contains(plainText(page), "more fosfomycin") {
		t.Errorf("home: %s", plainText(page))
	}
}

// TestTextSizeAndLanguageAreThePatientsChoice saves both and sees them on the next page.
func TestTextSizeAndLanguageAreThePatientsChoice(t *testing.T) {
	c := start(t)
	c.send("maria.okafor", "/settings", url.Values{"language": {"es"}, "text": {"large"}})
	_, page := c.see("maria.okafor", "/portal")
	if !strings.Contains(page, "data-large") || !strings.Contains(page, `lang="es"`) || !strings.Contains(plainText(page), "Su historia") {
		t.Error("larger text or Spanish was not kept")
	}
}

// TestNobodySeesAnotherPatientsData opens Maria's ids as another patient: every one is
// "not found", and nothing of hers is on any page of his.
func TestNobodySeesAnotherPatientsData(t *testing.T) {
	c := start(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	_, home := c.see(maria, "/portal/results")
	result := c.must(home, `href="(/portal/results/[^"]+)"`)
	_, list := c.see(maria, "/portal/visits")
	visit := c.must(list, `href="(/portal/visits/[^"]+)"`)
	appointment := c.must(list, `topic=move&amp;id=([^"]+)"`)
	_, list = c.see(maria, "/portal/messages")
	thread := c.must(list, `href="(/portal/messages/[0-9a-f][^"]+)"`)
	_, list = c.see(maria, "/portal/health")
	problem := c.must(list, `about=Condition/([^"]+)"`)
	_, list = c.see(maria, "/portal/medicines")
	medicine := c.must(list, `name="medicine" value="(MedicationRequest/[^"]+)"`)

	for _, path := range []string{result, visit, thread, "/portal/messages/new?topic=move&id=" + appointment,
		"/portal/rights/correct?about=Condition/" + problem, "/portal/messages/new?topic=visit&id=" + strings.TrimPrefix(visit, "/portal/visits/")} {
		if status, _ := c.see(maria, path); status != 200 {
			t.Errorf("%s for Maria herself: %d", path, status)
		}
		if status, page := c.see(tunde, path); status != 404 || strings.Contains(page, "Okafor") {
			t.Errorf("%s for somebody else: %d", path, status)
		}
	}
	for path, form := range map[string]url.Values{
		result + "/ask":             {"text": {"hello"}},
		thread:                      {"text": {"hello"}},
		"/portal/medicines/refill":  {"medicine": {medicine}},
		"/portal/medicines/tell":    {"medicine": {medicine}, "told": {"stopped"}},
		"/portal/medicines/refill/": nil,
	} {
		if status, _, _ := c.send(tunde, path, form); status != 404 {
			t.Errorf("POST %s for somebody else: %d", path, status)
		}
	}
	for _, path := range pages {
		if _, page := c.see(tunde, path); strings.Contains(page, "Okafor") || strings.Contains(page, c.people[maria].Patient) {
			t.Errorf("%s of Tunde names Maria", path)
		}
	}
	if _, file := c.see(tunde, "/portal/download"); strings.Contains(file, c.people[maria].Patient) {
		t.Error("the download of Tunde names Maria")
	}
}

// pages are all pages without an id.
var pages = []string{"/portal", "/portal/more", "/portal/results", "/portal/medicines", "/portal/health", "/portal/visits", "/portal/documents", "/portal/messages",
	"/portal/messages/new", "/portal/measure", "/portal/measure/pressure", "/portal/measure/weight", "/portal/measure/symptom", "/portal/access",
	"/portal/share", "/portal/record", "/portal/emergency", "/portal/rights", "/portal/rights/correct", "/portal/rights/restrict", "/portal/rights/reach"}

// TestStaffDoNotReachThePortalsPages: a page of patients is no back door for others, nor for
// people who are not signed in.
func TestStaffDoNotReachThePortalsPages(t *testing.T) {
	site := &web.Site{Gate: nil, Clock: clock.NewManual(noon)}
	routes, err := site.Routes(Area())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range routes {
		if r.Door != "portal" {
			continue
		}
		if n++; r.Policy != web.Patient {
			t.Errorf("%s is open to others than patients", r.Pattern)
		}
	}
	if n < 20 {
		t.Errorf("only %d routes", n)
	}
}
