package safety_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/safety"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

type practice struct {
	*testing.T
	store   *sqlite.Store
	gate    *record.Gate
	clock   *clock.Manual
	log     bytes.Buffer
	place   string
	options safety.Options
	owner   *age.X25519Identity
	sides   int   // that are open
	room    int64 // for drills
}

func newPractice(t *testing.T) *practice {
	t.Helper()
	p := &practice{T: t, clock: clock.NewManual(start), place: t.TempDir(), room: -1}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	if p.store, err = sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: p.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.store.Close() })
	p.gate = record.Open(p.store, p.clock)
	if p.owner, err = age.GenerateX25519Identity(); err != nil {
		t.Fatal(err)
	}
	place, err := bucket.Open(p.place)
	if err != nil {
		t.Fatal(err)
	}
	p.options = safety.Options{Store: p.store, Gate: p.gate, Keys: ring, Clock: p.clock, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
		Place: place, Name: "the shelf", Recipients: []string{p.owner.Recipient().String()}, Every: time.Hour, Drills: true, Side: p.side, Room: func() int64 { return p.room }, Extract: extract}
	return p
}

func extract(_ string, body []byte) ([]search.Entry, error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	return search.Extract(r)
}

func (p *practice) side(ctx context.Context, origin string, keys seal.Keyring) (store.Store, func() error, error) {
	s, err := sqlite.Open(ctx, p.TempDir(), sqlite.Options{Keyring: keys, Clock: p.clock, Origin: origin})
	p.sides++
	return s, func() error { p.sides--; return nil }, err
}

func (p *practice) keeper() *safety.Keeper {
	p.Helper()
	k, err := safety.Open(p.Context(), p.options)
	if err != nil {
		p.Fatal(err)
	}
	return k
}

func (p *practice) commit(id string) {
	p.Helper()
	c := record.Change{Put: []record.Put{{Resource: fhir.Obj("resourceType", "Patient", "id", id)}}}
	if _, err := p.gate.As(trust.System("test"), "console").Commit(p.Context(), c); err != nil {
		p.Fatal(err)
	}
}

// due does what is due and returns what is known then.
func (p *practice) due(k *safety.Keeper) record.Safety {
	p.Helper()
	if err := k.Due(p.Context()); err != nil {
		p.Fatal(err)
	}
	return p.known()
}

