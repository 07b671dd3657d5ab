package proof

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// roomFor is how much more memory a message may take than there was before, however long it is: a
// document of the largest size that is read at once, a few times over.
const roomFor = 256 << 20

// TestAbuseC02GreatMessages: what is longer than a message of the PostgreSQL protocol may be (1 GiB) is refused or
// stored right, in whatever form it comes, and never travels to the database. With OSLER_DRILL=1 it is really sent; in
// every run 8 MiB against a limit of 8 MiB.
func TestAbuseC02GreatMessages(t *testing.T) {
	long := int64(8 << 20)
	if os.Getenv("OSLER_DRILL") != "" {
		long = 1<<30 + 4711
	}
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			g := openGreat(t, kind)
			before, files := g.now(), g.files()
			json := func(n int64) io.Reader {
				return io.MultiReader(strings.NewReader(`{"resourceType":"Observation","status":"final","code":{"text":"`), letters(n), strings.NewReader(`"}}`))
			}
			for _, c := range []struct {
				name, path, contentType, packed string
				most                            int64 // what the server takes
				body                            func() io.Reader
			}{
				{"a content one byte too long", "/fhir/Binary", "application/octet-stream", "", long, func() io.Reader { return letters(long + 1) }},
				{"a text in a resource", "/fhir/Observation", "application/fhir+json", "", record.MaxContent, func() io.Reader { return json(max(long, 60<<20)) }},
				{"a content in base64 in a resource", "/fhir/Binary", "application/fhir+json", "", record.MaxContent, func() io.Reader {
					return io.MultiReader(strings.NewReader(`{"resourceType":"Binary","contentType":"text/plain","data":"`), letters(max(long, 60<<20)/4*4), strings.NewReader(`"}`))
				}},
				{"a text that is packed", "/fhir/Observation", "application/fhir+json", "gzip", record.MaxContent, func() io.Reader { return squeezed(json(max(long, 60<<20))) }},
				{"a content that is packed", "/fhir/Binary", "application/octet-stream", "gzip", long, func() io.Reader { return squeezed(letters(long + 1)) }},
			} {
				status, answer := g.send(c.most, c.path, c.contentType, c.packed, c.body())
				if status != http.StatusRequestEntityTooLarge {
					t.Errorf("%s: %d %.200s", c.name, status, answer)
				}
				if now := g.now(); now-before > store.T(8) { // entries about refusals alone
					t.Errorf("%s: %d commits", c.name, now-before)
				}
				if left := g.files(); left != files {
					t.Errorf("%s has left %d files", c.name, left-files)
				}
			}
			g.sent.Store(0)
			status, answer := g.send(long, "/fhir/Binary", "application/octet-stream", "", letters(long))
			if status != http.StatusCreated {
				t.Fatalf("a content that just fits: %d %.200s", status, answer)
			}
			if n := g.sent.Load(); n > 1<<20 {
				t.Errorf("a content of %d bytes sends %d bytes to the database", long, n)
			}
			want, got := sha256.New(), sha256.New()
			io.Copy(want, letters(long))
			if n := g.read(answer, got); n != long || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Errorf("%d bytes come back of %d, or other ones", n, long)
			}
			if status, answer := g.send(0, "/fhir/Patient", "application/fhir+json", "", strings.NewReader(`{"resourceType":"Patient"}`)); status != http.StatusCreated {
				t.Errorf("afterwards nothing is stored: %d %.200s", status, answer)
			}
			if _, err := g.store.Verify(t.Context(), func(p string) { t.Error(p) }); err != nil {
				t.Error(err)
			}
			if peak := g.peak.Load(); peak > roomFor {
				t.Errorf("the messages took %d MB of memory", peak>>20)
			} else {
				t.Logf("messages of %d bytes took %d MB of memory at most", long, peak>>20)
			}
		})
	}
}

// great is a FHIR door on a store, which is watched: how much memory it takes and what it sends to its database.
type great struct {
	*testing.T
	store  store.Store
	folder string // of contents
	most   atomic.Int64
	url    string
	sent   atomic.Int64
	peak   atomic.Int64
}

