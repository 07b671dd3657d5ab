package record

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var admin = trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator}

// shoe is a SearchParameter for an extension of Patient.
func shoe(id, code string) string {
	return `{"resourceType":"SearchParameter","id":"` + id + `","url":"http://example.org/sp/` + id + `","name":"Shoe","status":"active","description":"Shoe size","code":"` + code +
		`","base":["Patient"],"type":"number","expression":"Patient.extension.where(url = 'http://example.org/shoe').value.ofType(integer)"}`
}

func walker(id string, size int) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"extension":[{"url":"http://example.org/shoe","valueInteger":%d}],"name":[{"family":"Walker"}]}`, id, size)
}

// holding is a store that indexes no more than is indexed at once, until it is let.
type holding struct {
	store.Store
	pieces atomic.Int32
	let    chan struct{}
}

func (h *holding) Index(ctx context.Context, i store.Indexing) (bool, error) {
	if h.pieces.Add(1) > firstPieces {
		<-h.let
	}
	return h.Store.Index(ctx, i)
}

// count waits until the parameter is searchable.
func (c clinic) count(resourceType, name, value string) int64 {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n, err := c.as(physician).Count(ctx, resourceType, url.Values{name: {value}})
		if fault.Is(err, fault.Unavailable) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return n
	}
	c.t.Fatal("the indexing does not end")
	return 0
}

func (c clinic) many(from, to int) {
	c.t.Helper()
	for from < to {
		var bodies []string
		for ; from < to && len(bodies) < 500; from++ {
			bodies = append(bodies, walker(fmt.Sprint("w", from), 30+from%10))
		}
		c.commit(trust.System("import"), bodies...)
	}
}

// TestSearchParametersOfARecord: one that is stored is searched by; what was stored before
// is found, or the search is refused until it is, while others write; a changed one finds
// by its new rules; a deleted one is not known any more.
func TestSearchParametersOfARecord(t *testing.T) {
	c := open(t)
	c.many(0, 2500) // more than is indexed at once
	if _, err := c.as(physician).Count(ctx, "Patient", url.Values{"shoe": {"37"}}); !fault.Is(err, fault.Malformed) {
		t.Errorf("before it is defined: %v", err)
	}
	held := &holding{Store: c.gate.store, let: make(chan struct{})}
	c.gate.store = held
	let := sync.OnceFunc(func() { close(held.let) })
	t.Cleanup(let)
	c.commit(admin, shoe("s1", "shoe"))
	refused := 0
	stop, wrote, done := make(chan bool), make(chan struct{}), sync.WaitGroup{}
	done.Go(func() { // the clinic goes on meanwhile
		for i := 2500; ; i++ {
			select {
			case <-stop:
				return
			default:
				if _, err := c.as(trust.System("import")).Commit(ctx, Change{Put: []Put{{Resource: c.read(walker(fmt.Sprint("w", i), 99))}, {Resource: c.read(walker(fmt.Sprint("w", i-2500), 99))}}}); err != nil {
					t.Error(err)
					return
				}
				if i == 2500 {
					close(wrote)
				}
			}
		}
	})
	<-wrote
	for {
		n, err := c.as(physician).Count(ctx, "Patient", url.Values{"shoe": {"gt0"}})
		if err == nil {
			if n < 2500 {
				t.Errorf("a search was answered in part: %d", n)
			}
			break
		}
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "shoe") {
			t.Fatal(err)
		}
		refused++
		let()
		time.Sleep(time.Millisecond)
	}
	close(stop)
	done.Wait()
	all, old, changed := c.count("Patient", "shoe", "gt0"), c.count("Patient", "shoe", "lt90"), c.count("Patient", "shoe", "99")
	if refused == 0 || all != old+changed || changed < 2 || changed%2 != 0 || all != 2500+changed/2 {
		t.Errorf("refused %d times; %d with a shoe, %d as before, %d written meanwhile", refused, all, old, changed)
	}

	c.commit(admin, strings.Replace(shoe("s1", "shoe"), "/shoe'", "/none'", 1))
	if n := c.count("Patient", "shoe", "gt0"); n != 0 {
		t.Errorf("the rules of before find %d", n)
	}
	if n := c.count("Patient", "family", "walker"); n != all {
		t.Errorf("other parameters: %d", n)
	}
	if _, err := c.as(admin).Commit(ctx, Change{Delete: []Delete{{Type: "SearchParameter", ID: "s1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).Count(ctx, "Patient", url.Values{"shoe": {"37"}}); !fault.Is(err, fault.Malformed) {
		t.Errorf("after it was deleted: %v", err)
	}
	c.commit(admin, shoe("s1", "shoe")) // what was written in between has no entries yet
	if n := c.count("Patient", "shoe", "gt0"); n != all {
		t.Errorf("defined again it finds %d of %d", n, all)
	}
}

// TestIndexingGoesOnAfterARestart: a gate that is opened on a half indexed store ends the
// work.
func TestIndexingGoesOnAfterARestart(t *testing.T) {
	c := open(t)
	c.many(0, 1500)
	c.commit(admin, shoe("s1", "shoe"))
	for range 3 { // as a new process would: nothing is known but what is stored
		c.found()
		c.gate = Open(c.store, c.clock)
		if _, err := c.gate.Registry(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.count("Patient", "shoe", "gt0"); n != 1500 {
		t.Errorf("%d of 1500", n)
	}
}

func TestSearchParametersThatAreRefused(t *testing.T) {
	c := open(t)
	c.commit(admin, shoe("s1", "shoe"))
	swap := func(old, new string) string {
		body := strings.Replace(shoe("s2", "boot"), old, new, 1)
		if body == shoe("s2", "boot") {
			t.Fatalf("%s is not there", old)
		}
		return body
	}
	for name, body := range map[string]string{
		"code of R4":              shoe("s2", "name"),
		"code of the record":      shoe("s2", "shoe"),
		"url of the record":       swap("http://example.org/sp/s2", "http://example.org/sp/s1"),
		"code with a dot":         shoe("s2", "a.b"),
		"code of a control":       shoe("s2", "_count"),
		"code that rules":         strings.Replace(strings.Replace(shoe("s2", "patient"), `["Patient"]`, `["Location"]`, 1), "Patient.ext", "Location.ext", 1),
		"special":                 swap(`"number"`, `"special"`),
		"expression that is none": swap("Patient.extension.where(", "Patient.extension.where(("),
		"expression of no member": swap("Patient.extension.where(url = 'http://example.org/shoe').value.ofType(integer)", "Patient.frog"),
		"without expression":      swap(`,"expression":"Patient.extension.where(url = 'http://example.org/shoe').value.ofType(integer)"`, ""),
		"long expression":         swap("Patient.extension", "Patient.extension"+strings.Repeat(".extension", 300)),
		"target":                  swap(`"base":["Patient"]`, `"base":["Patient"],"target":["Frog"]`),
		"base":                    swap(`"base":["Patient"]`, `"base":["Frog"]`),
		"composite of nothing":    swap(`"number"`, `"composite"`),
		"component":               swap(`"number"`, `"composite","component":[{"definition":"http://none","expression":"value"},{"definition":"http://none","expression":"url"}]`),
	} {
		_, err := c.as(admin).Commit(ctx, Change{Put: []Put{{Resource: c.read(body)}}})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two of one code in one change, and racing.
	if _, err := c.as(admin).Commit(ctx, Change{Put: []Put{{Resource: c.read(shoe("a", "heel"))}, {Resource: c.read(shoe("b", "heel"))}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one code twice in a change: %v", err)
	}
	var won sync.Map
	var race sync.WaitGroup
	for i := range 8 {
		race.Go(func() {
			if _, err := c.as(admin).Commit(ctx, Change{Put: []Put{{Resource: c.read(shoe(fmt.Sprint("r", i), "sole"))}}}); err == nil {
				won.Store(i, true)
			}
		})
	}
	race.Wait()
	n := 0
	won.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d of 8 won one code", n)
	}
	// A draft is kept and not searched by; a parameter of R4 is kept and is itself.
	c.commit(admin, strings.Replace(shoe("draft", "lace"), `"active"`, `"draft"`, 1))
	c.commit(admin, `{"resourceType":"SearchParameter","id":"n","url":"http://hl7.org/fhir/SearchParameter/Patient-name","name":"name","status":"active","description":"x","code":"name","base":["Patient"],"type":"string","expression":"Patient.name"}`)
	if _, err := c.as(physician).Count(ctx, "Patient", url.Values{"lace": {"1"}}); !fault.Is(err, fault.Malformed) {
		t.Errorf("a draft: %v", err)
	}
	if n := c.count("Patient", "name", "hill"); n != 1 {
		t.Errorf("the parameter of R4: %d", n)
	}
	if _, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: c.read(shoe("mine", "mine"))}}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse: %v", err)
	}
}

// TestCompositeOfTheRecord: a composite whose parts are of R4 and of the record, a reference
// in a chain, a string of every type.
func TestCompositeOfTheRecord(t *testing.T) {
	c := open(t)
	c.commit(admin,
		shoe("s1", "shoe"),
		`{"resourceType":"SearchParameter","id":"pair","url":"http://example.org/sp/pair","name":"Pair","status":"active","description":"x","code":"pair","base":["Patient"],"type":"composite","expression":"Patient",
"component":[{"definition":"http://example.org/sp/s1","expression":"extension.where(url = 'http://example.org/shoe').value.ofType(integer)"},{"definition":"http://hl7.org/fhir/SearchParameter/individual-family","expression":"name.family"}]}`,
		`{"resourceType":"SearchParameter","id":"friend","url":"http://example.org/sp/friend","name":"Friend","status":"active","description":"x","code":"friend","base":["Patient"],"type":"reference","target":["Patient"],"expression":"Patient.extension.where(url = 'http://example.org/friend').value.ofType(Reference)"}`,
		`{"resourceType":"SearchParameter","id":"mood","url":"http://example.org/sp/mood","name":"Mood","status":"active","description":"x","code":"mood","base":["DomainResource"],"type":"string","expression":"DomainResource.extension.where(url = 'http://example.org/mood').value.ofType(string)"}`)
	c.commit(trust.System("import"), walker("w1", 41),
		`{"resourceType":"Patient","id":"w2","extension":[{"url":"http://example.org/friend","valueReference":{"reference":"Patient/w1"}},{"url":"http://example.org/mood","valueString":"Glad"}]}`,
		`{"resourceType":"Location","id":"l","status":"active","extension":[{"url":"http://example.org/mood","valueString":"Gloomy"}]}`)
	// What a composite reads cannot be told from outside: who does not see national numbers does not search by one of people.
	if _, err := c.as(physician).Count(ctx, "Patient", url.Values{"pair": {"41$walker"}}); !fault.Is(err, fault.NotSupported) {
		t.Errorf("a composite of people by a physician: %v", err)
	}
	if n, err := c.as(desk).Count(ctx, "Patient", url.Values{"pair": {"41$walker"}}); err != nil || n != 1 {
		t.Errorf("a composite by who sees all: %d %v", n, err)
	}
	for _, q := range [][3]string{
		{"Patient", "friend.family", "walker"}, {"Patient", "friend:Patient.shoe", "41"}, {"Patient", "friend", "w1"}, {"Patient", "_has:Patient:friend:mood", "gl"},
		{"Location", "mood", "gloom"}, {"Patient", "mood:exact", "Glad"}, {"Patient", "_filter", "friend.shoe gt 40 and mood sw gla"}, {"Patient", "shoe:missing", "false"},
	} {
		if n := c.count(q[0], q[1], q[2]); n != 1 {
			t.Errorf("%s?%s=%s: %d", q[0], q[1], q[2], n)
		}
	}
	if found, err := c.as(physician).Find(ctx, "Patient", "_id=w2&_include=Patient:friend&_sort=mood"); err != nil || len(found) != 2 {
		t.Errorf("include: %d, %v", len(found), err)
	}
	if r, _ := c.gate.Registry(ctx); len(r.Custom("Location")) != 1 || len(r.Custom("Patient")) != 4 {
		t.Errorf("registry: %v", r.Custom("Patient"))
	}
	var none *search.Registry
	if none.Custom("Patient") != nil {
		t.Error("nothing has parameters")
	}
}

// TestParametersThatFormerVersionsDidNotIndex: a Location that was stored before near was
// indexed is found by it.
func TestParametersThatFormerVersionsDidNotIndex(t *testing.T) {
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	old := store.Write{Type: "Location", ID: "l", Version: 1, Updated: noon, Body: []byte(`{"resourceType":"Location","id":"l","status":"active","position":{"latitude":42.25,"longitude":-83.69}}`),
		Index: []search.Entry{{Param: "status", Kind: search.KindToken, System: "http://hl7.org/fhir/location-status", Code: "active"}}}
	if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{old}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
	c := clinic{t: t, store: s, clock: clock.NewManual(noon)}
	c.gate = Open(s, c.clock)
	if n := c.count("Location", "near", "42.2|-83.7|10"); n != 1 {
		t.Errorf("near finds %d", n)
	}
	if n := c.count("Location", "status", "active"); n != 1 {
		t.Errorf("status finds %d", n)
	}
}
