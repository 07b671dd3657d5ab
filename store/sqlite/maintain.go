package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

const (
	// every is how often the head of the audit log is signed and what has expired removed.
	every = time.Minute
	// walPages is the size of the write-ahead log from which it is copied back while nobody
	// waits, and walAhead the one from which it is although others write.
	walPages = 10_000
	walAhead = 30_000
	// walRest is how much of it may be left for the end, for which those who write wait.
	walRest = 1000
	// walLimit is the size at which no commit goes on before it was copied back.
	walLimit = 60_000
	// aheadWait is how long that waits for a connection.
	aheadWait = time.Second
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
		ready, err := s.ahead()
		select {
		case <-s.stop:
			return
		case <-s.writer.token:
		}
		_ = s.writer.failed(err)
		// A failure here is not lost: commits meet the same disk, and Verify the same log.
		_ = s.writer.checkpoint(true)
		if ready {
			s.writer.copyBack()
		}
		s.writer.free()
		s.summarizeAll()
	}
}

// summarizeAll makes the blocks of the audit log that can be made: one every 4,096 entries, and many
// once a long log was upgraded. Then it rests as long as it works.
func (s *Store) summarizeAll() {
	for {
		began := time.Now()
		if done, err := s.Summarize(context.Background()); done || err != nil {
			return // who reads the log does without, and meets the same failure
		}
		select {
		case <-s.stop:
			return
		case <-s.place.after(time.Since(began)):
		}
	}
}

// Summarize implements store.Summarizing.
func (s *Store) Summarize(ctx context.Context) (done bool, err error) {
	b, err := s.NextBlock(ctx)
	if err != nil || b == nil {
		return err == nil, err
	}
	select {
	case <-s.stop:
		return false, errClosed
	case <-ctx.Done():
		return false, ctx.Err()
	case <-s.writer.token:
	}
	defer s.writer.free()
	if s.writer.broken != nil {
		return false, s.writer.broken
	}
	if err := s.writer.exec("INSERT OR IGNORE INTO leaf_block (no, kinds, body) VALUES (?, ?, ?)", b.No, b.Kinds, b.Body); err != nil {
		return false, plain(s.writer.failed(err))
	}
	s.writer.later()
	return false, nil
}

// later has the write-ahead log copied back in the background, so that no commit waits for
// it; unless it has grown so much that it must not go on.
func (w *writer) later() {
	switch {
	case w.pages.Load() >= walLimit:
		w.copyBack()
	case w.pages.Load() >= walPages:
		select {
		case w.aside.full <- struct{}{}:
		default:
		}
	}
}

// grown reports whether the write-ahead log is to be copied back: from some size while nobody
// waits, and in any case from a larger one.
func (w *writer) grown() bool {
	pages := w.pages.Load()
	if pages < walPages || pages >= walAhead {
		return pages >= walAhead
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0
}

// copyBack copies the write-ahead log back as far as nobody reads it.
func (w *writer) copyBack() {
	if w.broken != nil {
		return
	}
	w.copying.Lock()
	defer w.copying.Unlock()
	if w.aside.down.Load() {
		return
	}
	defer w.store.still()()
	if _, _, err := w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err != nil {
		_ = w.failed(err)
		return
	}
	w.pages.Store(0)
	w.ahead = 0
}

// aheadTries is how often what has come meanwhile is copied, too.
const aheadTries = 4

// ahead copies the write-ahead log back while others write, when it has grown. ready says that
// little is left for copyBack, for which they wait: SQLite syncs the database only when the whole
// log is in it, which took longer than all the rest. The error is one of the disk, for failed.
func (s *Store) ahead() (ready bool, err error) {
	w := s.writer
	if !w.grown() || w.aside.down.Load() {
		return false, nil
	}
	if !w.copying.TryLock() {
		return false, nil
	}
	defer w.copying.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), aheadWait)
	defer cancel()
	c, err := s.borrow(ctx)
	if err != nil {
		return false, nil // it is done later
	}
	defer s.giveBack(c)
	for range aheadTries {
		pages := w.pages.Load()
		if pages < w.ahead+walRest {
			break
		}
		s.renew()
		c.end() // who reads copies nothing
		if _, _, err := c.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err != nil {
			return false, err
		}
		if done, err := s.syncDatabase(); !done {
			return false, err
		}
		w.ahead = pages
	}
	return true, nil
}

// syncDatabase brings to the disk what was written into the database. After an error the log must not
// be thrown away: what it holds may be nowhere else, whatever the disk says the next time.
func (s *Store) syncDatabase() (done bool, err error) {
	f, err := s.place.open(filepath.Join(s.dir, "record.db"), false)
	if err != nil {
		return false, nil // it is done at the end
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		s.writer.aside.down.Store(true)
		return false, vfs.SystemError(err, sqlite3.IOERR_FSYNC)
	}
	return true, nil
}

