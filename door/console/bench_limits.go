package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/store/sqlite"
)

// limits measures what the machine itself allows: the disk, memory, and HTTP on loopback
// with a handler that does nothing.
func (b *bench) limits(ctx context.Context) {
	if !b.command.wants("limit") {
		return
	}
	b.disk("limit: append 4 KiB and fsync", func(f *os.File, page []byte, i int64) error {
		if _, err := f.WriteAt(page, i*int64(len(page))); err != nil {
			return err
		}
		return f.Sync()
	})
	b.disk("limit: write 4 KiB in place and fsync", func(f *os.File, page []byte, _ int64) error {
		if _, err := f.WriteAt(page, 0); err != nil {
			return err
		}
		return f.Sync()
	})
	b.memory()
	b.loopback(ctx)
}

// disk repeats a durable write.
func (b *bench) disk(name string, write func(f *os.File, page []byte, i int64) error) {
	f, err := os.CreateTemp(b.dir, "limit-")
	if err != nil {
		b.report.add(figure{Name: name, Clients: 1, Errors: 1})
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	row := row{name: name, ask: func(_ context.Context, _, i int) error { return write(f, page, int64(i)) }}
	b.pid = os.Getpid()
	b.report.add(b.run(context.Background(), row, 1))
}

// memory copies what no cache holds.
func (b *bench) memory() {
	const size = 64 << 20
	from, to := make([]byte, size), make([]byte, size)
	for i := range from {
		from[i] = byte(i)
	}
	start, n := time.Now(), 0
	for time.Since(start) < b.command.For/5 || n == 0 {
		n += copy(to, from)
	}
	b.report.add(figure{Name: "limit: memory copied", Value: float64(n) / time.Since(start).Seconds() / 1e9, Unit: "GB/s"})
}

// loopback asks a handler that only answers 1.1 kB, and one that writes a page durably before it
// does, as the record does with the audit leaf of a read. Their processor time is that of client
// and server together.
func (b *bench) loopback(ctx context.Context) {
	body := strings.Repeat("osler ", 190)
	b.answering(ctx, "limit: HTTP, client included", []int{1, 8, 32}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
	const durable = "limit: HTTP and a leaf's write, client included"
	f, err := os.CreateTemp(b.dir, "limit-")
	if err != nil {
		b.report.add(figure{Name: durable, Clients: 1, Errors: 1})
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	if _, err := f.WriteAt(page, 0); err != nil { // in place from here on
		b.report.add(figure{Name: durable, Clients: 1, Errors: 1})
		return
	}
	var one sync.Mutex // as leaves, which stand behind one another
	b.answering(ctx, durable, []int{1, 8}, func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		err := sqlite.WriteDurably(f, page, 0)
		one.Unlock()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		io.WriteString(w, body)
	})
}

// answering measures a handler over HTTP.
func (b *bench) answering(ctx context.Context, name string, clients []int, answer http.HandlerFunc) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.report.add(figure{Name: name, Clients: 1, Errors: 1})
		return
	}
	server := &http.Server{Handler: answer}
	go server.Serve(listener)
	defer server.Close()
	was := *b
	b.base, b.pid = "http://"+listener.Addr().String(), os.Getpid()
	b.session = &http.Cookie{Name: "none", Value: "none"}
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	for _, n := range clients {
		b.report.add(b.run(ctx, row{name: name, ask: func(ctx context.Context, _, i int) error { return b.get(ctx, "/") }}, n))
	}
	b.base, b.pid, b.session, b.client = was.base, was.pid, was.session, was.client
}
