package profile

import (
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// Profile is a definition as a tree of elements.
type Profile struct {
	URL, Version, Name string
	Type               string // "Patient", "Extension"
	Kind               string // "resource", "complex-type"
	Constraint         bool   // a profile, not a type of its own
	Root               *Element
	// Contexts say where an extension may stand, and ContextRules what must hold there.
	Contexts     []Context
	ContextRules []Rule

	byPath map[string]*Element
}

// Context is a place where an extension may stand: the kind is element, extension or
// fhirpath.
type Context struct{ Kind, Expression string }

// Element is what a profile says about one element or slice.
type Element struct {
	ID     string // "Patient.extension:race.url"
	Path   string // "Patient.extension.url"
	Name   string // "value", without "[x]"
	Slice  string
	Min    int
	Max    int // -1 for "*"
	Choice bool
	Types  []Type
	// Content is the path whose children this element has, when they are those of this
	// profile and not of the type that it constrains.
	Content string
	// Fixed is the exact value, Pattern what the value must contain; nil when there is none.
	Fixed, Pattern *fhir.Node
	MaxLength      int // 0: any
	Least, Most    *fhir.Node
	// Binding is the value set, and Strength its strength, or "".
	Binding, Strength string
	Rules             []Rule
	Slicing           *Slicing
	Slices            []*Element
	Children          []*Element
	// BaseMin and BaseMax are the cardinality in the type, which is checked there.
	BaseMin, BaseMax int
	Modifier         bool
}

// Type is an allowed type of an element with the profiles that a value of it, or the target
// of a reference, must follow one of.
type Type struct {
	Code              string
	Profiles, Targets []string
	Aggregation       []string // contained, referenced, bundled
	Versioning        string   // independent, specific, either
}

// Rule is an invariant of a profile. Those of R4's types are not here: they hold for every
// resource, and are evaluated without a profile. Test is nil when the expression cannot be
// read.
type Rule struct {
	Key, Severity, Human string
	Test                 *fhirpath.Expression
}

// Slicing says how the values of an element are told apart.
type Slicing struct {
	Discriminators []Discriminator
	Ordered        bool
	Rules          string // open, closed, openAtEnd
}

// Discriminator is a way to tell slices apart: kind is value, pattern, exists, type or profile.
type Discriminator struct{ Kind, Path string }

// Child returns the child with a name ("value" for value[x]), or nil.
func (e *Element) Child(name string) *Element {
	for _, c := range e.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// At returns the element at a path of the profile, or nil.
func (p *Profile) At(path string) *Element { return p.byPath[path] }

func (p *Profile) read(t *tree, id, path string) *Element {
	if id != "" {
		id, path = id+".", path+"."
	}
	n := t.element
	e := &Element{ID: id + t.name, Path: path + t.name, Slice: t.slice, Min: number(n.Get("min"), 0), Max: number(n.Get("max"), -1),
		MaxLength: number(n.Get("maxLength"), 0), BaseMin: number(n.Path("base.min"), 0), BaseMax: number(n.Path("base.max"), -1)}
	e.Name, e.Choice = strings.CutSuffix(t.name, "[x]")
	if t.slice != "" {
		e.ID += ":" + t.slice
	} else {
		p.byPath[e.Path] = e
	}
	e.read(n)
	for _, k := range t.kids {
		kid := p.read(k, e.ID, e.Path)
		for _, s := range k.slices {
			kid.Slices = append(kid.Slices, p.read(s, e.ID, e.Path))
		}
		e.Children = append(e.Children, kid)
	}
	return e
}

func number(n *fhir.Node, other int) int {
	i, err := strconv.Atoi(n.Text())
	if err != nil {
		return other
	}
	return i
}

// read reads the members of an ElementDefinition.
func (e *Element) read(n *fhir.Node) {
	for t := range n.Get("type").Items() {
		e.Types = append(e.Types, typeOf(t))
	}
	if ref, local := strings.CutPrefix(n.Get("contentReference").Text(), "#"); local {
		e.Content = ref
	}
	for name, v := range n.Members() {
		switch {
		case strings.HasPrefix(name, "fixed"):
			e.Fixed = v
		case strings.HasPrefix(name, "pattern"):
			e.Pattern = v
		case strings.HasPrefix(name, "minValue"):
			e.Least = v
		case strings.HasPrefix(name, "maxValue"):
			e.Most = v
		}
	}
	e.Modifier = n.Get("isModifier").True()
	e.Binding, e.Strength = n.Path("binding.valueSet").Text(), n.Path("binding.strength").Text()
	for c := range n.Get("constraint").Items() {
		if r, ok := ruleOf(c); ok {
			e.Rules = append(e.Rules, r)
		}
	}
	if s := n.Get("slicing"); s != nil {
		e.Slicing = &Slicing{Ordered: s.Get("ordered").True(), Rules: s.Get("rules").Text()}
		for d := range s.Get("discriminator").Items() {
			e.Slicing.Discriminators = append(e.Slicing.Discriminators, Discriminator{d.Get("type").Text(), d.Get("path").Text()})
		}
	}
}

func typeOf(n *fhir.Node) Type {
	t := Type{Code: contentType(n), Versioning: n.Get("versioning").Text()}
	for p := range n.Get("profile").Items() {
		t.Profiles = append(t.Profiles, p.Text())
	}
	for p := range n.Get("targetProfile").Items() {
		t.Targets = append(t.Targets, p.Text())
	}
	for a := range n.Get("aggregation").Items() {
		t.Aggregation = append(t.Aggregation, a.Text())
	}
	return t
}

// ruleOf reads an invariant, unless it is one of R4's types.
func ruleOf(c *fhir.Node) (Rule, bool) {
	if name, ok := strings.CutPrefix(c.Get("source").Text(), definition.Prefix); ok {
		if _, ofType := definition.Lookup(name); ofType {
			return Rule{}, false
		}
	}
	key := c.Get("key").Text()
	if strings.HasPrefix(key, "ele-") || strings.HasPrefix(key, "ext-") || strings.HasPrefix(key, "dom-") || strings.HasPrefix(key, "txt-") || c.Get("expression").Text() == "" {
		return Rule{}, false
	}
	x, _ := fhirpath.Compile(c.Get("expression").Text())
	return Rule{key, c.Get("severity").Text(), c.Get("human").Text(), x}, true
}
