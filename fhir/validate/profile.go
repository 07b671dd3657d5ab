package validate

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
	"github.com/osler-emr/osler/fhir/profile"
)

const notChecked = "The resource claims to follow a profile that is not known here; it was not checked against it."

// maxFollowed is how deep profiles lead into each other before an answer is given up.
const maxFollowed = 24

// maxSpent is how many values of one resource are held against an element of a profile.
const maxSpent = 300_000

// profiles follows the profiles that a resource claims in meta.profile, and for the
// resource asked about those that the caller names.
func (c *checker) profiles(r *fhir.Node) {
	claimed := 0
	for claim := range r.Path("meta.profile").Items() {
		claimed++
		if c.options.Library != nil {
			c.claim(r, claim.Text(), "meta", "profile")
		}
	}
	if c.options.Library == nil {
		if claimed > 0 {
			c.under(func() {
				c.add("information", "informational", "The resource claims to follow a profile; it was checked against base FHIR R4 only.")
			}, "meta", "profile")
		}
		return
	}
	c.vital(r)
	if len(c.path) == 1 {
		for _, url := range c.options.Profiles {
			c.claim(r, url)
		}
	}
}

// under runs f at a member of the place under inspection.
func (c *checker) under(f func(), members ...string) {
	for _, m := range members {
		c.push(m, -1)
	}
	f()
	c.path = c.path[:len(c.path)-len(members)]
}

// claim follows one profile; what is wrong with the claim is said at a member.
func (c *checker) claim(r *fhir.Node, url string, at ...string) {
	c.following++
	defer func() { c.following-- }()
	p, err := c.options.Library.Profile(url)
	switch {
	case fault.Is(err, fault.NotFound) && len(at) == 0:
		c.fail("not-found", "A profile to check against is not known here.")
	case fault.Is(err, fault.NotFound):
		c.under(func() { c.add("information", "informational", notChecked) }, at...)
	case err != nil:
		c.under(func() {
			c.add("warning", "not-supported", "The definition of a profile cannot be used, so it was not checked: "+reason(err))
		}, at...)
	case p.Type != r.ResourceType() && p.Type != "Resource" && p.Type != "DomainResource":
		c.under(func() {
			c.fail("structure", "The profile "+label(p)+" is for "+p.Type+", not for "+r.ResourceType()+".")
		}, at...)
	default:
		c.conform(resourceItem(r), p.Root, p)
	}
}

func reason(err error) string {
	var f *fault.Error
	if ok := asFault(err, &f); ok {
		return f.Message
	}
	return "internal."
}

// label names a profile in a sentence.
func label(p *profile.Profile) string { return quote(p.URL[strings.LastIndexByte(p.URL, '/')+1:]) }

// conform checks one value against what a profile says about its element or slice. The base
// definitions have been checked already.
func (c *checker) conform(v item, e *profile.Element, p *profile.Profile) {
	if c.spent++; c.spent > maxSpent {
		if c.spent == maxSpent+1 {
			c.add("warning", "too-costly", "The profiles of this resource lead too far; not all of what they say was checked.")
		}
		return
	}
	if c.depth++; c.depth > maxFollowed {
		c.depth--
		return
	}
	defer func() { c.depth-- }()
	if !c.allowed(v, e, p) {
		return
	}
	if v.node != nil {
		c.limits(v, e, p)
		c.profileBinding(v, e, p)
	}
	c.typeProfiles(v, e)
	if v.code == "Reference" {
		c.targets(v, e, p)
	}
	for i := range e.Rules {
		c.profileRule(v, &e.Rules[i])
	}
	kids := e.Children
	if e.Content != "" && len(kids) == 0 {
		if other := p.At(e.Content); other != nil {
			kids = other.Children
		}
	}
	for _, kid := range kids {
		c.child(v, kid, p)
	}
}

// child checks how often a member is there, its slices, and each of its values.
func (c *checker) child(v item, e *profile.Element, p *profile.Profile) {
	if e.Name == "value" && isPrimitive(v.code) && v.node == nil && e.Min == 0 {
		return
	}
	values := v.members(e.Name)
	name := e.Name
	switch n := len(values); {
	case n < e.Min && e.Min > e.BaseMin:
		text := quote(name) + " is required by the profile " + label(p) + " but missing."
		if e.Min > 1 {
			text = quote(name) + " needs at least " + decimal(e.Min) + " values in the profile " + label(p) + "."
		}
		c.failAt(name, "required", text)
	case e.Max == 0 && n > 0 && e.BaseMax != 0:
		c.failAt(values[0].name, "structure", quote(name)+" must not be there in the profile "+label(p)+".")
		return
	case e.Max >= 0 && n > e.Max && e.Max != e.BaseMax:
		c.failAt(values[0].name, "structure", quote(name)+" has more values than the "+decimal(e.Max)+" that the profile "+label(p)+" allows.")
	}
	for _, x := range values {
		c.push(x.name, x.index)
		c.conform(x, e, p)
		c.pop()
	}
	if len(e.Slices) > 0 {
		c.sliced(values, e, p)
	}
}

