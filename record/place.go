package record

import (
	"context"
	"crypto/rand"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// A record knows the place of its contents by an empty file there, whose name is an item of the
// record. Else a process that was started with another place would write scans there, and show
// charts without the others'.

const (
	spacePlace = "place"
	keyPlace   = "contents"
	// placeLooks is how many of its contents a record without a mark looks for.
	placeLooks = 20
)

// HoldPlace refuses a place of contents that is another than the record's; fault.Conflict. With
// claim, a record that has no mark yet marks the place, unless its contents lie elsewhere. A place
// that does not answer is not judged: the record is needed without its scans, too.
func (g *Gate) HoldPlace(ctx context.Context, claim bool) error {
	if g.blobs == nil {
		return nil
	}
	item, err := g.lean.Item(ctx, spacePlace, keyPlace)
	if err == nil {
		there, err := g.blobs.Marked(ctx, string(item.Value))
		if err == nil && !there {
			return fault.New(fault.Conflict, "This is not the place of this record's contents: the file %s is not there. Start with the same --contents as the record's other processes, or put the file and the contents back from a backup. Only if the contents are lost for good, make an empty file of this name in the place: then the record works without them.", item.Value)
		}
		return nil
	}
	if !fault.Is(err, fault.NotFound) || !claim {
		return ignoreMissing(err)
	}
	named, err := g.lean.Items(ctx, blob.Space, "")
	if err != nil {
		return err
	}
	if g.elsewhere(ctx, named) {
		return fault.New(fault.Conflict, "This is not the place of this record's contents: it has none of them. Start with the --contents that the record was used with, or put the contents back from a backup.")
	}
	name := "place-" + rand.Text()
	if err := g.blobs.Mark(ctx, name); err != nil {
		return nil // it does not answer, or is full: the next start marks it
	}
	l := g.As(trust.System("contents"), "gate").leaf(ledger.Keep, "")
	l.Query = "mark the place of contents"
	_, err = g.lean.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{Item: store.Item{Space: spacePlace, Key: keyPlace, Value: []byte(name)}}}})
	if fault.Is(err, fault.Conflict) { // another process was first, and perhaps elsewhere
		return g.HoldPlace(ctx, false)
	}
	return err
}

func ignoreMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// elsewhere reports whether a record names contents of which the place has none that is looked for.
func (g *Gate) elsewhere(ctx context.Context, named []store.Item) bool {
	for _, item := range named[:min(len(named), placeLooks)] {
		if there, err := g.blobs.Marked(ctx, item.Key); there || err != nil {
			return false
		}
	}
	return len(named) > 0
}

// MarkPlace marks another place as that of a record whose contents were brought there: by a restore,
// or by a move.
func MarkPlace(ctx context.Context, s store.Store, place *blob.Store) error {
	item, err := s.Item(ctx, spacePlace, keyPlace)
	if err != nil {
		return ignoreMissing(err) // a record of a program before November 2026
	}
	return place.Mark(ctx, string(item.Value))
}
