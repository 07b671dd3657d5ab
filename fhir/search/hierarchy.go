package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
)

// inValueSet reads the value of :in and :not-in, the URL of a value set (FHIR R4, section
// 3.1.1.4.10).
func (r *reader) inValueSet(param, url string) (Expr, error) {
	if r.ValueSet == nil {
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", param, ":in")
	}
	codes, err := r.ValueSet(url)
	if err != nil {
		return nil, err
	}
	return coded(param, url, codes)
}

func coded(param, what string, codes []Coding) (Expr, error) {
	if len(codes) > MaxCodes {
		return nil, fault.New(fault.TooCostly, "The search parameter %q asks for %d codes of %q; the limit is %d.", param, len(codes), what, MaxCodes)
	}
	return Coded{Param: param, Codes: SortCodings(codes)}, nil
}

// SortCodings returns the codings ordered by system, then code, each once.
func SortCodings(codes []Coding) []Coding {
	out := slices.SortedFunc(slices.Values(codes), compareCodings)
	return slices.Compact(out)
}

func compareCodings(a, b Coding) int {
	return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code))
}

// hierarchy reads system|code of :below and :above on a token.
func (r *reader) hierarchy(param, modifier, value string) (Expr, error) {
	ask := r.Below
	if modifier == "above" {
		ask = r.Above
	}
	if ask == nil {
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", param, ":"+modifier)
	}
	parts := splitEscaped(value, '|')
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return nil, malformed(param, value, "must be system|code with :"+modifier)
	}
	system := unescape(parts[0])
	list, err := ask(system, unescape(parts[1]))
	if err != nil {
		return nil, err
	}
	codes := make([]Coding, len(list))
	for i, code := range list {
		codes[i] = Coding{system, code}
	}
	return coded(param, value, codes)
}

func matchCoded(c *Coded, e *Entry) bool {
	if e.Kind != KindToken || e.Code == "" {
		return false
	}
	_, found := slices.BinarySearchFunc(c.Codes, Coding{e.System, e.Code}, compareCodings)
	return found
}

// lineage reads the value of :below and :above on a reference (section 3.1.1.4.14). On a
// canonical :below is about versions (section 3.1.1.4.13): http://a|1 is 1, 1.0, 1.2.3.
func (r *reader) lineage(p *parameter, modifier, value string) (Expr, error) {
	x, err := parseReference(p, p.code, "", value)
	if err != nil {
		return nil, err
	}
	ref := x.(Reference)
	if ref.URL != "" {
		if modifier == "above" {
			return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier :above for a URL.", p.code)
		}
		if !strings.Contains(ref.URL, "|") {
			return ref, nil // what names no version is found by every one
		}
		older := ref
		older.URL, older.Prefix = ref.URL+".", true
		return Or{ref, older}, nil
	}
	var types []string
	for _, t := range p.targets {
		if (ref.Type == "" || ref.Type == t) && upward(t) != "" {
			types = append(types, t)
		}
	}
	switch {
	case len(types) == 0:
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here: what it refers to has no hierarchy.", p.code, ":"+modifier)
	case len(types) > 1:
		return nil, malformed(p.code, value, "must name the type with :"+modifier+", as in "+types[0]+"/1")
	}
	return Lineage{Param: p.code, Type: types[0], ID: ref.ID, By: upward(types[0]), Above: modifier == "above"}, nil
}

// upward returns the parameter through which resources of a type refer to the one of their
// own type that they are a part of; "" when there is none.
func upward(resourceType string) string {
	if !definition.IsResource(resourceType) {
		return ""
	}
	for _, code := range [...]string{"partof", "part-of"} {
		if p := parametersOf(resourceType).byCode[code]; p != nil && p.kind == KindReference && slices.Contains(p.targets, resourceType) {
			return code
		}
	}
	return ""
}

// matchLineage walks up from the referenced resource to the one asked for, or the other way
// round.
func matchLineage(l *Lineage, s Subject, entries []Entry) bool {
	for i := range entries {
		e := &entries[i]
		if e.Param != l.Param || e.Kind != KindReference || e.RefType != l.Type || e.RefID == "" {
			continue
		}
		low, high := e.RefID, l.ID
		if l.Above {
			low, high = high, low
		}
		if s.reaches(l, low, high, map[string]bool{}) {
			return true
		}
	}
	return false
}

func (s Subject) reaches(l *Lineage, low, high string, seen map[string]bool) bool {
	if low == high {
		return true
	}
	if s.Target == nil || seen[low] {
		return false
	}
	seen[low] = true
	target, entries, ok := s.Target(l.Type, low)
	if !ok {
		return false
	}
	for i := range entries {
		e := &entries[i]
		if e.Kind == KindReference && e.Param == l.By && e.RefType == l.Type && e.RefID != "" && target.reaches(l, e.RefID, high, seen) {
			return true
		}
	}
	return false
}
