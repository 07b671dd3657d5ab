package document

import (
	"strconv"

	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/record"
)

// denied reports whether an item is an allergy that a statement of the chart says not to be there.
func (r *Row) denied(t *thing) bool {
	n := r.Item.Resource
	if n.ResourceType() != "AllergyIntolerance" || r.Item.Absent {
		return false
	}
	in := describe(n)
	if !in.now {
		return false
	}
	if !t.part {
		return true
	}
	var codes []string
	for c := range t.node.Path("code.coding").Items() {
		codes = append(codes, c.Get("code").Text())
	}
	if allergen.DenialOf(codes, t.name) != allergen.DeniesMedicines {
		return false
	}
	for c := range n.Get("category").Items() {
		if c.Text() == "medication" {
			return true
		}
	}
	a, ok := allergen.Find(in.name)
	return ok && string(a.Category) == "medication"
}

// contradicted are the chart's statements that there are no allergies which an item ends when it is added.
func (c *Comparison) contradicted(r *Row) (out []record.Put) {
	for _, t := range c.denials {
		if r.denied(t) {
			n := t.node.Clone()
			n.Set("clinicalStatus", made(allergyClinical, "inactive", ""))
			version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
			out = append(out, record.Put{Resource: n, IfMatch: version})
		}
	}
	return out
}
