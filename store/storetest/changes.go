package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/osler-emr/osler/store"
)

// changesAreComplete follows the feed in steps of several sizes: every version comes once,
// superseded and deleted ones too, in the order of the commits, and no commit is cut apart.
func changesAreComplete(h *harness) {
	var want []string
	note := func(t store.T, writes ...store.Write) {
		slices.SortFunc(writes, func(a, b store.Write) int { return compareWrites(a, b) })
		for _, w := range writes {
			want = append(want, fmt.Sprint(t, w.Type, w.ID, w.Version, w.Deleted))
		}
	}
	if v, to, err := h.Changes(h.ctx, 0, 10); err != nil || len(v) != 0 {
		h.Fatalf("an empty store has changes %v up to %d: %v", v, to, err)
	}
	for round := range int64(6) {
		list := []store.Write{patient("p", round+1, fmt.Sprint("name", round)), observation("b", "p", round+1, "x", 0), observation("a", "q", round+1, "x", 0)}
		note(h.commit(list...), list...)
		one := observation(fmt.Sprint("one", round), "p", 1, "y", 1)
		note(h.commit(one), one)
		h.commit() // a leaf alone changes nothing, but time goes on
	}
	gone := deletion("Observation", "a", "q", 7)
	note(h.commit(gone), gone)
	now, err := h.Now(h.ctx)
	if err != nil {
		h.Fatal(err)
	}
	for _, limit := range []int{1, 2, 3, 5, 1000} {
		var got []string
		at := store.T(0)
		for steps := 0; ; steps++ {
			versions, to, err := h.Changes(h.ctx, at, limit)
			if err != nil || steps > 100 {
				h.Fatalf("after %d: %v", at, err)
			}
			if to == at {
				break
			}
			if len(versions) > limit+2 || to < at || limit == 1000 && to != now {
				h.Errorf("%d versions up to %d of %d for the limit %d", len(versions), to, now, limit)
			}
			for _, v := range versions {
				if v.T <= at || v.T > to {
					h.Errorf("a version of %d between %d and %d", v.T, at, to)
				}
				got = append(got, fmt.Sprint(int64(v.T), v.Type, v.ID, v.Version, v.Deleted))
				if same, err := h.ReadVersion(h.ctx, v.Type, v.ID, v.Version); err != nil || string(same.Body) != string(v.Body) || same.Patient != v.Patient {
					h.Errorf("%s/%s/%d in the feed is not what is stored: %v", v.Type, v.ID, v.Version, err)
				}
			}
			at = to
		}
		if !slices.Equal(got, want) || at != now {
			h.Errorf("in steps of %d, up to %d:\n%v\nwant\n%v", limit, at, got, want)
		}
	}
	h.changesWhileOthersWrite(now)
}

// changesWhileOthersWrite follows the feed while four writers commit: nothing is missed.
func (h *harness) changesWhileOthersWrite(at store.T) {
	const writers, each = 4, 25
	var wait sync.WaitGroup
	for w := range writers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range each {
				if _, err := h.Commit(h.ctx, store.Changeset{Writes: []store.Write{observation(fmt.Sprintf("w%d-%d", w, i), "p", 1, "x", 0)}, Leaf: leaf()}); err != nil {
					h.Error(err)
				}
			}
		}()
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	seen := map[string]bool{}
	for last := false; ; {
		versions, to, err := h.Changes(h.ctx, at, 7)
		if err != nil {
			h.Fatal(err)
		}
		for _, v := range versions {
			if seen[v.ID] {
				h.Errorf("%s comes twice", v.ID)
			}
			seen[v.ID] = true
		}
		if to == at {
			if last {
				break
			}
			select {
			case <-done:
				last = true
			default:
			}
		}
		at = to
	}
	if len(seen) != writers*each {
		h.Errorf("%d of %d changes came", len(seen), writers*each)
	}
}

func compareWrites(a, b store.Write) int {
	if a.Type != b.Type {
		return map[bool]int{true: -1, false: 1}[a.Type < b.Type]
	}
	return map[bool]int{true: -1, false: 1}[a.ID < b.ID]
}
