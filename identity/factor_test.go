package identity

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// strict is a house as a clinic runs it: a password alone opens nothing.
func strict(t *testing.T) house {
	t.Helper()
	c := clock.NewManual(noon)
	m := newMemory(c)
	return house{Open(m, c, Options{Cost: Cost{KiB: 64, Passes: 1}}), m, c, t}
}

// TestAPasswordAloneOpensNothing: in the default configuration neither a session nor a
// token of an account without a second factor becomes somebody who may do anything.
func TestAPasswordAloneOpensNothing(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	_, secret, err := h.SignIn(ctx, "amara", phrase, "", address)
	if err != nil {
		t.Fatal(err)
	}
	s, who, err := h.Session(ctx, secret)
	if state(err) != NeedsFactor || who.ID != a.ID {
		t.Fatalf("the session: %v", err)
	}
	if p := Principal(who, s); p.ID != "" || p.Role != "" {
		t.Errorf("a password alone acts as %+v", p)
	}
	if _, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour); !fault.Is(err, fault.Conflict) {
		t.Errorf("a token: %v", err)
	}
	if _, err := h.Acting(ctx, trust.Principal{ID: a.ID}, time.Time{}); state(err) != Over {
		t.Errorf("work in its name: %v", err)
	}
	if _, _, err := h.Strengthen(ctx, secret); state(err) != NeedsFactor {
		t.Errorf("going on without a second factor: %v", err)
	}

	_, stolen, err := h.SignIn(ctx, "amara", phrase, "", Place{Address: "203.0.113.9"}) // somebody else with the password
	if err != nil {
		t.Fatal(err)
	}
	me := Self(who, s)
	e, err := h.EnrolTOTP(ctx, me, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := TOTPCode(e.Secret, h.clock.Now())
	if err := h.ConfirmTOTP(ctx, me, a.ID, code); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Strengthen(ctx, stolen); state(err) != Over {
		t.Errorf("another session went on with this one's second factor: %v", err)
	}
	s, secret, err = h.Strengthen(ctx, secret)
	if err != nil || s.Weak {
		t.Fatalf("going on: %+v %v", s, err)
	}
	if _, who, err = h.Session(ctx, secret); err != nil || Principal(who, s).Role != trust.Physician {
		t.Errorf("with the second factor: %v", err)
	}
	if _, err := h.IssueToken(ctx, system, a.ID, []string{"user/*.rs"}, time.Hour); err != nil {
		t.Errorf("a token: %v", err)
	}
	if err := h.RemoveTOTP(ctx, Principal(who, s), a.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("removing the only second factor: %v", err)
	}
}

// TestAPasswordProvesOneFactor: what asks for all factors is not content with the password.
func TestAPasswordProvesOneFactor(t *testing.T) {
	h, ctx := strict(t), context.Background()
	h.account("amara", trust.Physician, secretTOTP)
	code, _ := TOTPCode(secretTOTP, h.clock.Now())
	s, secret, err := h.SignIn(ctx, "amara", phrase, code, address)
	if err != nil {
		t.Fatal(err)
	}
	began := s.Full
	h.clock.Advance(time.Minute)
	if s, secret, err = h.Prove(ctx, secret, Proof{Password: phrase}, address); err != nil || !s.Proved.Equal(h.clock.Now()) || !s.Full.Equal(began) {
		t.Fatalf("with the password: %+v %v", s, err)
	}
	if _, _, err := h.Prove(ctx, secret, Proof{Password: phrase, Code: code}, address); state(err) != WrongCode {
		t.Errorf("with a code that was used: %v", err)
	}
	code, _ = TOTPCode(secretTOTP, h.clock.Now())
	if s, _, err = h.Prove(ctx, secret, Proof{Password: phrase, Code: code}, address); err != nil || !s.Full.Equal(h.clock.Now()) {
		t.Errorf("with password and code: %+v %v", s, err)
	}
}

