package patch

import (
	"bytes"
	stdxml "encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// node is one node of an XML document: an element, or text when it has no name. A patch of
// XML is about the document, so that it needs one; fhir/xml converts from and to FHIR.
type node struct {
	name  stdxml.Name
	attrs []stdxml.Attr
	kids  []*node
	text  string
}

func (n *node) isText() bool { return n.name.Local == "" }

// attr returns the value of an attribute without namespace.
func (n *node) attr(name string) (string, bool) {
	for _, a := range n.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// content is the text in a node.
func (n *node) content() string {
	if n.isText() {
		return n.text
	}
	var b strings.Builder
	for _, k := range n.kids {
		b.WriteString(k.content())
	}
	return b.String()
}

// readTree reads a document; comments are left out, and a DOCTYPE or a processing
// instruction is refused.
func readTree(body []byte) (*node, error) {
	bad := func(why string) error { return fault.New(fault.Malformed, "The XML cannot be read: %s.", why) }
	if !utf8.Valid(body) {
		return nil, bad("it is not valid UTF-8")
	}
	d := stdxml.NewDecoder(bytes.NewReader(body))
	top := &node{}
	path, count := []*node{top}, 0
	for {
		first := d.InputOffset() == 0
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bad("it is not well-formed")
		}
		if count++; count > fhir.MaxValues {
			return nil, fault.New(fault.TooLarge, "The XML has more than %d nodes.", fhir.MaxValues)
		}
		parent := path[len(path)-1]
		switch t := t.(type) {
		case stdxml.StartElement:
			if len(path) > fhir.MaxDepth {
				return nil, fault.New(fault.TooLarge, "The XML is nested deeper than %d levels.", fhir.MaxDepth)
			}
			n := &node{name: t.Name, attrs: t.Copy().Attr}
			parent.kids = append(parent.kids, n)
			path = append(path, n)
		case stdxml.EndElement:
			path = path[:len(path)-1]
		case stdxml.CharData:
			if len(path) > 1 {
				parent.kids = append(parent.kids, &node{text: string(t)})
			}
		case stdxml.ProcInst:
			if !first || t.Target != "xml" {
				return nil, bad("a processing instruction is not allowed")
			}
		case stdxml.Directive:
			return nil, bad("a DOCTYPE is not allowed")
		}
	}
	if len(top.kids) != 1 {
		return nil, bad("a document has one root element")
	}
	return top.kids[0], nil
}

// write appends the document; a namespace is declared where it changes.
func (n *node) write(b []byte, space string) []byte {
	if n.isText() {
		return escape(b, n.text)
	}
	b = append(append(b, '<'), n.name.Local...)
	if n.name.Space != space {
		b = quoted(append(b, " xmlns="...), n.name.Space)
	}
	for _, a := range n.attrs {
		switch a.Name.Space {
		case "":
			if a.Name.Local == "xmlns" {
				continue
			}
		case "xml", "http://www.w3.org/XML/1998/namespace":
			a.Name.Local = "xml:" + a.Name.Local
		default:
			continue // declarations of prefixes that are not used
		}
		b = quoted(append(append(append(b, ' '), a.Name.Local...), '='), a.Value)
	}
	if len(n.kids) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	for _, k := range n.kids {
		b = k.write(b, n.name.Space)
	}
	return append(append(append(b, "</"...), n.name.Local...), '>')
}

// escape writes text as it stands in a narrative: only what must be is escaped.
func escape(b []byte, text string) []byte {
	return append(b, escaper.Replace(text)...)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// quoted is escape for the value of an attribute.
func quoted(b []byte, text string) []byte {
	return append(append(append(b, '"'), quoter.Replace(text)...), '"')
}

var quoter = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "\n", "&#xA;", "\r", "&#xD;", "\t", "&#x9;")
