package console

import (
	"context"
	"fmt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/postgres"
)

type distributeCommand struct {
	dataFlags
	Shards int `default:"64" help:"Into how many pieces the tables are cut; they move between servers as wholes, and cannot be cut again."`
}

// Run spreads the tables of patients over the workers of a Citus cluster. Stop all processes
// of the record before.
func (c *distributeCommand) Run(ctx context.Context, p *Program) error {
	if c.Database == "" {
		return fault.New(fault.Invalid, "A record in a file cannot be spread over servers. Give --database URL of the coordinator of a Citus cluster; `osler store copy` brings the record there.")
	}
	private()
	keys, err := keyring(c.Data, c.keyFlags)
	if err != nil {
		return err
	}
	s, err := postgres.Open(ctx, postgres.Options{URL: c.Database, Plain: c.Open, Dir: c.Data, Keyring: keys, Clock: p.Clock, Existing: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Distribute(ctx, c.Shards, func(table string) { fmt.Fprintf(p.Out, "spreading the table %s\n", table) }); err != nil {
		return err
	}
	fmt.Fprintln(p.Out, "The record is spread over the cluster. Start its processes again.")
	return nil
}
