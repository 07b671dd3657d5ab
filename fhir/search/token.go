package search

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// phoneDigits returns the digits of a phone number: numbers are written in many ways, so
// that they are found by their digits too.
func phoneDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// extractToken appends the tokens of a value: FHIR R4, section 3.1.1.4.10. A code that is
// bound to a value set gets the system that the binding implies. The system of a
// ContactPoint is its own ("phone", "email").
func extractToken(out []Entry, param string, v fhirpath.Value) []Entry {
	n := v.Node()
	switch v.Type() {
	case "Coding":
		return appendCoding(out, param, n)
	case "CodeableConcept":
		for c := range n.Get("coding").Items() {
			out = appendCoding(out, param, c)
		}
		if t := Normalize(n.Get("text").Text()); t != "" {
			out = append(out, Entry{Param: param, Kind: KindToken, Display: t})
		}
		return out
	case "Identifier":
		return appendIdentifier(out, param, n)
	case "ContactPoint":
		if value := n.Get("value").Text(); value != "" {
			system := n.Get("system").Text()
			out = append(out, Entry{Param: param, Kind: KindToken, System: system, Code: value})
			if d := phoneDigits(value); d != "" && d != value && (system == "phone" || system == "sms" || system == "fax") {
				out = append(out, Entry{Param: param, Kind: KindToken, System: system, Code: d})
			}
		}
		return out
	}
	code := v.Text()
	if code == "" {
		return out
	}
	system := ""
	if b := v.Binding(); b != "" {
		system = definition.SystemOf(b, code)
	}
	return append(out, Entry{Param: param, Kind: KindToken, System: system, Code: code})
}

func appendCoding(out []Entry, param string, c *fhir.Node) []Entry {
	e := Entry{Param: param, Kind: KindToken, System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: Normalize(c.Get("display").Text())}
	if e.Code == "" {
		if e.Display == "" {
			return out
		}
		e.System = "" // a display alone answers :text, nothing else
	}
	return append(out, e)
}

func appendIdentifier(out []Entry, param string, n *fhir.Node) []Entry {
	value := n.Get("value").Text()
	if value == "" {
		return out
	}
	kind := n.Get("type")
	e := Entry{Param: param, Kind: KindToken, System: Spelled(n.Get("system").Text()), Code: value, Identifier: true, Display: Normalize(kind.Get("text").Text())}
	typed, hidden := false, !NationalSystem(e.System) && National(n) // by one of its types: under the others it would look like any number
	for c := range kind.Get("coding").Items() {
		if code := c.Get("code").Text(); code != "" && (!hidden || NationalType(code)) {
			e.TypeSystem, e.TypeCode = c.Get("system").Text(), code
			if d := Normalize(c.Get("display").Text()); e.Display == "" {
				e.Display = d
			}
			out, typed = append(out, e), true
		}
	}
	if !typed {
		out = append(out, e)
	}
	return out
}

// parseToken reads one value of a token parameter: code, system|code, |code, system|.
func parseToken(param, modifier, value string) (Expr, error) {
	parts := splitEscaped(value, '|')
	switch modifier {
	case "text":
		t := Normalize(unescape(value))
		if t == "" {
			return nil, malformed(param, value, "has no letters or digits to look for")
		}
		return Token{Param: param, Text: true, Code: t}, nil
	case "of-type":
		if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
			return nil, malformed(param, value, "must be system|code|value with :of-type")
		}
		return Token{Param: param, OfType: true, System: unescape(parts[0]), HasSystem: parts[0] != "", Code: unescape(parts[1]), Value: unescape(parts[2])}, nil
	}
	switch {
	case len(parts) == 1:
		return Token{Param: param, Code: unescape(value)}, nil
	case len(parts) != 2 || parts[0] == "" && parts[1] == "":
		return nil, malformed(param, value, "must be code, system|code, |code or system|")
	case parts[1] == "":
		return Token{Param: param, System: Spelled(unescape(parts[0])), HasSystem: true, AnyCode: true}, nil
	}
	return Token{Param: param, System: Spelled(unescape(parts[0])), HasSystem: true, Code: unescape(parts[1])}, nil
}

// matchToken compares a token with one entry. Codes are compared exactly, with case.
func matchToken(t *Token, e *Entry) bool {
	switch {
	case e.Kind != KindToken:
		return false
	case t.Text:
		return e.Display != "" && strings.HasPrefix(e.Display, t.Code)
	case t.Begins && !e.Identifier, t.Open && e.Identifier && (NationalSystem(e.System) || NationalType(e.TypeCode)):
		return false
	case t.OfType:
		return e.Identifier && t.fits(e.TypeCode, t.Code) && e.Code == t.Value && (!t.HasSystem || e.TypeSystem == t.System)
	case e.Code == "":
		return false
	case t.Other:
		return t.HasSystem && e.System != t.System || !t.AnyCode && e.Code != t.Code
	case t.HasSystem && !t.fits(e.System, t.System):
		return false
	}
	return t.AnyCode || e.Code == t.Code
}

func (t *Token) fits(stored, asked string) bool {
	return stored == asked || t.Begins && strings.HasPrefix(stored, asked)
}

func malformed(param, value, why string) error {
	return fault.New(fault.Malformed, "The search parameter %q has the value %q, which %s.", param, value, why)
}
