package lang

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a sentence with what is put into it: made where something is known, and written out where
// somebody reads it. An argument that is a Text itself is in the reader's language too; all else (a
// name, a medicine, a date) stays as it is.
//
//	t := lang.Say("%s raises the level of %s.", "clarithromycin", "simvastatin")
//	t.String()             // "clarithromycin raises the level of simvastatin."
//	lang.For("es").Say(t)  // "clarithromycin eleva el nivel de simvastatin."
type Text struct {
	Words string
	Args  []any
}

// Say makes a Text.
func Say(words string, args ...any) Text { return Text{words, args} }

// String is the text in English.
func (t Text) String() string { return Language{}.Say(t) }

// Say writes a text in the language, or all of it in English when the catalogue lacks a part: half a
// warning in one language and half in another is read wrong.
func (l Language) Say(t Text) string {
	if !l.holds(t) {
		l = Language{}
	}
	return l.fill(t, "", "")
}

// Part is a piece of a Text: of the sentence, or of what was put into it.
type Part struct {
	Text string
	Put  bool
}

// Parts writes a text in pieces, so that a page can isolate what was put into it: a Latin name in an
// Arabic sentence. in is the language that it is written in; with sentence it starts with a capital.
func (l Language) Parts(t Text, sentence bool) (parts []Part, in Language) {
	if in = l; !l.holds(t) {
		in = Language{}
	}
	for piece := range strings.SplitSeq(in.fill(t, open, shut), open) {
		before, after, put := strings.Cut(piece, shut)
		for _, p := range []Part{{before, put}, {after, false}} {
			if p.Text != "" {
				parts = append(parts, p)
			}
		}
	}
	if sentence && len(parts) > 0 {
		parts[0].Text = Capital(parts[0].Text)
	}
	return parts, in
}

// Capital starts a sentence with a capital letter; "eGFR" has its own.
func Capital(s string) string {
	c, size := utf8.DecodeRuneInString(s)
	if size == 0 || c == utf8.RuneError {
		return s
	}
	if next, _ := utf8.DecodeRuneInString(s[size:]); unicode.IsUpper(next) {
		return s
	}
	return string(unicode.ToUpper(c)) + s[size:]
}

// open and shut stand around what was put into a text, until it is cut into parts.
const open, shut = "\x02", "\x03"

// fill puts the arguments into a text, between marks.
func (l Language) fill(t Text, open, shut string) string {
	if len(t.Args) == 0 {
		return l.T(t.Words)
	}
	args := make([]any, len(t.Args))
	for i, a := range t.Args {
		switch a := a.(type) {
		case Text:
			args[i] = l.fill(a, open, shut)
		case int: // counts
			args[i] = a
		case string:
			args[i] = open + a + shut
		default:
			args[i] = open + fmt.Sprint(a) + shut
		}
	}
	return l.T(t.Words, args...)
}

// holds reports whether the language has all of a text.
func (l Language) holds(t Text) bool {
	if l.texts == nil || t.Words == "" {
		return true
	}
	whole := l.Has(t.Words)
	if told := missing.Load(); told != nil && !whole {
		(*told)(l.tag, t.Words)
	}
	for _, a := range t.Args {
		if inner, ok := a.(Text); ok {
			whole = l.holds(inner) && whole
		}
	}
	return whole
}
