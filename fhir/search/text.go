package search

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// nameParts and addressParts are the members of HumanName and Address that are searched,
// each as a string of its own.
var (
	nameParts    = [...]string{"family", "given", "prefix", "suffix", "text"}
	addressParts = [...]string{"line", "city", "district", "state", "postalCode", "country", "text"}
)

// extractString appends the strings of a value: FHIR R4, section 3.1.1.4.9.
func extractString(out []Entry, param string, v fhirpath.Value) []Entry {
	switch v.Type() {
	case "HumanName":
		return appendParts(out, param, v.Node(), nameParts[:])
	case "Address":
		return appendParts(out, param, v.Node(), addressParts[:])
	}
	return appendText(out, param, v.Text())
}

func appendParts(out []Entry, param string, n *fhir.Node, parts []string) []Entry {
	for _, part := range parts {
		x := n.Get(part)
		for i := range max(x.Len(), 1) {
			out = appendText(out, param, x.At(i).Text())
		}
	}
	return out
}

func appendText(out []Entry, param, s string) []Entry {
	if s == "" {
		return out
	}
	return append(out, Entry{Param: param, Kind: KindString, Norm: Normalize(s), Exact: s})
}

// parseText reads one value of a string parameter.
func parseText(param, modifier, value string) (Expr, error) {
	s := unescape(value)
	if modifier == "exact" {
		return Text{Param: param, Mode: Exact, Value: s}, nil
	}
	t := Text{Param: param, Value: Normalize(s)}
	if modifier == "contains" {
		t.Mode = Contains
	}
	if t.Value == "" {
		return nil, malformed(param, value, "has no letters or digits to look for")
	}
	return t, nil
}

func matchText(t *Text, e *Entry) bool {
	if e.Kind != KindString {
		return false
	}
	switch t.Mode {
	case Exact:
		return e.Exact == t.Value
	case Contains:
		return strings.Contains(e.Norm, t.Value)
	case EndsWith:
		return strings.HasSuffix(e.Norm, t.Value)
	case Equal:
		return e.Norm == t.Value
	case Unequal:
		return e.Norm != t.Value
	case Greater:
		return e.Norm > t.Value
	case GreaterEqual:
		return e.Norm >= t.Value
	case Less:
		return e.Norm < t.Value
	case LessEqual:
		return e.Norm <= t.Value
	}
	return strings.HasPrefix(e.Norm, t.Value)
}
