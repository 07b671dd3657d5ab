package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// BusyLeaf is entry i of an invented log: 300 people of staff and 5,000 patients with accounts, of
// 20,000 patients, an entry every six seconds. Some things are rare, and some have happened long ago only.
func BusyLeaf(i int) ledger.Leaf {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 6 * time.Second)
	h := uint64(i)*0x9E3779B97F4A7C15 ^ 0x5DEECE66D // scatters without a pattern that blocks would see
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 32
	staff := h % 300 * (h >> 9 % 3) / 2 // some work more than others
	l := ledger.Leaf{Time: at, At: at.UnixMilli(), Actor: fmt.Sprintf("0193a1b2-0000-7000-8000-%012d", staff), Name: "Dr Anna Lindqvist", Role: "physician", Purpose: "TREAT",
		Session: "0193a1b2-0000-7000-8000-000000000000", Action: ledger.Read, Type: "Patient", Door: "clinic", Network: "192.0.2.1",
		Patients: []string{fmt.Sprintf("0193a1b2-1111-7000-8000-%012d", h>>20%20_000)}, Count: 1}
	l.Versions = []ledger.Version{{Type: "Observation", ID: fmt.Sprintf("0193a1b2-2222-7000-8000-%012d", i), Version: 1}}
	switch k := h >> 40 % 100; {
	case k < 15:
		l.Door, l.Purpose, l.Role, l.Actor = "portal", "PATRQT", "patient", fmt.Sprintf("0193a1b2-3333-7000-8000-%012d", h>>20%5_000)
	case k < 30:
		l.Door, l.Action = "fhir", ledger.Search
	case k < 45:
		l.Action = ledger.Update
	case k < 50:
		l.Action, l.Patients, l.Versions, l.Purpose = ledger.SignIn, nil, nil, "HOPERAT"
	case k < 52:
		l.Action, l.Purpose = ledger.Print, "HPAYMT"
	}
	switch {
	case i < 40: // long ago only
		l.Door, l.Purpose, l.Actor, l.Patients = "console", "ETREAT", "rare", []string{"rare"}
	case i%1_000_003 == 17:
		l.Action, l.Purpose = ledger.Export, "BTG"
		l.Glass = "grant"
	case i%100_003 == 19:
		l.Action, l.Outcome = ledger.Refused, "forbidden"
	case i%500_009 == 23:
		l.Door = "console"
	}
	return l
}

// FillLog brings a log to n entries, many in one transaction. Their patients are not stored.
func FillLog(t testing.TB, ctx context.Context, s store.Store, n int, entry func(i int) ledger.Leaf) {
	t.Helper()
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	none := func(string, []byte) ([]search.Entry, error) { return nil, nil }
	for i := int(now); i < n; {
		var some []store.Commit
		for ; len(some) < 5000 && i < n; i++ {
			l := entry(i)
			some = append(some, store.Commit{T: store.T(i + 1), At: time.UnixMilli(l.At), Leaf: l.Encode()})
		}
		if err := s.Append(ctx, some, none); err != nil {
			t.Fatal(err)
		}
		if i%500_000 == 0 {
			t.Logf("%d entries", i)
		}
	}
}

