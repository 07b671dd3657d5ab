package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Members returns those patients of a Group whose charts are open to the actor. The Group itself
// is read by those only to whom the charts of all its members are open; but one member who
// objects must not take the others out of an export. A Group none of whose members' charts is
// open is fault.NotFound, as one that is not there.
func (a *Actor) Members(ctx context.Context, group string) ([]string, error) {
	if err := a.may(ctx, policy.Read, "Group", group); err != nil {
		return nil, err
	}
	members, err := a.members(ctx, group)
	if fault.Is(err, fault.NotFound) {
		return nil, a.refused(ctx, notFound("Group"), policy.Read, "Group", group, "")
	}
	if err != nil {
		return nil, err
	}
	l := a.leaf(ledger.Read, "Group")
	l.Query, l.Count = "members", len(members)
	l.Versions = []ledger.Version{{Type: "Group", ID: group}}
	return members, a.write(ctx, l)
}

func (a *Actor) members(ctx context.Context, group string) ([]string, error) {
	now, err := a.gate.lean.Read(ctx, "Group", group, 0)
	if err != nil {
		return nil, err
	}
	j, err := a.judge(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.judged(ctx, now, func(v store.Version) ([]string, error) {
		all, err := j.about(ctx, v)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		open, err := j.openOf(ctx, all)
		if err == nil && len(open) == 0 {
			err = notFound("Group")
		}
		return open, err
	}); err != nil {
		return nil, err
	}
	then := now
	if a.at != 0 {
		if then, err = a.gate.lean.Read(ctx, "Group", group, a.at); err != nil {
			return nil, err
		}
	}
	if now.Deleted || then.Deleted {
		return nil, notFound("Group")
	}
	r, err := fhir.Parse(then.Body)
	if err != nil {
		return nil, err
	}
	return j.openOf(ctx, membersOf(r))
}

// openOf returns those of some patients whose charts are open to the actor.
func (j *judge) openOf(ctx context.Context, patients []string) (open []string, err error) {
	for _, id := range patients {
		ok, err := j.opened(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			open = append(open, id)
		}
	}
	return open, nil
}
