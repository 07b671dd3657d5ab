package search

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// Registry holds the search parameters that a record has beyond those of R4: SearchParameter
// resources that are active. It does not change; a new one replaces it. The nil Registry
// has none.
//
// A parameter may be pending: what was stored before it is still being indexed. A search by
// it is refused (fault.Unavailable) until it is not, so that no answer is silently partial.
type Registry struct {
	custom  []*definition.SearchParameter
	pending map[string]bool // by URL of the custom ones; "Type.code" of others
	made    sync.Map        // resource type -> *catalogue
}

// NewRegistry makes a registry of parameters that ReadParameter has read. pending names
// those that are pending by their URL, or by type and code ("Location.near").
func NewRegistry(custom []*definition.SearchParameter, pending ...string) *Registry {
	r := &Registry{custom: slices.Clone(custom), pending: map[string]bool{}}
	for _, name := range pending {
		r.pending[name] = true
	}
	return r
}

// Custom returns the parameters of the record for a resource type, in the order of codes.
func (r *Registry) Custom(resourceType string) []*definition.SearchParameter {
	if r == nil {
		return nil
	}
	var out []*definition.SearchParameter
	for _, p := range r.custom {
		if slices.ContainsFunc(p.Base, func(base string) bool { return serves(base, resourceType) }) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *definition.SearchParameter) int { return strings.Compare(a.Code, b.Code) })
	return out
}

// serves reports whether a parameter of a base is one of a type.
func serves(base, resourceType string) bool {
	if base == resourceType || base == "Resource" {
		return true
	}
	t, ok := definition.Lookup(resourceType)
	return ok && base == "DomainResource" && t.Base == "DomainResource"
}

// Parameter returns a parameter of a type by its code, of R4 or of the record.
func (r *Registry) Parameter(resourceType, code string) (*definition.SearchParameter, bool) {
	if p, ok := definition.SearchParameterFor(resourceType, code); ok {
		return p, true
	}
	for _, p := range r.Custom(resourceType) {
		if p.Code == code {
			return p, true
		}
	}
	return nil, false
}

// Extract is Extract with the parameters of the record. One of those that cannot be
// evaluated on the resource finds nothing in it; it never keeps a resource from being stored.
func (r *Registry) Extract(resource *fhir.Node) ([]Entry, error) {
	entries, err := Extract(resource)
	if r == nil || len(r.custom) == 0 || err != nil {
		return entries, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Param == PartyParam })
	session := fhirpath.NewSession(resource, fhirpath.Steps(maxCustomSteps))
	c := r.parameters(resource.ResourceType())
	for i := range c.list {
		if p := &c.list[i]; p.custom && p.expression != nil {
			more, err := extractParameter(nil, p, session)
			if err != nil { // what it left behind in the session must not mislead the next
				session = fhirpath.NewSession(resource, fhirpath.Steps(maxCustomSteps))
				continue
			}
			entries = append(entries, more...)
		}
	}
	return parties(resource, entries), nil
}

// parameters returns the parameters of a type, "" for those of all types.
func (r *Registry) parameters(resourceType string) *catalogue {
	base := parametersOf(resourceType)
	if r == nil || len(r.custom)+len(r.pending) == 0 {
		return base
	}
	if resourceType == "" {
		resourceType = "Resource"
	}
	if c, ok := r.made.Load(resourceType); ok {
		return c.(*catalogue)
	}
	c := &catalogue{list: slices.Clone(base.list), byCode: map[string]*parameter{}, fault: base.fault}
	for _, d := range r.Custom(resourceType) {
		if p, err := r.compile(resourceType, d); err == nil && base.byCode[p.code] == nil {
			c.list = append(c.list, p)
		}
	}
	for i := range c.list {
		p := &c.list[i]
		p.pending = p.pending || r.pending[resourceType+"."+p.code]
		c.byCode[p.code] = p
	}
	got, _ := r.made.LoadOrStore(resourceType, c)
	return got.(*catalogue)
}

func (r *Registry) compile(resourceType string, d *definition.SearchParameter) (parameter, error) {
	p := parameter{code: d.Code, kind: kinds[d.Type], targets: d.Targets, path: d.Expression, custom: true, pending: r.pending[d.URL]}
	var err error
	if p.expression, err = fhirpath.CompileFor(resourceType, d.Expression); err != nil {
		return p, err
	}
	for _, c := range d.Components {
		part := parameter{kind: KindSpecial}
		if cd, ok := definition.SearchParameterByURL(c.Definition); ok {
			part.kind, part.targets, part.code = kinds[cd.Type], cd.Targets, cd.Code
		} else if i := slices.IndexFunc(r.custom, func(o *definition.SearchParameter) bool { return o.URL == c.Definition }); i >= 0 {
			part.kind, part.targets, part.code = kinds[r.custom[i].Type], r.custom[i].Targets, r.custom[i].Code
		}
		if part.expression, err = fhirpath.Compile(c.Expression); err != nil {
			return p, err
		}
		p.components = append(p.components, part)
	}
	return p, nil
}

// Limits of a parameter of a record.
const (
	maxExpression = 2000 // bytes
	maxParts      = 3    // of a composite
	// maxCustomSteps is what a parameter may cost on one resource: it is evaluated at each
	// write, and on all that is there when it is new.
	maxCustomSteps = 20_000
	// MaxCustom is how many parameters a record may have.
	MaxCustom = 500
)

