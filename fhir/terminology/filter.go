package terminology

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// filters compiles the filters of an include (value set filter-operator); a code is kept
// when all of them keep it.
func (w *work) filters(s *System, list *fhir.Node) (func(at int) bool, error) {
	var all []func(int) bool
	for f := range list.Items() {
		one, err := s.filter(f.Get("property").Text(), f.Get("op").Text(), f.Get("value").Text())
		if err != nil {
			return nil, err
		}
		if err := w.spend(len(s.Codes)); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return func(at int) bool {
		for _, f := range all {
			if !f(at) {
				return false
			}
		}
		return true
	}, nil
}

func (s *System) filter(property, op, value string) (func(at int) bool, error) {
	switch op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return s.byHierarchy(property, op, value)
	}
	values, err := s.values(property)
	if err != nil {
		return nil, err
	}
	some := func(match func(string) bool) func(int) bool {
		return func(at int) bool { return slices.ContainsFunc(values(at), match) }
	}
	switch op {
	case "=":
		return some(func(v string) bool { return v == value }), nil
	case "in", "not-in":
		list := strings.Split(value, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		in := some(func(v string) bool { return slices.Contains(list, v) })
		if op == "in" {
			return in, nil
		}
		return func(at int) bool { return !in(at) }, nil
	case "regex":
		if len(value) > maxRegex {
			return nil, fault.New(fault.TooCostly, "The pattern of a filter has more than %d bytes.", maxRegex)
		}
		pattern, err := regexp.Compile(`^(?:` + value + `)$`) // linear in the text, whatever the pattern
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "The pattern %q of a filter is not a regular expression that Osler knows.", clip(value))
		}
		return some(pattern.MatchString), nil
	case "exists":
		if value != "true" && value != "false" {
			return nil, fault.New(fault.Invalid, `The value of a filter with "exists" is true or false.`)
		}
		return func(at int) bool { return (len(values(at)) > 0) == (value == "true") }, nil
	}
	return nil, fault.New(fault.NotSupported, "Osler does not know the filter operator %q.", clip(op))
}

// byHierarchy makes the filters about what stands above and below a code.
func (s *System) byHierarchy(property, op, value string) (func(at int) bool, error) {
	if property != "concept" && property != "code" {
		return nil, fault.New(fault.NotSupported, "A filter with %s is about the property concept, not %q.", op, clip(property))
	}
	root, ok := s.Find(value)
	if !ok {
		return nil, fault.New(fault.Invalid, "A filter names the code %q, which the code system %s does not have.", clip(value), clip(s.URL))
	}
	if s.hierarchy { // without one, a code is a kind of itself only
		if err := s.subsumption(); err != nil {
			return nil, err
		}
	}
	way := s.below
	if op == "generalizes" {
		way = s.above
	}
	in := map[int]bool{}
	for _, at := range way(root) {
		in[at] = true
	}
	switch op {
	case "descendent-of":
		delete(in, root)
	case "is-not-a":
		return func(at int) bool { return !in[at] }, nil
	}
	return func(at int) bool { return in[at] }, nil
}

// values returns what reads a property of a code: one that every code system has, or one
// that this one declares or uses.
func (s *System) values(property string) (func(at int) []string, error) {
	text := func(get func(c *Code) string) func(int) []string {
		return func(at int) []string {
			if v := get(&s.Codes[at]); v != "" {
				return []string{v}
			}
			return nil
		}
	}
	codes := func(list []int) []string {
		out := make([]string, len(list))
		for i, at := range list {
			out[i] = s.Codes[at].Code
		}
		return out
	}
	switch s.role(property) {
	case "concept", "code":
		return text(func(c *Code) string { return c.Code }), nil
	case "display":
		return text(func(c *Code) string { return c.Display }), nil
	case "definition":
		if s.roles != nil { // the definitions keep none
			return text(func(c *Code) string { return c.Definition }), nil
		}
	case "parent":
		return func(at int) []string { return codes(s.Codes[at].Parents) }, nil
	case "child":
		return func(at int) []string { return codes(s.children()[at]) }, nil
	case "inactive":
		return text(func(c *Code) string { return strconv.FormatBool(c.Inactive) }), nil
	case "notSelectable", "abstract":
		return text(func(c *Code) string { return strconv.FormatBool(c.Abstract) }), nil
	case "status":
		return text(func(c *Code) string { return c.status }), nil
	}
	if !s.has(property) {
		return nil, fault.New(fault.NotSupported, "The code system %s has no property %q here to filter by.", clip(s.URL), clip(property))
	}
	return func(at int) []string {
		var out []string
		for p := range s.Codes[at].node.Get("property").Items() {
			if p.Get("code").Text() != property {
				continue
			}
			if v := propertyValue(p); v.Kind() == fhir.Object { // a Coding
				out = append(out, v.Get("code").Text())
			} else {
				out = append(out, v.Text())
			}
		}
		return out
	}, nil
}

// has reports whether a stored code system declares a property or uses it.
func (s *System) has(property string) bool {
	if s.declared[property] {
		return true
	}
	for i := range s.Codes {
		for p := range s.Codes[i].node.Get("property").Items() {
			if p.Get("code").Text() == property {
				return true
			}
		}
	}
	return false
}
