package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// Before is the copy of a record that an upgrade made before it changed anything. It lies in
// the folder upgrades of the record, under its name.
type Before struct {
	Name string    `json:"-"`
	Step string    `json:"step"` // the first step that was still to be done
	At   time.Time `json:"at"`
	T    int64     `json:"t"` // the number of commits in it
}

const (
	upgradesFolder = "upgrades"
	beforeFile     = "copy.json"
	// rollingBack stands in the upgrades folder while a copy is put back.
	rollingBack = "rolling-back"
)

// recordFiles are those that make a record together.
var recordFiles = []string{"record.db", seal.File, "checkpoints.log", leavesFile}

// keepBefore copies the files of a record that nobody writes and whose log is empty. A copy
// of the same state, which an earlier attempt has made, is kept instead.
func keepBefore(dir string, b Before) error {
	copies, err := Copies(dir)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if c.Step == b.Step && c.T == b.T {
			return nil
		}
	}
	size := int64(16 << 20)
	for _, name := range recordFiles {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			size += info.Size()
		}
	}
	if have := disk.Free(dir); have >= 0 && have < size {
		return fault.New(fault.Unavailable, "The record must be copied before it is upgraded, for which the disk has no room: %d MB are needed, %d MB are free. Nothing was changed.", size>>20+1, have>>20)
	}
	folder := filepath.Join(dir, upgradesFolder)
	unfinished := filepath.Join(folder, "unfinished")
	if err := errors.Join(os.RemoveAll(unfinished), os.MkdirAll(unfinished, 0o700)); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The folder %s cannot be made.", folder)
	}
	if err := copyRecord(dir, unfinished, b); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The record cannot be copied before it is upgraded. Nothing was changed.")
	}
	name := fmt.Sprintf("%s-before-%s", b.At.UTC().Format("2006-01-02T150405"), strings.ReplaceAll(b.Step, " ", "-"))
	if err := errors.Join(os.Rename(unfinished, filepath.Join(folder, name)), syncFolder(folder), syncFolder(dir)); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The record cannot be copied before it is upgraded. Nothing was changed.")
	}
	return nil
}

func copyRecord(from, to string, b Before) error {
	for _, name := range recordFiles {
		err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(to, beforeFile), text); err != nil {
		return err
	}
	return syncFolder(to)
}

// copyFile copies a file durably.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Copies returns the copies that upgrades have made, oldest first.
func Copies(dir string) ([]Before, error) {
	found, err := os.ReadDir(filepath.Join(dir, upgradesFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The folder %s cannot be read.", upgradesFolder)
	}
	var out []Before
	for _, d := range found {
		if !strings.Contains(d.Name(), "-before-") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, upgradesFolder, d.Name(), beforeFile))
		b := Before{Name: d.Name()}
		if err == nil && json.Unmarshal(text, &b) == nil {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Before) int { return a.At.Compare(b.At) })
	return out, nil
}

// Rollback puts the copy of a name back in the place of the record, and returns where the
// record now lies that was there: nothing is deleted. What was stored since the upgrade is
// not in the copy. It can be called again when it was interrupted; until then the record does
// not open.
func Rollback(dir, name string, now time.Time) (aside string, err error) {
	l, err := takeLock(dir)
	if err != nil {
		return "", err
	}
	defer l.Close()
	source := filepath.Join(dir, upgradesFolder, name)
	if _, err := os.Stat(filepath.Join(source, beforeFile)); err != nil || name != filepath.Base(name) {
		return "", fault.New(fault.NotFound, "There is no copy of this name in %s.", filepath.Join(dir, upgradesFolder))
	}
	mark := filepath.Join(dir, upgradesFolder, rollingBack)
	if text, err := os.ReadFile(mark); err == nil && len(text) > 0 {
		aside = filepath.Base(string(text)) // go on where it was interrupted
	} else {
		aside = now.UTC().Format("2006-01-02T150405") + "-rolled-back"
		if err := errors.Join(writeFile(mark, []byte(aside)), syncFolder(filepath.Dir(mark))); err != nil {
			return "", fault.Wrap(err, fault.Unavailable, "The folder %s cannot be written. Nothing was changed.", upgradesFolder)
		}
	}
	aside = filepath.Join(dir, upgradesFolder, aside)
	if err := putBack(dir, source, aside); err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "The copy could not be put back. Roll back again when the cause is gone; until then the record does not open.")
	}
	if err := errors.Join(os.Remove(mark), syncFolder(filepath.Dir(mark))); err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "The folder %s cannot be written.", upgradesFolder)
	}
	return aside, nil
}

// putBack moves the files of the record aside and copies the others in. What has been moved
// already is not there to be moved again.
func putBack(dir, source, aside string) error {
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"record.db", "record.db-wal", "checkpoints.log", leavesFile} {
		to := filepath.Join(aside, name)
		if _, err := os.Stat(to); err == nil {
			continue
		}
		if err := os.Rename(filepath.Join(dir, name), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// What was moved can be opened where it lies: the envelope of its key stays with it.
	envelope := filepath.Join(aside, seal.File)
	if _, err := os.Stat(envelope); errors.Is(err, fs.ErrNotExist) {
		if err := copyFile(filepath.Join(dir, seal.File), envelope); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := errors.Join(syncFolder(aside), syncFolder(dir)); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(dir, "record.db-shm"))
	for _, name := range recordFiles {
		if err := copyFile(filepath.Join(source, name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(dir)
}

// unfinishedRollback refuses a folder in which a copy was being put back.
func unfinishedRollback(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, upgradesFolder, rollingBack)); err != nil {
		return nil
	}
	return fault.New(fault.Unavailable, "A rollback of this record was interrupted. Run it again: `osler upgrade --rollback`.")
}
