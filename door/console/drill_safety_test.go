package console

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust"
)

// log is what a program says, while it does.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// eventually waits until something is so.
func eventually(t *testing.T, within time.Duration, what func() string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what())
		}
	}
}

// known is what a record knows of its backups.
func known(t *testing.T, d dataFlags) record.Safety {
	t.Helper()
	h, err := (&Program{Clock: clock.System{}, Out: io.Discard, Err: io.Discard}).open(t.Context(), d, false)
	if err != nil {
		t.Fatal(err)
	}
	defer h.store.Close()
	s, err := h.gate.As(trust.Principal{ID: "a", Name: "Admin", Role: trust.Administrator}, "test").Safety(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// slowPlace is an object store in which nothing arrives before refuse is closed, and then is refused.
func slowPlace(t *testing.T) (place string, begun chan struct{}, refuse chan struct{}) {
	begun, refuse = make(chan struct{}, 100), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.WriteString(w, "<ListBucketResult></ListBucketResult>")
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // that it has ended is noticed behind it
		begun <- struct{}{}
		select {
		case <-refuse:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	return "s3://slow/osler?endpoint=" + s.URL, begun, refuse
}

// TestDrillABackupThatIsCutOff: the server is killed in a backup of a record in PostgreSQL, and then the database is.
// It is told what became of the backup as soon as somebody is there again.
func TestDrillABackupThatIsCutOff(t *testing.T) {
	c := pgtest.Start(t)
	d := dataFlags{Data: filepath.Join(t.TempDir(), "keys"), databaseFlag: databaseFlag{Database: c.URL()}}
	preparedAt(t, d)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	said := func() string { return "the state is not as it should be" }
	begin := func(place string) *server {
		t.Helper()
		return launch(t, exec.Command(binary(t), "serve", "--data", d.Data, "--database", c.URL(), "--listen", "127.0.0.1:0", "--backup-to", place, "--backup-every", "1m", "--backup-recipient", id.Recipient().String()))
	}
	place, begun, _ := slowPlace(t)
	s := begin(place)
	<-begun
	if k := known(t, d); k.Backup.Began.IsZero() || !k.Backup.Ended.IsZero() {
		t.Fatalf("the drill proves nothing: %+v", k)
	}
	s.kill()
	s = begin(place)
	eventually(t, 20*time.Second, said, func() bool { k := known(t, d); return k.Backup.Interrupted && !k.Backup.Ended.IsZero() })
	s.kill()

	place, begun, refuse := slowPlace(t)
	s = begin(place)
	defer s.kill()
	<-begun
	_ = c.Kill()
	close(refuse)
	eventually(t, 20*time.Second, s.said.String, func() bool { return strings.Contains(s.said.String(), "a backup failed") })
	time.Sleep(time.Second) // it cannot be written now
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, s.said.String, func() bool { return strings.Contains(known(t, d).Backup.Failed, "The object store answered 403") })
}

// TestDrillWithoutRoomForADrill: a restore drill does not take the room in which people write. What it could not do
// says nothing of the backup.
func TestDrillWithoutRoomForADrill(t *testing.T) {
	folder, _ := smallDisk(t, 64)
	dir := filepath.Join(folder, "record")
	preparedIn(t, dir)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s := launch(t, exec.Command(binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0", "--backup-to", t.TempDir(), "--backup-recipient", id.Recipient().String()))
	eventually(t, 20*time.Second, s.said.String, func() bool { return strings.Contains(s.said.String(), "a restore drill failed") })
	if err := s.end(); err != nil { // it has written what became of it
		t.Fatal(err, s.said.String())
	}
	if k := known(t, dataFlags{Data: dir}); !k.Drill.Unmade || !strings.Contains(k.Drill.Failed, "A restore drill needs 65 MB") || k.Full || k.Kept.T == 0 || k.Backup.Failed != "" {
		t.Errorf("without room: %+v", k)
	}
}

// TestDrillAPlaceThatTakesNothing: the disk of the backups is full. It is told so.
func TestDrillAPlaceThatTakesNothing(t *testing.T) {
	folder, _ := smallDisk(t, 8)
	fillDisk(t, filepath.Join(folder, "filler"))
	dir, _ := prepared(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s := launch(t, exec.Command(binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0", "--backup-to", folder, "--backup-recipient", id.Recipient().String()))
	eventually(t, 20*time.Second, s.said.String, func() bool { return strings.Contains(s.said.String(), "a backup failed") })
	if err := s.end(); err != nil { // it has written what became of it
		t.Fatal(err, s.said.String())
	}
	if k := known(t, dataFlags{Data: dir}); !strings.Contains(k.Backup.Failed, "There is no room left in the folder "+folder) {
		t.Errorf("a full place: %+v", k.Backup)
	}
}
