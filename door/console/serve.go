package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/door/clinic"
	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/portal"
	"github.com/osler-emr/osler/door/smart"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/identity/sso"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/record/watch"
)

type serveCommand struct {
	dataFlags
	listenFlags
	outwardFlags
	safetyFlags
	witnessFlags
	NewKeys      int    `default:"365" placeholder:"DAYS" help:"Age of the key-encryption key after which the server makes a new one, and new data keys of all patients, beside everything else; 0 never." env:"OSLER_NEW_KEYS"`
	Clinic       string `default:"Osler" help:"Name of the clinic, for people."`
	SingleSignOn string `name:"single-sign-on" type:"path" placeholder:"FILE" help:"Description of the hospital's sign-in (OpenID Connect), as JSON; without it an administrator describes it on a page." env:"OSLER_SINGLE_SIGN_ON"`
	Breached     string `name:"breached-passwords" type:"path" placeholder:"FILE" help:"List of breached passwords, which nobody chooses here: Pwned Passwords of Have I Been Pwned, SHA-1, ordered by hash. It is read where it lies." env:"OSLER_BREACHED_PASSWORDS"`
	Profiles     string `default:"reject" enum:"reject,warn,ignore" help:"What to do with resources that break a profile which they claim: reject them, store them with a warning, or do not look. Faults against base FHIR are always refused." env:"OSLER_PROFILES"`
}

// policies are the words for what a gate does about profiles.
var policies = map[string]record.Profiles{"reject": record.ProfilesReject, "warn": record.ProfilesWarn, "ignore": record.ProfilesIgnore}

// readWithin is how long a request may take to arrive. Without an end, a client that sends a
// byte now and then holds its connection for ever, with or without a token.
const readWithin = 2 * time.Minute

// collectAt is how much garbage, in percent of what is in use, a server lets gather. Charts and
// bundles are made and thrown away: at nearly twice the usual a chart page takes an eighth less
// processor time, for some tens of megabytes. GOGC has its usual meaning.
const collectAt = 180

// waiting is how many more than there are processors may be at work, where the record is embedded: one waits for
// the disk, mostly with an entry of the audit log. The scheduler does not know soon enough that it waits, and
// on two processors half of a server would stand still meanwhile. GOMAXPROCS has its usual meaning.
const waiting = 1

// processors is how many the program was started with.
var processors = runtime.GOMAXPROCS(0)

// allowWaiting has the scheduler use waiting more than there are.
func allowWaiting() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors + waiting)
	}
}

// Run serves a record until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, p *Program) error {
	if err := c.listenFlags.check(); err != nil { // before a record is made
		return err
	}
	if _, err := c.outwardFlags.read(); err != nil {
		return err
	}
	if err := c.safetyFlags.check(); err != nil {
		return err
	}
	if c.BackupTo != "" {
		if err := apart(c.BackupTo, c.Data, c.dataFlags.Contents); err != nil {
			return err
		}
	}
	provider, err := readProvider(c.SingleSignOn)
	if err != nil {
		return err
	}
	var stolen *identity.Breached
	if c.Breached != "" {
		if stolen, err = identity.OpenBreached(c.Breached); err != nil {
			return err
		}
	}
	tcp, err := c.listenFlags.bind() // a port that is taken leaves no record behind
	if err != nil {
		return err
	}
	defer tcp.Close()
	h, err := p.open(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	defer h.store.Close()
	h.accounts.Given(provider)
	h.accounts.Avoid(stolen)
	h.gate.FollowProfiles(policies[c.Profiles])
	site := p.site(h, c.Clinic)
	h.gate.TellTrouble(func(trouble error) {
		if trouble != nil {
			site.Log.Error("the record takes no changes", "error", trouble)
		} else {
			site.Log.Info("the record takes changes again")
		}
	})
	stopTrouble := background(ctx, h.gate.FollowTrouble)
	defer stopTrouble()
	keeper, err := p.keepSafe(ctx, h, c.dataFlags, c.safetyFlags, site.Log)
	if err != nil {
		return err
	}
	if keeper != nil {
		site.BackUp = keeper.Ask
		stop := background(ctx, keeper.Run)
		defer stop()
	}
	pusher, err := p.witnesses(h, c.Data, c.witnessFlags)
	if err != nil {
		return err
	}
	if pusher != nil {
		site.Witnesses = pusher.States
		stop := background(ctx, pusher.Run)
		defer stop()
	}
	site.Keys = p.keyPlace(ctx, h, c.dataFlags, c.NewKeys, site.Log)
	stopKeys := background(ctx, func(ctx context.Context) { keepKeys(ctx, h, c.NewKeys, p.Clock.Now, site.Log) })
	defer stopKeys()
	stopNotes := background(ctx, func(ctx context.Context) { hearOfBackups(ctx, h, site.Log) })
	defer stopNotes()
	return p.serve(ctx, h, site, tcp, c.listenFlags, c.outwardFlags, func(l *listening) error {
		return p.announce(ctx, h, l, c.PublicURL)
	})
}

