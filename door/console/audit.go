package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/witness"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

type auditCommand struct {
	Verify verifyCommand      `cmd:"" help:"Prove the audit log and every stored version; or, without a record, a file of the log or a proof of one entry."`
	Export auditExportCommand `cmd:"" help:"Write the audit log, or a part of it with proofs, as a file that others verify without the record."`
	Key    auditKeyCommand    `cmd:"" help:"Print the key with which others verify the audit log and witness it."`
}

// verifyFlags are dataFlags of a command that also works without a record.
type verifyFlags struct {
	Data string `type:"path" placeholder:"DIR" help:"Folder of the record." env:"OSLER_DATA"`
	keyFlags
	databaseFlag
	Contents string `placeholder:"PLACE" help:"Where large contents (scans, photos) lie, encrypted: a folder or s3://bucket/prefix?endpoint=…&region=… (default DIR/contents)." env:"OSLER_CONTENTS"`
}

type verifyCommand struct {
	File string `arg:"" optional:"" type:"path" help:"File that osler audit export wrote, or a .tlog-proof: it is verified without a record; needs --vkey."`
	verifyFlags
	VKey        string   `name:"vkey" placeholder:"KEY" help:"The log's key, from somebody whom you trust: osler audit key prints it."`
	Checkpoints string   `name:"checkpoints" aliases:"from" type:"path" placeholder:"FILE" help:"Signed checkpoints that were kept elsewhere, as in checkpoints.log or from a witness: they have to fit as well."`
	Witness     []string `sep:"none" placeholder:"KEY" help:"Key of a witness: its cosignature has to be there. Repeat for several."`
	Within      string   `default:"24h" placeholder:"TIME" help:"How old the newest cosignature of a witness may be."`
}

// Run verifies and prints each problem; any problem is a failure.
func (c *verifyCommand) Run(ctx context.Context, p *Program) error {
	witnesses, within, err := c.witnesses()
	if err != nil {
		return err
	}
	notes, err := keptNotes(c.Checkpoints)
	if err != nil {
		return err
	}
	problems := 0
	report := func(problem string) {
		problems++
		fmt.Fprintln(p.Out, "problem:", problem)
	}
	if c.File != "" {
		return c.file(p, notes, witnesses, within, report, &problems)
	}
	if c.Data == "" {
		return fault.New(fault.Invalid, "Say what is to be verified: a record with --data, or a file of its log with --vkey.")
	}
	h, err := p.open(ctx, dataFlags{Data: c.Data, keyFlags: c.keyFlags, databaseFlag: c.databaseFlag, Contents: c.Contents}, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	leaves, err := h.store.Verify(ctx, report)
	if err != nil {
		return err
	}
	cosigned, err := witness.Kept(c.Data)
	if err != nil {
		return err
	}
	if err := store.HoldTo(ctx, h.store, append(notes, cosigned...), report); err != nil {
		return err
	}
	key, err := ledger.OpenKey(h.store.PublicKey())
	if err != nil {
		return err
	}
	newestCosigned(key, append(cosigned, notes...), witnesses, within, p.Clock.Now(), report)
	if problems > 0 {
		return fault.New(fault.Invalid, "The record does not verify: %s in %d audit entries.", counted(problems, "problem"), leaves)
	}
	fmt.Fprintf(p.Out, "The record verifies: %d audit entries, every stored version matches its entry.\n", leaves)
	if len(notes) > 0 {
		fmt.Fprintf(p.Out, "It goes on from all of %d checkpoints in %s.\n", len(notes), c.Checkpoints)
	}
	if len(cosigned) > 0 {
		fmt.Fprintf(p.Out, "It goes on from what %d witnesses have cosigned.\n", len(cosigned))
	}
	return nil
}

func (c *verifyCommand) witnesses() (list []ledger.Witness, within time.Duration, err error) {
	for _, vkey := range c.Witness {
		w, err := ledger.OpenWitness(vkey)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, w)
	}
	within, err = time.ParseDuration(c.Within)
	if err != nil || within <= 0 {
		return nil, 0, fault.New(fault.Invalid, "--within is a time such as 24h, not %q.", c.Within)
	}
	return list, within, nil
}

// newestCosigned asks that each witness has signed one of the notes, and not too long ago.
func newestCosigned(key ledger.Key, notes [][]byte, witnesses []ledger.Witness, within time.Duration, now time.Time, report func(string)) {
	for _, w := range witnesses {
		newest := time.Time{}
		for _, n := range notes {
			if _, by, err := key.OpenWitnessed(n, []ledger.Witness{w}); err == nil && len(by) > 0 && by[0].At.After(newest) {
				newest = by[0].At
			}
		}
		seenLately(w.Name(), newest, within, now, report)
	}
}

func seenLately(name string, newest time.Time, within time.Duration, now time.Time, report func(string)) {
	switch {
	case newest.IsZero():
		report(fmt.Sprintf("No checkpoint is cosigned by the witness %s: it never saw this log, or its cosignature was removed.", name))
	case now.Sub(newest) > within:
		report(fmt.Sprintf("The witness %s has cosigned last at %s: what came since is not witnessed.", name, newest.Format(time.RFC3339)))
	}
}

