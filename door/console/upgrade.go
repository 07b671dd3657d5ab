package console

import (
	"context"
	"fmt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlite"
)

type upgradeCommand struct {
	dataFlags
	Rollback bool   `help:"Put the copy back that the last upgrade made. What was stored since is set aside, not deleted."`
	Copy     string `placeholder:"NAME" help:"With --rollback: this copy, instead of the last."`
}

// Run upgrades the record, as serving it would, and lists the copies that upgrades have made;
// or puts one of them back.
func (c *upgradeCommand) Run(ctx context.Context, p *Program) error {
	if c.Rollback {
		return c.rollback(p)
	}
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	if err := h.store.Close(); err != nil {
		return err
	}
	copies, err := sqlite.Copies(c.Data)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.Out, "The record has the form of this program.")
	for _, b := range copies {
		fmt.Fprintf(p.Out, "copy %s: %d commits, made before the step %s\n", b.Name, b.T, b.Step)
	}
	return nil
}

func (c *upgradeCommand) rollback(p *Program) error {
	copies, err := sqlite.Copies(c.Data)
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		return fault.New(fault.NotFound, "No upgrade has made a copy of the record in %s.", c.Data)
	}
	name := c.Copy
	if name == "" {
		name = copies[len(copies)-1].Name
	}
	aside, err := sqlite.Rollback(c.Data, name, p.Clock.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "The copy %s is the record again. What was there lies in %s.\nStart the program of before now: this one would upgrade the record again.\n", name, aside)
	return nil
}
