package validate

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/profile"
)

// sliced assigns each value to the slice that it belongs to, counts and checks it there
// (R4 profiling.html#slicing).
func (c *checker) sliced(values []item, e *profile.Element, p *profile.Profile) {
	if e.Slicing == nil || len(e.Slicing.Discriminators) == 0 {
		c.slicesUndecided(e, p)
		return
	}
	belongs := make([]int, len(values)) // index of the slice, -1
	for i, v := range values {
		belongs[i] = c.sliceOf(v, e.Slices, e.Slicing, p)
	}
	for j, s := range e.Slices {
		main, _, re := strings.Cut(s.Slice, "/")
		n := 0
		for i, v := range values {
			in := belongs[i] == j
			if re && belongs[i] >= 0 && e.Slices[belongs[i]].Slice == main {
				in = c.inSlice(v, s, resliced(e.Slices[belongs[i]], e), p)
			}
			if !in {
				continue
			}
			n++
			c.push(v.name, v.index)
			c.conform(v, s, p)
			c.pop()
		}
		c.sliceCount(n, e, s, p)
	}
	c.sliceOrder(values, belongs, e, p)
}

// resliced is how a slice is sliced again.
func resliced(s, e *profile.Element) *profile.Slicing {
	if s.Slicing != nil {
		return s.Slicing
	}
	return e.Slicing
}

func (c *checker) sliceCount(n int, e, s *profile.Element, p *profile.Profile) {
	switch {
	case n < s.Min:
		c.failAt(e.Name, "required", quote(e.Name)+" needs at least "+decimal(s.Min)+" of the kind "+quote(s.Slice)+" in the profile "+label(p)+", there are "+decimal(n)+".")
	case s.Max >= 0 && n > s.Max:
		c.failAt(e.Name, "structure", quote(e.Name)+" has "+decimal(n)+" of the kind "+quote(s.Slice)+"; the profile "+label(p)+" allows "+decimal(s.Max)+".")
	}
}

// sliceOrder checks closed slicing, slicing that is open at its end, and ordered slices.
func (c *checker) sliceOrder(values []item, belongs []int, e *profile.Element, p *profile.Profile) {
	last, foreign := -1, false
	for i, v := range values {
		c.push(v.name, v.index)
		switch j := belongs[i]; {
		case j < 0 && e.Slicing.Rules == "closed":
			c.fail("structure", "The value is of none of the kinds that the profile "+label(p)+" allows here.")
		case j < 0:
			foreign = true
		case foreign && e.Slicing.Rules == "openAtEnd":
			c.fail("structure", "Values of other kinds must stand behind those that the profile "+label(p)+" names.")
		case e.Slicing.Ordered && j < last:
			c.fail("structure", "The values are not in the order of the profile "+label(p)+".")
		default:
			last = max(last, j)
		}
		c.pop()
	}
}

func (c *checker) slicesUndecided(e *profile.Element, p *profile.Profile) {
	if slices.ContainsFunc(e.Slices, func(s *profile.Element) bool { return s.Min > 0 }) {
		c.under(func() {
			c.add("information", "informational", "The profile "+label(p)+" does not say how its kinds of "+quote(e.Name)+" are told apart, so they were not checked.")
		}, e.Name)
	}
}

// sliceOf returns the index of the first slice that a value belongs to, or -1.
func (c *checker) sliceOf(v item, list []*profile.Element, by *profile.Slicing, p *profile.Profile) int {
	for j, s := range list {
		if !strings.Contains(s.Slice, "/") && c.inSlice(v, s, by, p) {
			return j
		}
	}
	return -1
}

// inSlice reports whether all discriminators say that a value belongs to a slice.
func (c *checker) inSlice(v item, s *profile.Element, by *profile.Slicing, p *profile.Profile) bool {
	for _, d := range by.Discriminators {
		if !c.discriminate(v, s, d, p) {
			return false
		}
	}
	return true
}

func (c *checker) discriminate(v item, s *profile.Element, d profile.Discriminator, p *profile.Profile) bool {
	path := parts(d.Path)
	said := c.said(aspect{s, p}, path)
	values := c.along([]item{v}, path)
	switch d.Kind {
	case "exists":
		for _, a := range said {
			if a.e.Max == 0 || a.e.Min > 0 {
				return (len(values) > 0) == (a.e.Max != 0)
			}
		}
		return false
	case "type":
		return slices.ContainsFunc(values, func(x item) bool { return ofTypes(x, said) })
	case "profile":
		return slices.ContainsFunc(values, func(x item) bool { return c.ofProfile(x, s, path, p) })
	}
	return slices.ContainsFunc(said, func(a aspect) bool {
		return slices.ContainsFunc(values, func(x item) bool {
			match, decided := c.matches(x, a)
			return match && decided
		})
	})
}

// aspect is an element of a definition with the profile that it is from.
type aspect struct {
	e *profile.Element
	p *profile.Profile
}

// parts splits a discriminator's path; extension('http://…') is one part.
func parts(path string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '.':
			if depth == 0 {
				out, from = append(out, path[from:i]), i+1
			}
		}
	}
	return append(out, path[from:])
}

// argument takes the text of a call such as extension('url') or ofType(Type).
func argument(part, function string) (string, bool) {
	rest, ok := strings.CutPrefix(part, function+"(")
	rest, closed := strings.CutSuffix(rest, ")")
	return strings.Trim(rest, "'\""), ok && closed
}

