package console

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// listenFlags say where a server answers, and with which certificate. What other machines can reach
// speaks TLS: with the files that are given, with a certificate by ACME, or with one of its own.
type listenFlags struct {
	Listen    string   `default:"127.0.0.1:8080" help:"Address to listen on. What other machines can reach speaks TLS, with a certificate of its own unless another one is given."`
	Cert      string   `type:"path" placeholder:"FILE" help:"TLS certificate (PEM); with --cert-key. A new one in its place is taken without a restart."`
	Key       string   `name:"cert-key" type:"path" placeholder:"FILE" help:"Key of the TLS certificate (PEM)."`
	ACME      []string `name:"acme" placeholder:"NAME" help:"Get a certificate for this host name by ACME, and renew it: from Let's Encrypt, whose terms you accept with it, or --acme-directory. Port 443 of the name has to lead here. Repeat for several names." env:"OSLER_ACME"`
	ACMEMail  string   `name:"acme-mail" placeholder:"ADDRESS" help:"Where the certificate authority writes to." env:"OSLER_ACME_MAIL"`
	ACMEPlace string   `name:"acme-directory" placeholder:"URL" help:"Another authority's directory." env:"OSLER_ACME_DIRECTORY"`
	ACMERoots string   `name:"acme-roots" type:"path" placeholder:"FILE" help:"Certificate (PEM) by which the authority itself is known, for one in your own network."`
	Host      []string `placeholder:"NAME" help:"Further name or address in the server's own certificate. Repeat for several."`
	Own       bool     `name:"own-cert" help:"Speak TLS, with an own certificate, also when only this machine can reach the server."`
	Most      int64    `name:"max-content" default:"1024" placeholder:"MB" help:"Largest file (scan, photo, recording) that is taken in, in MB; at most 2047."`
	Plain     bool     `name:"plain-http" help:"Allow plain HTTP on an address that other machines reach: only behind a proxy that adds TLS."`
}

// secure reports whether the server speaks TLS.
func (l listenFlags) secure() bool {
	return l.Cert != "" || len(l.ACME) > 0 || l.Own || !l.Plain && !l.near()
}

// near reports whether only this machine can reach the server.
func (l listenFlags) near() bool {
	host, _, err := net.SplitHostPort(l.Listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// check refuses flags that contradict each other, before anything is made.
func (l listenFlags) check() error {
	if l.Most < 0 || l.Most > 2047 {
		return fault.New(fault.Invalid, "The largest file has 1 to 2047 MB, not %d: correct --max-content.", l.Most)
	}
	if (l.Cert == "") != (l.Key == "") {
		return fault.New(fault.Invalid, "TLS needs both --cert and --cert-key.")
	}
	if _, _, err := net.SplitHostPort(l.Listen); err != nil {
		return fault.New(fault.Invalid, "The address %q needs a host and a port, for example 127.0.0.1:8080.", l.Listen)
	}
	ways := 0
	for _, is := range []bool{l.Cert != "", len(l.ACME) > 0, l.Own, l.Plain} {
		if is {
			ways++
		}
	}
	if ways > 1 {
		return fault.New(fault.Invalid, "Give one of --cert, --acme, --own-cert and --plain-http, not several.")
	}
	if l.Cert != "" {
		if _, err := tls.LoadX509KeyPair(l.Cert, l.Key); err != nil {
			return fault.Wrap(err, fault.Invalid, "The TLS certificate cannot be used; check --cert and --cert-key.")
		}
	}
	if u, err := url.Parse(l.ACMEPlace); l.ACMEPlace != "" && (err != nil || u.Scheme != "https") {
		return fault.New(fault.Invalid, "--acme-directory has to be an https:// address.")
	}
	for _, name := range l.ACME {
		if net.ParseIP(name) != nil || !strings.Contains(name, ".") {
			return fault.New(fault.Invalid, "--acme takes names that others can look up, such as emr.example.org, and not %q.", name)
		}
	}
	return nil
}

// listening is an open listener.
type listening struct {
	net.Listener
	address string   // with the scheme
	others  []string // further addresses, for people at other machines
	note    string   // what to say about the certificate, "" for nothing
}

// bind takes the port, before anything else is made: clients wait until listen and a server follow. An
// IPv4 address is listened to as that alone.
func (l listenFlags) bind() (net.Listener, error) {
	network := "tcp"
	host, _, _ := net.SplitHostPort(l.Listen)
	if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
		network = "tcp4"
	}
	tcp, err := net.Listen(network, l.Listen)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The address %s cannot be used (%v); choose another with --listen.", l.Listen, reasonOf(err))
	}
	return tcp, nil
}

