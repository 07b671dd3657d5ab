package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

const (
	// every is how often the head of the audit log is signed and what has expired removed.
	every = time.Minute
	// walPages is the size of the write-ahead log from which it is copied back, while
	// nobody waits.
	walPages = 4000
	// walLimit is the size at which it is copied back although others wait.
	walLimit = 40_000
)

// maintain works in the background until the store is closed.
func (s *Store) maintain() {
	defer s.idle.Done()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		select {
		case <-s.stop:
			return
		case <-s.writer.token:
		}
		// A failure here is not lost: commits meet the same disk, and Verify the same log.
		_ = s.writer.checkpoint(true)
		s.writer.rest()
		s.writer.free()
	}
}

// rest copies the write-ahead log back when it has grown.
func (w *writer) rest() {
	if w.pages < walPages {
		return
	}
	w.mu.Lock()
	waiting := len(w.queue) > 0
	w.mu.Unlock()
	if waiting && w.pages < walLimit {
		return
	}
	if _, _, err := w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err == nil {
		w.pages = 0
	}
}

// checkpoint signs the head of the log when it has grown since the last time, keeps the
// note in the database and outside of it, and, with sweep, removes what has expired. The
// caller holds the token.
func (w *writer) checkpoint(sweep bool) error {
	if w.broken != nil {
		return w.broken
	}
	last, err := w.number("SELECT max(size) FROM checkpoint")
	if err != nil {
		return err
	}
	grown := w.last > last
	if !grown && !sweep {
		return nil
	}
	var note []byte
	if grown {
		if note, err = w.store.signer.Sign(ledger.Checkpoint{Origin: w.store.origin, Size: w.last, Root: w.tree.Root()}); err != nil {
			return err
		}
	}
	now := w.store.clock.Now().UnixMilli()
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = func() error {
		if sweep {
			if err := w.sweep(now); err != nil {
				return err
			}
		}
		if grown {
			if err := w.exec("INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?)", w.last, now, note); err != nil {
				return err
			}
		}
		return w.exec("COMMIT")
	}()
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		return err
	}
	if !grown {
		return nil
	}
	return appendNote(w.store.checkpointFile(), note)
}

func (s *Store) checkpointFile() string { return filepath.Join(s.dir, "checkpoints.log") }

// appendNote adds a signed note to the file, durably.
func appendNote(path string, note []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	_, err = f.Write(append(append([]byte(nil), note...), '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	return nil
}
