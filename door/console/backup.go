package console

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/sqlite"
)

// backupCommand backs a record up, and makes what locks and opens backups.
type backupCommand struct {
	Make backupMakeCommand `cmd:"" default:"withargs" help:"Make a backup; what osler backup does without another word."`
	Key  backupKeyCommand  `cmd:"" help:"Make an identity, which opens backups, and print its recipient, which locks them."`
}

type backupMakeCommand struct {
	dataFlags
	To             string   `required:"" placeholder:"PLACE" help:"Where backups lie: a folder, or s3://bucket/prefix?endpoint=…&region=…" env:"OSLER_BACKUP_TO"`
	Recipient      []string `xor:"lock" required:"" placeholder:"age1…" help:"Who can open it: a recipient, as osler backup key prints it. It can be repeated." env:"OSLER_BACKUP_RECIPIENT"`
	PassphraseFile string   `xor:"lock" required:"" type:"path" placeholder:"FILE" help:"File with a passphrase that opens it, instead."`
	Full           bool     `help:"Begin a new set with everything, instead of adding to the newest; contents that are damaged in the place are copied anew."`
}

// Run makes one backup.
func (c *backupMakeCommand) Run(ctx context.Context, p *Program) error {
	lock, err := c.lock()
	if err != nil {
		return err
	}
	if err := apart(c.To, c.Data, c.Contents); err != nil {
		return err
	}
	place, err := bucket.Open(c.To)
	if err != nil {
		return err
	}
	r, err := p.openBeside(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer r.Close()
	began, asked := time.Now(), p.Clock.Now()
	bar := &bar{w: p.Err, what: "backed up"}
	b, err := archive.Backup{Store: r.Moving, Keys: r.keys, Contents: r.contents, To: place, Lock: lock, Full: c.Full, Check: c.Full, Clock: p.Clock, Progress: bar.show}.Run(ctx)
	bar.end()
	if err != nil {
		return err
	}
	if err := r.note(ctx, c.Data, c.To, b, asked, p.Clock.Now()); err != nil {
		fmt.Fprintf(p.Err, "The backup was made, but the page Safety will not show it: %v\n", err)
	}
	if b.Nothing {
		fmt.Fprintf(p.Out, "Nothing was committed since the last backup, which ends with commit %d of %s.\n", b.To, when(b.Last))
		return lacking(p, b, c.To, "The last backup can be restored without them. Bring the files back into the place of contents, from contents/ of an older backup, and back up with --full.")
	}
	if b.Why != "" {
		fmt.Fprintf(p.Out, "A new set was begun: %s.\n", b.Why)
	}
	took := time.Since(began)
	fmt.Fprintf(p.Out, "Backed up: commits %d to %d (%s), %d versions, %d contents, %s, in %.1f s, as %s\n", b.From+1, b.To, when(b.Last), b.Versions, b.Contents, megabytes(b.Size), took.Seconds(), b.Segment)
	return lacking(p, b, c.To, "The backup was made, and can be restored without them. Bring the files back into the place of contents, from contents/ of an older backup.")
}

// lacking tells of contents that the record has lost: which of them the place has, and which are nowhere.
func lacking(p *Program, b archive.Backed, to, then string) error {
	for _, name := range b.Only {
		fmt.Fprintf(p.Out, "problem: the record has lost the content of an attachment, and the place of the backup has it: the file contents/%s\n", name)
	}
	if len(b.Only) == 0 {
		return lost(p, b.Lost, then)
	}
	words := fmt.Sprintf("The record has lost the contents of %s that the place of the backup has: copy the files from contents/ in %s to the same names in the place of contents.", counted(len(b.Only), "attachment"), to)
	if err := lost(p, b.Lost, then); err != nil {
		words += " " + err.Error()
	} else {
		words += " The backup is whole."
	}
	return incomplete{fault.New(fault.Invalid, "%s", words)}
}

// lost names the contents of attachments that a record does not have, and returns a fault when there
// are any (incomplete, exit status 3): the set is better than none, but whoever waits for the exit status has to know.
func lost(p *Program, names []string, then string) error {
	for _, name := range names {
		fmt.Fprintf(p.Out, "problem: the record names an attachment whose content is missing or damaged: the file %s\n", name)
	}
	if len(names) == 0 {
		return nil
	}
	return incomplete{fault.New(fault.Invalid, "The record has lost the contents of %s. %s", counted(len(names), "attachment"), then)}
}

// counted says a number of things: "1 problem", "2 problems".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// apart refuses a place for backups that lies in the record itself: what takes the one takes the other.
func apart(to string, record ...string) error {
	if strings.Contains(to, "://") {
		return nil
	}
	place := real(to)
	for _, dir := range record {
		if dir == "" || strings.Contains(dir, "://") {
			continue
		}
		if way, err := filepath.Rel(real(dir), place); err == nil && way != ".." && !strings.HasPrefix(way, ".."+string(filepath.Separator)) {
			return fault.New(fault.Invalid, "The place %s lies in the folder of the record, %s: whoever loses the one loses the other. Give a place on another disk, better on another machine.", to, dir)
		}
	}
	return nil
}

// real is a path without links, also when its end is not there yet.
func real(path string) string {
	path = placeName(path)
	for at, rest := path, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if whole, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(whole, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
	}
}

// beside is a record that is read although a server may have it open.
type beside struct {
	store.Moving
	io.Closer
	keys     seal.Keyring
	contents bucket.Bucket
	gate     *record.Gate // nil: it is only read
}

func (p *Program) openBeside(ctx context.Context, d dataFlags) (beside, error) {
	if d.Database != "" { // several processes share it anyway
		h, err := p.open(ctx, d, false)
		if err != nil {
			return beside{}, err
		}
		return beside{h.store, h.store, h.keys, h.contents, h.gate}, nil
	}
	if _, err := os.Stat(filepath.Join(d.Data, "record.db")); err != nil {
		return beside{}, fault.New(fault.NotFound, "There is no record in %s; `osler serve --data` creates one.", d.Data)
	}
	private()
	if err := errors.Join(finished(d.Data), whole(d.Data)); err != nil {
		return beside{}, err
	}
	unlock, err := d.source(d.Data)
	if err != nil {
		return beside{}, err
	}
	keys, err := seal.OpenKeyring(d.Data, unlock)
	if err != nil {
		return beside{}, err
	}
	contents, err := bucket.Open(cmp.Or(d.Contents, filepath.Join(d.Data, contentsFolder)))
	if err != nil {
		return beside{}, err
	}
	s, err := sqlite.OpenBeside(d.Data, sqlite.Options{Keyring: keys, Clock: p.Clock})
	if err != nil {
		return beside{}, err
	}
	return beside{s, s, keys, contents, nil}, nil
}

func (c *backupMakeCommand) lock() (archive.Lock, error) {
	if c.PassphraseFile == "" {
		return archive.Recipients(c.Recipient...)
	}
	passphrase, err := readPassphrase(c.PassphraseFile)
	if err != nil {
		return archive.Lock{}, err
	}
	return archive.Passphrase(passphrase)
}

// readPassphrase reads the first line of a file.
func readPassphrase(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.New(fault.NotFound, "The file %s with the passphrase cannot be read.", filepath.Base(path))
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 64<<10)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" || err != nil && err != io.EOF {
		return "", fault.New(fault.Invalid, "The file %s has no passphrase in its first line.", filepath.Base(path))
	}
	return line, nil
}

