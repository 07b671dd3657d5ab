package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

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
	if answers[0] != answers[1] || !strings.Contains(answers[0], "refers to Observation/X") {
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
	id := c.commit(nurse, strings.Replace(vitals("rosa"), "final", "preliminary", 1)).Versions[0].ID
	final := c.commit(nurse, vitals("sam")).Versions[0].ID
	remove := func(p trust.Principal, what, id string, ifMatch int64) error {
		_, err := c.as(p).Commit(ctx, Change{Delete: []Delete{{Type: what, ID: id, IfMatch: ifMatch}}})
		return err
	}
	if err := remove(rosa, "Observation", id, 0); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a patient deletes: %v", err)
	}
	for _, p := range []trust.Principal{nurse, physician} {
		if err := remove(p, "Observation", final, 0); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the %s deletes a fact: %v", p.Role, err)
		}
	}
	if err := remove(physician, "Observation", id, 0); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a draft of somebody else: %v", err)
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
