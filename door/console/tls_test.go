package console

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
)

// greeting returns a client that trusts a certificate.
func greeting(c *x509.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
}

// peer returns the certificate that a server shows.
func peer(t *testing.T, address, name string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// TestNoListenerWithoutTLS: what other machines can reach speaks TLS without being told to,
// with a certificate of its own whose fingerprint is said and stays; whoever speaks plain HTTP or an
// old TLS gets nothing. Only --plain-http changes that, and contradictions are refused.
func TestNoListenerWithoutTLS(t *testing.T) {
	data := filepath.Join(t.TempDir(), "record")
	var first, said printed
	_, stop := serves(t, &first, "serve", "--data", data, "--listen", "0.0.0.0:0")
	stop()
	address, _ := serves(t, &said, "serve", "--data", data, "--listen", "0.0.0.0:0", "--host", "emr.clinic.example")
	if !strings.HasPrefix(address, "https://localhost:") {
		t.Fatalf("it answers at %s", address)
	}
	if strings.Contains(said.String(), "[") || strings.Contains(said.String(), "0.0.0.0") || !strings.Contains(said.String(), "From other machines:\n  https://emr.clinic.example:") {
		t.Errorf("the addresses are not such as a person opens, or not IPv4 alone:\n%s", &said)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(address, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	near := "127.0.0.1:" + port
	c := peer(t, near, "")
	sum := sha256.Sum256(c.Raw)
	if !strings.Contains(said.String(), fingerprint(sum[:])) {
		t.Errorf("the fingerprint %s is not said:\n%s", fingerprint(sum[:]), &said)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "emr.clinic.example"} {
		if err := c.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	res, err := greeting(c).Get("https://localhost:" + port + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Proto != "HTTP/2.0" || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, %v", res.Proto, res.Header)
	}
	if most := streams(t, near); most == 0 || most > 100 {
		t.Errorf("a client of HTTP/2 may have %d streams at once", most)
	}
	// Plain HTTP is told off, and told nothing else.
	if res, err := http.Get("http://" + near + "/"); err == nil {
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || len(body) > 100 {
			t.Errorf("plain HTTP is answered: %d %q", res.StatusCode, body)
		}
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":         {MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
		"CBC":             {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"without secrecy": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		config.InsecureSkipVerify = true
		if c, err := tls.Dial("tcp", near, config); err == nil {
			c.Close()
			t.Errorf("%s is spoken", name)
		}
	}
	for _, args := range [][]string{
		{"--plain-http", "--own-cert"}, {"--cert", "x"}, {"--acme", "localhost"}, {"--acme", "emr.example.org", "--own-cert"}, {"--acme", "192.0.2.1"},
		{"--acme", "emr.example.org", "--acme-directory", "http://ca.example/dir"},
	} {
		if code, out := run(t, append([]string{"serve", "--data", filepath.Join(t.TempDir(), "never"), "--listen", "127.0.0.1:0"}, args...)...); code != 1 {
			t.Errorf("%v: exit %d, %s", args, code, out)
		}
	}
	// The key of the certificate lies sealed.
	list, err := os.ReadDir(filepath.Join(data, "tls"))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	text, err := os.ReadFile(filepath.Join(data, "tls", list[0].Name()))
	if err != nil || strings.Contains(string(text), "PRIVATE KEY") {
		t.Errorf("the key of the certificate lies in clear: %v", err)
	}
}

// serves starts a program and returns where it answers, and what ends it; the end of the test does,
// too.
func serves(t *testing.T, said *printed, args ...string) (address string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan int, 1)
	p := &Program{Clock: clock.System{}, Out: said, Err: said, Ready: func(a string) { ready <- a }}
	go func() { ended <- p.Run(ctx, args) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	select {
	case address = <-ready:
		t.Cleanup(stop)
	case code := <-ended:
		cancel()
		t.Fatalf("%v ended with %d: %s", args, code, said)
	case <-time.After(time.Minute):
		cancel()
		t.Fatalf("%v is not ready: %s", args, said)
	}
	return address, stop
}

// streams returns how many streams a server of HTTP/2 allows at once (RFC 9113, 6.5.2).
func streams(t *testing.T, address string) uint32 {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	var head [9]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head[3] != 4 {
		t.Fatalf("the first frame is %x, %v", head, err)
	}
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, settings); err != nil {
		t.Fatal(err)
	}
	for ; len(settings) >= 6; settings = settings[6:] {
		if settings[0] == 0 && settings[1] == 3 {
			return uint32(settings[2])<<24 | uint32(settings[3])<<16 | uint32(settings[4])<<8 | uint32(settings[5])
		}
	}
	return 0
}

// TestCertificatesAreExchangedWithoutARestart: new files are taken; files that do not fit are not.
func TestCertificatesAreExchangedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certify := func(name string) (certText, keyText []byte) {
		t.Helper()
		o := &ownCert{kept: sealedFiles{filepath.Join(t.TempDir(), "tls"), make([]byte, 32)}, names: []string{"localhost", name}, clock: clock.System{}}
		if _, err := o.load(); err != nil {
			t.Fatal(err)
		}
		text, err := o.kept.Get(t.Context(), ownFile)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(text)
		return pem.EncodeToMemory(block), rest
	}
	write := func(certText, keyText []byte) {
		t.Helper()
		for path, text := range map[string][]byte{cert: certText, key: keyText} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c1, k1 := certify("one.example")
	write(c1, k1)
	var said printed
	address, _ := serves(t, &said, "serve", "--data", filepath.Join(dir, "record"), "--listen", "127.0.0.1:0", "--cert", cert, "--cert-key", key)
	address = strings.TrimPrefix(address, "https://")
	becomes := func(name string) {
		t.Helper()
		for end := time.Now().Add(15 * time.Second); peer(t, address, "localhost").VerifyHostname(name) != nil; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the certificate does not become that of %s: %s", name, &said)
			}
		}
	}
	becomes("one.example")
	c2, k2 := certify("two.example")
	write(c2, k1) // in the middle of an exchange
	time.Sleep(lookEvery + 200*time.Millisecond)
	becomes("one.example")
	write(c2, k2)
	becomes("two.example")
	if !strings.Contains(said.String(), "the one before stays") {
		t.Errorf("nothing is said of files that do not fit:\n%s", &said)
	}
}

// TestTheOwnCertificateStaysAndIsRenewed: it is the same after a restart, another when there are
// other names, and a new one of the same key before it ends.
func TestTheOwnCertificateStaysAndIsRenewed(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	kept := sealedFiles{filepath.Join(t.TempDir(), "tls"), make([]byte, 32)}
	load := func(names ...string) (string, *ownCert) {
		t.Helper()
		o := &ownCert{kept: kept, names: names, clock: now}
		note, err := o.load()
		if err != nil {
			t.Fatal(err)
		}
		return note, o
	}
	first, _ := load("localhost")
	again, o := load("localhost")
	other, _ := load("localhost", "emr.example")
	if first != again || first == other {
		t.Error("another certificate for the same names, or the same for others")
	}
	before := o.now.Leaf
	now.Advance(ownFor - ownRenew + time.Hour)
	c, err := o.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Leaf.Equal(before) || string(c.Leaf.RawSubjectPublicKeyInfo) != string(before.RawSubjectPublicKeyInfo) || !c.Leaf.NotAfter.After(now.Now().Add(ownFor-time.Hour)) {
		t.Errorf("before its end it is %v to %v", c.Leaf.NotBefore, c.Leaf.NotAfter)
	}
	kept.key = append(make([]byte, 31), 1)
	if _, err := (&ownCert{kept: kept, names: []string{"localhost"}, clock: now}).load(); err == nil {
		t.Error("it is opened with another key")
	}
}

// TestACME gets a certificate from Pebble, the test authority of the ACME protocol's authors, when
// it is there, and looks that a restart asks for none.
func TestACME(t *testing.T) {
	pebble, err := exec.LookPath("pebble")
	if err != nil {
		t.Skip("skipped: no pebble")
	}
	names, err := exec.LookPath("pebble-challtestsrv")
	if err != nil {
		t.Skip("skipped: no pebble-challtestsrv")
	}
	dir := t.TempDir()
	o := &ownCert{kept: sealedFiles{filepath.Join(dir, "tls"), make([]byte, 32)}, names: []string{"localhost", "127.0.0.1"}, clock: clock.System{}}
	if _, err := o.load(); err != nil {
		t.Fatal(err)
	}
	text, err := o.kept.Get(t.Context(), ownFile)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots, key := write("ca.pem", pem.EncodeToMemory(block)), write("ca.key", rest)
	var ports [6]string // of the authority, of its administration, where it looks, of the names and their administration
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		l.Close()
	}
	config := fmt.Sprintf(`{"pebble":{"listenAddress":"127.0.0.1:%s","managementListenAddress":"127.0.0.1:%s","certificate":%q,"privateKey":%q,"httpPort":%s,"tlsPort":%s}}`, ports[0], ports[1], roots, key, ports[5], ports[2])
	start := func(program string, args ...string) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
	answers := []string{"-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", "127.0.0.1:" + ports[3], "-management", "127.0.0.1:" + ports[4], "-http01", "", "-https01", "", "-tlsalpn01", ""}
	if usage, _ := exec.Command(names, "-h").CombinedOutput(); strings.Contains(string(usage), "-doh") { // newer ones
		answers = append(answers, "-doh", "")
	}
	start(names, answers...)
	start(pebble, "-config", write("config.json", []byte(config)), "-dnsserver", "127.0.0.1:"+ports[3])
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+ports[0]); err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("pebble does not start")
		}
	}
	args := []string{"serve", "--data", filepath.Join(dir, "record"), "--listen", "127.0.0.1:" + ports[2], "--acme", "emr.clinic.example",
		"--acme-directory", "https://127.0.0.1:" + ports[0] + "/dir", "--acme-roots", roots}
	var serial string
	for round := range 2 {
		var said printed
		_, stop := serves(t, &said, args...)
		c := peer(t, "127.0.0.1:"+ports[2], "emr.clinic.example")
		if err := c.VerifyHostname("emr.clinic.example"); err != nil || !strings.Contains(c.Issuer.CommonName, "Pebble") {
			t.Errorf("%v, of %s", err, c.Issuer)
		}
		if round == 1 && c.SerialNumber.String() != serial {
			t.Error("a restart asks for another certificate")
		}
		serial = c.SerialNumber.String()
		if c, err := tls.Dial("tcp", "127.0.0.1:"+ports[2], &tls.Config{InsecureSkipVerify: true, ServerName: "other.example"}); err == nil {
			c.Close()
			t.Error("there is a certificate for somebody else's name")
		}
		stop()
	}
}

