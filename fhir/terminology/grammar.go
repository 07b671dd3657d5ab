package terminology

import (
	"errors"
	"mime"
	"strings"

	"golang.org/x/text/language"

	"github.com/osler-emr/osler/fhir/ucum"
)

// grammars are the code systems whose codes cannot be listed, since a grammar makes them.
// What is well formed is a code of them; they have no displays here and no expansion.
var grammars = map[string]struct {
	name string
	ok   func(code string) bool
}{
	ucum.System:       {"UCUM", func(code string) bool { _, err := ucum.Parse(code); return err == nil }},
	"urn:ietf:bcp:47": {"BCP 47: languages", spoken},
	"urn:ietf:bcp:13": {"BCP 13: media types", media},
}

// spoken reports whether a code is a well-formed language tag whose parts are registered.
func spoken(code string) bool {
	if len(code) > 100 || strings.ContainsRune(code, '_') {
		return false
	}
	_, err := language.Parse(code)
	var unknown language.ValueError
	return err == nil && !errors.As(err, &unknown)
}

func media(code string) bool {
	kind, _, err := mime.ParseMediaType(code)
	main, sub, ok := strings.Cut(kind, "/")
	return err == nil && ok && main != "" && sub != "" && !strings.ContainsAny(sub, "/*") && main != "*"
}

// grammatical returns a System with a grammar instead of codes, or nil.
func grammatical(url string) *System {
	g, ok := grammars[url]
	if !ok {
		return nil
	}
	s := &System{URL: url, Name: g.name, Content: "grammar"}
	s.prepare()
	return s
}

// look finds a code. known is false when the code may exist though it is not here.
func (s *System) look(code string) (e Entry, found, known bool) {
	if g, ok := grammars[s.URL]; ok && s.Content == "grammar" {
		return Entry{System: s.URL, Code: code}, g.ok(code), true
	}
	at, ok := s.Find(code)
	if !ok {
		return Entry{}, false, s.Complete()
	}
	return s.entry(at), true, true
}

// byGrammar tells whether a code is in a value set of the definitions that needs nothing
// but whole code systems with a grammar.
func byGrammar(missing []string, system, code string) (e Entry, in, known bool) {
	for _, url := range missing {
		s := grammatical(url)
		if s == nil {
			return Entry{}, false, false
		}
		if system != "" && system != url {
			continue
		}
		if e, found, _ := s.look(code); found {
			return e, true, true
		}
	}
	return Entry{}, false, true
}
