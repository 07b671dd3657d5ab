// Package unusual finds in the audit log what somebody should look at: people who opened their
// own record, that of a relative, a neighbour or somebody known, many charts in an hour, charts
// of patients whom they have nothing to do with, or charts at night. None of it is proof of
// anything; each finding says why it was made, and a person reviews it.
//
// The rules are pure: they get events and facts and return findings. What the facts are made
// from is the business of package record.
package unusual

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Rule is a kind of finding.
type Rule string

// The rules, the gravest first.
const (
	Own       Rule = "own"       // the own record
	Glass     Rule = "glass"     // opened by break-glass
	Known     Rule = "known"     // a record that is marked as that of somebody known, or of a colleague
	Address   Rule = "address"   // somebody at the same address or telephone
	Surname   Rule = "surname"   // the same family name
	Unrelated Rule = "unrelated" // a patient with whom the person has nothing to do
	Many      Rule = "many"      // many charts in one hour
	Night     Rule = "night"     // at night
)

// Rules are all of them, the gravest first.
var Rules = []Rule{Own, Glass, Known, Address, Surname, Unrelated, Many, Night}

// Event is one look at one or more records.
type Event struct {
	Index       int64 // of the entry
	At          time.Time
	Actor, Name string
	Role        string
	Patients    []string
	Opened      bool // a chart or a part of one was opened, not found in a list
	Glass       bool
}

// Person is what makes people alike.
type Person struct {
	Family, Given, Born string
	Address             string // line and postal code
	Phone               string
}

// Facts is what the rules ask. What is not known is the zero value.
type Facts interface {
	// Staff returns who is behind an account.
	Staff(actor string) Person
	// Patient returns who a patient is, and whether the record is marked as that of somebody
	// known or of a colleague.
	Patient(id string) (p Person, known bool)
	// Related reports whether something in the chart names the person: a visit, an appointment, a
	// care team, an order, a task.
	Related(actor, patient string) bool
}

// Options are the measures of the rules.
type Options struct {
	Zone     *time.Location // of the clinic
	PerHour  int            // charts in an hour that are many
	From, To int            // the hours of the night
	// Treats are the roles that are asked for a relationship; others work for everybody.
	Treats []string
}

// Usual are measures for a small clinic.
func Usual(zone *time.Location) Options {
	return Options{Zone: zone, PerHour: 40, From: 22, To: 6, Treats: []string{"physician", "nurse", "medical-assistant", "pharmacist"}}
}

// Finding is something to look at: all that one rule found about one person and one patient on
// one day.
type Finding struct {
	ID          string // the same each time it is found
	Rule        Rule
	Actor, Name string
	Role        string
	Patient     string // "" for Many and Night
	Day         string
	First, Last time.Time
	Count       int   // entries, or charts for Many
	Entry       int64 // the first one
}

// Key is the ID of a finding: what it is about, and nothing of how often.
func (f Finding) Key() string {
	h := sha256.Sum256([]byte(strings.Join([]string{string(f.Rule), f.Actor, f.Patient, f.Day}, "\x00")))
	return hex.EncodeToString(h[:12])
}

// Find applies the rules to events, in any order. The newest finding comes first, of one day the
// gravest.
func Find(events []Event, f Facts, o Options) []Finding {
	x := &finder{facts: f, o: o, found: map[string]*Finding{}}
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return a.At.Compare(b.At) })
	for _, e := range sorted {
		x.event(e)
	}
	x.many(sorted)
	out := make([]Finding, 0, len(x.found))
	for _, v := range x.found {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(strings.Compare(b.Day, a.Day), slices.Index(Rules, a.Rule)-slices.Index(Rules, b.Rule), b.Last.Compare(a.Last), strings.Compare(a.ID, b.ID))
	})
	return out
}

type finder struct {
	facts Facts
	o     Options
	found map[string]*Finding
}

func (x *finder) event(e Event) {
	if !e.Opened || e.Actor == "" {
		return
	}
	if h := e.At.In(x.o.Zone).Hour(); h >= x.o.From || h < x.o.To {
		x.add(Night, e, "")
	}
	who := x.facts.Staff(e.Actor)
	for _, p := range e.Patients {
		patient, known := x.facts.Patient(p)
		switch {
		case Same(who, patient):
			x.add(Own, e, p)
		case near(who, patient):
			x.add(Address, e, p)
		case who.Family != "" && fold(who.Family) == fold(patient.Family):
			x.add(Surname, e, p)
		}
		if e.Glass {
			x.add(Glass, e, p)
		}
		related := x.facts.Related(e.Actor, p)
		if known && !related {
			x.add(Known, e, p)
		} else if !related && slices.Contains(x.o.Treats, e.Role) {
			x.add(Unrelated, e, p)
		}
	}
}

// Same reports whether two people are one, as far as names, birth dates, addresses and telephones
// tell.
func Same(a, b Person) bool {
	if a.Family == "" || fold(a.Family) != fold(b.Family) || fold(a.Given) != fold(b.Given) || a.Given == "" {
		return false
	}
	if a.Born != "" && b.Born != "" {
		return a.Born == b.Born
	}
	return near(a, b)
}

func near(a, b Person) bool {
	return a.Address != "" && fold(a.Address) == fold(b.Address) || a.Phone != "" && digits(a.Phone) == digits(b.Phone) && len(digits(a.Phone)) > 5
}

func fold(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func (x *finder) add(rule Rule, e Event, patient string) *Finding {
	day := e.At.In(x.o.Zone).Format(time.DateOnly)
	f := Finding{Rule: rule, Actor: e.Actor, Name: e.Name, Role: e.Role, Patient: patient, Day: day, First: e.At, Entry: e.Index}
	f.ID = f.Key()
	v := x.found[f.ID]
	if v == nil {
		v = &f
		x.found[f.ID] = v
	}
	v.Last = e.At
	v.Count++
	return v
}

// many counts the charts of each person in each hour that ends with an event.
func (x *finder) many(sorted []Event) {
	type look struct {
		at      time.Time
		patient string
	}
	windows := map[string][]look{}
	for _, e := range sorted {
		if !e.Opened || len(e.Patients) != 1 || e.Actor == "" {
			continue
		}
		w := append(windows[e.Actor], look{e.At, e.Patients[0]})
		for w[0].at.Before(e.At.Add(-time.Hour)) {
			w = w[1:]
		}
		windows[e.Actor] = w
		different := map[string]bool{}
		for _, l := range w {
			different[l.patient] = true
		}
		if len(different) > x.o.PerHour {
			v := x.add(Many, e, "")
			v.Count = max(v.Count-1, len(different))
		}
	}
}
