package console

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// keyCommand looks after the keys of a record.
type keyCommand struct {
	State   keyStateCommand   `cmd:"" help:"Say how old the keys are, and how far a change of them has come."`
	Rotate  keyRotateCommand  `cmd:"" help:"Make a new key-encryption key and new data keys of all patients. A server does it by itself, beside everything else."`
	Change  keyChangeCommand  `cmd:"" help:"Have the record opened by another key file, passphrase, program or key service from now on."`
	Sheets  keySheetsCommand  `cmd:"" help:"Print three recovery sheets, any two of which open the record when its key is lost. Earlier sheets open nothing any more."`
	Recover keyRecoverCommand `cmd:"" help:"Open a record with two recovery sheets, and give it a new key file, passphrase, program or key service."`
}

// keyFlags say what unlocks a record: a passphrase (in the environment), a program, a key
// service, or a key file.
type keyFlags struct {
	KeyFile    string `type:"path" placeholder:"FILE" help:"Key file that unlocks the record (default DIR/master.key; keep it elsewhere in a clinic)." env:"OSLER_KEY_FILE"`
	KeyCommand string `placeholder:"PROGRAM" help:"Program with its arguments that keeps the key, in a hardware module or a key service: it is called with wrap and unwrap (docs/security/keys.md)." env:"OSLER_KEY_COMMAND"`
	KeyService string `placeholder:"URL" help:"Key in OpenBao or Vault that wraps the record's, such as https://bao.example.org:8200/v1/transit/keys/osler; the token stands in OSLER_KEY_TOKEN." env:"OSLER_KEY_SERVICE"`
}

// source returns what unlocks the record in a folder. One is enough; two would be a guess.
func (f keyFlags) source(dir string) (seal.Source, error) {
	passphrase := os.Getenv("OSLER_PASSPHRASE")
	given := 0
	for _, s := range []string{passphrase, f.KeyCommand, f.KeyService} {
		if s != "" {
			given++
		}
	}
	command := strings.Fields(f.KeyCommand)
	switch {
	case given > 1:
		return seal.Source{}, fault.New(fault.Invalid, "Give one of OSLER_PASSPHRASE, --key-command and --key-service, not several.")
	case passphrase != "":
		return seal.Passphrase(passphrase), nil
	case len(command) > 0:
		return seal.Kept(seal.Command(command)), nil
	case f.KeyService != "":
		return seal.Kept(seal.Transit{Address: f.KeyService, Token: os.Getenv("OSLER_KEY_TOKEN")}), nil
	case f.KeyFile != "":
		return seal.KeyFile(f.KeyFile), nil
	}
	return seal.KeyFile(filepath.Join(dir, "master.key")), nil
}

// told says where the key is, as far as it may be shown: never the arguments of a program, nor a passphrase.
func (f keyFlags) told(dir string) string {
	command := strings.Fields(f.KeyCommand)
	switch {
	case os.Getenv("OSLER_PASSPHRASE") != "":
		return ""
	case len(command) > 0:
		return seal.Command(command).Name()
	case f.KeyService != "":
		return seal.Transit{Address: f.KeyService}.Name()
	case f.KeyFile != "":
		return f.KeyFile
	}
	return filepath.Join(dir, "master.key")
}

// newKeyFlags say what is to unlock a record from now on.
type newKeyFlags struct {
	NewKeyFile    string `type:"path" placeholder:"FILE" help:"New key file; it is made when it is not there."`
	NewKeyCommand string `placeholder:"PROGRAM" help:"Program that keeps the new key."`
	NewKeyService string `placeholder:"URL" help:"Key in OpenBao or Vault that wraps the new one; the token stands in OSLER_KEY_TOKEN."`
	NewPassphrase bool   `help:"Open it with the passphrase in OSLER_NEW_PASSPHRASE."`
}

func (f newKeyFlags) source() (s seal.Source, told string, err error) {
	passphrase := os.Getenv("OSLER_NEW_PASSPHRASE")
	given := 0
	for _, is := range []bool{f.NewKeyFile != "", f.NewKeyCommand != "", f.NewKeyService != "", f.NewPassphrase} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return s, "", fault.New(fault.Invalid, "Give one of --new-key-file, --new-key-command, --new-key-service and --new-passphrase.")
	case f.NewPassphrase && len(passphrase) < 12:
		return s, "", fault.New(fault.Invalid, "Put the new passphrase into OSLER_NEW_PASSPHRASE: 12 characters at least, better five random words.")
	case f.NewPassphrase:
		return seal.Passphrase(passphrase), "the passphrase", nil
	case f.NewKeyFile != "":
		return seal.KeyFile(f.NewKeyFile), "the key file " + f.NewKeyFile, nil
	case f.NewKeyCommand != "":
		if command := strings.Fields(f.NewKeyCommand); len(command) > 0 {
			return seal.Kept(seal.Command(command)), "the program " + command[0], nil
		}
		return s, "", fault.New(fault.Invalid, "--new-key-command names no program.")
	}
	return seal.Kept(seal.Transit{Address: f.NewKeyService, Token: os.Getenv("OSLER_KEY_TOKEN")}), "the key service", nil
}

