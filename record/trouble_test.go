package record

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// failing is a store that takes no changes of resources while it has an error. Audit entries it takes, as one does
// whose disk is full.
type failing struct {
	store.Store
	err error
}

func (f *failing) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if f.err != nil && len(c.Writes) > 0 {
		return store.Receipt{}, f.err
	}
	return f.Store.Commit(ctx, c)
}

// Probe implements store.Probing.
func (f *failing) Probe(context.Context) error { return f.err }

func TestAFullDiskIsToldOnceAndShownWhileItLasts(t *testing.T) {
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	disk := &failing{Store: s}
	whole := WithContents(disk, nil).(*contents)
	g := Open(whole, clock.System{})
	var told []error
	g.TellTrouble(func(err error) { told = append(told, err) })
	write := func() error {
		_, err := g.As(trust.System("test"), "console").Commit(t.Context(), Change{Put: []Put{{Resource: fhir.Obj("resourceType", "Patient")}}})
		return err
	}
	worry := func() Worry {
		t.Helper()
		s, err := g.As(trust.Principal{ID: "a", Name: "Admin", Role: trust.Administrator}, "clinic").Safety(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Worry(clock.System{}.Now())
	}
	if err := write(); err != nil || len(told) > 0 || worry() != NoBackups {
		t.Fatalf("%v, told %v", err, told)
	}
	disk.err = fault.Wrap(context.DeadlineExceeded, fault.Unavailable, "The disk is full: nothing was stored.")
	stranger := g.As(trust.Principal{ID: "s", Name: "Stranger", Role: trust.FrontDesk}, "clinic")
	for range 3 {
		if err := write(); !fault.Is(err, fault.Unavailable) || len(told) != 1 || told[0] == nil || worry() != NotStoring {
			t.Errorf("a full disk: %v, told %v", err, told)
		}
		if _, err := stranger.Safety(t.Context()); !fault.Is(err, fault.Forbidden) { // of which an audit entry is stored
			t.Errorf("a refusal on a full disk: %v", err)
		}
		whole.probe(t.Context())
	}
	if text := g.trouble(); text != "The disk is full: nothing was stored." {
		t.Errorf("the page says %q", text)
	}
	disk.err = nil
	if whole.probe(t.Context()); len(told) != 2 || told[1] != nil || worry() != NoBackups {
		t.Errorf("room again, and nobody writes: told %v", told)
	}
	if err := write(); err != nil || len(told) != 2 {
		t.Errorf("room again: %v, told %v", err, told)
	}
	disk.err = fault.New(fault.Conflict, "Somebody else was first.")
	if err := write(); err == nil || len(told) != 2 {
		t.Errorf("a conflict: %v, told %v", err, told)
	}
}
