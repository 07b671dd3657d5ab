package console

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/fault"
)

// backupKeyCommand makes what locks and opens backups, as age-keygen does.
type backupKeyCommand struct {
	File string `arg:"" optional:"" default:"osler-identity.txt" type:"path" help:"Where the identity goes (default osler-identity.txt). A file that is there stays as it is."`
}

// Run makes an identity, and prints its recipient.
func (c *backupKeyCommand) Run(p *Program) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "The file %s is there already, and stays: it may open backups that exist. Give the new identity another name.", c.File)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The file %s cannot be made.", c.File)
	}
	_, err = fmt.Fprintf(f, "# created: %s\n# public key: %s\n%s\n", p.Clock.Now().Format("2006-01-02T15:04:05Z07:00"), id.Recipient(), id)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.Wrap(errors.Join(err, os.Remove(c.File)), fault.Unavailable, "The file %s cannot be written.", c.File)
	}
	fmt.Fprintln(p.Out, id.Recipient())
	fmt.Fprintf(p.Err, "Above is the recipient: it locks backups, and is no secret (osler backup --recipient, osler serve --backup-recipient).\n"+
		"The identity, which opens them, is in %s. Move it off this machine to a safe, with a copy elsewhere: who has it can read all backups, and without it nobody can.\n", c.File)
	return nil
}
