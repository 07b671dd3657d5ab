package sqlite

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// form is how the pages of record.db are encrypted.
type form int

const (
	formNew      form = iota // there is no database yet
	formSealed               // AES-256-GCM, each page authenticated
	formAdiantum             // before November 2026: encrypted, not authenticated
	formForeign              // another key, or no database of ours
)

// look finds out what record.db is, and refuses a folder whose database or log has lost
// something that SQLite would not miss.
func (s *Store) look(path string) (form, error) {
	f, err := s.place.open(path, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fault.Wrap(err, fault.Unavailable, "The file record.db cannot be opened for writing.")
	}
	size := int64(0)
	if err == nil {
		defer f.Close()
		if size, err = f.Size(); err != nil {
			return 0, fault.Wrap(err, fault.Unavailable, "The file record.db cannot be read.")
		}
	}
	if size == 0 {
		if notes, err := s.place.readAll(s.checkpointFile()); err == nil && len(notes) > 0 {
			return 0, fault.New(fault.Internal, "The file record.db is missing or empty, but checkpoints.log says that there was a record here. Restore a backup.")
		}
		return formNew, nil
	}
	log, err := s.lookAtLog()
	if err != nil {
		return 0, err
	}
	if log.Ours || opensOne(f, size, s.files) {
		return formSealed, nil
	}
	if size <= sealed.PageSize {
		if j, err := s.place.open(path+"-journal", false); err == nil {
			j.Close()
			return formNew, nil // it was being made when the power went; SQLite empties it
		}
	}
	return formForeign, nil
}

// opensOne reports whether any of the first pages opens: the very first may be damaged.
func opensOne(f io.ReaderAt, size int64, files *sealed.VFS) bool {
	page := make([]byte, sealed.PageSize)
	for no := int64(0); no < 64 && (no+1)*sealed.PageSize <= size; no++ {
		if _, err := f.ReadAt(page, no*sealed.PageSize); err == nil && files.Opens(page, no) {
			return true
		}
	}
	return false
}

func (s *Store) lookAtLog() (sealed.Log, error) {
	f, err := s.place.open(filepath.Join(s.dir, "record.db-wal"), false)
	if errors.Is(err, fs.ErrNotExist) {
		return sealed.Log{}, nil
	}
	if err != nil {
		return sealed.Log{}, fault.Wrap(err, fault.Unavailable, "The file record.db-wal cannot be opened for writing.")
	}
	defer f.Close()
	size, err := f.Size()
	var log sealed.Log
	if err == nil {
		log, err = s.files.CheckLog(f, size)
	}
	if err != nil {
		return log, fault.Wrap(err, fault.Unavailable, "The file record.db-wal cannot be read.")
	}
	if log.Damaged > 0 {
		return log, fault.New(fault.Internal, "The file record.db-wal is damaged at frame %d: what was stored last would be lost. The record is not opened, so that nothing more is lost. Keep a copy of the folder and restore a backup.", log.Damaged)
	}
	return log, nil
}
