// Package lang is the catalogue of texts that people read, and the language, direction and
// formats in which one person reads them.
//
// The English text is the key: l.T("Take now") returns it in the person's language, or in
// English when the catalogue has none. Catalogues are JSON files beside this one.
package lang

import "fmt"

// Language is one person's language. The zero value is English.
type Language struct{ tag string }

// For returns the language for a BCP-47 tag such as "es" or "ar-EG"; unknown tags are
// English.
func For(tag string) Language { return Language{tag} }

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

// T returns a text in the language, with args formatted into it as by fmt.Sprintf.
func (l Language) T(english string, args ...any) string {
	if len(args) == 0 {
		return english
	}
	return fmt.Sprintf(english, args...)
}
