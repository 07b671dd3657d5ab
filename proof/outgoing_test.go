package proof

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store/postgres"
)

// impostor is a server that speaks TLS with a certificate that nobody vouches for. It counts who comes
// for TLS, and what it gets told nonetheless. greet is what comes before TLS.
func impostor(t *testing.T, greet func(net.Conn) error) (address string, met, told *atomic.Int64) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificates := web.TLS.Certificates
	web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	met, told = new(atomic.Int64), new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				if greet != nil && greet(c) != nil {
					return
				}
				met.Add(1)
				n, _ := io.Copy(io.Discard, tls.Server(c, &tls.Config{Certificates: certificates}))
				told.Add(n)
			}()
		}
	}()
	return l.Addr().String(), met, told
}

// TestOutgoingConnectionsAreVerified: whatever Osler connects to by itself gets nothing before it
// has shown a certificate of its name from an authority that the machine trusts; and without TLS
// only this machine is spoken to.
func TestOutgoingConnectionsAreVerified(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	postgresGreeting := func(c net.Conn) error { // SSLRequest, answered with "yes"
		if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
			return err
		}
		_, err := io.WriteString(c, "S")
		return err
	}
	guard, err := outbound.New("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		greet func(net.Conn) error
		send  func(address string) error
	}{
		"backups and contents in S3": {send: func(address string) error {
			b, err := bucket.Open("s3://clinic?endpoint=https://" + address + "&region=x")
			if err != nil {
				return err
			}
			return b.Put(ctx, "name", strings.NewReader("content"))
		}},
		"key service": {send: func(address string) error {
			_, err := seal.Transit{Address: "https://" + address + "/v1/transit/keys/osler", Token: "secret"}.Wrap(ctx, make([]byte, seal.KeySize))
			return err
		}},
		"subscriptions, imports, witnesses and single sign-on": {send: func(address string) error {
			_, err := guard.Client(10*time.Second).Post("https://"+address, "application/json", strings.NewReader("{}"))
			return err
		}},
		"malware scanner": {send: func(address string) error {
			s, err := malware.Open(false, "tls:"+address)
			if err != nil {
				return err
			}
			return s.Check(ctx, strings.NewReader("a letter"))
		}},
		"database": {greet: postgresGreeting, send: func(address string) error {
			dir := t.TempDir()
			ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
			if err != nil {
				return err
			}
			s, err := postgres.Open(ctx, postgres.Options{URL: "postgres://osler:secret@" + address + "/osler?sslmode=verify-full&connect_timeout=5", Dir: dir, Keyring: ring})
			if err == nil {
				s.Close()
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address, met, told := impostor(t, c.greet)
			err := c.send(address)
			if err == nil || name != "database" && !strings.Contains(err.Error(), "certificate") { // its errors name no cause
				t.Errorf("an impostor: %v", err)
			}
			if met.Load() == 0 {
				t.Error("the impostor was not asked")
			}
			if n := told.Load(); n > 0 {
				t.Errorf("an impostor was told %d bytes", n)
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		if _, err := bucket.Open("s3://clinic?endpoint=http://s3.example&region=x"); err == nil {
			t.Error("S3")
		}
		if _, err := (seal.Transit{Address: "http://bao.example/v1/transit/keys/osler"}).Wrap(ctx, make([]byte, seal.KeySize)); err == nil {
			t.Error("key service")
		}
		if _, err := (outbound.Guard{}).URL("http://receiver.example/hook"); err == nil {
			t.Error("subscriptions, imports, witnesses and single sign-on")
		}
		if _, err := malware.Open(false, "tcp:scanner.example:3310"); err == nil {
			t.Error("malware scanner")
		}
		dir := t.TempDir()
		ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Open(ctx, postgres.Options{URL: "postgres://osler@db.example/osler?sslmode=require", Dir: dir, Keyring: ring}); err == nil || !strings.Contains(err.Error(), "verify-full") {
			t.Errorf("database: %v", err)
		}
	})
}
