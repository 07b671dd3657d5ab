package identity

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestClearanceCountsAtOnce: an administrator clears somebody with a reason; it counts in the
// sessions and tokens that are open, goes with the role, and is in the log.
func TestClearanceCountsAtOnce(t *testing.T) {
	h, ctx := open(t), context.Background()
	admin := h.account("ada", trust.Administrator, "")
	nurse := h.account("nina", trust.Nurse, "")
	by := Principal(admin, Session{})
	_, secret, err := h.SignInAs(ctx, trust.System("test"), "nina", address)
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := h.IssueToken(ctx, trust.System("test"), nurse.ID, []string{"user/*.rs"}, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	sees := func() (session, token bool) {
		t.Helper()
		s, a, err := h.Session(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.Token(ctx, bearer)
		if err != nil {
			t.Fatal(err)
		}
		return !slices.Contains(policy.Hidden(Principal(a, s)), "ETH"), !slices.Contains(policy.Hidden(p), "ETH")
	}
	if s, tok := sees(); s || tok {
		t.Fatal("a nurse sees substance use without being cleared")
	}
	for name, try := range map[string]error{
		"without a reason": h.SetClearance(ctx, by, nurse.ID, []string{"ETH"}, " "),
		"an unknown label": h.SetClearance(ctx, by, nurse.ID, []string{"XYZ"}, "x"),
		"what she sees":    h.SetClearance(ctx, by, nurse.ID, []string{"HIV"}, "x"),
		"by herself":       h.SetClearance(ctx, Principal(nurse, Session{}), nurse.ID, []string{"ETH"}, "x"),
		"for oneself":      h.SetClearance(ctx, by, admin.ID, []string{"ETH"}, "x"),
	} {
		if !fault.Is(try, fault.Invalid) && !fault.Is(try, fault.Forbidden) {
			t.Errorf("%s: %v", name, try)
		}
	}
	if err := h.SetClearance(ctx, by, nurse.ID, []string{"SUD", "ETH", "ETH"}, "runs the methadone clinic"); err != nil {
		t.Fatal(err)
	}
	if l := h.last(); !strings.Contains(l.Query, "clear for ETH SUD, because: runs the methadone clinic: nina") || l.Actor != admin.ID {
		t.Errorf("the log says %q by %s", l.Query, l.Actor)
	}
	if s, tok := sees(); !s || !tok {
		t.Errorf("cleared, but the session sees %v and the token %v", s, tok)
	}
	if err := h.SetClearance(ctx, by, nurse.ID, nil, "has moved to the ward"); err != nil {
		t.Fatal(err)
	}
	if s, tok := sees(); s || tok {
		t.Errorf("taken back, but the session sees %v and the token %v", s, tok)
	}
	if err := h.SetClearance(ctx, by, nurse.ID, []string{"ETH"}, "is back"); err != nil {
		t.Fatal(err)
	}
	if err := h.SetRole(ctx, by, nurse.ID, trust.MedicalAssistant); err != nil {
		t.Fatal(err)
	}
	if a, err := h.FindByID(ctx, nurse.ID); err != nil || a.Clearance != nil {
		t.Errorf("the clearance of the former role stays: %+v %v", a, err)
	}
}
