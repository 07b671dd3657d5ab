package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

const (
	secretTOTP = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	phrase     = "a calm quiet river"
)

var (
	system  = trust.System("test")
	address = Place{Address: "192.0.2.7:5000", Device: "Firefox on Windows"}
)

type house struct {
	*Accounts
	store *memory
	clock *clock.Manual
	t     *testing.T
}

func open(t *testing.T) house {
	t.Helper()
	c := clock.NewManual(noon)
	m := newMemory(c)
	return house{Open(m, c, Options{Cost: Cost{KiB: 64, Passes: 1}, PasswordAlone: true}), m, c, t}
}

func (h house) account(user string, role trust.Role, totp string) Account {
	h.t.Helper()
	d := Draft{User: user, Name: "Dr " + user, Role: role, Practitioner: "pr-" + user, Password: phrase, TOTPSecret: totp}
	if role == trust.Patient {
		d.Practitioner, d.Patient = "", "pat-"+user
	}
	a, err := h.Create(context.Background(), system, d)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func state(err error) State {
	var r *Refusal
	if errors.As(err, &r) {
		return r.State
	}
	return State(fmt.Sprint(err))
}

func (h house) last() ledger.Leaf { return h.store.leaves[len(h.store.leaves)-1] }

func TestSignInAndOut(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	s, secret, err := h.SignIn(ctx, " Amara ", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	if l := h.last(); l.Action != ledger.SignIn || l.Actor != a.ID || l.Session != s.ID || l.Outcome != "" {
		t.Errorf("leaf of the sign-in: %+v", l)
	}
	for key, item := range h.store.items {
		if strings.Contains(key+string(item.Value), secret) || strings.Contains(string(item.Value), phrase) {
			t.Errorf("a secret is stored in the clear in %s", key)
		}
	}
	got, account, err := h.Session(ctx, secret)
	if err != nil || account.ID != a.ID {
		t.Fatalf("session: %+v %v", account, err)
	}
	p := Principal(account, got)
	if p.Role != trust.Physician || p.Practitioner != "pr-amara" || p.Purpose != trust.Treatment || p.Session != s.ID {
		t.Errorf("principal: %+v", p)
	}
	if err := h.SignOut(ctx, secret); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Session(ctx, secret); state(err) != Over || !fault.Is(err, fault.Unauthorized) {
		t.Errorf("after sign-out: %v", err)
	}
	if err := h.SignOut(ctx, secret); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
}

func TestWrongAndUnknownLookAlike(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, "")
	b := h.account("ben", trust.Nurse, "")
	if err := h.Deactivate(ctx, system, b.ID); err != nil {
		t.Fatal(err)
	}
	answers := map[string][]string{}
	for _, user := range []string{"amara", "nobody", "ben", "x", "with space"} {
		password := "wrong wrong wrong"
		if user == "ben" { // disabled, even with the right password
			password = phrase
		}
		for i := range 7 {
			leaves := len(h.store.leaves)
			_, _, err := h.SignIn(ctx, user, password, "", Place{Address: fmt.Sprintf("192.0.2.%d", i)})
			answers[user] = append(answers[user], fmt.Sprintf("%v %s +%d", err, state(err), len(h.store.leaves)-leaves))
		}
	}
	for user, got := range answers {
		if fmt.Sprint(got) != fmt.Sprint(answers["amara"]) {
			t.Errorf("%s: %v\nwant as amara: %v", user, got, answers["amara"])
		}
	}
	for _, l := range h.store.leaves {
		if strings.Contains(fmt.Sprint(l), "nobody") {
			t.Errorf("a typed user name, perhaps a password, is in the audit log: %+v", l)
		}
	}
}

func TestLockoutDoublesAndForgives(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, "")
	for range freeUser + 1 {
		if _, _, err := h.SignIn(ctx, "amara", "wrong wrong wrong", "", address); state(err) != Wrong {
			t.Fatal(err)
		}
	}
	_, _, err := h.SignIn(ctx, "amara", phrase, "", address)
	var r *Refusal
	if !errors.As(err, &r) || r.State != Waiting || !r.Until.Equal(noon.Add(firstWait)) || !fault.Is(err, fault.TooCostly) {
		t.Fatalf("right password while locked: %v %+v", err, r)
	}
	for failures, want := range map[int]time.Duration{4: 0, 5: 2 * time.Second, 6: 4 * time.Second, 10: 64 * time.Second, 14: 15 * time.Minute, 200: 15 * time.Minute} {
		if got := wait(failures, freeUser); got != want {
			t.Errorf("wait after %d failures is %v, want %v", failures, got, want)
		}
	}
	h.clock.Advance(firstWait)
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SignIn(ctx, "amara", "wrong wrong wrong", "", address); state(err) != Wrong {
		t.Errorf("a success must clear the counter: %v", err)
	}
}

