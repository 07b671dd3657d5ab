package validate

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// resource checks a resource: the one asked about, an entry's, or a contained one, whose
// container is then given.
func (c *checker) resource(r, container *fhir.Node) {
	t := r.ResourceType()
	if len(c.path) == 0 {
		c.push(t, -1)
		defer c.pop()
	}
	switch {
	case r.Kind() != fhir.Object:
		c.fail("structure", "A resource must be a JSON object.")
		return
	case t == "":
		c.path[0].name = orElse(c.path[0].name, "Resource")
		c.fail("structure", "The resource has no resourceType, so its kind is not known.")
		return
	case !definition.IsResource(t):
		c.fail("structure", quote(t)+" is not a resource type of FHIR R4.")
		return
	}
	before := c.scope
	c.current, c.session, c.start, c.parent, c.spent = r, nil, len(c.path)-1, "", 0
	if container == nil {
		c.contents(r)
	}
	if t == "Bundle" {
		c.bundle, c.entry = indexOf(r), nil
		c.inBundle(r)
	}
	c.object(r, definition.ShapeOf(t), t, t)
	c.profiles(r)
	c.scope = before
}

// object checks the members of an object against the shape of its type or backbone path,
// which place names.
func (c *checker) object(n *fhir.Node, shape *definition.Shape, code, place string) {
	if n.Kind() != fhir.Object {
		c.fail("structure", "An object was expected here, not "+kindName(n)+".")
		return
	}
	if n.Len() == 0 {
		c.fail("structure", "This object is empty; leave it out instead.")
		return
	}
	outer := c.parent
	c.parent = ""
	switch {
	case code == "Extension":
		c.parent = n.Get("url").Text()
	case place == "Bundle.entry":
		c.entry = n
	}
	var buf [24]*definition.Element
	seen := buf[:0]
	substance := false
	for name, v := range n.Members() {
		if name == "resourceType" && code != "" && definition.IsResource(code) {
			substance = true
			continue
		}
		substance = substance || name != "id"
		if name != "" && name[0] == '_' {
			seen = c.companion(n, shape, name, v, seen)
			continue
		}
		e, concrete, ok := shape.Child(name)
		if !ok {
			c.failAt(name, "structure", unknown(shape, name))
			continue
		}
		if e.Choice() && has(seen, e) {
			c.failAt(e.Name, "structure", "Only one "+e.Name+" with one type is allowed here.")
		}
		seen = append(seen, e)
		c.element(n, name, v, e, concrete)
	}
	if !substance {
		c.fail("invariant", "An element needs content besides its id (ele-1).")
	}
	c.parent = outer
	c.required(shape, seen)
	c.special(n, code)
	c.invariants(n, place, seen)
	c.whenDone(n, place)
	if code == "Extension" {
		c.defined(n)
	}
}

// element checks one member: array or single, then each value.
func (c *checker) element(n *fhir.Node, name string, v *fhir.Node, e *definition.Element, code string) {
	switch list := v.Kind() == fhir.Array; {
	case list && e.Max == 1:
		c.failAt(name, "structure", quote(name)+" holds one value, so it must not be an array.")
		return
	case !list && e.Max != 1:
		c.failAt(name, "structure", quote(name)+" may repeat, so it must be an array.")
		return
	case !list:
		c.push(name, -1)
		if v.Kind() == fhir.Null {
			c.fail("structure", "null is not allowed here; leave the element out instead.")
		} else {
			c.value(v, e, code)
		}
		c.pop()
		return
	}
	c.count(name, v, e)
	i := 0
	for item := range v.Items() {
		c.push(name, i)
		if item.Kind() != fhir.Null {
			c.value(item, e, code)
		} else if n.Get("_"+name).Kind() != fhir.Array || n.Get("_"+name).At(i).Kind() != fhir.Object {
			c.fail("structure", "null stands for a value that has an extension instead, but there is none at this place.")
		}
		c.pop()
		i++
	}
}

// value checks one value of an element.
func (c *checker) value(v *fhir.Node, e *definition.Element, code string) {
	if isPrimitive(code) {
		if !c.primitive(v, e, code) {
			return
		}
		if e.Strength == "required" {
			c.boundText(v, e)
		}
		if e.Ruled {
			c.atElement(v, nil, e, code)
		}
		return
	}
	if code == "Resource" {
		if e.Name == "contained" {
			c.resource(v, c.container)
		} else {
			c.resource(v, nil)
		}
		return
	}
	below := definition.Below(e, code)
	shape := definition.ShapeOf(below)
	if shape == nil {
		c.add("information", "informational", "The content of this element was not checked.")
		return
	}
	before := c.errors + c.advice
	c.object(v, shape, code, below)
	if e.Ruled && below == code {
		c.atElement(v, nil, e, code)
	}
	if c.errors+c.advice == before {
		c.typed(v, e, code)
	}
}