// checkpoint signs the head of the log when it has grown since the last time, keeps the
// note in the database and outside of it, and, with sweep, removes what has expired. The
// caller holds the token.
func (w *writer) checkpoint(sweep bool) error {
	if w.broken != nil {
		return w.broken
	}
	if err := w.settle(); err != nil {
		return err
	}
	last, err := w.number("SELECT max(size) FROM checkpoint")
	if err != nil {
		return err
	}
	size := w.tree.Size()
	grown := size > last
	if !grown && !sweep {
		return nil
	}
	var note []byte
	if grown {
		if note, err = w.store.signer.Sign(ledger.Checkpoint{Origin: w.store.origin, Size: size, Root: w.tree.Root()}); err != nil {
			return err
		}
	}
	now := w.store.clock.Now().UnixMilli()
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return w.failed(err)
	}
	err = func() error {
		if sweep {
			if err := w.sweep(now); err != nil {
				return err
			}
		}
		if grown {
			if err := w.exec("INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?)", size, now, note); err != nil {
				return err
			}
		}
		return w.exec("COMMIT")
	}()
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		return w.failed(err)
	}
	if !grown {
		return nil
	}
	w.owed = append(w.owed, note)
	for len(w.owed) > 0 { // also those that the disk did not take before
		if err := w.store.place.appendNote(w.store.checkpointFile(), w.owed[0]); err != nil {
			return err
		}
		w.owed = w.owed[1:]
	}
	return nil
}

func (s *Store) checkpointFile() string { return filepath.Join(s.dir, "checkpoints.log") }

// mendNotes cuts off a last note that a crash has torn, so that the next one is read whole.
func (p place) mendNotes(path, origin string) error {
	f, err := p.open(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be read.")
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be read.")
	}
	tail := make([]byte, min(size, 8<<10))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be read.")
	}
	if hole := bytes.IndexByte(tail, 0); hole >= 0 { // its middle has not reached the disk: back to the last whole one
		end := bytes.LastIndex(tail[:hole], []byte("\n\n"))
		for end >= 0 && !bytes.HasPrefix(tail[bytes.LastIndexByte(tail[:end], '\n')+1:end], []byte("— ")) {
			end = bytes.LastIndex(tail[:end], []byte("\n\n"))
		}
		if end >= 0 {
			return errors.Join(f.Truncate(size-int64(len(tail))+int64(end+2)), f.Sync())
		}
	}
	if len(tail) == 0 || bytes.HasSuffix(tail, []byte("\n\n")) && !bytes.HasSuffix(tail, tornText(tail, origin)) {
		return nil
	}
	keep := bytes.LastIndex(tail, []byte("\n\n"+origin+"\n"))
	if keep < 0 && int64(len(tail)) == size {
		keep = -2 // the first note is the torn one
	}
	if keep == -1 {
		return fault.New(fault.Internal, "The file checkpoints.log is damaged at its end. Move it away to start a new one.")
	}
	return errors.Join(f.Truncate(size-int64(len(tail))+int64(keep+2)), f.Sync())
}

// lastNotes writes those notes again that the database has and the file not yet, at its end:
// the power may have gone between the two, or torn the last one, or left a file that the folder
// did not know yet. A file that is missing later, or that lacks notes in its middle, was
// tampered with, as the verification says.
func (s *Store) lastNotes() error {
	newest, err := s.newestNote()
	if errors.Is(err, fs.ErrNotExist) {
		n, err := s.writer.number("SELECT count(*) FROM (SELECT 1 FROM checkpoint LIMIT 2)")
		if err != nil || n != 1 {
			return err
		}
	} else if err != nil {
		return err
	}
	var notes [][]byte
	err = s.writer.Query("SELECT note FROM checkpoint WHERE size > ? ORDER BY size", []any{newest}, func(st packed.Row) (bool, error) {
		notes = append(notes, bytes.Clone(st.ColumnBlob(0, nil)))
		return true, nil
	})
	for i := 0; i < len(notes) && err == nil; i++ {
		err = s.place.appendNote(s.checkpointFile(), notes[i])
	}
	return err
}

// newestNote returns the size that the last note in the file counts.
func (s *Store) newestNote() (int64, error) {
	f, err := s.place.open(s.checkpointFile(), false)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	tail := make([]byte, min(size, 8<<10))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be read.")
	}
	if last := bytes.LastIndex(tail, []byte("\n\n"+s.origin+"\n")); last >= 0 {
		tail = tail[last+2:]
	}
	notes, _ := ledger.SplitNotes(tail)
	if len(notes) == 0 {
		return 0, nil
	}
	c, err := s.signer.Open(notes[0])
	if err != nil {
		return math.MaxInt64, nil // not ours: left as it is, for the verification to tell
	}
	return c.Size, nil
}

// tornText returns the last note of the tail when it ends behind its text, before its
// signature, which looks like the end of a note; something that is no suffix otherwise.
func tornText(tail []byte, origin string) []byte {
	last := tail[max(bytes.LastIndex(tail, []byte(origin+"\n")), 0):]
	if bytes.Count(last, []byte("\n\n")) == 1 {
		return last
	}
	return []byte{0}
}

// appendNote adds a signed note to the file, durably.
func (p place) appendNote(path string, note []byte) error {
	f, err := p.open(path, true)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	defer f.Close()
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(append(append([]byte(nil), note...), '\n'), size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(size) // a torn note would spoil the next one
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written.")
	}
	return nil
}
