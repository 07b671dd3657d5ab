package patch

import (
	stdxml "encoding/xml"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/xml"
)

const (
	fhirSpace  = "http://hl7.org/fhir"
	xhtmlSpace = "http://www.w3.org/1999/xhtml"
)

// XML carries out an XML Patch (RFC 5261) on the XML form of a resource: a document of add,
// replace and remove elements.
func XML(resource *fhir.Node, patch []byte) (*fhir.Node, error) {
	if len(patch) > fhir.MaxBytes {
		return nil, fault.New(fault.TooLarge, "The patch has %d bytes; the limit is %d.", len(patch), fhir.MaxBytes)
	}
	p, err := readTree(patch)
	if err != nil {
		return nil, err
	}
	if p.name.Local != "diff" && p.name.Local != "patch" {
		return nil, fault.New(fault.Malformed, "The root element of an XML Patch is diff.")
	}
	body, err := xml.Encode(resource)
	if err != nil {
		return nil, err
	}
	document, err := readTree(body)
	if err != nil {
		return nil, err
	}
	if err := patchTree(document, p); err != nil {
		return nil, err
	}
	after, err := xml.Decode(document.write(nil, ""))
	if err != nil {
		return nil, fault.New(fault.Invalid, "What the patch makes is no %s: %s", resource.ResourceType(), err.Error())
	}
	return after, nil
}

func patchTree(document, patch *node) error {
	n := 0
	for _, op := range patch.kids {
		if op.isText() {
			if strings.TrimSpace(op.text) != "" {
				return fault.New(fault.Malformed, "Text stands between the operations of the patch.")
			}
			continue
		}
		if n++; n > MaxOperations {
			return fault.New(fault.TooLarge, "The patch has more than %d operations.", MaxOperations)
		}
		if err := patchOne(document, patch, op); err != nil {
			return numbered(n, err)
		}
	}
	if n == 0 {
		return fault.New(fault.Malformed, "The patch has no operations.")
	}
	return nil
}

func patchOne(document, patch, op *node) error {
	text, _ := op.attr("sel")
	sel, err := readSelector(text, func(prefix string) (string, bool) { return namespace(prefix, op, patch) })
	if err != nil {
		return err
	}
	matches := sel.find(document)
	if len(matches) != 1 {
		return fault.New(fault.Invalid, "the sel selects %d nodes; it must select one", len(matches))
	}
	at := matches[0]
	switch op.name.Local {
	case "add":
		if sel.attr != "" || sel.text > 0 {
			return fault.New(fault.Malformed, "add needs a sel that selects an element")
		}
		return addNode(at, op)
	case "replace":
		return replaceNode(at, sel, op)
	case "remove":
		return removeNode(at, sel)
	}
	return fault.New(fault.Malformed, "the operations are add, replace and remove")
}

// namespace returns what a prefix stands for: as declared, and else as is usual in FHIR. A
// name without a prefix is one of FHIR.
func namespace(prefix string, scopes ...*node) (string, bool) {
	for _, n := range scopes {
		for _, a := range n.attrs {
			if a.Name.Space == "xmlns" && a.Name.Local == prefix {
				return a.Value, true
			}
		}
	}
	switch prefix {
	case "", "f":
		return fhirSpace, true
	case "h":
		return xhtmlSpace, true
	}
	return "", false
}

// given returns what an operation brings: without white space around elements.
func given(op *node) []*node {
	elements := slices.ContainsFunc(op.kids, func(n *node) bool { return !n.isText() })
	var out []*node
	for _, k := range op.kids {
		if elements && k.isText() && strings.TrimSpace(k.text) == "" {
			continue
		}
		if !k.isText() {
			k.adopt()
		}
		out = append(out, k)
	}
	return out
}

// adopt puts elements without a namespace into FHIR's.
func (n *node) adopt() {
	if n.name.Space == "" && !n.isText() {
		n.name.Space = fhirSpace
	}
	for _, k := range n.kids {
		k.adopt()
	}
}

func addNode(at found, op *node) error {
	if kind, ok := op.attr("type"); ok {
		name, isAttr := strings.CutPrefix(kind, "@")
		if !isAttr || !nameToken.MatchString(name) || strings.Contains(name, ":") {
			return fault.New(fault.NotSupported, "the type of what is added is an attribute such as @id, or is left out")
		}
		if _, there := at.node.attr(name); there {
			return fault.New(fault.Invalid, "the attribute is there already; replace it")
		}
		at.node.attrs = append(at.node.attrs, stdxml.Attr{Name: stdxml.Name{Local: name}, Value: op.content()})
		return nil
	}
	fresh := given(op)
	if len(fresh) == 0 {
		return fault.New(fault.Malformed, "add has nothing to add")
	}
	pos, _ := op.attr("pos")
	switch pos {
	case "":
		at.node.kids = append(at.node.kids, fresh...)
		return nil
	case "prepend":
		at.node.kids = append(fresh, at.node.kids...)
		return nil
	case "before", "after":
		if at.parent == nil {
			return fault.New(fault.Invalid, "nothing can stand beside the root element")
		}
		i := slices.Index(at.parent.kids, at.node)
		if pos == "after" {
			i++
		}
		at.parent.kids = slices.Insert(at.parent.kids, i, fresh...)
		return nil
	}
	return fault.New(fault.Malformed, "pos is prepend, before or after")
}

func replaceNode(at found, sel selector, op *node) error {
	switch {
	case sel.attr != "":
		for i, a := range at.node.attrs {
			if a.Name.Space == "" && a.Name.Local == sel.attr {
				at.node.attrs[i].Value = op.content()
				return nil
			}
		}
		return fault.New(fault.Invalid, "there is no such attribute; add it")
	case sel.text > 0:
		i, err := at.textAt(sel.text)
		if err == nil {
			at.node.kids[i] = &node{text: op.content()}
		}
		return err
	}
	fresh := given(op)
	if len(fresh) != 1 || fresh[0].isText() {
		return fault.New(fault.Malformed, "an element is replaced by one element")
	}
	if at.parent == nil {
		return fault.New(fault.Invalid, "the whole resource cannot be replaced by a patch; update it")
	}
	at.parent.kids[slices.Index(at.parent.kids, at.node)] = fresh[0]
	return nil
}

func removeNode(at found, sel selector) error {
	switch {
	case sel.attr != "":
		n := len(at.node.attrs)
		at.node.attrs = slices.DeleteFunc(at.node.attrs, func(a stdxml.Attr) bool { return a.Name.Space == "" && a.Name.Local == sel.attr })
		if len(at.node.attrs) == n {
			return fault.New(fault.Invalid, "there is no such attribute")
		}
		return nil
	case sel.text > 0:
		i, err := at.textAt(sel.text)
		if err == nil {
			at.node.kids = slices.Delete(at.node.kids, i, i+1)
		}
		return err
	case at.parent == nil:
		return fault.New(fault.Invalid, "the whole resource cannot be removed by a patch; delete it")
	}
	i := slices.Index(at.parent.kids, at.node)
	at.parent.kids = slices.Delete(at.parent.kids, i, i+1)
	return nil
}

// textAt returns where the n-th text node of an element stands, from 1.
func (f found) textAt(n int) (int, error) {
	for i, k := range f.node.kids {
		if k.isText() {
			if n--; n == 0 {
				return i, nil
			}
		}
	}
	return 0, fault.New(fault.Invalid, "there is no such text")
}
