// Package lang is the catalogue of texts that people read, and the language, direction and
// formats in which one person reads them.
//
// The English text is the key: l.T("Take now") returns it in the person's language, or in
// English when the catalogue has none. Catalogues are JSON files beside this package's code
// (es.json, ar.json): one object from English to the language.
//
//	l := lang.For("es")
//	l.T("%d new results", 2)
//	l.Date("1968-03-14", lang.Long, zone) // "14 de marzo de 1968"
//
// Formats of numbers and dates follow the NHS Common User Interface rules; HTML and bidi
// isolates are door/ui's affair.
package lang

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// catalogues reads the embedded files once. The result is never changed.
var catalogues = sync.OnceValue(func() map[string]map[string]string {
	out := map[string]map[string]string{}
	names, _ := files.ReadDir(".")
	for _, f := range names {
		body, err := files.ReadFile(f.Name())
		texts := map[string]string{}
		if err == nil && json.Unmarshal(body, &texts) == nil {
			out[strings.TrimSuffix(f.Name(), ".json")] = texts
		}
	}
	return out
})

// Language is one person's language. The zero value is English.
type Language struct {
	tag   string
	texts map[string]string
}

// For returns the language for a BCP-47 tag such as "es" or "ar-EG"; unknown tags are
// English. "xx" is the pseudo-language of tests: every text comes back marked and longer.
func For(tag string) Language {
	tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
	if tag == pseudo {
		return Language{tag: tag}
	}
	if texts, ok := catalogues()[tag]; ok {
		return Language{tag: tag, texts: texts}
	}
	return Language{}
}

const pseudo = "xx"

// Tags returns the BCP-47 tags that have a catalogue, English first, with the name of each
// language in itself.
func Tags() []Named {
	return []Named{{"en", "English"}, {"es", "Español"}, {"ar", "العربية"}}
}

// Named is a language tag with the language's own name.
type Named struct{ Tag, Name string }

// Tag returns the BCP-47 tag, for the lang attribute.
func (l Language) Tag() string {
	if l.tag == "" {
		return "en"
	}
	return l.tag
}

// Direction returns "rtl" or "ltr", for the dir attribute.
func (l Language) Direction() string {
	switch l.tag {
	case "ar", "he", "fa", "ur":
		return "rtl"
	}
	return "ltr"
}

// T returns a text in the language, with args formatted into it as by fmt.Sprintf. The first int among
// args counts: where the language has forms of its own for 2, 3 or 11 of a thing, the catalogue holds
// them beside the text as "%d days|two", "|few" and "|many" (the names of CLDR).
func (l Language) T(english string, args ...any) string {
	text := english
	if form, ok := l.plural(english, args); ok {
		if !strings.Contains(form, "%") { // "two days" has no number in it
			return form
		}
		return fmt.Sprintf(form, args...)
	}
	if t, ok := l.texts[english]; ok && t != "" {
		text = t
	} else if told := missing.Load(); told != nil && l.texts != nil {
		(*told)(l.tag, english)
	}
	if l.tag == pseudo {
		text = "[" + text + strings.Repeat("~", len(text)*2/5) + "]"
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// forms are the plural forms by the names that CLDR gives them.
var forms = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many"}

// plural returns the form of a text that the language has for as many as args say.
func (l Language) plural(english string, args []any) (string, bool) {
	if l.texts == nil || len(args) == 0 || !strings.Contains(english, "%d") {
		return "", false
	}
	i := slices.IndexFunc(args, func(a any) bool { _, is := a.(int); return is })
	if i < 0 || args[i].(int) < 0 {
		return "", false
	}
	f := plural.Cardinal.MatchPlural(language.Make(l.tag), args[i].(int), 0, 0, 0, 0)
	text := l.texts[english+"|"+forms[f]]
	return text, text != ""
}

var missing atomic.Pointer[func(tag, english string)]

// Watch tells of every text that a catalogue lacks when somebody reads it, until stop is called: for
// tests that walk through pages.
func Watch(tell func(tag, english string)) (stop func()) {
	missing.Store(&tell)
	return func() { missing.Store(nil) }
}

// Has reports whether the catalogue holds the text in this language.
func (l Language) Has(english string) bool {
	if l.Tag() == "en" {
		return true
	}
	return l.texts[english] != ""
}
