package console

import (
	"context"
	"fmt"
	"time"

	"github.com/osler-emr/osler/trust"
)

type tokenCommand struct {
	dataFlags
	User  string        `required:"" help:"User name of the account."`
	Scope []string      `required:"" help:"SMART scopes, for example user/*.rs or patient/*.read."`
	TTL   time.Duration `default:"24h" help:"How long the token lives."`
}

// Run issues a bearer token and prints it, alone on its line.
func (c *tokenCommand) Run(ctx context.Context, p *Program) error {
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	a, err := h.accounts.FindByUser(ctx, c.User)
	if err != nil {
		return err
	}
	token, err := h.accounts.IssueToken(ctx, trust.System("console"), a.ID, c.Scope, c.TTL)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Err, "Bearer token for %s, good for %s. It is shown this once.\n", a.User, c.TTL)
	fmt.Fprintln(p.Out, token)
	return nil
}
