// Package console is the command line: it reads arguments, opens a record and runs one
// command. It wires stores, gate, accounts and doors together, and holds no rule of its
// own.
//
// The program is a value, so that tests can run it in process:
//
//	p := &console.Program{Clock: clock.System{}, Out: os.Stdout, Err: os.Stderr}
//	code := p.Run(ctx, []string{"demo", "--listen", "127.0.0.1:0"})
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
)

// Version is the program's version; the release build sets it.
var Version = "development"

// Program is the command line program.
type Program struct {
	Clock    clock.Clock
	Out, Err io.Writer
	In       io.Reader // nil: the standard input
	// Ready, when set, is called with the address once a server answers.
	Ready func(address string)
}

type commands struct {
	Demo      demoCommand      `cmd:"" help:"Run a living clinic with invented people on a throw-away encrypted record."`
	Serve     serveCommand     `cmd:"" help:"Serve the clinic, the portal and FHIR from a record."`
	Import    importCommand    `cmd:"" help:"Read FHIR files into a record: bundles, NDJSON, folders."`
	Package   packageCommand   `cmd:"" help:"Look after implementation guides."`
	Export    exportCommand    `cmd:"" help:"Write one patient, or everything, as FHIR."`
	Backup    backupCommand    `cmd:"" help:"Back a record up to a folder or S3, encrypted; again and again, only what is new."`
	Restore   restoreCommand   `cmd:"" help:"Restore a backup, as of any moment, and prove it."`
	Store     storeCommand     `cmd:"" help:"Move a record from one store to another."`
	Shred     shredCommand     `cmd:"" help:"Destroy a patient's keys and data for good; two people, one after the other."`
	Audit     auditCommand     `cmd:"" help:"Look after the audit log."`
	Witness   witnessCommand   `cmd:"" help:"Witness other clinics' audit logs: remember how far they were, and sign that they only grew."`
	Key       keyCommand       `cmd:"" help:"Look after the keys of a record: new ones, another way to open it, recovery sheets."`
	Token     tokenCommand     `cmd:"" help:"Issue a FHIR bearer token for an account."`
	Upgrade   upgradeCommand   `cmd:"" help:"Bring a record to the form of this program, or put back the copy from before."`
	Inventory inventoryCommand `cmd:"" help:"List what the program consists of, as CycloneDX (a software bill of materials)."`
	Bench     benchCommand     `cmd:"" help:"Measure import, read, search and chart pages."`
	About     aboutCommand     `cmd:"" name:"version" help:"Print the version."`
}

// incomplete is the error of a command that did all that could be done with what there is: contents of
// attachments had been lost before.
type incomplete struct{ error }

// Unwrap returns the fault.
func (i incomplete) Unwrap() error { return i.error }

// Run runs one command and returns the exit status: 0 done, 1 failed, 2 wrong usage, 3 done without
// contents of attachments that had been lost before.
func (p *Program) Run(ctx context.Context, args []string) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("osler"), kong.Writers(p.Out, p.Err),
		kong.Description("Osler, an electronic medical record in one program."),
		kong.Exit(func(code int) { exit = code }), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(p.Err, "osler:", err)
		return 1
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // help was printed
		return exit
	}
	if err != nil {
		fmt.Fprintln(p.Err, "osler:", err)
		fmt.Fprintln(p.Err, "`osler --help` lists the commands.")
		return 2
	}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(p); err != nil {
		text := sentence(err)
		if ctx.Err() != nil { // why it failed is of no use: somebody stopped it
			text = interrupted(err)
		}
		fmt.Fprintln(p.Err, "osler:", text)
		if errors.As(err, new(incomplete)) {
			return 3
		}
		return 1
	}
	return 0
}

// interrupted says that a command was stopped, and what it says itself of how far it came.
func interrupted(err error) string {
	text := "Interrupted before it was done."
	var f *fault.Error
	if errors.As(err, &f) && f.Cause != nil {
		text += " " + strings.TrimRight(f.Message, ".") + "."
	}
	return text
}

// sentence returns what a person at the console should read: all of an error, since the
// console is the owner's, but no word that only programmers know.
func sentence(err error) string {
	for below := errors.Unwrap(err); below != nil && below.Error() == err.Error(); below = errors.Unwrap(err) {
		err = below // a wrapping that says nothing
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var text []string
		for _, e := range several.Unwrap() {
			text = append(text, sentence(e))
		}
		return strings.Join(text, "\n  ")
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	text := f.Message
	if f.Cause != nil {
		text = strings.TrimRight(text, ".")
		if below := new(fault.Error); errors.As(f.Cause, &below) {
			text += ": " + sentence(f.Cause)
		} else {
			text += " (" + f.Cause.Error() + ")."
		}
	}
	for _, i := range f.Issues {
		text += "\n  " + strings.TrimPrefix(i.Expression+": ", ": ") + i.Text
	}
	return text
}

// saying puts a sentence for a person in front of what went wrong below.
func saying(err error, format string, args ...any) error {
	return fault.Wrap(err, fault.CodeOf(err), format, args...)
}

func (p *Program) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type aboutCommand struct{}

// Run prints the version.
func (aboutCommand) Run(p *Program) error {
	fmt.Fprintln(p.Out, "osler", Version)
	return nil
}
