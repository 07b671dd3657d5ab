package proof

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/clinic"
	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/portal"
	"github.com/osler-emr/osler/door/smart"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// person is somebody who uses the clinic, with what identifies them at both doors.
type person struct {
	principal trust.Principal
	cookie    string // of a signed-in browser; "" when the role has no accounts
	bearer    string // of an app that may do all that the person may
	grant     string // by which a proxy acts for the ward
}

// house is a whole Osler in process: the pages and FHIR on a real store.
type house struct {
	t        testing.TB
	clock    *clock.Manual
	lean     store.Store // with nothing left out
	store    store.Store
	gate     *record.Gate
	site     *web.Site
	watch    *watch.Watcher
	areas    []web.Area
	programs *oauth.Server
	people   map[string]*person // by user name
	handler  http.Handler
	gone     bool // the store was closed on purpose
	log      *strings.Builder
	dir      string
}

// staff are the people of every house: one of each role, two patients, and two who act for a third
// patient: one sees the whole record, the other a part of it.
var staff = []identity.Draft{
	{User: "amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara"},
	{User: "nina", Name: "Nina Park", Role: trust.Nurse, Practitioner: "nina"},
	{User: "mo", Name: "Mo Abadi", Role: trust.MedicalAssistant, Practitioner: "mo"},
	{User: "phil", Name: "Phil Adeyemi", Role: trust.Pharmacist, Practitioner: "phil"},
	{User: "lara", Name: "Lara Berg", Role: trust.Laboratory, Practitioner: "lara"},
	{User: "dana", Name: "Dana Cole", Role: trust.FrontDesk, Practitioner: "dana"},
	{User: "bill", Name: "Bill Ito", Role: trust.Biller, Practitioner: "bill"},
	{User: "rex", Name: "Rex Moss", Role: trust.Records, Practitioner: "rex"},
	{User: "ada", Name: "Ada Quist", Role: trust.Administrator},
	{User: "gus", Name: "Gus Weil", Role: trust.Auditor},
	{User: "rosa", Name: "Rosa Díaz", Role: trust.Patient, Patient: "rosa"},
	{User: "sam", Name: "Sam Hill", Role: trust.Patient, Patient: "sam"},
	{User: "pia", Name: "Pia Lind", Role: trust.Patient, Proxy: true},
	{User: "leo", Name: "Leo Marsh", Role: trust.Patient, Proxy: true},
}

// ward is the patient for whom the proxies act, and proxies is how much of the record each sees.
const ward = "kim"

var proxies = map[string]minor.Level{"pia": minor.Full, "leo": minor.Limited}

// password is everybody's.
const password = "seven quiet rivers run"

// kind is a person's role. Who acts for a patient is one of its own, though the account is one of the portal.
func (p *person) kind() string {
	if p.principal.Proxy != nil {
		return "proxy"
	}
	return string(p.principal.Role)
}

// quiet leaves out the commits that only write into the audit log: other tests are about
// those, and a proof by many thousand reads need not wait for the disk.
type quiet struct{ store.Store }

// Commit implements store.Store.
func (q quiet) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if len(c.Writes) == 0 && len(c.Items) == 0 && len(c.Absent) == 0 && len(c.Unchanged) == 0 && c.Key == "" {
		return store.Receipt{}, nil
	}
	return q.Store.Commit(ctx, c)
}

// ground says what a house is built on. The zero ground is SQLite that keeps its whole audit log.
type ground struct {
	postgres bool
	quiet    bool
	even     time.Duration // fhirapi.Options.Even
	readers  int           // connections that read, of SQLite; one when 0
	lines    int           // as long is the audit log, which numbers its lines, when all is there and nobody hired; 0 as it comes
}

