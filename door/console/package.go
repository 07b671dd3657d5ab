package console

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/fhir/packages"
	"github.com/osler-emr/osler/trust"
)

type packageCommand struct {
	Import packageImportCommand `cmd:"" help:"Read implementation guides (FHIR packages, .tgz) into a record: profiles, value sets, code systems, search parameters."`
}

type packageImportCommand struct {
	dataFlags
	File []string `arg:"" type:"existingfile" help:"FHIR packages (.tgz)."`
}

// Run imports packages and prints what became of each; problems make the exit status 1.
func (c *packageImportCommand) Run(ctx context.Context, p *Program) error {
	var guides []*packages.Package
	for _, name := range c.File { // before a record is made
		g, err := readPackage(name)
		if err != nil {
			return err
		}
		guides = append(guides, g)
	}
	h, err := p.open(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	defer h.store.Close()
	im := bulk.PackageImport{Actor: h.gate.As(trust.System("import"), "console")}
	problems := 0
	for _, g := range guides {
		start := time.Now()
		im.Progress = func(done, total int) {
			if terminal(p.Err) {
				fmt.Fprintf(p.Err, "\r%s %s: %d of %d resources   ", g.Name, g.Version, done, total)
			}
		}
		report, err := im.Run(ctx, g)
		if terminal(p.Err) {
			fmt.Fprintln(p.Err)
		}
		p.printPackage(report, time.Since(start))
		if err != nil {
			return saying(err, "The import stopped. What is reported above is stored, and the same command goes on from there.")
		}
		problems += len(report.Problems)
	}
	if problems > 0 {
		return fault.New(fault.Invalid, "%s; the report above names each.", counted(problems, "problem"))
	}
	return nil
}

func readPackage(name string) (*packages.Package, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.NotFound, "The file %s cannot be read", name)
	}
	defer f.Close()
	g, err := packages.Read(f)
	if err != nil {
		return nil, fault.Wrap(err, fault.CodeOf(err), "%s was not imported", name)
	}
	if len(g.FHIRVersions) > 0 && !slices.ContainsFunc(g.FHIRVersions, func(v string) bool { return len(v) >= 3 && v[:3] == "4.0" }) {
		return nil, fault.New(fault.NotSupported, "%s is for FHIR %s; Osler speaks R4 (4.0).", name, g.FHIRVersions[0])
	}
	return g, nil
}

func (p *Program) printPackage(r bulk.PackageReport, took time.Duration) {
	fmt.Fprintf(p.Out, "%s %s\n", r.Name, r.Version)
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(r.Stored)) {
		fmt.Fprintf(p.Out, "  %-28s %5d\n", kind, r.Stored[kind])
		total += r.Stored[kind]
	}
	for i, pr := range r.Problems {
		if i == 20 {
			fmt.Fprintf(p.Out, "    and %d more\n", len(r.Problems)-i)
			break
		}
		fmt.Fprintf(p.Out, "    %s %s: %s\n", pr.Entry, pr.Path, pr.Text)
	}
	fmt.Fprintf(p.Out, "%d stored, %d updated, %d there already, %s, in %.1f s\n", total, r.Updated, r.Same, counted(len(r.Problems), "problem"), took.Seconds())
}
