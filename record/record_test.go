package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
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

func TestWriteAndRead(t *testing.T) {
	c := open(t)
	r := c.commit(nurse, vitals("rosa"))
	v := r.Versions[0]
	if v.Version != 1 || v.Patient != "rosa" || r.Undo == "" || r.T == 0 || v.T != r.T {
		t.Fatalf("result %+v", r)
	}
	l := c.leaves("rosa")[0]
	sum := sha256.Sum256(v.Body)
	if l.Action != ledger.Create || l.Actor != nurse.ID || l.Type != "Observation" || !slices.Equal(l.Patients, []string{"rosa"}) ||
		len(l.Versions) != 1 || l.Versions[0].Hash != hex.EncodeToString(sum[:]) || l.Versions[0].ID != v.ID || l.Door != "test" {
		t.Errorf("leaf of the write: %+v", l)
	}
	got, err := c.as(physician).Read(ctx, "Observation", v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Path("meta.versionId").Text() != "1" || got.Path("meta.lastUpdated").Text() != "2026-11-23T12:01:00.000Z" || got.Path("valueQuantity.value").Text() != "72.50" {
		t.Errorf("stored %s", got.JSON())
	}
	if l := c.leaves("rosa")[0]; l.Action != ledger.Read || l.Actor != physician.ID || l.Session != "s1" || l.Versions[0].Version != 1 || l.Count != 1 {
		t.Errorf("leaf of the read: %+v", l)
	}
}

func TestServerOwnsMeta(t *testing.T) {
	c := open(t)
	r := c.commit(physician, `{"resourceType":"Basic","meta":{"versionId":"99","lastUpdated":"1999-01-01T00:00:00Z","tag":[{"code":"mine"}],"source":"#x"},"code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`)
	n, _ := fhir.Parse(r.Versions[0].Body)
	if n.Path("meta.versionId").Text() != "1" || n.Path("meta.tag.0.code").Text() != "mine" || n.Path("meta.source").Text() != "#x" || n.Path("meta.lastUpdated").Text() == "1999-01-01T00:00:00Z" {
		t.Errorf("%s", n.JSON())
	}
}

// TestStrangers: whatever the patient Sam asks, Rosa's record answers as one that is not
// there, for every resource type.
func TestStrangers(t *testing.T) {
	c := open(t)
	ids := map[string]string{}
	for _, name := range policy.Types() {
		if policy.SeesAll(rosa, name) || policy.May(rosa, policy.Read, name) != nil {
			continue
		}
		if name == "Patient" {
			ids[name] = "rosa"
			continue
		}
		v := store.Write{Type: name, ID: "r-" + strings.ToLower(name), Version: 1, Updated: c.clock.Now(), Patient: "rosa"}
		v.Body = fhir.Obj("resourceType", name, "id", v.ID, "subject", fhir.Obj("reference", "Patient/rosa")).JSON()
		v.Index = []search.Entry{{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: "rosa"}}
		l := &ledger.Leaf{Time: c.clock.Now(), Action: ledger.Import, Versions: []ledger.Version{named(store.Version{Type: name, ID: v.ID, Version: 1, Body: v.Body}, true)}}
		if _, err := c.store.Commit(ctx, store.Changeset{Writes: []store.Write{v}, Leaf: l}); err != nil {
			t.Fatal(err)
		}
		ids[name] = v.ID
	}
	if len(ids) < 60 {
		t.Fatalf("only %d types are tried", len(ids))
	}
	stranger, own := c.as(sam), c.as(rosa)
	for name, id := range ids {
		same := func(what string, hidden, missing error) {
			t.Helper()
			if hidden == nil || fmt.Sprintf("%#v", hidden) != fmt.Sprintf("%#v", missing) && hidden.Error() != missing.Error() {
				t.Errorf("%s %s: hidden %v, missing %v", what, name, hidden, missing)
			}
		}
		_, hidden := stranger.Read(ctx, name, id)
		_, missing := stranger.Read(ctx, name, "nobody")
		same("read", hidden, missing)
		if !fault.Is(hidden, fault.NotFound) {
			t.Errorf("read %s: %v", name, hidden)
		}
		_, hidden = stranger.ReadVersion(ctx, name, id, 1)
		_, missing = stranger.ReadVersion(ctx, name, "nobody", 1)
		same("vread", hidden, missing)
		_, hidden = stranger.History(ctx, store.HistoryFilter{Type: name, ID: id})
		_, missing = stranger.History(ctx, store.HistoryFilter{Type: name, ID: "nobody"})
		same("history", hidden, missing)
		found, err := stranger.Find(ctx, name, "")
		if err != nil || slices.ContainsFunc(found, func(n *fhir.Node) bool { return n.ID() == id }) {
			t.Errorf("find %s: %v %v", name, found, err)
		}
		versions, err := stranger.History(ctx, store.HistoryFilter{Type: name})
		if err != nil || slices.ContainsFunc(versions, func(v store.Version) bool { return v.ID == id }) {
			t.Errorf("history of all %s: %v %v", name, versions, err)
		}
		_, hidden = stranger.Commit(ctx, Change{Put: []Put{{Resource: fhir.Obj("resourceType", name, "id", id)}}})
		_, missing = stranger.Commit(ctx, Change{Put: []Put{{Resource: fhir.Obj("resourceType", name, "id", "nobody")}}})
		same("write", hidden, missing)
		if name != "Task" { // own tasks are a matter of the requester
			if _, err := own.Read(ctx, name, id); err != nil && name != "Task" {
				t.Errorf("the patient's own %s: %v", name, err)
			}
		}
	}
	for v, err := range stranger.All(ctx) {
		if err != nil || v.Patient == "rosa" {
			t.Errorf("export: %s %v", v.Type, err)
		}
	}
	for _, who := range []string{"rosa", "nobody"} {
		n := 0
		for _, err := range stranger.Chart(ctx, who) {
			if n++; !fault.Is(err, fault.NotFound) {
				t.Errorf("chart of %s: %v", who, err)
			}
		}
		if n != 1 {
			t.Errorf("chart of %s yields %d times", who, n)
		}
	}
}

func TestRefusalsAreAudited(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	c.as(sam).Read(ctx, "Observation", id)
	if l := c.leaves("")[0]; l.Action != ledger.Refused || l.Actor != sam.ID || l.Outcome != "not-found" {
		t.Errorf("leaf of the refused read: %+v", l)
	}
	if _, err := c.as(desk).Find(ctx, "Observation", ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the front desk searches observations: %v", err)
	}
	if l := c.leaves("")[0]; l.Action != ledger.Refused || l.Actor != desk.ID || l.Outcome != "forbidden" {
		t.Errorf("leaf of the refused search: %+v", l)
	}
	_, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: c.read(vitals("rosa"))}}})
	if !fault.Is(err, fault.Forbidden) || c.leaves("")[0].Action != ledger.Refused {
		t.Errorf("the front desk writes vitals: %v", err)
	}
	for v, err := range c.as(desk).ChartVersions(ctx, "rosa") {
		if err != nil || v.Type != "Patient" {
			t.Errorf("the front desk's chart shows %s: %v", v.Type, err)
		}
	}
	if _, err := c.as(trust.Principal{}).Read(ctx, "Patient", "rosa"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("nobody reads: %v", err)
	}
}