// announce prints the addresses and, before the first account exists, the set-up link.
func (p *Program) announce(ctx context.Context, h *house, l *listening, public string) error {
	has, err := h.accounts.HasAccounts(ctx)
	if err != nil {
		return err
	}
	secret := ""
	if !has {
		if secret, err = h.accounts.SetUpLink(ctx); err != nil {
			return err
		}
	}
	address := cmp.Or(strings.TrimRight(public, "/"), named(l.address))
	fmt.Fprintf(p.Out, "Osler is ready at %s\n", address)
	if public == "" && len(l.others) > 0 {
		fmt.Fprintf(p.Out, "From other machines:\n  %s\n", strings.Join(l.others, "\n  "))
	}
	if !has {
		fmt.Fprintf(p.Out, "Open this link once to make the administrator:\n  %s/set-up/%s\n", address, secret)
	}
	return nil
}

// named is the address of this machine as browsers let it use passkeys: they bind them to a name, and
// an IP address is none.
func named(address string) string {
	for _, loopback := range []string{"//127.0.0.1:", "//[::1]:"} {
		address = strings.Replace(address, loopback, "//localhost:", 1)
	}
	return address
}

func (p *Program) site(h *house, name string) *web.Site {
	return &web.Site{Gate: h.gate, Accounts: h.accounts, Clock: p.Clock, Log: p.log(), Clinic: name, Zone: time.Local}
}

// serve answers on a bound port until ctx ends; ready runs once it does.
func (p *Program) serve(ctx context.Context, h *house, site *web.Site, tcp net.Listener, l listenFlags, out outwardFlags, ready func(*listening) error) error {
	if err := l.check(); err != nil {
		return err
	}
	site.Secure, site.MaxContent, site.Address = l.secure() || strings.HasPrefix(out.PublicURL, "https://"), l.Most<<20, out.PublicURL
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		if most := memoryLimit("/"); most > 0 {
			debug.SetMemoryLimit(most)
		}
	}
	guard, err := out.read()
	if err != nil {
		return err
	}
	if !h.apart {
		allowWaiting()
	}
	site.Fair = fair.New(atWork(h.apart))
	programs := oauth.Open(oauth.Options{Store: h.store, Accounts: h.accounts, Clock: p.Clock, Key: h.keys.Key("oauth-signing"), Guard: guard, Log: site.Log})
	h.accounts.Join(programs)
	site.Single = sso.Open(sso.Options{Accounts: h.accounts, Clock: p.Clock, Log: site.Log, Key: h.keys.Key("single-sign-on"), Guard: guard})
	site.Program = programs.Name
	apps := &smart.Door{Server: programs, Base: out.base(), Log: site.Log, Example: site.Demo != nil}
	pages, err := site.Handler(clinic.Area(), portal.Area(), apps.Area())
	if err != nil {
		return err
	}
	watcher := p.watch(h, programs, l, out, guard, site.Log)
	jobs := job.Open(h.store, h.gate, p.Clock, site.Log)
	defer jobs.Close()
	api := fhirapi.New(fhirapi.Options{Gate: h.gate, Authenticate: programs.Authenticate, Programs: true, Visitor: site.Visitor, While: h.accounts.While, Even: 3 * time.Millisecond, Clock: p.Clock, Log: site.Log, Version: Version,
		MaxContent: l.Most << 20, PageKey: h.keys.Key("page address"), Base: out.base(), Watch: watcher, Jobs: jobs, Guard: guard, Fair: site.Fair})
	defer api.Close()
	mux := http.NewServeMux()
	mux.Handle("/fhir", api)
	mux.Handle("/fhir/", api)
	apps.Mount(mux)
	mux.Handle("/", pages)

	listener, err := l.listen(tcp, h.dir, h.keys.Key("tls"), p.Clock, site.Log)
	if err != nil {
		return err
	}
	var handler http.Handler = mux
	if site.Demo != nil && out.PublicURL == "" {
		handler = l.addressed(mux)
	}
	server := hardened(ctx, web.Bounded(handler))
	stop := background(ctx, watcher.Run)
	defer stop()
	stopReviews, err := reviews(ctx, h, watcher, site.Log)
	if err != nil {
		return err
	}
	defer stopReviews()
	stopFollow := background(ctx, h.gate.Follow)
	defer stopFollow()
	stopSweep := background(ctx, func(ctx context.Context) { sweep(ctx, h.gate, site.Log) })
	defer stopSweep()
	stopLabels := background(ctx, func(ctx context.Context) {
		h.gate.FollowLabels(ctx, func(err error) {
			site.Log.Warn("labels could not be brought up to date; the next try is in a minute", "error", err)
		})
	})
	defer stopLabels()
	failed := make(chan error, 1)
	go func() {
		failed <- server.Serve(listener)
	}()
	address := listener.address
	if apps.Example {
		if err := smart.RegisterExample(ctx, programs, cmp.Or(out.PublicURL, address)); err != nil {
			server.Close()
			return err
		}
	}
	if err := ready(listener); err != nil {
		server.Close()
		return err
	}
	if listener.note != "" {
		fmt.Fprintln(p.Out, listener.note)
	}
	if p.Ready != nil {
		p.Ready(address)
	}
	select {
	case err := <-failed:
		return saying(err, "The server ended.")
	case <-ctx.Done():
	}
	fmt.Fprintln(p.Out, "Stopping: finishing what is under way.")
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// reviews asks for the review of results that come from outside. Nothing that is written from now on is
// missed.
func reviews(ctx context.Context, h *house, watcher *watch.Watcher, log *slog.Logger) (stop func(), err error) {
	work, err := begin(ctx, h, watcher, log)
	var stops []func()
	for _, c := range work {
		stops = append(stops, background(ctx, func(ctx context.Context) { watcher.Consume(ctx, c) }))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}, err
}

