package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

type importCommand struct {
	dataFlags
	Path    []string `arg:"" type:"path" help:"Files, folders or patterns: FHIR bundles, resources, NDJSON; documents of other systems (C-CDA) with the ending .xml."`
	Update  bool     `help:"Write a new version where the record has other content under the same id."`
	Again   bool     `help:"Look again at files that an earlier import finished."`
	Verbose bool     `help:"Name what of a document could not be read."`
	Verify  bool     `help:"Read everything back and compare it with the files."`
}

// Run imports and prints the report; problems make the exit status 1.
func (c *importCommand) Run(ctx context.Context, p *Program) error {
	for _, path := range c.Path { // before a record is made
		if found, err := filepath.Glob(path); err != nil || len(found) == 0 {
			return fault.New(fault.NotFound, "There is nothing at %s; nothing was imported.", path)
		}
	}
	_, err := os.Stat(filepath.Join(c.Data, seal.File))
	made := errors.Is(err, fs.ErrNotExist)
	h, err := p.open(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	if made { // --data may be mistyped
		fmt.Fprintf(p.Out, "There was no record in %s: a new one was made, with a key of its own.\n", c.Data)
	}
	defer h.store.Close()
	h.gate.FollowProfiles(record.ProfilesWarn) // an old record must not be lost over a guide
	start := time.Now()
	bar := &progress{w: p.Err, start: start}
	im := bulk.Import{Actor: h.gate.As(trust.System("import"), "console"), Update: c.Update, Verify: c.Verify,
		Journal: filepath.Join(c.Data, "imported"), Progress: bar.show}
	im.Document = documentsBy(im.Actor)
	if c.Again {
		im.Journal = ""
	}
	report, err := im.Run(ctx, c.Path)
	bar.end()
	printReport(p.Out, report, time.Since(start), c.Verbose)
	switch {
	case err != nil:
		return saying(err, "The import stopped. What is reported above is stored, and the same command goes on from there.")
	case report.Problems() > 0:
		return fault.New(fault.Invalid, "%s; the report above names each.", counted(report.Problems(), "problem"))
	}
	return nil
}

// documentsBy takes in a document of somebody who is not in the record yet: they are registered, and what is
// new is accepted. One at a time, so that two documents of one person do not both register them.
func documentsBy(actor *record.Actor) func(context.Context, []byte, *bulk.FileReport) error {
	var mu sync.Mutex
	return func(ctx context.Context, body []byte, f *bulk.FileReport) error {
		mu.Lock()
		defer mu.Unlock()
		r, err := document.Register(ctx, actor, body)
		if err != nil {
			return err
		}
		if r.Before {
			f.Same++
		}
		for t, n := range r.Stored {
			f.Stored[t] += n
		}
		f.Left, f.Doubts = r.Left, r.Doubts
		for _, u := range r.Unread {
			f.Unread = append(f.Unread, strings.TrimPrefix(u.What+": "+fmt.Sprintf(u.Why.Words, u.Why.Args...), ": "))
		}
		return nil
	}
}

func printReport(w io.Writer, r bulk.Report, took time.Duration, verbose bool) {
	totals := map[string]int{}
	same, before, dangling, empty := 0, 0, 0, 0
	for _, f := range r.Files {
		stored := 0
		for t, n := range f.Stored {
			totals[t] += n
			stored += n
		}
		same, dangling = same+f.Same, dangling+f.Dangling
		state := fmt.Sprintf("%d stored", stored)
		if f.Same > 0 {
			state += fmt.Sprintf(", %d there already", f.Same)
		}
		if f.Left > 0 {
			state += fmt.Sprintf(", %d items wait for a person on the Documents page", f.Left)
		}
		if f.Doubts > 0 {
			state += fmt.Sprintf(", %d not sure", f.Doubts)
		}
		if len(f.Unread) > 0 {
			state += fmt.Sprintf(", %d could not be read", len(f.Unread))
			if !verbose {
				state += " (--verbose names them)"
			}
		}
		if f.Renamed > 0 {
			state += fmt.Sprintf(", %d of them under a new id, as theirs is somebody else's here", f.Renamed)
		}
		if f.Before {
			before++
			state = "skipped, as an earlier import finished it"
		}
		if f.Anew {
			state += ", looked at again, as the record does not go on from the import that finished it"
		}
		if len(f.Problems) > 0 {
			state += fmt.Sprintf(", %s", counted(len(f.Problems), "problem"))
		}
		if stored+f.Same == 0 && !f.Before {
			empty++
		}
		fmt.Fprintf(w, "%s: %s\n", f.Name, state)
		for _, u := range f.Unread {
			if verbose {
				fmt.Fprintf(w, "    not read: %s\n", u)
			}
		}
		for i, pr := range f.Problems {
			if i == 20 {
				fmt.Fprintf(w, "    and %d more\n", len(f.Problems)-i)
				break
			}
			fmt.Fprintf(w, "    %s\n", strings.TrimPrefix(strings.TrimSpace(pr.Entry+" "+pr.Path)+": "+pr.Text, ": "))
		}
	}
	fmt.Fprintln(w)
	for _, t := range slices.Sorted(maps.Keys(totals)) {
		fmt.Fprintf(w, "  %-28s %7d\n", t, totals[t])
	}
	fmt.Fprintf(w, "%d of %d files; %d resources stored, %d there already, %d files skipped that an earlier import finished, %d files with nothing stored, %s, in %.1f s",
		len(r.Files), r.Total, r.Stored(), same, before, empty, counted(r.Problems(), "problem"), took.Seconds())
	if n := r.Stored(); n > 0 {
		fmt.Fprintf(w, " (%.0f/s)", float64(n)/took.Seconds())
	}
	fmt.Fprintln(w)
	if dangling > 0 {
		fmt.Fprintf(w, "%d references point to resources that are not in the record.\n", dangling)
	}
	if r.Checked > 0 {
		fmt.Fprintf(w, "%d resources read back: %d differences.\n", r.Checked, r.Different)
	}
}

// progress draws one line that is written over, on a terminal; nothing otherwise.
type progress struct {
	w     io.Writer
	start time.Time
	drawn bool
}

func (b *progress) show(r bulk.Report) {
	if !terminal(b.w) {
		return
	}
	f := b.w
	b.drawn = true
	const width = 30
	done := len(r.Files) * width / max(r.Total, 1)
	took := time.Since(b.start)
	left := time.Duration(float64(took) / float64(len(r.Files)) * float64(r.Total-len(r.Files)))
	fmt.Fprintf(f, "\r[%s%s] %d of %d files, %d resources, %d problems, about %s left   ", strings.Repeat("#", done),
		strings.Repeat(".", width-done), len(r.Files), r.Total, r.Stored(), r.Problems(), left.Round(time.Second))
}

// terminal reports whether what is written can be written over.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (b *progress) end() {
	if b.drawn {
		fmt.Fprintln(b.w)
	}
}
