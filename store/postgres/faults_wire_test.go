package postgres_test

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is a network between a store and its database that can be cut, reset, slowed down and
// swallowed. The store's side is TCP, so that a reset is one.
type wire struct {
	to   string
	mode atomic.Int32
	lag  atomic.Int64 // each piece of data comes so many nanoseconds later
	sent atomic.Int64 // bytes from the store to the database, of all connections
	back atomic.Int64

	mu    sync.Mutex
	lines map[*line]bool
	trap  *trap
}

const (
	whole   = iota
	refused // connections are closed at once
	swallow // they are made, but nothing comes through
)

// trap waits for a point of what is sent next, and does something to that connection there.
type trap struct {
	back bool  // the point is one of what comes back
	left int64 // bytes until it
	do   func(l *line)
}

// line is one connection.
type line struct {
	store  *net.TCPConn
	server net.Conn
	deaf   atomic.Bool  // nothing comes through any more
	late   atomic.Int64 // nanoseconds after which the server gets the rest, of a store that is gone
}

// reset ends a connection; the store is told so with an error and not with an end.
func (l *line) reset() {
	_ = l.store.SetLinger(0)
	l.store.Close()
	l.server.Close()
}

// drop lets a connection look alive while nothing comes through any more, as a firewall does
// that has forgotten it.
func (l *line) drop() { l.deaf.Store(true) }

// delay ends a connection, and has the server get the rest of what was sent later, as a network
// does that is slower than the news of its end.
func delay(d time.Duration) func(l *line) {
	return func(l *line) {
		l.late.Store(int64(d))
		l.store.Close()
	}
}

// wired starts a wire to a database and returns the URL that leads through it.
func wired(t testing.TB, base string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("host") == "" {
		t.Skip("skipped: the server is not on a socket of this machine")
	}
	w := &wire{to: filepath.Join(q.Get("host"), ".s.PGSQL.5432"), lines: map[*line]bool{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); w.each((*line).reset) })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(c.(*net.TCPConn))
		}
	}()
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	q.Set("host", host)
	q.Set("port", port)
	u.RawQuery = q.Encode()
	return w, u.String()
}

func (w *wire) serve(c *net.TCPConn) {
	defer c.Close()
	switch w.mode.Load() {
	case refused:
		return
	case swallow:
		_, _ = io.Copy(io.Discard, c)
		return
	}
	server, err := net.Dial("unix", w.to)
	if err != nil {
		return
	}
	defer server.Close()
	l := &line{store: c, server: server}
	w.mu.Lock()
	w.lines[l] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.lines, l)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.carry(l, l.server, l.store, true)
		l.store.Close()
	}()
	w.carry(l, l.store, l.server, false)
	l.server.Close()
	<-done
}

// carry moves what comes in on one side to the other.
func (w *wire) carry(l *line, from io.Reader, to io.Writer, back bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if lag := w.lag.Load(); lag > 0 {
			time.Sleep(time.Duration(lag))
		}
		if back {
			w.back.Add(int64(n))
		} else {
			w.sent.Add(int64(n))
		}
		rest := buf[:n]
		if hit, at := w.sprung(back, n); hit != nil {
			if !l.deaf.Load() {
				_, _ = to.Write(rest[:at])
			}
			rest = rest[at:]
			hit.do(l)
			time.Sleep(time.Duration(l.late.Load()))
		}
		if l.deaf.Load() || w.mode.Load() == swallow {
			continue
		}
		if _, err := to.Write(rest); err != nil {
			return
		}
	}
}

// sprung returns the trap when its point lies in the next n bytes, and where.
func (w *wire) sprung(back bool, n int) (*trap, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.trap
	if t == nil || t.back != back {
		return nil, 0
	}
	if t.left > int64(n) {
		t.left -= int64(n)
		return nil, 0
	}
	w.trap = nil
	return t, t.left
}

func (w *wire) set(t *trap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trap = t
}

// sprang reports whether the trap was sprung, and takes it away.
func (w *wire) sprang() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.trap == nil
	w.trap = nil
	return is
}

// each does something to every connection.
func (w *wire) each(do func(*line)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.lines {
		do(l)
	}
}
