package patch

import (
	stdxml "encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// selector is the path of an XML Patch: of XPath what RFC 5261 needs to name one node.
type selector struct {
	steps []step
	attr  string // the attribute at the end, "" for none
	text  int    // the position of the text node at the end, 0 for none
}

type step struct {
	name  stdxml.Name // Local "*" is any element
	tests []test
}

// test is one predicate: a position, or the equality of what a path of child elements and
// an attribute at its end lead to.
type test struct {
	position int
	path     []stdxml.Name
	attr     string
	value    string
}

var (
	nameToken = regexp.MustCompile(`^(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*|\*)`)
	textToken = regexp.MustCompile(`^text\(\)(?:\[(\d{1,6})\])?$`)
)

const maxSelector = 2000

// readSelector reads a path; namespace gives the namespace of a prefix.
func readSelector(text string, namespace func(prefix string) (string, bool)) (s selector, err error) {
	bad := fault.New(fault.Malformed, "the sel is no path such as f:Patient/f:name[1]/@id; of XPath there are names, positions, comparisons with =, attributes and text()")
	if len(text) > maxSelector || strings.Contains(text, "//") {
		return s, bad
	}
	r := selectorReader{rest: strings.TrimPrefix(strings.TrimSpace(text), "/"), namespace: namespace}
	for {
		if m := textToken.FindStringSubmatch(r.rest); m != nil {
			if s.text = 1; m[1] != "" {
				s.text, _ = strconv.Atoi(m[1])
			}
			if s.text == 0 || len(s.steps) == 0 {
				return s, bad
			}
			return s, nil
		}
		if r.cut("@") {
			name, ok := r.name()
			if !ok || r.rest != "" || len(s.steps) == 0 {
				return s, bad
			}
			s.attr = name.Local
			return s, nil
		}
		name, ok := r.name()
		if !ok {
			return s, bad
		}
		st := step{name: name}
		for r.cut("[") {
			t, ok := r.test()
			if !ok {
				return s, bad
			}
			st.tests = append(st.tests, t)
		}
		s.steps = append(s.steps, st)
		if r.rest == "" {
			return s, nil
		}
		if !r.cut("/") {
			return s, bad
		}
	}
}

type selectorReader struct {
	rest      string
	namespace func(string) (string, bool)
}

func (r *selectorReader) cut(prefix string) bool {
	rest, ok := strings.CutPrefix(r.rest, prefix)
	r.rest = rest
	return ok
}

func (r *selectorReader) name() (stdxml.Name, bool) {
	m := nameToken.FindStringSubmatch(r.rest)
	if m == nil {
		return stdxml.Name{}, false
	}
	r.rest = r.rest[len(m[0]):]
	space, ok := r.namespace(m[1])
	return stdxml.Name{Space: space, Local: m[2]}, ok
}

// test reads a predicate behind its bracket.
func (r *selectorReader) test() (t test, ok bool) {
	inner, quote := "", byte(0)
	for i := 0; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ']':
			inner, r.rest, ok = strings.TrimSpace(r.rest[:i]), r.rest[i+1:], true
		}
		if ok {
			break
		}
	}
	if !ok {
		return t, false
	}
	if n, err := strconv.Atoi(inner); err == nil {
		return test{position: n}, n > 0
	}
	in := selectorReader{rest: inner, namespace: r.namespace}
	for !strings.HasPrefix(strings.TrimSpace(in.rest), "=") {
		if in.cut("@") {
			name, ok := in.name()
			if !ok {
				return t, false
			}
			t.attr = name.Local
			continue
		}
		if in.cut(".") && len(t.path) == 0 {
			continue
		}
		name, ok := in.name()
		if !ok || t.attr != "" {
			return t, false
		}
		t.path = append(t.path, name)
		in.cut("/")
	}
	value := strings.TrimSpace(strings.TrimSpace(in.rest)[1:])
	if len(value) < 2 || value[0] != '\'' && value[0] != '"' || value[len(value)-1] != value[0] {
		return t, false
	}
	t.value = value[1 : len(value)-1]
	return t, true
}

func (t test) holds(n *node) bool {
	if len(t.path) == 0 {
		if t.attr == "" {
			return n.content() == t.value
		}
		v, ok := n.attr(t.attr)
		return ok && v == t.value
	}
	rest := test{path: t.path[1:], attr: t.attr, value: t.value}
	return slices.ContainsFunc(n.kids, func(k *node) bool { return k.is(t.path[0]) && rest.holds(k) })
}

func (n *node) is(name stdxml.Name) bool {
	return !n.isText() && (name.Local == "*" || n.name == name)
}

// found is a node with its parent, nil for the root.
type found struct{ node, parent *node }

// find returns what a selector selects in a document.
func (s selector) find(root *node) []found {
	at := []found{{&node{kids: []*node{root}}, nil}}
	for _, st := range s.steps {
		var next []found
		for _, f := range at {
			var some []found
			for _, k := range f.node.kids {
				if k.is(st.name) {
					some = append(some, found{k, f.node})
				}
			}
			for _, t := range st.tests {
				if t.position > 0 {
					if t.position > len(some) {
						some = nil
					} else {
						some = some[t.position-1 : t.position]
					}
					continue
				}
				some = slices.DeleteFunc(some, func(f found) bool { return !t.holds(f.node) })
			}
			next = append(next, some...)
		}
		at = next
	}
	if len(s.steps) == 1 {
		for i := range at {
			at[i].parent = nil
		}
	}
	return at
}
