package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/sqlite"
)

// dataFlags say where the record is and what unlocks it.
type dataFlags struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Folder of the record." env:"OSLER_DATA"`
	keyFlags
	databaseFlag
	scanFlags
	Contents string `placeholder:"PLACE" help:"Where large contents (scans, photos) lie, encrypted: a folder or s3://bucket/prefix?endpoint=…&region=… (default DIR/contents)." env:"OSLER_CONTENTS"`
}

// databaseFlag says in which database the record is. What stands on a command line can be
// seen by others on the machine: a password belongs into the environment or ~/.pgpass.
type databaseFlag struct {
	Database string   `placeholder:"URL" help:"PostgreSQL database that holds the record (postgres://user@host/name?sslmode=verify-full) instead of a file in the folder; the folder then holds the keys. Give a password in the environment." env:"OSLER_DATABASE"`
	Open     bool     `name:"plain-database" help:"Allow a connection to the database over a network without TLS that is verified: only where the network itself is encrypted." env:"OSLER_PLAIN_DATABASE"`
	Replica  []string `placeholder:"URL" help:"Replica of the database (streaming replication) that answers searches while it has everything. May be given several times; in the environment with commas between." env:"OSLER_REPLICA"`
}

// scanFlags say what looks at files before they are stored.
type scanFlags struct {
	Scanner      []string `placeholder:"SCANNER" help:"Malware scanner that every file from outside is shown to before it is stored: unix:/run/clamav/clamd.ctl, tcp:127.0.0.1:3310 or tls:HOST:PORT for ClamAV, or \"command:PROGRAM\". May be given several times." env:"OSLER_SCANNER"`
	PlainScanner bool     `help:"Allow tcp: to a scanner on another machine, which sees patients' files in clear on the way: only where the network itself is encrypted." env:"OSLER_PLAIN_SCANNER"`
}

// contentsFolder is where the contents of attachments lie in the folder of the record.
const contentsFolder = "contents"

// house is an opened record with everything that works on it.
type house struct {
	dir      string // the folder of the record
	store    store.Store
	keys     seal.Keyring
	contents bucket.Bucket // of attachments; nil: there is no place for them
	gate     *record.Gate
	accounts *identity.Accounts
	apart    bool // the record lies in a database on another machine, which has processors of its own
}

// open opens the record in a folder; create makes it when there is none.
func (p *Program) open(ctx context.Context, d dataFlags, create bool) (*house, error) {
	if err := finished(d.Data); err != nil {
		return nil, err
	}
	_, err := os.Stat(filepath.Join(d.Data, "record.db"))
	embedded := err == nil
	switch {
	case embedded && d.Database != "":
		return nil, fault.New(fault.Conflict, "The folder %s holds a record of its own. Give another folder for the keys of a record in PostgreSQL.", d.Data)
	case !embedded && d.Database == "" && !create:
		return nil, fault.New(fault.NotFound, "There is no record in %s; `osler serve --data` creates one.", d.Data)
	}
	scanner, err := malware.Open(d.PlainScanner, d.Scanner...)
	if err != nil {
		return nil, err
	}
	private()
	if err := whole(d.Data); err != nil {
		return nil, err
	}
	forget := unmade(filepath.Join(d.Data, seal.File), filepath.Join(d.Data, "master.key"), filepath.Join(d.Data, contentsFolder), d.Data)
	if err := os.MkdirAll(d.Data, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The folder %s cannot be used; choose another with --data", d.Data)
	}
	unlock, err := d.source(d.Data)
	if err != nil {
		return nil, err
	}
	keys, err := seal.OpenKeyring(d.Data, unlock)
	if err != nil {
		return nil, err
	}
	place, err := bucket.Open(cmp.Or(d.Contents, filepath.Join(d.Data, contentsFolder)))
	if err != nil {
		return nil, err
	}
	s, err := p.store(ctx, d, keys, create)
	if errors.Is(err, postgres.ErrOtherKey) {
		forget() // keys that were made just now open nothing
	}
	if err != nil {
		return nil, err
	}
	whole := record.WithContents(s, blob.New(place, keys.Key("content")))
	gate := record.Open(whole, p.Clock)
	gate.ScanFiles(scanner)
	if create {
		if err := gate.Found(ctx); err != nil {
			return nil, err
		}
	}
	if err := gate.HoldPlace(ctx, create); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	accounts := identity.Open(s, p.Clock, identity.Options{Key: keys.Key("identity")})
	gate.Hold(accounts)
	return &house{dir: d.Data, apart: d.Database != "" && !postgres.Near(d.Database), store: whole, keys: keys, contents: place, gate: gate, accounts: accounts}, nil
}

// unmade returns what removes those of the files, and of the folders that are empty, that were not there
// when it was called.
func unmade(files ...string) (remove func()) {
	files = slices.DeleteFunc(files, func(path string) bool {
		_, err := os.Stat(path)
		return !errors.Is(err, fs.ErrNotExist)
	})
	return func() {
		for _, path := range files {
			_ = os.Remove(path) // a folder with something in it stays
		}
	}
}

// store opens the database of the record.
func (p *Program) store(ctx context.Context, d dataFlags, keys seal.Keyring, create bool) (store.Store, error) {
	if d.Database == "" {
		before, err := sqlite.Copies(d.Data)
		if err != nil {
			return nil, err
		}
		s, err := sqlite.Open(ctx, d.Data, sqlite.Options{Keyring: keys, Clock: p.Clock})
		if after, err2 := sqlite.Copies(d.Data); err == nil && err2 == nil && len(after) > len(before) {
			fmt.Fprintf(p.Err, "The record was brought to the form of this program; as it was before, it lies in %s (docs/operations/upgrade.md).\n", filepath.Join(d.Data, "upgrades", after[len(after)-1].Name))
		}
		return s, err
	}
	return postgres.Open(ctx, postgres.Options{URL: d.Database, Replicas: d.Replica, Dir: d.Data, Keyring: keys, Clock: p.Clock, Existing: !create, Plain: d.Open, Recent: identity.Recent()})
}

// whole refuses a folder that lost half of its record: a new data key would open nothing, and
// stand in the way of the old one when it is put back.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "record.db")); err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, seal.File)); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "The folder %s holds a record but not its %s, without which nobody can read it. Put that file back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", dir, seal.File)
	}
	return nil
}
