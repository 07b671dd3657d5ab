package console

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store/postgres/pgtest"
)

// TestDrillPostgreSQL: the program serves from a database while clients write; in turn the
// program is killed, and the database, under the running program. What was acknowledged is
// there afterwards, every transaction is whole or absent, and the audit log verifies.
func TestDrillPostgreSQL(t *testing.T) {
	c := pgtest.Start(t)
	dir := filepath.Join(t.TempDir(), "keys")
	token := preparedAt(t, dataFlags{Data: dir, databaseFlag: databaseFlag{Database: c.URL()}})
	begin := func() *server {
		t.Helper()
		return launch(t, exec.Command(binary(t), "serve", "--data", dir, "--database", c.URL(), "--listen", "127.0.0.1:0"))
	}
	s := begin()
	made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("no patient: %d %v", status, err)
	}
	patient := made.Reference()
	seen := &acknowledged{values: map[string]string{}, marks: map[string]int{}}
	slowest, n := time.Duration(0), max(rounds()/3, 2)
	for round := range n {
		var group sync.WaitGroup
		before := len(seen.values)
		for w := range 4 {
			group.Go(func() { writer(s.base, token, patient, w, seen) })
		}
		seen.more(t, before)
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		if round%2 == 0 {
			s.kill()
			s = begin()
		} else {
			_ = c.Kill()
			if err := c.Run(); err != nil {
				t.Fatal(err)
			}
		}
		for { // service is back by itself
			_, status, err := send(s.base, token, "GET", "/fhir/"+patient, fhir.Obj())
			if err == nil && status == http.StatusOK {
				break
			}
			if time.Since(began) > 60*time.Second {
				t.Fatalf("round %d: no service: %d %v", round, status, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		slowest = max(slowest, time.Since(began))
		if round%2 == 1 { // writers whose requests outlived the database go on until the program ends
			s.kill()
			s = begin()
		}
		group.Wait()
		if lost := missing(t, s.base, token, patient, seen); len(lost) > 0 {
			t.Fatalf("round %d: lost or wrong: %v", round, lost)
		}
	}
	s.kill()
	if out, err := exec.Command(binary(t), "audit", "verify", "--data", dir, "--database", c.URL()).CombinedOutput(); err != nil {
		t.Fatalf("audit verify: %v: %s", err, out)
	}
	if len(seen.values) < n {
		t.Fatalf("only %d writes were acknowledged: the drill proves nothing", len(seen.values))
	}
	t.Logf("%d rounds, %d acknowledged writes, 0 lost; service was back after %v at most", n, len(seen.values), slowest.Round(time.Millisecond))
}
