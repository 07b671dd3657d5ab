package validate

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
	"github.com/osler-emr/osler/fhir/profile"
)

// defined checks an extension against its definition: content, place, and whether it may
// change the meaning of what it stands in.
func (c *checker) defined(n *fhir.Node) {
	url := n.Get("url").Text()
	if c.options.Library == nil || !strings.Contains(url, ":") { // the parts of an extension have plain names
		return
	}
	c.following++
	defer func() { c.following-- }()
	p, err := c.options.Library.Profile(url)
	switch {
	case fault.Is(err, fault.NotFound) && c.options.Strict && url != parameterExtension:
		c.fail("structure", "The definition of this extension is not known here, so it is not allowed.")
		return
	case err != nil:
		c.add("information", "informational", "The definition of this extension is not known here, so it was not checked.")
		return
	case p.Type != "Extension":
		c.fail("structure", "The url of this extension names a definition that is not one of an extension.")
		return
	}
	c.conform(item{node: n, index: -1, code: "Extension", place: "Extension"}, p.Root, p)
	c.parts(n, p)
	modifier := c.path[len(c.path)-1].name == "modifierExtension"
	if modifier != p.Root.Modifier {
		text := "This extension does not change the meaning of its element, so it must not stand in modifierExtension."
		if !modifier {
			text = "This extension changes the meaning of its element, so it must stand in modifierExtension."
		}
		c.fail("structure", text)
	}
	c.context(p)
	c.contextRules(n, p)
}

// parts refuses parts of a complex extension that its definition does not name.
func (c *checker) parts(n *fhir.Node, p *profile.Profile) {
	list := p.Root.Child("extension")
	if list == nil {
		return
	}
	i := 0
	for x := range n.Get("extension").Items() {
		url := x.Get("url").Text()
		known := strings.Contains(url, ":") || slices.ContainsFunc(list.Slices, func(s *profile.Element) bool {
			u := s.Child("url")
			return u != nil && u.Fixed.Text() == url
		})
		if !known {
			c.push("extension", i)
			c.fail("structure", "The definition of the extension "+label(p)+" has no part of this name.")
			c.pop()
		}
		i++
	}
}

// context checks that an extension stands where its definition allows.
func (c *checker) context(p *profile.Profile) {
	if len(p.Contexts) == 0 {
		return
	}
	places := c.places()
	var names []string
	for _, x := range p.Contexts {
		switch x.Kind {
		case "element":
			if slices.Contains(places, strings.TrimSuffix(x.Expression, "[x]")) || x.Expression == "*" {
				return
			}
		case "extension":
			if c.parent != "" && c.parent == x.Expression {
				return
			}
		case "fhirpath":
			if in, known := c.selected(x.Expression); in || !known {
				return
			}
		default:
			return
		}
		names = append(names, x.Expression)
	}
	severity := "warning" // R4's own definitions name their places too narrowly now and then
	if c.options.Strict {
		severity = "error"
	}
	c.add(severity, "structure", "The extension "+label(p)+" must not stand here; its places are "+strings.Join(names, ", ")+".")
}

// selected reports whether an expression on the resource selects the element that holds the
// extension under inspection; known is false, and said, when that cannot be told.
func (c *checker) selected(expression string) (in, known bool) {
	x, err := fhirpath.Compile(expression)
	var all []fhirpath.Value
	if err == nil {
		all, err = c.paths().EvaluateOn(x, fhirpath.Of(c.current))
	}
	if err != nil {
		c.add("information", "not-supported", "The place of this extension was not checked: its definition tells it in an expression that cannot be evaluated here.")
		return false, false
	}
	holder := c.holder()
	return slices.ContainsFunc(all, func(v fhirpath.Value) bool {
		return v.Node() != nil && v.Node() == holder.Node() || v.Companion() != nil && v.Companion() == holder.Companion()
	}), true
}

// contextRules checks what must hold of the element that the extension stands in; there,
// %extension is the extension (R4 structuredefinition.html, contextInvariant).
func (c *checker) contextRules(n *fhir.Node, p *profile.Profile) {
	if len(p.ContextRules) == 0 {
		return
	}
	s := fhirpath.NewSession(c.current, append(c.evaluation(), fhirpath.With("extension", fhirpath.OfType(n, "Extension")))...)
	holder := c.holder()
	for _, r := range p.ContextRules {
		text := "Where the extension " + label(p) + " stands, this must hold: " + r.Human
		var out []fhirpath.Value
		var err error
		if r.Test != nil {
			out, err = s.EvaluateOn(r.Test, holder)
		}
		switch {
		case err != nil || r.Test == nil:
			c.add("information", "not-supported", "A rule could not be evaluated here, so it was not checked: "+text)
		case len(out) != 1 || !out[0].True():
			c.fail("invariant", text)
		}
	}
}

// holder is the element that holds the extension under inspection.
func (c *checker) holder() fhirpath.Value {
	from := min(c.start, len(c.path)-1)
	place, code := c.current.ResourceType(), c.current.ResourceType()
	n, extra := c.current, (*fhir.Node)(nil)
	for _, s := range c.path[from+1 : len(c.path)-1] {
		in := n
		if n == nil || n.Kind() != fhir.Object { // a primitive has its extensions beside it
			in = extra
		}
		n, extra = in.Get(s.name), in.Get("_"+s.name)
		if s.index >= 0 {
			n, extra = n.At(s.index), extra.At(s.index)
		}
		if e, t, ok := definition.Child(place, s.name); ok {
			place, code = definition.Below(e, t), t
		}
	}
	if n == c.current {
		return fhirpath.Of(n)
	}
	if place == "" {
		place = code
	}
	return fhirpath.OfElement(n, extra, place)
}

// places names the element that holds an extension in every way a definition may: by its
// path in the resource ("Patient.contact.name.family"), by its path in its type
// ("HumanName.family"), by its type and what that derives from.
func (c *checker) places() []string {
	var out []string
	from := min(c.start, len(c.path)-1)
	holder := c.path[from : len(c.path)-1]
	var names []string
	place, code := "", ""
	for i, s := range holder {
		if i == 0 {
			place = c.current.ResourceType()
			code = place
			names = []string{place}
			continue
		}
		e, t, ok := definition.Child(place, s.name)
		if !ok {
			return out
		}
		names = append(names, e.Name)
		out = append(out[:0:0], strings.TrimSuffix(e.Path, "[x]"))
		code = t
		if place = definition.Below(e, t); e.Content != "" {
			out = append(out, e.Content)
		}
	}
	out = append(out, strings.Join(names, "."))
	for code != "" {
		out = append(out, code)
		t, ok := definition.Lookup(code)
		if !ok {
			break
		}
		code = t.Base
	}
	return append(out, "Element")
}

func decimal(n int) string { return strconv.Itoa(n) }

func asFault(err error, f **fault.Error) bool { return errors.As(err, f) }
