package record

import (
	"slices"
	"testing"
)

// TestALookForgetsNothingNotedMeanwhile: what somebody finds damaged while a look is under way stays known; what was
// noted before, and is there again, does not.
func TestALookForgetsNothingNotedMeanwhile(t *testing.T) {
	var l lostContents
	l.note("back again")
	l.note("still lost")
	begun := l.begin()
	l.note("found meanwhile")
	l.looked(begun, map[string]int{"still lost": begun - 1})
	if got := l.list(); !slices.Equal(got, []string{"found meanwhile", "still lost"}) {
		t.Errorf("after the look: %v", got)
	}
	l.looked(l.begin(), map[string]int{})
	if got := l.list(); len(got) != 0 {
		t.Errorf("after the next, which finds nothing: %v", got)
	}
}
