package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

func versionsFollowEachOther(h *harness) {
	t1 := h.commit(observation("a", "p", 1, "x", 0))
	t2 := h.commit(observation("a", "p", 2, "y", 1))
	t3 := h.commit(deletion("Observation", "a", "p", 3))
	t4 := h.commit(observation("a", "p", 4, "z", 2))
	if !(t1 < t2 && t2 < t3 && t3 < t4) {
		h.Fatalf("commits are not in order: %d %d %d %d", t1, t2, t3, t4)
	}
	for _, c := range []struct {
		at      store.T
		version int64
	}{{t1, 1}, {t2, 2}, {t3, 3}, {t4, 4}, {0, 4}} {
		v, err := h.Read(h.ctx, "Observation", "a", c.at)
		if err != nil || v.Version != c.version || v.Deleted != (c.version == 3) || v.Patient != "p" {
			h.Errorf("at %d: version %d deleted %v (%v), want %d", c.at, v.Version, v.Deleted, err, c.version)
		}
		w, err := h.ReadVersion(h.ctx, "Observation", "a", c.version)
		if err != nil || w.T != v.T || !bytes.Equal(w.Body, v.Body) || w.Deleted != (w.Body == nil) {
			h.Errorf("version %d differs from what was current at %d: %+v %v", c.version, c.at, w, err)
		}
	}
	if want := observation("a", "p", 2, "y", 1).Body; !bytes.Equal(h.version("a", 2).Body, want) {
		h.Errorf("body of version 2 = %s, want %s", h.version("a", 2).Body, want)
	}
	for _, version := range []int64{0, 5, -1} {
		if _, err := h.ReadVersion(h.ctx, "Observation", "a", version); !fault.Is(err, fault.NotFound) {
			h.Errorf("version %d: %v", version, err)
		}
	}
	for _, name := range []string{"Observation", "Patient", "Unheard"} {
		if _, err := h.Read(h.ctx, name, "none", 0); !fault.Is(err, fault.NotFound) {
			h.Errorf("%s/none: %v", name, err)
		}
	}
	if _, err := h.Read(h.ctx, "Observation", "a", t1-1); t1 > 1 && !fault.Is(err, fault.NotFound) {
		h.Errorf("before its creation: %v", err)
	}
}

func (h *harness) version(id string, version int64) store.Version {
	h.Helper()
	v, err := h.ReadVersion(h.ctx, "Observation", id, version)
	if err != nil {
		h.Fatal(err)
	}
	return v
}

func staleWriteIsRefused(h *harness) {
	h.commit(observation("a", "p", 1, "x", 0))
	for _, version := range []int64{1, 3} {
		_, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation("a", "p", version, "y", 0)}, Leaf: leaf()})
		if !fault.Is(err, fault.Stale) {
			h.Errorf("version %d after 1: %v, want stale", version, err)
		}
	}
	// Of many who saw version 1, one writes version 2; a neighbour in the same group is
	// not disturbed.
	var wins, strangers int
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Add(2)
		go func() {
			defer wait.Done()
			_, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation("a", "p", 2, fmt.Sprint(i), 0)}, Leaf: leaf()})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				wins++
			} else if !fault.Is(err, fault.Stale) {
				h.Errorf("concurrent write: %v", err)
			}
		}()
		go func() {
			defer wait.Done()
			_, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation(fmt.Sprint("n", i), "q", 1, "x", 0)}, Leaf: leaf()})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				strangers++
			}
		}()
	}
	wait.Wait()
	if wins != 1 || strangers != 16 {
		h.Errorf("%d of 16 won, want 1; %d of 16 neighbours were stored", wins, strangers)
	}
}

