package clinic

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// auditPeople is how many entries of one record are gathered by person.
const auditPeople = 2000

// lookedLine is one person, or one program, in the log of a record.
type lookedLine struct {
	Actor, Name, Role, Client string
	Times, Refused            int
	Log                       int // looks at this log, and not at the chart
	First, Last               time.Time
	Purposes, Reasons         []string
	Looked, Wrote, Took       bool
	Glass                     bool
}

// ofLog reports whether an entry is a look at the log itself, or at whose record it is about, and not at the chart.
func ofLog(l ledger.Leaf) bool {
	return did("looked", l.Action) && (l.Type == "AuditEvent" || l.Query == record.Identified)
}

// byPerson gathers the entries of one record, newest first, into a line a person: who looked last stands first, and
// who has looked only at who had looked behind all others.
func byPerson(list []store.LeafEntry) (out []lookedLine) {
	for _, e := range list {
		l := e.Leaf
		if l.Actor == "" {
			continue
		}
		i := slices.IndexFunc(out, func(p lookedLine) bool { return p.Actor == l.Actor && p.Role == l.Role && p.Client == l.Client })
		if i < 0 {
			i = len(out)
			out = append(out, lookedLine{Actor: l.Actor, Name: cmp.Or(l.Name, unnamed(l)), Role: l.Role, Client: l.Client, Last: l.Time})
		}
		p := &out[i]
		p.First = l.Time
		if ofLog(l) && l.Outcome == "" {
			p.Log++
			continue
		}
		p.Times++
		p.Glass = p.Glass || l.Glass != ""
		switch {
		case l.Action == ledger.Refused || l.Outcome != "":
			p.Refused++
		case did("looked", l.Action):
			p.Looked = true
		case did("wrote", l.Action):
			p.Wrote = true
		case did("took", l.Action), l.Action == ledger.Disclose:
			p.Took = true
		}
		if !slices.Contains(p.Purposes, l.Purpose) {
			p.Purposes = append(p.Purposes, l.Purpose)
		}
		if l.Reason != "" && !slices.Contains(p.Reasons, l.Reason) {
			p.Reasons = append(p.Reasons, l.Reason)
		}
	}
	slices.SortStableFunc(out, func(a, b lookedLine) int { return cmp.Compare(min(b.Times, 1), min(a.Times, 1)) })
	return out
}

// did reports whether an action is of a group that can be asked for.
func did(group string, a ledger.Action) bool {
	return slices.ContainsFunc(auditGroups, func(g struct {
		Key, Label string
		Actions    []ledger.Action
	}) bool {
		return g.Key == group && slices.Contains(g.Actions, a)
	})
}

// what says in words what a person did.
func (p lookedLine) what(ctx context.Context) (out []string) {
	for _, w := range []struct {
		is   bool
		word string
	}{{p.Looked, "looked at it"}, {p.Wrote, "wrote or changed"}, {p.Took, "printed, exported or gave it away"}} {
		if w.is {
			out = append(out, ui.T(ctx, w.word))
		}
	}
	if p.Log > 0 {
		out = append(out, counted(ctx, "looked once who had looked", "looked %d times who had looked", p.Log))
	}
	if p.Refused > 0 {
		out = append(out, counted(ctx, "refused once", "refused %d times", p.Refused))
	}
	return out
}