func (g ground) String() string {
	if g.postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

func (g ground) open(h *house, ring seal.Keyring) (store.Store, error) {
	if g.postgres {
		return postgres.Open(h.t.Context(), postgres.Options{URL: pgtest.URL(h.t), Dir: h.dir, Keyring: ring, Clock: h.clock, Connections: 2, Careless: true})
	}
	return sqlite.Open(h.t.Context(), h.dir, sqlite.Options{Keyring: ring, Clock: h.clock, Readers: max(g.readers, 1), CacheKiB: 1024})
}

// open makes a house that holds some resources.
func open(t testing.TB, bodies ...string) *house {
	t.Helper()
	return build(t, ground{}, bodies...)
}

func build(t testing.TB, g ground, bodies ...string) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewManual(noon), people: map[string]*person{}, log: &strings.Builder{}, dir: t.TempDir()}
	ring, err := seal.OpenKeyring(h.dir, seal.KeyFile(filepath.Join(h.dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.open(h, ring)
	if err != nil {
		t.Fatal(err)
	}
	h.lean = s
	if g.quiet {
		s = quiet{s}
	}
	place, err := bucket.Open(filepath.Join(h.dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	h.store = record.WithContents(s, blob.New(place, ring.Key("content")))
	h.gate = record.Open(h.store, h.clock)
	if err := h.gate.Found(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.seed(bodies...)
	h.lengthen(g.lines)
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.site = &web.Site{Gate: h.gate, Clock: h.clock, Log: log, Clinic: "Harehills",
		Accounts: identity.Open(s, h.clock, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})}
	for _, d := range staff {
		h.hire(d)
	}
	if g.lines > 0 { // where the ward is hidden, nobody acts for it
		h.lengthen(g.lines + 64)
	}
	guard, err := outbound.New("127.0.0.1") // receivers of the tests
	if err != nil {
		t.Fatal(err)
	}
	h.programs = oauth.Open(oauth.Options{Store: h.store, Accounts: h.site.Accounts, Clock: h.clock, Key: ring.Key("oauth-signing"), Guard: guard, Log: log})
	h.site.Accounts.Join(h.programs)
	apps := &smart.Door{Server: h.programs, Base: "http://osler.example/fhir", Log: log}
	h.areas = []web.Area{clinic.Area(), portal.Area(), apps.Area()}
	pages, err := h.site.Handler(h.areas...)
	if err != nil {
		t.Fatal(err)
	}
	h.watch = watch.Open(watch.Options{Gate: h.gate, Store: h.store, Accounts: h.site.Accounts, Clock: h.clock, Log: log, Base: "http://osler.example/fhir",
		Guard: guard, Poll: 50 * time.Millisecond, Retry: watch.Retry{First: time.Millisecond, Most: 5 * time.Millisecond, Attempts: 5}})
	jobs := job.Open(h.store, h.gate, h.clock, log)
	h.site.Fair = fair.New(1)
	api := fhirapi.New(fhirapi.Options{Gate: h.gate, Even: g.even, Fair: h.site.Fair, Authenticate: h.token, Visitor: h.site.Visitor, Clock: h.clock, Log: log,
		Base: "http://osler.example/fhir", Watch: h.watch, Guard: guard, Jobs: jobs, Version: "test"})
	mux := http.NewServeMux()
	mux.Handle("/fhir", api)
	mux.Handle("/fhir/", api)
	apps.Mount(mux)
	mux.Handle("/", pages)
	h.handler = web.Bounded(mux)
	t.Cleanup(func() {
		jobs.Close()
		api.Close()
		if !h.gone {
			storetest.Concerning(t, h.lean)
		}
		h.lean.Close()
	})
	return h
}

// lengthen makes the audit log so many lines long; 0 leaves it.
func (h *house) lengthen(lines int) {
	h.t.Helper()
	if lines == 0 {
		return
	}
	list, err := h.lean.Leaves(context.Background(), store.LeafFilter{Limit: 1})
	if err != nil || len(list) == 0 || int(list[0].Index) >= lines {
		h.t.Fatalf("the log is longer than %d lines: %v", lines, err)
	}
	for range lines - 1 - int(list[0].Index) {
		if _, err := h.lean.Commit(context.Background(), store.Changeset{Leaf: &ledger.Leaf{Time: h.clock.Now(), Actor: "system:test", Role: string(trust.SystemRole), Action: ledger.Search}}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// hire makes an account with a signed-in browser and a token.
func (h *house) hire(d identity.Draft) *person {
	h.t.Helper()
	ctx, system := context.Background(), trust.System("test")
	d.Password = password
	p := &person{principal: trust.Principal{ID: "test-" + d.User, Name: d.Name, Role: d.Role, Purpose: trust.Treatment, Practitioner: d.Practitioner, Patient: d.Patient, Session: "test"}}
	if d.Role == trust.Patient {
		p.principal.Purpose = trust.PatientRequest
	}
	h.people[d.User] = p
	a, err := h.site.Accounts.Create(ctx, system, d)
	if fault.Is(err, fault.Invalid) { // a role that accounts do not have yet
		p.bearer = p.principal.ID
		return p
	}
	if err != nil {
		h.t.Fatalf("%s: %v", d.User, err)
	}
	if _, p.cookie, err = h.site.Accounts.SignInAs(ctx, system, d.User, identity.Place{Address: "127.0.0.1"}); err != nil {
		h.t.Fatal(err)
	}
	scopes := []string{"user/*.cruds"}
	if d.Role == trust.Patient {
		scopes = []string{"patient/*.cruds"}
	}
	if p.bearer, err = h.site.Accounts.IssueToken(ctx, system, a.ID, scopes, 24*time.Hour); err != nil {
		h.t.Fatal(err)
	}
	s, _, err := h.site.Accounts.Session(ctx, p.cookie)
	if err != nil {
		h.t.Fatal(err)
	}
	p.principal = identity.Principal(a, s)
	if level := proxies[d.User]; level != minor.Over {
		h.entrust(d.User, level, time.Time{})
	}
	return p
}

// entrust lets somebody act for the ward.
func (h *house) entrust(user string, level minor.Level, until time.Time) {
	h.t.Helper()
	if _, err := h.lean.Read(context.Background(), "Patient", ward, 0); fault.Is(err, fault.NotFound) {
		return // a house of another story
	}
	a, err := h.site.Accounts.FindByUser(context.Background(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	g, err := h.site.Accounts.GrantProxy(context.Background(), trust.System("test"), identity.ProxyDraft{Account: a.ID, Patient: ward, Related: ward[:1] + "-rel", Kind: identity.Guardian, Level: level, Until: until})
	if err != nil {
		h.t.Fatal(err)
	}
	p := h.people[user]
	if p.principal, err = h.acting(context.Background(), p); err != nil {
		h.t.Fatal(err)
	}
	p.grant = g.ID
}

// acting judges anew whether a proxy acts, as the portal does at every request.
func (h *house) acting(ctx context.Context, p *person) (trust.Principal, error) {
	s, a, err := h.site.Accounts.Session(ctx, p.cookie)
	if err != nil {
		return trust.Principal{}, err
	}
	return h.site.Accounts.ActFor(ctx, a, s, ward)
}

// token returns who comes with a bearer token: people of roles without accounts have one that
// only the house knows, and so have proxies, who use no programs: the house lets them ask by FHIR
// what their pages ask of the gate.
func (h *house) token(ctx context.Context, secret string) (trust.Principal, error) {
	for _, p := range h.people {
		if p.grant != "" && secret == p.bearer {
			return h.acting(ctx, p)
		}
		if secret == p.principal.ID && p.cookie == "" {
			return p.principal, nil
		}
	}
	return h.programs.Authenticate(ctx, secret)
}

// seed stores resources as an import does, in one commit.
func (h *house) seed(bodies ...string) {
	h.t.Helper()
	if len(bodies) == 0 {
		return
	}
	change := record.Change{Dangling: true}
	for _, b := range bodies {
		change.Put = append(change.Put, record.Put{Resource: parsed(h.t, b)})
	}
	if _, err := h.gate.As(trust.System("test"), "test").Commit(context.Background(), change); err != nil {
		h.t.Fatalf("%v: %+v", err, fault.CodeOf(err))
	}
}

func parsed(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
	return n
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request in process. who is a user name, "" for a stranger; at /fhir the person
// comes with a token, elsewhere with a browser. headers are "Name: value"; an empty value
// takes the header away.
func (h *house) ask(who, method, path, body string, headers ...string) answer {
	r := httptest.NewRequest(method, "http://osler.example"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:4711"
	fhirDoor := path == "/fhir" || strings.HasPrefix(path, "/fhir/") || strings.HasPrefix(path, "/fhir?")
	if p := h.people[who]; p != nil && fhirDoor {
		r.Header.Set("Authorization", "Bearer "+p.bearer)
	} else if p != nil {
		r.AddCookie(&http.Cookie{Name: "osler-session", Value: p.cookie})
	}
	if body != "" || method == http.MethodPost {
		r.Header.Set("Content-Type", map[bool]string{true: "application/fhir+json", false: "application/x-www-form-urlencoded"}[fhirDoor])
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// stored names what is stored, for "nothing has changed": the newest version and the number
// of all.
func (h *house) stored() string {
	list, err := h.store.History(context.Background(), store.HistoryFilter{Count: 1})
	if err != nil || len(list) == 0 {
		h.t.Fatalf("%d versions: %v", len(list), err)
	}
	v := list[0]
	return v.Type + "/" + v.ID + "/" + string(rune('0'+v.Version%10)) + "@" + v.Updated.String()
}

func (h *house) users() []string {
	var names []string
	for name := range h.people {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
