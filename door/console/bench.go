package console

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

type benchCommand struct {
	databaseFlag
	Patients int           `default:"300" help:"Patients in the record."`
	For      time.Duration `default:"3s" help:"How long each row is measured."`
	Only     string        `placeholder:"WORD" help:"Measure only rows whose name has this word, or one of several with | between."`
	JSON     bool          `help:"Print the figures as JSON."`
	Out      string        `type:"path" placeholder:"FILE" help:"Write the figures to a file, as JSON."`
	Against  string        `type:"existingfile" placeholder:"FILE" help:"Print ratios to the figures in a file that an earlier run wrote."`
	Growth   int           `placeholder:"N" help:"Measure at 1,000, 2,000, 4,000 … patients instead, up to N. Takes long."`
	Million  bool          `help:"Import a million resources instead, and compare the first tenth with the last. Takes long."`
	Here     bool          `help:"Serve inside of this process instead of a second one, as profiles and tests need it."`
	Profile  string        `type:"path" placeholder:"FILE" help:"Write a CPU profile of the rows, with --here of the server too; of the import with --only \"import, in process\"."`
}

// Run measures on a fresh record in a temporary folder, over HTTP on loopback, with
// encryption, validation, audit and durable commits on.
func (c *benchCommand) Run(ctx context.Context, p *Program) error {
	if c.Database != "" && (c.Growth > 0 || c.Million) {
		return fault.New(fault.NotSupported, "On a database only the ordinary run is measured: growth needs an empty one for each size.")
	}
	dir, err := os.MkdirTemp("", "osler-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{letters: map[string]synthetic.Letter{}, program: p, command: c, dir: dir, data: dataFlags{Data: filepath.Join(dir, "record"), databaseFlag: c.databaseFlag}}
	b.report.begin()
	if c.Growth > 0 || c.Million {
		b.report.progress = p.Err
	}
	switch {
	case c.Million:
		err = b.million(ctx)
	case c.Growth > 0:
		err = b.growth(ctx)
	default:
		err = b.whole(ctx)
	}
	if err != nil {
		return err
	}
	return b.report.finish(p.Out, c)
}

// bench is one run.
type bench struct {
	program *Program
	command *benchCommand
	dir     string
	data    dataFlags
	report  report

	house *house // open while nothing serves
	next  func() ([]*fhir.Node, bool)
	full  string // a patient with many encounters

	patients     []string
	letters      map[string]synthetic.Letter // about each of them
	base         string                      // of the server
	pid          int                         // of the process that serves
	doctor       string                      // the account that asks
	token        string
	other        string // an account whose clients are hostile
	hostileToken string
	session      *http.Cookie
	client       *http.Client
}

// whole is the ordinary run: every row at one size.
func (b *bench) whole(ctx context.Context) error {
	b.limits(ctx)
	done, err := b.populate(ctx, b.command.Patients+b.command.Patients/4)
	if err != nil {
		return err
	}
	defer done()
	profiled := b.profile("import")
	took, before, stored := time.Duration(0), cpuOf(os.Getpid()), int64(0)
	if took, stored, err = b.grow(ctx, b.command.Patients); err != nil {
		return err
	}
	profiled()
	b.report.add(figure{Name: "import, in process", Clients: importers, Rate: float64(stored) / took.Seconds(), CPU: perOp(cpuOf(os.Getpid())-before, stored)})
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.close(ctx, stored); err != nil {
		return err
	}
	b.begin(ctx)
	return b.serving(ctx, func() error {
		b.rest()
		defer b.profile("rows")()
		b.rows(ctx)
		b.peak()
		return nil
	})
}

// profile writes a CPU profile until it is ended: of the import when only that is measured,
// else of the rows.
func (b *bench) profile(what string) (end func()) {
	if b.command.Profile == "" || (what == "import") != (b.command.Only == "import, in process") {
		return func() {}
	}
	f, err := os.Create(b.command.Profile)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(b.program.Err, "The profile cannot be written:", err)
		return func() {}
	}
	return func() { pprof.StopCPUProfile(); f.Close() }
}

// populate makes the record, with an account that asks, and the source of n patients.
func (b *bench) populate(ctx context.Context, n int) (done func(), err error) {
	opening := time.Now()
	if b.house, err = b.program.open(ctx, b.data, true); err != nil {
		return nil, err
	}
	for _, err := range b.house.store.All(ctx, nil, 0) { // settings are there from the beginning
		return nil, errors.Join(err, b.house.store.Close(), fault.New(fault.Conflict, "The database holds a record already. Measure on an empty one."))
	}
	b.report.add(figure{Name: "create an empty record", Value: ms(time.Since(opening)), Unit: "ms"})
	doctor, err := b.house.accounts.Create(ctx, trust.System("bench"), identity.Draft{User: "bench.doctor", Name: "Bench Doctor", Role: trust.Physician, Password: benchPassword, TOTPSecret: benchFactor})
	if err != nil {
		return nil, errors.Join(err, b.house.store.Close())
	}
	b.doctor = doctor.ID
	other, err := b.house.accounts.Create(ctx, trust.System("bench"), identity.Draft{User: "bench.other", Name: "Other Doctor", Role: trust.Physician, Password: benchPassword, TOTPSecret: benchFactor})
	if err != nil {
		return nil, errors.Join(err, b.house.store.Close())
	}
	b.other = other.ID
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	next, stop := iter.Pull(synthetic.Population(7, n, b.program.Clock.Now()))
	b.next = next
	return func() {
		stop()
		b.client.CloseIdleConnections()
		if b.house != nil {
			b.house.store.Close()
		}
	}, nil
}

