package storetest

import (
	"context"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// panicsPass: whoever calls a store and panics inside of it leaves it usable for the others.
func panicsPass(h *harness) {
	change := func(ctx context.Context) error {
		w := store.ItemWrite{Item: store.Item{Space: "panic", Key: "k", Owner: "ann", Value: []byte("x")}, IfVersion: -1}
		_, err := h.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf()})
		return err
	}
	if err := change(h.ctx); err != nil {
		h.Fatal(err)
	}
	passed := 0
	try := func(f func()) {
		defer func() {
			if recover() != nil {
				passed++
			}
		}()
		f()
	}
	for range 20 { // more than there are connections
		try(func() {
			_, _ = h.Leaves(h.ctx, store.LeafFilter{Where: func(ledger.Leaf) bool { panic("in a question") }})
		})
		try(func() { _ = change(&bursting{Context: h.ctx}) })
	}
	if passed < 20 {
		h.Errorf("only %d panics came back", passed)
	}
	ctx, cancel := context.WithTimeout(h.ctx, 30*time.Second)
	defer cancel()
	if err := change(ctx); err != nil {
		h.Errorf("a change after panics: %v", err)
	}
	if list, err := h.Leaves(ctx, store.LeafFilter{}); err != nil || len(list) < 2 {
		h.Errorf("a question after panics: %d entries, %v", len(list), err)
	}
}

// bursting is a context that panics when it is asked whether it has ended.
type bursting struct{ context.Context }

func (*bursting) Err() error { panic("in a change") }
