//go:build unix

package fhirapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// BenchmarkHandler measures what the server does for a request apart from HTTP: the handler
// with authentication, policy, store and a durable audit leaf.
//
//	go test ./door/fhirapi -run '^$' -bench Handler -benchmem
func BenchmarkHandler(b *testing.B) {
	dir := b.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		b.Fatal(err)
	}
	s, err := sqlite.Open(b.Context(), dir, sqlite.Options{Keyring: ring})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	gate, accounts := record.Open(s, clock.System{}), identity.Open(s, clock.System{}, identity.Options{PasswordAlone: true})
	doctor, err := accounts.Create(b.Context(), trust.System("bench"), identity.Draft{User: "doctor", Name: "Bench Doctor", Role: trust.Physician, Password: "lanterns over quarry 41 sparrows"})
	if err != nil {
		b.Fatal(err)
	}
	token, err := accounts.IssueToken(b.Context(), trust.System("bench"), doctor.ID, []string{"user/*.cruds"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	patients := populate(b, gate, 40)
	api := New(Options{Gate: gate, Authenticate: accounts.Token, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Version: "bench"})
	defer api.Close()

	for _, row := range []struct{ name, path string }{
		{"read", "/fhir/Patient/%s"},
		{"name", "/fhir/Patient?family=%.1s&_count=10"},
		{"trend", "/fhir/Observation?patient=%s&code=http://loinc.org|85354-9&_sort=-date&_count=20"},
		{"conditions", "/fhir/Condition?patient=%s&_count=50"},
		{"everything", "/fhir/Patient/%s/$everything"},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			before := processor(b)
			defer func() {
				b.ReportMetric(float64((processor(b)-before).Nanoseconds())/1000/float64(b.N), "CPU-µs/op")
			}()
			for i := 0; b.Loop(); i++ {
				who := patients[(i*7919)%len(patients)]
				if row.name == "name" {
					who = string(rune('a' + i%20))
				}
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf(row.path, who), nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Body.Len() == 0 {
					b.Fatalf("%s: %d %s", r.URL, w.Code, w.Body)
				}
			}
		})
	}
}

// processor returns the processor time of this process, which other work on a machine
// disturbs less than the time on the wall.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// populate stores the clinic and its first patients, and returns their ids.
func populate(b *testing.B, gate *record.Gate, n int) (patients []string) {
	b.Helper()
	actor := gate.As(trust.System("bench"), "test")
	for resources := range synthetic.Population(7, n, time.Now()) {
		change := record.Change{}
		for _, r := range resources {
			if r.ResourceType() == "Patient" {
				patients = append(patients, r.ID())
			}
			change.Put = append(change.Put, record.Put{Resource: r, Create: true})
		}
		if _, err := actor.Commit(context.Background(), change); err != nil {
			b.Fatal(err)
		}
	}
	return patients
}
