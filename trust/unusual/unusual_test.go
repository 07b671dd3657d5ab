package unusual

import (
	"fmt"
	"testing"
	"time"
)

type facts struct {
	staff    map[string]Person
	patients map[string]Person
	known    map[string]bool
	related  map[string]bool
}

func (f facts) Staff(a string) Person              { return f.staff[a] }
func (f facts) Patient(id string) (Person, bool)   { return f.patients[id], f.known[id] }
func (f facts) Related(actor, patient string) bool { return f.related[actor+"/"+patient] }

var ten = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// TestEachRule: each rule finds its case, and not the one beside it.
func TestEachRule(t *testing.T) {
	anna := Person{Family: "Lindqvist", Given: "Anna", Born: "1980-01-02", Address: "3 Mill Lane|LS8", Phone: "0113 496 0111"}
	f := facts{staff: map[string]Person{"anna": anna}, known: map[string]bool{"mayor": true}, related: map[string]bool{"anna/mine": true},
		patients: map[string]Person{"self": anna, "namesake": {Family: "LINDQVIST", Given: "Anna", Born: "1951-01-02"}, "son": {Family: "Berg", Given: "Nils", Address: "3  mill lane|LS8"},
			"caller": {Family: "Other", Phone: "01134960111"}, "mine": {Family: "Okafor"}, "stranger": {Family: "Adeyemi"}, "mayor": {Family: "Mayor"}}}
	look := func(patient string) Event {
		return Event{At: ten, Actor: "anna", Role: "physician", Patients: []string{patient}, Opened: true}
	}
	for patient, want := range map[string][]Rule{"self": {Own, Unrelated}, "namesake": {Surname, Unrelated}, "son": {Address, Unrelated}, "caller": {Address, Unrelated}, "mine": nil, "stranger": {Unrelated}, "mayor": {Known}} {
		got := Find([]Event{look(patient)}, f, Usual(time.UTC))
		if fmt.Sprint(rules(got)) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", patient, rules(got), want)
		}
	}
	night := look("mine")
	night.At = ten.Add(13 * time.Hour)
	glass := look("mine")
	glass.Glass = true
	listed := look("stranger")
	listed.Opened = false
	desk := look("stranger")
	desk.Role = "front-desk"
	for name, c := range map[string]struct {
		e    Event
		want []Rule
	}{"night": {night, []Rule{Night}}, "glass": {glass, []Rule{Glass}}, "in a list": {listed, nil}, "front desk": {desk, nil}} {
		if got := Find([]Event{c.e}, f, Usual(time.UTC)); fmt.Sprint(rules(got)) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, rules(got), c.want)
		}
	}
}

func rules(list []Finding) (out []Rule) {
	for _, f := range list {
		out = append(out, f.Rule)
	}
	return out
}

func TestManyChartsInAnHour(t *testing.T) {
	walk := func(n int, every time.Duration) int {
		var events []Event
		for i := range n {
			events = append(events, Event{At: ten.Add(time.Duration(i) * every), Actor: "tom", Role: "front-desk", Patients: []string{fmt.Sprint("p", i)}, Opened: true})
		}
		for _, f := range Find(events, facts{}, Usual(time.UTC)) {
			if f.Rule == Many {
				return f.Count
			}
		}
		return 0
	}
	if n := walk(40, time.Minute); n != 0 {
		t.Errorf("40 in an hour: %d", n)
	}
	if n := walk(45, time.Minute); n != 45 {
		t.Errorf("45 in an hour: %d", n)
	}
	if n := walk(100, 2*time.Minute); n != 0 {
		t.Errorf("30 an hour all day: %d", n)
	}
}

// TestFindingsKeepTheirNames: a review sticks to what was reviewed.
func TestFindingsKeepTheirNames(t *testing.T) {
	e := Event{At: ten, Actor: "anna", Role: "physician", Patients: []string{"p"}, Opened: true}
	later := e
	later.At = ten.Add(time.Hour)
	a, b := Find([]Event{e}, facts{}, Usual(time.UTC)), Find([]Event{later, e}, facts{}, Usual(time.UTC))
	if len(a) != 1 || len(b) != 1 || a[0].ID != b[0].ID || b[0].Count != 2 || !b[0].First.Equal(ten) {
		t.Errorf("%+v and %+v", a, b)
	}
}
