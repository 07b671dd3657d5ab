package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/trust/ledger"
)

// Verify implements store.Store. It reads one state of the database; commits go on
// meanwhile.
func (s *Store) Verify(ctx context.Context, report func(problem string)) (int64, error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	return s.Reader.Verify(ctx, s.log(), report)
}

func (s *Store) log() packed.Log {
	notes := func() ([]byte, error) { return s.place.readAll(s.checkpointFile()) }
	return packed.Log{Signer: s.signer, Origin: s.origin, ReadNotes: notes, Database: s.database}
}

// database looks at every page of the file, also at those that nothing refers to, and asks
// SQLite whether its own structure is whole.
func (s *Store) database(c packed.Conn, report func(problem string)) error {
	if err := s.scrub(report); err != nil {
		return err
	}
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

// scrub reports pages of record.db that are not what was written. Commits go on meanwhile; a
// page that looks wrong is looked at again while nothing is written and the log is copied back.
func (s *Store) scrub(report func(problem string)) error {
	f, err := s.place.open(filepath.Join(s.dir, "record.db"), false)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	var doubtful []int64
	err = s.files.CheckPages(f, size, func(no int64) error {
		doubtful = append(doubtful, no)
		return nil
	})
	if err != nil || len(doubtful) == 0 {
		return err
	}
	s.writer.acquire()
	defer s.writer.free()
	s.writer.copyBack()
	page := make([]byte, sealed.PageSize)
	for _, no := range doubtful {
		if _, err := f.ReadAt(page, no*sealed.PageSize); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !s.files.Opens(page, no) {
			report(fmt.Sprintf("Page %d of record.db is not what was written.", no+1))
		}
	}
	return nil
}
