package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Diff returns the FHIRPath Patch that turns one version of a resource into another: what
// FHIRPath makes of before and it, is after.
func Diff(before, after *fhir.Node) (*fhir.Node, error) {
	t := before.ResourceType()
	if t != after.ResourceType() || definition.ShapeOf(t) == nil {
		return nil, fault.New(fault.Invalid, "Only two versions of one type of resource can be compared.")
	}
	d := &differ{list: fhir.Arr()}
	d.object(t, definition.ShapeOf(t), before, after)
	if d.unknown != "" {
		return nil, fault.New(fault.NotSupported, "The element %s is not defined in FHIR R4, so that its change cannot be told.", clip(d.unknown))
	}
	out := fhir.New("Parameters")
	if d.list.Len() > 0 {
		out.Set("parameter", d.list)
	}
	return out, nil
}

type differ struct {
	list    *fhir.Node
	unknown string // a member that the definitions do not have
}

// emit adds an operation; a value may be nil.
func (d *differ) emit(kind, path string, value *fhir.Node, more ...*fhir.Node) {
	parts := fhir.Arr(fhir.Obj("name", "type", "valueCode", kind), fhir.Obj("name", "path", "valueString", path))
	parts.Append(more...)
	if value != nil {
		value.SetFirst(0, "name", fhir.Str("value"))
		parts.Append(value)
	}
	d.list.Append(fhir.Obj("name", "operation", "part", parts))
}

