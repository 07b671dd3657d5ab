package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalize returns the form in which strings are searched: compatibility decomposed,
// without diacritics and characters that are not seen, lower case, apostrophes left out, other punctuation and white space
// as one space between words. "  Müller-O’Brien " becomes "muller obrien".
func Normalize(s string) string {
	if plain(s) {
		return s
	}
	if !ascii(s) {
		s = norm.NFKD.String(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		switch {
		case r == '\'' || r == '’' || r == 'ʼ' || r == '`' || r == 'ـ' || unicode.In(r, unicode.Mn, unicode.Cf), r == 0x115f, r == 0x1160:
			continue // marks, and what nobody sees: directions, joiners, empty letters
		case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsPunct(r):
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// plain reports a single word of lower case letters and digits, which is normal already.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
