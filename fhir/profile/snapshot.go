package profile

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Snapshot returns the elements that a StructureDefinition's differential makes of its base
// (R4 profiling.html#snapshot): each element once, in the order of the base, slices behind
// the element they are cut from, the content of data types where the differential looks
// into it.
func (l *Library) Snapshot(sd *fhir.Node) (*fhir.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.merge(sd, nil)
	if err != nil {
		return nil, err
	}
	list := fhir.Arr()
	list.Append(t.write(nil, "", "")...)
	return fhir.Obj("element", list), nil
}

// treeOf returns the tree of a definition, from its snapshot or made here. open are the
// definitions that are being made.
func (l *Library) treeOf(canonical string, open []string) (*tree, error) {
	if t, ok := l.trees[canonical]; ok {
		return t, nil
	}
	if slices.Contains(open, canonical) || len(open) > maxNesting {
		return nil, fault.New(fault.Invalid, "The StructureDefinition %s is derived from itself.", clip(canonical))
	}
	var t *tree
	var err error
	if l.shared(canonical) {
		core.mu.Lock()
		t, err = core.treeOf(canonical, nil)
		core.mu.Unlock()
		if err == nil {
			l.trees[canonical] = t
		}
		return t, err
	}
	sd := l.Structure(canonical)
	if sd == nil {
		return nil, notFound(canonical)
	}
	if elements := sd.Path("snapshot.element"); elements.Len() > 0 {
		t, err = grow(elements)
	} else {
		t, err = l.merge(sd, append(slices.Clone(open), canonical))
	}
	if err != nil {
		return nil, err
	}
	l.trees[canonical] = t
	return t, nil
}

// merging is one differential on its way into a tree.
type merging struct {
	library *Library
	root    *tree
	url     string
	open    []string
	count   int
	// narrowed is the choice of which the element being applied names one type.
	narrowed *tree
	named    []*tree // all these
}

func (l *Library) merge(sd *fhir.Node, open []string) (*tree, error) {
	differential := sd.Path("differential.element")
	if differential.Len() > maxElements {
		return nil, fault.New(fault.Invalid, "A differential has up to %d elements.", maxElements)
	}
	base := sd.Get("baseDefinition").Text()
	if base == "" || sd.Get("derivation").Text() == "specialization" {
		return nil, fault.New(fault.NotSupported, "Only profiles get a snapshot; this StructureDefinition defines a type of its own.")
	}
	from, err := l.treeOf(base, open)
	if err != nil {
		return nil, err
	}
	m := &merging{library: l, root: from.derive(), url: sd.Get("url").Text(), open: open}
	m.count = m.root.size()
	for e := range differential.Items() {
		if err := m.apply(e); err != nil {
			return nil, err
		}
	}
	m.settle()
	return m.root, nil
}

// settle narrows choices of which only one type is named, where that means this type only:
// in extensions, and in R4's own profiles, which were published by an older tool.
func (m *merging) settle() {
	if m.root.name != "Extension" && !strings.HasPrefix(m.url, definition.Prefix) {
		return
	}
	for _, main := range m.named {
		if len(main.slices) == 1 {
			narrow(main.element, main.slices[0].element.Path("type.0.code").Text())
			main.element.Get("slicing").Set("rules", fhir.Str("closed"))
		}
	}
}

// step is one part of an element's id: name and slice.
type step struct{ name, slice string }

// steps reads the place of an element of a differential: its id where it fits the path,
// else the path and sliceName.
func steps(e *fhir.Node) []step {
	names := strings.Split(e.Get("path").Text(), ".")
	out := make([]step, len(names))
	rest, fits := e.Get("id").Text(), true
	for i, name := range names {
		out[i].name = name
		if !fits {
			continue
		}
		if rest, fits = strings.CutPrefix(rest, name); !fits {
			continue
		}
		end := len(rest)
		if i+1 < len(names) {
			if end = strings.Index(rest, "."+names[i+1]); end < 0 {
				fits = false
				continue
			}
		}
		if end > 0 {
			out[i].slice = strings.TrimPrefix(rest[:end], ":")
		}
		rest = strings.TrimPrefix(rest[end:], ".")
	}
	if name := e.Get("sliceName").Text(); name != "" {
		out[len(out)-1].slice = name
	}
	return out
}

