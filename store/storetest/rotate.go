package storetest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// rotateKeys changes both kinds of keys twice while others write and read, and shreds a patient in
// between: everything is read as before, before and after the store is opened again, and no row is
// left under a former key.
func rotateKeys(h *harness) {
	r, ok := h.Store.(store.Rotating)
	if !ok {
		h.Skip("the store does not change its keys")
	}
	const patients = 120
	for i := range patients {
		p := fmt.Sprintf("p%03d", i)
		h.commit(patient(p, 1, "Name"), observation("o-"+p, p, 1, "c", 1))
		h.commit(observation("o-"+p, p, 2, "d", 2))
		if err := h.put(store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: p, Patient: p, Value: []byte("draft of " + p)}}); err != nil {
			h.Fatal(err)
		}
	}
	if _, err := h.Shred(h.ctx, "p007", ShredLeaf("p007")); err != nil {
		h.Fatal(err)
	}
	whole := func() string {
		h.Helper()
		var b bytes.Buffer
		list, err := h.History(h.ctx, store.HistoryFilter{Count: 10_000, At: 3*patients + 1})
		if err != nil {
			h.Fatal(err)
		}
		for _, v := range list {
			fmt.Fprintln(&b, v.Type, v.ID, v.Version, v.T, string(v.Body))
		}
		if _, err := h.AllItems(h.ctx, func(it store.Item) error {
			if it.Space == "draft" {
				fmt.Fprintln(&b, it.Key, string(it.Value))
			}
			return nil
		}); err != nil {
			h.Fatal(err)
		}
		return b.String()
	}
	before := whole()
	if n := bytes.Count([]byte(before), []byte("\n")); n < 4*patients-10 {
		h.Fatalf("the test reads %d lines", n)
	}
	var group sync.WaitGroup
	stop := make(chan struct{})
	group.Go(func() { // somebody who goes on writing, for old patients and for new ones
		for i := 3; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p := fmt.Sprintf("p%03d", 10+i%100)
			set := store.Changeset{Leaf: leaf(), Writes: []store.Write{observation(fmt.Sprint("n", i), p, 1, "n", 1), patient(fmt.Sprint("new", i), 1, "n")},
				Items: []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: "busy", Key: fmt.Sprint(i % 50), Patient: p, Value: []byte("v")}}}}
			if _, err := h.Commit(h.ctx, set); err != nil {
				h.Errorf("a write while keys change: %v", err)
				return
			}
			if v, err := h.Read(h.ctx, "Observation", "o-"+p, 0); err != nil || v.Version != 2 {
				h.Errorf("a read while keys change: %+v %v", v, err)
				return
			}
		}
	})
	round := func() {
		h.Helper()
		for _, step := range []func() error{
			func() error { return r.NewWrap(h.ctx) },
			func() error { return untilDone(func() (bool, error) { return r.Rewrap(h.ctx) }) },
			func() error { return r.NewDataKeys(h.ctx) },
			func() error { return r.NewDataKeys(h.ctx) }, // one that is under way goes on
			func() error { return untilDone(func() (bool, error) { return r.Renew(h.ctx) }) },
		} {
			if err := step(); err != nil {
				h.Fatal(err)
			}
		}
		s, err := r.KeyState(h.ctx)
		if err != nil || s.Waiting != 0 || s.Keys < patients-1 || s.Ended.IsZero() || s.Done != s.Patients || s.Patients < patients {
			h.Errorf("after a change: %+v, %v", s, err)
		}
	}
	round()
	round()
	close(stop)
	group.Wait()
	if s, err := r.KeyState(h.ctx); err != nil || s.Wrap != 3 {
		h.Errorf("after two changes: %+v, %v", s, err)
	}
	if after := whole(); after != before {
		h.Error("what is read is not what it was")
	}
	h.Store.Close()
	h.Store = h.open(h.T, h.dir)
	if after := whole(); after != before {
		h.Error("what is read is not what it was, after reopening")
	}
	if _, err := h.Verify(h.ctx, func(problem string) { h.Error(problem) }); err != nil {
		h.Error(err)
	}
	if _, err := h.Item(h.ctx, "draft", "p007"); !fault.Is(err, fault.NotFound) {
		h.Errorf("the draft of a shredded patient: %v", err)
	}
	if _, err := h.Shred(h.ctx, "p008", ShredLeaf("p008")); err != nil {
		h.Error(err)
	}
}

func untilDone(step func() (bool, error)) error {
	for {
		if done, err := step(); done || err != nil {
			return err
		}
	}
}
