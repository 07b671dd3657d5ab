package console

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/trust"
)

type exportCommand struct {
	dataFlags
	Patient string `xor:"what" required:"" help:"Id of the patient whose whole record to write, as one Bundle."`
	All     bool   `xor:"what" required:"" help:"Write everything, as NDJSON files by resource type."`
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
	if c.All {
		if c.To == "" {
			return fault.New(fault.Invalid, "Say where everything goes: --to FOLDER.")
		}
		counts, err := bulk.All(ctx, actor, c.To)
		if err != nil {
			return err
		}
		total := 0
		for _, t := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(p.Out, "  %-28s %7d\n", t, counts[t])
			total += counts[t]
		}
		fmt.Fprintf(p.Out, "%d resources are in %s. These files are not encrypted: keep them safe.\n", total, c.To)
		return nil
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
	n, err := bulk.Patient(ctx, actor, c.Patient, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Err, "%d resources were written. The file is not encrypted: keep it safe.\n", n)
	return nil
}
