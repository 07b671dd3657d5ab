package patch

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// FHIRPath carries out a FHIRPath Patch (R4 fhirpatch.html): a Parameters resource in which
// each parameter "operation" is an add, insert, delete, replace or move.
func FHIRPath(resource, parameters *fhir.Node) (*fhir.Node, error) {
	if parameters.ResourceType() != "Parameters" {
		return nil, fault.New(fault.Malformed, "A FHIRPath Patch is a Parameters resource.").At("resourceType")
	}
	list := parameters.Get("parameter")
	if list.Len() > MaxOperations {
		return nil, fault.New(fault.TooLarge, "The patch has %d operations; the limit is %d.", list.Len(), MaxOperations)
	}
	p := &pathPatch{root: resource.Clone()}
	if work := size(resource) * list.Len(); work > maxWork {
		return nil, fault.New(fault.TooCostly, "%d operations on a resource of this size are too much work for one patch; send several patches.", list.Len())
	}
	i := 0
	for item := range list.Items() {
		i++
		err := fmt.Errorf("its name is not operation")
		if item.Get("name").Text() == "operation" {
			err = p.apply(item)
		}
		if err != nil {
			return nil, numbered(i, err)
		}
	}
	prune(p.root)
	return p.root, nil
}

// numbered says which operation a fault is about.
func numbered(i int, err error) error {
	code := fault.Invalid
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		code = f.Code
		err = errors.New(f.Message)
	}
	return fault.New(code, "Operation %d of the patch: %s", i, strings.TrimSuffix(err.Error(), ".")+".")
}

// maxWork is the largest product of the values in a resource and the operations of a patch:
// each operation looks for its place anew.
const maxWork = 5_000_000

type pathPatch struct{ root *fhir.Node }

// operation is one parameter, read.
type operation struct {
	kind, path, name           string
	index, source, destination int
	value                      element
	valueType                  string     // of value[x], "" for parts
	parts                      *fhir.Node // the value of a type that has no name
}

func (p *pathPatch) apply(item *fhir.Node) error {
	op, err := readOperation(item)
	if err != nil {
		return err
	}
	found, err := p.find(op.path)
	if err != nil {
		return err
	}
	switch op.kind {
	case "add":
		return p.add(op, found)
	case "insert":
		return p.insert(op, found)
	case "delete":
		return p.delete(found)
	case "replace":
		return p.replace(op, found)
	}
	return p.move(op, found)
}

// needs says which parts an operation must have.
var needs = map[string][]string{
	"add":     {"name", "value"},
	"insert":  {"index", "value"},
	"delete":  {},
	"replace": {"value"},
	"move":    {"source", "destination"},
}

func readOperation(item *fhir.Node) (op operation, err error) {
	given := map[string]bool{}
	for part := range item.Get("part").Items() {
		name := part.Get("name").Text()
		if given[name] {
			return op, fault.New(fault.Malformed, "there are two parts %q", clip(name))
		}
		given[name] = true
		text := ""
		for member, v := range part.Members() {
			if strings.HasPrefix(member, "value") {
				text = v.Text()
			}
		}
		switch name {
		case "type":
			op.kind = text
		case "path":
			op.path = text
		case "name":
			op.name = text
		case "index", "source", "destination":
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return op, fault.New(fault.Malformed, "%s is not a position, counted from 0", name)
			}
			*map[string]*int{"index": &op.index, "source": &op.source, "destination": &op.destination}[name] = n
		case "value":
			if err := op.readValue(part); err != nil {
				return op, err
			}
		default:
			return op, fault.New(fault.Malformed, "%q is no part of an operation", clip(name))
		}
	}
	want, ok := needs[op.kind]
	if !ok {
		return op, fault.New(fault.Malformed, "the type is add, insert, delete, replace or move")
	}
	for _, name := range append([]string{"path"}, want...) {
		if !given[name] {
			return op, fault.New(fault.Malformed, "%s needs a %s", op.kind, name)
		}
	}
	return op, nil
}

