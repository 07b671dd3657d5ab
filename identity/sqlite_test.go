package identity

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// TestOnSQLite goes the way of a first day on the real store.
func TestOnSQLite(t *testing.T) {
	ctx, c, dir := context.Background(), clock.NewManual(noon), t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := Open(s, c, Options{Cost: Cost{KiB: 64, Passes: 1}, PasswordAlone: true})
	link, err := a.SetUpLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var first sync.WaitGroup
	made := make(chan Account, 4)
	for _, user := range []string{"ada", "bob", "cyd", "dee"} { // a link that four people open at once
		first.Go(func() {
			if who, err := a.CompleteSetUp(ctx, link, Draft{User: user, Name: "Ada", Password: phrase}); err == nil {
				made <- who
			}
		})
	}
	first.Wait()
	if len(made) != 1 {
		t.Fatalf("%d first administrators", len(made))
	}
	admin := <-made
	by := Principal(admin, Session{})
	nina, invitation, err := a.Invite(ctx, by, Draft{User: "nina", Name: "Nina", Role: trust.Nurse, Practitioner: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.CompleteInvite(ctx, invitation, "", phrase); err != nil {
		t.Fatal(err)
	}

	// Many wrong guesses at the same moment are all counted.
	var wg sync.WaitGroup
	for range freeUser + 1 {
		wg.Go(func() { a.SignIn(ctx, "nina", "wrong wrong wrong", "", address) })
	}
	wg.Wait()
	if n, err := a.attempts(ctx, userBucket("nina")); err != nil || n.Failures != freeUser+1 {
		t.Errorf("%d failures counted: %v", n.Failures, err)
	}
	if _, _, err := a.SignIn(ctx, "nina", phrase, "", address); state(err) != Waiting {
		t.Errorf("after the guesses: %v", err)
	}
	c.Advance(maxWait)

	_, secret, err := a.SignIn(ctx, "nina", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.IssueToken(ctx, by, nina.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.Advance(StaffIdle)
	if _, _, err := a.Session(ctx, secret); state(err) != Idle {
		t.Errorf("idle: %v", err)
	}
	if _, _, err := a.Unlock(ctx, secret, Proof{Password: phrase}, address); err != nil {
		t.Error(err)
	}
	if _, who, err := a.Session(ctx, secret); err != nil || who.ID != nina.ID {
		t.Errorf("%+v %v", who, err)
	}
	if p, err := a.Token(ctx, token); err != nil || p.ID != nina.ID {
		t.Errorf("%+v %v", p, err)
	}
	if err := a.Deactivate(ctx, by, nina.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Session(ctx, secret); state(err) != Over {
		t.Errorf("session of a disabled account: %v", err)
	}
	if list, err := a.List(ctx, by); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	leaves, err := s.Leaves(ctx, store.LeafFilter{Actor: nina.ID, Limit: 100})
	if err != nil || len(leaves) < 8 {
		t.Errorf("%d leaves about Nina: %v", len(leaves), err)
	}
	if n, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil || n < 10 {
		t.Errorf("%d leaves verified: %v", n, err)
	}
}