// unlockFlags say what opens a backup.
type unlockFlags struct {
	Identity       string `xor:"unlock" required:"" type:"path" placeholder:"FILE" help:"File with the age identity that opens the backup."`
	PassphraseFile string `xor:"unlock" required:"" type:"path" placeholder:"FILE" help:"File with the passphrase that opens it, instead."`
}

func (u unlockFlags) keys() (archive.Keys, error) {
	if u.Identity == "" {
		passphrase, err := readPassphrase(u.PassphraseFile)
		if err != nil {
			return archive.Keys{}, err
		}
		return archive.PassphraseKeys(passphrase)
	}
	f, err := os.Open(u.Identity)
	if err != nil {
		return archive.Keys{}, fault.New(fault.NotFound, "The file %s with the identity cannot be read.", filepath.Base(u.Identity))
	}
	defer f.Close()
	return archive.Identities(f)
}

// extract gives the index entries of what moves into a store. Search parameters of the
// record's own are indexed when it is opened.
func extract(_ string, body []byte) ([]search.Entry, error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	return search.Extract(r)
}

// bar draws one line that is written over, on a terminal; nothing otherwise.
type bar struct {
	w     io.Writer
	what  string
	drawn time.Time
}

func (b *bar) show(p archive.Progress) {
	if !terminal(b.w) || time.Since(b.drawn) < 200*time.Millisecond {
		return
	}
	b.drawn = time.Now()
	if p.Of == 0 { // the contents come before the commits
		fmt.Fprintf(b.w, "\r%s: %d contents   ", b.what, p.Contents)
		return
	}
	fmt.Fprintf(b.w, "\r%s: commit %d of %d, %d versions, %d contents   ", b.what, p.T, p.Of, p.Versions, p.Contents)
}

func (b *bar) end() {
	if !b.drawn.IsZero() {
		fmt.Fprintln(b.w)
	}
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
