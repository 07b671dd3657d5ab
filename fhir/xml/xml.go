// Package xml reads and writes FHIR resources in their XML form (R4 xml.html). In the
// program a resource is always a *fhir.Node, the tree of its JSON form; this package
// converts at the edge:
//
//	r, err := xml.Decode(body)
//	body, err = xml.Encode(r)
//
// The element tables of fhir/definition say which elements repeat, which are primitive and
// in which order they are written. Numbers keep their literal ("1.50"), extensions of
// primitives become _name members, comments are dropped, narrative stays as it is written.
//
// A document with a DOCTYPE or a processing instruction is refused unread: no entity is
// ever expanded but the five of XML itself.
package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

const (
	fhirSpace  = "http://hl7.org/fhir"
	xhtmlSpace = "http://www.w3.org/1999/xhtml"
	xsiSpace   = "http://www.w3.org/2001/XMLSchema-instance"
)

// IsResource reports whether a body is XML whose root is of the namespace of FHIR, as that of other documents in XML is
// not, whatever else stands in it.
func IsResource(body []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if start, ok := t.(xml.StartElement); ok {
			return start.Name.Space == fhirSpace
		}
	}
}

// Decode reads one resource. Faults name the line and the element, never a value.
func Decode(body []byte) (*fhir.Node, error) {
	if len(body) > fhir.MaxBytes {
		return nil, fault.New(fault.TooLarge, "The document has %d bytes; the limit is %d.", len(body), fhir.MaxBytes)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(body) {
		return nil, fault.New(fault.Malformed, "The XML is not valid UTF-8.")
	}
	d := &decoder{body: body, tokens: xml.NewDecoder(bytes.NewReader(body))}
	start, err := d.start()
	if err != nil {
		return nil, err
	}
	r, err := d.resource(start, 0)
	if err != nil {
		return nil, err
	}
	for {
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		if text, ok := t.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return nil, d.fail("something follows the end of the resource")
		}
	}
}

type decoder struct {
	body   []byte
	tokens *xml.Decoder
	values int
}

func (d *decoder) fail(format string, args ...any) error {
	line, column := d.tokens.InputPos()
	return fault.New(fault.Malformed, "The XML cannot be read at line %d, column %d: %s.", line, column, fmt.Sprintf(format, args...))
}

// next returns the next token that is not a comment.
func (d *decoder) next() (xml.Token, error) {
	for {
		first := d.tokens.InputOffset() == 0
		t, err := d.tokens.Token()
		if errors.Is(err, io.EOF) {
			return nil, err
		}
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return nil, d.fail("it is not well-formed")
		}
		if err != nil {
			return nil, d.fail("it cannot be decoded as UTF-8 XML")
		}
		switch t := t.(type) {
		case xml.Comment:
			continue
		case xml.Directive:
			return nil, d.fail("a DOCTYPE is not allowed")
		case xml.ProcInst:
			if first && t.Target == "xml" {
				continue
			}
			return nil, d.fail("a processing instruction is not allowed")
		}
		return t, nil
	}
}

// start returns the next start element; only white space may stand before it.
func (d *decoder) start() (xml.StartElement, error) {
	for {
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return xml.StartElement{}, d.fail("the document ends too early")
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) == 0 {
				continue
			}
		}
		return xml.StartElement{}, d.fail("a resource is expected here")
	}
}

func (d *decoder) resource(start xml.StartElement, depth int) (*fhir.Node, error) {
	if start.Name.Space != fhirSpace {
		return nil, d.fail("the root element is not in the namespace %s", fhirSpace)
	}
	if !definition.IsResource(start.Name.Local) {
		return nil, d.fail("%q is no resource type of FHIR R4", clip(start.Name.Local))
	}
	r := fhir.New(start.Name.Local)
	for _, a := range start.Attr {
		if !declaration(a) {
			return nil, d.fail("a resource has no attribute %q", clip(a.Name.Local))
		}
	}
	return r, d.members(r, start.Name.Local, start.Name.Local, depth)
}

