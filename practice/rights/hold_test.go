package rights

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// TestAHoldAlwaysWins lets a legal hold and a destruction run against each other in 1,000 random
// interleavings: a hold that was placed is never followed by a destruction, and of what was
// destroyed nobody is told that it is held.
func TestAHoldAlwaysWins(t *testing.T) { holds(t, 1000) }

func holds(t *testing.T, all int) {
	ticks := clock.NewManual(time.Date(2026, 3, 2, 10, 20, 0, 0, time.UTC))
	s := openStore(t, kind, ticks)
	gate := record.Open(s, ticks)
	accounts := identity.Open(s, ticks, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}})
	gate.Hold(accounts)
	ada := trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator}
	rex := trust.Principal{ID: "acc-rex", Name: "Rex", Role: trust.Records}
	rae := trust.Principal{ID: "acc-rae", Name: "Rae", Role: trust.Records}
	var change record.Change
	for i := range all {
		change.Put = append(change.Put, record.Put{Resource: parse(t, fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"family":"F%d"}]}`, i, i))})
	}
	if _, err := gate.As(trust.System("set-up"), "test").Commit(ctx, change); err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	held, destroyed := 0, 0
	one := func(i int) {
		dice := rand.New(rand.NewPCG(7, uint64(i)))
		patient := fmt.Sprintf("p%d", i)
		if _, err := gate.As(ada, "test").AskToShred(ctx, patient, "retention ended"); err != nil {
			t.Errorf("%s: %v", patient, err)
			return
		}
		lifted := dice.IntN(3) == 0 // an earlier hold, which ends at about the same time
		if lifted {
			if _, err := accounts.PlaceHold(ctx, rae, patient, "case 1"); err != nil {
				t.Errorf("%s: %v", patient, err)
				return
			}
		}
		var placed, shred error
		acts := []func(){
			func() { shred = gate.As(rex, "test").Shred(ctx, patient) },
			func() { _, placed = accounts.PlaceHold(ctx, rae, patient, "case 2") },
		}
		if lifted {
			acts[1] = func() {
				if err := accounts.LiftHold(ctx, rae, patient, "settled"); err != nil {
					t.Errorf("%s: lifting: %v", patient, err)
				}
				_, placed = accounts.PlaceHold(ctx, rae, patient, "case 2")
			}
		}
		var both sync.WaitGroup
		mu.Lock()
		ahead := held - destroyed // who wins too often on this machine begins later
		mu.Unlock()
		for i, act := range acts {
			pause := time.Duration(dice.IntN(3000)) * time.Microsecond
			if i == 1 && kind == "postgres" { // a destruction asks more before it begins
				pause *= 20
			}
			if (ahead > 0) == (i == 1) {
				pause += time.Duration(ahead*ahead) * 200 * time.Microsecond
			}
			both.Go(func() { time.Sleep(pause); act() })
		}
		both.Wait()
		v, read := s.Read(ctx, "Patient", patient, 0)
		there := read == nil && !v.Deleted
		is, _, err := accounts.Held(ctx, patient)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			t.Errorf("%s: %v", patient, err)
		case placed == nil && (shred == nil || !there || !is):
			t.Errorf("%s: held, and destroyed: shred %v, there %v, held %v", patient, shred, there, is)
		case shred == nil && (there || is):
			t.Errorf("%s: destroyed, and there %v, held %v", patient, there, is)
		case placed != nil && shred != nil:
			t.Errorf("%s: neither: %v; %v", patient, placed, shred)
		case placed != nil && !fault.Is(placed, fault.Conflict) && !fault.Is(placed, fault.NotFound), shred != nil && !fault.Is(shred, fault.Conflict):
			t.Errorf("%s: %v; %v", patient, placed, shred)
		case placed == nil:
			held++
		default:
			destroyed++
		}
	}
	begun := time.Now()
	var workers sync.WaitGroup
	next := make(chan int)
	for range 8 {
		workers.Go(func() {
			for i := range next {
				one(i)
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	workers.Wait()
	t.Logf("%d held, %d destroyed, in %s", held, destroyed, time.Since(begun).Round(time.Millisecond))
	if !t.Failed() && (held < all/20 || destroyed < all/20) {
		t.Errorf("the interleavings are one-sided: %d held, %d destroyed", held, destroyed)
	}
}

func parse(t *testing.T, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
