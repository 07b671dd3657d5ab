package web

import (
	"maps"
	"testing"
)

// TestWhatAWindowLeaves: what only the window has changed goes into the draft, what both have changed is kept apart,
// and nothing that is saved is lost.
func TestWhatAWindowLeaves(t *testing.T) {
	type fields = map[string]string
	for name, c := range map[string]struct{ value, was, saved, merged, apart fields }{
		"only here":            {fields{"plan": "rest", "other": ""}, fields{"plan": ""}, fields{"plan": "", "other": "x"}, fields{"plan": "rest", "other": "x"}, fields{}},
		"only there":           {fields{"plan": "a"}, fields{"plan": "a"}, fields{"plan": "b"}, fields{"plan": "b"}, fields{}},
		"both":                 {fields{"plan": "a c"}, fields{"plan": "a"}, fields{"plan": "a b"}, fields{"plan": "a b"}, fields{"plan": "a c"}},
		"saved by itself":      {fields{"plan": "a c"}, fields{"plan": "a"}, fields{"plan": "a c, and more"}, fields{"plan": "a c, and more"}, fields{}},
		"what it knew unknown": {fields{"plan": "a"}, nil, fields{"plan": "b"}, fields{"plan": "b"}, fields{"plan": "a"}},
		"a draft that is gone": {fields{"plan": "a"}, fields{"plan": ""}, fields{}, fields{"plan": "a"}, fields{}},
	} {
		merged, apart := mergeLeft(draftSent{Value: c.value, Was: c.was}, c.saved)
		if !maps.Equal(merged, c.merged) || !maps.Equal(apart, c.apart) {
			t.Errorf("%s: %v apart %v", name, merged, apart)
		}
	}
	if _, err := draftFields([]byte("null")); err != nil {
		t.Error(err)
	}
}