func changesetIsAtomic(h *harness) {
	h.commit(observation("a", "p", 1, "x", 0))
	before, _ := h.Now(h.ctx)
	_, err := h.Commit(h.ctx, store.Changeset{
		Writes: []store.Write{observation("b", "p", 1, "new-code", 0), observation("a", "p", 5, "y", 0)},
		Items:  []store.ItemWrite{{Item: store.Item{Space: "s", Key: "k", Value: []byte("v")}}},
		Leaf:   leaf(), Key: "once",
	})
	if !fault.Is(err, fault.Stale) {
		h.Fatalf("%v, want stale", err)
	}
	if _, err := h.Read(h.ctx, "Observation", "b", 0); !fault.Is(err, fault.NotFound) {
		h.Errorf("half a change was stored: %v", err)
	}
	if _, err := h.Item(h.ctx, "s", "k"); !fault.Is(err, fault.NotFound) {
		h.Errorf("an item of a failed change was stored: %v", err)
	}
	if now, _ := h.Now(h.ctx); now != before {
		h.Errorf("a failed change took the time %d", now)
	}
	if got := h.ids(plan("Observation", code("new-code"))); len(got) > 0 {
		h.Errorf("the index of a failed change finds %v", got)
	}
	h.commit(observation("b", "p", 1, "new-code", 0))
	if got := h.ids(plan("Observation", code("new-code"))); len(got) != 1 {
		h.Errorf("the code of a failed change finds %v later", got)
	}
}

func leafIsRequired(h *harness) {
	if _, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation("a", "p", 1, "x", 0)}}); err == nil {
		h.Fatal("a change without a leaf was stored")
	}
	wrong := leaf()
	wrong.Versions = []ledger.Version{{Type: "Observation", ID: "a", Version: 1, Hash: "00"}}
	if _, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation("a", "p", 1, "x", 0)}, Leaf: wrong}); err == nil {
		h.Fatal("a leaf with another hash was stored")
	}
	w := observation("a", "p", 1, "x", 0)
	l := leaf()
	r, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{w}, Leaf: l})
	if err != nil {
		h.Fatal(err)
	}
	if len(l.Versions)+len(l.Patients) > 0 {
		h.Error("the caller's leaf was changed")
	}
	got := h.leaves(store.LeafFilter{Limit: 1})
	sum := sha256.Sum256(w.Body)
	want := ledger.Version{Type: "Observation", ID: "a", Version: 1, Hash: hex.EncodeToString(sum[:])}
	if len(got) != 1 || got[0].Index != r.Leaf || !slices.Contains(got[0].Leaf.Versions, want) || !slices.Contains(got[0].Leaf.Patients, "p") {
		h.Errorf("the leaf %+v does not cover %+v", got, want)
	}
}

func (h *harness) leaves(f store.LeafFilter) []store.LeafEntry {
	h.Helper()
	out, err := h.Leaves(h.ctx, f)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func leavesAreFound(h *harness) {
	for i := range 10 {
		l := leaf()
		l.Actor = fmt.Sprint("actor-", i%2)
		l.Patients = []string{fmt.Sprint("p", i%3)}
		if _, err := h.Commit(h.ctx, store.Changeset{Leaf: l}); err != nil {
			h.Fatal(err)
		}
	}
	count := func(f store.LeafFilter, want int) {
		h.Helper()
		got := h.leaves(f)
		if len(got) != want || !slices.IsSortedFunc(got, func(a, b store.LeafEntry) int { return int(b.Index - a.Index) }) {
			h.Errorf("%+v found %d leaves, want %d, newest first", f, len(got), want)
		}
	}
	count(store.LeafFilter{}, 10)
	count(store.LeafFilter{Patient: "p0"}, 4)
	count(store.LeafFilter{Actor: "actor-1"}, 5)
	count(store.LeafFilter{Patient: "p0", Actor: "actor-0"}, 2)
	count(store.LeafFilter{Patient: "nobody"}, 0)
	count(store.LeafFilter{Limit: 3}, 3)
	count(store.LeafFilter{Before: 4}, 4)
	count(store.LeafFilter{From: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}, 0)
	count(store.LeafFilter{To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}, 10)
}

func chartUnchanged(h *harness) {
	t1 := h.commit(observation("a", "p", 1, "x", 0))
	h.commit(observation("b", "other", 1, "x", 0))
	write := func(id string, since store.T) error {
		_, err := h.Commit(h.ctx, store.Changeset{
			Writes: []store.Write{observation(id, "p", 1, "x", 0)}, Leaf: leaf(), Unchanged: []store.Unchanged{{Patient: "p", Since: since}},
		})
		return err
	}
	if err := write("c", t1); err != nil {
		h.Errorf("nobody has written: %v", err)
	}
	if err := write("d", t1); !fault.Is(err, fault.Conflict) {
		h.Errorf("someone has written: %v, want conflict", err)
	}
	now := h.commit(deletion("Observation", "c", "p", 2))
	if err := write("d", now-1); !fault.Is(err, fault.Conflict) {
		h.Errorf("someone has deleted: %v, want conflict", err)
	}
	if err := write("d", now); err != nil {
		h.Errorf("nobody has written since: %v", err)
	}
}

func conditionalCreate(h *harness) {
	const writers, keys = 8, 12
	var stored sync.Map
	var wait sync.WaitGroup
	for w := range writers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for k := range keys {
				c := fmt.Sprint("unique-", k)
				id := fmt.Sprintf("r-%d-%d", w, k)
				_, err := h.Commit(h.ctx, store.Changeset{
					Writes: []store.Write{observation(id, fmt.Sprint("p", w), 1, c, 0)}, Leaf: leaf(), Absent: []store.Plan{plan("Observation", code(c))},
				})
				switch {
				case err == nil:
					if was, twice := stored.LoadOrStore(c, id); twice {
						h.Errorf("%s was created by %v and %s", c, was, id)
					}
				case !fault.Is(err, fault.Conflict):
					h.Errorf("%s: %v", c, err)
				}
			}
		}()
	}
	wait.Wait()
	if got := h.ids(plan("Observation", search.All{})); len(got) != keys {
		h.Errorf("%d resources were created, want %d", len(got), keys)
	}
	hidden := store.NewPlan(search.Query{Type: "Observation", Where: code("unique-0")}, nil)
	if _, err := h.Commit(h.ctx, store.Changeset{Leaf: leaf(), Absent: []store.Plan{hidden}}); err == nil {
		h.Error("a condition without visibility was accepted")
	}
}