// keyring opens the envelope of a record that is there.
func keyring(dir string, f keyFlags) (seal.Keyring, error) {
	if _, err := os.Stat(filepath.Join(dir, seal.File)); err != nil {
		return seal.Keyring{}, fault.New(fault.NotFound, "There is no %s in %s.", seal.File, dir)
	}
	s, err := f.source(dir)
	if err != nil {
		return seal.Keyring{}, err
	}
	return seal.OpenKeyring(dir, s)
}

type keyStateCommand struct {
	dataFlags
}

// Run prints the state, beside a server that runs.
func (c *keyStateCommand) Run(ctx context.Context, p *Program) error {
	if c.Database == "" {
		b, err := p.openBeside(ctx, c.dataFlags)
		if err != nil {
			return err
		}
		defer b.Close()
		if s, ok := b.Moving.(*sqlite.Beside); ok {
			state, err := s.KeyState(ctx)
			if err == nil {
				fmt.Fprint(p.Out, keyState(state))
			}
			return err
		}
	}
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	s, err := h.gate.As(trust.System("keys"), "console").KeyState(ctx)
	if err == nil {
		fmt.Fprint(p.Out, keyState(s))
	}
	return err
}

// keyState tells a state in sentences.
func keyState(s store.KeyState) string {
	out := fmt.Sprintf("Key-encryption key %d, made on %s, wraps %d of %d keys of patients.\n", s.Wrap, s.Made.Local().Format("2 January 2006 15:04"), s.Keys-s.Waiting, s.Keys)
	switch {
	case s.Began.IsZero():
		out += "The data keys of patients have never been changed.\n"
	case s.Ended.IsZero():
		out += fmt.Sprintf("The data keys are being changed since %s: %d of %d patients are done.\n", s.Began.Local().Format("2 January 2006 15:04"), s.Done, s.Patients)
	default:
		out += fmt.Sprintf("The data keys were last changed from %s to %s.\n", s.Began.Local().Format("2 January 2006"), s.Ended.Local().Format("2 January 2006"))
	}
	return out
}

type keyRotateCommand struct {
	dataFlags
}

// Run changes the keys and waits for the end. On PostgreSQL servers may run meanwhile; a server that
// has a folder open is asked to do it.
func (c *keyRotateCommand) Run(ctx context.Context, p *Program) error {
	if c.Database == "" && sqlite.InUse(c.Data) != nil {
		keys, err := keyring(c.Data, c.keyFlags)
		if err == nil {
			err = askForKeys(c.Data, keys, p.Clock.Now())
		}
		if err == nil {
			fmt.Fprintf(p.Out, "The server that has the record open is asked, and begins within seconds: osler key state --data %s tells how far it is.\n", c.Data)
		}
		return err
	}
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	actor := h.gate.As(trust.System("keys"), "console")
	if err := actor.ChangeKeys(ctx); err != nil && !fault.Is(err, fault.Conflict) { // then that one goes on
		return err
	}
	told := time.Now()
	for {
		done, err := h.gate.WorkOnKeys(ctx)
		if err != nil {
			return saying(err, "The change of keys stopped. It goes on when a server runs, or with this command again.")
		}
		if done || time.Since(told) > 5*time.Second {
			s, err := actor.KeyState(ctx)
			if err != nil {
				return err
			}
			fmt.Fprint(p.Out, keyState(s))
			told = time.Now()
		}
		if done {
			return nil
		}
	}
}

// askFile is where a server that has the folder open is asked for new keys. Who asks has opened the
// record, which the seal of the file proves.
const askFile = "new-keys"

// askedWithin is how old such a wish may be, and askEvery how often the server looks.
const (
	askedWithin = time.Hour
	askEvery    = 2 * time.Second
)

func askForKeys(dir string, keys seal.Keyring, now time.Time) error {
	sealed, err := seal.Seal(keys.Key(askFile), []byte(now.UTC().Format(time.RFC3339)), []byte(askFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, askFile), sealed, 0o600)
	}
	return err
}

// asked reports whether somebody has asked for new keys, and forgets it.
func asked(dir string, keys seal.Keyring, now time.Time) bool {
	path := filepath.Join(dir, askFile)
	sealed, err := os.ReadFile(path)
	if err != nil || os.Remove(path) != nil {
		return false
	}
	text, err := seal.Open(keys.Key(askFile), sealed, []byte(askFile))
	at, unread := time.Parse(time.RFC3339, string(text))
	return err == nil && unread == nil && now.Sub(at).Abs() < askedWithin
}

