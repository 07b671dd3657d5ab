package console

import (
	"context"
	"fmt"
	"os"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

type auditCommand struct {
	Verify verifyCommand `cmd:"" help:"Prove the audit log and every stored version, offline."`
}

type verifyCommand struct {
	dataFlags
	Checkpoints string `type:"path" placeholder:"FILE" help:"Signed checkpoints that were kept elsewhere, as in checkpoints.log: they have to fit as well."`
}

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
	kept := 0
	if c.Checkpoints != "" {
		if kept, err = holdToCheckpoints(ctx, h.store, c.Checkpoints, func(problem string) {
			problems++
			fmt.Fprintln(p.Out, "problem:", problem)
		}); err != nil {
			return err
		}
	}
	if problems > 0 {
		return fault.New(fault.Invalid, "The record does not verify: %d problems in %d audit entries.", problems, leaves)
	}
	fmt.Fprintf(p.Out, "The record verifies: %d audit entries, every stored version matches its entry.\n", leaves)
	if kept > 0 {
		fmt.Fprintf(p.Out, "It goes on from all of %d checkpoints in %s.\n", kept, c.Checkpoints)
	}
	return nil
}

// holdToCheckpoints compares the checkpoints in a file with the record; see store.HoldTo.
func holdToCheckpoints(ctx context.Context, s store.Moving, path string, report func(string)) (int, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return 0, fault.New(fault.NotFound, "The file %s with checkpoints cannot be read.", path)
	}
	notes, rest := ledger.SplitNotes(file)
	if len(notes) == 0 || len(rest) > 0 {
		return 0, fault.New(fault.Invalid, "The file %s does not hold checkpoints, or its end is cut off.", path)
	}
	return len(notes), store.HoldTo(ctx, s, notes, report)
}