const (
	// importers is how many transactions are imported at once.
	importers = 4
	// batch is how many patients are made before they are imported, so that the making
	// is not measured.
	batch = 40
)

// grow imports patients until there are n, a transaction each, and returns the time that
// took without the making of them.
func (b *bench) grow(ctx context.Context, n int) (took time.Duration, stored int64, err error) {
	actor := b.house.gate.As(trust.System("bench"), "console")
	for len(b.patients) < n {
		var lives [][]*fhir.Node
		for len(lives) < batch && len(b.patients) < n {
			resources, ok := b.next()
			if !ok {
				return took, stored, fault.New(fault.Internal, "The population ended early.")
			}
			first := len(b.patients) == 0 && len(lives) == 0 && stored == 0
			for _, r := range resources {
				if r.ResourceType() == "Patient" {
					b.patients = append(b.patients, r.ID())
					b.letters[r.ID()] = addressed(r)
					first = false
				}
			}
			if first { // the clinic itself, which all refer to
				if err := put(ctx, actor, resources); err != nil {
					return took, stored, err
				}
				stored += int64(len(resources))
				continue
			}
			lives = append(lives, resources)
		}
		start := time.Now()
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(importers)
		var count atomic.Int64
		for _, resources := range lives {
			group.Go(func() error { count.Add(int64(len(resources))); return put(gctx, actor, resources) })
		}
		if err := group.Wait(); err != nil {
			return took, stored, err
		}
		took += time.Since(start)
		stored += count.Load()
	}
	return took, stored, nil
}

func put(ctx context.Context, actor *record.Actor, resources []*fhir.Node) error {
	change := record.Change{What: "benchmark"}
	for _, r := range resources {
		change.Put = append(change.Put, record.Put{Resource: r, Create: true})
	}
	_, err := actor.Commit(ctx, change)
	return err
}

// encounters is how many visits the fullest chart has.
const encounters = 700

// fill gives one patient many visits.
func (b *bench) fill(ctx context.Context) error {
	actor := b.house.gate.As(trust.System("bench"), "console")
	for _, id := range b.patients {
		var visit *fhir.Node
		for r, err := range actor.Chart(ctx, id, "Encounter") {
			if err != nil {
				return err
			}
			visit = r
		}
		if visit == nil {
			continue
		}
		b.full = id
		now := b.program.Clock.Now()
		var visits []*fhir.Node
		for i := range encounters {
			v := visit.Clone()
			v.SetID(ident.New(now))
			start := now.AddDate(0, 0, -7*(i+1))
			v.Set("period", fhir.Obj("start", start.Format(time.RFC3339), "end", start.Add(20*time.Minute).Format(time.RFC3339)))
			visits = append(visits, v)
		}
		return put(ctx, actor, visits)
	}
	return fault.New(fault.Internal, "No patient of the population has a visit.")
}

const (
	benchPassword = "lanterns over quarry 41 sparrows"
	benchFactor   = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

// sign makes the token and the session with which the server is asked.
func (b *bench) sign(ctx context.Context) (err error) {
	if b.token, err = b.house.accounts.IssueToken(ctx, trust.System("bench"), b.doctor, []string{"user/*.cruds"}, time.Hour); err != nil {
		return err
	}
	if b.hostileToken, err = b.house.accounts.IssueToken(ctx, trust.System("bench"), b.other, []string{"user/*.rs"}, time.Hour); err != nil {
		return err
	}
	_, secret, err := b.house.accounts.SignInAs(ctx, trust.System("bench"), "bench.doctor", identity.Place{Address: "127.0.0.1"})
	b.session = &http.Cookie{Name: "osler-session", Value: secret}
	return err
}

// close closes the record, which empties the write-ahead log, and adds what it takes on disk.
func (b *bench) close(ctx context.Context, stored int64) error {
	err := b.sign(ctx)
	err = errors.Join(err, b.house.store.Close())
	b.house = nil
	if err != nil {
		return err
	}
	size := int64(0)
	err = filepath.WalkDir(b.data.Data, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	b.report.Resources = stored
	b.report.Patients = len(b.patients)
	if b.data.Database != "" { // the disk is the database's
		return err
	}
	b.report.add(figure{Name: "disk for each resource", Value: float64(size) / float64(stored) / 1000, Unit: "kB"})
	return err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
