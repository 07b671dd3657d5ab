package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

type restoreCommand struct {
	unlockFlags
	From     string `required:"" placeholder:"PLACE" help:"Where the backups lie: a folder, or s3://bucket/prefix?endpoint=…&region=…" env:"OSLER_BACKUP_TO"`
	To       string `xor:"what" required:"" type:"path" placeholder:"DIR" help:"Folder of the restored record."`
	Drill    bool   `xor:"what" required:"" help:"Restore to a temporary folder, verify, and throw it away."`
	At       string `placeholder:"T|TIME" help:"End with this commit, or with the last one that was made up to this time (2026-11-27T14:05:00Z). The time of the commit counts, in milliseconds, which can be a little later than lastUpdated of what it holds."`
	Set      string `placeholder:"NAME" help:"Set to restore (default: the newest)."`
	Verify   bool   `help:"Read everything back afterwards, contents of attachments too, as osler audit verify does."`
	Replace  bool   `help:"Put a record that is in DIR aside, under another name, when the restored one is proven."`
	Database string `placeholder:"URL" help:"Restore into this PostgreSQL database, which has to be empty; DIR then gets the keys."`
	Open     bool   `name:"plain-database" help:"Allow a connection to the database over a network without TLS that is verified." env:"OSLER_PLAIN_DATABASE"`
	// Contents is as in dataFlags.
	Contents string `placeholder:"PLACE" help:"Where the contents of attachments go: a folder or s3://bucket/prefix?endpoint=…&region=… (default DIR/contents)." env:"OSLER_CONTENTS"`
	keyFlags        // of the restored record; a key file is made when it is not there
}

// Run restores to the side, and moves what is proven into its place. Nothing is ever wiped.
func (c *restoreCommand) Run(ctx context.Context, p *Program) error {
	private()
	r := archive.Restore{Set: c.Set, Extract: extract, Read: c.Drill}
	var err error
	if r.At, r.Time, err = parseMoment(c.At); err != nil {
		return err
	}
	if r.Keys, err = c.keys(); err != nil {
		return err
	}
	if _, err := os.Stat(c.From); errors.Is(err, os.ErrNotExist) && !strings.Contains(c.From, "://") { // it would be made
		return fault.New(fault.NotFound, "There is no folder %s to restore from.", c.From)
	}
	if r.From, err = bucket.Open(c.From); err != nil {
		return err
	}
	aside, err := c.target()
	if err != nil {
		return err
	}
	side, err := os.MkdirTemp(filepath.Dir(c.place()), filepath.Base(c.place())+".restoring-")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "No folder can be made beside %s to restore into.", c.place())
	}
	defer os.RemoveAll(side) // after it was moved there is none
	proof, err := c.restore(ctx, p, r, side, aside)
	if err != nil {
		return err
	}
	if c.Drill {
		fmt.Fprintln(p.Out, "It was a drill: what was restored is thrown away.")
	} else if err := c.swap(p, side, aside); err != nil {
		return err
	}
	return lost(p, proof.Lost, "They were lost before the backup was made; all else is restored.")
}

// place is where the restored record will be.
func (c *restoreCommand) place() string {
	if c.Drill {
		return filepath.Join(os.TempDir(), "osler-drill")
	}
	return c.To
}

// target looks at what is in the place, and returns the name for what has to be put aside.
func (c *restoreCommand) target() (aside string, err error) {
	if c.Drill {
		return "", nil
	}
	list, err := os.ReadDir(c.To)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(list) == 0:
		if err := os.MkdirAll(filepath.Dir(c.To), 0o700); err != nil {
			return "", fault.New(fault.Unavailable, "The folder %s cannot be made (%v).", filepath.Dir(c.To), err)
		}
		return "", nil
	case err != nil:
		return "", fault.New(fault.Invalid, "The folder %s cannot be read.", c.To)
	}
	if _, err := os.Stat(filepath.Join(c.To, "record.db")); err != nil || c.Database != "" {
		return "", fault.New(fault.Conflict, "The folder %s is not empty, and holds no record that could be put aside. Restore into another.", c.To)
	}
	if !c.Replace {
		return "", fault.New(fault.Conflict, "The folder %s holds a record. Restore into another folder, or add --replace: then it is put aside under another name.", c.To)
	}
	return c.To + ".replaced-" + time.Now().UTC().Format("20060102T150405Z"), sqlite.InUse(c.To)
}