func TestInternalWorkIsHiddenFromThePatient(t *testing.T) {
	c := open(t)
	message := func(category string) string {
		return `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"` + category + `"}]}],"subject":{"reference":"Patient/rosa"},` +
			`"sender":{"reference":"Practitioner/amara"},"recipient":[{"reference":"Practitioner/nina"}],"payload":[{"contentString":"x"}]}`
	}
	staff := c.commit(physician, message("staff-message")).Versions[0]
	open := c.commit(physician, message("patient-message")).Versions[0]
	task := c.commit(physician, `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"review-result"}]},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"}}`).Versions[0]
	unsigned := c.commit(physician, `{"resourceType":"Composition","status":"preliminary","type":{"text":"Progress note"},"subject":{"reference":"Patient/rosa"},"date":"2026-11-23","author":[{"reference":"Practitioner/amara"}],"title":"Note"}`).Versions[0]
	refill := c.commit(rosa, `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"refill-request"}]},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Patient/rosa"}}`).Versions[0]
	if task.Patient != "rosa" || refill.Patient != "rosa" {
		t.Errorf("a task lives in the chart of its patient, not in %q, %q", task.Patient, refill.Patient)
	}
	for _, v := range []store.Version{staff, task, unsigned} {
		if _, err := c.as(rosa).Read(ctx, v.Type, v.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("the patient reads %s: %v", v.Body, err)
		}
	}
	for _, v := range []store.Version{open, refill} {
		if _, err := c.as(rosa).Read(ctx, v.Type, v.ID); err != nil {
			t.Errorf("the patient does not read %s: %v", v.Body, err)
		}
	}
	for what, want := range map[string]string{"Communication": open.ID, "Task": refill.ID, "Composition": ""} {
		found, err := c.as(rosa).Find(ctx, what, "") // the store's view of the same predicate
		if err != nil || len(found) > 1 || len(found) == 1 && found[0].ID() != want || len(found) == 0 && want != "" {
			t.Errorf("the patient finds %s %v: %v", what, found, err)
		}
	}
	var chart []string
	for n, err := range c.as(rosa).Chart(ctx, "rosa") {
		if err != nil {
			t.Fatal(err)
		}
		chart = append(chart, n.ResourceType())
	}
	slices.Sort(chart)
	if fmt.Sprint(chart) != "[Communication Patient Task]" {
		t.Errorf("the patient's own chart: %v", chart)
	}
	if _, err := c.as(sam).Read(ctx, "Task", refill.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another patient reads the refill: %v", err)
	}
	// A note that is signed later shows its signed version only.
	signed := c.read(string(unsigned.Body))
	signed.Set("status", fhir.Str("final"))
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: signed, IfMatch: 1}}}); err != nil {
		t.Fatal(err)
	}
	if v, err := c.as(rosa).ReadVersion(ctx, "Composition", unsigned.ID, 0); err != nil || v.Version != 2 {
		t.Errorf("signed note: %v", err)
	}
	if _, err := c.as(rosa).ReadVersion(ctx, "Composition", unsigned.ID, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("unsigned version of the signed note: %v", err)
	}
}