func keyMakesOnce(h *harness) {
	set := store.Changeset{Writes: []store.Write{observation("a", "p", 1, "x", 0)}, Leaf: leaf(), Key: "double-click"}
	first, err := h.Commit(h.ctx, set)
	if err != nil || first.Repeated {
		h.Fatal(first, err)
	}
	again, err := h.Commit(h.ctx, set)
	if err != nil || !again.Repeated || again.T != first.T || again.Leaf != first.Leaf {
		h.Errorf("second: %+v %v, want %+v repeated", again, err, first)
	}
	if n := len(h.leaves(store.LeafFilter{})); n != 1 {
		h.Errorf("%d leaves, want 1", n)
	}
}

func resourceMoves(h *harness) {
	h.commit(patient("p", 1, "Ang"), patient("q", 1, "Bao"))
	t1 := h.commit(observation("a", "p", 1, "x", 0))
	t2 := h.commit(observation("a", "q", 2, "x", 0))
	t3 := h.commit(observation("a", "", 3, "x", 0))
	for _, c := range []struct {
		patient string
		at      store.T
		want    []string
	}{
		{"p", t1, []string{"p", "a"}}, {"p", t2, []string{"p"}}, {"q", t1, []string{"q"}}, {"q", t2, []string{"q", "a"}},
		{"q", t3, []string{"q"}}, {"p", 0, []string{"p"}}, {"nobody", 0, nil},
	} {
		var got []string
		for v, err := range h.Compartment(h.ctx, c.patient, nil, c.at) {
			if err != nil {
				h.Fatal(err)
			}
			got = append(got, v.ID)
		}
		if !slices.Equal(got, c.want) {
			h.Errorf("compartment of %s at %d = %v, want %v", c.patient, c.at, got, c.want)
		}
		scoped := plan("Observation", search.InPatient{c.patient})
		scoped.At = c.at
		want := slices.Contains(c.want, "a")
		if ids := h.ids(scoped); slices.Contains(ids, "a") != want {
			h.Errorf("search in %s at %d = %v", c.patient, c.at, ids)
		}
	}
	for _, c := range []struct {
		version int64
		patient string
	}{{1, "p"}, {2, "q"}, {3, ""}} {
		if v := h.version("a", c.version); v.Patient != c.patient {
			h.Errorf("version %d lives in %q, want %q", c.version, v.Patient, c.patient)
		}
	}
	_, err := h.Commit(h.ctx, store.Changeset{Leaf: leaf(), Unchanged: []store.Unchanged{{Patient: "p", Since: t1}}})
	if !fault.Is(err, fault.Conflict) {
		h.Errorf("leaving a compartment is a change of it: %v", err)
	}
}

