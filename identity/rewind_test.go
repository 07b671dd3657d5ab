package identity

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

// TestClockThatGoesBack: nobody gains time by a clock that was set back; a few seconds are
// no matter, and when it is right again everything is as before.
func TestClockThatGoesBack(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	_, secret, err := h.SignIn(ctx, "amara", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	see := func(when string, session, bearer State) {
		t.Helper()
		if _, _, err := h.Session(ctx, secret); state(err) != session && !(err == nil && session == "") {
			t.Errorf("%s: the session: %v, want %q", when, err, session)
		}
		if _, err := h.Token(ctx, token); state(err) != bearer && !(err == nil && bearer == "") {
			t.Errorf("%s: the token: %v, want %q", when, err, bearer)
		}
	}
	see("at first", "", "")
	h.clock.Advance(-30 * time.Second)
	see("set back by half a minute", "", "")
	h.clock.Advance(30*time.Second - 24*time.Hour)
	see("set back by a day", Over, Over)
	h.clock.Advance(24 * time.Hour)
	see("right again", "", "")
	h.clock.Advance(10 * time.Minute)
	see("in use", "", "") // seen now
	h.clock.Advance(-5 * time.Minute)
	see("set back behind the last use", Idle, "")
	h.clock.Advance(-10 * time.Minute)
	see("set back behind its beginning", Over, Over)
	h.clock.Advance(30 * time.Hour)
	see("set forward by a day", Over, Over)
}
