// Package rx checks a medicine against what is known about a patient, before it is
// prescribed.
//
// Check is a pure function of Facts: no store, no clock, no user. It returns findings in
// three tiers (stop, warning, quiet), each with its evidence, source and ways out, and a
// list of what could not be checked with the reason: an empty panel never means "not
// checked". Every rule is a row of a table with a source; a test fails on a row without one.
//
//	found := rx.Check(rx.Facts{Candidate: rx.Medicine{Text: "warfarin 5 mg tablet"}, Current: …, Date: today})
//	fmt.Println(found.Tally()) // "9 checks: 1 stop, 2 warnings, 5 clear, 1 not checked"
//
// The rules are written from FDA labels and open papers, as facts. They are a second pair
// of eyes, not a substitute for a pharmacist.
package rx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// The names of the checks, in the order in which they run.
const (
	Allergies    = "Allergies"
	Interactions = "Interactions"
	Duplicates   = "Duplicate therapy"
	Dose         = "Dose"
	Kidney       = "Kidney"
	Potassium    = "Potassium"
	Conditions   = "Conditions"
	InPregnancy  = "Pregnancy"
	OlderAdult   = "Age"
)

// allChecks names what is missing when the medicine itself is not understood.
const allChecks = "All checks"

// state is one run of Check.
type state struct {
	*Facts
	mine     []drug.Ingredient // of the candidate
	current  []known
	findings []Finding
	missing  []NotChecked
	runs     []Run
	partly   bool // the running check left something out that another check has told
}

// known is a current medicine with what it was recognised as.
type known struct {
	Medicine
	ingredients []drug.Ingredient
	complete    bool
}

// Check runs all checks.
func Check(f Facts) Findings {
	if f.Unseen != nil {
		return checkUnseen(f)
	}
	s := &state{Facts: &f}
	mine, complete := drug.Recognise(f.Candidate.Text, f.Candidate.Codings)
	s.mine = mine
	for _, m := range f.Current {
		ing, ok := drug.Recognise(m.Text, m.Codings)
		s.current = append(s.current, known{m, ing, ok})
	}
	checks := []struct {
		name string
		run  func(*state) (note lang.Text)
	}{
		{Allergies, checkAllergies}, {Interactions, checkInteractions}, {Duplicates, checkDuplicates}, {Dose, checkDose},
		{Kidney, checkKidney}, {Potassium, checkPotassium}, {Conditions, checkConditions}, {InPregnancy, checkPregnancy}, {OlderAdult, checkOlder},
	}
	if len(mine) == 0 {
		like := drug.Alike(f.Candidate.Text)
		if len(like) > 0 {
			s.miss(allChecks, f.Candidate.Text, "not in the catalogue: the checks could only look at what is written almost like it, %s", joined("%s or %s", namesOf(like)))
		} else {
			s.miss(allChecks, f.Candidate.Text, "not in the catalogue: no check of allergies, interactions, dose or kidney could run")
		}
		for _, c := range checks {
			s.runs = append(s.runs, ran(c.name, Missing, lang.Say("the medicine is not in the catalogue")))
		}
		s.alike(like)
		return s.result()
	}
	if !complete {
		s.miss(allChecks, f.Candidate.Text, "only partly understood (%s): the checks cover %s and nothing else", strings.Join(drug.Unread(f.Candidate.Text), ", "), names(mine))
	}
	for _, c := range checks {
		found, missed := len(s.findings), len(s.missing)
		s.partly = false
		note := c.run(s)
		for i := found; i < len(s.findings); i++ {
			s.findings[i].Check = c.name
		}
		s.runs = append(s.runs, ran(c.name, s.outcome(c.name, len(s.findings) > found, len(s.missing) > missed || s.partly || !complete), note))
	}
	s.mergePotassium()
	s.unread()
	if !complete {
		s.alike(drug.Alike(f.Candidate.Text))
	}
	return s.result()
}

// unread says of which checks some facts were not read, in the place of what they found missing.
func (s *state) unread() {
	for i := range s.runs {
		r := &s.runs[i]
		if !slices.Contains(s.Unread, r.Check) {
			continue
		}
		s.missing = slices.DeleteFunc(s.missing, func(m NotChecked) bool { return m.Check == r.Check && m.Subject == "" })
		s.miss(r.Check, "", NotCovered)
		if r.Outcome != Found {
			*r = ran(r.Check, Missing, lang.Text{})
		}
	}
}

func (s *state) outcome(name string, found, missed bool) Outcome {
	switch {
	case found:
		return Found
	case !missed:
		return Clear
	}
	for _, m := range s.missing {
		if m.Check == name && m.Subject == "" {
			return Missing
		}
	}
	return Partly
}