func (op *operation) readValue(part *fhir.Node) error {
	for member, v := range part.Members() {
		bare := strings.TrimPrefix(member, "_")
		switch {
		case member == "part":
			op.parts = v
		case member == "resource":
			op.value.value = v.Clone()
			op.valueType = "Resource"
		case strings.HasPrefix(bare, "value"):
			if op.valueType != "" && op.valueType != bare[len("value"):] {
				return fault.New(fault.Malformed, "there are two values")
			}
			op.valueType = bare[len("value"):]
			if member == bare {
				op.value.value = v.Clone()
			} else {
				op.value.ext = v.Clone()
			}
		}
	}
	if op.parts == nil && op.value == (element{}) {
		return fault.New(fault.Malformed, "the value is missing")
	}
	return nil
}

// content returns the value for a member of an object with a shape: as it is, or built from
// parts.
func (op *operation) content(shape *definition.Shape, name string) (element, error) {
	if op.parts == nil {
		return element{op.value.value.Clone(), op.value.ext.Clone()}, nil
	}
	e, code, ok := shape.Child(name)
	if !ok {
		return element{}, fault.New(fault.Invalid, "there is no element %q here", clip(name))
	}
	n, err := build(op.parts, definition.ShapeOf(definition.Below(e, code)))
	return element{value: n}, err
}

// build makes an object of parts whose names are its members.
func build(parts *fhir.Node, shape *definition.Shape) (*fhir.Node, error) {
	n := fhir.Obj()
	for part := range parts.Items() {
		var op operation
		if err := op.readValue(part); err != nil {
			return nil, err
		}
		name, err := op.member(shape, part.Get("name").Text())
		if err != nil {
			return nil, err
		}
		v, err := op.content(shape, name)
		if err != nil {
			return nil, err
		}
		list := read(n, name)
		if len(list) > 0 && !repeats(shape, name) {
			return nil, fault.New(fault.Invalid, "%s stands there twice, but does not repeat", clip(name))
		}
		write(n, shape, name, append(list, v))
	}
	return n, nil
}

// member returns the name under which a value stands in an object: of a choice such as
// value[x], the one of the value's type.
func (op *operation) member(shape *definition.Shape, name string) (string, error) {
	if shape == nil {
		return "", fault.New(fault.Invalid, "nothing can be added here")
	}
	name = strings.TrimSuffix(name, "[x]")
	for _, full := range []string{name, name + op.valueType} {
		if _, _, ok := shape.Child(full); ok {
			return full, nil
		}
	}
	return "", fault.New(fault.Invalid, "there is no element %q here", clip(name))
}

// pathFunctions are the functions that the path of a patch may use: those that select. R4
// allows a simple subset only, which also bounds the work.
var pathFunctions = []string{"where", "extension", "ofType", "as", "is", "first", "last", "single", "exists", "empty", "not", "hasValue", "startsWith", "endsWith", "contains"}

// operators are words that may stand before a parenthesis without being functions.
var operators = []string{"and", "or", "xor", "implies", "in", "div", "mod"}

