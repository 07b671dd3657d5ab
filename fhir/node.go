// Package fhir holds a FHIR resource as a document tree.
//
// A resource is a *Node of kind Object. The tree keeps what was read: the order of
// members, unknown members, and numbers exactly as they were written ("1.50" stays
// "1.50"). There are no generated structs; what an element may contain is known by
// fhir/definition and checked by fhir/validate. Typed views of a resource (a medication,
// a vital sign) live in the practice packages.
//
//	r, err := fhir.Parse(body)
//	name := r.Get("name").At(0).Get("family").Text()   // "" when absent: getters accept nil
//	r.Set("active", fhir.Bool(true))
//	body = r.JSON()
//
// Getters never fail and never return errors; a missing element is a nil *Node, and every
// getter works on nil. Nodes are not safe for concurrent change.
package fhir

import (
	"iter"
	"strconv"
	"strings"
)

// Kind is the JSON kind of a node.
type Kind uint8

// The kinds. A nil *Node has kind Absent.
const (
	Absent Kind = iota
	Null
	Boolean
	Number
	String
	Array
	Object
)

// Node is one value in a document tree.
type Node struct {
	kind Kind
	text string   // String: the value; Number, Boolean: the literal as written
	list []member // Object: members in order; Array: items with empty names
}

type member struct {
	name string
	node *Node
}

// Str returns a string node.
func Str(s string) *Node { return &Node{kind: String, text: s} }

// Bool returns a boolean node.
func Bool(b bool) *Node { return &Node{kind: Boolean, text: strconv.FormatBool(b)} }

// Int returns a number node.
func Int(i int64) *Node { return &Node{kind: Number, text: strconv.FormatInt(i, 10)} }

// Decimal returns a number node that is written exactly as the literal; the caller vouches
// that it is a JSON number.
func Decimal(literal string) *Node { return &Node{kind: Number, text: literal} }

// Obj returns an object of alternating names and values: Obj("system", "…", "code", "…").
// Values may be *Node, string, bool, int, int64; nil nodes and empty strings are left out.
func Obj(pairs ...any) *Node {
	n := &Node{kind: Object}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Set(pairs[i].(string), toNode(pairs[i+1]))
	}
	return n
}

// Arr returns an array of values as in Obj; nil nodes and empty strings are left out.
func Arr(items ...any) *Node {
	n := &Node{kind: Array}
	for _, it := range items {
		n.Append(toNode(it))
	}
	return n
}

// New returns an empty resource of a type.
func New(resourceType string) *Node { return Obj("resourceType", resourceType) }

func toNode(v any) *Node {
	switch v := v.(type) {
	case nil:
		return nil
	case *Node:
		return v
	case string:
		if v == "" {
			return nil
		}
		return Str(v)
	case bool:
		return Bool(v)
	case int:
		return Int(int64(v))
	case int64:
		return Int(v)
	}
	panic("fhir: a node is made of *Node, string, bool, int or int64")
}

// Kind returns the node's kind; Absent for nil.
func (n *Node) Kind() Kind {
	if n == nil {
		return Absent
	}
	return n.kind
}

// Text returns a string's value, or a number's or boolean's literal; "" otherwise.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// True reports whether the node is the boolean true.
func (n *Node) True() bool { return n != nil && n.kind == Boolean && n.text == "true" }

// Float returns a number's value as float64, for drawing and comparing, never for storing.
func (n *Node) Float() (float64, bool) {
	if n == nil || n.kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.text, 64)
	return f, err == nil
}

// Get returns an object's member, or nil. On an array it asks the first item, so that
// r.Get("name").Get("family") reads the first name.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	if n.kind == Array {
		return n.At(0).Get(name)
	}
	for i := range n.list {
		if n.list[i].name == name {
			return n.list[i].node
		}
	}
	return nil
}

// Path is Get along a dotted path in which a number is an array index:
// r.Path("code.coding.0.display").
func (n *Node) Path(path string) *Node {
	for more := true; more && n != nil; {
		var part string
		part, path, more = strings.Cut(path, ".")
		if i, ok := index(part); ok {
			n = n.At(i)
			continue
		}
		n = n.Get(part)
	}
	return n
}

