package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// inherited returns the labels of what a Communication says that it is about: who must not see a
// note must not read a letter about it either.
func (b *builder) inherited(ctx context.Context, r *fhir.Node) (labels []string, err error) {
	if r.ResourceType() != "Communication" {
		return nil, nil
	}
	for about := range r.Get("about").Items() {
		resourceType, id := target(about.Get("reference").Text())
		if resourceType == "" || resourceType == "Patient" { // a chart's own label is the chart's
			continue
		}
		v, err := b.actor.gate.lean.Read(ctx, resourceType, id, 0)
		if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
			continue
		}
		if err != nil {
			return nil, err
		}
		n, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		labels = append(labels, codesIn(n, "security", policy.LabelSystem)...)
	}
	return labels, nil
}
