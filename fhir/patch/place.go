package patch

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// place is where an element stands: in which member of which object, and at which position
// when the element repeats.
type place struct {
	parent *fhir.Node
	shape  *definition.Shape // of the parent
	name   string
	index  int
	own    *definition.Shape // of the element, when it has children
}

// element is the content of one element: the value, and for a primitive the object with its
// id and extensions, either of which may be nil.
type element struct{ value, ext *fhir.Node }

// places finds where every node of a resource stands.
func places(root *fhir.Node) map[*fhir.Node]place {
	p := map[*fhir.Node]place{root: {own: definition.ShapeOf(root.ResourceType())}}
	walkPlaces(root, p[root].own, p)
	return p
}

func walkPlaces(n *fhir.Node, shape *definition.Shape, p map[*fhir.Node]place) {
	if n.Kind() != fhir.Object {
		return
	}
	for name, v := range n.Members() {
		for i := range max(v.Len(), 1) {
			if v.Kind() != fhir.Array && i > 0 {
				break
			}
			item := v.At(i)
			if item == nil {
				continue
			}
			own := shapeUnder(shape, name, item)
			// The companion of a primitive stands for the primitive: it may have no value.
			p[item] = place{parent: n, shape: shape, name: strings.TrimPrefix(name, "_"), index: i, own: own}
			walkPlaces(item, own, p)
		}
	}
}

// shapeUnder returns what an object in a member may hold.
func shapeUnder(shape *definition.Shape, name string, item *fhir.Node) *definition.Shape {
	if item.Kind() != fhir.Object {
		return nil
	}
	if strings.HasPrefix(name, "_") {
		return definition.ShapeOf("Element")
	}
	if shape == nil {
		return nil
	}
	e, code, ok := shape.Child(name)
	switch {
	case !ok:
		return nil
	case item.Get("resourceType") != nil:
		return definition.ShapeOf(item.ResourceType())
	}
	return definition.ShapeOf(definition.Below(e, code))
}

// repeats reports whether a member of an object is a list.
func repeats(shape *definition.Shape, name string) bool {
	if shape == nil {
		return false
	}
	e, _, ok := shape.Child(name)
	return ok && e.Max != 1
}

// read returns the elements in a member of an object.
func read(parent *fhir.Node, name string) []element {
	values, exts := parent.Get(name), parent.Get("_"+name)
	n := 0
	for _, v := range []*fhir.Node{values, exts} {
		switch {
		case v.Kind() == fhir.Array:
			n = max(n, v.Len())
		case v != nil:
			n = max(n, 1)
		}
	}
	list := make([]element, n)
	for i := range list {
		list[i] = element{present(values.At(i)), present(exts.At(i))}
	}
	return list
}

func present(n *fhir.Node) *fhir.Node {
	if n.Kind() == fhir.Null {
		return nil
	}
	return n
}

// write puts the elements of a member back: as a list when the member repeats, and without
// a trace when there are none.
func write(parent *fhir.Node, shape *definition.Shape, name string, list []element) {
	values, exts := fhir.Arr(), fhir.Arr()
	someValue, someExt := false, false
	for _, e := range list {
		someValue, someExt = someValue || e.value != nil, someExt || e.ext != nil
		values.Append(orNull(e.value))
		exts.Append(orNull(e.ext))
	}
	put := func(name string, some bool, list *fhir.Node) {
		switch {
		case !some:
			parent.Remove(name)
		case repeats(shape, name[strings.LastIndexByte(name, '_')+1:]) || list.Len() > 1 || parent.Get(name).Kind() == fhir.Array:
			parent.Set(name, list)
		default:
			parent.Set(name, list.At(0))
		}
	}
	put(name, someValue, values)
	put("_"+name, someExt, exts)
}

func orNull(n *fhir.Node) *fhir.Node {
	if n == nil {
		null, _ := fhir.Parse([]byte("null"))
		return null
	}
	return n
}

// prune takes away what the removal of its content has left empty: FHIR has no empty
// objects and lists.
func prune(n *fhir.Node) (empty bool) {
	switch n.Kind() {
	case fhir.Object:
		var drop []string
		for name, v := range n.Members() {
			if prune(v) {
				drop = append(drop, name)
			}
		}
		for _, name := range drop {
			n.Remove(name)
		}
		return n.Len() == 0
	case fhir.Array:
		all := true
		for v := range n.Items() {
			if !prune(v) && v.Kind() != fhir.Null {
				all = false
			}
		}
		return all
	}
	return false
}
