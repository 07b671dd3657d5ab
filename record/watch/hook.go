package watch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/fhir"
)

// guarded is the client for endpoints that others chose.
type guarded struct{ *http.Client }

func newGuarded(g outbound.Guard) guarded { return guarded{g.Client(longestTimeout)} }

// answerLimit is how much of a receiver's answer is read.
const answerLimit = 64 << 10

// undelivered is a notification that did not arrive.
type undelivered struct {
	cause  error
	status int // of the answer, when there was one
}

// Error implements error.
func (u *undelivered) Error() string { return "watch: not delivered: " + reason(u) }

// Unwrap returns the cause.
func (u *undelivered) Unwrap() error { return u.cause }

func isUndelivered(err error) bool { return errors.As(err, new(*undelivered)) }

// permanent reports whether trying again is of no use: the receiver says that it is gone, or
// the address may not be reached.
func permanent(err error) bool {
	var u *undelivered
	return errors.As(err, &u) && u.status == http.StatusGone || nowhere(err) || fault.Is(err, fault.NotSupported)
}

// nowhere reports whether there is no host of that name, or it is one that may not be reached.
// Which of the two is not told: it says what names there are in the network of the house.
func nowhere(err error) bool {
	var dns *net.DNSError
	return fault.Is(err, fault.Forbidden) || errors.As(err, &dns) && dns.IsNotFound
}

// reason says what went wrong in words that hold no address, no header and no content.
func reason(err error) string {
	var (
		u       *undelivered
		f       *fault.Error
		dns     *net.DNSError
		mail    *textproto.Error
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		cert    *tls.CertificateVerificationError
		timeout interface{ Timeout() bool }
	)
	switch {
	case nowhere(err):
		return "the host of the endpoint is not known, or lies in a network that is not public; an operator can allow its host or network."
	case errors.As(err, &u) && u.status != 0:
		return fmt.Sprintf("the endpoint answered with the status %d.", u.status)
	case errors.As(err, &f):
		return f.Message
	case errors.As(err, &dns):
		return "the host of the endpoint cannot be found."
	case errors.As(err, &mail):
		return fmt.Sprintf("the mail server answered with the code %d.", mail.Code)
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &cert):
		return "the certificate of the endpoint is not valid."
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the endpoint did not answer in time."
	}
	return "the connection to the endpoint failed."
}

// send sends a notification once; s is the state that it tells.
func (l *line) send(ctx context.Context, kind string, s state, to []addressee) error {
	w, o := l.w, l.order
	if o.channel == channelSocket {
		return w.socket(ctx, o, s, kind, to)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeoutOf())
	defer cancel()
	var err error
	events := to[0].events
	switch o.channel {
	case channelHook:
		err = w.hook(ctx, o, s, w.bundle(o, s, kind, events), events)
	case channelMail:
		if len(events) == 0 { // nobody wants handshakes and heartbeats by mail
			return nil
		}
		err = w.Mail.send(ctx, o.endpoint, w.absolute("Subscription/"+o.id), o.id, len(events))
	}
	if err != nil && !isUndelivered(err) {
		err = &undelivered{cause: err}
	}
	return err
}

// hook sends by HTTP. R4: a POST without a body, or with a payload an update of the resource
// below the endpoint. A topic: a POST of the bundle.
func (w *Watcher) hook(ctx context.Context, o *order, s state, n *fhir.Node, events []event) error {
	if s.Endpoint != o.endpoint { // an undo brought another endpoint back than the headers are for
		return fault.New(fault.NotSupported, "the subscription has changed; write it again.")
	}
	method, address, body := http.MethodPost, o.endpoint, []byte(nil)
	var err error
	switch {
	case n != nil:
		body, err = encode(n, o.mime)
	case o.mime != "" && len(events) == 1:
		method = http.MethodPut
		body, address, err = update(o, events[0])
	}
	if err != nil {
		return fault.Wrap(err, fault.NotSupported, "the notification cannot be written as %s.", o.mime)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(err, fault.NotSupported, "the endpoint is not a URL.")
	}
	r.Header = httpHeader(s.Headers)
	if body != nil {
		r.Header.Set("Content-Type", o.mime+"; charset=utf-8")
	}
	r.Header.Set("User-Agent", "Osler")
	if len(events) > 0 { // the same notification has the same key each time
		r.Header.Set("Idempotency-Key", fmt.Sprintf("%s/%d", o.id, events[len(events)-1].Number))
	}
	res, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, answerLimit) // what it says does not matter; the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return &undelivered{status: res.StatusCode, cause: errors.New("watch: refused by the receiver")}
	}
	return nil
}

// update returns the body and address of an R4 notification with a payload.
func update(o *order, e event) (body []byte, address string, err error) {
	u, err := url.Parse(o.endpoint)
	if err != nil {
		return nil, "", err
	}
	body = e.stored.Body
	if o.mime == mimeXML {
		r, err := fhir.Parse(body)
		if err != nil {
			return nil, "", err
		}
		if body, err = encode(r, o.mime); err != nil {
			return nil, "", err
		}
	}
	return body, u.JoinPath(e.Type, e.ID).String(), nil
}