func openGreat(t *testing.T, kind string) *great {
	t.Helper()
	g := &great{T: t, folder: filepath.Join(t.TempDir(), "contents")}
	dir, now := t.TempDir(), clock.NewManual(noon)
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "SQLite" {
		g.store, err = sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: now, Readers: 2})
	} else {
		g.store, err = postgres.Open(t.Context(), postgres.Options{URL: g.counted(pgtest.URL(t)), Dir: dir, Keyring: ring, Clock: now, Careless: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.store.Close() })
	place, err := bucket.Open(g.folder)
	if err != nil {
		t.Fatal(err)
	}
	gate := record.Open(record.WithContents(g.store, blob.New(place, ring.Key("content"))), now)
	if err := gate.Found(t.Context()); err != nil {
		t.Fatal(err)
	}
	door := func(most int64) http.Handler {
		return fhirapi.New(fhirapi.Options{Gate: gate, Clock: now, Log: slog.New(slog.DiscardHandler), Version: "test", MaxContent: most,
			Authenticate: func(context.Context, string) (trust.Principal, error) {
				return trust.Principal{ID: "amara", Name: "Amara", Role: trust.Physician, Purpose: trust.Treatment, Practitioner: "amara", Session: "test"}, nil
			}})
	}
	doors := map[int64]http.Handler{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := g.most.Load()
		if doors[most] == nil { // one request at a time
			doors[most] = door(most)
		}
		doors[most].ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	g.watch()
	return g
}

// counted puts a socket in front of that of a database, which counts what is sent there.
func (g *great) counted(address string) string {
	g.Helper()
	u, err := url.Parse(address)
	if err != nil {
		g.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	q := u.Query()
	to := filepath.Join(q.Get("host"), socket)
	dir, err := os.MkdirTemp("", "great")
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { defer in.Close(); io.Copy(in, out) }()
			go func() { defer out.Close(); io.Copy(io.MultiWriter(out, (*counter)(&g.sent)), in) }()
		}
	}()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return u.String()
}

type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}

// watch notes how much memory is in use beyond what is now.
func (g *great) watch() {
	runtime.GC()
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse)
	}
	base, end := inUse(), make(chan struct{})
	g.Cleanup(func() { close(end) })
	go func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
				g.peak.Store(max(g.peak.Load(), inUse()-base))
			}
		}
	}()
}

// send posts a body to a server that takes so much; where it made a resource the answer is its address.
func (g *great) send(most int64, path, contentType, packed string, body io.Reader) (int, string) {
	g.Helper()
	g.most.Store(most)
	r, err := http.NewRequestWithContext(g.Context(), http.MethodPost, g.url+path, body)
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Content-Type", contentType)
	if packed != "" {
		r.Header.Set("Content-Encoding", packed)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		g.Fatalf("%s: %v", path, err)
	}
	defer a.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if a.StatusCode == http.StatusCreated {
		address, err := url.Parse(a.Header.Get("Location"))
		if err != nil {
			g.Fatal(err)
		}
		return a.StatusCode, address.Path
	}
	return a.StatusCode, string(text)
}

// read reads the content of a Binary.
func (g *great) read(path string, into hash.Hash) int64 {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), http.MethodGet, g.url+path, nil)
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Accept", "application/octet-stream")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer a.Body.Close()
	n, err := io.Copy(into, a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		g.Errorf("%s: %d, %v", path, a.StatusCode, err)
	}
	return n
}

func (g *great) now() store.T {
	g.Helper()
	now, err := g.store.Now(g.Context())
	if err != nil {
		g.Fatal(err)
	}
	return now
}

// files counts what lies where contents are kept, also what is half there.
func (g *great) files() (n int) {
	filepath.WalkDir(g.folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// letters are n letters, no two pages of which are alike.
func letters(n int64) io.Reader { return io.LimitReader(&pages{}, n) }

type pages struct {
	page [4096]byte
	rest []byte // of the page
	no   int64
}

func (l *pages) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		n := copy(l.page[:], fmt.Sprintf("%019dABCDEFGHIJKLM", l.no))
		for n < len(l.page) {
			n += copy(l.page[n:], l.page[:n])
		}
		l.rest, l.no = l.page[:], l.no+1
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// squeezed is what gzip makes of a body.
func squeezed(body io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		z, _ := gzip.NewWriterLevel(in, gzip.BestSpeed)
		_, err := io.Copy(z, body)
		if err == nil {
			err = z.Close()
		}
		in.CloseWithError(err)
	}()
	return out
}
