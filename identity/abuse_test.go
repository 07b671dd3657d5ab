package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// TestAbuseD08LinksCannotBeGuessed: a one-time link holds at least 128 random bits, works once,
// for a limited time, and is kept as a hash.
func TestAbuseD08LinksCannotBeGuessed(t *testing.T) {
	h, ctx := open(t), context.Background()
	seen := map[string]bool{}
	var last string
	for i := range 200 {
		_, secret, err := h.Invite(ctx, system, Draft{User: fmt.Sprintf("nurse%d", i), Name: "Nurse", Role: trust.Nurse})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil || len(raw) < 16 || seen[secret[:8]] {
			t.Fatalf("a link of %d bytes, %v, or one that begins like another", len(raw), err)
		}
		seen[secret[:8]], last = true, secret
		if _, kept := h.store.items[spaceSetup+"/"+secret]; kept {
			t.Fatal("a link is stored in the clear")
		}
	}
	if _, err := h.CompleteInvite(ctx, last, "", "another calm river"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CompleteInvite(ctx, last, "", "a third calm river"); !fault.Is(err, fault.Gone) {
		t.Errorf("a second use: %v", err)
	}
	_, late, err := h.Invite(ctx, system, Draft{User: "late", Name: "Nurse", Role: trust.Nurse})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(InviteFor)
	if _, err := h.CompleteInvite(ctx, late, "", "another calm river"); !fault.Is(err, fault.Gone) {
		t.Errorf("after its time: %v", err)
	}
	if _, err := h.FindLink(ctx, ""); !fault.Is(err, fault.Gone) {
		t.Errorf("an empty link: %v", err)
	}
}

// TestAbuseD10TheTableOfFailuresIsBounded: a million failures of a million names from a million
// networks leave a bounded number of rows, and an unknown name costs what a known one costs.
func TestAbuseD10TheTableOfFailuresIsBounded(t *testing.T) {
	const million, most = 1_000_000, 1 << 18
	users, networks := map[string]bool{}, map[string]bool{}
	for i := range million {
		users[userBucket(fmt.Sprintf("name-%d", i))] = true
		networks[addressBucket(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))] = true
	}
	if len(users) > most || len(networks) > most {
		t.Errorf("%d and %d rows after a million failures, want at most %d each", len(users), len(networks), most)
	}
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, "")
	for range 3 {
		for i := range 5 { // the same five rows, however often
			h.SignIn(ctx, fmt.Sprintf("guess%d", i), "wrong wrong wrong", "", Place{Address: fmt.Sprintf("192.0.2.%d", i)})
		}
		h.clock.Advance(maxWait)
	}
	rows := 0
	for _, item := range h.store.items {
		if item.Space == spaceAttempt {
			rows++
			if item.Expires.IsZero() || item.Expires.Sub(h.clock.Now()) > rememberFor {
				t.Errorf("the row %s stays until %v", item.Key, item.Expires)
			}
		}
	}
	if rows > 10 {
		t.Errorf("%d rows of 15 failures of 5 names", rows)
	}
	took := map[string]time.Duration{}
	for i := range 60 { // interleaved, so that a busy machine is busy for both
		for _, user := range []string{"amara", "nobody"} {
			began := time.Now()
			if _, err := h.matches(ctx, "wrong wrong wrong", hashOf(h, user)); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); i == 0 || d < took[user] {
				took[user] = d
			}
		}
	}
	if a, b := took["amara"], took["nobody"]; a > 3*b || b > 3*a {
		t.Errorf("a known name takes %v, an unknown one %v", a, b)
	}
}

// hashOf is what SignIn compares with: nothing for an unknown name.
func hashOf(h house, user string) string {
	c, err := h.loadUser(context.Background(), user)
	if err != nil {
		return ""
	}
	return c.Hash
}