// typed calls the phases that look at whole values of one type.
func (c *checker) typed(v *fhir.Node, e *definition.Element, code string) {
	switch code {
	case "Reference":
		c.reference(v, e)
	case "CodeableConcept", "Coding", "Quantity":
		if e.Strength == "required" {
			c.bound(v, e, code)
		}
		if code == "Quantity" && e.Types[0].Profile == definition.Prefix+"SimpleQuantity" && v.Get("comparator") != nil {
			c.failAt("comparator", "invariant", "The comparator is not used on a SimpleQuantity (sqty-1).")
		}
	}
}

// companion checks a member such as _birthDate: the id and extensions of a primitive.
func (c *checker) companion(n *fhir.Node, shape *definition.Shape, name string, v *fhir.Node, seen []*definition.Element) []*definition.Element {
	e, code, ok := shape.Child(name[1:])
	if !ok || !isPrimitive(code) || code == "xhtml" {
		c.failAt(name, "structure", quote(name)+" is not an element here; only primitive elements have a companion with extensions.")
		return seen
	}
	if n.Get(name[1:]) == nil {
		if e.Choice() && has(seen, e) {
			c.failAt(e.Name, "structure", "Only one "+e.Name+" with one type is allowed here.")
		}
		seen = append(seen, e)
	}
	if (v.Kind() == fhir.Array) != (e.Max != 1) {
		c.failAt(name, "structure", quote(name)+" must be an array exactly when "+quote(name[1:])+" is one.")
		return seen
	}
	if v.Kind() != fhir.Array {
		c.push(name[1:], -1)
		c.primitiveExtension(v, e, n.Get(name[1:]) != nil)
		c.pop()
		return seen
	}
	if v.Len() == 0 {
		c.failAt(name, "structure", "This array is empty; leave it out instead.")
	}
	i := 0
	for item := range v.Items() {
		c.push(name[1:], i)
		valued := n.Get(name[1:]).At(i) != nil && n.Get(name[1:]).At(i).Kind() != fhir.Null
		if item.Kind() != fhir.Null {
			c.primitiveExtension(item, e, valued)
		} else if !valued {
			c.fail("structure", "Neither a value nor an extension stands at this place.")
		}
		c.pop()
		i++
	}
	return seen
}

func (c *checker) primitiveExtension(v *fhir.Node, e *definition.Element, valued bool) {
	if c.options.Strict && !valued && code(e) && e.Strength == "required" {
		c.fail("code-invalid", "A code from a fixed list is required here"+choices(e)+".")
	}
	if v.Kind() == fhir.Object && !valued && v.Get("extension") == nil {
		c.fail("invariant", "An element without value needs an extension (ele-1).")
		return
	}
	if v.Kind() == fhir.Object && v.Len() == 1 && v.Get("id") != nil {
		c.push("id", -1)
		c.primitive(v.Get("id"), nil, "string")
		c.pop()
		return
	}
	c.object(v, definition.ShapeOf("Element"), "Element", "Element")
}

// code reports whether an element is a code.
func code(e *definition.Element) bool { return len(e.Types) == 1 && e.Types[0].Code == "code" }

// unknown explains a member that is not an element of the shape.
func unknown(shape *definition.Shape, name string) string {
	for i := range shape.Elements {
		e := &shape.Elements[i]
		if e.Choice() && strings.HasPrefix(name, e.Name) {
			return quote(name) + " is not an element here; " + quote(e.Name) + " carries its type in its name, such as " +
				e.Name + strings.ToUpper(e.Types[0].Code[:1]) + e.Types[0].Code[1:] + "."
		}
		if strings.EqualFold(e.Name, name) {
			return quote(name) + " is not an element here; it is written " + quote(e.Name) + "."
		}
	}
	return quote(name) + " is not an element here. Check its spelling and its place."
}

func has(seen []*definition.Element, e *definition.Element) bool {
	for _, s := range seen {
		if s == e {
			return true
		}
	}
	return false
}

// isPrimitive reports whether a type code names a primitive: those begin in lower case.
func isPrimitive(code string) bool { return code != "" && code[0] >= 'a' && code[0] <= 'z' }

func kindName(n *fhir.Node) string {
	switch n.Kind() {
	case fhir.Null, fhir.Absent:
		return "null"
	case fhir.Boolean:
		return "true or false"
	case fhir.Number:
		return "a number"
	case fhir.String:
		return "text"
	case fhir.Array:
		return "an array"
	}
	return "an object"
}

// quote writes a name from the document, shortened: hostile names may be long.
func quote(name string) string {
	return "“" + fault.Clip(name, 60) + "”"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
