package watch

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// mailServer is a mail server that keeps what it is given. It speaks no TLS.
type mailServer struct {
	address string
	mu      sync.Mutex
	got     []string
	refuse  bool
}

func serveMail(t testing.TB) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := &mailServer{address: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.talk(conn)
		}
	}()
	return m
}

func (m *mailServer) talk(conn net.Conn) {
	defer conn.Close()
	in := textproto.NewReader(bufio.NewReader(conn))
	say := func(s string) { fmt.Fprint(conn, s+"\r\n") }
	say("220 test")
	envelope := ""
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case verb == "EHLO":
			say("250 test")
		case strings.HasPrefix(line, "RCPT") && m.refuses():
			say("451 later")
		case verb == "DATA":
			say("354 go on")
			b, err := in.ReadDotBytes()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.got = append(m.got, envelope+string(b))
			m.mu.Unlock()
			envelope = ""
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			envelope += line + "\n"
			say("250 ok")
		}
	}
}

func (m *mailServer) refuses() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.refuse }

func (m *mailServer) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

func TestMailSaysNothing(t *testing.T) {
	server := serveMail(t)
	server.refuse = true
	h := open(t, func(o *Options) { o.Mail = Mail{Server: server.address, From: "osler@clinic.example", Plain: true} })
	body := `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Observation?subject=Patient/rosa","channel":{"type":"email","endpoint":"mailto:desk@clinic.example"}}`
	id := h.put(physician, body)[0]
	h.becomes(id, "active")
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.until("a refusal", func() bool { return h.w.Counts().Failed > 0 })
	server.mu.Lock()
	server.refuse = false
	server.mu.Unlock()
	h.until("a message", func() bool { return len(server.all()) == 1 })
	text := server.all()[0]
	for _, want := range []string{"MAIL FROM:<osler@clinic.example>", "RCPT TO:<desk@clinic.example>", "To: desk@clinic.example", "https://osler.example/fhir/Subscription/" + id} {
		if !strings.Contains(text, want) {
			t.Errorf("the message does not hold %q:\n%s", want, text)
		}
	}
	for _, secret := range []string{"rosa", "8867", "Observation", "Díaz"} {
		if strings.Contains(text, secret) {
			t.Errorf("the message holds %q:\n%s", secret, text)
		}
	}
	for _, bad := range []string{
		strings.Replace(body, "mailto:desk@clinic.example", `mailto:desk@clinic.example\r\nBcc: x@y.example`, 1),
		strings.Replace(body, "mailto:desk@clinic.example", "mailto:a@b.example,c@d.example", 1),
		strings.Replace(body, "mailto:desk@clinic.example", "nobody", 1),
		strings.Replace(body, `"type":"email"`, `"type":"email","payload":"application/fhir+json"`, 1),
		strings.Replace(body, `"type":"email"`, `"type":"email","header":["X-A: b"]`, 1),
	} {
		if _, err := h.try(physician, bad); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotSupported) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestMailNeedsTLS(t *testing.T) {
	server := serveMail(t)
	m := Mail{Server: server.address, From: "osler@clinic.example"}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := m.send(ctx, "desk@clinic.example", "link", "id", 1); err == nil || len(server.all()) != 0 {
		t.Errorf("a server without STARTTLS gets a message: %v", err)
	}
	for _, bad := range []Mail{{Server: "nonsense", From: "a@b.example"}, {Server: "a.example:25", From: "nobody"}, {Server: "a.example:25", From: "a@b.example", User: "u", Plain: true}} {
		if err := bad.Check(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestMailServersAreVerified: a server that offers TLS with a certificate that nobody vouches for
// gets neither a password nor a message.
func TestMailServersAreVerified(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificates := web.TLS.Certificates
	web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		fmt.Fprint(conn, "220 test\r\n")
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "STARTTLS") {
				fmt.Fprint(conn, "220 go on\r\n")
				b, _ := io.ReadAll(tls.Server(conn, &tls.Config{Certificates: certificates}))
				heard <- string(b)
				return
			}
			fmt.Fprint(conn, "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
		}
	}()
	m := Mail{Server: l.Addr().String(), From: "osler@clinic.example", User: "osler", Password: "secret"}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := m.send(ctx, "desk@clinic.example", "link", "id", 1); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
	select {
	case b := <-heard:
		if b != "" {
			t.Errorf("it was told %q", b)
		}
	case <-ctx.Done():
		t.Error("it was not asked for TLS")
	}
}

func TestReasonsHoldNothing(t *testing.T) {
	for _, err := range []error{
		errors.New("Get \"https://a.example/secret\": boom"),
		&net.DNSError{Err: "no such host", Name: "secret.example"},
		&undelivered{cause: errors.New("secret"), status: 503},
		context.DeadlineExceeded,
		&textproto.Error{Code: 550, Msg: "secret mailbox"},
	} {
		if text := reason(err); strings.Contains(text, "secret") || len(text) < 20 {
			t.Errorf("%T: %q", err, text)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"bind 7", "bind-with-token abc", "bind", "ping 7", "bind  7\n", "bind ../x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		verb, argument, ok := parseCommand(text)
		if ok && (verb != "bind" && verb != "bind-with-token" || argument == "" || strings.ContainsAny(argument, " /\r\n\t\"'")) || !ok && verb+argument != "" {
			t.Errorf("%q is read as %q %q %v", text, verb, argument, ok)
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"Authorization: Bearer x", "X-A:b", ": x", "A B: c", "Host: x", "X: a\r\nY: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		name, value, err := header(line)
		if err != nil {
			return
		}
		if strings.ContainsAny(name+value, "\r\n\x00") || ours[name] || name == "" {
			t.Errorf("%q is read as %q: %q", line, name, value)
		}
		if got := httpHeader([]string{line}).Get(name); got != value {
			t.Errorf("%q is sent as %q", line, got)
		}
	})
}
