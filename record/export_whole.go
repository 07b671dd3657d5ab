package record

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// The leaf of an export of all charts, or of all of a group, names no patient: there may be a
// hundred thousand. Whose data was in it follows from when each record began and ended, and from
// the group as it was, which the leaf names in the version that was exported. So who asks where a
// patient's data went is told of these exports too.

// What is in the Query of such a leaf: its beginning, before the types (none: all), and what stands
// before the moment of a record that was read as it had been.
const (
	ofAll = "all: "
	asOf  = ", as of "
)

// WholeRecord is how an entry about an export of many charts says, to one patient, what it was.
const WholeRecord = "export of the whole record"

// exportLeaf is the leaf of an export of types, of everybody or of a group.
func (a *Actor) exportLeaf(ctx context.Context, group string, types []string) (*ledger.Leaf, error) {
	l := a.leaf(ledger.Export, "")
	l.Query = ofAll + strings.Join(types, ", ")
	if !a.wall.IsZero() {
		l.Query += asOf + a.wall.UTC().Format(time.RFC3339Nano)
	}
	if group == "" {
		return l, nil
	}
	v, err := a.gate.lean.Read(ctx, "Group", group, a.at)
	if err != nil {
		return nil, err
	}
	l.Versions = []ledger.Version{named(v, false)}
	return l, nil
}

// LookedAndExported is Looked together with the exports of many charts that the patient's was in.
func (a *Actor) LookedAndExported(ctx context.Context, f store.LeafFilter) ([]store.LeafEntry, error) {
	list, err := a.Looked(ctx, f)
	if err != nil {
		return nil, err
	}
	return a.gate.withExports(ctx, cmp.Or(f.Patient, a.principal.Patient), f, list)
}

// withExports adds to entries about a patient, newest first, the exports of many charts that the
// patient's was in, as far as the filter goes.
func (g *Gate) withExports(ctx context.Context, patient string, f store.LeafFilter, list []store.LeafEntry) ([]store.LeafEntry, error) {
	exports, err := g.exports(ctx, patient, f)
	if err != nil || len(exports) == 0 {
		return list, err
	}
	list = append(slices.Clip(list), exports...)
	slices.SortStableFunc(list, func(x, y store.LeafEntry) int { return cmp.Compare(y.Index, x.Index) })
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[:f.Limit]
	}
	return list, nil
}

func (g *Gate) exports(ctx context.Context, patient string, f store.LeafFilter) ([]store.LeafEntry, error) {
	began, until, err := g.lifeOf(ctx, patient)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	from := began
	if f.From.After(from) {
		from = f.From
	}
	where := f.Where
	found, err := g.store.Leaves(ctx, store.LeafFilter{Mark: ledger.MarkAction(ledger.Export), Actor: f.Actor, Actions: f.Actions, Door: f.Door, Purpose: f.Purpose, Outcome: f.Outcome, From: from, To: f.To, Before: f.Before, Where: func(l ledger.Leaf) bool {
		return l.Action == ledger.Export && len(l.Patients) == 0 && l.Outcome == "" && strings.HasPrefix(l.Query, ofAll) && (where == nil || where(l))
	}})
	if err != nil {
		return nil, err
	}
	var out []store.LeafEntry
	groups, files := map[ledger.Version]bool{}, map[string]int{}
	for _, e := range found {
		l := e.Leaf
		types, moment, ok := strings.Cut(strings.TrimPrefix(l.Query, ofAll), asOf)
		at := l.Time
		if then, err := time.Parse(time.RFC3339Nano, moment); ok && err == nil {
			at = then
		}
		if at.Before(began) || !until.IsZero() && !at.Before(until) || !ofPatients(types) {
			continue
		}
		group := ""
		for _, v := range l.Versions {
			group = v.ID
			in, known := groups[v]
			if !known {
				if in, err = g.inGroup(ctx, v, patient); err != nil {
					return nil, err
				}
				groups[v] = in
			}
			ok = in
		}
		if len(l.Versions) > 0 && !ok {
			continue
		}
		key := strings.Join([]string{l.Actor, l.Client, l.Proxy, moment, group}, "\x00")
		if i, known := files[key]; known && moment != "" { // another file of the same export
			out[i].Leaf.Query += ", " + types
			continue
		}
		files[key] = len(out)
		l.Session, l.Patients, l.Versions, l.Query = "", []string{patient}, nil, WholeRecord
		if types != "" {
			l.Query += ": " + types
		}
		e.Leaf = l
		out = append(out, e)
	}
	return out, nil
}

// lifeOf returns when a patient's record began and when it ended, zero when it has not.
func (g *Gate) lifeOf(ctx context.Context, patient string) (began, ended time.Time, err error) {
	now, err := g.lean.Read(ctx, "Patient", patient, 0)
	if err != nil {
		return began, ended, err
	}
	if now.Deleted {
		ended = now.Updated
	}
	first, err := g.lean.ReadVersion(ctx, "Patient", patient, 1)
	if fault.Is(err, fault.NotFound) { // came from elsewhere without its past
		return began, ended, nil
	}
	return first.Updated, ended, err
}

// ofPatients reports whether there is something of a patient in what is of some types (none: all).
func ofPatients(types string) bool {
	if types == "" {
		return true
	}
	compartment := definition.Compartment("Patient")
	for t := range strings.SplitSeq(types, ", ") {
		if t == "Patient" || len(compartment[t]) > 0 {
			return true
		}
	}
	return false
}

// inGroup reports whether a patient was a member of a version of a group.
func (g *Gate) inGroup(ctx context.Context, v ledger.Version, patient string) (bool, error) {
	group, err := g.lean.ReadVersion(ctx, v.Type, v.ID, v.Version)
	if err != nil || group.Deleted {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return false, err
	}
	r, err := fhir.Parse(group.Body)
	return err == nil && slices.Contains(membersOf(r), patient), err
}

// membersOf returns the patients who are members of a group.
func membersOf(group *fhir.Node) (members []string) {
	for m := range group.Get("member").Items() {
		if id, ok := strings.CutPrefix(m.Path("entity.reference").Text(), "Patient/"); ok && !m.Get("inactive").True() && !slices.Contains(members, id) {
			members = append(members, id)
		}
	}
	return members
}
