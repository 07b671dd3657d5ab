package identity

import (
	"context"

	"github.com/osler-emr/osler/trust"
)

// Practising returns who acts in the clinic as a Practitioner today, with the role and the
// clearance of the account: nobody when the person never had an account, has not taken up the
// invitation, or works here no more. It is for background work that hands something to a person and
// has to know what that person sees; nothing can be done in a session that it would come from.
func (a *Accounts) Practising(ctx context.Context, practitioner string) ([]trust.Principal, error) {
	if practitioner == "" {
		return nil, nil
	}
	items, err := a.store.Items(ctx, spaceAccount, "account")
	if err != nil {
		return nil, err
	}
	var out []trust.Principal
	for _, item := range items {
		c, err := decodeAccount(item)
		if err != nil {
			return nil, err
		}
		if c.Practitioner == practitioner && staffRole(c.Role) && !c.Disabled && !c.Invited {
			out = append(out, Principal(c.Account, Session{}))
		}
	}
	return out, nil
}
