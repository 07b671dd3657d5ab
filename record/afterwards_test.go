package record

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// slow is a store that takes a leaf when it is let.
type slow struct {
	store.Store
	let chan struct{}
}

func (s slow) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	<-s.let
	return s.Store.Commit(ctx, c)
}

// Who has waited for a record that cannot be reached does not wait again for the entry that says so: it is written when
// the record is there, also after the request has ended.
func TestARequestWaitsOnceForARecordThatIsAway(t *testing.T) {
	c := open(t)
	let := make(chan struct{})
	c.gate.store = slow{c.gate.store, let}
	request, end := context.WithCancel(t.Context())
	away := fault.New(fault.Unavailable, "The database cannot be reached.")
	if err := c.as(physician).Asked(request, "POST Observation", "", away); err != nil {
		t.Fatal(err)
	}
	if err := c.gate.Stranger(request, "fhir", "192.0.2.1", "GET Patient", away); err != nil {
		t.Fatal(err)
	}
	end()
	close(let)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		list, err := c.gate.lean.Leaves(t.Context(), store.LeafFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) >= 2 && list[0].Leaf.Outcome == "unavailable" && list[1].Leaf.Outcome == "unavailable" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the entries were not written")
}