// Summarize makes the blocks of a log that can be made.
func Summarize(t testing.TB, ctx context.Context, s store.Store) {
	t.Helper()
	for {
		done, err := s.(store.Summarizing).Summarize(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
	}
}

// auditLimit is how long an answer of the audit page may take, of 10,000,000 entries.
const auditLimit = 2 * time.Second

// AuditSpeed asks a log of BusyLeaf for what the audit page can ask: each filter, with what is common
// and what is rare, and several at once; the first page, the next one, and one in the middle.
func AuditSpeed(t testing.TB, ctx context.Context, s store.Store) {
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	looked := []ledger.Action{ledger.Read, ledger.VRead, ledger.History, ledger.Search}
	took := []ledger.Action{ledger.Print, ledger.Export}
	refused := []ledger.Action{ledger.Refused}
	staff, patient := BusyLeaf(int(now)-31).Actor, BusyLeaf(int(now) - 31).Patients[0]
	middle := BusyLeaf(int(now) / 2).Time
	for _, q := range []struct {
		name string
		f    store.LeafFilter
	}{
		{"nothing", store.LeafFilter{}},
		{"who", store.LeafFilter{Actor: staff}},
		{"who, rare", store.LeafFilter{Actor: "rare"}},
		{"who, nobody", store.LeafFilter{Actor: "nobody"}},
		{"patient", store.LeafFilter{Patient: patient}},
		{"patient, rare", store.LeafFilter{Patient: "rare"}},
		{"looked", store.LeafFilter{Actions: looked}},
		{"took", store.LeafFilter{Actions: took}},
		{"refused", store.LeafFilter{Actions: refused}},
		{"imported, never", store.LeafFilter{Actions: []ledger.Action{ledger.Import}}},
		{"purpose", store.LeafFilter{Purpose: "TREAT"}},
		{"purpose, rare", store.LeafFilter{Purpose: "BTG"}},
		{"purpose, long ago only", store.LeafFilter{Purpose: "ETREAT"}},
		{"door", store.LeafFilter{Door: "clinic"}},
		{"door, rare", store.LeafFilter{Door: "console"}},
		{"door, never", store.LeafFilter{Door: "mllp"}},
		{"done", store.LeafFilter{Outcome: store.Done}},
		{"not done", store.LeafFilter{Outcome: store.NotDone}},
		{"break-glass", store.LeafFilter{Mark: ledger.MarkGlass}},
		{"until the middle", store.LeafFilter{To: middle}},
		{"an hour", store.LeafFilter{From: middle, To: middle.Add(time.Hour)}},
		{"a year, refused", store.LeafFilter{From: middle.AddDate(-1, 0, 0), To: middle, Actions: refused}},
		{"who, looked", store.LeafFilter{Actor: staff, Actions: looked}},
		{"who, by another door", store.LeafFilter{Actor: staff, Door: "portal"}},
		{"who, refused", store.LeafFilter{Actor: staff, Outcome: store.NotDone}},
		{"who, break-glass", store.LeafFilter{Actor: staff, Mark: ledger.MarkGlass}},
		{"patient, who", store.LeafFilter{Patient: patient, Actor: staff}},
		{"patient, refused", store.LeafFilter{Patient: patient, Actions: refused}},
		{"patient, purpose", store.LeafFilter{Patient: patient, Purpose: "TREAT", Door: "fhir"}},
		{"door, purpose, done", store.LeafFilter{Door: "clinic", Purpose: "TREAT", Outcome: store.Done}},
		{"all at once, nothing fits", store.LeafFilter{Actor: staff, Actions: took, Door: "fhir", Purpose: "BTG", Outcome: store.NotDone, To: middle}},
	} {
		q.f.Limit, q.f.Scan = 51, 50_000
		line, before := fmt.Sprintf("%-26s", q.name), int64(0)
		for _, page := range []string{"first", "next", "middle"} {
			if page == "middle" {
				before = int64(now) / 2
			}
			q.f.Before, q.f.Reached = before, new(int64)
			began := time.Now()
			found, err := s.Leaves(ctx, q.f)
			took := time.Since(began)
			if err != nil {
				t.Fatal(err)
			}
			if took > auditLimit || *q.f.Reached > 0 {
				t.Errorf("%s, %s page: %v, looked as far as entry %d", q.name, page, took, *q.f.Reached)
			}
			line += fmt.Sprintf("%9s %2d in %9v", page, len(found), took.Round(100*time.Microsecond))
			before = 0
			if len(found) > 0 {
				before = found[len(found)-1].Index
			}
		}
		t.Log(line)
	}
}

// leavesAreFoundInBlocks asks many questions of a log, without blocks, with some and with all that
// there can be: the answers are those that reading everything gives, page by page.
func leavesAreFoundInBlocks(h *harness) {
	const n = 8_700
	entry := func(i int) ledger.Leaf {
		l := BusyLeaf(i)
		switch {
		case i%3 == 0 && len(l.Patients) > 0:
			l.Patients = append(l.Patients, "often")
		case i%1009 == 0:
			l.Action, l.Outcome, l.Glass = ledger.Export, "invalid", "grant"
		}
		return l
	}
	FillLog(h.T, h.ctx, h.Store, n, entry)
	everything := h.leaves(store.LeafFilter{})
	if len(everything) != n {
		h.Fatalf("%d entries of %d", len(everything), n)
	}
	maker, ok := h.Store.(store.Summarizing)
	if !ok {
		h.Fatal("the store summarizes nothing")
	}
	for step := range 3 { // blocks: none, one, two; the rest has none
		r := rand.New(rand.NewPCG(7, uint64(step)))
		for range 30 {
			f := anyFilter(r, everything)
			var want []int64
			for _, e := range everything {
				if fitsPlainly(e.Leaf, f) && (f.Before == 0 || e.Index < f.Before) {
					want = append(want, e.Index)
				}
			}
			var got []int64
			for page := f; len(got) < len(want) || len(want) == 0; page.Before = got[len(got)-1] {
				found := h.leaves(page)
				for _, e := range found {
					got = append(got, e.Index)
				}
				if len(found) < f.Limit || f.Limit == 0 || got[len(got)-1] == 0 {
					break
				}
				if len(got) >= 3*f.Limit { // the pages behind them are like them
					want = want[:min(len(want), len(got))]
				}
			}
			if !slices.Equal(got, want) {
				h.Fatalf("with %d blocks, %+v found %d entries, want %d", step, f, len(got), len(want))
			}
		}
		if done, err := maker.Summarize(h.ctx); err != nil || done != (step == 2) {
			h.Fatalf("block %d: done %v, %v", step, done, err)
		}
	}
	if _, err := h.Verify(h.ctx, func(p string) { h.Error(p) }); err != nil {
		h.Fatal(err)
	}
}

// anyFilter asks for what some entry says, or for what none does.
func anyFilter(r *rand.Rand, all []store.LeafEntry) store.LeafFilter {
	one := func() ledger.Leaf { return all[r.IntN(len(all))].Leaf }
	f := store.LeafFilter{Limit: []int{0, 51, 51, 51, 300}[r.IntN(5)]}
	for range 1 + r.IntN(3) {
		switch r.IntN(9) {
		case 0:
			f.Actor = []string{one().Actor, "rare", "nobody"}[r.IntN(3)]
		case 1:
			f.Patient = "often"
			if l := one(); r.IntN(2) == 0 && len(l.Patients) > 0 {
				f.Patient = l.Patients[0]
			}
		case 2:
			f.Actions = [][]ledger.Action{{one().Action}, {one().Action, ledger.Read}, {ledger.Shred}}[r.IntN(3)]
		case 3:
			f.Door = []string{one().Door, "console"}[r.IntN(2)]
		case 4:
			f.Purpose = []string{one().Purpose, "BTG"}[r.IntN(2)]
		case 5:
			f.Outcome = store.Outcome(r.IntN(3))
		case 6:
			f.Mark = []string{ledger.MarkGlass, ledger.MarkFailed, ledger.MarkAction(ledger.Print)}[r.IntN(3)]
		case 7:
			f.From = one().Time
			f.To = f.From.Add(time.Duration(r.IntN(20)) * time.Hour)
		case 8:
			f.Before = int64(1 + r.IntN(len(all)))
		}
	}
	return f
}

// fitsPlainly says what a filter means.
func fitsPlainly(l ledger.Leaf, f store.LeafFilter) bool {
	done := l.Outcome == "" && l.Action != ledger.Refused
	return (f.Patient == "" || slices.Contains(l.Patients, f.Patient)) && (f.Actor == "" || l.Actor == f.Actor) &&
		(len(f.Actions) == 0 || slices.Contains(f.Actions, l.Action)) && (f.Door == "" || l.Door == f.Door) && (f.Purpose == "" || l.Purpose == f.Purpose) &&
		(f.Outcome == store.AnyOutcome || done == (f.Outcome == store.Done)) && (f.Mark == "" || slices.Contains(l.Marks(), f.Mark)) &&
		(f.From.IsZero() || !l.Time.Before(f.From)) && (f.To.IsZero() || l.Time.Before(f.To))
}
