package xml

import (
	"bytes"
	"encoding/xml"
	"html"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Encode writes a resource without white space between elements, the elements in the order
// of their definition. What XML cannot say (an unknown member, a control character) is a
// fault: nothing is left out silently.
func Encode(r *fhir.Node) ([]byte, error) {
	e := &encoder{}
	e.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	if err := e.resource(r, ` xmlns="`+fhirSpace+`"`); err != nil {
		return nil, err
	}
	return e.Bytes(), nil
}

type encoder struct{ bytes.Buffer }

func (e *encoder) resource(r *fhir.Node, space string) error {
	t := r.ResourceType()
	if !definition.IsResource(t) {
		return fault.New(fault.Invalid, "%q is no resource type of FHIR R4.", clip(t)).At("resourceType")
	}
	e.WriteString("<" + t + space + ">")
	if err := e.members(r, t, t); err != nil {
		return err
	}
	e.WriteString("</" + t + ">")
	return nil
}

// member is one element of an object on its way into XML.
type member struct {
	name         string
	element      *definition.Element
	code         string
	at           int
	value, other *fhir.Node
}

// sorted returns the members of an object in the order of the definition.
func sorted(n *fhir.Node, place, path string) ([]*member, error) {
	shape := definition.ShapeOf(place)
	if shape == nil || n.Kind() != fhir.Object {
		return nil, fault.New(fault.Invalid, "%s is not an object.", path).At(path)
	}
	found := map[string]*member{}
	var list []*member
	for key, v := range n.Members() {
		name := strings.TrimPrefix(key, "_")
		if key == "resourceType" && definition.IsResource(place) {
			continue
		}
		m := found[name]
		if m == nil {
			el, code, ok := shape.Child(name)
			if !ok {
				return nil, fault.New(fault.Invalid, "%s has no element %q, which XML could carry.", path, clip(key)).At(path)
			}
			m = &member{name: name, element: el, code: code}
			m.at = slices.IndexFunc(shape.Elements, func(e definition.Element) bool { return e.Path == el.Path })
			found[name] = m
			list = append(list, m)
		}
		if key == name {
			m.value = v
		} else {
			m.other = v
		}
	}
	slices.SortStableFunc(list, func(a, b *member) int { return a.at - b.at })
	return list, nil
}

// members writes the children of an object; attributes have been written.
func (e *encoder) members(n *fhir.Node, place, path string) error {
	list, err := sorted(n, place, path)
	if err != nil {
		return err
	}
	for _, m := range list {
		if attribute(place, m.element) {
			continue
		}
		for i := range max(length(m.value), length(m.other)) {
			if err := e.element(m, item(m.value, i), item(m.other, i), path+"."+m.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func length(n *fhir.Node) int {
	if n.Kind() == fhir.Array {
		return n.Len()
	}
	if n == nil {
		return 0
	}
	return 1
}

// item is At, with null as nothing.
func item(n *fhir.Node, i int) *fhir.Node {
	if v := n.At(i); v.Kind() != fhir.Null {
		return v
	}
	return nil
}

func (e *encoder) element(m *member, value, other *fhir.Node, path string) error {
	switch {
	case value == nil && other == nil:
		return nil
	case m.code == "xhtml":
		return e.narrative(value, path)
	case whole(m.code):
		e.WriteString("<" + m.name + ">")
		if err := e.resource(value, ""); err != nil {
			return err
		}
	case primitive(m.code):
		return e.primitive(m.name, value, other, path)
	default:
		place := definition.Below(m.element, m.code)
		e.WriteString("<" + m.name)
		for _, name := range []string{"id", "url"} {
			if v := value.Get(name); v != nil && (name == "id" || place == "Extension") {
				if err := e.attribute(name, v, path); err != nil {
					return err
				}
			}
		}
		e.WriteString(">")
		if err := e.members(value, place, path); err != nil {
			return err
		}
	}
	e.WriteString("</" + m.name + ">")
	return nil
}

func (e *encoder) primitive(name string, value, other *fhir.Node, path string) error {
	e.WriteString("<" + name)
	if id := other.Get("id"); id != nil {
		if err := e.attribute("id", id, path); err != nil {
			return err
		}
	}
	if value != nil {
		if err := e.attribute("value", value, path); err != nil {
			return err
		}
	}
	if other.Get("extension") == nil {
		e.WriteString("/>")
		return nil
	}
	e.WriteString(">")
	if err := e.members(other, "Element", path); err != nil {
		return err
	}
	e.WriteString("</" + name + ">")
	return nil
}

func (e *encoder) attribute(name string, v *fhir.Node, path string) error {
	if v.Kind() == fhir.Object || v.Kind() == fhir.Array {
		return fault.New(fault.Invalid, "%s is not a single value.", path).At(path)
	}
	if err := sayable(v.Text(), path); err != nil {
		return err
	}
	e.WriteString(" " + name + `="`)
	if err := xml.EscapeText(e, []byte(v.Text())); err != nil {
		return err
	}
	e.WriteString(`"`)
	return nil
}

// sayable refuses characters that XML 1.0 has no way to write.
func sayable(s, path string) error {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return fault.New(fault.Invalid, "%s holds a control character, which XML cannot carry.", path).At(path)
		}
	}
	return nil
}

// narrative writes a div. Named entities of HTML become the characters that they stand for,
// since XML does not know them; everything else stays as it is.
func (e *encoder) narrative(div *fhir.Node, path string) error {
	text := entities(strings.TrimSpace(div.Text()))
	if err := sayable(text, path); err != nil {
		return err
	}
	d := &decoder{body: []byte(text), tokens: xml.NewDecoder(strings.NewReader(text))}
	start, err := d.start()
	if err == nil {
		_, err = d.narrative(start)
	}
	if err != nil || int(d.tokens.InputOffset()) != len(text) {
		return fault.New(fault.Invalid, "%s is not a well-formed div of XHTML.", path).At(path)
	}
	e.WriteString(text)
	return nil
}

// entities replaces the named entities that XML itself does not have.
func entities(s string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '&')
		if at < 0 {
			return b.String() + s
		}
		end := strings.IndexByte(s[at:], ';')
		b.WriteString(s[:at])
		if end < 0 || end > 32 {
			b.WriteByte('&')
			s = s[at+1:]
			continue
		}
		entity := s[at : at+end+1]
		switch {
		case strings.HasPrefix(entity, "&#"), entity == "&amp;", entity == "&lt;", entity == "&gt;", entity == "&quot;", entity == "&apos;":
			b.WriteString(entity)
		default:
			b.WriteString(html.UnescapeString(entity))
		}
		s = s[at+end+1:]
	}
}
