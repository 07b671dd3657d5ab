package document

import (
	"strconv"

	"github.com/osler-emr/osler/record"
)

// denied reports whether an item is an allergy of today that a statement says not to be there.
func (r *Row) denied(t *thing) bool {
	in := r.in
	return in != nil && in.group == "AllergyIntolerance" && !r.Item.Absent && in.now && (!t.part || t.medicines && in.medicines)
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
