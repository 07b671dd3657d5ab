package cda

import (
	"iter"
	"strings"
)

// Element is an element of a document, or a text between elements. Its getters work on nil, which
// is what a missing element is, so that a path can be asked without a check for each step.
type Element struct {
	// Name is the local name in the namespace of CDA, "sdtc:raceCode" in that of its extensions,
	// "?:name" in another; "" for a text.
	Name string
	Text string // of a text

	attributes        []Attribute
	first, last, next *Element
}

// Attribute is an attribute of an element; those of XML Schema are named "xsi:type" and so on.
type Attribute struct{ Name, Value string }

// Attr returns an attribute, "" when there is none.
func (e *Element) Attr(name string) string {
	if e == nil {
		return ""
	}
	for i := range e.attributes {
		if e.attributes[i].Name == name {
			return e.attributes[i].Value
		}
	}
	return ""
}

// Has reports whether there is an attribute.
func (e *Element) Has(name string) bool {
	if e == nil {
		return false
	}
	for i := range e.attributes {
		if e.attributes[i].Name == name {
			return true
		}
	}
	return false
}

// Attributes returns the attributes in their order.
func (e *Element) Attributes() []Attribute {
	if e == nil {
		return nil
	}
	return e.attributes
}

// Children goes over what is in an element, texts too.
func (e *Element) Children() iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for c := e.first; c != nil; c = c.next {
			if !yield(c) {
				return
			}
		}
	}
}

// All goes over the children with a name.
func (e *Element) All(name string) iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for c := e.first; c != nil; c = c.next {
			if c.Name == name && !yield(c) {
				return
			}
		}
	}
}

// Child returns the first child with a name.
func (e *Element) Child(name string) *Element {
	if e == nil {
		return nil
	}
	for c := e.first; c != nil; c = c.next {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// At follows a path of names, the first child of each: "participantRole/playingEntity/code".
func (e *Element) At(path string) *Element {
	for path != "" && e != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		e = e.Child(name)
	}
	return e
}

// Is reports whether an element follows a template, whatever its release.
func (e *Element) Is(root string) bool {
	for t := range e.All("templateId") {
		if t.Attr("root") == root {
			return true
		}
	}
	return false
}

// Follows reports whether an element follows one release of a template.
func (e *Element) Follows(root, extension string) bool {
	for t := range e.All("templateId") {
		if t.Attr("root") == root && t.Attr("extension") == extension {
			return true
		}
	}
	return false
}

// Type returns the data type that a value says it has ("PQ", "IVL_TS"), without a prefix.
func (e *Element) Type() string {
	t := e.Attr("xsi:type")
	if i := strings.IndexByte(t, ':'); i >= 0 {
		t = t[i+1:]
	}
	return t
}

// Null returns the nullFlavor: why a value is missing, as the document has it.
func (e *Element) Null() string { return e.Attr("nullFlavor") }

// Content returns all text in an element, with one space for each run of white space, without what its author
// has struck out.
func (e *Element) Content() string {
	if e == nil || e.first == nil {
		if e != nil && e.Name == "" {
			return collapse(e.Text)
		}
		return ""
	}
	if e.first.Name == "" && e.first.next == nil {
		return collapse(e.first.Text)
	}
	var b strings.Builder
	e.write(&b)
	return collapse(b.String())
}

func (e *Element) write(b *strings.Builder) {
	if e.Name == "" {
		b.WriteString(e.Text)
		return
	}
	switch {
	case e.Attr("revised") == "delete":
	case levels[e.Name] != nil:
		b.WriteString(raised(e))
	default:
		for c := e.first; c != nil; c = c.next {
			c.write(b)
		}
	}
}

// Reference returns the ID that a text or originalText refers to, without "#"; "" when it is a
// text itself or refers out of the document.
func (e *Element) Reference() string {
	v := strings.TrimSpace(e.Child("reference").Attr("value"))
	if !strings.HasPrefix(v, "#") {
		return ""
	}
	return v[1:]
}
