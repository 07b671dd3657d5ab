package document

import (
	"strconv"

	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/record"
)

// denied are those of the chart's statements that there are no allergies, of a kind or at all, which an item
// contradicts that is an allergy of today.
func (c *Comparison) denied(r *Row) (out []*thing) {
	n := r.Item.Resource
	if len(c.denials) == 0 || n.ResourceType() != "AllergyIntolerance" || r.Item.Absent {
		return nil
	}
	in := describe(n)
	if !in.now {
		return nil
	}
	medicine := false
	for x := range n.Get("category").Items() {
		medicine = medicine || x.Text() == "medication"
	}
	if a, ok := allergen.Find(in.name); ok {
		medicine = medicine || string(a.Category) == "medication"
	}
	for _, t := range c.denials {
		if !t.part || t.medicines && medicine {
			out = append(out, t)
		}
	}
	return out
}

// contradicted are the chart's statements that there are no allergies which an item ends when it is added.
func (c *Comparison) contradicted(r *Row) (out []record.Put) {
	for _, t := range c.denied(r) {
		n := t.node.Clone()
		n.Set("clinicalStatus", made(allergyClinical, "inactive", ""))
		version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
		out = append(out, record.Put{Resource: n, IfMatch: version})
	}
	return out
}
