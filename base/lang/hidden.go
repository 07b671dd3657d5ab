package lang

import "strings"

// Some characters are not seen and change what is: they turn the direction of the text around
// them, join or part words without a trace, or are letters that no font shows. In a name of a
// person or a medicine they make one thing look like another (Trojan Source, CVE-2021-42574).
//
// A page shows them as what they are, "[U+202E]", wherever they come from; forms, and what is read of
// another clinic's document, leave them out. What scripts need is kept: the joiners of Arabic, Persian and
// Indian scripts, and the marks of direction (U+200C to U+200F), which turn nothing around.

// Hidden reports whether a character is one of them.
func Hidden(r rune) bool {
	switch {
	case Turns(r),
		r == 0x200b, r == 0x2060, r == 0xfeff, r == 0xad, // spaces without width, soft hyphen
		r >= 0x2061 && r <= 0x2064, r >= 0x206a && r <= 0x206f, // invisible operators
		r == 0x180e, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, // empty letters
		r >= 0xe0000 && r <= 0xe007f, r >= 0xfff9 && r <= 0xfffb: // tags, annotations
		return true
	}
	return false
}

// Turns reports whether a character turns the direction of the text around it: embeddings, overrides and isolates,
// for which pages have <bdi>.
func Turns(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// Unhidden leaves hidden characters out.
func Unhidden(s string) string {
	if !strings.ContainsFunc(s, Hidden) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if Hidden(r) {
			return -1
		}
		return r
	}, s)
}
