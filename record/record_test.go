package record

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ctx  = context.Background()

	physician = trust.Principal{ID: "acc-amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara", Session: "s1"}
	nurse     = trust.Principal{ID: "acc-nina", Name: "Nina Park", Role: trust.Nurse, Practitioner: "nina"}
	desk      = trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}
	rosa      = trust.Principal{ID: "acc-rosa", Name: "Rosa Diaz", Role: trust.Patient, Patient: "rosa"}
	sam       = trust.Principal{ID: "acc-sam", Name: "Sam Hill", Role: trust.Patient, Patient: "sam"}
)

// clinic is a record with two patients and two members of staff.
type clinic struct {
	t     testing.TB
	gate  *Gate
	store store.Store
	clock *clock.Manual
}

func open(t testing.TB) clinic {
	t.Helper()
	c := clinic{t: t, clock: clock.NewManual(noon)}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c.clock, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // every story ends with an audit log that accounts for every version
		storetest.Concerning(t, s)
		if n, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil || n == 0 {
			t.Errorf("%d leaves verified: %v", n, err)
		}
		s.Close()
	})
	c.store = s
	c.gate = Open(c.store, c.clock)
	c.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}]}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`,
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
		`{"resourceType":"Practitioner","id":"nina","name":[{"family":"Park"}]}`)
	c.clock.Advance(time.Minute)
	return c
}

func (c clinic) as(p trust.Principal) *Actor { return c.gate.As(p, "test") }

func (c clinic) read(json string) *fhir.Node {
	c.t.Helper()
	n, err := fhir.Parse([]byte(json))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// commit stores resources and fails the test when it cannot.
func (c clinic) commit(p trust.Principal, bodies ...string) Result {
	c.t.Helper()
	var change Change
	for _, b := range bodies {
		change.Put = append(change.Put, Put{Resource: c.read(b)})
	}
	r, err := c.as(p).Commit(ctx, change)
	if err != nil {
		c.t.Fatalf("%v\n%+v", err, err)
	}
	return r
}

func (c clinic) leaves(patient string) []ledger.Leaf {
	c.t.Helper()
	entries, err := c.store.Leaves(ctx, store.LeafFilter{Patient: patient, Limit: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	out := make([]ledger.Leaf, len(entries))
	for i, e := range entries {
		out[i] = e.Leaf
	}
	return out
}

// vitals is a pulse of a patient.
func vitals(patient string) string {
	return `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":"Pulse"},"subject":{"reference":"Patient/` + patient + `"},` +
		`"effectiveDateTime":"2026-11-23T11:55:00Z","performer":[{"reference":"Practitioner/nina"}],"valueQuantity":{"value":72.50,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`
}

func collect(t *testing.T, seq func(func(store.Version, error) bool)) (out []store.Version) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// read reads streams of versions whole.
func read(t testing.TB, seq iter.Seq2[Streamed, error]) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for v, err := range seq {
			if err == nil {
				body := v.Open(t.Context())
				v.Body, err = io.ReadAll(body)
				err = errors.Join(err, body.Close())
			}
			if !yield(v.Version, err) {
				return
			}
		}
	}
}

func TestAsOf(t *testing.T) {
	c := open(t)
	before := c.clock.Now()
	c.clock.Advance(time.Hour)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	rename := c.read(`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz-Lee"}]}`)
	if _, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: rename}}}); err != nil {
		t.Fatal(err)
	}
	past, err := c.as(physician).AsOf(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := past.Read(ctx, "Patient", "rosa"); err != nil || n.Path("name.0.family").Text() != "Diaz" {
		t.Errorf("the name then: %v %v", n, err)
	}
	if _, err := past.Read(ctx, "Observation", id); !fault.Is(err, fault.NotFound) {
		t.Errorf("an entry of the future: %v", err)
	}
	if _, err := past.ReadVersion(ctx, "Patient", "rosa", 2); !fault.Is(err, fault.NotFound) {
		t.Errorf("a version of the future: %v", err)
	}
	if n, err := past.Find(ctx, "Observation", ""); err != nil || len(n) != 0 {
		t.Errorf("search then: %v %v", n, err)
	}
	if n := len(collect(t, past.ChartVersions(ctx, "rosa"))); n != 1 {
		t.Errorf("chart then has %d entries", n)
	}
	if v, err := past.History(ctx, store.HistoryFilter{Type: "Patient", ID: "rosa"}); err != nil || len(v) != 1 {
		t.Errorf("history then: %v %v", v, err)
	}
	for what, err := range map[string]error{
		"write": func() error {
			_, err := past.Commit(ctx, Change{Put: []Put{{Resource: c.read(vitals("rosa"))}}})
			return err
		}(),
		"draft": func() error { _, err := past.SaveDraft(ctx, "k", []byte("{}"), 0); return err }(),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s in the past: %v", what, err)
		}
	}
	if _, err := c.as(physician).AsOf(ctx, noon.AddDate(-1, 0, 0)); !fault.Is(err, fault.NotFound) {
		t.Errorf("before everything: %v", err)
	}
}

func TestFindSaysWhenThereIsMore(t *testing.T) {
	c := open(t)
	var bodies []string
	for range 3 {
		bodies = append(bodies, vitals("rosa"))
	}
	c.commit(trust.System("demo"), bodies...)
	if n, err := c.as(nurse).Find(ctx, "Observation", "_count=1"); err != nil || len(n) != 1 {
		t.Errorf("%d %v", len(n), err)
	}
	if n, err := c.as(nurse).Count(ctx, "Observation", url.Values{}); err != nil || n != 3 {
		t.Errorf("%d %v", n, err)
	}
	l := c.leaves("rosa")
	if i := slices.IndexFunc(l, func(l ledger.Leaf) bool { return l.Action == ledger.Search }); i < 0 || l[i].Query != "_count=1" || l[i].Count != 1 {
		t.Errorf("leaf of the search: %+v", l)
	}
	if _, err := c.as(nurse).Find(ctx, "Observation", "%zz"); !fault.Is(err, fault.Malformed) {
		t.Errorf("%v", err)
	}
}

// found writes the setting of the clinic, for tests that open the record once more.
func (c clinic) found() {
	c.t.Helper()
	if err := c.gate.Found(ctx); err != nil {
		c.t.Fatal(err)
	}
}