// apply finds the place of one element of the differential and changes what stands there.
func (m *merging) apply(e *fhir.Node) error {
	place := steps(e)
	if len(place) > maxNesting {
		return fault.New(fault.Invalid, "The path of an element has more than %d parts.", maxNesting)
	}
	if place[0].name != m.root.name {
		return fault.New(fault.Invalid, "The path %s does not begin with the type %s.", clip(e.Get("path").Text()), m.root.name)
	}
	t, inSlice := m.root, false
	m.narrowed = nil
	for _, s := range place[1:] {
		next, err := m.walk(t, s, inSlice)
		if err != nil {
			return fault.Wrap(err, fault.CodeOf(err), "The element %s of the differential cannot be placed", clip(e.Get("path").Text()))
		}
		t, inSlice = next, inSlice || s.slice != ""
	}
	overlay(t.element, e, m.url)
	if main := m.narrowed; main != nil && t.slice != "" && t.element.Get("min").Text() == "1" {
		// A choice that must be of one type is of this type only.
		main.element.Set("min", fhir.Int(1))
		narrow(main.element, t.element.Path("type.0.code").Text())
	}
	if e.Get("sliceName") != nil && t.slice == "" && t != m.root {
		t.slice = e.Get("sliceName").Text()
	}
	return nil
}

// walk goes one step down, opening data types and cutting slices on the way. A name such as
// valueQuantity stands for a slice of value[x], but narrows the choice itself inside of
// another slice; so does the publisher of HL7.
func (m *merging) walk(t *tree, s step, inSlice bool) (*tree, error) {
	if err := m.expand(t); err != nil {
		return nil, err
	}
	kid := t.kid(s.name)
	if kid == nil {
		var code string
		if kid, code = t.choice(s.name); kid == nil {
			return nil, fault.New(fault.Invalid, "There is no element %s in %s.", clip(s.name), t.name)
		}
		if inSlice && len(kid.slices) == 0 {
			narrow(kid.element, code)
			return kid, nil
		}
		m.narrowed = kid
		if found := kid.sliced(s.name); found != nil {
			return found, nil
		}
		m.named = append(m.named, kid)
		made, err := m.cut(kid, s.name)
		if err == nil {
			narrow(made.element, code)
		}
		return made, err
	}
	if s.slice == "" {
		return kid, nil
	}
	if found := kid.sliced(s.slice); found != nil {
		return found, nil
	}
	return m.cut(kid, s.slice)
}

// choice finds the choice element that a name such as valueQuantity is short for.
func (t *tree) choice(name string) (*tree, string) {
	for _, k := range t.kids {
		stem, ok := strings.CutSuffix(k.name, "[x]")
		if !ok || !strings.HasPrefix(name, stem) {
			continue
		}
		for typ := range k.element.Get("type").Items() {
			code := typ.Get("code").Text()
			if code != "" && name == stem+strings.ToUpper(code[:1])+code[1:] {
				return k, code
			}
		}
	}
	return nil, ""
}

// narrow leaves an element one type.
func narrow(e *fhir.Node, code string) {
	for typ := range e.Get("type").Items() {
		if typ.Get("code").Text() == code {
			e.Set("type", fhir.Arr(typ.Clone()))
			return
		}
	}
}

// cut makes a new slice of an element, which begins as the element of the base.
func (m *merging) cut(kid *tree, slice string) (*tree, error) {
	from := kid.from
	if main, _, re := strings.Cut(slice, "/"); re { // a slice of a slice
		if s := kid.sliced(main); s != nil {
			from = s
		}
	}
	if from == nil {
		from = kid
	}
	made := from.derive()
	if m.count += made.size(); m.count > maxElements {
		return nil, fault.New(fault.TooCostly, "The snapshot would have more than %d elements.", maxElements)
	}
	made.slice, made.slices = slice, nil
	made.element.Remove("slicing")
	made.element.Set("min", fhir.Int(0)) // what the whole needs may come from other slices
	kid.slices = append(kid.slices, made)
	if kid.element.Get("slicing") == nil {
		kid.element.Set("slicing", impliedSlicing(kid.name))
	}
	return made, nil
}