// TestMovedToTheRightPatient: an entry in the wrong chart, corrected, is gone from it with
// its history, and its former content is not shown to the other patient.
func TestMovedToTheRightPatient(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	right := c.read(vitals("sam"))
	right.SetID(id)
	r, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: right}}})
	if err != nil {
		t.Fatal(err)
	}
	if l := c.leaves("rosa")[0]; r.Versions[0].Patient != "sam" || l.Action != ledger.Update || !slices.Contains(l.Patients, "sam") {
		t.Errorf("the move must be in both audit trails: %+v", l)
	}
	for _, version := range []int64{0, 1, 2} {
		if _, err := c.as(rosa).ReadVersion(ctx, "Observation", id, version); !fault.Is(err, fault.NotFound) {
			t.Errorf("the wrong patient reads version %d: %v", version, err)
		}
	}
	if _, err := c.as(sam).ReadVersion(ctx, "Observation", id, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("the right patient reads what was filed for another: %v", err)
	}
	if v, err := c.as(sam).History(ctx, store.HistoryFilter{Type: "Observation", ID: id}); err != nil || len(v) != 1 || v[0].Version != 2 {
		t.Errorf("history for the right patient: %v %v", v, err)
	}
	if v, err := c.as(rosa).History(ctx, store.HistoryFilter{Type: "Observation"}); err != nil || len(v) != 0 {
		t.Errorf("history of the type for the wrong patient: %v %v", v, err)
	}
	if n := len(collect(t, c.as(physician).ChartVersions(ctx, "rosa", "Observation"))); n != 0 {
		t.Errorf("%d observations in the wrong chart", n)
	}
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

