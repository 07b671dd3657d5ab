package console

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record/safety"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/sqlite"
)

// safetyFlags say how the server backs the record up by itself.
type safetyFlags struct {
	BackupTo        string        `placeholder:"PLACE" help:"Back the record up by itself: to a folder, or s3://bucket/prefix?endpoint=…&region=…" env:"OSLER_BACKUP_TO"`
	BackupEvery     time.Duration `default:"1h" help:"How often."`
	BackupRecipient []string      `placeholder:"age1…" help:"Who can open the backups: a recipient, as osler backup key prints it. It can be repeated." env:"OSLER_BACKUP_RECIPIENT"`
	RestoreDrills   bool          `default:"true" negatable:"" help:"Restore the newest backup to the side once a day, and verify it."`
}

// check refuses what cannot work, before a record is made.
func (f safetyFlags) check() error {
	if f.BackupTo == "" {
		if len(f.BackupRecipient) > 0 {
			return fault.New(fault.Invalid, "--backup-recipient says who opens backups; --backup-to says where they go.")
		}
		return nil
	}
	if f.BackupEvery < time.Minute {
		return fault.New(fault.Invalid, "A backup every %v is too often; a minute is the least.", f.BackupEvery)
	}
	_, err := archive.Recipients(f.BackupRecipient...)
	return err
}

// drillFolder is where drills restore to, in the folder of the record.
const drillFolder = "drill-"

// keepSafe makes what backs the record up; nil when nothing is to be.
func (p *Program) keepSafe(ctx context.Context, h *house, d dataFlags, f safetyFlags, log *slog.Logger) (*safety.Keeper, error) {
	if f.BackupTo == "" {
		return nil, nil
	}
	data := d.Data
	place, err := bucket.Open(f.BackupTo)
	if err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(data, drillFolder+"*")) // by a drill that was interrupted
	if err != nil {
		return nil, err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "The folder %s of an earlier drill cannot be removed.", dir)
		}
	}
	return safety.Open(ctx, safety.Options{Store: h.store, Gate: h.gate, Keys: h.keys, Clock: p.Clock, Log: log, Place: place, Name: placeName(f.BackupTo),
		Recipients: f.BackupRecipient, Contents: h.contents, Every: f.BackupEvery, Drills: f.RestoreDrills, Extract: extract,
		Room: func() int64 { return disk.Free(data) },
		Side: func(ctx context.Context, origin string, keys seal.Keyring) (store.Store, func() error, error) {
			dir, err := os.MkdirTemp(data, drillFolder)
			if err != nil {
				return nil, nil, fault.Wrap(err, fault.Unavailable, "No folder can be made in the data folder for a restore drill.")
			}
			remove := func() error { return os.RemoveAll(dir) }
			s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: keys, Clock: p.Clock, Origin: origin})
			if err != nil {
				_ = remove()
				return nil, nil, err
			}
			return s, remove, nil
		}})
}