// file verifies an export or a proof, without a record.
func (c *verifyCommand) file(p *Program, kept [][]byte, witnesses []ledger.Witness, within time.Duration, report func(string), problems *int) error {
	if c.VKey == "" {
		return fault.New(fault.Invalid, "A file is verified with the log's key: give --vkey. Take the key from somebody whom you trust, not from the file.")
	}
	key, err := ledger.OpenKey(strings.TrimSpace(c.VKey))
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fault.New(fault.NotFound, "The file %s cannot be read.", c.File)
	}
	defer f.Close()
	var cosigned []ledger.Cosigned
	if strings.HasSuffix(c.File, ".tlog-proof") {
		cosigned, err = checkProof(p.Out, f, key, witnesses)
		if err != nil {
			return err
		}
	} else {
		x := ledger.Examination{Key: key, Witnesses: witnesses, Kept: kept, Report: report}
		found, err := x.Verify(f)
		if err != nil {
			return err
		}
		cosigned = found.Cosigned
		fmt.Fprintf(p.Out, "%d entries are proven, %d more by their hash only, of a log of %d.\n", found.Entries, found.Hashed, found.Header.Size)
	}
	for _, w := range witnesses {
		newest := time.Time{}
		for _, by := range cosigned {
			if by.Witness == w.Name() && by.At.After(newest) {
				newest = by.At
			}
		}
		for _, n := range kept {
			if _, by, err := key.OpenWitnessed(n, []ledger.Witness{w}); err == nil && len(by) > 0 && by[0].At.After(newest) {
				newest = by[0].At
			}
		}
		seenLately(w.Name(), newest, within, p.Clock.Now(), report)
	}
	if *problems > 0 {
		return fault.New(fault.Invalid, "The file does not verify: %s.", counted(*problems, "problem"))
	}
	fmt.Fprintln(p.Out, "The file verifies.")
	return nil
}

// checkProof verifies the proof of one entry and prints the entry.
func checkProof(out io.Writer, r io.Reader, key ledger.Key, witnesses []ledger.Witness) ([]ledger.Cosigned, error) {
	b, err := io.ReadAll(io.LimitReader(r, 16<<20))
	if err != nil {
		return nil, err
	}
	proof, err := ledger.ParseProof(b)
	if err != nil {
		return nil, err
	}
	leaf, by, err := proof.Check(key, witnesses)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(leaf, "", "  ")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "Entry %d is in the log:\n%s\n", proof.Index, text)
	return by, nil
}

// keptNotes reads a file of checkpoints; none without a name.
func keptNotes(path string) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "The file %s with checkpoints cannot be read.", path)
	}
	if !strings.HasSuffix(string(file), "\n\n") { // a single note, as a page shows it
		file = append(file, '\n')
	}
	notes, rest := ledger.SplitNotes(file)
	if len(notes) == 0 || len(rest) > 0 {
		return nil, fault.New(fault.Invalid, "The file %s does not hold checkpoints, or its end is cut off.", path)
	}
	return notes, nil
}

type auditKeyCommand struct{ dataFlags }

// Run prints the key.
func (c *auditKeyCommand) Run(ctx context.Context, p *Program) error {
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	fmt.Fprintln(p.Out, h.store.PublicKey())
	return nil
}

type auditExportCommand struct {
	dataFlags
	Output  string `required:"" short:"o" type:"path" placeholder:"FILE" help:"File to write."`
	Patient string `placeholder:"ID" help:"Only entries that name this patient's record, each with a proof."`
	From    string `placeholder:"DAY" help:"Only entries since this day (2026-11-24), each with a proof."`
	To      string `placeholder:"DAY" help:"Only entries up to and with this day."`
	Since   string `type:"path" placeholder:"FILE" help:"A signed checkpoint that the reader has: the file shows how the log goes on from it."`
}

// Run writes the export.
func (c *auditExportCommand) Run(ctx context.Context, p *Program) error {
	part := record.LogPart{Patient: strings.TrimPrefix(c.Patient, "Patient/")}
	var err error
	for _, day := range []struct {
		text string
		to   *time.Time
		add  int
	}{{c.From, &part.From, 0}, {c.To, &part.To, 1}} {
		if day.text == "" {
			continue
		}
		t, err := time.ParseInLocation(time.DateOnly, day.text, time.Local)
		if err != nil {
			return fault.New(fault.Invalid, "%q is not a day such as 2026-11-24.", day.text)
		}
		*day.to = t.AddDate(0, 0, day.add)
	}
	if c.Since != "" {
		notes, err := keptNotes(c.Since)
		if err != nil {
			return err
		}
		part.Since = notes[len(notes)-1]
	}
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.New(fault.Conflict, "The file %s cannot be made; it must not be there yet.", c.Output)
	}
	n, err := h.gate.As(trust.System("audit"), "console").ExportLog(ctx, f, part)
	if failed := f.Close(); err == nil {
		err = failed
	}
	if err != nil {
		os.Remove(c.Output)
		return err
	}
	fmt.Fprintf(p.Out, "%d entries are in %s. Whoever has the log's key verifies them with:\n  osler audit verify %s --vkey %s\n", n, c.Output, c.Output, h.store.PublicKey())
	return nil
}