func timeMaps(h *harness) {
	if got, err := h.At(h.ctx, time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || got != 0 {
		h.Errorf("before everything: %d %v", got, err)
	}
	var last store.T
	for i := range 5 {
		last = h.commit(observation(fmt.Sprint(i), "p", 1, "x", 0))
	}
	if got, err := h.At(h.ctx, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || got != last {
		h.Errorf("after everything: %d %v, want %d", got, err, last)
	}
	if now, err := h.Now(h.ctx); err != nil || now != last {
		h.Errorf("now: %d %v, want %d", now, err, last)
	}
}

func historyIsComplete(h *harness) {
	for i := range 6 {
		h.commit(observation("a", "p", int64(i+1), "x", i), observation(fmt.Sprint("b", i), "q", 1, "x", i))
	}
	h.commit(deletion("Observation", "a", "p", 7))
	h.commit(patient("p", 1, "Ang"))
	for _, c := range []struct {
		name string
		f    store.HistoryFilter
		want int
	}{
		{"one resource", store.HistoryFilter{Type: "Observation", ID: "a"}, 7},
		{"type", store.HistoryFilter{Type: "Observation"}, 13},
		{"all", store.HistoryFilter{}, 14},
		{"compartment", store.HistoryFilter{Patient: "p"}, 8},
		{"at", store.HistoryFilter{Type: "Observation", ID: "a", At: 3}, 3},
		{"current later", store.HistoryFilter{Type: "Observation", ID: "a", From: 3}, 5},
		{"current between", store.HistoryFilter{Type: "Observation", ID: "a", From: 3, At: 4}, 2},
		{"since", store.HistoryFilter{Type: "Observation", ID: "a", Since: epoch.AddDate(0, 0, 4)}, 2},
		{"unknown type", store.HistoryFilter{Type: "Unheard"}, 0},
		{"unknown id", store.HistoryFilter{Type: "Observation", ID: "zz"}, 0},
	} {
		whole, err := h.History(h.ctx, c.f)
		if err != nil || len(whole) != c.want {
			h.Errorf("%s: %d versions, want %d (%v)", c.name, len(whole), c.want, err)
		}
		if !slices.IsSortedFunc(whole, func(a, b store.Version) int { return int(b.T - a.T) }) {
			h.Errorf("%s: not newest first", c.name)
		}
		// In pages it is the same.
		paged := 0
		f := c.f
		for f.Count = 2; ; {
			page, err := h.History(h.ctx, f)
			if err != nil {
				h.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			paged += len(page)
			f.Before = page[len(page)-1].T
		}
		if paged != c.want {
			h.Errorf("%s: pages have %d versions, want %d", c.name, paged, c.want)
		}
	}
}

func reopening(h *harness) {
	h.commit(patient("p", 1, "Ang"))
	for i := range 5 {
		h.commit(observation("a", "p", int64(i+1), fmt.Sprint("c", i), i))
	}
	now, _ := h.Now(h.ctx)
	if err := h.Store.Close(); err != nil {
		h.Fatal(err)
	}
	if _, err := h.Read(h.ctx, "Patient", "p", 0); err == nil {
		h.Error("a closed store answers")
	}
	h.Store = h.open(h, h.dir)
	if got, _ := h.Now(h.ctx); got != now {
		h.Errorf("now %d, want %d", got, now)
	}
	if v, err := h.Read(h.ctx, "Observation", "a", 0); err != nil || v.Version != 5 {
		h.Errorf("version %d (%v), want 5", v.Version, err)
	}
	if got := h.ids(plan("Observation", code("c4"))); len(got) != 1 {
		h.Errorf("the index finds %v", got)
	}
	if got := h.ids(plan("Observation", code("c0"))); len(got) != 0 {
		h.Errorf("the index finds a former code: %v", got)
	}
	if after := h.commit(observation("a", "p", 6, "c9", 9)); after != now+1 {
		h.Errorf("the next commit is %d, want %d", after, now+1)
	}
}

func verifyIsClean(h *harness) {
	h.commit(patient("p", 1, "Ang"))
	for i := range 20 {
		h.commit(observation("a", []string{"p", "q", ""}[i%3], int64(i+1), "x", i))
		if i == 10 {
			if _, err := h.Checkpoint(h.ctx); err != nil {
				h.Fatal(err)
			}
		}
	}
	h.commit(deletion("Observation", "a", "p", 21))
	n, err := h.Verify(h.ctx, func(problem string) { h.Errorf("problem: %s", problem) })
	if err != nil || n != 22 {
		h.Errorf("%d leaves verified, want 22 (%v)", n, err)
	}
}
