package oauth

import (
	"context"
	"encoding/json"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// EndAccount ends all that a person has opened for programs; see identity.Keeper.
func (s *Server) EndAccount(ctx context.Context, by trust.Principal, account string) error {
	list, err := s.Store.Items(ctx, spaceGrant, account)
	if err != nil || account == "" {
		return err
	}
	var out []store.ItemWrite
	for _, item := range list {
		var g grant
		if err := json.Unmarshal(item.Value, &g); err != nil {
			return err
		}
		items, err := s.ending(ctx, g)
		if err != nil {
			return err
		}
		out = append(out, items...)
	}
	if len(out) == 0 {
		return nil
	}
	return s.commit(ctx, s.leaf(by, ledger.Account, "", "end access of all programs of "+account), out...)
}

// Holds reports whether the grant that a program acts by still stands; see identity.Keeper.
func (s *Server) Holds(ctx context.Context, p trust.Principal) (bool, error) {
	g, found, err := s.grant(ctx, p.Session)
	if err != nil || !found || g.Client != p.Client || !s.Clock.Now().Before(g.Until) {
		return false, err
	}
	now, err := s.acts(ctx, g)
	if fault.Is(err, fault.Unauthorized) {
		return false, nil
	}
	return err == nil && now.Role == p.Role, err
}