// begin stores where the work on results begins, when a record is served for the first time.
func begin(ctx context.Context, h *house, watcher *watch.Watcher, log *slog.Logger) ([]watch.Consumer, error) {
	work := result.Incoming{Gate: h.gate, Staff: h.accounts, Log: log}.Consumers()
	for _, c := range work {
		if err := watcher.Begin(ctx, c); err != nil {
			return nil, err
		}
	}
	return work, nil
}

// hardened returns a server with limits for every part of a request and of a connection. HTTP/2
// is spoken over TLS alone; a client has few streams at once, and may not make us buffer much.
func hardened(ctx context.Context, handler http.Handler) *http.Server {
	var spoken http.Protocols
	spoken.SetHTTP1(true)
	spoken.SetHTTP2(true)
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: readWithin, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		Protocols: &spoken, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: time.Minute}}
}

// sweepEvery is how often contents are looked for that no version names, and those that are lost; the
// latter more often while some are, so that a warning ends soon after its reason.
const (
	sweepEvery = time.Hour
	lostEvery  = 2 * time.Minute
)

// sweep removes contents whose upload was never finished, and tells of those that are lost.
func sweep(ctx context.Context, gate *record.Gate, log *slog.Logger) {
	for told := 0; ; {
		if n, err := gate.SweepContents(ctx); err != nil && ctx.Err() == nil {
			log.Warn("contents that nothing names could not be removed; the next try is in an hour", "error", err)
		} else if n > 0 {
			log.Info("contents that nothing names were removed", "count", n)
		}
		lost, next := gate.LostFiles(), sweepEvery
		if len(lost) > 0 {
			next = lostEvery
		}
		if told != len(lost) {
			if told = len(lost); told > 0 {
				log.Error("contents of attachments are missing or damaged; they have to come back from a backup", "count", told, "first", lost[0])
			} else {
				log.Info("no contents of attachments are missing any more")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// atWork is how many costly requests of one account are at work while others use the server too: one
// processor is left to the others. A database on another machine works on processors of its own; there
// half of the connections are left.
func atWork(apart bool) int {
	if apart {
		return 2 * processors
	}
	return processors - 1
}
