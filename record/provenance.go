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
		found, err := a.gate.lean.Leaves(ctx, store.LeafFilter{Before: int64(v.T), Limit: 1, Scan: 1, Reached: new(int64)})
		if err != nil {
			return nil, err
		}
		if len(found) != 1 || found[0].Index != int64(v.T)-1 {
			return nil, fault.New(fault.Internal, "The audit log has no entry for a version of this %s. Run the audit verification.", v.Type)
		}
		out[i] = Authored{v, found[0]}
	}
	return out, nil
}
