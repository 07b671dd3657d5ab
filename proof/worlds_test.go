package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
	"github.com/osler-emr/osler/trust/policy"
)

// worlds are two houses that are the same for one person and differ in everything that the
// person may not see: in world B hidden resources are gone, say something else, or have
// company.
type worlds struct {
	a, b    *house
	who     string
	hidden  int      // resources of world A that the person may not see
	entries []string // "Type/id" of all resources of both worlds
	unseen  map[string]bool
}

// setting is how the worlds of a person are made.
type setting struct {
	ground
	seed       uint64
	restricted bool                       // a relation opens charts
	hides      string                     // instead of secrets
	then       func(h *house, who string) // what happens when all is there; nil for nothing
}

// closed are charts that a label closes in every world: somebody opens one of them in an emergency.
var closed = []string{`{"resourceType":"Patient","id":"una",` + label("CEL") + `"name":[{"family":"One"}]}`, `{"resourceType":"Patient","id":"ugo",` + label("CEL") + `"name":[{"family":"Two"}]}`}

func newWorld(t testing.TB, s setting, bodies []string) *house {
	s.quiet, s.lines = true, 24
	bodies = append(bodies, closed...)
	if !s.restricted {
		return build(t, s.ground, bodies...)
	}
	h := build(t, s.ground, append(bodies, bound)...)
	h.restrict()
	return h
}

// sees returns the body that a person may read, "" when it may not. It asks in two ways, and
// both must show it: a leak at one of them does not make the hidden visible.
func (h *house) sees(t testing.TB, who, key string) string {
	t.Helper()
	kind, id, _ := strings.Cut(key, "/")
	p := h.people[who].principal
	if h.people[who].grant != "" {
		var err error
		if p, err = h.acting(context.Background(), h.people[who]); fault.Is(err, fault.NotFound) {
			return "" // the grant has ended
		} else if err != nil {
			t.Fatal(err)
		}
	}
	actor := h.gate.As(p, "test")
	v, err := actor.ReadVersion(context.Background(), kind, id, 0)
	if err == nil {
		var found []*fhir.Node
		if found, err = actor.Find(context.Background(), kind, "_id="+id); err == nil && len(found) == 0 {
			return ""
		}
	}
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Gone) {
		t.Fatal(err)
	}
	if err != nil {
		return ""
	}
	return string(v.Body)
}

