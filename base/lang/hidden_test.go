package lang

import "testing"

// TestWhatIsNotSeenIsLeftOut, and what scripts need is kept.
func TestWhatIsNotSeenIsLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		"take \u202e01 mg\u202c daily": "take 01 mg daily", "Met\u200bfor\u00admin": "Metformin", "a\u2066b\u2069": "ab", "tag\U000e0041": "tag",
		"می\u200cخواهم": "می\u200cخواهم", "\u200fنص\u200e": "\u200fنص\u200e", "plain": "plain", "": "",
	} {
		if got := Unhidden(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
	for r, want := range map[rune]bool{0x202e: true, 0x202a: true, 0x2066: true, 0x200b: false, 0xad: false, 'a': false, 0x200e: false} {
		if Turns(r) != want {
			t.Errorf("%U turns: %v", r, !want)
		}
	}
}
