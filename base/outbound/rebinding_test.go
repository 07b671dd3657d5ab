package outbound

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// names is a DNS server in memory: it answers every question about IPv4 with the next of its
// addresses, the last one again and again.
type names struct {
	addresses []string
	asked     atomic.Int64
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go n.serve(there)
		return here, nil
	}}
}

// serve answers questions as they come over TCP: two bytes of length before each message.
func (n *names) serve(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		q := make([]byte, int(length[0])<<8|int(length[1]))
		if _, err := io.ReadFull(c, q); err != nil || len(q) < 12 {
			return
		}
		end := 12
		for end < len(q) && q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5
		if end > len(q) {
			return
		}
		a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		if q[end-3] == 1 { // type A
			i := min(int(n.asked.Add(1)), len(n.addresses)) - 1
			ip := netip.MustParseAddr(n.addresses[i]).As4()
			a[7] = 1
			a = append(append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
		}
		if _, err := c.Write(append([]byte{byte(len(a) >> 8), byte(len(a))}, a...)); err != nil {
			return
		}
	}
}

// TestAbuseD11Rebinding: a name says where it leads when it is used, and not before: one that was
// public when it was written, and leads to this machine, a private network or a cloud's metadata
// when something is sent, is not reached.
func TestAbuseD11Rebinding(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, second := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.7", "192.168.1.1", "0.0.0.0", "100.100.100.200"} {
		dns := &names{addresses: []string{second}}
		g := Guard{resolver: dns.resolver()}
		u, err := g.URL("https://rebound.example" + port + "/latest/meta-data")
		if err != nil {
			t.Fatal(err)
		}
		if dns.asked.Load() != 0 { // whoever may write an address must not learn which names there are inside
			t.Error("the name was asked for before there was anything to send")
		}
		_, err = g.Client(3 * time.Second).Get(u.String())
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("the answer %s: %v", second, err)
		}
		if dns.asked.Load() == 0 {
			t.Errorf("the name was not asked for")
		}
	}
	if hits.Load() != 0 {
		t.Errorf("this machine was reached %d times", hits.Load())
	}
}
