package validate

import (
	"strings"

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
	if i > 0 {
		c.unused(r)
	}
}

// unused finds contained resources that nothing points at, and that do not point at their
// container (dom-3).
func (c *checker) unused(r *fhir.Node) {
	used := map[string]bool{}
	pointers(r, used)
	i := 0
	for x := range r.Get("contained").Items() {
		own := map[string]bool{}
		pointers(x, own)
		if id := x.ID(); id != "" && !used[id] && !own[""] {
			c.push("contained", i)
			c.fail("invariant", "Nothing in the resource points at this contained resource (dom-3).")
			c.pop()
		}
		i++
	}
}

// pointers collects the ids of the texts "#id": references, and addresses of all kinds.
func pointers(n *fhir.Node, found map[string]bool) {
	switch n.Kind() {
	case fhir.String:
		if id, ok := strings.CutPrefix(n.Text(), "#"); ok {
			found[id] = true
		} else if strings.HasPrefix(n.Text(), "<div") {
			linked(n.Text(), found)
		}
	case fhir.Array:
		for v := range n.Items() {
			pointers(v, found)
		}
	case fhir.Object:
		for _, v := range n.Members() {
			pointers(v, found)
		}
	}
}

// linked collects the ids that a narrative's links and images point at.
func linked(div string, found map[string]bool) {
	for {
		_, rest, ok := strings.Cut(div, "=\"#")
		if !ok {
			return
		}
		id, _, _ := strings.Cut(rest, "\"")
		found[id], div = true, rest
	}
}
