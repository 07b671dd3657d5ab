package sqlite

import (
	"context"
	"io"

	"github.com/osler-emr/osler/base/fault"
)

// Verify implements store.Store.
func (s *Store) Verify(ctx context.Context, report func(problem string)) (int64, error) {
	return 0, fault.New(fault.Unavailable, "The verification is not built yet.")
}

// Checkpoint implements store.Store.
func (s *Store) Checkpoint(ctx context.Context) ([]byte, error) {
	return nil, fault.New(fault.Unavailable, "The verification is not built yet.")
}

// Backup implements store.Store.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return fault.New(fault.Unavailable, "The backup is not built yet.")
}
