package witness_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	door "github.com/osler-emr/osler/door/witness"
	"github.com/osler-emr/osler/record/witness"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, c clock.Clock) *sqlite.Store {
	t.Helper()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func look(t *testing.T, s store.Store, n int, who string) {
	t.Helper()
	for range n {
		if _, err := s.Commit(context.Background(), store.Changeset{Leaf: &ledger.Leaf{Actor: who, Action: ledger.Read}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAbuseD26WitnessSeesARollback: a record brings its log to a witness; then somebody with all
// its keys puts an older folder back and goes on, and the witness does not sign. Neither does it
// after a restart of either side, and two witnesses hold the two histories.
func TestAbuseD26WitnessSeesARollback(t *testing.T) {
	c := clock.NewManual(noon)
	dir, old, kept := t.TempDir(), filepath.Join(t.TempDir(), "old"), t.TempDir()
	s := open(t, dir, c)
	look(t, s, 5, "anna")

	key, err := ledger.NewCosigner("witness.example/w1", bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ledger.OpenKey(s.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	seen := t.TempDir()
	start := func() *httptest.Server {
		w, err := door.New(seen, key, c, slog.New(slog.DiscardHandler), public)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(w)
		t.Cleanup(server.Close)
		return server
	}
	server := start()
	push := func(s store.Store, keep string, server *httptest.Server) witness.State {
		t.Helper()
		peer, err := witness.ParsePeer(key.Public() + "," + server.URL)
		if err != nil {
			t.Fatal(err)
		}
		p, err := witness.New(s, keep, c, slog.New(slog.DiscardHandler), server.Client(), peer)
		if err != nil {
			t.Fatal(err)
		}
		p.Push(t.Context())
		return p.States()[0]
	}
	if st := push(s, kept, server); st.Size != 5 || st.Alarm != "" || st.Trouble != "" || !st.At.Equal(noon) {
		t.Fatalf("the first push: %+v", st)
	}
	s.Close()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	look(t, s, 20, "anna")
	server = start() // the witness was restarted
	if st := push(s, kept, server); st.Size != 25 || st.Alarm != "" || st.Trouble != "" {
		t.Fatalf("after growth: %+v", st)
	}
	if st := push(s, t.TempDir(), server); st.Size != 25 || st.Trouble != "" {
		t.Errorf("a record that forgot what the witness has seen: %+v", st)
	}
	notes, err := witness.Kept(kept)
	if err != nil || len(notes) != 1 {
		t.Fatalf("%d notes kept, %v", len(notes), err)
	}
	w, err := ledger.OpenWitness(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if head, by, err := public.OpenWitnessed(notes[0], []ledger.Witness{w}); err != nil || head.Size != 25 || len(by) != 1 {
		t.Errorf("kept: %d, %v, %v", head.Size, by, err)
	}
	s.Close()

	// The folder as it was, with its keys: everything in it is right.
	s = open(t, old, c)
	look(t, s, 3, "mallory")
	for name, keep := range map[string]string{"with what was kept": kept, "with nothing kept": t.TempDir()} {
		if st := push(s, keep, server); !strings.Contains(st.Alarm, "25 entries") {
			t.Errorf("%s: %+v", name, st)
		}
	}
	if n, err := s.Verify(t.Context(), func(p string) { t.Errorf("the folder alone should look right: %s", p) }); err != nil || n != 8 {
		t.Errorf("%d entries, %v", n, err)
	}
	var problems []string
	if err := store.HoldTo(t.Context(), s, notes, func(p string) { problems = append(problems, p) }); err != nil || len(problems) != 1 {
		t.Errorf("held to the cosigned checkpoint: %q, %v", problems, err)
	}
	// It goes on until it is longer: the history is still another one.
	look(t, s, 30, "mallory")
	if st := push(s, kept, server); !strings.Contains(st.Alarm, "does not begin with") {
		t.Errorf("a longer forged log: %+v", st)
	}
	res, err := http.Get(server.URL + "/checkpoints")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	file, _ := io.ReadAll(res.Body)
	if list, rest := ledger.SplitNotes(file); len(list) != 1 || len(rest) != 0 {
		t.Errorf("the witness shows %q", file)
	}
}

func TestQuietWitness(t *testing.T) {
	c := clock.NewManual(noon)
	s := open(t, t.TempDir(), c)
	look(t, s, 1, "anna")
	key, err := ledger.NewCosigner("w", bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	peer, err := witness.ParsePeer(key.Public() + ",http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := witness.New(s, t.TempDir(), c, slog.New(slog.DiscardHandler), http.DefaultClient, peer)
	if err != nil {
		t.Fatal(err)
	}
	p.Push(t.Context())
	if st := p.States()[0]; st.Trouble == "" || st.Quiet {
		t.Errorf("unreachable: %+v", st)
	}
	c.Advance(2 * time.Hour)
	if st := p.States()[0]; !st.Quiet {
		t.Errorf("after two hours: %+v", st)
	}
}

func TestStrangeRequests(t *testing.T) {
	c := clock.NewManual(noon)
	s := open(t, t.TempDir(), c)
	look(t, s, 1, "anna")
	note, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ledger.NewCosigner("w", bytes.Repeat([]byte{5}, 32))
	w, err := door.New(t.TempDir(), key, c, slog.New(slog.DiscardHandler)) // knows no log
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/add-checkpoint", string(ledger.Submission{Note: note}.Encode()), http.StatusNotFound},
		{"POST", "/add-checkpoint", "old x\n\n", http.StatusBadRequest},
		{"POST", "/add-checkpoint", "", http.StatusBadRequest},
		{"POST", "/add-checkpoint", strings.Repeat("x", 1<<20), http.StatusBadRequest},
		{"GET", "/add-checkpoint", "", http.StatusMethodNotAllowed},
		{"GET", "/", "", http.StatusNotFound},
		{"GET", "/checkpoints", "", http.StatusOK},
	} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(q.method, q.path, strings.NewReader(q.body)))
		if rec.Code != q.want {
			t.Errorf("%s %s: %d, want %d", q.method, q.path, rec.Code, q.want)
		}
	}
}