func TestOneAddressManyNames(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, "")
	for i := range freeAddress + 1 {
		h.SignIn(ctx, fmt.Sprintf("guess%d", i), "wrong wrong wrong", "", address)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", Place{Address: "192.0.2.7:6000"}); state(err) != Waiting {
		t.Errorf("the address must wait: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", Place{Address: "192.0.2.8:5000"}); err != nil {
		t.Errorf("another address must not: %v", err)
	}
	if network("[2001:db8::1]:443") != network("2001:db8:0:0:ffff::9") || network("[2001:db8::1]:443") == network("2001:db8:0:1::1") {
		t.Error("an IPv6 network is its first 64 bits")
	}
}

func TestSecondFactor(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, secretTOTP)
	_, _, err := h.SignIn(ctx, "amara", phrase, "", address)
	var r *Refusal
	if !errors.As(err, &r) || r.State != NeedsCode || r.Ticket == "" {
		t.Fatalf("password alone: %v", err)
	}
	if _, _, err := h.Session(ctx, r.Ticket); state(err) != Over {
		t.Errorf("a ticket must not be a session: %v", err)
	}
	if _, _, err := h.SecondStep(ctx, r.Ticket, "000000", address); state(err) != WrongCode {
		t.Errorf("wrong code: %v", err)
	}
	code, _ := TOTPCode(secretTOTP, h.clock.Now())
	_, secret, err := h.SecondStep(ctx, r.Ticket, code, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SecondStep(ctx, r.Ticket, code, address); state(err) != Over {
		t.Errorf("a ticket works once: %v", err)
	}
	if _, _, err := h.SecondStep(ctx, secret, code, address); state(err) != Over {
		t.Errorf("a session must not be a ticket: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, code, address); state(err) != WrongCode {
		t.Errorf("a code works once: %v", err)
	}
	h.clock.Advance(time.Minute)
	code, _ = TOTPCode(secretTOTP, h.clock.Now())
	if _, _, err := h.SignIn(ctx, "amara", phrase, code, address); err != nil {
		t.Errorf("password and next code at once: %v", err)
	}
}

func TestOneCodeTwoSignInsAtOnce(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.account("amara", trust.Physician, secretTOTP)
	code, _ := TOTPCode(secretTOTP, h.clock.Now())
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 4 {
		wg.Go(func() {
			if _, _, err := h.SignIn(ctx, "amara", phrase, code, address); err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d sign-ins with one code, want 1", in)
	}
}

func TestEnrol(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	me := Principal(a, Session{})
	e, err := h.EnrolTOTP(ctx, me, a.ID)
	if err != nil || !strings.HasPrefix(e.URL, "otpauth://totp/Osler:amara?") || !strings.Contains(e.URL, "secret="+e.Secret) {
		t.Fatalf("%+v %v", e, err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); err != nil {
		t.Errorf("an enrolment that is not confirmed must not count: %v", err)
	}
	if err := h.ConfirmTOTP(ctx, me, a.ID, "123"); !fault.Is(err, fault.Invalid) {
		t.Errorf("wrong code: %v", err)
	}
	code, _ := TOTPCode(e.Secret, h.clock.Now())
	if err := h.ConfirmTOTP(ctx, me, a.ID, code); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); state(err) != NeedsCode {
		t.Errorf("after confirming: %v", err)
	}
	if err := h.RemoveTOTP(ctx, system, a.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("removing another person's factor: %v", err)
	}
	if err := h.RemoveTOTP(ctx, me, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); err != nil {
		t.Errorf("after removing: %v", err)
	}
}

func TestSessionLocksAndEnds(t *testing.T) {
	for _, c := range []struct {
		role trust.Role
		idle time.Duration
	}{{trust.Nurse, StaffIdle}, {trust.Patient, PatientIdle}} {
		h, ctx := open(t), context.Background()
		h.account("amara", c.role, "")
		_, secret, err := h.SignIn(ctx, "amara", phrase, "", address)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // used before the time is over: stays open
			h.clock.Advance(c.idle - time.Second)
			if _, _, err := h.Session(ctx, secret); err != nil {
				t.Fatalf("%s in use: %v", c.role, err)
			}
		}
		leaves := len(h.store.leaves)
		for range 10 {
			h.Session(ctx, secret)
		}
		if len(h.store.leaves) != leaves {
			t.Errorf("%s: activity is noted more than once a minute", c.role)
		}
		h.clock.Advance(c.idle)
		s, a, err := h.Session(ctx, secret)
		if state(err) != Idle || a.User != "amara" {
			t.Fatalf("%s idle: %+v %v", c.role, a, err)
		}
		if p := Principal(a, s); p.Role != "" || p.ID != "" {
			t.Errorf("a locked session acts as %+v", p)
		}
		if _, _, err := h.Unlock(ctx, secret, Proof{Password: "wrong wrong wrong"}, address); state(err) != Wrong {
			t.Errorf("unlock with a wrong password: %v", err)
		}
		if _, _, err := h.Unlock(ctx, secret, Proof{Password: phrase}, address); err != nil {
			t.Errorf("unlock: %v", err)
		}
		if _, _, err := h.Session(ctx, secret); err != nil {
			t.Errorf("after unlock: %v", err)
		}
		if err := h.Lock(ctx, secret); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Session(ctx, secret); state(err) != Idle {
			t.Errorf("after lock: %v", err)
		}
		h.clock.Advance(SessionFor)
		if _, _, err := h.Unlock(ctx, secret, Proof{Password: phrase}, address); state(err) != Over {
			t.Errorf("after %v: %v", SessionFor, err)
		}
	}
}

func TestPasswordsAreChosenByTheirOwners(t *testing.T) {
	h, ctx := open(t), context.Background()
	link, err := h.SetUpLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first := link
	if link, err = h.SetUpLink(ctx); err != nil { // a second start
		t.Fatal(err)
	}
	if _, err := h.FindLink(ctx, first); !fault.Is(err, fault.Gone) {
		t.Errorf("the link of the first start must not work any more: %v", err)
	}
	draft := Draft{User: "ada", Name: "Ada Admin", Password: "short"}
	if _, err := h.CompleteSetUp(ctx, link, draft); !fault.Is(err, fault.Invalid) {
		t.Errorf("short password: %v", err)
	}
	draft.Password = phrase
	admin, err := h.CompleteSetUp(ctx, link, draft)
	if err != nil || admin.Role != trust.Administrator {
		t.Fatalf("%+v %v", admin, err)
	}
	if _, err := h.CompleteSetUp(ctx, link, draft); !fault.Is(err, fault.Gone) {
		t.Errorf("the link works once: %v", err)
	}
	if _, err := h.SetUpLink(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("no set-up link when there is an account: %v", err)
	}
	by := Principal(admin, Session{})
	if _, err := h.Create(ctx, by, Draft{User: "x.y", Name: "X", Role: trust.Nurse, Password: phrase}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an administrator must not know passwords: %v", err)
	}
	nurse, invitation, err := h.Invite(ctx, by, Draft{User: "nina", Name: "Nina", Role: trust.Nurse, Practitioner: "n1"})
	if err != nil || !nurse.Invited {
		t.Fatalf("%+v %v", nurse, err)
	}
	if _, _, err := h.SignIn(ctx, "nina", "", "", address); state(err) != Wrong {
		t.Errorf("sign-in without a password: %v", err)
	}
	if l, err := h.FindLink(ctx, invitation); err != nil || l.Account != nurse.ID {
		t.Errorf("link: %+v %v", l, err)
	}
	if a, err := h.CompleteInvite(ctx, invitation, "", phrase); err != nil || a.Invited {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := h.CompleteInvite(ctx, invitation, "", phrase); !fault.Is(err, fault.Gone) {
		t.Errorf("the invitation works once: %v", err)
	}
	_, secret, err := h.SignIn(ctx, "nina", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	reset, err := h.ResetLink(ctx, by, nurse.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.CompleteInvite(ctx, reset, "", "another calm river"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Session(ctx, secret); state(err) != Over {
		t.Errorf("a new password must end sessions: %v", err)
	}
	if _, _, err := h.Invite(ctx, by, Draft{User: "NINA", Name: "Other", Role: trust.Nurse}); !fault.Is(err, fault.Conflict) {
		t.Errorf("user name in use: %v", err)
	}
	np := Principal(nurse, Session{})
	if _, _, err := h.Invite(ctx, np, Draft{User: "boss", Name: "B", Role: trust.Administrator}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse invites an administrator: %v", err)
	}
	if _, _, err := h.Invite(ctx, np, Draft{User: "pat", Name: "P", Role: trust.Patient, Patient: "p1"}); err != nil {
		t.Errorf("a nurse invites a patient: %v", err)
	}
	if _, err := h.ResetLink(ctx, np, admin.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse resets an administrator: %v", err)
	}
}

func TestChangePasswordEndsEverything(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	_, secret, _ := h.SignIn(ctx, "amara", phrase, "", address)
	token, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ChangePassword(ctx, a.ID, "wrong wrong wrong", "another calm river", address); state(err) != Wrong {
		t.Errorf("wrong present password: %v", err)
	}
	if err := h.ChangePassword(ctx, a.ID, phrase, "another calm river", address); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Session(ctx, secret); state(err) != Over {
		t.Errorf("session: %v", err)
	}
	if _, err := h.Token(ctx, token); state(err) != Over {
		t.Errorf("token: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", "another calm river", "", address); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	b := h.account("ben", trust.Nurse, "")
	me := Principal(a, Session{})
	token, err := h.IssueToken(ctx, me, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Token(ctx, token)
	if err != nil || p.ID != a.ID || len(p.Scopes) != 1 || p.Role != trust.Physician {
		t.Fatalf("%+v %v", p, err)
	}
	for what, f := range map[string]func() error{
		"for somebody else": func() error { _, err := h.IssueToken(ctx, me, b.ID, []string{"user/*.rs"}, time.Hour); return err },
		"by a token":        func() error { _, err := h.IssueToken(ctx, p, a.ID, []string{"user/*.cruds"}, time.Hour); return err },
		"without scope":     func() error { _, err := h.IssueToken(ctx, me, a.ID, nil, time.Hour); return err },
		"with nonsense":     func() error { _, err := h.IssueToken(ctx, me, a.ID, []string{"user/Foo.rs"}, time.Hour); return err },
		"for ever":          func() error { _, err := h.IssueToken(ctx, me, a.ID, []string{"user/*.rs"}, 10*MaxTokenFor); return err },
	} {
		if err := f(); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Invalid) {
			t.Errorf("a token %s: %v", what, err)
		}
	}
	if _, err := h.Token(ctx, token+"x"); state(err) != Over {
		t.Errorf("unknown token: %v", err)
	}
	h.clock.Advance(time.Hour)
	if _, err := h.Token(ctx, token); state(err) != Over {
		t.Errorf("expired token: %v", err)
	}
	token, _ = h.IssueToken(ctx, me, a.ID, []string{"user/*.rs"}, time.Hour)
	if err := h.Deactivate(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Token(ctx, token); state(err) != Over {
		t.Errorf("token of a disabled account: %v", err)
	}
}

func TestRowsAreBounded(t *testing.T) {
	seen := map[string]bool{}
	for i := range 5000 {
		seen[userBucket(fmt.Sprint(i))] = true
	}
	if len(seen) > 1<<18 || len(seen) < 4000 {
		t.Errorf("%d buckets", len(seen))
	}
	for key := range seen {
		if len(key) != len("user/00000") || key > "user/3ffff" {
			t.Fatalf("bucket %q is beyond 18 bits", key)
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	b := h.account("ben", trust.Nurse, "")
	me := Principal(a, Session{})
	for what, err := range map[string]error{
		"disable another": h.Deactivate(ctx, me, b.ID),
		"disable self":    h.Deactivate(ctx, trust.Principal{ID: a.ID, Role: trust.Administrator}, a.ID),
		"set a password":  h.SetPassword(ctx, trust.Principal{ID: "x", Role: trust.Administrator}, b.ID, phrase),
		"end sessions":    h.EndAll(ctx, me, b.ID),
		"set a language":  h.SetLanguage(ctx, me, b.ID, "es"),
		"remove a factor": h.RemoveTOTP(ctx, me, b.ID),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.List(ctx, me); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a physician lists accounts: %v", err)
	}
	if list, err := h.List(ctx, trust.Principal{Role: trust.Auditor}); err != nil || len(list) != 2 {
		t.Errorf("an auditor lists accounts: %v %v", list, err)
	}
	if err := h.SetLanguage(ctx, me, a.ID, "es"); err != nil {
		t.Error(err)
	}
	if got, _ := h.FindByUser(ctx, "amara"); got.Language != "es" {
		t.Errorf("language: %+v", got)
	}
	for _, d := range []Draft{
		{User: "p", Name: "P", Role: trust.Patient, Patient: "1", Password: phrase},
		{User: "pat", Name: "P", Role: trust.Patient, Password: phrase},
		{User: "pat", Name: "P", Role: trust.Nurse, Patient: "1", Password: phrase},
		{User: "pat", Name: "P", Role: trust.SystemRole, Password: phrase},
		{User: "pat", Role: trust.Nurse, Password: phrase},
	} {
		if _, err := h.Create(ctx, system, d); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestOnlyTheSystemSignsInAsSomebody(t *testing.T) {
	h, ctx := open(t), context.Background()
	secret := newTOTPSecret()
	a := h.account("amara", trust.Physician, secret)
	if _, _, err := h.SignInAs(ctx, trust.Principal{ID: "x", Role: trust.Administrator}, "amara", address); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an administrator signed in as somebody else: %v", err)
	}
	for range 2 { // twice within one time step of a code
		s, _, err := h.SignInAs(ctx, system, "amara", address)
		if err != nil || s.Account != a.ID {
			t.Fatalf("session %+v, %v", s, err)
		}
	}
	if after, err := h.FindByUser(ctx, "amara"); err != nil || !after.TOTPEnabled {
		t.Errorf("the second factor was lost: %+v, %v", after, err)
	}
}

// TestActing: work in a person's name goes on with today's rights, and ends with the account
// or with a token that was ended, not with one that expired.
func TestActing(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	secret, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Token(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	until, err := h.TokenUntil(ctx, p)
	if err != nil || !until.Equal(h.clock.Now().Add(time.Hour)) {
		t.Errorf("the token ends %v: %v", until, err)
	}
	if end, err := h.TokenUntil(ctx, trust.Principal{ID: a.ID, Session: "a-login"}); err != nil || !end.IsZero() {
		t.Errorf("a login ends %v: %v", end, err)
	}
	acts := func(what string, want bool) {
		t.Helper()
		now, err := h.Acting(ctx, p, until)
		if want && (err != nil || now.ID != a.ID || now.Role != trust.Physician || fmt.Sprint(now.Scopes) != "[user/*.rs]" || now.Session != p.Session) {
			t.Errorf("%s: %+v %v", what, now, err)
		}
		if !want && state(err) != Over {
			t.Errorf("%s: %+v %v", what, now, err)
		}
	}
	acts("at first", true)
	if err := h.Deactivate(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	acts("disabled", false)
	if err := h.Enable(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	acts("enabled again, but its tokens were ended", false)
	h.clock.Advance(2 * time.Hour)
	acts("after the time of the token", true)
	p.ID = "nobody"
	acts("an account that is not there", false)
}