func TestStaleWrites(t *testing.T) {
	c := open(t)
	patient := func(city string) *fhir.Node {
		return c.read(`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}],"address":[{"city":"` + city + `"}]}`)
	}
	put := func(city string, ifMatch int64) error {
		_, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: patient(city), IfMatch: ifMatch}}})
		return err
	}
	if err := put("Leeds", 1); err != nil {
		t.Fatal(err)
	}
	if err := put("York", 1); !fault.Is(err, fault.Stale) {
		t.Errorf("a version that was replaced: %v", err)
	}
	if err := put("York", 7); !fault.Is(err, fault.Stale) {
		t.Errorf("a version that never was: %v", err)
	}
	if err := put("York", 0); err != nil {
		t.Errorf("without a condition: %v", err)
	}
	if _, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: patient("Hull"), Create: true}}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("create over an id in use: %v", err)
	}
	n, _ := c.as(desk).Read(ctx, "Patient", "rosa")
	if n.Path("address.0.city").Text() != "York" || n.Path("meta.versionId").Text() != "3" {
		t.Errorf("%s", n.JSON())
	}
}

// TestRaces: of many writers at once without a condition, all succeed, one after another.
func TestRaces(t *testing.T) {
	c := open(t)
	errs := make(chan error, 6)
	for i := range cap(errs) {
		go func() {
			n := fhir.Obj("resourceType", "Patient", "id", "rosa", "name", fhir.Arr(fhir.Obj("family", fmt.Sprint("Diaz", i))))
			_, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: n}}})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	n, _ := c.as(desk).Read(ctx, "Patient", "rosa")
	if n.Path("meta.versionId").Text() != "7" {
		t.Errorf("%s", n.JSON())
	}
}

func TestUnchangedAndAbsent(t *testing.T) {
	c := open(t)
	seen, err := c.as(physician).Snapshot(ctx)
	if err != nil || seen == 0 {
		t.Fatal(seen, err)
	}
	prescribe := func() error {
		_, err := c.as(physician).Commit(ctx, Change{Unchanged: "rosa", SeenAt: seen, Put: []Put{{Resource: c.read(vitals("rosa"))}}})
		return err
	}
	c.commit(nurse, vitals("sam"))
	if err := prescribe(); err != nil {
		t.Errorf("another patient's entry must not matter: %v", err)
	}
	if err := prescribe(); !fault.Is(err, fault.Conflict) {
		t.Errorf("an entry since: %v", err)
	}
	q, err := search.Parse("Observation", []search.Param{{Name: "status", Value: "final"}}, search.Strict)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(nurse).Commit(ctx, Change{Absent: []search.Query{q}, Put: []Put{{Resource: c.read(vitals("rosa"))}}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a match that must not be: %v", err)
	}
}

func TestReferences(t *testing.T) {
	c := open(t)
	bad := strings.Replace(vitals("rosa"), "Practitioner/nina", "Practitioner/nobody", 1)
	_, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: c.read(bad)}}})
	var f *fault.Error
	if !asFault(err, &f) || f.Code != fault.Invalid || len(f.Issues) != 1 || f.Issues[0].Expression != "Observation.performer[0].reference" {
		t.Errorf("dangling reference: %+v", err)
	}
	_, err = c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: c.read(vitals("sam"))}, {Resource: c.read(bad)}}})
	if !asFault(err, &f) || len(f.Issues) != 1 || f.Issues[0].Expression != "Put[1].Observation.performer[0].reference" {
		t.Errorf("dangling reference in the second of two: %+v", err)
	}
	if n, _ := c.as(nurse).Find(ctx, "Observation", ""); len(n) != 0 {
		t.Errorf("a refused change stored %d resources", len(n))
	}
	if _, err := c.as(nurse).Commit(ctx, Change{Dangling: true, Put: []Put{{Resource: c.read(bad)}}}); err != nil {
		t.Errorf("dangling reference that is accepted: %v", err)
	}
	// Two resources of one change refer to each other.
	id := ident.New(c.clock.Now())
	measure := strings.NewReplacer(`"status":"final"`, `"id":"`+id+`","status":"preliminary","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]}`,
		"Practitioner/nina", "Patient/rosa").Replace(vitals("rosa"))
	task := `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"patient-measurement"}]},"focus":{"reference":"Observation/` + id + `"},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Patient/rosa"}}`
	c.commit(rosa, task, measure)
	// A patient must not learn from references what exists.
	staff := c.commit(nurse, vitals("sam")).Versions[0].ID
	var answers []string
	for _, focus := range []string{staff, "nobody"} {
		_, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: c.read(strings.Replace(task, id, focus, 1))}}})
		answers = append(answers, strings.Replace(fmt.Sprint(err), focus, "X", 1))
	}
	if answers[0] != answers[1] || !strings.HasPrefix(answers[0], "invalid") {
		t.Errorf("%q", answers)
	}
}

