package record

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// notFound is the one answer for hidden and missing resources.
func notFound(resourceType string) error {
	return fault.New(fault.NotFound, "There is no %s with this id, or you may not see it.", resourceType)
}

func gone(resourceType string) error {
	return fault.New(fault.Gone, "This %s was deleted; its history can still be read.", resourceType)
}

// Read returns a resource; fault.NotFound when it never existed or is hidden, fault.Gone
// when it was deleted.
func (a *Actor) Read(ctx context.Context, resourceType, id string) (*fhir.Node, error) {
	v, err := a.ReadVersion(ctx, resourceType, id, 0)
	if err != nil {
		return nil, err
	}
	return fhir.Parse(v.Body)
}

// ReadVersion returns a stored version; the current one for version 0. A version is
// visible when both itself and the current one are: an entry that was moved from one
// patient to another is gone for the first with all its versions.
func (a *Actor) ReadVersion(ctx context.Context, resourceType, id string, version int64) (store.Version, error) {
	v, err := a.readLean(ctx, resourceType, id, version)
	v, err = a.gate.filled(ctx, v, err)
	m := a.mask()
	if version != 0 {
		m = m.Past()
	}
	return a.maskedBy(m, v, err)
}

// readLean is ReadVersion without large data.
func (a *Actor) readLean(ctx context.Context, resourceType, id string, version int64) (store.Version, error) {
	what, action := policy.Read, ledger.Read
	if version != 0 {
		what, action = policy.VRead, ledger.VRead
	}
	if err := a.may(ctx, what, resourceType, id); err != nil {
		return store.Version{}, err
	}
	v, err := a.current(ctx, resourceType, id)
	if err == nil && version != 0 && version != v.Version {
		v, err = a.older(ctx, v, version)
	}
	if fault.Is(err, fault.NotFound) {
		return store.Version{}, a.refused(ctx, notFound(resourceType), what, resourceType, id, "")
	}
	if err != nil {
		return store.Version{}, err
	}
	l := a.leaf(action, resourceType, v.Patient)
	l.Versions = []ledger.Version{named(v, false)}
	if v.Deleted {
		l.Outcome = string(fault.Gone)
	} else {
		l.Count = 1
	}
	if err := a.write(ctx, l); err != nil {
		return store.Version{}, err
	}
	if v.Deleted {
		return store.Version{}, gone(resourceType)
	}
	return v, nil
}

// ReadSome returns the current versions of those resources ("Practitioner/7") that exist and
// that the actor may see, in the order given; the others are left out. One audit leaf says
// how many there were.
func (a *Actor) ReadSome(ctx context.Context, references []string) ([]store.Version, error) {
	return a.readSome(ctx, references, a.gate.filled)
}

// readSome is ReadSome; fill puts large data into what is read, or something for it.
func (a *Actor) readSome(ctx context.Context, references []string, fill func(context.Context, store.Version, error) (store.Version, error)) ([]store.Version, error) {
	ids := map[string]search.ID{}
	for _, ref := range references {
		if t, id, ok := strings.Cut(ref, "/"); ok {
			ids[t] = append(ids[t], id)
		}
	}
	found := map[string]store.Version{}
	for t, some := range ids {
		if policy.May(a.principal, policy.Read, t) != nil {
			continue
		}
		if err := a.readByID(ctx, t, some, found); err != nil {
			return nil, err
		}
	}
	var out []store.Version
	l := a.leaf(ledger.Read, "", "")
	for _, ref := range references {
		v, ok := found[ref]
		if !ok {
			continue
		}
		delete(found, ref) // a reference that comes twice
		v, err := a.masked(fill(ctx, v, nil))
		if err != nil {
			return nil, err
		}
		addPatient(l, v.Patient)
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, nil
	}
	l.Count = len(out)
	return out, a.write(ctx, l)
}

// readByID adds those of the resources of a type that the actor may see, by reference, without
// large data: a question for each hundred, and not one for each.
func (a *Actor) readByID(ctx context.Context, resourceType string, ids search.ID, found map[string]store.Version) error {
	for some := range slices.Chunk(ids, readAtOnce) {
		plan, err := a.plan(ctx, search.Query{Type: resourceType, Where: some, Count: readAtOnce, Total: search.TotalNone}, 0, nil)
		if err != nil {
			return err
		}
		page, err := a.gate.lean.Search(ctx, plan)
		if err == nil && a.at != 0 {
			page.Matches, err = a.Still(ctx, page.Matches)
		}
		if err != nil {
			return err
		}
		for _, v := range page.Matches {
			found[v.Type+"/"+v.ID] = v
		}
	}
	return nil
}

// readAtOnce is how many resources ReadSome asks for together.
const readAtOnce = 100

// current returns the version at the actor's time, also a deleted one; fault.NotFound when
// it is hidden or missing. It writes no leaf, and leaves large data where it lies.
func (a *Actor) current(ctx context.Context, resourceType, id string) (store.Version, error) {
	j, err := a.judge(ctx)
	if err != nil {
		return store.Version{}, err
	}
	return j.current(ctx, resourceType, id)
}

// current is Actor.current. What is hidden now is hidden at every earlier time.
func (j *judge) current(ctx context.Context, resourceType, id string) (store.Version, error) {
	v, err := j.a.gate.lean.Read(ctx, resourceType, id, j.a.at)
	if err != nil {
		return store.Version{}, err
	}
	if j.a.at != 0 {
		now, err := j.a.gate.lean.Read(ctx, resourceType, id, 0)
		if err == nil {
			err = j.sees(ctx, now)
		}
		if err != nil {
			return store.Version{}, err
		}
	}
	return v, j.sees(ctx, v)
}

// older returns a former version of a resource whose current version is visible.
func (a *Actor) older(ctx context.Context, current store.Version, version int64) (store.Version, error) {
	if version > current.Version { // also what the record did not know at the actor's time
		return store.Version{}, notFound(current.Type)
	}
	v, err := a.gate.lean.ReadVersion(ctx, current.Type, current.ID, version)
	if err != nil {
		return store.Version{}, err
	}
	return v, a.visible(ctx, v)
}

// visible returns fault.NotFound unless the actor may see a version. A deleted one is
// judged by what was deleted.
func (a *Actor) visible(ctx context.Context, v store.Version) error {
	j, err := a.judge(ctx)
	if err != nil {
		return err
	}
	return j.sees(ctx, v)
}

// matches evaluates a predicate on one version. The own compartment, which most
// predicates are, is judged without decoding.
func matches(expr search.Expr, v store.Version) (bool, error) {
	if v.Deleted {
		return false, nil
	}
	place, whole := expr.(search.InPatient)
	if parts, ok := expr.(search.And); ok && len(parts) > 0 {
		place, _ = parts[0].(search.InPatient)
	}
	if place != nil && (whole || !slices.Contains(place, v.Patient)) {
		return slices.Contains(place, v.Patient), nil
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return false, err
	}
	entries, err := search.Extract(r)
	if err != nil {
		return false, err
	}
	return search.Match(expr, search.Subject{Type: v.Type, ID: v.ID, Patient: v.Patient, Updated: v.Updated}, entries), nil
}