// declaration reports whether an attribute only serves XML.
func declaration(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" || a.Name.Space == xsiSpace
}

// group collects the occurrences of one element: values and what primitives carry besides.
type group struct {
	element *definition.Element
	values  []*fhir.Node
	others  []*fhir.Node
}

// members reads the children of an object up to its end element.
func (d *decoder) members(into *fhir.Node, place, path string, depth int) error {
	if depth > fhir.MaxDepth {
		return fault.New(fault.TooLarge, "The document is nested deeper than %d levels.", fhir.MaxDepth)
	}
	shape := definition.ShapeOf(place)
	if shape == nil {
		return d.fail("%s cannot have content", path)
	}
	groups, order := map[string]*group{}, []string(nil)
	for {
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return d.fail("the document ends too early")
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			for _, name := range order {
				groups[name].write(into, name)
			}
			return nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return d.fail("%s holds text; values stand in attributes", path)
			}
		case xml.StartElement:
			name := t.Name.Local
			e, code, ok := shape.Child(name)
			if !ok || t.Name.Space != fhirSpace && !(code == "xhtml" && t.Name.Space == xhtmlSpace) || attribute(place, e) {
				return d.fail("%s has no element %q", path, clip(name))
			}
			g := groups[name]
			if g == nil {
				g = &group{element: e}
				groups[name] = g
				order = append(order, name)
			}
			if len(g.values) > 0 && e.Max == 1 {
				return d.fail("%s.%s stands twice", path, name)
			}
			if d.values++; d.values > fhir.MaxValues {
				return fault.New(fault.TooLarge, "The document holds more than %d values.", fhir.MaxValues)
			}
			level := depth
			if e.Max != 1 { // in JSON an array stands around it, which counts as well
				level++
			}
			value, other, err := d.element(t, e, code, path+"."+name, level)
			if err != nil {
				return err
			}
			g.values, g.others = append(g.values, value), append(g.others, other)
		}
	}
}

// attribute reports whether an element is written as an attribute: the id of an element,
// the url of an extension.
func attribute(place string, e *definition.Element) bool {
	return e.Name == "id" && !definition.IsResource(place) || e.Name == "url" && place == "Extension"
}

// element reads one element: its value and, for a primitive, its id and extensions.
func (d *decoder) element(start xml.StartElement, e *definition.Element, code, path string, depth int) (value, other *fhir.Node, err error) {
	switch {
	case code == "xhtml":
		value, err = d.narrative(start)
		return value, nil, err
	case whole(code):
		value, err = d.inner(depth)
		return value, nil, err
	case primitive(code):
		return d.primitive(start, code, path, depth)
	}
	value = fhir.Obj()
	place := definition.Below(e, code)
	for _, a := range start.Attr {
		switch {
		case declaration(a):
		case a.Name.Space == "" && (a.Name.Local == "id" || a.Name.Local == "url" && place == "Extension"):
			value.Set(a.Name.Local, fhir.Str(a.Value))
		default:
			return nil, nil, d.fail("%s has no attribute %q", path, clip(a.Name.Local))
		}
	}
	err = d.members(value, place, path, depth+1)
	if err == nil && value.Len() == 0 {
		err = d.fail("%s is empty", path)
	}
	return value, nil, err
}

// inner reads the resource in contained, entry.resource and the like.
func (d *decoder) inner(depth int) (*fhir.Node, error) {
	start, err := d.start()
	if err != nil {
		return nil, err
	}
	r, err := d.resource(start, depth+1)
	if err != nil {
		return nil, err
	}
	for {
		t, err := d.next()
		if err != nil {
			return nil, d.fail("the document ends too early")
		}
		switch t := t.(type) {
		case xml.EndElement:
			return r, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) == 0 {
				continue
			}
		}
		return nil, d.fail("one resource stands here, and nothing else")
	}
}