// reasonOf is the last link of an error of the network: that the address is in use, and not by which call.
func reasonOf(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// reached are the addresses by which people reach a listener, with the scheme: of one that listens to
// all of the machine's, first the machine itself, then its names and addresses as others have them.
func reached(scheme string, bound net.Addr, names []string) (address string, others []string) {
	at, ok := bound.(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return scheme + bound.String(), nil
	}
	port := fmt.Sprint(at.Port)
	for _, name := range names {
		others = append(others, scheme+net.JoinHostPort(name, port))
	}
	if name, err := os.Hostname(); err == nil && name != "" && name != "localhost" {
		others = append(others, scheme+net.JoinHostPort(name, port))
	}
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() || at.IP.To4() != nil && n.IP.To4() == nil {
			continue
		}
		others = append(others, scheme+net.JoinHostPort(n.IP.String(), port))
	}
	return scheme + net.JoinHostPort("localhost", port), others
}

// addressed refuses what calls the server by a name that is not its own. No password stands before the
// demonstration: a page of the internet whose name leads to this machine (DNS rebinding) could use it.
func (l listenFlags) addressed(next http.Handler) http.Handler {
	machine, _ := os.Hostname()
	own := append([]string{"localhost", machine, machine + ".local"}, l.Host...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.ToLower(strings.TrimSuffix((&url.URL{Host: r.Host}).Hostname(), "."))
		known := net.ParseIP(name) != nil || strings.HasSuffix(name, ".localhost") ||
			name != "" && slices.ContainsFunc(own, func(n string) bool { return strings.EqualFold(n, name) })
		if !known {
			http.Error(w, "The demonstration is not known by this name. Open it by an address that it printed when it started, or start it with --host NAME, or with --public-url behind a proxy.",
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// listen makes a bound port answer, with TLS where it is spoken. Keys of certificates lie sealed in a folder.
func (l listenFlags) listen(tcp net.Listener, folder string, key []byte, c clock.Clock, log *slog.Logger) (*listening, error) {
	var err error
	out := &listening{Listener: tcp}
	scheme := "http://"
	if l.secure() {
		scheme = "https://"
	}
	out.address, out.others = reached(scheme, tcp.Addr(), l.Host)
	if !l.secure() {
		return out, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, CipherSuites: suites}
	kept := sealedFiles{filepath.Join(folder, "tls"), key}
	switch {
	case l.Cert != "":
		files := &certFiles{cert: l.Cert, key: l.Key, log: log}
		if err = files.load(); err == nil {
			config.GetCertificate = files.get
		}
	case len(l.ACME) > 0:
		var m *autocert.Manager
		if m, err = l.manager(kept); err == nil {
			config.GetCertificate, config.NextProtos = m.GetCertificate, append(config.NextProtos, acme.ALPNProto)
			out.address, out.others = "https://"+l.ACME[0], nil
		}
	default:
		own := &ownCert{kept: kept, names: l.names(), clock: c}
		if out.note, err = own.load(); err == nil {
			config.GetCertificate = own.get
		}
	}
	if err != nil {
		return nil, err
	}
	out.Listener = tls.NewListener(tcp, config)
	return out, nil
}

// suites are those of TLS 1.2 that have forward secrecy and authenticate what they encrypt; TLS 1.3
// has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// manager gets certificates by ACME: the authority looks whether the name leads here, in the
// handshake of TLS itself (RFC 8737), so that no listener without TLS is needed.
func (l listenFlags) manager(cache autocert.Cache) (*autocert.Manager, error) {
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: cache, HostPolicy: autocert.HostWhitelist(l.ACME...), Email: l.ACMEMail,
		Client: &acme.Client{DirectoryURL: l.ACMEPlace, UserAgent: "osler"}}
	if l.ACMEPlace == "" {
		m.Client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if l.ACMERoots != "" {
		text, err := os.ReadFile(l.ACMERoots)
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(text) {
			return nil, fault.Wrap(err, fault.Invalid, "The file of --acme-roots holds no certificate.")
		}
		m.Client.HTTPClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	}
	return m, nil
}

// certFiles are a certificate and its key in files, which are read again when they change.
type certFiles struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	stamp  string
	looked time.Time
}

// lookEvery is how often files of a certificate are looked at.
const lookEvery = time.Second

// stamps tells when the files were changed.
func (f *certFiles) stamps() string {
	var out strings.Builder
	for _, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&out, "%d/%d ", info.ModTime().UnixNano(), info.Size())
		}
	}
	return out.String()
}

func (f *certFiles) load() error {
	stamp := f.stamps()
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err == nil {
		f.now, f.stamp = &c, stamp
	}
	return err
}

// get returns the certificate as it is now. One that cannot be read, or does not fit its key, as in
// the middle of an exchange, leaves the one before.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookEvery {
		return f.now, nil
	}
	f.looked = time.Now()
	if f.stamps() == f.stamp {
		return f.now, nil
	}
	if err := f.load(); err != nil {
		f.log.Warn("the new TLS certificate cannot be used; the one before stays", "error", err)
	} else {
		f.log.Info("a new TLS certificate is in use")
	}
	return f.now, nil
}

