package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Distributed are the tables that hold rows of patients.
var Distributed = distributed

// Trace has f called for every statement that reads.
func (s *Store) Trace(f func(ctx context.Context, text string, args []any)) { s.trace = f }

// Explain returns the database's plan of a statement with its values.
func (s *Store) Explain(ctx context.Context, text string, args []any) (string, error) {
	var lines []string
	err := s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, "EXPLAIN (COSTS OFF) "+s.numbered(text), append([]any{pgx.QueryExecModeCacheDescribe}, bound(args)...)...)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return strings.Join(lines, "\n"), err
}

// Dir returns the folder of the process.
func (s *Store) Dir() string { return s.dir }

// Step is a step of the schema for tests.
type Step struct{ Name, SQL string }

// Steps are the steps of the program.
func Steps() (out []Step) {
	for _, s := range steps {
		out = append(out, Step{s.name, s.sql})
	}
	return out
}

// WithSteps has a record opened by a program that knows these steps.
func (o Options) WithSteps(list []Step) Options {
	o.steps = nil
	for _, s := range list {
		o.steps = append(o.steps, step{s.Name, s.SQL})
	}
	return o
}
