package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// History returns versions, newest first: of one resource (Type and ID), of a type, or of
// a patient's compartment. The versions of a resource that is hidden now are hidden. For one
// resource, hidden and missing are fault.NotFound. Fewer than f.Count versions mean the end: a page
// that is shorter for what is left out of it would tell how much that is.
func (a *Actor) History(ctx context.Context, f store.HistoryFilter) ([]store.Version, error) {
	what := policy.History
	if f.ID == "" {
		what = policy.Search
	}
	if f.Type != "" {
		if err := a.may(ctx, what, f.Type, f.ID); err != nil {
			return nil, err
		}
	}
	if a.at != 0 && (f.At == 0 || f.At > a.at) {
		f.At = a.at
	}
	j, err := a.judge(ctx)
	if err != nil {
		return nil, err
	}
	j.listing = f.ID == ""
	now := map[string]error{} // what visible says about the current versions
	about := f.Patient
	if f.ID != "" {
		v, err := j.current(ctx, f.Type, f.ID)
		if fault.Is(err, fault.NotFound) {
			return nil, a.refused(ctx, notFound(f.Type), policy.History, f.Type, f.ID, "")
		}
		if err != nil {
			return nil, err
		}
		now[f.Type+"/"+f.ID] = nil
		about = v.Patient // also when there is no version to show
	}
	l := a.leaf(ledger.History, f.Type, about)
	var shown []store.Version
	for len(shown) < max(f.Count, 1) {
		versions, err := a.gate.store.History(ctx, f)
		if err != nil {
			return nil, err
		}
		if len(versions) == 0 {
			break
		}
		for _, v := range versions {
			ok, err := j.inHistory(ctx, v, now)
			if err != nil {
				return nil, err
			}
			if ok {
				shown = append(shown, v)
				addPatient(l, v.Patient)
			}
		}
		f.Before = versions[len(versions)-1].T
	}
	l.Count = len(shown)
	if f.ID != "" {
		l.Versions = []ledger.Version{{Type: f.Type, ID: f.ID}}
	}
	if err := a.maskedListsBy(a.mask().Past(), shown); err != nil {
		return nil, err
	}
	return shown, a.write(ctx, l)
}

// inHistory reports whether a version and the current version of its resource are visible.
func (j *judge) inHistory(ctx context.Context, v store.Version, now map[string]error) (bool, error) {
	key := v.Type + "/" + v.ID
	err, known := now[key]
	if !known {
		_, err = j.current(ctx, v.Type, v.ID)
		now[key] = err
	}
	if err == nil {
		err = j.sees(ctx, v)
	}
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}
