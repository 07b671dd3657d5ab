package validate

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// item is one value of a resource with what the definitions know about its place.
type item struct {
	node, extra *fhir.Node // the value; id and extensions of a primitive
	name        string     // the member that holds it
	index       int        // -1 outside arrays
	code        string     // its type: "HumanName", "BackboneElement", "Patient"
	place       string     // where its members are defined: the type, or "Patient.contact"
	base        *definition.Element
}

// resourceItem is a resource as an item.
func resourceItem(r *fhir.Node) item {
	t := r.ResourceType()
	return item{node: r, index: -1, code: t, place: t}
}

// members returns the values of a member by its name in definitions: "value" for value[x].
func (v item) members(name string) []item {
	n, place := v.node, v.place
	if n.Kind() != fhir.Object {
		if name == "value" && n != nil { // the value of a primitive
			return []item{{node: n, name: name, index: -1, code: v.code, place: v.place}}
		}
		n, place = v.extra, "Element"
	}
	shape := definition.ShapeOf(place)
	if n == nil || shape == nil {
		return nil
	}
	if e, code, ok := shape.Child(name); ok {
		return list(nil, n, name, e, code)
	}
	var out []item
	for member := range n.Members() {
		bare := strings.TrimPrefix(member, "_")
		if !strings.HasPrefix(bare, name) || bare != member && n.Get(bare) != nil {
			continue
		}
		if e, code, ok := shape.Child(bare); ok && e.Choice() && e.Name == name {
			out = list(out, n, bare, e, code)
		}
	}
	return out
}

// list appends the items of one member.
func list(out []item, n *fhir.Node, name string, e *definition.Element, code string) []item {
	x, extra := n.Get(name), n.Get("_"+name)
	if !isPrimitive(code) {
		extra = nil
	}
	array := x.Kind() == fhir.Array || x == nil && extra.Kind() == fhir.Array
	for i := range max(count(x), count(extra)) {
		v := item{node: x.At(i), extra: extra.At(i), name: name, index: -1, code: code, place: definition.Below(e, code), base: e}
		if array {
			v.index = i
		}
		if v.node.Kind() == fhir.Null {
			v.node = nil
		}
		if v.extra.Kind() != fhir.Object {
			v.extra = nil
		}
		if v.node == nil && v.extra == nil {
			continue
		}
		switch {
		case code == "Resource":
			v.code = v.node.ResourceType()
			v.place = v.code
		case code == "":
			v.code = "BackboneElement"
		}
		out = append(out, v)
	}
	return out
}

func count(n *fhir.Node) int {
	switch n.Kind() {
	case fhir.Absent:
		return 0
	case fhir.Array:
		return n.Len()
	}
	return 1
}

// equal compares content; members may come in any order.
func equal(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() || a.Text() != b.Text() {
		return false
	}
	switch a.Kind() {
	case fhir.Array:
		for i := range a.Len() {
			if !equal(a.At(i), b.At(i)) {
				return false
			}
		}
	case fhir.Object:
		for name, v := range a.Members() {
			if !equal(v, b.Get(name)) {
				return false
			}
		}
	}
	return true
}

// fits reports whether a value contains a pattern: each member of it, and for each item of
// an array one that contains it.
func fits(pattern, v *fhir.Node) bool {
	switch pattern.Kind() {
	case fhir.Object:
		for name, part := range pattern.Members() {
			if !fits(part, v.Get(name)) {
				return false
			}
		}
		return v.Kind() == fhir.Object
	case fhir.Array:
		for part := range pattern.Items() {
			found := false
			for x := range v.Items() {
				found = found || fits(part, x)
			}
			if !found {
				return false
			}
		}
		return true
	}
	return equal(pattern, v)
}
