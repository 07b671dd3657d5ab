package console

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// sizes returns the numbers of patients at which a growing record is measured: a thousand,
// doubled up to a last one.
func sizes(last int) (all []int) {
	for n := 1000; n < last; n *= 2 {
		all = append(all, n)
	}
	return append(all, last)
}

// growth measures the same rows while the record grows: what is about one patient must not
// become slower.
func (b *bench) growth(ctx context.Context) error {
	done, err := b.populate(ctx, b.command.Growth)
	if err != nil {
		return err
	}
	defer done()
	var all int64
	for _, n := range sizes(b.command.Growth) {
		if b.house == nil {
			if b.house, err = b.program.open(ctx, b.data, false); err != nil {
				return err
			}
		}
		before := cpuOf(os.Getpid())
		took, stored, err := b.grow(ctx, n)
		if err != nil {
			return err
		}
		all += stored
		b.report.add(figure{Name: fmt.Sprintf("import up to %d patients", n), Clients: importers, Rate: float64(stored) / took.Seconds(), CPU: perOp(cpuOf(os.Getpid())-before, stored)})
		if b.full == "" {
			if err := b.fill(ctx); err != nil {
				return err
			}
		}
		if err := b.close(ctx, all); err != nil {
			return err
		}
		err = b.serving(ctx, func() error {
			start := time.Now()
			b.settle(10 * time.Minute) // what was imported while nothing served is looked through for results that wait for a review
			b.report.add(figure{Name: "caught up with the import after", Value: time.Since(start).Seconds(), Unit: "s"})
			for _, r := range b.reading() {
				if strings.HasPrefix(r.name, "read,") {
					continue // it writes
				}
				name := r.name
				r.name = fmt.Sprintf("%s (%d patients)", name, n)
				if b.command.wants(name) {
					b.report.add(b.run(ctx, r, 1))
				}
			}
			b.peak()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// million imports a million resources and compares the first tenth with the last.
func (b *bench) million(ctx context.Context) error {
	const tenth = 100_000
	done, err := b.populate(ctx, 1_000_000)
	if err != nil {
		return err
	}
	defer done()
	var all, counted int64
	var took time.Duration
	tenths := 0
	cpu := cpuOf(os.Getpid())
	for tenths < 10 {
		d, stored, err := b.grow(ctx, len(b.patients)+batch)
		if err != nil {
			return err
		}
		took, counted, all = took+d, counted+stored, all+stored
		if all < int64(tenths+1)*tenth {
			continue
		}
		tenths++
		now := cpuOf(os.Getpid())
		b.report.add(figure{Name: fmt.Sprintf("import, tenth %d of a million", tenths), Clients: importers, Rate: float64(counted) / took.Seconds(), CPU: perOp(now-cpu, counted)})
		took, counted, cpu = 0, 0, now
	}
	first, last := b.report.Figures[len(b.report.Figures)-10], b.report.Figures[len(b.report.Figures)-1]
	b.report.add(figure{Name: "import, last tenth over first", Value: last.Rate / first.Rate, Unit: "x"})
	return b.close(ctx, all)
}