func (p *practice) known() record.Safety {
	p.Helper()
	s, err := p.gate.As(trust.Principal{ID: "a", Name: "Admin", Role: trust.Administrator}, "clinic").Safety(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	return s
}

func TestBackupsAndDrillsWhenTheyAreDue(t *testing.T) {
	p := newPractice(t)
	if w := p.known().Worry(start); w != record.NoBackups {
		t.Errorf("before anything: %v", w)
	}
	p.commit("one")
	k := p.keeper()
	s := p.due(k)
	if s.Kept.T == 0 || s.Kept.Failed != "" || s.Proof.T != s.Kept.T || s.Proof.Head != s.Kept.Head || s.Place != "the shelf" || s.Worry(p.clock.Now()) != record.NoWorry {
		t.Fatalf("at first: %+v", s)
	}
	if p.sides != 0 {
		t.Errorf("%d stores of drills are left", p.sides)
	}
	p.clock.Advance(59 * time.Minute)
	if again := p.due(k); !reflect.DeepEqual(again, s) {
		t.Errorf("too early: %+v", again)
	}
	p.clock.Advance(2 * time.Minute)
	p.commit("two")
	next := p.due(k)
	if next.Kept.T <= s.Kept.T || next.Proof != s.Proof || next.Kept.Object[:22] != s.Kept.Object[:22] {
		t.Errorf("after an hour: %+v", next)
	}
	for range 20 {
		p.clock.Advance(61 * time.Minute)
		next = p.due(k)
		if w := next.Worry(p.clock.Now()); w != record.NoWorry {
			t.Errorf("at %v there is the worry %v: %+v", p.clock.Now(), w, next)
		}
	}
	if next.Proof.Made.Sub(s.Proof.Made) < 19*time.Hour {
		t.Errorf("no drill in a day: %+v", next.Proof)
	}
	// A server that comes back after days worries until it has caught up, and begins a new set
	// after a week.
	p.clock.Advance(8 * 24 * time.Hour)
	if w := p.known().Worry(p.clock.Now()); w == record.NoWorry {
		t.Error("days without a backup are no worry")
	}
	if again := p.due(p.keeper()); again.Worry(p.clock.Now()) != record.NoWorry || again.Kept.Object[:22] == next.Kept.Object[:22] {
		t.Errorf("days later: %+v", again)
	}
	leaves, err := p.store.Leaves(t.Context(), store.LeafFilter{})
	if err != nil {
		t.Fatal(err)
	}
	began := 0
	for _, l := range leaves {
		if strings.HasPrefix(l.Leaf.Query, "begin a backup to the shelf") && l.Leaf.Action == ledger.Keep {
			began++
		}
	}
	if began != 23 {
		t.Errorf("the audit log tells of %d backups, want 23", began)
	}
	// The owner's identity opens what the server has made.
	keys, err := archive.Identities(strings.NewReader(p.owner.String()))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := archive.Restore{From: p.options.Place, Keys: keys, Extract: extract, Open: func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error) {
		s, _, err := p.side(ctx, origin, keys)
		t.Cleanup(func() { s.Close() })
		return s, err
	}}.Run(t.Context())
	if err != nil || proof.T != p.known().Kept.T {
		t.Errorf("%+v %v", proof, err)
	}
}

func TestAbuseD28ADrillFindsADamageAndTheNextBackupBeginsAnew(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	k := p.keeper()
	good := p.due(k)
	segment := filepath.Join(p.place, good.Kept.Object)
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-20] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(21 * time.Hour)
	s := p.due(k)
	if s.Drill.Failed == "" || !strings.Contains(s.Drill.Failed, good.Kept.Object) || s.Proof != good.Proof || s.Worry(p.clock.Now()) != record.DrillFailed {
		t.Errorf("a damaged segment: %+v", s)
	}
	if p.sides != 0 {
		t.Errorf("%d stores of drills are left", p.sides)
	}
	p.clock.Advance(time.Minute)
	if again := p.due(k); !reflect.DeepEqual(again, s) {
		t.Errorf("a failure is tried again at once: %+v", again)
	}
	p.clock.Advance(time.Hour)
	s = p.due(k)
	if s.Drill.Failed != "" || s.Worry(p.clock.Now()) != record.NoWorry || s.Kept.Object[:22] == good.Kept.Object[:22] {
		t.Errorf("the next backup does not begin anew: %+v", s)
	}
	// The same when the segment is gone.
	good = s
	if err := os.Remove(filepath.Join(p.place, s.Kept.Object)); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(21 * time.Hour)
	if s = p.due(k); s.Drill.Failed == "" || s.Worry(p.clock.Now()) != record.DrillFailed {
		t.Errorf("a missing segment: %+v", s)
	}
	p.clock.Advance(time.Hour)
	if s = p.due(k); s.Drill.Failed != "" || s.Kept.Object[:22] == good.Kept.Object[:22] {
		t.Errorf("the next backup does not begin anew: %+v", s)
	}
}

// killed leaves the record as a server does that ends in the middle of a drill.
func (p *practice) killed() {
	p.Helper()
	s := p.known()
	s.Drill = record.SafetyRun{Began: p.clock.Now()}
	p.keeps(s, "begin a restore drill")
}

