package search

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
)

// Limits of one _filter.
const (
	maxFilter      = 16 << 10 // bytes
	maxFilterTests = 100
	maxFilterDepth = 16 // parentheses and brackets within each other
)

// filter reads _filter (FHIR R4, section 3.1.3):
//
//	filter    = paramExp / logExp / ("not") "(" filter ")"
//	logExp    = filter ("and" / "or" filter)+
//	paramExp  = paramPath SP compareOp SP compValue
//	paramPath = paramName (("[" filter "]") "." paramPath)
//
// "and" and "or" have the same precedence, from left to right. A filter in brackets and the
// path behind it are about the same resource: general-practitioner[name co joe].address-state.
// A name may carry the type that it leads to, as in chains: subject:Patient.name. What the
// operators mean for each kind of parameter is in filter_test.go; what the specification
// leaves empty in its table is refused.
func (r *reader) filter(resourceType, text string) (Expr, error) {
	if len(text) > maxFilter {
		return nil, fault.New(fault.Malformed, "The _filter is longer than %d bytes.", maxFilter)
	}
	f := &filterReader{reader: r, rest: text, whole: text}
	x, err := f.filter(resourceType, 0)
	if err == nil {
		if f.space(); f.rest != "" {
			err = f.wrong("has something behind its end")
		}
	}
	var u *unknownParameter
	if errors.As(err, &u) { // a condition that cannot be read is never left out of a filter
		err = fault.New(fault.Malformed, "The _filter cannot be used: %s", u.reason)
	}
	return x, err
}

type filterReader struct {
	*reader
	rest, whole string
	tests       int
}

func (f *filterReader) wrong(why string) error {
	return fault.New(fault.Malformed, "The _filter %s, at character %d.", why, utf8.RuneCountInString(f.whole[:len(f.whole)-len(f.rest)])+1)
}

// space skips white space and reports whether there was some.
func (f *filterReader) space() bool {
	trimmed := strings.TrimLeftFunc(f.rest, unicode.IsSpace)
	was := len(trimmed) < len(f.rest)
	f.rest = trimmed
	return was
}

// take takes a character off, behind white space.
func (f *filterReader) take(c byte) bool {
	f.space()
	if f.rest == "" || f.rest[0] != c {
		return false
	}
	f.rest = f.rest[1:]
	return true
}

// word takes off a word of letters, behind white space, when it is the one given.
func (f *filterReader) word(w string) bool {
	f.space()
	if !strings.HasPrefix(f.rest, w) || len(f.rest) > len(w) && nameChar(f.rest[len(w)]) {
		return false
	}
	f.rest = f.rest[len(w):]
	return true
}

