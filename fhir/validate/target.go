package validate

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/profile"
)

// How the resource that a reference points at was found.
const (
	contained = "contained"
	bundled   = "bundled"
	outside_  = "referenced"
)

// resolve finds the resource that a reference points at: in the container, in the bundle,
// or through the caller.
func (c *checker) resolve(ref string) (r *fhir.Node, how string) {
	if id, local := strings.CutPrefix(ref, "#"); local {
		if id == "" {
			return c.container, contained
		}
		for x := range c.container.Get("contained").Items() {
			if x.ID() == id {
				return x, contained
			}
		}
		return nil, contained
	}
	if c.bundle != nil {
		if found := c.bundle.find(ref, c.entry); len(found) > 0 {
			return found[0], bundled
		}
	}
	if c.options.Resolve != nil && ref != "" {
		return c.options.Resolve(ref), outside_
	}
	return nil, outside_
}

// targets checks what a reference points at against the profile: type, profile, and how it
// is referred to. A resource outside of the container and the bundle is another record's
// affair: only its type is compared.
func (c *checker) targets(v item, e *profile.Element, p *profile.Profile) {
	ref := v.node.Get("reference").Text()
	for _, t := range e.Types {
		if t.Code != "Reference" || len(t.Targets) == 0 && len(t.Aggregation) == 0 && t.Versioning == "" {
			continue
		}
		r, how := c.resolve(ref)
		if ref != "" {
			c.referenced(ref, how, t, p)
		}
		if len(t.Targets) > 0 {
			c.target(v, r, how, t, p)
		}
		return
	}
}

func (c *checker) referenced(ref, how string, t profile.Type, p *profile.Profile) {
	if len(t.Aggregation) > 0 && !slices.Contains(t.Aggregation, how) && !(how == outside_ && c.bundle != nil) {
		c.fail("structure", "The reference is "+how+"; the profile "+label(p)+" allows: "+strings.Join(t.Aggregation, ", ")+".")
	}
	versioned := strings.Contains(ref, "/_history/")
	if t.Versioning == "specific" && !versioned || t.Versioning == "independent" && versioned {
		c.fail("structure", "The profile "+label(p)+" wants references that are version "+t.Versioning+".")
	}
}

func (c *checker) target(v item, r *fhir.Node, how string, t profile.Type, p *profile.Profile) {
	kind := r.ResourceType()
	if kind == "" {
		kind = TypeOf(v.node.Get("reference").Text())
	}
	if kind == "" {
		kind = v.node.Get("type").Text()
	}
	if kind == "" {
		return
	}
	var fitting []string
	var names []string
	known, open := true, false
	for _, url := range t.Targets {
		q, err := c.options.Library.Profile(url)
		if err != nil {
			known = known && !fault.Is(err, fault.NotFound)
			continue
		}
		names = append(names, q.Type)
		if q.Type == kind || q.Type == "Resource" || q.Type == "DomainResource" {
			fitting = append(fitting, url)
			open = open || !q.Constraint
		}
	}
	switch {
	case len(fitting) == 0 && known:
		c.fail("structure", "A reference to "+kind+" is not allowed here by the profile "+label(p)+"; allowed: "+strings.Join(slices.Compact(names), ", ")+".")
	case len(fitting) == 0, open, r == nil, how == outside_:
	case !slices.ContainsFunc(fitting, func(url string) bool {
		holds, err := c.inside(r, url)
		return holds || err != nil
	}):
		c.fail("structure", "The "+kind+" that the reference points at does not follow the profile that "+label(p)+" asks for.")
	}
}

// inside is holds for another resource of the container or bundle: its invariants see it as
// %resource.
func (c *checker) inside(r *fhir.Node, url string) (bool, error) {
	current, session := c.current, c.session
	c.current, c.session = r, nil
	holds, err := c.holds(resourceItem(r), url)
	c.current, c.session = current, session
	return holds, err
}
