package fhirpath

import (
	"strings"
	"sync"

	"github.com/osler-emr/osler/fhir/definition"
)

// typeInfo is what navigation needs to know about a FHIR type, or about a backbone element
// (whose name is "BackboneElement").
type typeInfo struct {
	name      string
	base      *typeInfo
	resource  bool
	primitive bool
	binding   string // of a code: the required value set
	children  map[string]*child
}

// child is one element of a type. A choice ("value[x]") has several members.
type child struct {
	member    string // "birthDate"
	companion string // "_birthDate", "" when the element is not primitive
	typ       *typeInfo
	choice    map[string]*child // by member: "valueQuantity"
}

// is reports whether the type is name or derives from it.
func (t *typeInfo) is(name string) bool {
	for ; t != nil; t = t.base {
		if t.name == name {
			return true
		}
	}
	return false
}

// schemas holds the types that were asked for, complete with all that they refer to.
var schemas struct {
	sync.Map // name -> *typeInfo
	build    sync.Mutex
}

// typeNamed returns a type by name, or nil.
func typeNamed(name string) *typeInfo {
	if t, ok := schemas.Load(name); ok {
		return t.(*typeInfo)
	}
	if _, ok := definition.Lookup(name); !ok {
		return nil
	}
	schemas.build.Lock()
	defer schemas.build.Unlock()
	b := builder{types: map[string]*typeInfo{}, elements: map[string]*typeInfo{}}
	t := b.named(name)
	for name, t := range b.types {
		if t != nil {
			schemas.LoadOrStore(name, t)
		}
	}
	return t
}

func isResourceType(name string) bool {
	return definition.IsResource(name) || name == "Resource" || name == "DomainResource"
}

type builder struct {
	types    map[string]*typeInfo
	elements map[string]*typeInfo // by path, of those that have children of their own
}

// named builds a type, unless it is built already or on the way.
func (b *builder) named(name string) *typeInfo {
	if t, ok := b.types[name]; ok {
		return t
	}
	if t, ok := schemas.Load(name); ok {
		return t.(*typeInfo)
	}
	t, ok := definition.Lookup(name)
	if !ok {
		return nil
	}
	info := &typeInfo{name: name, resource: t.Kind == "resource", primitive: t.Kind == "primitive-type", children: map[string]*child{}}
	b.types[name] = info
	info.base = b.named(t.Base)
	if info.primitive {
		return info // id and extension stand in the companion, see step
	}
	b.elements[name] = info
	for i := range t.Elements {
		b.declare(&t.Elements[i])
	}
	for i := range t.Elements {
		b.add(&t.Elements[i])
	}
	return info
}

// declare makes a type for an element whose children are declared in place.
func (b *builder) declare(e *definition.Element) {
	if len(e.Types) != 1 || !strings.Contains(e.Path, ".") {
		return
	}
	if code := e.Types[0].Code; code == "BackboneElement" || code == "Element" {
		b.elements[e.Path] = &typeInfo{name: code, base: b.named(code), children: map[string]*child{}}
	}
}

func (b *builder) add(e *definition.Element) {
	dot := strings.LastIndexByte(e.Path, '.')
	if dot < 0 {
		return
	}
	parent := b.elements[e.Path[:dot]]
	if parent == nil {
		return
	}
	if e.Content != "" {
		parent.children[e.Name] = &child{member: e.Name, typ: b.elements[e.Content]}
		return
	}
	if !strings.HasSuffix(e.Path, "[x]") {
		code := ""
		if len(e.Types) > 0 {
			code = e.Types[0].Code
		}
		parent.children[e.Name] = b.child(e, e.Name, code)
		return
	}
	choice := &child{member: e.Name, choice: map[string]*child{}}
	for _, t := range e.Types {
		member := e.Name + strings.ToUpper(t.Code[:1]) + t.Code[1:]
		choice.choice[member] = b.child(e, member, t.Code)
	}
	parent.children[e.Name] = choice
}

func (b *builder) child(e *definition.Element, member, code string) *child {
	if own := b.elements[e.Path]; own != nil {
		return &child{member: member, typ: own}
	}
	switch parent, _, _ := strings.Cut(e.Path, "."); {
	case strings.HasPrefix(code, "http://hl7.org/fhirpath/System.") || strings.HasPrefix(code, "System."):
		code = "string" // id, url and value of the base types
	case e.Path == parent+".id" && b.elements[parent] != nil && b.elements[parent].resource:
		code = "id" // the definition says string, the specification id
	}
	c := &child{member: member, typ: b.named(code)}
	if c.typ != nil && c.typ.primitive {
		c.companion = "_" + member
	}
	if code == "code" && e.Binding != "" && e.Strength == "required" {
		bound := *c.typ
		bound.binding = e.Binding
		c.typ = &bound
	}
	return c
}