// TestAbuseD15OverTheWire: half requests, floods of streams and requests that two servers could read
// in two ways are ended or refused by the program's own server, which answers others meanwhile.
func TestAbuseD15OverTheWire(t *testing.T) {
	var said printed
	address, _ := serves(t, &said, "serve", "--data", filepath.Join(t.TempDir(), "record"), "--listen", "127.0.0.1:0")
	address = strings.TrimPrefix(address, "http://")
	talk := func(text string) string {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(15 * time.Second))
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return err.Error()
		}
		_, _ = io.Copy(io.Discard, res.Body)
		again := ""
		if next, err := http.ReadResponse(r, nil); err == nil { // a second answer to what was one request
			again = " and " + next.Status
		}
		return res.Status + again
	}
	for name, text := range map[string]string{
		"two lengths":             "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"length and chunks":       "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"another coding":          "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"a hidden coding":         "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"a folded header":         "GET / HTTP/1.1\r\nHost: x\r\n y: z\r\n\r\n",
		"two hosts":               "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"no host":                 "GET / HTTP/1.1\r\n\r\n",
		"a length with a sign":    "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
		"a chunk beyond":          "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na",
		"HTTP/2 without TLS":      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a header without an end": "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 200<<10) + "\r\n\r\n",
	} {
		got := talk(text)
		if strings.Contains(got, " and ") || strings.HasPrefix(got, "2") {
			t.Errorf("%s: %s", name, got)
		}
	}
	// Many who send half a request do not keep others out, and are gone after the limit.
	var slow []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	began := time.Now()
	res, err := http.Get("http://" + address + "/fhir/metadata")
	if err != nil {
		t.Fatal(err)
	}
	var statement struct{ ResourceType string }
	err = json.NewDecoder(res.Body).Decode(&statement)
	res.Body.Close()
	if err != nil || statement.ResourceType != "CapabilityStatement" || time.Since(began) > 8*time.Second {
		t.Errorf("while others send slowly: %v in %v", err, time.Since(began))
	}
	_ = slow[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, slow[0]); err != nil || time.Since(began) > 18*time.Second {
		t.Errorf("half a header holds the connection: %v after %v", err, time.Since(began))
	}
}