// index reads a part of a path as the index of an array. Most parts are names, which strconv.Atoi
// would make an error of.
func index(part string) (int, bool) {
	if part == "" || part[0] > '9' {
		return 0, false
	}
	i, err := strconv.Atoi(part)
	return i, err == nil
}

// Len returns the number of items or members.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	return len(n.list)
}

// At returns an array's item, or nil when it is out of range. A node that is not an array
// behaves as an array of itself.
func (n *Node) At(i int) *Node {
	switch {
	case n == nil || i < 0:
		return nil
	case n.kind != Array:
		if i == 0 {
			return n
		}
		return nil
	case i >= len(n.list):
		return nil
	}
	return n.list[i].node
}

// Items ranges over an array's items; over the node itself when it is not an array; over
// nothing when it is absent.
func (n *Node) Items() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		if n.kind != Array {
			yield(n)
			return
		}
		for i := range n.list {
			if !yield(n.list[i].node) {
				return
			}
		}
	}
}

// Members ranges over an object's members in order.
func (n *Node) Members() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		if n == nil || n.kind != Object {
			return
		}
		for i := range n.list {
			if !yield(n.list[i].name, n.list[i].node) {
				return
			}
		}
	}
}

// Set puts an object's member, in its place when it exists and at the end otherwise.
// Setting nil removes it.
func (n *Node) Set(name string, v *Node) {
	if v == nil {
		n.Remove(name)
		return
	}
	for i := range n.list {
		if n.list[i].name == name {
			n.list[i].node = v
			return
		}
	}
	n.list = append(n.list, member{name, v})
}

// SetFirst is Set, but a new member goes to the position i instead of the end: id and meta
// stand directly behind resourceType.
func (n *Node) SetFirst(i int, name string, v *Node) {
	for j := range n.list {
		if n.list[j].name == name {
			n.list[j].node = v
			return
		}
	}
	i = min(i, len(n.list))
	n.list = append(n.list, member{})
	copy(n.list[i+1:], n.list[i:])
	n.list[i] = member{name, v}
}

// Remove takes an object's member away; removing what is not there is no error.
func (n *Node) Remove(name string) {
	for i := range n.list {
		if n.list[i].name == name {
			n.list = append(n.list[:i], n.list[i+1:]...)
			return
		}
	}
}

// Append adds items to an array; nil items are left out.
func (n *Node) Append(items ...*Node) {
	for _, it := range items {
		if it != nil {
			n.list = append(n.list, member{node: it})
		}
	}
}

// Clone returns a deep copy.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := &Node{kind: n.kind, text: n.text}
	if len(n.list) > 0 {
		c.list = make([]member, len(n.list))
		for i, m := range n.list {
			c.list[i] = member{m.name, m.node.Clone()}
		}
	}
	return c
}

// ResourceType returns the resource's type, for example "Patient".
func (n *Node) ResourceType() string { return n.Get("resourceType").Text() }

// ID returns the resource's logical id.
func (n *Node) ID() string { return n.Get("id").Text() }

// SetID sets the resource's logical id.
func (n *Node) SetID(id string) { n.SetFirst(1, "id", Str(id)) }

// Reference returns "Type/id" for a resource that has both.
func (n *Node) Reference() string {
	if n.ID() == "" {
		return ""
	}
	return n.ResourceType() + "/" + n.ID()
}

// IDIn returns the id that a reference names, relative, absolute or with a version, when it points at a
// resource of a type; "" else.
func IDIn(reference, resourceType string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	if i := strings.LastIndex("/"+reference, "/"+resourceType+"/"); i >= 0 {
		return reference[i+len(resourceType)+1:]
	}
	return ""
}

// FirstText returns the first text that is not empty.
func FirstText(nodes ...*Node) string {
	for _, n := range nodes {
		if n.Text() != "" {
			return n.Text()
		}
	}
	return ""
}

// ConceptText returns how a CodeableConcept reads: its text, else the first display, else the first code.
func ConceptText(concept *Node) string {
	if t := concept.Get("text").Text(); t != "" {
		return t
	}
	for c := range concept.Get("coding").Items() {
		if d := c.Get("display").Text(); d != "" {
			return d
		}
	}
	return concept.Path("coding.0.code").Text()
}
