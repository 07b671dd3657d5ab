package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
)

type storeCommand struct {
	Copy       copyCommand       `cmd:"" help:"Copy a record from one store to another, and compare the two."`
	Distribute distributeCommand `cmd:"" help:"Spread a record in PostgreSQL over the servers of a Citus cluster."`
}

type copyCommand struct {
	From     string `required:"" placeholder:"STORE" help:"Folder of the record, or postgres://user@host/name with --from-keys."`
	To       string `required:"" placeholder:"STORE" help:"Folder of the copy, or postgres://user@host/name with --to-keys. What an interrupted copy has brought there is gone on with."`
	FromKeys string `type:"path" placeholder:"DIR" help:"Folder of the keys of a record in PostgreSQL."`
	ToKeys   string `type:"path" placeholder:"DIR" help:"Folder for the keys of a copy in PostgreSQL."`
	keyFlags
	// Contents is as in dataFlags.
	Contents   string `placeholder:"PLACE" help:"Where the contents of attachments of the record lie (default FROM/contents)." env:"OSLER_CONTENTS"`
	ToContents string `placeholder:"PLACE" help:"Where those of the copy will lie (default TO/contents)."`
	Open       bool   `name:"plain-database" help:"Allow a connection to a database over a network without TLS that is verified." env:"OSLER_PLAIN_DATABASE"`
	ToKey      string `name:"to-key-file" type:"path" placeholder:"FILE" help:"Key file that will unlock the copy (default TO/master.key; made when it is not there)."`
}

// Run copies, and goes on where it was stopped.
func (c *copyCommand) Run(ctx context.Context, p *Program) error {
	source, err := placed(c.From, c.FromKeys, "--from-keys")
	if err != nil {
		return err
	}
	target, err := placed(c.To, c.ToKeys, "--to-keys")
	if err != nil {
		return err
	}
	if source.Database == target.Database && real(source.Data) == real(target.Data) {
		return fault.New(fault.Invalid, "--from and --to are the same store.")
	}
	source.keyFlags, source.Contents = c.keyFlags, c.Contents
	source.Open, target.Open = c.Open, c.Open
	from, err := p.open(ctx, source, false)
	if err != nil {
		return err
	}
	defer from.store.Close()
	if target.keyFlags = c.keyFlags; c.ToKey != "" {
		target.keyFlags = keyFlags{KeyFile: c.ToKey}
	} else {
		target.KeyFile = ""
	}
	to, err := p.openCopy(ctx, target, from)
	if err != nil {
		return err
	}
	defer to.Close()
	contents, err := bucket.Open(cmp.Or(c.ToContents, filepath.Join(target.Data, contentsFolder)))
	if err != nil {
		return err
	}
	mark := filepath.Join(target.Data, copyMark)
	_, again := os.Stat(mark)
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The folder %s cannot be written.", target.Data)
	}
	began := time.Now()
	copying, comparing := &bar{w: p.Err, what: "copied"}, &bar{w: p.Err, what: "compared"}
	proof, err := archive.Copy{From: from.store, To: to, FromContents: from.contents, ToContents: contents, Extract: extract, Progress: copying.show, Comparing: comparing.show}.Run(ctx)
	copying.end()
	comparing.end()
	if again != nil && fault.Is(err, fault.Conflict) { // it is another record, and as it was
		return errors.Join(err, os.Remove(mark))
	}
	if err != nil {
		return saying(err, "The copy was not finished, and nobody can open it. The same command goes on from there")
	}
	if err := record.MarkPlace(ctx, to, blob.New(contents, from.keys.Key("content"))); err != nil {
		return err
	}
	if _, err := to.Checkpoint(ctx); err != nil {
		return err
	}
	if err := os.Remove(mark); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "Copied and compared: %d commits, %d versions, %d items, %d contents, the same audit entries and the same signed head, in %.1f s.\n", proof.T, proof.Versions, proof.Items, proof.Contents, time.Since(began).Seconds())
	return lost(p, proof.Lost, "All else was copied. Bring the files back into the new place of contents, from contents/ of a backup.")
}

// copyMark is a file in the folder of a copy that is not finished: it lacks what came last, and must not be
// worked in.
const copyMark = "copying"

// finished refuses the folder of a copy that was not finished.
func finished(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, copyMark)); err == nil {
		return fault.New(fault.Conflict, "The record in %s is a copy that was not finished. Run `osler store copy` again: it goes on where it was stopped.", dir)
	}
	return nil
}

// placed says where a store is: in a folder, or in a database with its keys in one.
func placed(store, keys, flag string) (dataFlags, error) {
	if !strings.Contains(store, "://") {
		return dataFlags{Data: store}, nil
	}
	if keys == "" {
		return dataFlags{}, fault.New(fault.Invalid, "A record in PostgreSQL has its keys in a folder: give it with %s.", flag)
	}
	return dataFlags{Data: keys, databaseFlag: databaseFlag{Database: store}}, nil
}

// openCopy opens the store that takes a copy: with the keys of the record, in an envelope of
// its own.
func (p *Program) openCopy(ctx context.Context, to dataFlags, of *house) (store.Store, error) {
	place := to.Data
	if err := whole(place); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(place, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The folder %s cannot be used", place)
	}
	unlock, err := to.source(place)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(place, seal.File)); err != nil {
		if err := seal.Enclose(place, unlock, of.keys); err != nil {
			return nil, err
		}
	}
	keys, err := seal.OpenKeyring(place, unlock)
	if err != nil {
		return nil, err
	}
	if keys != of.keys {
		return nil, fault.New(fault.Conflict, "The folder %s has the key of another record. Copy into an empty one.", place)
	}
	if to.Database != "" {
		return postgres.Open(ctx, postgres.Options{URL: to.Database, Plain: to.Open, Dir: place, Keyring: keys, Clock: p.Clock, Origin: of.store.Origin()})
	}
	return sqlite.Open(ctx, place, sqlite.Options{Keyring: keys, Clock: p.Clock, Origin: of.store.Origin()})
}
