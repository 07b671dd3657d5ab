package storetest

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

func (h *harness) put(w store.ItemWrite) error {
	_, err := h.Commit(h.ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf()})
	return err
}

func itemsCompareAndSwap(h *harness) {
	draft := func(value string, ifVersion int64) store.ItemWrite {
		return store.ItemWrite{Item: store.Item{Space: "draft", Key: "k", Owner: "ann", Value: []byte(value)}, IfVersion: ifVersion}
	}
	for _, c := range []struct {
		value     string
		ifVersion int64
		conflict  bool
	}{{"one", 0, false}, {"again", 0, true}, {"two", 1, false}, {"old", 1, true}, {"any", -1, false}} {
		if err := h.put(draft(c.value, c.ifVersion)); fault.Is(err, fault.Conflict) != c.conflict || !c.conflict && err != nil {
			h.Errorf("%s over %d: %v", c.value, c.ifVersion, err)
		}
	}
	it, err := h.Item(h.ctx, "draft", "k")
	if err != nil || string(it.Value) != "any" || it.Version != 3 || it.Owner != "ann" {
		h.Errorf("item %+v %v", it, err)
	}
	// Of many who add one to the same value, none is lost.
	var wait sync.WaitGroup
	var won atomic.Int64
	for range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 10 {
				it, err := h.Item(h.ctx, "draft", "k")
				if err == nil && h.put(draft("n", it.Version)) == nil {
					won.Add(1)
				}
			}
		}()
	}
	wait.Wait()
	if it, _ := h.Item(h.ctx, "draft", "k"); it.Version != 3+won.Load() {
		h.Errorf("version %d after %d writes", it.Version, won.Load())
	}
	for i := range 3 {
		if err := h.put(store.ItemWrite{Item: store.Item{Space: "draft", Key: fmt.Sprint("z", 2-i), Owner: "bob", Value: []byte{}}, IfVersion: -1}); err != nil {
			h.Fatal(err)
		}
	}
	for _, c := range []struct {
		owner string
		want  string
	}{{"", "[k z0 z1 z2]"}, {"bob", "[z0 z1 z2]"}, {"nobody", "[]"}} {
		list, err := h.Items(h.ctx, "draft", c.owner)
		keys := []string{}
		for _, it := range list {
			keys = append(keys, it.Key)
		}
		if err != nil || fmt.Sprint(keys) != c.want {
			h.Errorf("items of %q = %v %v, want %s", c.owner, keys, err, c.want)
		}
	}
	if err := h.put(store.ItemWrite{Item: store.Item{Space: "draft", Key: "k"}, Delete: true, IfVersion: 1}); !fault.Is(err, fault.Conflict) {
		h.Errorf("deleting an old version: %v", err)
	}
	if err := h.put(store.ItemWrite{Item: store.Item{Space: "draft", Key: "k"}, Delete: true, IfVersion: -1}); err != nil {
		h.Error(err)
	}
	if _, err := h.Item(h.ctx, "draft", "k"); !fault.Is(err, fault.NotFound) {
		h.Errorf("a deleted item: %v", err)
	}
}

func itemsExpire(h *harness) {
	past, future := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	for key, expires := range map[string]time.Time{"old": past, "new": future, "ever": {}} {
		if err := h.put(store.ItemWrite{Item: store.Item{Space: "session", Key: key, Value: []byte("v"), Expires: expires}}); err != nil {
			h.Fatal(err)
		}
	}
	if _, err := h.Item(h.ctx, "session", "old"); !fault.Is(err, fault.NotFound) {
		h.Errorf("an expired item: %v", err)
	}
	if it, err := h.Item(h.ctx, "session", "new"); err != nil || !it.Expires.Equal(future) {
		h.Errorf("%+v %v", it, err)
	}
	if list, err := h.Items(h.ctx, "session", ""); err != nil || len(list) != 2 {
		h.Errorf("%d items are alive (%v), want 2", len(list), err)
	}
	// An expired item does not exist: it can be made anew.
	if err := h.put(store.ItemWrite{Item: store.Item{Space: "session", Key: "old", Value: []byte("w")}, IfVersion: 0}); err != nil {
		h.Errorf("over an expired item: %v", err)
	}
}

var namesPatient = regexp.MustCompile(`"[Pp]atient":"([A-Za-z0-9.-]+)"`)

// Concerning looks for items that tell of a patient in their value and are not that patient's: they
// would outlive the patient's keys. Tests call it when they have filled a store.
func Concerning(t testing.TB, s store.Store) {
	t.Helper()
	var all []store.Item
	if _, err := s.AllItems(context.Background(), func(it store.Item) error { all = append(all, it); return nil }); err != nil {
		t.Errorf("the items cannot be read: %v", err)
	}
	for _, it := range all {
		for _, m := range namesPatient.FindAllSubmatch(it.Value, -1) {
			_, err := s.PersonKey(context.Background(), string(m[1]))
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Error(err)
			}
			if err == nil && it.Patient == "" {
				t.Errorf("the item %s/%s tells of the patient %s, and would survive the patient's keys", it.Space, it.Key, m[1])
			}
		}
	}
}