var (
	literals = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`)
	calls    = regexp.MustCompile(`([A-Za-z_]\w*)\s*\(`)
)

// find evaluates a path.
func (p *pathPatch) find(path string) ([]*fhir.Node, error) {
	for _, call := range calls.FindAllStringSubmatch(literals.ReplaceAllString(path, "''"), -1) {
		if !slices.Contains(pathFunctions, call[1]) && !slices.Contains(operators, call[1]) {
			return nil, fault.New(fault.NotSupported, "the path of a patch is one of elements, positions and %s, without %s()", strings.Join(pathFunctions, ", "), clip(call[1]))
		}
	}
	x, err := fhirpath.Compile(path)
	if err != nil {
		return nil, err
	}
	found, err := x.Evaluate(p.root)
	if err != nil {
		return nil, err
	}
	nodes := make([]*fhir.Node, len(found))
	for i, v := range found {
		if nodes[i] = v.Node(); nodes[i] == nil {
			nodes[i] = v.Companion()
		}
		if nodes[i] == nil {
			return nil, fault.New(fault.Invalid, "the path leads to something that is no element of the resource")
		}
	}
	return nodes, nil
}

// one returns the place of the only element that a path leads to.
func (p *pathPatch) one(found []*fhir.Node) (place, error) {
	if len(found) != 1 {
		return place{}, fault.New(fault.Invalid, "the path leads to %d elements; it must lead to one", len(found))
	}
	at, ok := places(p.root)[found[0]]
	if !ok {
		return place{}, fault.New(fault.Invalid, "the path does not lead to an element of the resource")
	}
	return at, nil
}

func (p *pathPatch) add(op operation, found []*fhir.Node) error {
	at, err := p.one(found)
	if err != nil {
		return err
	}
	target, shape := found[0], at.own
	if at.parent != nil {
		list := read(at.parent, at.name)
		if v := &list[at.index]; v.value == nil || v.value.Kind() != fhir.Object { // a primitive has extensions only
			if v.ext == nil {
				v.ext = fhir.Obj()
				write(at.parent, at.shape, at.name, list)
			}
			target, shape = v.ext, definition.ShapeOf("Element")
		}
	}
	name, err := op.member(shape, op.name)
	if err != nil {
		return err
	}
	v, err := op.content(shape, name)
	if err != nil {
		return err
	}
	list := read(target, name)
	e, _, _ := shape.Child(name)
	if e.Choice() {
		for _, t := range e.Types {
			if other := e.Name + strings.ToUpper(t.Code[:1]) + t.Code[1:]; len(read(target, other)) > 0 {
				return fault.New(fault.Invalid, "there is a %s already; replace it", other)
			}
		}
	}
	if len(list) > 0 && e.Max == 1 {
		return fault.New(fault.Invalid, "there is a %s already; replace it", name)
	}
	write(target, shape, name, append(list, v))
	return nil
}

// list returns the member in which all the elements stand that a path leads to.
func (p *pathPatch) list(found []*fhir.Node) (place, []element, error) {
	all := places(p.root)
	if len(found) == 0 {
		return place{}, nil, fault.New(fault.Invalid, "the path leads to nothing; add the first element with add")
	}
	at, ok := all[found[0]]
	for _, v := range found {
		other, ok2 := all[v]
		if !ok || !ok2 || at.parent == nil || other.parent != at.parent || other.name != at.name {
			return place{}, nil, fault.New(fault.Invalid, "the path leads to elements of more than one list")
		}
	}
	list := read(at.parent, at.name)
	if len(found) != len(list) || !repeats(at.shape, at.name) {
		return place{}, nil, fault.New(fault.Invalid, "the path must lead to a whole list")
	}
	return at, list, nil
}

func (p *pathPatch) insert(op operation, found []*fhir.Node) error {
	at, list, err := p.list(found)
	if err != nil {
		return err
	}
	if op.index > len(list) {
		return fault.New(fault.Invalid, "the index is %d, but the list has %d elements", op.index, len(list))
	}
	v, err := op.content(at.shape, at.name)
	if err != nil {
		return err
	}
	write(at.parent, at.shape, at.name, slices.Insert(list, op.index, v))
	return nil
}

// delete takes one element away; when there is none, what is wanted is the case already.
func (p *pathPatch) delete(found []*fhir.Node) error {
	if len(found) == 0 {
		return nil
	}
	at, err := p.one(found)
	if err != nil {
		return err
	}
	if at.parent == nil {
		return fault.New(fault.Invalid, "the whole resource cannot be deleted by a patch")
	}
	list := read(at.parent, at.name)
	write(at.parent, at.shape, at.name, slices.Delete(list, at.index, at.index+1))
	return nil
}

func (p *pathPatch) replace(op operation, found []*fhir.Node) error {
	at, err := p.one(found)
	if err != nil {
		return err
	}
	if at.parent == nil {
		return fault.New(fault.Invalid, "the whole resource cannot be replaced by a patch; update it")
	}
	name := at.name
	if at.shape != nil {
		if e, _, ok := at.shape.Child(at.name); ok && e.Choice() && op.valueType != "" {
			if name, err = op.member(at.shape, e.Name); err != nil {
				return err
			}
		}
	}
	v, err := op.content(at.shape, name)
	if err != nil {
		return err
	}
	list := read(at.parent, at.name)
	list[at.index] = v
	if name != at.name {
		write(at.parent, at.shape, at.name, nil)
	}
	write(at.parent, at.shape, name, list)
	return nil
}

func (p *pathPatch) move(op operation, found []*fhir.Node) error {
	at, list, err := p.list(found)
	if err != nil {
		return err
	}
	if op.source >= len(list) || op.destination >= len(list) {
		return fault.New(fault.Invalid, "the list has %d elements, counted from 0", len(list))
	}
	moved := list[op.source]
	list = slices.Delete(list, op.source, op.source+1)
	write(at.parent, at.shape, at.name, slices.Insert(list, op.destination, moved))
	return nil
}

func clip(s string) string { return fault.Clip(s, 60) }
