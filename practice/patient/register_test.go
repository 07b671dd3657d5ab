package patient

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

func desk(t *testing.T) *record.Actor {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 11, 24, 10, 31, 0, 0, time.UTC))
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: now, Readers: 1, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return record.Open(s, now).As(trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}, "test")
}

// TestADuplicateAmongMany: who may be the same is found among all of one birth date, such as the first of January that
// stands for an unknown one, and by the year alone.
func TestADuplicateAmongMany(t *testing.T) {
	actor := desk(t)
	var c record.Change
	for i := range 120 {
		p := Person{Family: fmt.Sprintf("Other%d", i), Given: "Zoe", Sex: "female", BirthDate: "1970-01-01"}
		if i == 60 {
			p = Person{Family: "Maier", Given: "Anna", Sex: "female", BirthDate: "1970-01-01"}
		}
		c.Put = append(c.Put, record.Put{Resource: p.Resource(nil)})
	}
	if _, err := actor.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for born, given := range map[string]string{"1970-01-01": "Hannah", "1970": "Anna"} {
		found, err := Duplicates(t.Context(), actor, Person{Family: "Meier", Given: given, Sex: "female", BirthDate: born})
		if err != nil || len(found) == 0 || found[0].Person.Family != "Maier" {
			t.Errorf("born %s: %d found, %v", born, len(found), err)
		}
	}
}

// TestOddRegistrationsAreTaken registers people whose details look like little but are all
// that the desk has.
func TestOddRegistrationsAreTaken(t *testing.T) {
	actor := desk(t)
	for name, d := range map[string]Draft{
		"a phone in words":              {Person: Person{Family: "One", BirthDate: "1950-02-03", Sex: "female", Phone: "none, ask the neighbour"}},
		"another person, but from whom": {Person: Person{Family: "Two", BirthDate: "1951", Sex: "male"}, Answer: Different},
		"perhaps somebody, nobody left": {Person: Person{Family: "Three", BirthDate: "1952-03", Sex: "other"}, Answer: Unsure},
		"one name, that is a picture":   {Person: Person{Family: "👩🏽‍⚕️", Given: "🙂", BirthDate: "1953-02-03", Sex: "unknown"}},
		"a name of signs":               {Person: Person{Family: "--", Given: "??", BirthDate: "1954-02-03", Sex: "unknown", Email: "?"}},
		"a place without a street":      {Person: Person{Family: "Five", BirthDate: "1955-02-03", Sex: "unknown", City: "Leeds"}},
		"a contact with a phone only":   {Person: Person{Family: "Six", BirthDate: "1956-02-03", Sex: "unknown", Contact: Contact{Phone: "0113 496 0412"}}},
	} {
		p, _, err := Register(t.Context(), actor, d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Phone != d.Phone || p.Family != d.Family || p.Contact != d.Contact || p.City != d.City {
			t.Errorf("%s: kept as %+v", name, p)
		}
		if _, err := Update(t.Context(), actor, p, p.Version); err != nil {
			t.Errorf("%s: saving the details unchanged: %v", name, err)
		}
	}
}

// TestSavedDetailsKeepWhatTheFormDoesNotShow saves an imported patient's details, unchanged
// and changed.
func TestSavedDetailsKeepWhatTheFormDoesNotShow(t *testing.T) {
	actor := desk(t)
	body := `{"resourceType":"Patient","id":"imported","name":[{"family":"Old","given":["Ann","Bea"],"suffix":["Jr"]},{"use":"usual","given":["Bee"]}],
	 "gender":"female","birthDate":"1950","address":[{"use":"home","line":["1 High Street","Flat 2"],"city":"Leeds","district":"North","country":"GB"},{"use":"old","city":"York"}],
	 "communication":[{"language":{"coding":[{"code":"es"}],"text":"Spanish"},"preferred":true},{"language":{"coding":[{"code":"en"}]}}],
	 "contact":[{"relationship":[{"coding":[{"code":"N"}],"text":"Next of kin"}],"name":{"family":"Old","given":["Cy"]},"telecom":[{"system":"phone","value":"1"}],"gender":"male"},{"organization":{"display":"Home"}}]}`
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Commit(t.Context(), record.Change{Put: []record.Put{{Resource: n}}}); err != nil {
		t.Fatal(err)
	}
	before := get(t, actor)
	if _, err := Update(t.Context(), actor, FromResource(before), 0); err != nil {
		t.Fatal(err)
	}
	after := get(t, actor)
	for _, part := range []string{"name", "address", "communication", "contact"} {
		if got, want := string(after.Get(part).JSON()), string(before.Get(part).JSON()); got != want {
			t.Errorf("saved unchanged, %s is %s, was %s", part, got, want)
		}
	}

	p := FromResource(after)
	p.City, p.Contact.Phone = "Bradford", "2"
	if _, err := Update(t.Context(), actor, p, 0); err != nil {
		t.Fatal(err)
	}
	after = get(t, actor)
	if a := after.Get("address"); a.Len() != 2 || a.Path("0.country").Text() != "GB" || a.Path("0.city").Text() != "Bradford" || a.Path("0.line").Len() != 2 {
		t.Errorf("another city: %s", a.JSON())
	}
	if c := after.Get("contact"); c.Len() != 2 || c.Path("0.gender").Text() != "male" || c.Path("0.name.family").Text() != "Old" || c.Path("0.telecom.0.value").Text() != "2" {
		t.Errorf("another phone of the contact: %s", c.JSON())
	}

	p = FromResource(after)
	p.Line, p.City, p.Contact = "", "", Contact{}
	if _, err := Update(t.Context(), actor, p, 0); err != nil {
		t.Fatal(err)
	}
	if after = get(t, actor); after.Get("address").Len() != 1 || after.Get("contact").Len() != 1 {
		t.Errorf("emptied fields stay: %s %s", after.Get("address").JSON(), after.Get("contact").JSON())
	}
	p = FromResource(after)
	p.Contact = Contact{Relation: "daughter"}
	if _, err := Update(t.Context(), actor, p, 0); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "pat-1") {
		t.Errorf("a relation to nobody: %v", err)
	}
}

func get(t *testing.T, actor *record.Actor) *fhir.Node {
	t.Helper()
	n, err := actor.Read(t.Context(), "Patient", "imported")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSignsAloneFindNobody(t *testing.T) {
	actor := desk(t)
	for _, typed := range []string{"--", ";;", "--- ,,", "🙂🙂", "-- Old", "'' 14 3 68"} {
		if _, err := Find(t.Context(), actor, typed); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
