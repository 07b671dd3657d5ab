package console

import (
	"context"
	"fmt"

	"github.com/osler-emr/osler/base/fault"
)

type auditCommand struct {
	Verify verifyCommand `cmd:"" help:"Prove the audit log and every stored version, offline."`
}

type verifyCommand struct{ dataFlags }

// Run verifies and prints each problem; any problem is a failure.
func (c *verifyCommand) Run(ctx context.Context, p *Program) error {
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	problems := 0
	leaves, err := h.store.Verify(ctx, func(problem string) {
		problems++
		fmt.Fprintln(p.Out, "problem:", problem)
	})
	if err != nil {
		return err
	}
	if problems > 0 {
		return fault.New(fault.Invalid, "The record does not verify: %d problems in %d audit entries.", problems, leaves)
	}
	fmt.Fprintf(p.Out, "The record verifies: %d audit entries, every stored version matches its entry.\n", leaves)
	return nil
}
