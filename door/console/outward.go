package console

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record/watch"
)

// outwardFlags say what the server may reach by itself: for subscriptions and imports.
type outwardFlags struct {
	PublicURL     string   `name:"public-url" placeholder:"URL" help:"Address under which others know this server, such as https://osler.example: for links in notifications." env:"OSLER_PUBLIC_URL"`
	AllowEndpoint []string `name:"allow-endpoint" placeholder:"HOST" help:"Host, address or network of the own house that subscriptions and imports may reach, also by plain HTTP. Others must be public."`
	MailServer    string   `placeholder:"HOST:PORT" help:"Mail server for subscriptions by email; the password is in OSLER_MAIL_PASSWORD."`
	MailFrom      string   `placeholder:"ADDRESS" help:"Sender of email."`
	MailUser      string   `placeholder:"NAME" help:"Name for signing in to the mail server."`
	MailPlain     bool     `help:"Allow a mail server without TLS: only for a relay on the same machine."`
}

// read returns the guard of what may be reached, and checks the rest.
func (o outwardFlags) read() (outbound.Guard, error) {
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
			return outbound.Guard{}, fault.New(fault.Invalid, "--public-url is an address such as https://osler.example.")
		}
	}
	if err := o.mail().Check(); err != nil {
		return outbound.Guard{}, err
	}
	return outbound.New(o.AllowEndpoint...)
}

func (o outwardFlags) mail() watch.Mail {
	return watch.Mail{Server: o.MailServer, From: o.MailFrom, User: o.MailUser, Password: os.Getenv("OSLER_MAIL_PASSWORD"), Plain: o.MailPlain}
}

// base is the public address of FHIR, "" when nobody named it.
func (o outwardFlags) base() string {
	if o.PublicURL == "" {
		return ""
	}
	return strings.TrimRight(o.PublicURL, "/") + "/fhir"
}

// watch makes what looks after the subscriptions of a house.
func (p *Program) watch(h *house, accounts watch.Accounts, l listenFlags, out outwardFlags, guard outbound.Guard, log *slog.Logger) *watch.Watcher {
	base := out.base()
	if base == "" { // good enough for a demonstration
		base = map[bool]string{true: "https://", false: "http://"}[l.secure()] + l.Listen + "/fhir"
	}
	return watch.Open(watch.Options{Gate: h.gate, Store: h.store, Accounts: accounts, Clock: p.Clock, Log: log, Guard: guard, Mail: out.mail(), Base: base, CheckEvery: identity.CheckEvery})
}

// background runs work beside the server; the function that is returned ends it and waits.
func background(ctx context.Context, work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); work(ctx) }()
	return func() { cancel(); <-done }
}
