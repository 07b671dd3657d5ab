package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// sealing is the name of the upgrade from pages that are only encrypted.
const sealing = "sealed-pages"

// convert writes a database whose pages are encrypted with Adiantum anew with sealed pages.
// The old file is replaced in one step, when the new one is complete, checked and on the
// disk; a copy of the old one stays. It is called while the folder is locked.
func (s *Store) convert(ctx context.Context, path string, key []byte) error {
	name := s.vfs + "-adiantum"
	vfs.Register(name, adiantum.Wrap(s.place.base, nil))
	defer vfs.Unregister(name)
	fresh := path + ".sealed"
	for _, left := range []string{fresh, fresh + "-journal", fresh + "-wal", fresh + "-shm"} { // by an attempt that was interrupted
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(err, fault.Unavailable, "The file %s cannot be removed.", filepath.Base(left))
		}
	}
	old, err := openAdiantum(name, path, key)
	if err != nil {
		return openFault(err)
	}
	defer func() { old.Close() }()
	var before counts
	if before, err = count(old); err != nil {
		return openFault(err)
	}
	if err := s.emptyLog(old); err != nil {
		return err
	}
	if err := s.place.keep(s.dir, Before{Step: sealing, At: s.clock.Now(), T: before.leaves}); err != nil {
		return err
	}
	s.copied = true
	s.place.reached("copied")
	info, err := os.Stat(path)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file record.db cannot be read.")
	}
	if have := disk.Free(s.dir); have >= 0 && have < info.Size()+16<<20 {
		return fault.New(fault.Unavailable, "The record cannot be upgraded: its new form needs %d MB, %d MB are free. Nothing was changed.", info.Size()>>20+17, have>>20)
	}
	defer old.SetInterrupt(old.SetInterrupt(ctx))
	if _, err := old.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, sealed.Reserve); err != nil {
		return err
	}
	if err := old.Exec("VACUUM INTO '" + quoted("file:"+uriPath(fresh)+"?vfs="+s.vfs) + "'"); err != nil {
		return stepFault(0, sealing, err)
	}
	s.place.reached("written")
	if err := s.compare(fresh, before); err != nil {
		return stepFault(0, sealing, err)
	}
	if err := old.Close(); err != nil {
		return stepFault(0, sealing, err)
	}
	s.place.reached("checked")
	if err := replace(fresh, path); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The upgraded record.db cannot be put in its place. Nothing was changed.")
	}
	s.place.reached("replaced")
	return nil
}

// quoted doubles the quotes of a SQL string.
func quoted(text string) string {
	var out []rune
	for _, r := range text {
		if r == '\'' {
			out = append(out, r)
		}
		out = append(out, r)
	}
	return string(out)
}

func openAdiantum(vfsName, path string, key []byte) (*sqlite3.Conn, error) {
	db, err := sqlite3.OpenFlags("file:"+uriPath(path)+"?vfs="+vfsName, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	err = db.Exec(fmt.Sprintf("PRAGMA hexkey='%s'; PRAGMA temp_store=MEMORY; PRAGMA synchronous=EXTRA; SELECT count(*) FROM sqlite_schema", hex.EncodeToString(key)))
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// emptyLog copies the whole log back, so that record.db is the record by itself.
func (s *Store) emptyLog(db *sqlite3.Conn) error {
	if _, _, err := db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE); err != nil {
		return plain(err)
	}
	return nil
}

// counts are what must be equal in the old and the new file.
type counts struct{ leaves, hashes, resources, history, items, index int64 }

func count(db *sqlite3.Conn) (c counts, err error) {
	stmt, _, err := db.Prepare(`SELECT (SELECT count(*) FROM leaf), (SELECT count(*) FROM hash), (SELECT count(*) FROM resource),
(SELECT count(*) FROM history), (SELECT count(*) FROM item),
(SELECT count(*) FROM tok)+(SELECT count(*) FROM ident)+(SELECT count(*) FROM ref)+(SELECT count(*) FROM dat)+(SELECT count(*) FROM str)+(SELECT count(*) FROM qty)+(SELECT count(*) FROM uri)+(SELECT count(*) FROM comp)`)
	if err != nil {
		return c, err
	}
	defer stmt.Close()
	if stmt.Step() {
		for i, p := range []*int64{&c.leaves, &c.hashes, &c.resources, &c.history, &c.items, &c.index} {
			*p = stmt.ColumnInt64(i)
		}
	}
	return c, stmt.Err()
}

// compare checks the new file and sees that it holds what the old one did.
func (s *Store) compare(path string, before counts) error {
	db, err := sqlite3.OpenFlags("file:"+uriPath(path)+"?vfs="+s.vfs, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return err
	}
	defer db.Close()
	after, err := count(db)
	if err != nil {
		return err
	}
	if after != before {
		return fault.New(fault.Internal, "The new file does not hold what the old one did.")
	}
	stmt, _, err := db.Prepare("PRAGMA integrity_check(1)")
	if err != nil {
		return err
	}
	defer stmt.Close()
	if stmt.Step() && stmt.ColumnText(0) != "ok" {
		return fault.New(fault.Internal, "The new file is damaged.")
	}
	return stmt.Err()
}

// replace puts a file in the place of another, durably.
func replace(fresh, path string) error {
	f, err := os.OpenFile(fresh, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, left := range []string{path + "-wal", path + "-shm"} {
		if info, err := os.Stat(left); err == nil && filepath.Ext(left) == ".db-wal" && info.Size() > 0 {
			return fmt.Errorf("%s is not empty", filepath.Base(left))
		}
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