func TestRecoveryCodesWorkOnce(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a := h.account("amara", trust.Physician, secretTOTP)
	me := Principal(a, Session{ID: "s"})
	first, err := h.NewRecoveryCodes(ctx, me, a.ID)
	if err != nil || len(first) != recoveryCodes {
		t.Fatal(first, err)
	}
	codes, err := h.NewRecoveryCodes(ctx, me, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for key, item := range h.store.items {
		for _, c := range codes {
			if s := string(item.Value); strings.Contains(s, c) || strings.Contains(s, plainCode(c)) {
				t.Errorf("a code is stored in the clear in %s", key)
			}
		}
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, first[0], address); state(err) != WrongCode {
		t.Errorf("a code of before: %v", err)
	}
	if s, _, err := h.SignIn(ctx, "amara", phrase, " "+strings.ToLower(codes[3])+" ", address); err != nil || s.How != "password and recovery code" {
		t.Errorf("a code: %+v %v", s, err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, codes[3], address); state(err) != WrongCode {
		t.Errorf("a code twice: %v", err)
	}
	if got, _ := h.FindByID(ctx, a.ID); got.RecoveryLeft != recoveryCodes-1 {
		t.Errorf("%d codes left", got.RecoveryLeft)
	}
	if _, _, err := h.SignIn(ctx, "amara", "wrong wrong wrong", codes[4], address); state(err) != Wrong {
		t.Errorf("a code with a wrong password: %v", err)
	}
	if _, err := h.NewRecoveryCodes(ctx, system, a.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("codes for somebody else: %v", err)
	}
}

// TestCodesAreLongOrHashedSlowly: what is typed from paper holds 112 bits and more where it is kept
// as a plain digest; codes of a former version, shorter, work until they are used.
func TestCodesAreLongOrHashedSlowly(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a := h.account("amara", trust.Physician, secretTOTP)
	codes, err := h.NewRecoveryCodes(ctx, Principal(a, Session{ID: "s"}), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(codes, newRecoveryCode()) {
		raw, err := base32.StdEncoding.DecodeString(plainCode(c))
		if err != nil || len(raw)*8 < 112 || len(strings.Split(c, "-")) != 6 {
			t.Errorf("%q holds %d bits: %v", c, len(raw)*8, err)
		}
	}
	const former = "ABCD-EFGH-IJKL-MNOP"
	if err := h.update(ctx, system, a.ID, "test", func(c *credentials) error {
		c.Recovery = []string{digest(plainCode(former))}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, former, address); err != nil {
		t.Errorf("a code of a former version: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, former, address); state(err) != WrongCode {
		t.Errorf("once more: %v", err)
	}
}

// TestALostSecondFactorIsResetByAnotherAdministrator: the old password opens nothing after it.
func TestALostSecondFactorIsResetByAnotherAdministrator(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a, boss := h.account("amara", trust.Physician, secretTOTP), h.account("sam", trust.Administrator, secretTOTP)
	d := h.withPasskey(a)
	_, secret, err := h.SignInPasskey(ctx, site, d.use(h.challengeFor("")), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ResetFactors(ctx, Principal(boss, Session{}), boss.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the own one: %v", err)
	}
	if _, err := h.ResetFactors(ctx, Principal(a, Session{}), boss.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("by a physician: %v", err)
	}
	link, err := h.ResetFactors(ctx, Principal(boss, Session{}), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Session(ctx, secret); state(err) != Over {
		t.Errorf("a session of before: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); state(err) != Wrong {
		t.Errorf("the password of before: %v", err)
	}
	if _, _, err := h.SignInPasskey(ctx, site, d.use(h.challengeFor("")), address); state(err) != WrongPasskey {
		t.Errorf("the passkey of before: %v", err)
	}
	if _, err := h.CompleteInvite(ctx, link, "", "another calm river"); err != nil {
		t.Fatal(err)
	}
	if s, _, err := h.SignIn(ctx, "amara", "another calm river", "", address); err != nil || !s.Weak {
		t.Errorf("afterwards a second factor has to be set up: %+v %v", s, err)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a := h.account("amara", trust.Physician, secretTOTP)
	d := h.withPasskey(a)
	var secrets []string
	var own Session
	for _, device := range []string{"Firefox on Windows", "Safari on iPhone", "Chrome on Linux"} {
		s, secret, err := h.SignInPasskey(ctx, site, d.use(h.challengeFor("")), Place{Address: "192.0.2.7:99", Device: device})
		if err != nil {
			t.Fatal(err)
		}
		own, secrets = s, append(secrets, secret)
		h.clock.Advance(2 * time.Minute)
	}
	me := Principal(a, own)
	list, err := h.Sessions(ctx, me, a.ID)
	if err != nil || len(list) != 3 || list[0].From.Device != "Chrome on Linux" || list[0].ID != own.ID {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := h.Sessions(ctx, trust.Principal{ID: "x", Role: trust.Nurse}, a.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a stranger's list: %v", err)
	}
	if n, err := h.EndSessions(ctx, me, a.ID, list[2].ID); n != 1 || err != nil {
		t.Errorf("one: %d %v", n, err)
	}
	if _, _, err := h.Session(ctx, secrets[0]); state(err) != Over {
		t.Errorf("the ended one: %v", err)
	}
	if n, err := h.EndSessions(ctx, me, a.ID, "others"); n != 1 || err != nil {
		t.Errorf("the others: %d %v", n, err)
	}
	if _, _, err := h.Session(ctx, secrets[1]); state(err) != Over {
		t.Errorf("another one: %v", err)
	}
	if _, _, err := h.Session(ctx, secrets[2]); err != nil {
		t.Errorf("the own one: %v", err)
	}
}

// TestStrangersLockNobodyOutOfAnOpenSession: who guesses at a name's sign-in keeps its owner from nothing in
// the session that is open; what is guessed in there waits by itself; and a proof in there, with the
// password alone, gives nobody new guesses at the front door.
func TestStrangersLockNobodyOutOfAnOpenSession(t *testing.T) {
	h, ctx := strict(t), context.Background()
	h.account("amara", trust.Physician, secretTOTP)
	code, _ := TOTPCode(secretTOTP, h.clock.Now())
	_, secret, err := h.SignIn(ctx, "amara", phrase, code, address)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		_, _, _ = h.SignIn(ctx, "amara", "not the phrase at all", "", Place{Address: fmt.Sprintf("203.0.113.%d", i)})
		h.clock.Advance(20 * time.Second)
	}
	h.clock.Advance(-10 * time.Second)
	away := Place{Address: "198.51.100.7"}
	if _, _, err := h.SignIn(ctx, "amara", "not the phrase at all", "", away); state(err) != Waiting {
		t.Fatalf("the front door does not wait: %v", err)
	}
	_, secret, err = h.Prove(ctx, secret, Proof{Password: phrase}, address)
	if err != nil {
		t.Fatalf("her own session is locked by strangers: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "amara", "not the phrase at all", "", away); state(err) != Waiting {
		t.Errorf("her proof gives them new guesses: %v", err)
	}
	for range 5 {
		_, _, _ = h.Prove(ctx, secret, Proof{Password: "not the phrase at all"}, address)
	}
	if _, _, err = h.Prove(ctx, secret, Proof{Password: phrase}, address); state(err) != Waiting {
		t.Errorf("guesses in the session do not wait: %v", err)
	}
}

// TestStrangersDelayNobodyInABrowserThatIsKnown: who guesses at a name from elsewhere delays a sign-in from
// elsewhere, and not its owner's in a browser in which she has signed in before; guesses there wait by
// themselves; and what the cookie says counts for her name alone, until all of her sessions are ended.
func TestStrangersDelayNobodyInABrowserThatIsKnown(t *testing.T) {
	h, ctx := strict(t), context.Background()
	a := h.account("amara", trust.Physician, secretTOTP)
	h.account("noor", trust.Nurse, secretTOTP)
	in := func(user, password string, from Place) (Session, error) {
		h.clock.Advance(31 * time.Second) // a code counts once
		code, _ := TOTPCode(secretTOTP, h.clock.Now())
		s, _, err := h.SignIn(ctx, user, password, code, from)
		return s, err
	}
	first, err := in("amara", phrase, address)
	if err != nil || first.Browser == "" {
		t.Fatalf("the first sign-in: %v, cookie %q", err, first.Browser)
	}
	ward := address
	ward.Browser = first.Browser
	guess := func() { // until the wait is long
		for i := range 100 {
			_, _, err := h.SignIn(ctx, "amara", "not the phrase at all", "", Place{Address: fmt.Sprintf("203.0.113.%d", i)})
			var refused *Refusal
			if errors.As(err, &refused) && refused.State == Waiting {
				left := refused.Until.Sub(h.clock.Now())
				if left > 2*time.Minute {
					return
				}
				h.clock.Advance(left)
			}
		}
		t.Fatal("strangers can guess for ever")
	}
	guess()
	if _, err := in("amara", phrase, address); state(err) != Waiting {
		t.Fatalf("the front door does not wait: %v", err)
	}
	guess()
	again, err := in("amara", phrase, ward)
	if err != nil || again.Browser == first.Browser {
		t.Fatalf("strangers delay her where she is known: %v, cookie %q", err, again.Browser)
	}
	former := ward
	ward.Browser = again.Browser
	guess()
	if _, err := in("amara", phrase, former); state(err) != Waiting {
		t.Errorf("a cookie that was replaced counts: %v", err)
	}
	guess()
	if _, err := in("amara", phrase, address); state(err) != Waiting {
		t.Errorf("her sign-in gives strangers new guesses: %v", err)
	}
	nurse, err := in("noor", phrase, ward) // of the same ward
	if err != nil || !strings.HasPrefix(nurse.Browser, again.Browser+".") {
		t.Fatalf("a second person in the browser: %v, cookie %q", err, nurse.Browser)
	}
	ward.Browser = nurse.Browser
	if planted, err := in("noor", phrase, Place{Address: "198.51.100.9", Browser: strings.Repeat("A", 43)}); err != nil || !strings.HasPrefix(planted.Browser, strings.Repeat("A", 43)+".") {
		t.Fatalf("with what somebody has planted: %v", err)
	}
	for range 12 { // whoever planted it has no guesses of its own by it
		_, _, _ = h.SignIn(ctx, "noor", "not the phrase at all", "", Place{Address: "203.0.113.77", Browser: strings.Repeat("A", 43)})
	}
	if _, err := in("noor", phrase, ward); err != nil {
		t.Errorf("what was planted delays her: %v", err)
	}
	for range 12 {
		_, _, _ = h.SignIn(ctx, "noor", "not the phrase at all", "", ward)
	}
	if _, _, err := h.SignIn(ctx, "noor", phrase, "", ward); state(err) != Waiting {
		t.Errorf("guesses in a browser that is known do not wait: %v", err)
	}
	guess()
	last, err := in("amara", phrase, ward)
	if err != nil {
		t.Errorf("the guesses at another name delay her: %v", err)
	}
	ward.Browser = last.Browser
	if err := h.EndAll(ctx, system, a.ID); err != nil {
		t.Fatal(err)
	}
	guess()
	if _, err := in("amara", phrase, ward); state(err) != Waiting {
		t.Errorf("the browser is known after all was ended: %v", err)
	}
}
