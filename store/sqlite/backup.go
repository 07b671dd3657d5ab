package sqlite

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// Backup implements store.Store. The copy is a tar file of the folder's files as they were
// at one moment. The database in it is encrypted with the record's own key, and the key lies
// in it in its envelope: to restore it, one needs the key file or the passphrase.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	tmp, err := os.MkdirTemp(s.dir, "backup-")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "There is no room for the backup in the data folder.")
	}
	defer os.RemoveAll(tmp)
	copied := filepath.Join(tmp, "record.db")
	if err := s.copyTo(ctx, copied); err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, f := range []string{copied, filepath.Join(s.dir, seal.File), s.checkpointFile()} {
		if err := addFile(archive, f); err != nil {
			return err
		}
	}
	return archive.Close()
}

// copyTo copies the database. The copy sees one committed state; commits wait meanwhile, so
// that the copying never starts again.
func (s *Store) copyTo(ctx context.Context, path string) error {
	if s.closed.Load() {
		return fault.New(fault.Unavailable, "The record is closed.")
	}
	select {
	case <-s.writer.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer s.writer.free()
	if err := s.writer.checkpoint(false); err != nil {
		return plain(err)
	}
	return plain(s.writer.db.Backup("main", "file:"+uriPath(path)+"?vfs="+s.vfs))
}

func addFile(archive *tar.Writer, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a record without a commit has no checkpoints
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file %s cannot be read.", filepath.Base(path))
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = archive.WriteHeader(&tar.Header{Name: filepath.Base(path), Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()})
	}
	if err == nil {
		_, err = io.CopyN(archive, f, info.Size()) // checkpoints.log may grow meanwhile
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The backup cannot be written.")
	}
	return nil
}

// Restore unpacks a backup into a folder that has no record yet.
func Restore(r io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The data folder cannot be made.")
	}
	archive := tar.NewReader(r)
	known := map[string]bool{"record.db": true, seal.File: true, "checkpoints.log": true}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil || !known[h.Name] {
			return fault.Wrap(err, fault.Malformed, "This is not a backup of a record, or it is cut off.")
		}
		f, err := os.OpenFile(filepath.Join(dir, h.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fault.Wrap(err, fault.Conflict, "The folder holds a %s already. Restore into an empty folder.", h.Name)
		}
		_, err = io.Copy(f, archive)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fault.Wrap(err, fault.Malformed, "The backup is cut off, or the disk is full.")
		}
	}
}