// miss records what a check could not look at. A miss without a subject means that the
// whole check could not run.
func (s *state) miss(check, subject, reason string, args ...any) {
	m := NotChecked{Check: check, Subject: subject, Said: lang.Say(reason, args...)}
	m.Reason = m.Said.String()
	if !slices.ContainsFunc(s.missing, m.Is) {
		s.missing = append(s.missing, m)
	}
}

// find adds a finding, unless the same one is there.
func (s *state) find(f Finding) {
	f.Date = drug.Edition
	f.Heading = textOr(f.Heading, f.Title)
	f.Title, f.Sentence = f.Heading.String(), lang.Capital(f.Said.String())
	ids := []string{f.Rule}
	for _, i := range f.Involves {
		ids = append(ids, i.ID)
	}
	f.ID = strings.Join(ids, "|")
	for _, have := range s.findings {
		if have.ID == f.ID {
			return
		}
	}
	s.findings = append(s.findings, f)
}

func (s *state) result() Findings {
	slices.SortStableFunc(s.findings, func(a, b Finding) int { return rank(a.Tier) - rank(b.Tier) })
	return Findings{s.findings, s.missing, s.runs, s.mine}
}

// Count returns how many findings have a tier.
func (f Findings) Count(t Tier) int {
	n := 0
	for _, x := range f.Findings {
		if x.Tier == t {
			n++
		}
	}
	return n
}

// Loudest returns the loudest tier that was found; "" when nothing was found.
func (f Findings) Loudest() Tier {
	if len(f.Findings) == 0 {
		return ""
	}
	return f.Findings[0].Tier
}

// Of returns the findings of a tier.
func (f Findings) Of(t Tier) []Finding {
	var out []Finding
	for _, x := range f.Findings {
		if x.Tier == t {
			out = append(out, x)
		}
	}
	return out
}

// Unread reports whether the checks could not read the medicine, or only a part of it.
func (f Findings) Unread() bool {
	return slices.ContainsFunc(f.NotChecked, func(n NotChecked) bool { return n.Check == allChecks })
}

// RunsOf returns the names of the checks with an outcome.
func (f Findings) RunsOf(o Outcome) []string {
	var out []string
	for _, r := range f.Runs {
		if r.Outcome == o {
			out = append(out, r.Check)
		}
	}
	return out
}

// Tally says in one line what was done: "9 checks: 1 stop, 2 warnings, 6 clear, 1 not checked".
func (f Findings) Tally() string {
	parts := []string{}
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(f.Count(Stop), "stop", "stops")
	add(f.Count(Warning), "warning", "warnings")
	add(f.Count(Quiet), "quiet", "quiet")
	add(len(f.RunsOf(Clear)), "clear", "clear")
	add(len(f.NotChecked), "not checked", "not checked")
	return fmt.Sprintf("%d checks: %s", len(f.Runs), strings.Join(parts, ", "))
}

// ran tells how a check ended.
func ran(check string, o Outcome, note lang.Text) Run { return Run{check, o, note.String(), note} }

func names(list []drug.Ingredient) any { return joined("%s and %s", namesOf(list)) }

func namesOf(list []drug.Ingredient) []any {
	var out []any
	for _, i := range list {
		out = append(out, i.Name)
	}
	return out
}

// joined puts names together two by two: "a and b".
func joined(words string, list []any) any {
	out := list[0]
	for _, next := range list[1:] {
		out = lang.Say(words, out, next)
	}
	return out
}

// first starts a list of names with a capital, for the beginning of a sentence.
func first(list []any) []any {
	if name, ok := list[0].(string); ok {
		return append([]any{lang.Capital(name)}, list[1:]...)
	}
	return list
}

// day writes a date in the form of clinical texts, which is the same in every language: 11-May-2011.
func day(t time.Time) any {
	if t.IsZero() {
		return lang.Say("date not recorded")
	}
	return t.Format("02-Jan-2006")
}

// number writes a measured value without trailing zeros.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// old reports whether a measurement is more than a year old on the date of the facts.
func (s *state) old(m Measure) bool {
	return m.Known && !m.Date.IsZero() && s.Date.Sub(m.Date) > 366*24*time.Hour
}

// other is how a sentence names a current medicine.
func (k known) other(i drug.Ingredient) any {
	if k.Stated {
		return lang.Say("%s (the patient says)", i.Name)
	}
	return i.Name
}

// labelled gives a way out a label with something put into it.
func (a Action) labelled(words string, args ...any) Action {
	a.Said = lang.Say(words, args...)
	a.Label = a.Said.String()
	return a
}

// keepReasons are the structured reasons for keeping a medicine in spite of a finding.
var keepReasons = []string{"Benefit is greater than the risk", "Taken before without harm", "Will monitor", "Specialist advised it", "The record is wrong"}

// KeepReasons returns the reasons that a form offers. Do not change them.
func KeepReasons() []string { return keepReasons }
