// Package outbound opens connections to addresses that somebody else chose: the endpoint of
// a subscription, the files of an import.
//
// Whoever may write such an address must not reach through Osler what only Osler reaches:
// the machine itself, the clinic's network, a cloud's metadata service. A Guard therefore
// asks for https, looks at the address that is really dialled (after name resolution, on
// every connection, so that a name cannot be pointed elsewhere between check and use), and
// follows no redirects. An operator names exceptions: hosts and networks of the own house.
//
//	guard, err := outbound.New("lab.intern.example", "10.20.0.0/16")
//	client := guard.Client(10 * time.Second)
//	res, err := client.Get(url) // fault.Forbidden for what may not be reached
package outbound

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Guard decides which addresses may be reached. The zero Guard lets only public addresses
// pass, by https.
type Guard struct {
	hosts    map[string]bool
	networks []netip.Prefix
	// resolver replaces the resolver in tests.
	resolver *net.Resolver
}

// New returns a guard with exceptions: names of hosts ("lab.intern.example", "localhost"),
// addresses and networks ("10.20.0.0/16"). They may be reached although they are not public,
// and by plain http.
func New(allowed ...string) (Guard, error) {
	g := Guard{hosts: map[string]bool{}}
	for _, a := range allowed {
		a = strings.ToLower(strings.TrimSpace(a))
		if p, err := netip.ParsePrefix(a); err == nil {
			g.networks = append(g.networks, p.Masked())
			continue
		}
		if ip, err := netip.ParseAddr(strings.Trim(a, "[]")); err == nil {
			g.networks = append(g.networks, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
			continue
		}
		if a == "" || strings.ContainsAny(a, "/:@ *") {
			return g, fault.New(fault.Invalid, "%q is neither the name of a host nor an address nor a network such as 10.20.0.0/16.", a)
		}
		g.hosts[strings.TrimSuffix(a, ".")] = true
	}
	return g, nil
}

// With returns the guard with one more host that may be reached although it is not public.
func (g Guard) With(host string) Guard {
	hosts := maps.Clone(g.hosts)
	if hosts == nil {
		hosts = map[string]bool{}
	}
	hosts[strings.ToLower(strings.TrimSuffix(host, "."))] = true
	g.hosts = hosts
	return g
}

// special are the networks that are not the public internet, or that lead back into others:
// IANA's special-purpose registries, and the ways to write IPv4 inside IPv6.
var special = func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// Public reports whether an address belongs to the public internet.
func Public(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if !ip.IsValid() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// named reports whether an exception names the host or its address.
func (g Guard) named(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip, err := netip.ParseAddr(host)
	return g.hosts[host] || err == nil && g.listed(ip)
}

func (g Guard) listed(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	for _, p := range g.networks {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// URL checks what can be known about an address without asking the network: its form, its
// scheme, and a host that is written as a number.
func (g Guard) URL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || strings.ContainsAny(address, "\r\n\t ") {
		return nil, fault.New(fault.Invalid, "The address is not a URL such as https://receiver.example/hook.")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case u.User != nil:
		return nil, fault.New(fault.Invalid, "The address holds a user or a password; send them in a header.")
	case u.Fragment != "":
		return nil, fault.New(fault.Invalid, "The address has a fragment, which is never sent.")
	case u.Scheme == "http" && !g.named(u.Hostname()) && len(g.networks) == 0, u.Scheme != "https" && u.Scheme != "http":
		return nil, fault.New(fault.Invalid, "The address must begin with https://.")
	}
	if ip, err := netip.ParseAddr(strings.Trim(u.Hostname(), "[]")); err == nil && !Public(ip) && !g.listed(ip) {
		return nil, blocked()
	}
	return u, nil
}

func blocked() error {
	return fault.New(fault.Forbidden, "The address lies on this machine or in a network that is not public; an operator can allow its host or network.")
}

// judge decides about one address that a host resolved to.
func (g Guard) judge(scheme, host string, ip netip.Addr) error {
	if g.named(host) || g.listed(ip) {
		return nil
	}
	if !Public(ip) {
		return blocked()
	}
	if scheme != "https" {
		return fault.New(fault.Forbidden, "The address must begin with https://.")
	}
	return nil
}

// Client returns a client for one use after another. It follows no redirects: the answer is
// the redirect itself. It sends through no proxy, keeps no cookies, and gives up after the
// time, with everything read.
func (g Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     &transport{guard: g, https: g.inner("https"), http: g.inner("http")},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport checks the form of every address before it is used, and keeps connections by
// scheme, since what may be dialled depends on it.
type transport struct {
	guard       Guard
	https, http *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	u, err := t.guard.URL(r.URL.String())
	if err != nil {
		return nil, err
	}
	if u.Scheme == "http" {
		return t.http.RoundTrip(r)
	}
	return t.https.RoundTrip(r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections work.
func (t *transport) CloseIdleConnections() {
	t.https.CloseIdleConnections()
	t.http.CloseIdleConnections()
}

func (g Guard) inner(scheme string) *http.Transport {
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			d := net.Dialer{Timeout: 10 * time.Second, Resolver: g.resolver,
				// The last moment: the address is a number now, and it is the one that is dialled.
				Control: func(_, real string, _ syscall.RawConn) error {
					at, err := netip.ParseAddrPort(real)
					if err != nil {
						return errors.Join(blocked(), err)
					}
					return g.judge(scheme, host, at.Addr())
				}}
			return d.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}
}
