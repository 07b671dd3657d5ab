package fhirapi

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
)

// compartment answers GET Patient/[id]/[type]?…: a search among the resources of one
// compartment (R4 search.html#2.21.1.2), for the compartments that the definitions have.
func (s *server) compartment(c *call) error {
	owner, id, resourceType := c.PathValue("compartment"), c.PathValue("id"), c.PathValue("type")
	codes := definition.Compartment(owner)
	if codes == nil {
		return fault.New(fault.NotFound, "There is no compartment of %s; there are those of Patient, Encounter, Practitioner, RelatedPerson and Device.", clip(owner))
	}
	var within search.Or
	for _, code := range codes[resourceType] {
		if p, ok := definition.SearchParameterFor(resourceType, code); ok && p.Type == "reference" {
			within = append(within, search.Reference{Param: code, Type: owner, ID: id})
		}
	}
	if resourceType == owner {
		within = append(within, search.ID{id})
	}
	if len(within) == 0 {
		return fault.New(fault.NotFound, "%s is never in the compartment of a %s.", resourceType, owner)
	}
	c.within = &place{address: owner + "/" + id + "/", where: within, named: search.Param{Name: owner, Value: id}}
	return s.search(c)
}

// place is a compartment that a search is limited to.
type place struct {
	address string // in front of the type
	where   search.Expr
	named   search.Param // for the audit log
}

// limit returns a query within a place; nil is everywhere.
func (p *place) limit(q search.Query) search.Query {
	if p == nil {
		return q
	}
	q.Where = search.And{p.where, q.Where}
	q.Applied = append(slices.Clone(q.Applied), p.named)
	return q
}

func (p *place) path() string {
	if p == nil {
		return ""
	}
	return p.address
}
