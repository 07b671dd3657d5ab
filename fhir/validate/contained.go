package validate

import (
	"github.com/osler-emr/osler/fhir"
)

// contents makes r the container that local references look into.
func (c *checker) contents(r *fhir.Node) {
	c.container, c.contained = r, nil
	i := 0
	for x := range r.Get("contained").Items() {
		if c.contained == nil {
			c.contained = map[string]string{}
		}
		c.push("contained", i)
		id := x.ID()
		_, twice := c.contained[id]
		switch {
		case id == "":
			c.fail("required", "A contained resource needs an id, so that it can be pointed at.")
		case twice:
			c.fail("structure", "Two contained resources have this id; a reference to it would be ambiguous.")
		}
		c.contained[id] = x.ResourceType()
		c.pop()
		i++
	}
}

// insideContainer checks what a contained resource must not have (dom-2, dom-4, dom-5).
func (c *checker) insideContainer(r *fhir.Node) {
	if r.Get("contained") != nil {
		c.failAt("contained", "invariant", "A contained resource must not contain resources itself (dom-2).")
	}
	meta := r.Get("meta")
	if meta.Get("versionId") != nil || meta.Get("lastUpdated") != nil {
		c.failAt("meta", "invariant", "A contained resource has no version or time of change of its own (dom-4).")
	}
	if meta.Get("security") != nil {
		c.failAt("meta", "invariant", "A contained resource has no security labels of its own (dom-5).")
	}
}
