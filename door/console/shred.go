package console

import (
	"context"
	"fmt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

type shredCommand struct {
	dataFlags
	Patient string `required:"" placeholder:"ID" help:"Id of the patient."`
	User    string `required:"" help:"Who does it: the user name of an administrator or of health records."`
	Reason  string `help:"Why, without the patient's name: it stays in the audit log. With a reason the wish is noted; another person runs the command without one within a week, which destroys the data."`
}

// Run notes the wish of the first person, or does what the second one confirms.
func (c *shredCommand) Run(ctx context.Context, p *Program) error {
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	account, err := h.accounts.FindByUser(ctx, c.User)
	if err != nil {
		return err
	}
	who, err := destroyer(account)
	if err != nil {
		return err
	}
	actor := h.gate.As(who, "console")
	if c.Reason != "" {
		w, err := actor.AskToShred(ctx, c.Patient, c.Reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Out, "Noted: %s asks to destroy all data of Patient/%s. Nothing is destroyed yet: another person confirms it with\n  osler shred --patient %s --user THEIRS\n", w.Name, w.Patient, w.Patient)
		return nil
	}
	if err := actor.Shred(ctx, c.Patient); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "The keys and the data of Patient/%s are destroyed. The audit log keeps its entries and verifies as before.\n"+
		"Backups forget the patient with the next backup to the same place: run it now. Copies of the data folder that were made by other means, and backups of programs before November 2026, have to be destroyed by hand (docs/security/keys.md).\n", c.Patient)
	return nil
}

// destroyer returns the principal of an account that is in use.
func destroyer(a identity.Account) (trust.Principal, error) {
	if a.Disabled {
		return trust.Principal{}, fault.New(fault.Forbidden, "The account %s is disabled.", a.User)
	}
	return trust.Principal{ID: a.ID, Name: a.Name, Role: a.Role, Purpose: trust.Operations}, nil
}