// members returns the names of an object's elements, without the underscore of companions.
func members(objects ...*fhir.Node) []string {
	var names []string
	for _, o := range objects {
		for name := range o.Members() {
			if name = strings.TrimPrefix(name, "_"); name != "resourceType" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// object tells the differences between two objects: first what is replaced, then what is
// added, and what is deleted at last, so that no object is empty in between.
func (d *differ) object(path string, shape *definition.Shape, before, after *fhir.Node) {
	var gone, fresh []string
	for _, name := range members(before, after) {
		was, is := read(before, name), read(after, name)
		switch {
		case len(was) == 0:
			fresh = append(fresh, name)
		case len(is) == 0:
			gone = append(gone, name)
		default:
			d.elements(path, shape, name, was, is)
		}
	}
	for _, name := range fresh {
		is := read(after, name)
		if i := slices.IndexFunc(gone, func(old string) bool { return sameChoice(shape, old, name) }); i >= 0 {
			d.emit("replace", path+"."+spoken(shape, name), d.value(shape, name, is[0]))
			gone = slices.Delete(gone, i, i+1)
			continue
		}
		for _, v := range is {
			d.emit("add", path, d.value(shape, name, v), fhir.Obj("name", "name", "valueString", spoken(shape, name)))
		}
	}
	for _, name := range gone {
		for i := range read(before, name) {
			d.emit("delete", d.at(path, shape, name, len(read(before, name))-1-i), nil)
		}
	}
}

// sameChoice reports whether two members are types of one choice.
func sameChoice(shape *definition.Shape, a, b string) bool {
	x, _, ok := shape.Child(a)
	y, _, ok2 := shape.Child(b)
	return ok && ok2 && x == y && x.Choice()
}

// spoken is the name of an element in FHIRPath: "value" for valueQuantity.
func spoken(shape *definition.Shape, name string) string {
	if shape != nil {
		if e, _, ok := shape.Child(name); ok {
			return e.Name
		}
	}
	return name
}

func (d *differ) at(path string, shape *definition.Shape, name string, i int) string {
	path += "." + spoken(shape, name)
	if repeats(shape, name) {
		path += fmt.Sprintf("[%d]", i)
	}
	return path
}

// elements tells the differences between the elements of one member.
func (d *differ) elements(path string, shape *definition.Shape, name string, was, is []element) {
	kept := common(was, is)
	i, j, size := 0, 0, len(was) // size: of the list, as far as it is changed
	next := func(pair [2]int) {
		for i < pair[0] && j < pair[1] { // stands at the same place: changed
			d.element(d.at(path, shape, name, j), shape, name, was[i], is[j])
			i, j = i+1, j+1
		}
		for ; j < pair[1]; j++ {
			v := d.value(shape, name, is[j])
			if size == 0 || !repeats(shape, name) {
				d.emit("add", path, v, fhir.Obj("name", "name", "valueString", spoken(shape, name)))
			} else {
				d.emit("insert", path+"."+spoken(shape, name), v, fhir.Obj("name", "index", "valueInteger", j))
			}
			size++
		}
		for ; i < pair[0]; i++ {
			d.emit("delete", d.at(path, shape, name, j), nil)
			size--
		}
		i, j = pair[0]+1, pair[1]+1
	}
	for _, pair := range kept {
		next(pair)
	}
	next([2]int{len(was), len(is)})
}

// element tells the difference between two elements that stand at the same place.
func (d *differ) element(path string, shape *definition.Shape, name string, was, is element) {
	own := shapeUnder(shape, name, was.value)
	same := was.value.ResourceType() == is.value.ResourceType() && is.value.Kind() == fhir.Object
	if own != nil && same && len(members(is.value)) > 0 {
		d.object(path, own, was.value, is.value)
		return
	}
	d.emit("replace", path, d.value(shape, name, is))
}

// maxCommon bounds the work of finding what two lists have in common.
const maxCommon = 250_000

// common returns the positions of the elements that stay, in order: a longest common
// subsequence; for very long lists only what they begin with.
func common(was, is []element) (pairs [][2]int) {
	head := 0
	for head < min(len(was), len(is)) && sameElement(was[head], is[head]) {
		pairs = append(pairs, [2]int{head, head})
		head++
	}
	a, b := was[head:], is[head:]
	if len(a)*len(b) > maxCommon || len(a)*len(b) == 0 {
		return pairs
	}
	best := make([][]int, len(a)+1) // length of the longest one of a[i:] and b[j:]
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	same := func(i, j int) bool { return sameElement(a[i], b[j]) }
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if best[i][j] = max(best[i+1][j], best[i][j+1]); same(i, j) {
				best[i][j] = best[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case best[i][j] == best[i+1][j+1]+1 && same(i, j):
			pairs = append(pairs, [2]int{head + i, head + j})
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

func sameElement(a, b element) bool { return alike(a.value, b.value) && alike(a.ext, b.ext) }

// alike is equality of documents, in which 1.50 is not 1.5.
func alike(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for name, v := range a.Members() {
			if !alike(v, b.Get(name)) {
				return false
			}
		}
		return true
	case fhir.Array:
		for i := range a.Len() {
			if !alike(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	}
	return a.Text() == b.Text()
}

// value writes an element as the value of an operation: as value[x] where the type is one of
// those, else as parts.
func (d *differ) value(shape *definition.Shape, name string, v element) *fhir.Node {
	if shape == nil {
		d.unknown = name
		return nil
	}
	e, code, ok := shape.Child(name)
	if !ok {
		d.unknown = name
		return nil
	}
	if v.value.Kind() == fhir.Object && v.value.Get("resourceType") != nil {
		return fhir.Obj("resource", v.value.Clone())
	}
	switch {
	case strings.Contains(code, "/"), code == "xhtml", code == "":
		if v.value.Kind() != fhir.Object {
			code = "string"
		}
	}
	if code != "" {
		member := "value" + strings.ToUpper(code[:1]) + code[1:]
		if _, _, ok := definition.ShapeOf("Parameters.parameter").Child(member); ok {
			return fhir.Obj(member, v.value.Clone(), "_"+member, v.ext.Clone())
		}
	}
	own := definition.ShapeOf(definition.Below(e, code))
	parts := fhir.Arr()
	for _, name := range members(v.value) {
		for _, inner := range read(v.value, name) {
			part := d.value(own, name, inner)
			if part == nil {
				return nil
			}
			part.SetFirst(0, "name", fhir.Str(spoken(own, name)))
			parts.Append(part)
		}
	}
	return fhir.Obj("part", parts)
}