// keeps leaves something as what is known.
func (p *practice) keeps(s record.Safety, what string) {
	p.Helper()
	value, err := json.Marshal(s)
	if err != nil {
		p.Fatal(err)
	}
	err = p.gate.As(trust.System("safety"), "safety").Disclose(p.Context(), what, nil, store.ItemWrite{IfVersion: -1,
		Item: store.Item{Space: record.SpaceSafety, Key: record.KeySafety, Value: value}})
	if err != nil {
		p.Fatal(err)
	}
}

func TestADrillThatDiedIsInterruptedAndRunsAgain(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	first := p.due(p.keeper())
	p.killed()
	p.clock.Advance(4 * time.Second)
	k := p.keeper() // of the next server
	if s := p.due(k); !s.Drill.Interrupted || s.Drill.Ended.IsZero() || s.Drill.Failed != "" || s.Proof != first.Proof || s.Worry(p.clock.Now()) != record.NoWorry {
		t.Errorf("after the start: %+v", s)
	}
	p.clock.Advance(16 * time.Minute)
	if s := p.due(k); s.Drill.Interrupted || s.Proof.Began != p.clock.Now() {
		t.Errorf("it does not run again: %+v", s)
	}
}

func TestAProofIsOfItsPlace(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	shelf := p.due(p.keeper())
	place := p.options.Place
	other, err := bucket.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.options.Place, p.options.Name = other, "the cellar"
	p.clock.Advance(time.Minute)
	if s := p.due(p.keeper()); s.Place != "the cellar" || s.Kept.T <= shelf.Kept.T || s.Proof.T != s.Kept.T {
		t.Errorf("another place is not drilled: %+v", s)
	}
	p.options.Place, p.options.Name = place, "the shelf"
	p.clock.Advance(time.Hour)
	if s := p.due(p.keeper()); s.Place != "the shelf" || s.Proof != shelf.Proof || s.Kept.T <= shelf.Kept.T {
		t.Errorf("the first place again: %+v", s)
	}
}

// full is a place that takes nothing.
type full struct{ bucket.Bucket }

func (full) Put(context.Context, string, io.Reader) error {
	return fault.New(fault.Unavailable, "The shelf is full.")
}

func TestAFailedBackupIsSaidAndTriedAgain(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	place := p.options.Place
	p.options.Place = full{place}
	s := p.due(p.keeper())
	if s.Backup.Failed != "The shelf is full." || s.Kept.T != 0 || s.Worry(p.clock.Now()) != record.BackupFailed {
		t.Errorf("a full shelf: %+v", s)
	}
	p.options.Place = place
	k := p.keeper()
	p.clock.Advance(time.Minute)
	if again := p.due(k); again.Backup != s.Backup {
		t.Errorf("tried again at once: %+v", again)
	}
	p.clock.Advance(20 * time.Minute)
	if s = p.due(k); s.Kept.T == 0 || s.Worry(p.clock.Now()) != record.NoWorry {
		t.Errorf("with room again: %+v", s)
	}
}

func TestWhoMayKnow(t *testing.T) {
	p := newPractice(t)
	for role, may := range map[trust.Role]bool{trust.Administrator: true, trust.Auditor: true, trust.Physician: false, trust.FrontDesk: false, trust.Patient: false} {
		_, err := p.gate.As(trust.Principal{ID: "x", Name: "X", Role: role}, "clinic").Safety(t.Context())
		if (err == nil) != may || err != nil && !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", role, err)
		}
	}
	p.options.Recipients = nil
	if _, err := safety.Open(t.Context(), p.options); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a recipient: %v", err)
	}
}

func TestABackupThatIsAskedForDoesNotWait(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	k := p.keeper()
	first := p.due(k)
	p.commit("two")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	k.Ask()
	k.Ask() // twice is once
	for deadline := time.Now().Add(time.Minute); p.known().Proof.T <= first.Proof.T; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was done: %+v", p.known())
		}
	}
	stop()
	<-done
	if s := p.known(); s.Kept.T <= first.Kept.T || s.Proof.T != s.Kept.T {
		t.Errorf("%+v", s)
	}
}
