package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// Authored is a version with the entry of the audit log that was committed with it.
type Authored struct {
	store.Version
	Entry store.LeafEntry
}

// Provenance returns the versions of a resource that the actor may see, newest first and at most
// count (0: all of the first page of History), each with the entry of the audit log that says who
// wrote it. Who sees a version may know whose it is: no right to read the audit log is needed, and
// nothing of the log but these entries is told.
func (a *Actor) Provenance(ctx context.Context, f store.HistoryFilter) ([]Authored, error) {
	if f.Type == "" || f.ID == "" {
		return nil, fault.New(fault.Internal, "Provenance is asked of one resource.")
	}
	versions, err := a.History(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]Authored, len(versions))
	for i, v := range versions {
		leaf, err := a.gate.leafOf(ctx, v)
		if err != nil {
			return nil, err
		}
		out[i] = Authored{v, leaf}
	}
	return out, nil
}

// leafOf returns the entry of the audit log that was committed with a version.
func (g *Gate) leafOf(ctx context.Context, v store.Version) (store.LeafEntry, error) {
	found, err := g.lean.Leaves(ctx, store.LeafFilter{Before: int64(v.T), Limit: 1, Scan: 1, Reached: new(int64)})
	if err != nil {
		return store.LeafEntry{}, err
	}
	if len(found) != 1 || found[0].Index != int64(v.T)-1 {
		return store.LeafEntry{}, fault.New(fault.Internal, "The audit log has no entry for a version of this %s. Run the audit verification.", v.Type)
	}
	return found[0], nil
}