func asFault(err error, f **fault.Error) bool {
	*f, _ = err.(*fault.Error)
	return *f != nil
}

func TestInvalidContent(t *testing.T) {
	c := open(t)
	for _, body := range []string{
		`{"resourceType":"Observation","subject":{"reference":"Patient/rosa"}}`, // no status, no code
		`{"resourceType":"Patient","birthDate":"yesterday"}`,
		`{"resourceType":"Patient","shoeSize":44}`,
		`{"resourceType":"Nonsense"}`,
		`{"resourceType":"Patient","id":"a/b"}`,
	} {
		_, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(body)}}})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := c.as(physician).Commit(ctx, Change{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("empty change: %v", err)
	}
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(`{"resourceType":"Patient","id":"x"}`)}, {Resource: c.read(`{"resourceType":"Patient","id":"x"}`)}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one resource twice: %v", err)
	}
}

func TestDelete(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	remove := func(p trust.Principal, what, id string, ifMatch int64) error {
		_, err := c.as(p).Commit(ctx, Change{Delete: []Delete{{Type: what, ID: id, IfMatch: ifMatch}}})
		return err
	}
	if err := remove(rosa, "Observation", id, 0); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a patient deletes: %v", err)
	}
	if err := remove(nurse, "Observation", id, 5); !fault.Is(err, fault.Stale) {
		t.Errorf("another version: %v", err)
	}
	if err := remove(physician, "Patient", "rosa", 0); !fault.Is(err, fault.Conflict) {
		t.Errorf("a patient with a chart: %v", err)
	}
	if err := remove(nurse, "Observation", id, 1); err != nil {
		t.Fatal(err)
	}
	if l := c.leaves("rosa")[0]; l.Action != ledger.Delete {
		t.Errorf("leaf: %+v", l)
	}
	for range 2 {
		r, err := c.as(nurse).Commit(ctx, Change{Delete: []Delete{{Type: "Observation", ID: id}}})
		if err != nil || len(r.Versions) != 1 || r.Versions[0].Version != 0 || !r.Versions[0].Deleted {
			t.Errorf("deleting again: %+v %v", r, err)
		}
	}
	if _, err := c.as(nurse).Read(ctx, "Observation", id); !fault.Is(err, fault.Gone) {
		t.Errorf("read: %v", err)
	}
	if _, err := c.as(rosa).Read(ctx, "Observation", id); !fault.Is(err, fault.Gone) {
		t.Errorf("read by the patient: %v", err)
	}
	if _, err := c.as(sam).Read(ctx, "Observation", id); !fault.Is(err, fault.NotFound) {
		t.Errorf("read by a stranger: %v", err)
	}
	if v, err := c.as(nurse).ReadVersion(ctx, "Observation", id, 1); err != nil || v.Version != 1 {
		t.Errorf("the version before: %v", err)
	}
	if err := remove(physician, "Patient", "rosa", 0); err != nil {
		t.Errorf("a patient without entries: %v", err)
	}
}

