package identity

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// apps is a keeper as an OAuth server is one.
type apps map[string]bool

func (k apps) EndAccount(_ context.Context, _ trust.Principal, account string) error {
	delete(k, account)
	return nil
}
func (k apps) Holds(_ context.Context, p trust.Principal) (bool, error) { return k[p.ID], nil }

// TestAnEndedAccountIsOutEverywhere: sessions, tokens and apps at once, and work that
// goes on ends by itself; a removed role counts the same way (A15).
func TestAnEndedAccountIsOutEverywhere(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.options.CheckEvery = 20 * time.Millisecond
	a := h.account("amara", trust.Physician, "")
	k := apps{a.ID: true}
	h.Join(k)
	s, secret, err := h.SignIn(ctx, "amara", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	byToken, err := h.Token(ctx, bearer)
	if err != nil {
		t.Fatal(err)
	}
	byApp := Principal(a, Session{ID: "grant"})
	byApp.Client, byApp.Scopes = "app", []string{"user/*.rs"}
	all := []trust.Principal{Principal(a, s), byToken, byApp}
	var open []context.Context
	for _, p := range all {
		if err := h.Still(ctx, p); err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		c, stop := h.While(ctx, p)
		defer stop()
		open = append(open, c)
	}
	time.Sleep(100 * time.Millisecond)
	for i, c := range open {
		if c.Err() != nil {
			t.Errorf("%+v ended before anything happened", all[i])
		}
	}
	if err := h.Deactivate(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	for i, c := range open {
		select {
		case <-c.Done():
			if !fault.Is(context.Cause(c), fault.Unauthorized) {
				t.Errorf("ended by %v", context.Cause(c))
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%+v goes on", all[i])
		}
	}
	if _, _, err := h.Session(ctx, secret); state(err) != Over {
		t.Errorf("the session: %v", err)
	}
	if _, err := h.Token(ctx, bearer); state(err) != Over {
		t.Errorf("the token: %v", err)
	}
	if len(k) != 0 {
		t.Error("the apps were not told")
	}
	if err := h.Enable(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := h.Still(ctx, p); state(err) != Over {
			t.Errorf("back after enabling without signing in: %+v %v", p, err)
		}
	}
}

// TestAbuseA15ARemovedRoleCountsAtOnce: the next request of a live session acts with the new role.
func TestAbuseA15ARemovedRoleCountsAtOnce(t *testing.T) {
	h, ctx := open(t), context.Background()
	a, boss := h.account("amara", trust.Physician, ""), h.account("sam", trust.Administrator, "")
	_, secret, err := h.SignIn(ctx, "amara", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s, who, _ := h.Session(ctx, secret)
	was := Principal(who, s)
	by := Principal(boss, Session{})
	if err := h.SetRole(ctx, by, a.ID, trust.FrontDesk); err != nil {
		t.Fatal(err)
	}
	if s, who, err = h.Session(ctx, secret); err != nil || Principal(who, s).Role != trust.FrontDesk {
		t.Errorf("the session acts as %s, %v", who.Role, err)
	}
	if p, err := h.Token(ctx, bearer); err != nil || p.Role != trust.FrontDesk {
		t.Errorf("the token acts as %s, %v", p.Role, err)
	}
	if err := h.Still(ctx, was); state(err) != Over {
		t.Errorf("a stream that began as a physician: %v", err)
	}
	for name, err := range map[string]error{
		"an administrator's own role": h.SetRole(ctx, by, boss.ID, trust.Physician),
		"by the person":               h.SetRole(ctx, was, a.ID, trust.Administrator),
		"by the front desk":           h.SetRole(ctx, Principal(who, s), boss.ID, trust.FrontDesk),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := h.account("maria", trust.Patient, "")
	for _, role := range []trust.Role{trust.Physician, trust.Patient, trust.SystemRole, ""} {
		if err := h.SetRole(ctx, by, p.ID, role); !fault.Is(err, fault.Invalid) {
			t.Errorf("a patient's account as %q: %v", role, err)
		}
	}
}

// TestNobodyGrantsMoreThanTheyHave: delegated administration.
func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	h, ctx := open(t), context.Background()
	tom, boss := h.account("tom", trust.FrontDesk, ""), h.account("sam", trust.Administrator, "")
	desk, by := Principal(tom, Session{}), Principal(boss, Session{})
	invite := func(user string, role trust.Role) error {
		d := Draft{User: user, Name: user, Role: role}
		if role == trust.Patient {
			d.Patient = "p-" + user
		}
		_, _, err := h.Invite(ctx, desk, d)
		return err
	}
	if err := invite("one", trust.FrontDesk); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without a right: %v", err)
	}
	if err := h.Grant(ctx, desk, tom.ID, noon.AddDate(0, 1, 0), trust.FrontDesk); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a right for oneself: %v", err)
	}
	if err := h.Grant(ctx, by, boss.ID, noon.AddDate(0, 1, 0), trust.FrontDesk); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an administrator's for oneself: %v", err)
	}
	for _, role := range []trust.Role{trust.Administrator, trust.Physician, trust.Auditor, trust.SystemRole} {
		if err := h.Grant(ctx, by, tom.ID, noon.AddDate(0, 1, 0), role); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the right to make %s: %v", role, err)
		}
	}
	if err := h.Grant(ctx, by, tom.ID, noon.AddDate(0, 1, 0), trust.FrontDesk, trust.Patient); err != nil {
		t.Fatal(err)
	}
	if err := invite("one", trust.FrontDesk); err != nil {
		t.Errorf("with the right: %v", err)
	}
	for _, role := range []trust.Role{trust.Nurse, trust.Physician, trust.Administrator} {
		if err := invite("two", role); !fault.Is(err, fault.Forbidden) {
			t.Errorf("beyond the right, %s: %v", role, err)
		}
	}
	h.clock.Advance(31 * 24 * time.Hour)
	if err := invite("late", trust.FrontDesk); !fault.Is(err, fault.Forbidden) {
		t.Errorf("after the right has ended: %v", err)
	}
	for name, until := range map[string]time.Time{"for ever": {}, "until yesterday": noon, "for two years": noon.AddDate(2, 0, 0)} {
		if err := h.Grant(ctx, by, tom.ID, until, trust.FrontDesk); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Grant(ctx, by, tom.ID, h.clock.Now().AddDate(0, 1, 0), trust.FrontDesk); err != nil {
		t.Fatal(err)
	}
	if err := invite("again", trust.FrontDesk); err != nil {
		t.Errorf("lent again: %v", err)
	}
	if _, err := h.ResetLink(ctx, desk, boss.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a link into an administrator's account: %v", err)
	}
	if err := h.SetRole(ctx, by, tom.ID, trust.Biller); err != nil {
		t.Fatal(err)
	}
	if err := invite("three", trust.FrontDesk); !fault.Is(err, fault.Forbidden) {
		t.Errorf("after another role: %v", err)
	}
}
