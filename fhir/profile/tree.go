package profile

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// tree is an ElementDefinition in its place: below it the elements of its content, beside
// it the slices that were cut from it.
type tree struct {
	name    string // the last part of the path: "value[x]"
	slice   string // "" outside slices
	element *fhir.Node
	kids    []*tree
	slices  []*tree
	// from is the element of the base definition that this one was derived from. New slices
	// begin with it, not with what the differential said about the unsliced element.
	from *tree
}

// maxElements is the size of a snapshot that is taken for an accident or an attack.
const maxElements = 20_000

// maxNesting is how deep elements may be nested; FHIR has no type of more than ten levels.
const maxNesting = 32

// grow reads the elements of a snapshot, which stand in depth-first order.
func grow(elements *fhir.Node) (*tree, error) {
	if elements.Len() == 0 || elements.Len() > maxElements {
		return nil, fault.New(fault.Invalid, "A snapshot has 1 to %d elements.", maxElements)
	}
	var root *tree
	var open []*tree // by depth
	for e := range elements.Items() {
		path := e.Get("path").Text()
		depth := strings.Count(path, ".")
		t := &tree{name: path[strings.LastIndexByte(path, '.')+1:], slice: e.Get("sliceName").Text(), element: e}
		switch {
		case root == nil && depth == 0:
			root = t
		case root == nil || depth == 0 || depth > len(open) || depth > maxNesting:
			return nil, fault.New(fault.Invalid, "The element %s of the snapshot stands outside of its parent.", clip(path))
		default:
			open[depth-1].put(t)
		}
		open = append(open[:depth], t)
	}
	return root, nil
}

// put adds a child, or a slice of the child with its name.
func (t *tree) put(kid *tree) {
	if main := t.kid(kid.name); main != nil && kid.slice != "" {
		main.slices = append(main.slices, kid)
		return
	}
	t.kids = append(t.kids, kid)
}

func (t *tree) kid(name string) *tree {
	for _, k := range t.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (t *tree) sliced(name string) *tree {
	for _, s := range t.slices {
		if s.slice == name {
			return s
		}
	}
	return nil
}

// derive copies a tree so that it can be changed, and remembers what it was.
func (t *tree) derive() *tree {
	out := &tree{name: t.name, slice: t.slice, element: t.element.Clone(), from: t}
	for _, k := range t.kids {
		out.kids = append(out.kids, k.derive())
	}
	for _, s := range t.slices {
		out.slices = append(out.slices, s.derive())
	}
	return out
}

// write appends the elements below and beside t with their ids and paths.
func (t *tree) write(out []*fhir.Node, id, path string) []*fhir.Node {
	if id != "" {
		id, path = id+".", path+"."
	}
	id, path = id+t.name, path+t.name
	if t.slice != "" {
		id += ":" + t.slice
	}
	e := t.element.Clone()
	e.SetFirst(0, "id", fhir.Str(id))
	e.SetFirst(1, "path", fhir.Str(path))
	if t.slice != "" {
		e.SetFirst(2, "sliceName", fhir.Str(t.slice))
	}
	out = append(out, e)
	for _, k := range t.kids {
		out = k.write(out, id, path)
		for _, s := range k.slices {
			out = s.write(out, id, path)
		}
	}
	return out
}

func (t *tree) size() int {
	n := 1
	for _, k := range slices.Concat(t.kids, t.slices) {
		n += k.size()
	}
	return n
}
