package record

import (
	"context"
	"iter"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Known is all that is told of a person whose chart is closed, to who may break glass: enough
// to be sure that it is the person in front of them. Number is the record number, which only
// Identify tells. NoConsent says that the clinic asks for the patient's consent and has none.
type Known struct {
	ID, Family, Given, Born, Number string
	NoConsent                       bool
}

// closedMost is how many closed charts FindClosed names.
const closedMost = 10

// FindClosed finds people whose charts are closed to the actor, so that break-glass can be
// offered. The family name and the whole date of birth have to be known: nobody leafs through
// who is a patient. The given name may stand with it, as people say it: "Maren Dahl", "Dahl,
// Maren", "dahl mar". It is for who may break glass only, and each search is in the log of those
// whom it found.
func (a *Actor) FindClosed(ctx context.Context, name, born string) ([]Known, error) {
	if err := policy.MayBreakGlass(a.principal); err != nil || a.at != 0 {
		if err == nil {
			err = notFound("Patient")
		}
		return nil, a.refused(ctx, err, policy.Search, "Patient", "", "")
	}
	families := familiesOf(name)
	if len(families) == 0 || strings.ContainsAny(name, `|$\`) {
		return nil, fault.New(fault.Invalid, "Type the family name as it is in the register.").At("family")
	}
	if p, ok := lang.ParsePartial(born); !ok || p.Day == 0 || p.Clock {
		return nil, fault.New(fault.Invalid, "Type the whole date of birth.").At("born")
	}
	q, err := a.parse(ctx, "Patient", []search.Param{{Name: "family", Value: strings.Join(families, ",")}, {Name: "birthdate", Value: born}})
	if err != nil {
		return nil, err
	}
	l := a.leaf(ledger.Search, "Patient")
	l.Query = "closed charts by name and date of birth"
	var out []Known
	for v, err := range a.closed(ctx, q) {
		if err != nil {
			return nil, err
		}
		k, err := a.unopened(ctx, v)
		if err != nil {
			return nil, err
		}
		addPatient(l, v.Patient)
		if out = append(out, k); len(out) == closedMost {
			break
		}
	}
	l.Count = len(out)
	return out, a.write(ctx, l)
}

// closed ranges over the patients that a search of all charts finds and whose charts are closed to the actor: those
// that are open, which the usual search finds, do not hide them, however many they are.
func (a *Actor) closed(ctx context.Context, q search.Query) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		q.Count, q.Total = search.MaxCount, search.TotalNone
		plan := store.NewPlan(q, func(string) search.Expr { return search.All{} })
		for next := true; next; next = plan.After != nil {
			page, err := a.gate.lean.Search(ctx, plan)
			if err != nil {
				yield(store.Version{}, err)
				return
			}
			plan.At, plan.After = page.At, page.Next
			for _, v := range page.Matches {
				err := a.visible(ctx, v)
				if err == nil {
					continue
				}
				if fault.Is(err, fault.NotFound) {
					err = nil
				}
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// nameWords is how many words of a name are looked at.
const nameWords = 6

// familiesOf lists what the family name may be in a name as it was typed: all of its words, or those
// at its beginning or end.
func familiesOf(name string) []string {
	words := strings.Fields(search.Normalize(name))
	words = words[:min(len(words), nameWords)]
	var out []string
	for i := range words {
		for _, part := range [][]string{words[i:], words[:i]} {
			if f := strings.Join(part, " "); len([]rune(f)) >= 2 {
				out = append(out, f)
			}
		}
	}
	return out
}

// Registered reports whether somebody of this name and date of birth is in the register whose
// chart is closed to the actor, for who registers people: a second record of one person must not
// be made because the first cannot be seen. It tells that there is one, and nothing of it; the
// log of the patient says that it was asked. Programs, which ask often, are told nothing.
func (a *Actor) Registered(ctx context.Context, family, given, born string) (bool, error) {
	p := a.principal
	if !p.Staff() || p.Client != "" || len(p.Scopes) > 0 || a.at != 0 || policy.May(p, policy.Create, "Patient") != nil {
		return false, nil
	}
	family, given = search.Normalize(strings.TrimSpace(family)), search.Normalize(strings.TrimSpace(given))
	if family == "" || strings.ContainsAny(family, `,|$\`) {
		return false, nil
	}
	if _, ok := lang.ParsePartial(born); !ok {
		return false, nil
	}
	q, err := a.parse(ctx, "Patient", []search.Param{{Name: "family", Value: family}, {Name: "birthdate", Value: born}})
	if err != nil {
		return false, err
	}
	l := a.leaf(ledger.Search, "Patient")
	l.Query = "registered already, by name and date of birth"
	for v, err := range a.closed(ctx, q) {
		if err != nil {
			return false, err
		}
		k, err := knownOf(v)
		if err != nil {
			return false, err
		}
		if other := search.Normalize(k.Given); given == "" || other == "" || strings.HasPrefix(given, other) || strings.HasPrefix(other, given) {
			addPatient(l, v.Patient)
			l.Count++
		}
	}
	return l.Count > 0, a.write(ctx, l)
}

// Glimpse returns who has a closed chart, for the form that asks why it is to be opened.
// fault.NotFound for all others, and for who may not break glass.
func (a *Actor) Glimpse(ctx context.Context, patient string) (Known, error) {
	closed, err := a.Closed(ctx, patient)
	if err != nil {
		return Known{}, err
	}
	if !closed {
		return Known{}, notFound("Patient")
	}
	v, err := a.gate.lean.Read(ctx, "Patient", patient, 0)
	if err != nil {
		return Known{}, err
	}
	return a.unopened(ctx, v)
}

// Cares tells how somebody who works here takes part in a patient's care, as the end of a sentence: "is in the
// patient's care team". It tells what the actor may see of that; none: nothing is known.
func (a *Actor) Cares(ctx context.Context, patient, practitioner string) ([]string, error) {
	if _, err := a.Read(ctx, "Patient", patient); err != nil {
		return nil, err
	}
	rules, err := a.rules(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range rules.Care(practitioner) {
		beside, ok := g.X.(search.Beside)
		if !ok || policy.May(a.principal, policy.Search, beside.Type) != nil {
			continue
		}
		plan, err := a.plan(ctx, search.Query{Type: beside.Type, Where: search.And{search.InPatient{patient}, beside.X}}, 0, nil)
		if err != nil {
			return nil, err
		}
		n, err := a.gate.lean.Count(ctx, plan)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, g.Text)
		}
	}
	return out, nil
}

// unopened is who has a closed chart, and whether it is for want of a consent.
func (a *Actor) unopened(ctx context.Context, v store.Version) (Known, error) {
	k, err := knownOf(v)
	if err != nil || !a.principal.Clinical() {
		return k, err
	}
	rules, err := a.rules(ctx)
	if err != nil || !rules.OptIn {
		return k, err
	}
	consented, err := a.gate.holds(ctx, k.ID, rules.Consented())
	k.NoConsent = !consented
	return k, err
}

func knownOf(v store.Version) (Known, error) {
	n, err := fhir.Parse(v.Body)
	if err != nil {
		return Known{}, err
	}
	k := Known{ID: v.ID, Born: n.Get("birthDate").Text()}
	name := n.Get("name").At(0)
	for x := range n.Get("name").Items() {
		if x.Get("use").Text() == "official" {
			name = x
			break
		}
	}
	k.Family, k.Given = name.Get("family").Text(), name.Get("given").At(0).Text()
	if k.Family == "" {
		k.Family = name.Get("text").Text()
	}
	for id := range n.Get("identifier").Items() {
		if id.Get("system").Text() == "urn:osler:record-number" {
			k.Number = id.Get("value").Text()
		}
	}
	return k, nil
}