// keepKeys looks after the keys of a record that is served: it changes them when they are old, or
// when it is asked to.
func keepKeys(ctx context.Context, h *house, days int, now func() time.Time, log *slog.Logger) {
	stop := background(ctx, func(ctx context.Context) {
		h.gate.KeepKeys(ctx, time.Duration(max(days, 0))*24*time.Hour, log)
	})
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(askEvery):
		}
		if !asked(h.dir, h.keys, now()) {
			continue
		}
		if err := h.gate.As(trust.System("keys"), "console").ChangeKeys(ctx); err != nil {
			log.Warn("the keys could not be changed, as was asked for", "error", err)
		} else {
			log.Info("the keys are being changed, as was asked for")
		}
	}
}

// keyPlace tells a server that looks after its keys what opens the record, and notes what is new.
func (p *Program) keyPlace(ctx context.Context, h *house, d dataFlags, days int, log *slog.Logger) func() (web.KeyPlace, error) {
	read := func() (web.KeyPlace, error) {
		e, err := seal.Describe(d.Data)
		return web.KeyPlace{Envelope: e, Where: d.told(d.Data), Every: time.Duration(max(days, 0)) * 24 * time.Hour}, err
	}
	place, err := read()
	if err == nil {
		_, err = h.gate.As(trust.System("keys"), "console").OpenedBy(ctx, place.Mark, place.Kind)
	}
	if err != nil {
		log.Warn("since when the record is opened by its present key is not noted", "error", err)
	}
	return read
}

type keyChangeCommand struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Folder of the record." env:"OSLER_DATA"`
	keyFlags
	newKeyFlags
}

// Run makes a new envelope.
func (c *keyChangeCommand) Run(_ context.Context, p *Program) error {
	to, told, err := c.newKeyFlags.source()
	if err != nil {
		return err
	}
	keys, err := keyring(c.Data, c.keyFlags)
	if err != nil {
		return err
	}
	if err := seal.Reenclose(c.Data, to, keys); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "The record in %s is opened with %s from now on. A server that runs is not disturbed. Destroy what opened it before: with it, copies of the old %s can be opened still.\n", c.Data, told, seal.File)
	return nil
}

type keySheetsCommand struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Folder of the record." env:"OSLER_DATA"`
	keyFlags
}

// Run prints the sheets.
func (c *keySheetsCommand) Run(_ context.Context, p *Program) error {
	keys, err := keyring(c.Data, c.keyFlags)
	if err != nil {
		return err
	}
	now := p.Clock.Now()
	sheets, err := seal.MakeSheets(c.Data, keys, now)
	if err != nil {
		return err
	}
	for i, s := range sheets {
		fmt.Fprintf(p.Out, "Recovery sheet %d of %d, made on %s\n\n    %s\n    %s\n\n"+
			"Any two of the three sheets open the record, together with the file %s in its folder. One alone opens nothing. Keep this one apart from the others, with a person or in a safe of its own.\n\n\n",
			i+1, seal.Sheets, now.Local().Format("2 January 2006"), s[:len(s)/2], strings.TrimPrefix(s[len(s)/2:], "-"), seal.RecoveryFile)
	}
	fmt.Fprintf(p.Err, "Print these, one a page, and clear the screen. Sheets of before open nothing any more. Try them: osler key recover --data %s --try\n", c.Data)
	return nil
}

type keyRecoverCommand struct {
	Data string `required:"" type:"path" placeholder:"DIR" help:"Folder of the record." env:"OSLER_DATA"`
	Try  bool   `help:"Only see whether the sheets open the record."`
	newKeyFlags
}

// Run reads two sheets from the input.
func (c *keyRecoverCommand) Run(_ context.Context, p *Program) error {
	var to seal.Source
	var told string
	if !c.Try {
		var err error
		if to, told, err = c.newKeyFlags.source(); err != nil {
			return err
		}
	}
	in := p.In
	if in == nil {
		in = os.Stdin
	}
	var sheets [seal.Needed]string
	lines := bufio.NewScanner(in)
	for i := range sheets {
		fmt.Fprintf(p.Err, "Type the letters of a sheet (%d of %d; both lines, then Enter on an empty line):\n", i+1, seal.Needed)
		for lines.Scan() && strings.TrimSpace(lines.Text()) != "" {
			sheets[i] += lines.Text()
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	keys, err := seal.Recover(c.Data, sheets[0], sheets[1])
	if err != nil {
		return err
	}
	if c.Try {
		fmt.Fprintln(p.Out, "The sheets open the record. Nothing was changed.")
		return nil
	}
	if err := seal.Reenclose(c.Data, to, keys); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "The record in %s is opened with %s from now on. Make new sheets: who has seen two of these can open it.\n", c.Data, told)
	return nil
}
