package record

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// carers returns the mark by which who acts for a patient and sees only a part of the record reads a
// message (policy.CarerSystem), settled when it is sent. What a patient writes in person does not have
// it, nor what the clinic writes in a conversation in which the patient has: an answer repeats what it
// answers. What is not known for sure does not have it either.
func (b *builder) carers(ctx context.Context, before, r *fhir.Node) ([]string, error) {
	if r.ResourceType() != "Communication" {
		return nil, nil
	}
	if before != nil && policy.IsSent(before) {
		return codesIn(before, "tag", policy.CarerSystem), nil
	}
	p := b.actor.principal
	if p.Role == trust.Patient && p.Proxy != nil {
		return []string{policy.CarerReads}, nil
	}
	if p.Role == trust.Patient || fromPatient(r) {
		return nil, nil
	}
	for _, member := range []string{"partOf", "inResponseTo"} {
		for to := range r.Get(member).Items() {
			if open, err := b.conversation(ctx, to.Get("reference").Text()); !open || err != nil {
				return nil, err
			}
		}
	}
	return []string{policy.CarerReads}, nil
}

// conversation reports whether a message is open to carers, with all that is part of it, in this
// change or stored.
func (b *builder) conversation(ctx context.Context, reference string) (bool, error) {
	t, id := target(reference)
	if t != "Communication" { // part of something else, or of what only its text names
		return t != "", nil
	}
	reference = t + "/" + id
	for _, q := range b.pending {
		m := q.resource
		if fromPatient(m) && (m.Reference() == reference || m.ResourceType() == t && refersTo(m.Get("partOf"), reference)) {
			return false, nil
		}
	}
	v, err := b.actor.gate.lean.Read(ctx, t, id, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return b.seen[reference], nil
	}
	if err != nil {
		return false, err
	}
	message, err := fhir.Parse(v.Body)
	if err != nil {
		return false, err
	}
	if len(codesIn(message, "tag", policy.CarerSystem)) == 0 {
		return false, nil
	}
	marked := search.Token{Param: "_tag", System: policy.CarerSystem, HasSystem: true, Code: policy.CarerReads}
	q := search.Query{Type: t, Where: search.And{search.Reference{Param: "part-of", Type: t, ID: id}, search.Not{X: marked}}}
	n, err := b.actor.gate.lean.Count(ctx, store.NewPlan(q, func(string) search.Expr { return search.All{} }))
	return n == 0, err
}

func fromPatient(message *fhir.Node) bool {
	return strings.HasPrefix(message.Path("sender.reference").Text(), "Patient/")
}

func refersTo(list *fhir.Node, reference string) bool {
	for r := range list.Items() {
		if r.Get("reference").Text() == reference {
			return true
		}
	}
	return false
}