// apart gives a house what is hidden and is no resource: work that others have not signed, lines of
// the audit log about other patients (one of them in the same line as the own patient), and a chart
// that somebody has opened in an emergency. form is which; there is as much of it in each.
func (h *house) apart(who, own string, form int) {
	var others []string
	for _, p := range []string{"rosa", "sam", ward} {
		if p != own {
			others = append(others, p)
		}
	}
	other := others[form]
	for _, by := range []string{"amara", "dana"} {
		if by == who {
			by = "nina"
		}
		actor := h.gate.As(h.people[by].principal, "clinic")
		if _, err := actor.SaveDraft(context.Background(), "note/"+other+"/"+other[:1]+"-enc", []byte(`{"text":"`+words[form]+`"}`), 0); err != nil {
			h.t.Fatal(err)
		}
	}
	mo := h.people["mo"].principal
	for _, patients := range [][]string{{own, other}, {other}} {
		l := ledger.Leaf{Time: h.clock.Now(), Actor: mo.ID, Name: mo.Name, Role: string(mo.Role), Purpose: string(mo.Purpose), Session: mo.Session, Door: "fhir", Action: ledger.Search, Type: "Observation", Query: "code=" + codes[form], Count: len(patients)}
		for _, p := range patients {
			if p != "" {
				l.Patients = append(l.Patients, p)
			}
		}
		if _, err := h.lean.Commit(context.Background(), store.Changeset{Leaf: &l}); err != nil {
			h.t.Fatal(err)
		}
	}
	if by := map[bool]string{true: "nina", false: "phil"}[who != "nina"]; !auditing(h.people[who].principal) {
		if _, err := h.site.Accounts.BreakGlass(context.Background(), h.people[by].principal, identity.GlassRequest{Patient: []string{"una", "ugo"}[form], Reason: identity.GlassEmergency, Text: "Collapsed in the hall: " + words[form], Password: password, Address: "127.0.0.1"}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// auditing reports whether a person reads the whole audit log.
func auditing(p trust.Principal) bool {
	return p.Role == trust.Administrator || p.Role == trust.Auditor
}

// past gives a patient entries with a past that the patient may not see: a note that was not
// signed yet, a reading that stood in another's chart. form is what they said then.
func (h *house) past(patient, letter string, form int) {
	note := func(status string, form int) string {
		return `{"resourceType":"Composition","id":"` + letter + `-late","status":"` + status + `","type":{"text":"Note"},"subject":{"reference":"Patient/` + patient + `"},"date":"2026-10-01","author":[{"reference":"Practitioner/amara"}],"title":"` + words[form] + `"}`
	}
	other := map[bool]string{true: "sam", false: ward}[patient == ward]
	reading := func(patient string, form int) string {
		return `{"resourceType":"Observation","id":"` + letter + `-moved","status":"final","code":{"text":"` + words[form] + `"},"subject":{"reference":"Patient/` + patient + `"}}`
	}
	h.seed(note("preliminary", form), reading(other, form))
	h.seed(note("final", 0), reading(patient, 0))
}

// restrict makes a house one where a relation opens charts: the nurse has one to rosa.
func (h *house) restrict() {
	h.t.Helper()
	admin := trust.Principal{ID: "test-setting", Name: "Test", Role: trust.Administrator}
	if err := h.gate.As(admin, "test").SetHouse(context.Background(), record.House{Mode: policy.Restricted}, "test"); err != nil {
		h.t.Fatal(err)
	}
}

// bound is what opens rosa's chart to the nurse.
const bound = `{"resourceType":"CareTeam","id":"r-nurses","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/nina"}}]}`

// secrets are what each person must not see, whatever the program says, as a pattern of "Type/id".
// Beside them everything is hidden that the program hides.
var secrets = map[string]string{
	"amara": `-therapy$` + barred, "nina": `-therapy$` + barred, "phil": `-therapy$|/k-|/kim$` + barred, "rex": `-therapy$|/vic(-|$)`, // who lifts an objection to any use

	"mo":   `-(therapy|confidential|obs1)$` + barred,
	"lara": `-(therapy|confidential|obs1)$|^(Composition|Claim|Invoice|MedicationRequest)/` + barred,
	"dana": `/vic|^(Observation|Condition|Composition|MedicationRequest|Procedure|DiagnosticReport|DocumentReference|Binary|Claim)/|-com-(staff|patient)-`,
	"bill": `/vic|^(Observation|Composition|MedicationRequest|Communication|DiagnosticReport|DocumentReference|Binary|Task)/`,
	"ada":  `^(Patient|Observation|Condition|Composition|Communication|Appointment|Invoice)/`, "gus": `^(Patient|Observation|Condition|Composition|Communication|Appointment|Invoice)/`,
	"rosa": `/(s|k)-|/(sam|kim)$` + inHouse + barred, "sam": `/(r|k)-|/(rosa|kim)$` + inHouse + barred,
	"pia": `/(r|s)-|/(rosa|sam)$|/k-confidential$` + inHouse + barred,
	"leo": `/(r|s)-|/(rosa|sam)$|/k-(confidential|therapy|obs1|ask|com-private)$` + inHouse + barred,
}

// barred are charts that are closed, inHouse is what no patient sees of any chart.
const (
	barred  = `|/(vic|otto)(-|$)`
	inHouse = `|-com-staff-message$|-preliminary$|-draft$|-task-review-result$`
)

// newWorlds makes the two worlds of a person.
func newWorlds(t testing.TB, who string, seed uint64) *worlds {
	return worldsOf(t, who, setting{seed: seed})
}

func worldsOf(t testing.TB, who string, how setting) *worlds {
	t.Helper()
	list := records()
	make := func(bodies []string, form int) *house {
		h := newWorld(t, how, bodies)
		own := h.people[who].principal.Patient
		if own != "" {
			h.past(own, own[:1], form)
		}
		h.apart(who, own, form)
		if how.then != nil {
			how.then(h, who)
		}
		return h
	}
	var first []string
	for _, e := range list {
		first = append(first, e.body(e.id, 0))
	}
	w := &worlds{a: make(first, 0), who: who, unseen: map[string]bool{}}
	if own := w.a.people[who].principal.Patient; own != "" {
		w.entries = append(w.entries, "Composition/"+own[:1]+"-late", "Observation/"+own[:1]+"-moved")
	}
	rng := rand.New(rand.NewPCG(how.seed, 1))
	change := map[string]int{} // of hidden resources: -1 gone, else the form
	more := map[string]int{}   // more of the same kind
	if how.hides == "" {
		how.hides = secrets[who]
	}
	secret := regexp.MustCompile(how.hides)
	for _, e := range list {
		w.entries = append(w.entries, e.key(), e.key()+"-x")
		w.unseen[e.key()+"-x"] = true
		if w.a.sees(t, who, e.key()) != "" {
			if !secret.MatchString(e.key()) {
				continue
			}
			t.Errorf("%s sees %s", who, e.key())
		}
		w.hidden++
		w.unseen[e.key()] = true
		change[e.key()] = []int{-1, -1, 0, 1, 2}[rng.IntN(5)]
		if e.id == ward && w.a.people[who].grant != "" { // the grant that has ended is there in both
			change[e.key()] = max(change[e.key()], 0)
		}
		if rng.IntN(3) == 0 {
			more[e.key()] = 1 + rng.IntN(2)
		}
	}
	last := ""    // that was not the same
	for range 5 { // what would be visible in world B is taken out of it until nothing is
		var second []string
		for _, e := range list {
			form, hidden := change[e.key()]
			switch {
			case !hidden:
				second = append(second, e.body(e.id, 0))
			case form >= 0:
				second = append(second, e.body(e.id, min(form, 2)))
			}
			if form := more[e.key()]; form > 0 {
				second = append(second, e.body(e.id+"-x", form))
			}
		}
		w.b = make(second, 1)
		same := true
		for _, e := range list {
			in := w.a.sees(t, who, e.key())
			if in != "" && secret.MatchString(e.key()) { // what shows it will be found
				continue
			}
			differs, twice := in != w.b.sees(t, who, e.key()), w.b.sees(t, who, e.key()+"-x") != ""
			if differs {
				change[e.key()] = 0
			}
			if twice {
				delete(more, e.key())
			}
			if differs || twice { // and so is what may have opened it, or closed it
				owner, _, _ := strings.Cut(e.id, "-")
				causes := []string{"Patient/" + owner, "Consent/" + owner + "-no"}
				for _, m := range refers.FindAllStringSubmatch(e.body(e.id, 0), -1) { // a report has the labels of its results
					causes = append(causes, m[1])
				}
				for _, cause := range causes {
					change[cause] = 0
					delete(more, cause)
				}
				same, last = false, e.key()
			}
		}
		if same {
			return w
		}
	}
	t.Fatalf("%s: the worlds cannot be made the same for this person: %s", who, last)
	return nil
}

var (
	pageToken = regexp.MustCompile(`_page=[A-Za-z0-9_%-]+`)
	newID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	secret    = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
	refers    = regexp.MustCompile(`"reference":"([^"]*)"`)
)

// plain is an answer without what is random in it: new ids are numbered as they come.
func (a answer) plain() string {
	a.header.Del("X-Request-Id")
	var b strings.Builder
	fmt.Fprintln(&b, a.status)
	for _, name := range []string{"Etag", "Last-Modified", "Location", "Content-Location", "Content-Type", "Allow", "Hx-Redirect", "Hx-Retarget", "Retry-After", "X-Progress", "Www-Authenticate", "Preference-Applied", "Vary"} {
		if v := a.header.Values(name); len(v) > 0 {
			fmt.Fprintln(&b, name, strings.Join(v, " | "))
		}
	}
	b.WriteString(a.body)
	text := pageToken.ReplaceAllString(b.String(), "_page=*")
	ids := map[string]string{}
	number := func(s string) string {
		if ids[s] == "" {
			ids[s] = "id" + strconv.Itoa(len(ids)+1)
		}
		return ids[s]
	}
	return secret.ReplaceAllStringFunc(newID.ReplaceAllStringFunc(text, number), number)
}

// differ returns where two answers differ, "" when they are the same.
func differ(a, b answer) string {
	if a.status == b.status && a.body == b.body && a.header.Get("ETag") == b.header.Get("ETag") && a.header.Get("Location") == b.header.Get("Location") {
		return ""
	}
	x, y := a.plain(), b.plain()
	if x == y {
		return ""
	}
	i := 0
	for i < len(x) && i < len(y) && x[i] == y[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("\n  A: …%.500s\n  B: …%.500s", x[from:], y[from:])
}

// both asks in both worlds.
func (w *worlds) both(r request) (a, b answer) {
	return w.a.ask(w.who, r.method, r.path, r.body, r.headers...), w.b.ask(w.who, r.method, r.path, r.body, r.headers...)
}

// nextPage returns the path of a searchset's next page, "" when there is none.
func (a answer) nextPage() string {
	if a.status != 200 || !strings.Contains(a.body, `"relation":"next"`) {
		return ""
	}
	n, err := fhir.Parse([]byte(a.body))
	if err != nil {
		return ""
	}
	for l := range n.Get("link").Items() {
		if l.Get("relation").Text() == "next" {
			return strings.TrimPrefix(l.Get("url").Text(), "http://osler.example")
		}
	}
	return ""
}

// rounds is how many generated requests of each role both worlds answer: those that are compared,
// without the further pages of what they find. The second person of a role sends a quarter of them.
func (g ground) rounds() int {
	if n, err := strconv.Atoi(os.Getenv("OSLER_ROUNDS")); err == nil {
		return n
	}
	n := 6_000
	if os.Getenv("OSLER_DRILL") != "" {
		n = 100_000
	}
	if g.postgres { // this is about what the other store makes of the same questions
		n = map[int]int{6_000: 500, 100_000: 20_000}[n]
	}
	return n
}

// TestTwoWorlds: for everybody, generated requests of all kinds are answered with the same
// bytes whether what is hidden exists, is something else or does not. So no answer tells
// anything about it: no total, no order, no status, no error, no page. There are twelve roles, as
// far as what they see goes: those of the staff, patients, and who acts for a patient, with the
// whole record or a part of it. Something is hidden from each of them.
func TestTwoWorlds(t *testing.T) { everybody(t, ground{}) }

// TestTwoWorldsPostgreSQL is TestTwoWorlds on the other store.
func TestTwoWorldsPostgreSQL(t *testing.T) { everybody(t, ground{postgres: true}) }

func everybody(t *testing.T, g ground) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	debug.SetGCPercent(300) // memory is there, time is short
	var found atomic.Bool   // a mutant is done with at the first difference
	roles := map[string]bool{}
	for i, d := range staff {
		name := string(d.Role)
		if d.Proxy {
			name = "proxy"
		}
		rounds := g.rounds()
		if roles[name] && os.Getenv("OSLER_ROUNDS") == "" { // the second person of a role
			rounds /= 4
		}
		roles[name] = true
		t.Run(name+"-"+d.User, func(t *testing.T) {
			t.Parallel()
			compare(t, d.User, worldsOf(t, d.User, setting{ground: g, seed: uint64(i)}), uint64(1000+i), rounds, &found)
		})
	}
	if len(roles) < 12 {
		t.Errorf("only the roles %v", roles)
	}
}

// TestTwoWorldsRestricted is TestTwoWorlds where a relation opens charts, for a nurse who has one
// to one of three patients: also what is about that patient and another on equal terms is hidden.
func TestTwoWorldsRestricted(t *testing.T) {
	var found atomic.Bool
	t.Run("nurse-nina", func(t *testing.T) {
		w := worldsOf(t, "nina", setting{seed: 99, restricted: true})
		for _, key := range []string{"Group/group", "Appointment/both", "Patient/sam"} {
			if !w.unseen[key] {
				t.Errorf("%s is seen", key)
			}
		}
		if w.unseen["Patient/rosa"] || w.unseen["Observation/r-obs0"] {
			t.Error("the chart to which there is a relation is shut")
		}
		compare(t, "nina", w, 1099, ground{}.rounds()/4, &found)
	})
}

// TestTwoWorldsAfterTheEnd is TestTwoWorlds for who has acted for a patient, and does not any more:
// because somebody ended it, and because its last day is over. Nothing at all is left to see.
func TestTwoWorldsAfterTheEnd(t *testing.T) {
	var found atomic.Bool
	for _, c := range []struct {
		who string
		end func(h *house, who string)
	}{
		{"pia", func(h *house, who string) {
			if _, err := h.site.Accounts.EndProxy(context.Background(), trust.System("test"), h.people[who].grant); err != nil {
				h.t.Fatal(err)
			}
		}},
		{"leo", func(h *house, who string) {
			if _, err := h.site.Accounts.EndProxy(context.Background(), trust.System("test"), h.people[who].grant); err != nil {
				h.t.Fatal(err)
			}
			h.entrust(who, minor.Full, h.clock.Now().Add(time.Minute))
			h.clock.Advance(time.Minute)
		}},
	} {
		t.Run("proxy-"+c.who, func(t *testing.T) {
			w := worldsOf(t, c.who, setting{seed: 77, hides: ".", then: c.end})
			compare(t, c.who, w, 1077, ground{}.rounds()/10, &found)
		})
	}
}

// TestTheWorldsAreAskedOfEveryPage: among the requests that one person sends is every page, and every
// form that the person may not send, those about something in a chart also about something that is
// hidden in that chart.
func TestTheWorldsAreAskedOfEveryPage(t *testing.T) {
	for _, who := range []string{"amara", "nina", "dana", "rosa", "leo"} {
		w := newWorlds(t, who, 5)
		g := newGenerator(w, 6)
		for range (ground{}).rounds() {
			g.next()
		}
		var missing []string
		want := slices.Concat(g.pages, g.finds)
		for _, f := range g.forms {
			want = append(want, f.pattern)
		}
		for _, pattern := range want {
			if g.asked[pattern] == 0 || g.about(pattern) && g.asked["hidden "+pattern] == 0 {
				missing = append(missing, pattern)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s is not asked for, or not about what is hidden: %q", who, missing)
		}
		t.Logf("%s: %d pages, %d that find, %d forms; who may see an entry %d times about a hidden one", who, len(g.pages), len(g.finds), len(g.forms), g.asked["hidden /p/{patient}/sight/{type}/{id}"])
	}
}

// compare sends generated requests to both worlds.
func compare(t *testing.T, who string, w *worlds, seed uint64, n int, found *atomic.Bool) {
	once := os.Getenv("OSLER_FIRST") != ""
	g := newGenerator(w, seed)
	statuses, differences := map[int]int{}, 0
	if w.hidden == 0 {
		t.Fatal("nothing is hidden: the worlds are one")
	}
	for sent := 0; sent < n && !(once && found.Load()); {
		r := g.next()
		if g.outside(r) {
			continue
		}
		sent++
		a, b := w.both(r)
		statuses[a.status]++
		where := differ(a, b)
		for page := 0; where == "" && page < 2 && sent%4 == 0; page++ {
			x, y := a.nextPage(), b.nextPage()
			if x == "" || y == "" {
				break
			}
			a, b = w.a.ask(w.who, "GET", x, ""), w.b.ask(w.who, "GET", y, "")
			where = differ(a, b)
		}
		if where == "" {
			continue
		}
		t.Errorf("request %d of %s differs: %s %s %q %.600s%s", sent, who, r.method, r.path, r.headers, r.body, where)
		found.Store(true)
		if differences++; differences == 5 {
			t.Fatal("there are more")
		}
	}
	t.Logf("%s: %d requests, %d of %d resources hidden, statuses %v", who, n, w.hidden, len(records()), statuses)
}

// same asks requests of one kind in the two worlds of some people.
func same(t *testing.T, users []string, n int, next func(g *generator) request) {
	t.Helper()
	for i, who := range users {
		w := newWorlds(t, who, uint64(50+i))
		g := newGenerator(w, uint64(2000+i))
		answered, differences := 0, 0
		for range n {
			r := next(g)
			a, b := w.both(r)
			if a.status < 300 {
				answered++
			}
			if where := differ(a, b); where != "" {
				t.Errorf("by %s differs: %s %s %q %.600s%s", who, r.method, r.path, r.headers, r.body, where)
				if differences++; differences == 4 {
					break
				}
			}
		}
		t.Logf("%s: %d requests, %d answered, %d resources hidden", who, n, answered, w.hidden)
		if w.hidden > 0 && answered == 0 {
			t.Logf("%s is refused everything of this kind", who)
		}
	}
}
