package watch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Mail says how email is sent. A message says that something changed, with a link; it never
// holds what.
type Mail struct {
	// Server is "host:port" of the mail server; port 465 speaks TLS from the start, others
	// change to it with STARTTLS.
	Server string
	From   string // an address
	User   string // "" sends without signing in
	// Password is kept out of logs: do not print a Mail.
	Password string
	// Plain allows a connection without TLS, for a relay on the same machine.
	Plain bool
	// Roots are trusted certificates; nil: those of the system. For tests.
	TLS *tls.Config
}

// Check says whether the settings can be used.
func (m Mail) Check() error {
	if m.Server == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		return fault.New(fault.Invalid, "The mail server is given as host:port, for example mail.clinic.example:587.")
	}
	if a, err := mail.ParseAddress(m.From); err != nil || a.Address != m.From {
		return fault.New(fault.Invalid, "Email needs the address of its sender, for example osler@clinic.example.")
	}
	if m.User != "" && m.Plain {
		return fault.New(fault.Invalid, "A password for email is not sent without TLS.")
	}
	return nil
}

// send sends one message and waits until the server has taken it.
func (m Mail) send(ctx context.Context, to, link, id string, events int) error {
	if m.Server == "" {
		return fault.New(fault.NotSupported, "this server sends no email.")
	}
	c, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Mail(m.From); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	out, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := out.Write(m.message(to, link, id, events, time.Now())); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the message has been taken
	return nil
}

// dial connects, with TLS unless it is allowed to do without, and signs in.
func (m Mail) dial(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if m.TLS != nil {
		config = m.TLS.Clone()
		config.ServerName = host
	}
	if port == "465" {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if port != "465" && !m.Plain {
		if err := c.StartTLS(config); err != nil {
			c.Close()
			return nil, err
		}
	}
	if m.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// message is the text. The addresses were checked when they were set; line breaks in them
// would make headers.
func (m Mail) message(to, link, id string, events int, now time.Time) []byte {
	clean := strings.NewReplacer("\r", "", "\n", "")
	things := "Something has"
	if events > 1 {
		things = fmt.Sprintf("%d things have", events)
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Osler: something has changed\r\nDate: %s\r\nMessage-ID: <%d.%s@osler>\r\nAuto-Submitted: auto-generated\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+
		"%s changed in the record that you asked to be told about.\r\n\r\nThis message says no more on purpose. Sign in to see it; the subscription is\r\n%s\r\n",
		clean.Replace(m.From), clean.Replace(to), now.Format(time.RFC1123Z), now.UnixNano(), clean.Replace(id), things, clean.Replace(link))
}