// reserved are codes that say whose a resource is (record decides by them who may see it);
// no resource may define them anew.
var reserved = []string{"patient", "subject"}

// ReadParameter reads a SearchParameter resource for a record that has the parameters of r
// besides it. ok is false, without a fault, for one that is not to be searched by: it is not
// active, or it is one of R4 itself. Otherwise a fault says what is wrong with it, at the
// element.
func (r *Registry) ReadParameter(resource *fhir.Node) (p *definition.SearchParameter, ok bool, err error) {
	text := func(path string) string { return resource.Path(path).Text() }
	p = &definition.SearchParameter{URL: text("url"), Code: text("code"), Type: text("type"), Expression: text("expression")}
	if text("status") != "active" {
		return nil, false, nil
	}
	if _, known := definition.SearchParameterByURL(p.URL); known {
		return nil, false, nil
	}
	for b := range resource.Get("base").Items() {
		p.Base = append(p.Base, b.Text())
	}
	for t := range resource.Get("target").Items() {
		p.Targets = append(p.Targets, t.Text())
	}
	for c := range resource.Get("component").Items() {
		p.Components = append(p.Components, definition.Component{Definition: c.Get("definition").Text(), Expression: c.Get("expression").Text()})
	}
	if err := r.check(p); err != nil {
		return nil, false, err
	}
	return p, true, nil
}

func (r *Registry) check(p *definition.SearchParameter) error {
	wrong := func(element, format string, args ...any) error {
		return fault.New(fault.Invalid, format, args...).At("SearchParameter." + element)
	}
	kind, known := kinds[p.Type]
	switch {
	case p.URL == "":
		return wrong("url", "A search parameter needs a url.")
	case r != nil && slices.ContainsFunc(r.custom, func(o *definition.SearchParameter) bool { return o.URL == p.URL }):
		return wrong("url", "Another search parameter of the record has this url.")
	case !validCode(p.Code):
		return wrong("code", "The code of a search parameter begins with a letter, has letters, digits, - and _ only, and at most 64 of them.")
	case slices.Contains(reserved, p.Code):
		return wrong("code", "The code %q says whose a resource is and cannot be defined anew.", p.Code)
	case !known || kind == KindSpecial:
		return wrong("type", "A search parameter of type %q cannot be searched by here.", p.Type)
	case len(p.Base) == 0:
		return wrong("base", "A search parameter needs a base.")
	case p.Expression == "":
		return wrong("expression", "A search parameter needs an expression to be searched by; leave it a draft otherwise.")
	case len(p.Expression) > maxExpression:
		return wrong("expression", "The expression is longer than %d bytes.", maxExpression)
	case (kind == KindComposite) != (len(p.Components) > 0) || len(p.Components) == 1 || len(p.Components) > maxParts:
		return wrong("component", "A composite has two or three components, other search parameters have none.")
	}
	for _, t := range p.Targets {
		if !definition.IsResource(t) {
			return wrong("target", "%q is not a resource type of FHIR R4.", t)
		}
	}
	for _, base := range p.Base {
		if !definition.IsResource(base) && base != "Resource" && base != "DomainResource" {
			return wrong("base", "%q is not a resource type of FHIR R4.", base)
		}
		if err := r.checkBase(p, base); err != nil {
			return err
		}
	}
	for _, c := range p.Components {
		if err := r.checkComponent(c); err != nil {
			return err
		}
	}
	return nil
}

func validCode(code string) bool {
	if code == "" || len(code) > 64 || code[0]|0x20 < 'a' || code[0]|0x20 > 'z' {
		return false
	}
	for i := range len(code) {
		if !nameChar(code[i]) {
			return false
		}
	}
	return true
}

// checkBase compiles the expression for a base and sees to it that the code is free there.
func (r *Registry) checkBase(p *definition.SearchParameter, base string) error {
	_, err := fhirpath.CompileFor(base, p.Expression)
	if err == nil && len(p.Base) == 1 && definition.IsResource(base) {
		_, err = fhirpath.CompileStrict(base, p.Expression)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The expression cannot be used on %s: %s", base, reasonOf(err)).At("SearchParameter.expression")
	}
	for _, t := range definition.ResourceTypes() {
		if !serves(base, t) {
			continue
		}
		if other, taken := r.Parameter(t, p.Code); taken {
			return fault.New(fault.Invalid, "%s has a search parameter %q already: %s.", t, p.Code, other.URL).At("SearchParameter.code")
		}
	}
	return nil
}

// reasonOf returns the sentence of a fault.
func reasonOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "it cannot be read"
}

func (r *Registry) checkComponent(c definition.Component) error {
	if _, err := fhirpath.Compile(c.Expression); err != nil || c.Expression == "" || len(c.Expression) > maxExpression {
		return fault.New(fault.Invalid, "The expression of a component cannot be used.").At("SearchParameter.component.expression")
	}
	kind := KindSpecial
	if d, ok := definition.SearchParameterByURL(c.Definition); ok {
		kind = kinds[d.Type]
	} else if r != nil {
		if i := slices.IndexFunc(r.custom, func(o *definition.SearchParameter) bool { return o.URL == c.Definition }); i >= 0 {
			kind = kinds[r.custom[i].Type]
		}
	}
	if kind == KindSpecial || kind == KindComposite {
		return fault.New(fault.Invalid, "The component %q is not a search parameter that is known here.", c.Definition).At("SearchParameter.component.definition")
	}
	return nil
}