// impliedSlicing is how extensions and choices are always sliced.
func impliedSlicing(name string) *fhir.Node {
	kind, path := "value", "url"
	if strings.HasSuffix(name, "[x]") {
		kind, path = "type", "$this"
	} else if name != "extension" && name != "modifierExtension" {
		return nil
	}
	return fhir.Obj("discriminator", fhir.Arr(fhir.Obj("type", kind, "path", path)), "ordered", false, "rules", "open")
}

// expand gives an element the children of its content reference, type or type profile,
// unless it has children already.
func (m *merging) expand(t *tree) error {
	if len(t.kids) > 0 {
		return nil
	}
	var from *tree
	var err error
	types := t.element.Get("type")
	switch ref := t.element.Get("contentReference").Text(); {
	case ref != "":
		if from = m.referenced(ref); from == nil {
			return fault.New(fault.Invalid, "The content reference of an element leads nowhere.")
		}
	case types.Len() == 0:
		return fault.New(fault.Invalid, "The element %s has no type, so it has no content.", clip(t.name))
	default:
		url := definition.Prefix + contentType(types.At(0))
		if types.Len() > 1 {
			url = definition.Prefix + "Element" // what all types have
		} else if p := types.At(0).Get("profile"); p.Len() == 1 && m.library.Structure(p.At(0).Text()) != nil {
			url = p.At(0).Text()
		}
		if from, err = m.library.treeOf(url, m.open); err != nil {
			return err
		}
	}
	for _, k := range from.kids {
		if m.count += k.size(); m.count > maxElements {
			return fault.New(fault.TooCostly, "The snapshot would have more than %d elements.", maxElements)
		}
		t.kids = append(t.kids, k.derive())
	}
	return nil
}

func contentType(typ *fhir.Node) string {
	code := typ.Get("code").Text()
	if strings.HasPrefix(code, "http://hl7.org/fhirpath/") {
		return "string"
	}
	return code
}

// referenced finds the element of a content reference, "#Observation.referenceRange".
func (m *merging) referenced(ref string) *tree {
	_, id, _ := strings.Cut(ref, "#")
	t := m.root
	for i, name := range strings.Split(id, ".") {
		if i == 0 {
			continue
		}
		if t = t.kid(name); t == nil {
			return nil
		}
	}
	if t.from != nil {
		return t.from
	}
	return t
}

// overlay puts what a differential says over an element. Rules and conditions add up; all
// else replaces what was there.
func overlay(e, over *fhir.Node, source string) {
	for name, v := range over.Members() {
		switch {
		case name == "id", name == "path", name == "sliceName", name == "base":
		case name == "constraint":
			rules := e.Get("constraint")
			if rules == nil {
				rules = fhir.Arr()
				e.Set("constraint", rules)
			}
			for r := range v.Items() {
				if r = r.Clone(); r.Get("source") == nil && source != "" {
					r.Set("source", fhir.Str(source))
				}
				rules.Append(r)
			}
		case name == "binding" && v.Get("valueSet") == nil && e.Path("binding.valueSet") != nil:
			b := v.Clone()
			b.Set("valueSet", e.Path("binding.valueSet"))
			e.Set(name, b)
		case name == "condition":
			all := fhir.Arr()
			for c := range e.Get("condition").Items() {
				all.Append(c)
			}
			for c := range v.Items() {
				all.Append(c.Clone())
			}
			e.Set("condition", all)
		default:
			for _, one := range []string{"fixed", "pattern", "minValue", "maxValue"} { // of any type
				if strings.HasPrefix(name, one) {
					dropChoice(e, one)
				}
			}
			e.Set(name, v.Clone())
		}
	}
}

func dropChoice(e *fhir.Node, stem string) {
	var old []string
	for name := range e.Members() {
		if strings.HasPrefix(name, stem) {
			old = append(old, name)
		}
	}
	for _, name := range old {
		e.Remove(name)
	}
}
