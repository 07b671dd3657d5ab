package console

import (
	"context"
	"fmt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/sqlite"
)

type upgradeCommand struct {
	dataFlags
	Rollback    bool   `xor:"way" help:"Put the copy back that the last upgrade made. What was stored since is set aside, not deleted."`
	Copy        string `placeholder:"NAME" help:"With --rollback: this copy, instead of the last."`
	WithoutCopy bool   `xor:"way" help:"Make no copy before: only for a record in PostgreSQL of which you have a backup."`
}

// Run upgrades the record, as serving it would, and lists the copies that upgrades have made;
// or puts one of them back.
func (c *upgradeCommand) Run(ctx context.Context, p *Program) error {
	switch {
	case c.WithoutCopy && c.Database == "":
		return fault.New(fault.Invalid, "A record in a folder is always copied before an upgrade; --without-copy is for one in PostgreSQL (--database).")
	case c.Rollback && c.Database == "":
		return c.rollback(p)
	case c.Rollback:
		return c.rollbackDatabase(ctx, p)
	case c.Database != "":
		return c.upgradeDatabase(ctx, p)
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
		fmt.Fprintf(p.Out, copyLine, b.Name, b.T, b.Step)
	}
	return nil
}

// copyLine tells of a copy.
const copyLine = "copy %s: %d commits, made before the step %s\n"

// upgradeDatabase upgrades a record in PostgreSQL.
func (c *upgradeCommand) upgradeDatabase(ctx context.Context, p *Program) error {
	private()
	keys, err := keyring(c.Data, c.keyFlags)
	if err != nil {
		return err
	}
	o := postgres.Options{URL: c.Database, Plain: c.Open, Dir: c.Data, Keyring: keys, Clock: p.Clock, Existing: true, WithoutCopy: c.WithoutCopy}
	s, err := postgres.Open(ctx, o)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	copies, err := postgres.Copies(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.Out, "The record has the form of this program.")
	for _, b := range copies {
		fmt.Fprintf(p.Out, copyLine, b.Name, b.T, b.Step)
	}
	return nil
}

func (c *upgradeCommand) rollbackDatabase(ctx context.Context, p *Program) error {
	put, aside, err := postgres.Rollback(ctx, postgres.Options{URL: c.Database, Plain: c.Open, Dir: c.Data}, c.Copy, p.Clock.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "The copy %s is the record again. What was there lies in the schema %s of the database.\nStart the program of before now: this one would upgrade the record again.\n", put.Name, aside)
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
	fmt.Fprintf(p.Out, "The copy %s is the record again. What was there lies in %s; this program reads it with --data and --key-file.\nStart the program of before now: this one would upgrade the record again.\n", name, aside)
	return nil
}
