package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
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
	// byRelation says that a relation opens charts: then a page asks whether one is the right chart, before
	// it is opened in an emergency.
	byRelation bool
}

func newWorld(t testing.TB, bodies []string) *house {
	return build(t, func(s *sqlite.Store) store.Store { return quiet{s} }, bodies...)
}

// sees returns the body that a person may read, "" when it may not. It asks in two ways, and
// both must show it: a leak at one of them does not make the hidden visible.
func (h *house) sees(t testing.TB, who, key string) string {
	t.Helper()
	kind, id, _ := strings.Cut(key, "/")
	actor := h.gate.As(h.people[who].principal, "test")
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

// past gives a patient entries with a past that the patient may not see: a note that was not
// signed yet, a reading that stood in another's chart. form is what they said then.
func (h *house) past(patient, letter string, form int) {
	note := func(status string, form int) string {
		return `{"resourceType":"Composition","id":"` + letter + `-late","status":"` + status + `","type":{"text":"Note"},"subject":{"reference":"Patient/` + patient + `"},"date":"2026-10-01","author":[{"reference":"Practitioner/amara"}],"title":"` + words[form] + `"}`
	}
	reading := func(patient string, form int) string {
		return `{"resourceType":"Observation","id":"` + letter + `-moved","status":"final","code":{"text":"` + words[form] + `"},"subject":{"reference":"Patient/` + patient + `"}}`
	}
	h.seed(note("preliminary", form), reading("kim", form))
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

// newWorlds makes the two worlds of a person.
func newWorlds(t testing.TB, who string, seed uint64) *worlds { return worldsOf(t, who, seed, false) }

func worldsOf(t testing.TB, who string, seed uint64, restricted bool) *worlds {
	t.Helper()
	newWorld := newWorld
	if restricted {
		open := newWorld
		newWorld = func(t testing.TB, bodies []string) *house {
			h := open(t, append(bodies, bound))
			h.restrict()
			return h
		}
	}
	list := records()
	var first []string
	for _, e := range list {
		first = append(first, e.body(e.id, 0))
	}
	w := &worlds{a: newWorld(t, first), who: who, unseen: map[string]bool{}}
	own, letter := w.a.people[who].principal.Patient, who[:1]
	if own != "" {
		w.a.past(own, letter, 0)
		w.entries = append(w.entries, "Composition/"+letter+"-late", "Observation/"+letter+"-moved")
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	change := map[string]int{} // of hidden resources: -1 gone, else the form
	more := map[string]int{}   // more of the same kind
	for _, e := range list {
		w.entries = append(w.entries, e.key(), e.key()+"-x")
		w.unseen[e.key()+"-x"] = true
		if w.a.sees(t, who, e.key()) != "" {
			continue
		}
		w.hidden++
		w.unseen[e.key()] = true
		change[e.key()] = []int{-1, -1, 0, 1, 2}[rng.IntN(5)]
		if rng.IntN(3) == 0 {
			more[e.key()] = 1 + rng.IntN(2)
		}
	}
	for range 3 { // what would be visible in world B is taken out of it until nothing is
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
		w.b = newWorld(t, second)
		if own != "" {
			w.b.past(own, letter, 1)
		}
		same := true
		for _, e := range list {
			a, b := w.a.sees(t, who, e.key()), w.b.sees(t, who, e.key())
			if a != b {
				change[e.key()], same = 0, false
			}
			if w.b.sees(t, who, e.key()+"-x") != "" {
				delete(more, e.key())
				same = false
			}
		}
		if same {
			return w
		}
	}
	t.Fatalf("%s: the worlds cannot be made the same for this person", who)
	return nil
}

var (
	pageToken = regexp.MustCompile(`_page=[A-Za-z0-9_%-]+`)
	newID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	secret    = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
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

// rounds is how many generated requests each role sends.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("OSLER_ROUNDS")); err == nil {
		return n
	}
	if os.Getenv("OSLER_DRILL") != "" {
		return 100_000
	}
	return 20_000
}

// TestTwoWorlds: for everybody, generated requests of all kinds are answered with the same
// bytes whether what is hidden exists, is something else or does not. So no answer tells
// anything about it: no total, no order, no status, no error, no page.
func TestTwoWorlds(t *testing.T) {
	var found atomic.Bool // a mutant is done with at the first difference
	for i, d := range staff {
		t.Run(string(d.Role)+"-"+d.User, func(t *testing.T) {
			t.Parallel()
			compare(t, d.User, newWorlds(t, d.User, uint64(i)), uint64(1000+i), &found)
		})
	}
}

// TestTwoWorldsRestricted is TestTwoWorlds where a relation opens charts, for a nurse who has one
// to one of three patients: also what is about that patient and another on equal terms is hidden.
func TestTwoWorldsRestricted(t *testing.T) {
	var found atomic.Bool
	t.Run("nurse-nina", func(t *testing.T) {
		w := worldsOf(t, "nina", 99, true)
		w.byRelation = true
		for _, key := range []string{"Group/group", "Appointment/both", "Patient/sam"} {
			if !w.unseen[key] {
				t.Errorf("%s is seen", key)
			}
		}
		if w.unseen["Patient/rosa"] || w.unseen["Observation/r-obs0"] {
			t.Error("the chart to which there is a relation is shut")
		}
		compare(t, "nina", w, 1099, &found)
	})
}

// compare sends generated requests to both worlds.
func compare(t *testing.T, who string, w *worlds, seed uint64, found *atomic.Bool) {
	n, once := rounds(), os.Getenv("OSLER_FIRST") != ""
	g := newGenerator(w, seed)
	statuses, differences := map[int]int{}, 0
	role := w.a.people[who].principal.Role
	log := role == trust.Administrator || role == trust.Auditor
	if w.hidden == 0 { // the worlds are one
		n = min(n, 500)
	}
	for k := range n {
		if once && found.Load() {
			break
		}
		r := g.next()
		if log && strings.Contains(r.path, "AuditEvent") { // who may read the audit log sees what it says: the worlds were made by other commits
			continue
		}
		if w.byRelation && strings.Contains(r.path, "/emergency-access") { // that page is the way in
			continue
		}
		a, b := w.both(r)
		statuses[a.status]++
		where := differ(a, b)
		for page := 0; where == "" && page < 2; page++ {
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
		t.Errorf("request %d of %s differs: %s %s %q %.600s%s", k, who, r.method, r.path, r.headers, r.body, where)
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
