package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Limits of closure tables.
const (
	MaxClosures    = 20      // of one principal
	maxClosureName = 200     // bytes
	maxClosure     = 1 << 20 // bytes of a table
)

// spaceClosure holds closure tables; key: principal id / name.
const spaceClosure = "closure"

// Closure is a closure table of codes that a client builds (R4
// terminology-service.html#closure), as the client's principal keeps it. It has no patient
// data and is no resource, so it is an item of the store; it survives restarts.
type Closure struct {
	Value   []byte // JSON of fhir/terminology
	Version int64  // of the item, for KeepClosure
}

// Closure returns a closure table of the principal; fault.NotFound when there is none.
func (a *Actor) Closure(ctx context.Context, name string) (Closure, error) {
	if a.principal.ID == "" {
		return Closure{}, noClosure()
	}
	item, err := a.gate.store.Item(ctx, spaceClosure, a.principal.ID+"/"+name)
	if fault.Is(err, fault.NotFound) || err == nil && item.Owner != a.principal.ID {
		return Closure{}, noClosure()
	}
	return Closure{item.Value, item.Version}, err
}

func noClosure() error {
	return fault.New(fault.NotFound, "There is no closure table with this name; start one by sending its name alone.")
}

// KeepClosure stores a closure table. ifVersion is that of the Closure that was read, 0 for
// a new one; when another request has stored it since, it is fault.Conflict.
func (a *Actor) KeepClosure(ctx context.Context, name string, value []byte, ifVersion int64) error {
	switch {
	case a.at != 0 || a.principal.ID == "" || a.principal.Role == "":
		return fault.New(fault.Forbidden, "Closure tables are kept by those who are signed in, in the present.")
	case name == "" || len(name) > maxClosureName:
		return fault.New(fault.Invalid, "The name of a closure table has 1 to %d bytes.", maxClosureName)
	case len(value) > maxClosure:
		return fault.New(fault.TooLarge, "A closure table has at most %d bytes.", maxClosure)
	}
	if ifVersion == 0 {
		have, err := a.gate.store.Items(ctx, spaceClosure, a.principal.ID)
		if err != nil {
			return err
		}
		if len(have) >= MaxClosures {
			return fault.New(fault.TooCostly, "You have %d closure tables, the most that are kept; use one of them again.", MaxClosures)
		}
	}
	l := a.leaf(ledger.Keep, "")
	l.Query = "closure table " + name
	_, err := a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{IfVersion: ifVersion,
		Item: store.Item{Space: spaceClosure, Key: a.principal.ID + "/" + name, Owner: a.principal.ID, Value: value}}}})
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(err, fault.Conflict, "The closure table was changed by another request since. Ask again.")
	}
	return err
}