// allowed checks the type of a value where there is a choice.
func (c *checker) allowed(v item, e *profile.Element, p *profile.Profile) bool {
	if len(e.Types) == 0 || v.base == nil || !v.base.Choice() && v.base.Types[0].Code != "Resource" {
		return true
	}
	var names []string
	for _, t := range e.Types {
		if t.Code == v.code || t.Code == "Resource" || t.Code == "DomainResource" && definition.IsResource(v.code) || t.Code == "Element" {
			return true
		}
		names = append(names, t.Code)
	}
	c.fail("structure", "The type "+quote(v.code)+" is not allowed here by the profile "+label(p)+"; allowed: "+strings.Join(names, ", ")+".")
	return false
}

// limits checks fixed values, patterns, lengths and ranges.
func (c *checker) limits(v item, e *profile.Element, p *profile.Profile) {
	if e.Fixed != nil && !equal(e.Fixed, v.node) {
		c.fail("value", "The value is not the one that the profile "+label(p)+" fixes here"+shown(e.Fixed)+".")
	}
	if e.Pattern != nil && !fits(e.Pattern, v.node) {
		c.fail("value", "The value does not contain what the profile "+label(p)+" asks for here"+shown(e.Pattern)+".")
	}
	if e.MaxLength > 0 && len([]rune(v.node.Text())) > e.MaxLength {
		c.fail("too-long", "The text is longer than the "+decimal(e.MaxLength)+" characters that the profile "+label(p)+" allows.")
	}
	if e.Least != nil && outside(v, e.Least, ">=") || e.Most != nil && outside(v, e.Most, "<=") {
		c.fail("value", "The value is outside of the range that the profile "+label(p)+" allows.")
	}
}

// shown quotes a definition's value when it is short.
func shown(n *fhir.Node) string {
	if s := string(n.JSON()); len(s) <= 200 {
		return ": " + s
	}
	return ""
}

var comparisons = map[string]*fhirpath.Expression{">=": must("$this >= %bound"), "<=": must("$this <= %bound")}

func must(source string) *fhirpath.Expression {
	x, err := fhirpath.Compile(source)
	if err != nil {
		panic("validate: " + source)
	}
	return x
}

// outside compares a value with a bound of its type; values that have no order are inside.
func outside(v item, bound *fhir.Node, how string) bool {
	s := fhirpath.NewSession(v.node, fhirpath.With("bound", fhirpath.OfElement(bound, nil, v.code)))
	out, err := s.EvaluateOn(comparisons[how], fhirpath.OfElement(v.node, nil, v.code))
	return err == nil && len(out) == 1 && !out[0].True()
}

// typeProfiles follows the profiles of the type of a value, of which one must hold.
func (c *checker) typeProfiles(v item, e *profile.Element) {
	for _, t := range e.Types {
		if t.Code != v.code || len(t.Profiles) == 0 || v.node == nil {
			continue
		}
		if len(t.Profiles) == 1 {
			p, err := c.options.Library.Profile(t.Profiles[0])
			if err != nil {
				c.add("information", "informational", "The profile of this type was not checked: it is not known here.")
				return
			}
			c.conform(v, p.Root, p)
			return
		}
		known := true
		for _, url := range t.Profiles {
			holds, err := c.holds(v, url)
			if holds && err == nil {
				return
			}
			known = known && err == nil
		}
		if known {
			c.fail("structure", "The value follows none of the profiles that are allowed here.")
		}
	}
}

// asked is a question that is being answered, or was: does this value follow that profile?
type asked struct {
	node *fhir.Node
	url  string
}

// holds tells quietly whether a value follows a profile. A question that turns up while it
// is being answered is taken for yes: two resources that point at each other.
func (c *checker) holds(v item, url string) (bool, error) {
	p, err := c.options.Library.Profile(url)
	if err != nil {
		return false, err
	}
	if p.Kind == "resource" && p.Type != v.code && p.Type != "Resource" && p.Type != "DomainResource" {
		return false, nil
	}
	key := asked{v.node, url}
	if answer, ok := c.answers[key]; ok {
		return answer, nil
	}
	if c.answers == nil {
		c.answers = map[asked]bool{}
	}
	c.answers[key] = true
	answer := c.quietly(func() { c.conform(v, p.Root, p) })
	c.answers[key] = answer
	return answer, nil
}

// quietly runs a check, and tells whether it found no error, without keeping what it found.
func (c *checker) quietly(f func()) bool {
	issues, errors, advice, current, session, quiet := c.issues, c.errors, c.advice, c.current, c.session, c.quiet
	c.issues, c.errors, c.advice, c.quiet = nil, 0, 0, true
	f()
	clean := c.errors == 0
	c.issues, c.errors, c.advice, c.current, c.session, c.quiet = issues, errors, advice, current, session, quiet
	return clean
}

func (c *checker) profileRule(v item, r *profile.Rule) {
	text := sentence(r.Human) + " (" + r.Key + ")."
	if r.Test == nil {
		c.add("information", "not-supported", "A rule of a profile cannot be read, so it was not checked: "+text)
		return
	}
	c.judge(&rule{key: r.Key, severity: r.Severity, text: text, test: r.Test, ordered: strings.ContainsAny(r.Test.String(), "<>")},
		fhirpath.OfElement(v.node, v.extra, v.place))
}