const (
	// ownFor is how long a certificate of our own is valid (browsers of Apple take no longer ones),
	// and ownRenew when before its end there is a new one, of the same key.
	ownFor   = 800 * 24 * time.Hour
	ownRenew = 60 * 24 * time.Hour
	ownFile  = "own"
)

// ownCert is a certificate that the server makes for itself.
type ownCert struct {
	kept  sealedFiles
	names []string
	clock clock.Clock

	mu  sync.Mutex
	now *tls.Certificate
}

// names are those by which the server can be reached.
func (l listenFlags) names() []string {
	out := append([]string{"localhost", "127.0.0.1", "::1"}, l.Host...)
	if name, err := os.Hostname(); err == nil && name != "" {
		out = append(out, name)
	}
	host, _, _ := net.SplitHostPort(l.Listen)
	ip := net.ParseIP(host)
	switch {
	case ip != nil && !ip.IsUnspecified():
		out = append(out, ip.String())
	case ip == nil && host != "":
		out = append(out, host)
	default:
		list, _ := net.InterfaceAddrs()
		for _, a := range list {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
				out = append(out, n.IP.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// load reads the certificate, or makes it, and returns what to say about it.
func (o *ownCert) load() (note string, err error) {
	text, err := o.kept.Get(context.Background(), ownFile)
	if err != nil && !errors.Is(err, autocert.ErrCacheMiss) {
		return "", err
	}
	if err == nil {
		c, err := tls.X509KeyPair(text, text)
		if err != nil {
			return "", fault.Wrap(err, fault.Invalid, "The server's own TLS certificate is damaged. Remove the folder tls beside the record: a new one is made.")
		}
		o.now = &c
	}
	if !o.fits() {
		if err := o.renew(); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(o.now.Certificate[0])
	return "The certificate is the server's own: a browser warns of it once. Compare the fingerprint before you go on:\n  SHA-256 " + fingerprint(sum[:]), nil
}

func fingerprint(sum []byte) string {
	digits := strings.ToUpper(hex.EncodeToString(sum))
	var parts []string
	for i := 0; i < len(digits); i += 2 {
		parts = append(parts, digits[i:i+2])
	}
	return strings.Join(parts, ":")
}

// fits reports whether the certificate is for all names, and long enough.
func (o *ownCert) fits() bool {
	if o.now == nil || o.now.Leaf == nil || o.clock.Now().Add(ownRenew).After(o.now.Leaf.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(o.names, func(n string) bool { return o.now.Leaf.VerifyHostname(n) != nil })
}

func (o *ownCert) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.clock.Now().Add(ownRenew).After(o.now.Leaf.NotAfter) {
		if err := o.renew(); err != nil {
			return nil, err
		}
	}
	return o.now, nil
}

// renew makes a certificate; the key stays, when there is one.
func (o *ownCert) renew() error {
	var key *ecdsa.PrivateKey
	if o.now != nil {
		key, _ = o.now.PrivateKey.(*ecdsa.PrivateKey)
	}
	var err error
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := o.clock.Now()
	c := x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: "Osler on " + o.names[len(o.names)-1]}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	for _, n := range o.names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := o.kept.Put(context.Background(), ownFile, text); err != nil {
		return err
	}
	made, err := tls.X509KeyPair(text, text)
	if err == nil {
		o.now = &made
	}
	return err
}

// sealedFiles keeps keys of certificates in a folder, sealed. It is an autocert.Cache.
type sealedFiles struct {
	folder string
	key    []byte
}

// path is where something is kept; names of hosts come in it.
func (s sealedFiles) path(name string) string {
	return filepath.Join(s.folder, hex.EncodeToString([]byte(name)))
}

// Get implements autocert.Cache.
func (s sealedFiles) Get(_ context.Context, name string) ([]byte, error) {
	text, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	if err == nil {
		text, err = seal.Open(s.key, text, []byte("tls/"+name))
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The key of a TLS certificate in %s cannot be read.", s.folder)
	}
	return text, nil
}

// Put implements autocert.Cache.
func (s sealedFiles) Put(_ context.Context, name string, text []byte) error {
	sealed, err := seal.Seal(s.key, text, []byte("tls/"+name))
	if err == nil {
		err = os.MkdirAll(s.folder, 0o700)
	}
	if err == nil {
		next := s.path(name) + ".new"
		if err = os.WriteFile(next, sealed, 0o600); err == nil {
			err = os.Rename(next, s.path(name))
		}
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The key of a TLS certificate cannot be written into %s.", s.folder)
	}
	return nil
}

// Delete implements autocert.Cache.
func (s sealedFiles) Delete(_ context.Context, name string) error {
	err := os.Remove(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
