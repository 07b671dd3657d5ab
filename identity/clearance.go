package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Clearable reports whether a label can be cleared for people of a role: it hides something
// from the role, which works with what stands in charts. A biller may have to bill what is
// labelled.
func Clearable(role trust.Role, l policy.Label) bool {
	p := trust.Principal{Role: role}
	return (p.OpensCharts() || role == trust.Biller || role == trust.FrontDesk) && !policy.Cleared(p, l)
}

// SetClearance says which sensitivity labels (codes of policy.Labels) a member of staff sees
// beyond those of the role; it replaces what was cleared before and counts from the next
// request on. An administrator does it with a reason, never for the own account.
func (a *Accounts) SetClearance(ctx context.Context, by trust.Principal, id string, labels []string, reason string) error {
	switch {
	case !administers(by) || len(by.Scopes) > 0:
		return onlyAdministrators()
	case by.ID == id:
		return fault.New(fault.Forbidden, "Nobody clears the own account; another administrator can.")
	case strings.TrimSpace(reason) == "":
		return fault.New(fault.Invalid, "Say why the person needs to see it.").At("reason")
	}
	labels = slices.Clone(labels)
	slices.Sort(labels)
	labels = slices.Compact(labels)
	present, err := a.FindByID(ctx, id)
	if err != nil {
		return err
	}
	what := "clear for " + strings.Join(labels, " ")
	if len(labels) == 0 {
		what = "clear for nothing more"
	}
	if len(present.Clearance) > 0 {
		what += " (before: " + strings.Join(present.Clearance, " ") + ")"
	}
	return a.update(ctx, by, id, what+", because: "+strings.TrimSpace(reason)+":", func(c *credentials) error {
		for _, code := range labels {
			l, known := policy.LabelOf(code)
			if !known || !Clearable(c.Role, l) {
				return fault.New(fault.Invalid, "The label %q is not one that can be cleared for this role.", code).At("label")
			}
		}
		if len(labels) == 0 {
			labels = nil
		}
		c.Clearance = labels
		return nil
	})
}
