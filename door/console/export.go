package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/trust"
)

type exportCommand struct {
	dataFlags
	Patient string `xor:"what" required:"" help:"Id of the patient whose whole record to write, as one Bundle."`
	All     bool   `xor:"what" required:"" help:"Write everything, as NDJSON files by resource type."`
	Lost    bool   `name:"without-lost" help:"Go on past attachments whose files are lost: name them, write their documents without them, and end with exit status 3."`
	To      string `type:"path" placeholder:"PATH" help:"File (default: standard output) for a patient, new folder for everything."`
}

// Run exports. The output is not encrypted: the program says so.
func (c *exportCommand) Run(ctx context.Context, p *Program) error {
	h, err := p.open(ctx, c.dataFlags, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	actor := h.gate.As(trust.System("export"), "console")
	missing := 0
	var lost bulk.Lost
	if c.Lost {
		lost = func(ref string, files []string) {
			missing++
			fmt.Fprintf(p.Err, "problem: %s is written without its data, whose file is lost: %s\n", ref, strings.Join(files, ", "))
		}
	}
	if c.All {
		if c.To == "" {
			return fault.New(fault.Invalid, "Say where everything goes: --to FOLDER.")
		}
		counts, err := bulk.All(ctx, actor, c.To, lost)
		if err != nil {
			return c.ended(err)
		}
		total := 0
		for _, t := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(p.Out, "  %-28s %7d\n", t, counts[t])
			total += counts[t]
		}
		fmt.Fprintf(p.Out, "%d resources are in %s. These files are not encrypted: keep them safe.\n", total, c.To)
		return c.without(missing)
	}
	out := p.Out
	if c.To != "" {
		f, err := os.OpenFile(c.To, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fault.New(fault.Conflict, "The file %s cannot be made (%v).", c.To, err)
		}
		defer f.Close()
		out = io.Writer(f)
	}
	n, err := bulk.Patient(ctx, actor, c.Patient, out, lost)
	if err != nil {
		if c.To != "" { // half of a record looks whole
			err = errors.Join(err, os.Remove(c.To))
		}
		return c.ended(err)
	}
	fmt.Fprintf(p.Err, "%d resources were written. The file is not encrypted: keep it safe.\n", n)
	return c.without(missing)
}

// ended says what to do after an export that was not made.
func (c *exportCommand) ended(err error) error {
	if errors.As(err, new(bulk.LostError)) {
		err = saying(err, "Put the lost file back (docs/operations/install.md says how), or export --without-lost")
	}
	if c.All {
		err = saying(err, "The export ended; what is in %s is not whole", c.To)
	}
	return err
}

func (c *exportCommand) without(missing int) error {
	if missing == 0 {
		return nil
	}
	return incomplete{fault.New(fault.Invalid, "The data of %s is lost and not in the export; an OperationOutcome at its end names them.", counted(missing, "resource"))}
}