// restore brings the record into side, proves it and notes in its log that it was restored.
func (c *restoreCommand) restore(ctx context.Context, p *Program, r archive.Restore, side, aside string) (proof archive.Proof, err error) {
	began := time.Now()
	var s, whole store.Store // without and with the contents of attachments
	var restored seal.Keyring
	defer func() {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	r.Open = func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error) {
		restored = keys
		if !c.Drill { // a drill needs no envelope: nobody opens it again
			unlock, err := c.source(side)
			if err != nil {
				return nil, err
			}
			if err := seal.Enclose(side, unlock, keys); err != nil {
				return nil, err
			}
		}
		var err error
		if s, err = c.open(ctx, p, side, origin, keys); err != nil {
			s = nil // an interface that holds a nil store would be closed
			return nil, err
		}
		if whole = s; !c.Drill {
			whole = record.WithContents(s, blob.New(r.Contents, keys.Key("content")))
		}
		return s, nil
	}
	if !c.Drill {
		if r.Contents, err = bucket.Open(cmp.Or(c.Contents, filepath.Join(side, contentsFolder))); err != nil {
			return proof, err
		}
	}
	line := &bar{w: p.Err, what: "restored"}
	r.Progress = line.show
	proof, err = r.Run(ctx)
	line.end()
	if err != nil {
		if c.Database != "" && s != nil && !c.Drill {
			return proof, saying(err, "Nothing was restored. Drop what the database holds before you try again.")
		}
		return proof, saying(err, "Nothing was restored from %s, and nothing was changed.", c.From)
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		return proof, err
	}
	took := time.Since(began)
	fmt.Fprintf(p.Out, "Restored: commit %d of %s, %d versions, %d items, %d contents, from %d segments of %s, in %.1f s (%.0f versions/s, %.1f MB/s)\n",
		proof.T, when(proof.Last), proof.Versions, proof.Items, proof.Contents, proof.Segments, megabytes(proof.Bytes), took.Seconds(),
		float64(proof.Versions)/took.Seconds(), float64(proof.Bytes)/1e6/took.Seconds())
	fmt.Fprintf(p.Out, "Proven: every version has the hash of its audit entry, and the entries give the signed head. The log is that of\n  %s\nCompare it with the key that you keep.\n", proof.VerificationKey)
	if proof.Beyond > 0 {
		fmt.Fprintf(p.Out, "Left out: %s behind it.\n", counted(int(proof.Beyond), "commit"))
	}
	if c.Verify || c.Drill {
		if err := proveAgain(ctx, p, whole, proof.Lost); err != nil {
			return proof, err
		}
	}
	if c.Drill {
		return proof, nil
	}
	if err := record.MarkPlace(ctx, s, blob.New(r.Contents, restored.Key("content"))); err != nil {
		return proof, err
	}
	return proof, noteRestored(ctx, p, s, proof, aside)
}

// open makes the empty store of the restored record. A drill never touches a database.
func (c *restoreCommand) open(ctx context.Context, p *Program, side, origin string, keys seal.Keyring) (store.Store, error) {
	if c.Database == "" || c.Drill {
		return sqlite.Open(ctx, side, sqlite.Options{Keyring: keys, Clock: p.Clock, Origin: origin})
	}
	s, err := postgres.Open(ctx, postgres.Options{URL: c.Database, Plain: c.Open, Dir: side, Keyring: keys, Clock: p.Clock, Origin: origin})
	if err != nil {
		return nil, err
	}
	if now, err := s.Now(ctx); err != nil || now > 0 {
		return nil, errors.Join(err, s.Close(), fault.New(fault.Conflict, "The database holds a record already. Restore into an empty one."))
	}
	return s, nil
}

// proveAgain reads all of a store back, but for the contents that were lost before the backup.
func proveAgain(ctx context.Context, p *Program, s store.Store, lost []string) error {
	problems := 0
	n, err := record.Verify(ctx, s, lost, func(gone string) {
		fmt.Fprintf(p.Out, "lost before the backup was made: %s\n", gone)
	}, func(problem string) {
		problems++
		fmt.Fprintln(p.Out, "problem:", problem)
	})
	if err != nil {
		return err
	}
	if problems > 0 {
		return fault.New(fault.Invalid, "The restored record does not verify: %s in %d audit entries. It is not put in its place; without --verify it is, as it is. If the record that was backed up is there, osler backup --full mends its place.", counted(problems, "problem"), n)
	}
	but := ""
	if len(lost) > 0 {
		but = ", and every content that the backup holds"
	}
	fmt.Fprintf(p.Out, "Verified: %d audit entries, every stored version read back%s.\n", n, but)
	return nil
}

// noteRestored writes into the audit log that the record was restored: whoever reads it
// later sees where, and that something may have been lost behind it.
func noteRestored(ctx context.Context, p *Program, s store.Store, proof archive.Proof, aside string) error {
	note := fmt.Sprintf("restored from a backup of %s as of commit %d", when(proof.Made), proof.T)
	if proof.Beyond > 0 {
		note += fmt.Sprintf("; %s of that set were left out", counted(int(proof.Beyond), "later commit"))
	}
	if aside != "" {
		note += "; the record that was there was put aside"
	}
	if err := record.Open(s, p.Clock).As(trust.System("restore"), "console").Disclose(ctx, note, nil); err != nil {
		return err
	}
	_, err := s.Checkpoint(ctx)
	return err
}

// swap moves the restored record into its place.
func (c *restoreCommand) swap(p *Program, side, aside string) error {
	if aside != "" {
		if err := sqlite.InUse(c.To); err != nil { // it may have been started meanwhile
			return err
		}
		if err := os.Rename(c.To, aside); err != nil {
			return fault.Wrap(err, fault.Unavailable, "The record in %s could not be put aside; it is as it was.", c.To)
		}
	} else if err := os.Remove(c.To); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty folder
		return fault.Wrap(err, fault.Unavailable, "The folder %s is in the way.", c.To)
	}
	if err := os.Rename(side, c.To); err != nil {
		if aside != "" {
			err = errors.Join(err, os.Rename(aside, c.To))
		}
		return fault.Wrap(err, fault.Unavailable, "The restored record could not be moved to %s.", c.To)
	}
	if d, err := os.Open(filepath.Dir(c.To)); err == nil {
		_ = d.Sync() // some systems cannot sync folders
		d.Close()
	}
	fmt.Fprintf(p.Out, "The record is in %s.\n", c.To)
	if aside != "" {
		fmt.Fprintf(p.Out, "The one that was there is in %s. Keep its checkpoints.log: it shows what the restored record does not have.\n", aside)
	}
	return nil
}

// parseMoment reads a commit or a time; "" is the end.
func parseMoment(text string) (store.T, time.Time, error) {
	if text == "" {
		return 0, time.Time{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return store.T(n), time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, time.Time{}, fault.New(fault.Invalid, "%q is no moment: give the number of a commit, or a time such as 2026-11-27T14:05:00Z.", text)
	}
	return 0, t, nil
}