// said finds what a definition says at the end of a path, through its children and the
// profiles of its types.
func (c *checker) said(a aspect, path []string) []aspect {
	if len(path) == 0 {
		return []aspect{a}
	}
	if c.depth++; c.depth > maxFollowed {
		c.depth--
		return nil
	}
	defer func() { c.depth-- }()
	part, rest := path[0], path[1:]
	if part == "$this" || part == "" || part == "first()" {
		return c.said(a, rest)
	}
	if _, ok := argument(part, "ofType"); ok {
		return c.said(a, rest)
	}
	var out []aspect
	if part == "resolve()" {
		for _, t := range a.e.Types {
			for _, url := range t.Targets {
				if p, err := c.options.Library.Profile(url); err == nil {
					out = append(out, c.said(aspect{p.Root, p}, rest)...)
				}
			}
		}
		return out
	}
	if url, ok := argument(part, "extension"); ok {
		if ext := a.e.Child("extension"); ext != nil {
			for _, s := range ext.Slices {
				if u := s.Child("url"); u != nil && u.Fixed.Text() == url || slices.ContainsFunc(s.Types, func(t profile.Type) bool { return slices.Contains(t.Profiles, url) }) {
					out = append(out, c.said(aspect{s, a.p}, rest)...)
				}
			}
		}
		return out
	}
	if kid := a.e.Child(part); kid != nil {
		out = append(out, c.said(aspect{kid, a.p}, rest)...)
		for _, s := range kid.Slices {
			out = append(out, c.said(aspect{s, a.p}, rest)...)
		}
	}
	for _, t := range a.e.Types {
		for _, url := range t.Profiles {
			if p, err := c.options.Library.Profile(url); err == nil && p.Root.Child(part) != nil {
				out = append(out, c.said(aspect{p.Root, p}, path)...)
			}
		}
	}
	return out
}

// along follows a discriminator's path through the values.
func (c *checker) along(values []item, path []string) []item {
	for _, part := range path {
		var next []item
		for _, v := range values {
			switch name, typed := argument(part, "ofType"); {
			case part == "$this" || part == "" || part == "first()":
				next = append(next, v)
			case part == "resolve()":
				next = append(next, c.pointed(v)...)
			case typed:
				if v.code == name {
					next = append(next, v)
				}
			default:
				if url, ok := argument(part, "extension"); ok {
					for _, x := range v.members("extension") {
						if x.node.Get("url").Text() == url {
							next = append(next, x)
						}
					}
					continue
				}
				next = append(next, v.members(part)...)
			}
		}
		values = next
	}
	return values
}

// pointed returns the resource that a reference points at, or an item that has only its
// type.
func (c *checker) pointed(v item) []item {
	ref := v.node.Get("reference").Text()
	if v.node.Kind() == fhir.String {
		ref = v.node.Text()
	}
	if r, _ := c.resolve(ref); r != nil {
		return []item{resourceItem(r)}
	}
	t := TypeOf(ref)
	if t == "" {
		t = v.node.Get("type").Text()
	}
	if t == "" {
		return nil
	}
	return []item{{code: t, place: t, index: -1}}
}

func ofTypes(v item, said []aspect) bool {
	for _, a := range said {
		if a.e.Path == a.p.Type && a.p.Type == v.code { // the root of a target's profile
			return true
		}
		for _, t := range a.e.Types {
			if t.Code == v.code || t.Code == "Resource" || t.Code == "DomainResource" && definition.IsResource(v.code) {
				return true
			}
		}
	}
	return false
}

// ofProfile reports whether a value follows one of the profiles that a slice names at a
// path. Of a resource that is not here only the type can be compared.
func (c *checker) ofProfile(v item, s *profile.Element, path []string, p *profile.Profile) bool {
	targets := path[len(path)-1] == "resolve()"
	if targets {
		path = path[:len(path)-1]
	}
	for _, a := range c.said(aspect{s, p}, path) {
		for _, t := range a.e.Types {
			urls := t.Profiles
			if targets {
				urls = t.Targets
			}
			if len(urls) == 0 && !targets && t.Code == v.code {
				return true
			}
			for _, url := range urls {
				q, err := c.options.Library.Profile(url)
				if err != nil || q.Type != v.code && q.Type != "Resource" {
					continue
				}
				if v.node == nil {
					return true
				}
				if holds, err := c.holds(v, url); err == nil && holds {
					return true
				}
			}
		}
	}
	return false
}

// matches compares a value with what a definition fixes about it. decided is false when the
// definition fixes nothing.
func (c *checker) matches(v item, a aspect) (match, decided bool) {
	if c.depth++; c.depth > maxFollowed {
		c.depth--
		return false, false
	}
	defer func() { c.depth-- }()
	switch {
	case v.node == nil && len(a.e.Children) == 0:
		return false, a.e.Fixed != nil || a.e.Pattern != nil
	case a.e.Fixed != nil:
		return equal(a.e.Fixed, v.node), true
	case a.e.Pattern != nil:
		return fits(a.e.Pattern, v.node), true
	}
	match = true
	for _, kid := range a.e.Children {
		values := v.members(kid.Name)
		if len(values) == 0 && kid.Min == 0 {
			continue
		}
		found, said := false, false
		for _, x := range values {
			m, d := c.matches(x, aspect{kid, a.p})
			found, said = found || m && d, said || d
		}
		if len(values) == 0 {
			_, said = c.matches(item{}, aspect{kid, a.p})
		}
		if said {
			match, decided = match && found, true
		}
	}
	if decided {
		return match, true
	}
	if a.e.Strength == "required" && a.e.Binding != "" {
		in, known := c.memberOf(v, a.e.Binding)
		return in, known
	}
	for _, t := range a.e.Types {
		if len(t.Profiles) == 1 && (v.code == "" || t.Code == v.code) && v.node != nil {
			if p, err := c.options.Library.Profile(t.Profiles[0]); err == nil && p != a.p {
				return c.matches(v, aspect{p.Root, p})
			}
		}
	}
	return false, false
}