func TestUndo(t *testing.T) {
	c := open(t)
	if _, err := c.as(nurse).SaveDraft(ctx, "note/rosa", []byte(`{"text":"long work"}`), 0); err != nil {
		t.Fatal(err)
	}
	rename := c.read(`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz-Lee"}]}`)
	r, err := c.as(nurse).Commit(ctx, Change{Drop: "note/rosa", Put: []Put{{Resource: rename}, {Resource: c.read(vitals("rosa"))}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(nurse).Draft(ctx, "note/rosa"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the draft is dropped: %v", err)
	}
	if err := c.as(physician).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo by another: %v", err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); err != nil {
		t.Fatal(err)
	}
	n, err := c.as(nurse).Read(ctx, "Patient", "rosa")
	if err != nil || n.Path("name.0.family").Text() != "Diaz" || n.Path("meta.versionId").Text() != "3" {
		t.Errorf("%s %v", n.JSON(), err)
	}
	if _, err := c.as(nurse).Read(ctx, "Observation", r.Versions[1].ID); !fault.Is(err, fault.Gone) {
		t.Errorf("the created entry: %v", err)
	}
	if d, err := c.as(nurse).Draft(ctx, "note/rosa"); err != nil || string(d.Value) != `{"text":"long work"}` {
		t.Errorf("the draft comes back: %s %v", d.Value, err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo twice: %v", err)
	}
	r = c.commit(nurse, vitals("rosa"))
	c.clock.Advance(UndoWindow + time.Second)
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo too late: %v", err)
	}
	r = c.commit(nurse, vitals("rosa"))
	other := c.read(strings.Replace(vitals("rosa"), "72.50", "80", 1))
	other.SetID(r.Versions[0].ID)
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: other}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo of what somebody changed: %v", err)
	}
	del, err := c.as(nurse).Commit(ctx, Change{Delete: []Delete{{Type: "Observation", ID: other.ID()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.as(nurse).Undo(ctx, del.Undo); err != nil {
		t.Fatal(err)
	}
	if n, err := c.as(nurse).Read(ctx, "Observation", other.ID()); err != nil || n.Path("valueQuantity.value").Text() != "80" {
		t.Errorf("a delete is undone: %v", err)
	}
}

func TestRegistrationWithEntriesIsNotUndone(t *testing.T) {
	c := open(t)
	r := c.commit(desk, `{"resourceType":"Patient","name":[{"family":"New"}]}`)
	c.commit(nurse, vitals(r.Versions[0].ID))
	if err := c.as(desk).Undo(ctx, r.Undo); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo leaves entries without a patient: %v", err)
	}
	r = c.commit(desk, `{"resourceType":"Patient","name":[{"family":"New"}]}`)
	if err := c.as(desk).Undo(ctx, r.Undo); err != nil {
		t.Error(err)
	}
}

func TestSentTwice(t *testing.T) {
	c := open(t)
	change := Change{Key: "form-1", Put: []Put{{Resource: c.read(vitals("rosa"))}}}
	first, err := c.as(nurse).Commit(ctx, change)
	if err != nil || first.Repeated {
		t.Fatal(err)
	}
	again, err := c.as(nurse).Commit(ctx, change)
	if err != nil || !again.Repeated || again.Versions[0].ID != first.Versions[0].ID || again.Undo != first.Undo || again.T != first.T {
		t.Errorf("%+v %v", again, err)
	}
	other, err := c.as(physician).Commit(ctx, change)
	if err != nil || other.Repeated {
		t.Errorf("another person's key is another key: %v", err)
	}
	if n, _ := c.as(nurse).Find(ctx, "Observation", ""); len(n) != 2 {
		t.Errorf("%d observations", len(n))
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

func TestDrafts(t *testing.T) {
	c := open(t)
	a := c.as(nurse)
	d, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"rest"}`), 0)
	if err != nil || d.Version != 1 || !d.Saved.Equal(c.clock.Now()) {
		t.Fatalf("%+v %v", d, err)
	}
	if d, err = a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"rest, fluids"}`), 1); err != nil || d.Version != 2 {
		t.Fatalf("%+v %v", d, err)
	}
	// The other window still has version 1.
	theirs, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"x"}`), 1)
	if !fault.Is(err, fault.Conflict) || string(theirs.Value) != `{"plan":"rest, fluids"}` || theirs.Version != 2 {
		t.Errorf("conflict: %s %v", theirs.Value, err)
	}
	if _, err := c.as(physician).Draft(ctx, "note/rosa/e1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another person's draft: %v", err)
	}
	a.SaveDraft(ctx, "message/rosa", []byte(`{}`), 0)
	if list, err := a.Drafts(ctx, "note/"); err != nil || len(list) != 1 || list[0].Key != "note/rosa/e1" || list[0].Version != 2 {
		t.Errorf("%+v %v", list, err)
	}
	if list, _ := c.as(trust.Principal{}).Drafts(ctx, ""); len(list) != 0 {
		t.Errorf("nobody's drafts: %v", list)
	}
	for range 2 {
		if err := a.DropDraft(ctx, "note/rosa/e1"); err != nil {
			t.Error(err)
		}
	}
	if gone, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"y"}`), 2); !fault.Is(err, fault.Conflict) || gone.Version != 0 {
		t.Errorf("dropped in the other window: %+v %v", gone, err)
	}
	for code, value := range map[fault.Code]string{fault.Malformed: "{", fault.TooLarge: `"` + strings.Repeat("x", MaxDraftValue) + `"`} {
		if _, err := a.SaveDraft(ctx, "k", []byte(value), 0); !fault.Is(err, code) {
			t.Errorf("%s: %v", code, err)
		}
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

func TestWhoLooked(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	c.commit(nurse, vitals("sam"))
	if _, err := c.as(nurse).Find(ctx, "Observation", "status=final"); err != nil { // touches both
		t.Fatal(err)
	}
	if err := c.as(physician).Note(ctx, ledger.Print, "rosa", "emergency sheet"); err != nil {
		t.Fatal(err)
	}
	looks, err := c.as(rosa).Looked(ctx, store.LeafFilter{Limit: 50})
	if err != nil || len(looks) != 4 {
		t.Fatalf("%d looks: %+v %v", len(looks), looks, err)
	}
	for _, l := range looks {
		if text := string(l.Leaf.Encode()); strings.Contains(text, "sam") || strings.Contains(text, "status=final") {
			t.Errorf("says something about another patient: %s", text)
		}
	}
	if l := looks[0].Leaf; l.Action != ledger.Print || l.Query != "emergency sheet" || l.Name != physician.Name {
		t.Errorf("newest first: %+v", l)
	}
	for _, who := range []trust.Principal{rosa, nurse, physician, desk, {}} {
		if _, err := c.as(who).Looked(ctx, store.LeafFilter{Patient: "sam"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%q sees who looked at Sam: %v", who.Role, err)
		}
	}
	auditor := trust.Principal{ID: "acc-aud", Role: trust.Auditor}
	if all, err := c.as(auditor).Looked(ctx, store.LeafFilter{Limit: 50}); err != nil || len(all) < 6 {
		t.Errorf("the auditor sees %d: %v", len(all), err)
	}
	if err := c.as(sam).Note(ctx, ledger.Print, "rosa", "x"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a note about another: %v", err)
	}
}

// TestPatientsWriteAtHomeOnly: an entry that the rules let through, but that belongs to two
// charts, is refused.
func TestPatientsWriteAtHomeOnly(t *testing.T) {
	c := open(t)
	answers := c.read(`{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/rosa"},"source":{"reference":"Patient/rosa"},"author":{"reference":"Patient/sam"}}`)
	for _, dangling := range []bool{false, true} {
		_, err := c.as(rosa).Commit(ctx, Change{Dangling: dangling, Put: []Put{{Resource: answers}}})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%v", err)
		}
	}
}

func TestPatientsChooseNoGuessableIDs(t *testing.T) {
	c := open(t)
	stated := func(id string) *fhir.Node {
		return c.read(`{"resourceType":"MedicationStatement","id":"` + id + `","status":"active","medicationCodeableConcept":{"text":"ibuprofen"},"subject":{"reference":"Patient/rosa"},"informationSource":{"reference":"Patient/rosa"}}`)
	}
	if _, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: stated("1234")}}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a guessable id: %v", err)
	}
	if _, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: stated(ident.New(c.clock.Now()))}}}); err != nil {
		t.Errorf("a random id: %v", err)
	}
}

// BenchmarkCommitBundle stores one large bundle of a synthetic patient in one change.
func BenchmarkCommitBundle(b *testing.B) {
	dir := sample.Dir(b, "synthea", 30)
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(dir, "*", "*.json"))
	}
	body, err := os.ReadFile(files[len(files)/2])
	if err != nil {
		b.Fatal(err)
	}
	bundle, err := fhir.Parse(body)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		c := open(b)
		change := Change{Dangling: true}
		for e := range bundle.Get("entry").Items() {
			change.Put = append(change.Put, Put{Resource: e.Get("resource")})
		}
		n += len(change.Put)
		if _, err := c.as(trust.System("import")).Commit(ctx, change); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "resources/s")
}
