package outbound

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.32.0.1": true, "100.128.0.1": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "192.0.0.192": false, "198.18.0.1": false,
		"224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false, "192.0.2.1": false, "198.51.100.7": false, "203.0.113.9": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "fc00::1": false, "fd00:ec2::254": false,
		"fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "2001:db8::1": false, "100::1": false, "::ffff:0:127.0.0.1": false,
	} {
		if got := Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("Public(%s) = %v", address, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestURL(t *testing.T) {
	g, err := New("lab.intern", "10.20.0.0/16", "192.168.7.7")
	if err != nil {
		t.Fatal(err)
	}
	for address, ok := range map[string]bool{
		"https://receiver.example/hook?x=1": true, "HTTPS://receiver.example": true, "https://lab.intern/": true, "http://lab.intern/": true, "http://LAB.intern./": true,
		"https://10.20.3.4/": true, "http://10.20.3.4:8080/x": true, "https://192.168.7.7/": true, "https://[2606:4700::1111]/": true,
		"https://10.21.0.1/": false, "https://127.0.0.1/": false, "https://[::1]/": false, "https://[::ffff:127.0.0.1]/": false, "https://169.254.169.254/latest/meta-data": false,
		"https://192.168.7.8/": false, "ftp://receiver.example/": false, "file:///etc/passwd": false, "gopher://x/": false, "//receiver.example": false, "receiver.example": false,
		"https://user:pass@receiver.example/": false, "https://user@receiver.example/": false, "https://": false, "https:///x": false, "https:receiver.example": false, "": false,
		"https://receiver.example/\r\nX-A: b": false, "https://receiver.example/ x": false, "https://receiver.example/#x": false, "https://[fe80::1%25eth0]/": false,
	} {
		if _, err := g.URL(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	var closed Guard
	for _, address := range []string{"http://receiver.example/", "http://lab.intern/", "http://8.8.8.8/"} {
		if _, err := closed.URL(address); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q by plain http: %v", address, err)
		}
	}
	for _, bad := range []string{"", "https://x", "a b", "10.0.0.0/99", "*.example", "x:80"} {
		if _, err := New(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("exception %q: %v", bad, err)
		}
	}
}

// TestAbuseD11Dial goes to a real server that must not be reached: by number, by name, and through
// a redirect from one that may be.
func TestAbuseD11Dial(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	ask := func(g Guard, address string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", address, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := g.Client(5 * time.Second).Do(r)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		return res.StatusCode, nil
	}
	var closed Guard
	elsewhere, err := New("10.99.0.0/16") // lets the form http pass, not the address
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []Guard{closed, elsewhere} {
		for _, address := range []string{"https://127.0.0.1" + port, "https://localhost" + port, "http://localhost" + port, "http://127.0.0.1" + port, "https://[::ffff:127.0.0.1]" + port, "http://0.0.0.0" + port, "https://2130706433" + port, "https://0x7f.1" + port} {
			if status, err := ask(g, address); err == nil {
				t.Errorf("%s answers %d", address, status)
			}
		}
	}
	if hits.Load() != 0 {
		t.Fatalf("a guarded server was reached %d times", hits.Load())
	}
	if _, err := ask(elsewhere, "https://localhost"+port); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a name of this machine: %v", err)
	}
	open, err := New("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := ask(open, server.URL+"?to="+server.URL+"/second"); err != nil || status != http.StatusTemporaryRedirect || hits.Load() != 1 {
		t.Errorf("a redirect: %d %v, %d requests", status, err, hits.Load())
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://a.example/", "http://[::1]:80/", "https://a@b", "https://1.2.3.4"} {
		f.Add(s)
	}
	g, _ := New("lab.intern")
	f.Fuzz(func(t *testing.T, address string) {
		u, err := g.URL(address)
		if err != nil {
			return
		}
		if u.Scheme != "https" && !g.named(u.Hostname()) || u.User != nil || u.Host == "" {
			t.Errorf("%q passed as %v", address, u)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !Public(ip) {
			t.Errorf("%q is %v, which is not public", address, ip)
		}
	})
}
