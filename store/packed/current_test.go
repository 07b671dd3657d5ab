package packed

import "testing"

// What was read while something changed is not remembered, and what has changed is forgotten before.
func TestRecentForgetsWhatChanges(t *testing.T) {
	var r Recent
	k := recentKey{"Patient", "7"}
	row := func(version int64) Stored {
		v := Stored{RID: 70}
		v.Version.Version = version
		return v
	}
	want := func(what string, version int64) {
		t.Helper()
		v, ok, _ := r.find(k, 1)
		if ok != (version > 0) || v.Version.Version != version {
			t.Errorf("%s: version %d (%v), want %d", what, v.Version.Version, ok, version)
		}
	}
	_, _, round := r.find(k, 1)
	r.keep(k, row(1), 1, round)
	want("read before", 1)

	r.Changing([]int64{70})
	want("while it changes", 0)
	_, _, during := r.find(k, 1)
	r.keep(k, row(1), 1, during)
	want("read while it changes", 0)
	r.Changed()
	r.keep(k, row(1), 1, during)
	want("read while it changed, and kept later", 0)
	r.keep(k, row(1), 1, round)
	want("read before it changed", 0)
	_, _, round = r.find(k, 1)
	r.keep(k, row(2), 1, round)
	want("read after", 2)

	r.Changing([]int64{71})
	want("while another one changes", 2)
	r.Changed()
	r.now, r.before, r.size = recentRows{}, r.now, 0 // a generation later
	want("from the generation before", 2)
	r.Changing([]int64{70})
	r.Changed()
	want("changed in both generations", 0)

	_, _, round = r.find(k, 1)
	r.keep(k, row(3), 1, round)
	if _, ok, _ := r.find(k, 2); ok {
		t.Error("words were forgotten, and a row was not")
	}
	r.keep(k, row(3), 1, round)
	if _, ok, _ := r.find(k, 2); ok {
		t.Error("a row of before the words were forgotten was kept")
	}
	_, _, round = r.find(k, 2)
	r.Close()
	r.keep(k, row(3), 2, round)
	if _, ok, _ := r.find(k, 2); ok {
		t.Error("a row was kept by a store that is closed")
	}
}
