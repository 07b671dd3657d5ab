package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestVerificationSpeed measures the verification and the rarest questions to a log of
// OSLER_LEAVES entries.
func TestVerificationSpeed(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("OSLER_LEAVES"))
	if err != nil || n < 1 {
		t.Skip("set OSLER_LEAVES, for example to 1000000")
	}
	s := open(t, t.TempDir())
	var group sync.WaitGroup
	began := time.Now()
	for w := range 64 {
		group.Go(func() {
			for i := w; i < n; i += 64 {
				l := &ledger.Leaf{Actor: fmt.Sprint("account-", i%97), Name: "Dr Anna Lindqvist", Role: "physician", Purpose: "TREAT", Session: "0193a1b2-0000-7000-8000-000000000000", Action: ledger.Read, Type: "Patient",
					Patients: []string{fmt.Sprint("patient-", i%5003)}, Versions: []ledger.Version{{Type: "Observation", ID: fmt.Sprint("o", i), Version: 1}}, Count: 1, Door: "clinic", Network: "192.0.2.1"}
				if i%1000 == 0 {
					l.Glass = "grant"
				}
				if _, err := s.Commit(context.Background(), store.Changeset{Leaf: l}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d entries written in %v", n, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	if got, err := s.Verify(t.Context(), func(p string) { t.Error(p) }); err != nil || got != int64(n) {
		t.Fatalf("%d verified, %v", got, err)
	}
	t.Logf("verified in %v", time.Since(began).Round(time.Millisecond))
	reached := int64(0)
	for name, f := range map[string]store.LeafFilter{
		"newest":           {},
		"a patient":        {Patient: "patient-17"},
		"a person":         {Actor: "account-17"},
		"break-glass":      {Mark: ledger.MarkGlass},
		"the first minute": {To: start.Add(time.Minute)},
		"nothing fits":     {Where: func(ledger.Leaf) bool { return false }, Scan: 100_000, Reached: &reached},
		"patient, nothing": {Patient: "patient-18", Where: func(ledger.Leaf) bool { return false }},
	} {
		f.Limit = 51
		began := time.Now()
		found, err := s.Leaves(t.Context(), f)
		t.Logf("%s: %d in %v, %v", name, len(found), time.Since(began).Round(100*time.Microsecond), err)
	}
	began = time.Now()
	for i := range 100 {
		if _, err := s.ProveLeaf(t.Context(), int64(i*n/100), store.T(n)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("a proof in %v", time.Since(began)/100)
}