func (d *decoder) primitive(start xml.StartElement, code, path string, depth int) (value, other *fhir.Node, err error) {
	other = fhir.Obj()
	for _, a := range start.Attr {
		switch {
		case declaration(a):
		case a.Name.Space == "" && a.Name.Local == "value":
			if value, err = d.literal(code, a.Value, path); err != nil {
				return nil, nil, err
			}
		case a.Name.Space == "" && a.Name.Local == "id":
			other.Set("id", fhir.Str(a.Value))
		default:
			return nil, nil, d.fail("%s has no attribute %q", path, clip(a.Name.Local))
		}
	}
	if err := d.members(other, "Element", path, depth+1); err != nil {
		return nil, nil, err
	}
	if other.Len() == 0 {
		other = nil
	}
	if value == nil && other == nil {
		return nil, nil, d.fail("%s has neither a value nor an extension", path)
	}
	return value, other, nil
}

// literal makes the JSON value of a primitive.
func (d *decoder) literal(code, text, path string) (*fhir.Node, error) {
	switch code {
	case "boolean":
		if text != "true" && text != "false" {
			return nil, d.fail("%s is true or false", path)
		}
		return fhir.Bool(text == "true"), nil
	case "integer", "positiveInt", "unsignedInt", "decimal":
		n, err := fhir.Parse([]byte(text))
		if err != nil || n.Kind() != fhir.Number || n.Text() != text {
			return nil, d.fail("%s is a number such as 1.50", path)
		}
		return fhir.Decimal(text), nil
	}
	if text == "" {
		return nil, d.fail("%s has an empty value", path)
	}
	return fhir.Str(text), nil
}

// lines makes the ends of lines what they are for an XML reader (XML 1.0, 2.11).
var lines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// narrative takes a div as it is written.
func (d *decoder) narrative(start xml.StartElement) (*fhir.Node, error) {
	end := d.tokens.InputOffset()
	begin := bytes.LastIndexByte(d.body[:end], '<')
	if start.Name.Space != xhtmlSpace || !bytes.HasPrefix(d.body[begin:], []byte("<div")) {
		return nil, d.fail("narrative is a div that declares the namespace %s without a prefix", xhtmlSpace)
	}
	for open := 1; open > 0; {
		t, err := d.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = d.fail("the document ends too early")
			}
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if open++; open > 1000 {
				return nil, fault.New(fault.TooLarge, "The narrative is nested deeper than 1000 levels.")
			}
			if t.Name.Space != xhtmlSpace {
				return nil, d.fail("narrative holds elements of XHTML only")
			}
		case xml.EndElement:
			open--
		}
	}
	return fhir.Str(lines.Replace(string(d.body[begin:d.tokens.InputOffset()]))), nil
}

// write puts a group into its object.
func (g *group) write(into *fhir.Node, name string) {
	if g.element.Max == 1 {
		into.Set(name, g.values[0])
		into.Set("_"+name, g.others[0])
		return
	}
	into.Set(name, list(g.values))
	into.Set("_"+name, list(g.others))
}

// list makes an array in which null stands for what is absent; nil when all is.
func list(items []*fhir.Node) *fhir.Node {
	arr, some := fhir.Arr(), false
	for _, n := range items {
		if n == nil {
			n, _ = fhir.Parse([]byte("null"))
		} else {
			some = true
		}
		arr.Append(n)
	}
	if !some {
		return nil
	}
	return arr
}

// whole reports whether a type code stands for a resource in its own element.
func whole(code string) bool { return code == "Resource" || definition.IsResource(code) }

// primitive reports whether a type code is that of a primitive.
func primitive(code string) bool {
	if strings.HasPrefix(code, "http://hl7.org/fhirpath/") {
		return true
	}
	t, ok := definition.Lookup(code)
	return ok && t.Kind == "primitive-type"
}

func clip(s string) string { return fault.Clip(s, 60) }
