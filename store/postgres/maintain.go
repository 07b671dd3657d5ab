package postgres

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

const (
	// every is how often the head of the audit log is signed and what has expired removed.
	every = time.Minute
	// outcomeHours is how long the outcome of a group is remembered; it is asked for within
	// seconds.
	outcomeHours = 2
)

// maintain works in the background until the store is closed.
func (s *Store) maintain(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-s.writer.token:
		}
		// A failure here is not lost: commits meet the same database, and Verify the same log.
		_ = s.checkpoint(ctx, true)
		s.writer.token <- struct{}{}
		s.summarizeAll(ctx)
	}
}

// summarizeAll makes the blocks of the audit log that can be made: one every 4,096 entries, and many
// once a long log was upgraded. Then it rests as long as it works.
func (s *Store) summarizeAll(ctx context.Context) {
	for {
		began := time.Now()
		if done, err := s.Summarize(ctx); done || err != nil {
			return // who reads the log does without, and meets the same failure
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Since(began)):
		}
	}
}

// Summarize implements store.Summarizing. Of several processes that make the same block each makes
// the same.
func (s *Store) Summarize(ctx context.Context) (done bool, err error) {
	b, err := s.NextBlock(ctx)
	if err != nil || b == nil {
		return err == nil, plain(err)
	}
	err = s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "INSERT INTO leaf_block (no, kinds, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", b.No, b.Kinds, b.Body)
		return err
	})
	return false, plain(err)
}

// checkpoint signs the head of the log when it has grown since the last time, keeps the note
// in the database and beside it, and, with sweep, removes what has expired. It holds the
// lock of the head: of several processes one signs.
func (s *Store) checkpoint(ctx context.Context, sweep bool) error {
	var note []byte
	err := s.with(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		defer func() {
			if err != nil && !c.IsClosed() {
				_, _ = c.Exec(ctx, "ROLLBACK")
			}
		}()
		x, err := s.begin(ctx, c, nil)
		if err != nil {
			return err
		}
		last, err := x.number("SELECT coalesce(max(size), 0) FROM checkpoint")
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		if x.head.t > last {
			if note, err = s.signer.Sign(ledger.Checkpoint{Origin: s.origin, Size: x.head.t, Root: x.head.tree.Root()}); err != nil {
				return err
			}
			b.Queue("INSERT INTO checkpoint (size, at, note) VALUES ($1, $2, $3)", x.head.t, x.now, note)
		}
		if sweep {
			b.Queue("DELETE FROM item WHERE expires > 0 AND expires <= $1", x.now)
			b.Queue("DELETE FROM once WHERE at <= $1", x.now-packed.OnceHours*3600_000)
			b.Queue("DELETE FROM outcome WHERE at <= $1", x.now-outcomeHours*3600_000)
		}
		b.Queue("COMMIT")
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil || note == nil {
		return err
	}
	return appendNote(s.checkpointFile(), note)
}

func (x *txn) number(text string, args ...any) (n int64, err error) {
	err = x.conn.Query(text, args, func(r packed.Row) (bool, error) {
		n = r.ColumnInt64(0)
		return false, nil
	})
	return n, err
}

// Checkpoint implements store.Store.
func (s *Store) Checkpoint(ctx context.Context) (note []byte, err error) {
	select {
	case <-s.writer.token:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { s.writer.token <- struct{}{} }()
	if err := s.checkpoint(ctx, false); err != nil {
		return nil, plain(err)
	}
	err = s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").Scan(&note)
	})
	if errors.Is(err, pgx.ErrNoRows) { // nothing was ever committed: an empty log has a head too
		var tree ledger.Tree
		note, err = s.signer.Sign(ledger.Checkpoint{Origin: s.origin, Root: tree.Root()})
	}
	return bytes.Clone(note), plain(err)
}

// Verify implements store.Store. It reads one state of the database; commits go on meanwhile.
func (s *Store) Verify(ctx context.Context, report func(problem string)) (int64, error) {
	return s.Reader.Verify(ctx, s.log(), report)
}

func (s *Store) log() packed.Log {
	return packed.Log{Signer: s.signer, Origin: s.origin, Notes: s.checkpointFile(), Elsewhere: true, Database: structure}
}

// structure has nothing to ask: PostgreSQL checks its pages itself (data checksums).
func structure(packed.Conn, func(string)) error { return nil }

// appendNote adds a signed note to the file, durably.
func appendNote(path string, note []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	_, err = f.Write(append(bytes.Clone(note), '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	return nil
}
