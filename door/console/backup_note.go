package console

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/safety"
	"github.com/osler-emr/osler/store/archive"
)

// noteFile tells of a backup by hand in the folder of a record, which the command only reads: the server
// that has it open, or the next one, takes it into the record. The seal proves that who made it had the key.
const noteFile = "backed-up"

// noteEvery is how often a server looks for it.
const noteEvery = 2 * time.Second

// note keeps that a backup was made: in a database at once, in a folder by way of its server.
func (r beside) note(ctx context.Context, dir, to string, b archive.Backed, began, ended time.Time) error {
	n := record.ByHand{Place: placeName(to), SafetyRun: record.SafetyRun{Began: began, Ended: ended, Made: b.Made, T: b.To, Last: b.Last, Head: b.Head, Object: b.Segment,
		Versions: b.Versions, Bytes: b.Size, Lost: len(b.Lost)}}
	if r.gate != nil {
		return safety.Note(ctx, r.gate, n)
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(r.keys.Key(noteFile), text, []byte(noteFile))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, noteFile)
	if err := os.WriteFile(path+".new", sealed, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// placeName is a place as it is told: a folder with its whole path.
func placeName(to string) string {
	if strings.Contains(to, "://") {
		return to
	}
	if whole, err := filepath.Abs(to); err == nil {
		return whole
	}
	return to
}

// hearOfBackups takes notes of backups by hand into the record.
func hearOfBackups(ctx context.Context, h *house, log *slog.Logger) {
	path := filepath.Join(h.dir, noteFile)
	told := false
	for {
		err := hear(ctx, h, path)
		if err != nil && !told && ctx.Err() == nil {
			log.Warn("a backup by hand could not be noted", "error", err)
		}
		told = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(noteEvery):
		}
	}
}

func hear(ctx context.Context, h *house, path string) error {
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var n record.ByHand
	text, err := seal.Open(h.keys.Key(noteFile), sealed, []byte(noteFile))
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path)) // it can be read no better later
	}
	if err := safety.Note(ctx, h.gate, n); err != nil {
		return err // it waits for the next time
	}
	return os.Remove(path)
}