func nameChar(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// filter reads terms with "and" and "or" between them, up to a bracket or the end.
func (f *filterReader) filter(resourceType string, depth int) (Expr, error) {
	if depth > maxFilterDepth {
		return nil, fault.New(fault.Malformed, "The _filter has more than %d brackets within each other.", maxFilterDepth)
	}
	left, err := f.term(resourceType, depth)
	if err != nil {
		return nil, err
	}
	for {
		and := f.word("and")
		if !and && !f.word("or") {
			return left, nil
		}
		right, err := f.term(resourceType, depth)
		if err != nil {
			return nil, err
		}
		left = joined(and, left, right)
	}
}

// joined joins two conditions; those of the same kind lie flat, so that a long filter is no
// deep tree.
func joined(and bool, left, right Expr) Expr {
	if and {
		list, ok := left.(And)
		if !ok {
			list = And{left}
		}
		return append(list[:len(list):len(list)], right)
	}
	list, ok := left.(Or)
	if !ok {
		list = Or{left}
	}
	return append(list[:len(list):len(list)], right)
}

func (f *filterReader) term(resourceType string, depth int) (Expr, error) {
	negated := false
	if before := f.rest; f.word("not") {
		if f.space(); strings.HasPrefix(f.rest, "(") {
			negated = true
		} else {
			f.rest = before
			return nil, f.wrong("has a not without parentheses")
		}
	}
	if !f.take('(') {
		return f.test(resourceType, depth)
	}
	x, err := f.filter(resourceType, depth+1)
	if err != nil {
		return nil, err
	}
	if !f.take(')') {
		return nil, f.wrong("lacks a )")
	}
	if negated {
		return Not{X: x}, nil
	}
	return And{x}, nil // a unit of its own: what follows does not become a part of it
}

// test reads path, operator and value.
func (f *filterReader) test(resourceType string, depth int) (Expr, error) {
	if f.tests++; f.tests > maxFilterTests {
		return nil, fault.New(fault.Malformed, "The _filter has more than %d tests.", maxFilterTests)
	}
	path, err := f.path()
	if err != nil {
		return nil, err
	}
	if !f.space() {
		return nil, f.wrong("lacks a space and an operator")
	}
	op := f.name()
	if !f.space() {
		return nil, f.wrong("lacks a space and a value behind its operator")
	}
	value, err := f.value()
	if err != nil {
		return nil, err
	}
	return f.along(resourceType, path, depth, func(t, name string) (Expr, error) { return f.compare(t, name, op, value) })
}

// link is one name of a path; filter is the text between its brackets.
type link struct{ name, target, filter string }

// path reads names with dots between them. What stands between brackets is read later, when
// it is known of which type it speaks.
func (f *filterReader) path() ([]link, error) {
	var list []link
	for f.space(); ; {
		l := link{name: f.name()}
		if l.name == "" {
			return nil, f.wrong("lacks a parameter name")
		}
		if strings.HasPrefix(f.rest, ":") {
			f.rest = f.rest[1:]
			if l.target = f.name(); l.target == "" {
				return nil, f.wrong("lacks a type behind :")
			}
		}
		if strings.HasPrefix(f.rest, "[") {
			end := closing(f.rest)
			if end < 0 {
				return nil, f.wrong("lacks a ]")
			}
			l.filter, f.rest = f.rest[1:end], f.rest[end+1:]
			if !strings.HasPrefix(f.rest, ".") {
				return nil, f.wrong("has a filter in brackets without a name behind it")
			}
		}
		list = append(list, l)
		if len(list) > maxChain+1 {
			return nil, fault.New(fault.Malformed, "A path of the _filter has more than %d links.", maxChain)
		}
		if !strings.HasPrefix(f.rest, ".") {
			return list, nil
		}
		f.rest = f.rest[1:]
	}
}

func (f *filterReader) name() string {
	n := 0
	for n < len(f.rest) && nameChar(f.rest[n]) {
		n++
	}
	name := f.rest[:n]
	f.rest = f.rest[n:]
	return name
}

// closing returns the place of the ] that closes the [ at the beginning; -1 when there is
// none. Brackets in strings do not count.
func closing(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// value reads a JSON string or everything up to a space, ) or ].
func (f *filterReader) value() (string, error) {
	if strings.HasPrefix(f.rest, `"`) {
		d := json.NewDecoder(strings.NewReader(f.rest))
		var s string
		if err := d.Decode(&s); err != nil {
			return "", f.wrong("has a string that cannot be read")
		}
		f.rest = f.rest[d.InputOffset():]
		return s, nil
	}
	end := strings.IndexFunc(f.rest, func(c rune) bool { return c == ')' || c == ']' || unicode.IsSpace(c) })
	if end < 0 {
		end = len(f.rest)
	}
	v := f.rest[:end]
	f.rest = f.rest[end:]
	if v == "" {
		return "", f.wrong("lacks a value")
	}
	return v, nil
}

// along follows a path to its last name, where end gives the condition.
func (f *filterReader) along(resourceType string, path []link, depth int, end func(resourceType, name string) (Expr, error)) (Expr, error) {
	l := path[0]
	if len(path) == 1 {
		if l.target != "" {
			return nil, fault.New(fault.Malformed, "The _filter names a type behind %q, which is not followed.", l.name)
		}
		return end(resourceType, l.name)
	}
	targets, err := f.targets(resourceType, l)
	if err != nil {
		return nil, err
	}
	var or Or
	var reason error = ignore("It does not say to which type " + l.name + " leads, as in " + l.name + ":Patient.")
	for _, t := range targets {
		if !definition.IsResource(t) {
			continue
		}
		if err := f.link("_filter"); err != nil {
			return nil, err
		}
		x, err := f.behind(t, l, path[1:], depth, end)
		var u *unknownParameter
		if errors.As(err, &u) {
			reason = err
			continue
		}
		if err != nil {
			return nil, err
		}
		or = append(or, Chain{Param: l.name, Target: t, X: x})
	}
	if len(or) == 0 {
		return nil, reason
	}
	return either(or), nil
}

// behind reads the filter of a link and the rest of its path for one type.
func (f *filterReader) behind(resourceType string, l link, rest []link, depth int, end func(resourceType, name string) (Expr, error)) (Expr, error) {
	x, err := f.along(resourceType, rest, depth, end)
	if err != nil || l.filter == "" {
		return x, err
	}
	inner := &filterReader{reader: f.reader, rest: l.filter, whole: l.filter, tests: f.tests}
	condition, err := inner.filter(resourceType, depth+1)
	f.tests = inner.tests
	if err != nil {
		return nil, err
	}
	if inner.space(); inner.rest != "" {
		return nil, inner.wrong("has something behind the end of the filter in brackets")
	}
	return And{condition, x}, nil
}

// targets returns the types that a reference of a path may lead to.
func (f *filterReader) targets(resourceType string, l link) ([]string, error) {
	p, err := f.parameter(resourceType, l.name)
	switch {
	case err != nil:
		return nil, err
	case p.kind != KindReference:
		return nil, fault.New(fault.Malformed, "The _filter cannot follow %q, which is not a reference.", l.name)
	case l.target != "" && (!definition.IsResource(l.target) || !p.mayTarget(l.target)):
		return nil, fault.New(fault.Malformed, "The _filter cannot follow %q to %q.", l.name, l.target)
	case l.target != "":
		return []string{l.target}, nil
	case l.name == "patient":
		return []string{"Patient"}, nil
	}
	return p.targets, nil
}
