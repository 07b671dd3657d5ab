package sqlite

import (
	"bytes"
	"context"

	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

// Verify implements store.Store. It reads one state of the database; commits go on
// meanwhile.
func (s *Store) Verify(ctx context.Context, report func(problem string)) (int64, error) {
	return s.Reader.Verify(ctx, s.log(), report)
}

func (s *Store) log() packed.Log {
	notes := func() ([]byte, error) { return s.place.readAll(s.checkpointFile()) }
	return packed.Log{Signer: s.signer, Origin: s.origin, ReadNotes: notes, Database: database}
}

// database asks SQLite whether its own structure is whole.
func database(c packed.Conn, report func(problem string)) error {
	return c.Query("PRAGMA quick_check(20)", nil, func(s packed.Row) (bool, error) {
		if text := s.ColumnText(0); text != "ok" {
			report("The structure of the database is damaged: " + text + ".")
		}
		return true, nil
	})
}

// Checkpoint implements store.Store.
func (s *Store) Checkpoint(ctx context.Context) ([]byte, error) {
	select {
	case <-s.writer.token:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer s.writer.free()
	if err := s.writer.checkpoint(false); err != nil {
		return nil, plain(err)
	}
	var note []byte
	_, err := s.writer.one("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1", nil, func(st packed.Row) { note = st.ColumnBlob(0, nil) })
	if err == nil && note == nil { // nothing was ever committed: an empty log has a head too
		note, err = s.signer.Sign(ledger.Checkpoint{Origin: s.origin, Root: s.writer.tree.Root()})
	}
	return bytes.Clone(note), plain(err)
}
