package fhirpath

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// step appends the children of v with a name to out.
func step(out []Value, v Value, name string) []Value {
	if v.kind != Element {
		return out
	}
	if v.node.Kind() != fhir.Object {
		if v.ext != nil && (name == "extension" || name == "id") {
			return stepNamed(out, Value{node: v.ext, typ: typeNamed("Element")}, name)
		}
		return out
	}
	return stepNamed(out, v, name)
}

func stepNamed(out []Value, v Value, name string) []Value {
	if v.typ == nil {
		return stepUnknown(out, v, name)
	}
	c := v.typ.children[name]
	switch {
	case c == nil:
		return out
	case c.choice == nil:
		return appendChild(out, v.node, c)
	}
	for member := range v.node.Members() {
		bare := strings.TrimPrefix(member, "_")
		if !strings.HasPrefix(bare, name) {
			continue
		}
		if m := c.choice[bare]; m != nil {
			if bare != member && v.node.Get(bare) != nil {
				continue // comes with its value
			}
			out = appendChild(out, v.node, m)
		}
	}
	return out
}

// appendChild appends the items of one member, each with its companion.
func appendChild(out []Value, n *fhir.Node, c *child) []Value {
	x := n.Get(c.member)
	var ext *fhir.Node
	if c.companion != "" && (x == nil || n.Len() > 1) {
		ext = n.Get(c.companion)
	}
	return appendItems(out, x, ext, c.typ)
}

func appendItems(out []Value, x, ext *fhir.Node, typ *typeInfo) []Value {
	for i := range max(width(x), width(ext)) {
		item, companion := x.At(i), ext.At(i)
		if item.Kind() == fhir.Null {
			item = nil
		}
		if companion.Kind() != fhir.Object {
			companion = nil
		}
		if item == nil && companion == nil {
			continue
		}
		v := Value{node: item, ext: companion, typ: typ}
		if item.Kind() == fhir.Object && (typ == nil || typ.resource) {
			if of := Of(item); of.typ != nil {
				v.typ = of.typ
			}
		}
		out = append(out, v)
	}
	return out
}

func width(n *fhir.Node) int {
	switch n.Kind() {
	case fhir.Absent:
		return 0
	case fhir.Array:
		return n.Len()
	}
	return 1
}

// stepUnknown navigates an element of unknown type: by the member's name, or by the name
// with the suffix of a known type.
func stepUnknown(out []Value, v Value, name string) []Value {
	x, ext := v.node.Get(name), v.node.Get("_"+name)
	if x != nil || ext != nil {
		return appendItems(out, x, ext, nil)
	}
	for member, n := range v.node.Members() {
		suffix, ok := strings.CutPrefix(member, name)
		if !ok || suffix == "" {
			continue
		}
		typ := typeNamed(suffix)
		if typ == nil {
			typ = typeNamed(strings.ToLower(suffix[:1]) + suffix[1:])
		}
		if typ != nil && !typ.resource {
			return appendItems(out, n, v.node.Get("_"+member), typ)
		}
	}
	return out
}

// children appends all children of v, in the order of the resource.
func children(out []Value, v Value) []Value {
	if v.kind != Element {
		return out
	}
	n, typ := v.node, v.typ
	if n.Kind() != fhir.Object {
		n, typ = v.ext, typeNamed("Element")
	}
	for member := range n.Members() {
		bare := strings.TrimPrefix(member, "_")
		if bare == "resourceType" || bare != member && n.Get(bare) != nil {
			continue
		}
		var ext *fhir.Node
		c := typ.member(bare)
		if c == nil || c.companion != "" {
			ext = n.Get("_" + bare)
		}
		var t *typeInfo
		if c != nil {
			t = c.typ
		}
		out = appendItems(out, n.Get(bare), ext, t)
	}
	return out
}

// member finds the child that is written as a member of this name.
func (t *typeInfo) member(name string) *child {
	if t == nil {
		return nil
	}
	if c := t.children[name]; c != nil && c.choice == nil {
		return c
	}
	for i := 1; i < len(name); i++ {
		if name[i] < 'A' || name[i] > 'Z' {
			continue
		}
		if c := t.children[name[:i]]; c != nil && c.choice != nil {
			if m := c.choice[name]; m != nil {
				return m
			}
		}
	}
	return nil
}
