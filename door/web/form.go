package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
)

// secrets are the fields of passwords.
var secrets = []string{"password", "again", "present", provePassword}

// readForm reads a form once, and cleans what was typed. A form that is too large is told as
// that; one that cannot be read is left to the handler, which misses its fields.
func readForm(r *http.Request) error {
	var large *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &large) {
		return large
	}
	for _, values := range []url.Values{r.Form, r.PostForm} {
		for name, list := range values {
			for i := range list {
				list[i] = clean(list[i])
				// Every field that wants a number understands the digits of the keyboard; a password
				// and a text with words in it stay as they were typed.
				if lang.Numeric(list[i]) && !slices.Contains(secrets, name) {
					list[i] = lang.Digits(list[i])
				}
			}
		}
	}
	return nil
}

// clean takes out of a text what the record refuses and nobody sees: control characters, hidden
// ones (see lang.Hidden) and broken UTF-8, which come along when text is pasted from word processors and terminals.
// Their line and page breaks become a space; tabs and line ends stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\v' || r == '\f':
			return ' '
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', lang.Hidden(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
