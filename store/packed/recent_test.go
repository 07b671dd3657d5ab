package packed

import "testing"

// What was read while something changed is not remembered, and what has changed is forgotten before.
func TestRecentForgetsWhatChanges(t *testing.T) {
	var r Recent
	k := recentKey{"Patient", "7"}
	row := func(version int64) Stored {
		v := Stored{RID: 70, epoch: r.epoch}
		v.Version.Version = version
		return v
	}
	want := func(what string, version int64) {
		t.Helper()
		v, ok, _ := r.find(k)
		if ok != (version > 0) || v.Version.Version != version {
			t.Errorf("%s: version %d (%v), want %d", what, v.Version.Version, ok, version)
		}
	}
	_, _, round := r.find(k)
	r.keep(k, row(1), round)
	want("read before", 1)

	r.Changing([]int64{70})
	want("while it changes", 0)
	_, _, during := r.find(k)
	r.keep(k, row(1), during)
	want("read while it changes", 0)
	r.Changed()
	r.keep(k, row(1), during)
	want("read while it changed, and kept later", 0)
	r.keep(k, row(1), round)
	want("read before it changed", 0)
	_, _, round = r.find(k)
	r.keep(k, row(2), round)
	want("read after", 2)

	r.Changing([]int64{71})
	want("while another one changes", 2)
	r.Changed()
	r.now, r.before, r.size = recentRows{}, r.now, 0 // a generation later
	want("from the generation before", 2)
	r.Changing([]int64{70})
	r.Changed()
	want("changed in both generations", 0)

	_, _, round = r.find(k)
	r.keep(k, row(3), round)
	old := row(3)
	r.forget(2)
	want("of words that were forgotten", 0)
	if r.now.rows != nil || r.before.rows != nil {
		t.Error("rows are in memory after words were forgotten")
	}
	r.keep(k, old, round)
	if _, ok, _ := r.find(k); ok {
		t.Error("a row of before the words were forgotten was kept")
	}
	_, _, round = r.find(k)
	r.Close()
	r.keep(k, row(3), round)
	if _, ok, _ := r.find(k); ok {
		t.Error("a row was kept by a store that is closed")
	}
}
