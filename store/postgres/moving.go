package postgres

import (
	"context"
	"iter"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// errMoving: the moving of records into and out of PostgreSQL is not there yet.
func errMoving() error {
	return fault.New(fault.NotSupported, "A record in PostgreSQL cannot be moved yet.")
}

// Origin implements store.Moving.
func (s *Store) Origin() string { return s.origin }

// Head implements store.Moving.
func (s *Store) Head(context.Context, store.T) ([]byte, error) { return nil, errMoving() }

// Append implements store.Moving.
func (s *Store) Append(context.Context, []store.Commit, store.Extract) error { return errMoving() }

// ReplaceItems implements store.Moving.
func (s *Store) ReplaceItems(context.Context, iter.Seq2[store.Item, error]) error {
	return errMoving()
}
