package console

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
)

// TestOnlyTLSIsSpoken: a server with a certificate speaks TLS 1.2 and 1.3, the newer one first, with
// suites that keep old secrets, to pages, FHIR and sockets alike; plain HTTP gets no answer from
// the record, and an address that others reach is refused without a certificate.
func TestOnlyTLSIsSpoken(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "osler"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ready, over := make(chan string, 1), make(chan int, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var said bytes.Buffer
	p := &Program{Clock: clock.System{}, Out: io.Discard, Err: &said, Ready: func(a string) { ready <- a }}
	go func() {
		over <- p.Run(ctx, []string{"serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--cert", certFile, "--cert-key", keyFile})
	}()
	var base string
	select {
	case base = <-ready:
	case code := <-over:
		t.Fatalf("the server ended with %d: %s", code, said.String())
	case <-time.After(time.Minute):
		t.Fatal("the server does not start")
	}
	at, ok := strings.CutPrefix(base, "https://")
	if !ok {
		t.Fatalf("it answers at %s", base)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	meet := func(low, high uint16, suites ...uint16) (tls.ConnectionState, error) {
		c, err := tls.Dial("tcp", at, &tls.Config{RootCAs: pool, MinVersion: low, MaxVersion: high, CipherSuites: suites})
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer c.Close()
		return c.ConnectionState(), nil
	}
	if s, err := meet(tls.VersionTLS10, 0); err != nil || s.Version != tls.VersionTLS13 {
		t.Errorf("asked for anything, it takes %x: %v", s.Version, err)
	}
	if s, err := meet(tls.VersionTLS12, tls.VersionTLS12); err != nil || !strings.HasPrefix(tls.CipherSuiteName(s.CipherSuite), "TLS_ECDHE_") {
		t.Errorf("TLS 1.2 has %s: %v", tls.CipherSuiteName(s.CipherSuite), err)
	}
	if _, err := meet(tls.VersionTLS10, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, weak := range append(tls.InsecureCipherSuites(), tls.CipherSuites()...) {
		if name := weak.Name; !strings.HasPrefix(name, "TLS_AES") && !strings.HasPrefix(name, "TLS_CHACHA") && (!strings.HasPrefix(name, "TLS_ECDHE_") || strings.Contains(name, "_CBC_") && weak.Insecure || strings.Contains(name, "RC4") || strings.Contains(name, "3DES")) {
			if _, err := meet(tls.VersionTLS12, tls.VersionTLS12, weak.ID); err == nil {
				t.Errorf("%s is taken", name)
			}
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/sign-in", "/fhir/metadata", "/oauth/jwks", "/fhir/$websocket"} {
		if a, err := client.Get(base + path); err != nil || a.Header.Get("Strict-Transport-Security") != "max-age=31536000; includeSubDomains" {
			t.Errorf("%s by TLS: %v", path, err)
		} else {
			a.Body.Close()
		}
		a, err := http.Get("http://" + at + path)
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != http.StatusBadRequest || strings.Contains(string(body), "Osler") || a.Header.Get("Location") != "" {
			t.Errorf("%s by plain HTTP: %d %.200s", path, a.StatusCode, body)
		}
	}
	stop()
	<-over
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		said.Reset()
		if code := p.Run(t.Context(), []string{"serve", "--data", filepath.Join(dir, "other"), "--listen", address}); code != 1 || !strings.Contains(said.String(), "--cert") {
			t.Errorf("%s without a certificate: %d %s", address, code, said.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "other")); err == nil {
			t.Errorf("%s: a record was made before", address)
		}
	}
}
