package identity

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

const why = "Unconscious in the waiting room"

func ask(patient string) GlassRequest {
	return GlassRequest{Patient: patient, Reason: GlassEmergency, Text: why, Password: phrase, Address: address.Address}
}

// in is the principal of an account in a session.
func (h house) in(a Account) trust.Principal { return Principal(a, Session{ID: "s-" + a.User}) }

func TestBreakGlassOpensOneRecordForAnHour(t *testing.T) {
	h, ctx := open(t), context.Background()
	anna := h.in(h.account("anna", trust.Physician, ""))
	g, err := h.BreakGlass(ctx, anna, ask("p1"))
	if err != nil {
		t.Fatal(err)
	}
	see := func() trust.Principal {
		t.Helper()
		var err error
		p := anna
		if p.Glass, err = h.Glass(ctx, anna.ID); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := see(); p.Opened("p1", h.clock.Now()).ID != g.ID || p.Opened("p2", h.clock.Now()).ID != "" {
		t.Errorf("opened: %+v", p.Glass)
	}
	if again, err := h.BreakGlass(ctx, anna, ask("p1")); err != nil || again.ID != g.ID {
		t.Errorf("opened twice: %+v %v", again, err)
	}
	last := h.store.leaves[len(h.store.leaves)-1]
	if last.Glass != g.ID || last.Purpose != "BTG" || last.Reason != why || len(last.Patients) != 1 || last.Patients[0] != "p1" || last.Actor != anna.ID {
		t.Errorf("leaf: %+v", last)
	}
	h.clock.Advance(GlassFor - time.Second)
	if p := see(); len(p.Glass) != 1 {
		t.Error("closed before its time")
	}
	h.clock.Advance(time.Second)
	if p := see(); len(p.Glass) != 0 || p.Opened("p1", h.clock.Now()).ID != "" {
		t.Error("minute 61 is still open")
	}
	if g2, err := h.BreakGlass(ctx, anna, ask("p1")); err != nil || g2.ID == g.ID {
		t.Errorf("a second hour: %+v %v", g2, err)
	}
}

func TestBreakGlassAsksForAReasonAndForProof(t *testing.T) {
	h, ctx := open(t), context.Background()
	anna := h.in(h.account("anna", trust.Physician, secretTOTP))
	for name, change := range map[string]func(*GlassRequest){
		"no patient":            func(q *GlassRequest) { q.Patient = "" },
		"no reason":             func(q *GlassRequest) { q.Reason = "" },
		"a reason of one's own": func(q *GlassRequest) { q.Reason = "curious" },
		"no words":              func(q *GlassRequest) { q.Text = "  " },
		"no words but dots":     func(q *GlassRequest) { q.Text = "....................." },
		"one word":              func(q *GlassRequest) { q.Text = "x" },
		"too many words":        func(q *GlassRequest) { q.Text = strings.Repeat("word ", 300) },
	} {
		q := ask("p1")
		change(&q)
		if _, err := h.BreakGlass(ctx, anna, q); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := ask("p1")
	q.Password = "wrong wrong wrong"
	if _, err := h.BreakGlass(ctx, anna, q); state(err) != Wrong {
		t.Errorf("wrong password: %v", err)
	}
	if last := h.store.leaves[len(h.store.leaves)-1]; last.Outcome == "" || last.Action != ledger.SignIn {
		t.Errorf("the wrong password is not in the log: %+v", last)
	}
	for range freeUser + 1 {
		h.BreakGlass(ctx, anna, q)
	}
	if _, err := h.BreakGlass(ctx, anna, ask("p1")); state(err) != Waiting {
		t.Errorf("guesses do not lock: %v", err)
	}
	anna.Proved = h.clock.Now().Add(-ProofFor - time.Second)
	if _, err := h.BreakGlass(ctx, anna, GlassRequest{Patient: "p1", Reason: GlassEmergency, Text: why}); err == nil {
		t.Error("an old proof is enough")
	}
	anna.Proved = h.clock.Now().Add(time.Hour)
	if _, err := h.BreakGlass(ctx, anna, GlassRequest{Patient: "p1", Reason: GlassEmergency, Text: why}); err == nil {
		t.Error("a proof of the future is enough")
	}
	anna.Proved = h.clock.Now().Add(-time.Minute)
	if _, err := h.BreakGlass(ctx, anna, GlassRequest{Patient: "p1", Reason: GlassEmergency, Text: why}); err != nil {
		t.Errorf("a fresh proof: %v", err)
	}
}

func TestBreakGlassIsForClinicians(t *testing.T) {
	h, ctx := open(t), context.Background()
	for _, role := range []trust.Role{trust.FrontDesk, trust.Biller, trust.Administrator, trust.Auditor, trust.Patient} {
		p := h.in(h.account("u-"+string(role), role, ""))
		if _, err := h.BreakGlass(ctx, p, ask("p1")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", role, err)
		}
	}
	anna := h.in(h.account("anna", trust.Physician, ""))
	for name, change := range map[string]func(*trust.Principal){
		"a token":                     func(p *trust.Principal) { p.Scopes = []string{"user/*.rs"} },
		"a program":                   func(p *trust.Principal) { p.Client = "app" },
		"somebody without a session":  func(p *trust.Principal) { p.Session = "" },
		"somebody without an account": func(p *trust.Principal) { p.ID = "gone" },
	} {
		p := anna
		change(&p)
		if _, err := h.BreakGlass(ctx, p, ask("p1")); err == nil {
			t.Errorf("%s opens a record", name)
		}
	}
	secret, err := h.IssueToken(ctx, anna, anna.ID, []string{"user/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.BreakGlass(ctx, anna, ask("p1")); err != nil {
		t.Fatal(err)
	}
	if p, err := h.Token(ctx, secret); err != nil || len(p.Glass) != 0 {
		t.Errorf("a token of the same person sees through the glass: %+v %v", p.Glass, err)
	}
}

func TestGlassIsEndedByHandAndReviewed(t *testing.T) {
	h, ctx := open(t), context.Background()
	anna, bo := h.in(h.account("anna", trust.Physician, "")), h.in(h.account("bo", trust.Nurse, ""))
	officer, boss := h.in(h.account("olu", trust.Auditor, "")), h.in(h.account("ada", trust.Administrator, ""))
	maria := trust.Principal{ID: "m", Role: trust.Patient, Patient: "p1"}
	g, err := h.BreakGlass(ctx, anna, ask("p1"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.BreakGlass(ctx, bo, ask("p2"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := h.GlassToReview(ctx, officer); err != nil || n != 2 {
		t.Errorf("%d wait: %v", n, err)
	}
	if _, err := h.EndGlass(ctx, bo, g.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a colleague ends it: %v", err)
	}
	h.clock.Advance(10 * time.Minute)
	if ended, err := h.EndGlass(ctx, anna, g.ID); err != nil || !ended.End().Equal(h.clock.Now()) {
		t.Errorf("ended: %+v %v", ended, err)
	}
	if open, _ := h.Glass(ctx, anna.ID); len(open) != 0 {
		t.Error("still open after its end")
	}
	if _, err := h.EndGlass(ctx, anna, g.ID); err != nil {
		t.Errorf("ended twice: %v", err)
	}
	if _, err := h.EndGlass(ctx, officer, other.ID); err != nil {
		t.Errorf("the officer ends it: %v", err)
	}
	if n, _ := h.GlassToReview(ctx, officer); n != 2 {
		t.Errorf("an ended access left the queue: %d", n)
	}

	if _, err := h.ReviewGlass(ctx, anna, g.ID, GlassAppropriate, ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a physician reviews: %v", err)
	}
	if _, err := h.ReviewGlass(ctx, officer, g.ID, GlassNotAppropriate, " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("no comment: %v", err)
	}
	if _, err := h.ReviewGlass(ctx, officer, g.ID, "fine", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("an outcome that does not exist: %v", err)
	}
	if _, err := h.ReviewGlass(ctx, officer, g.ID, GlassNotAppropriate, "A neighbour"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ReviewGlass(ctx, boss, g.ID, GlassAppropriate, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("reviewed twice: %v", err)
	}
	if n, _ := h.GlassToReview(ctx, officer); n != 1 {
		t.Errorf("%d wait after one review", n)
	}
	list, err := h.GlassAbout(ctx, maria, "p1")
	if err != nil || len(list) != 1 || list[0].Review == nil || list[0].Review.By != officer.Name || list[0].Review.Comment != "" || list[0].Text != why {
		t.Errorf("the patient reads %+v %v", list, err)
	}
	for _, p := range []trust.Principal{maria, anna, {}} {
		if _, err := h.GlassAbout(ctx, p, "p2"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s reads about somebody else: %v", p.Role, err)
		}
		if _, err := h.GlassGrants(ctx, p); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s reads the queue: %v", p.Role, err)
		}
	}
	if all, err := h.GlassGrants(ctx, boss); err != nil || len(all) != 2 {
		t.Errorf("all: %d %v", len(all), err)
	}
}

// TestGlassAndARewoundClock: a clock that is set back makes no hour longer.
func TestGlassAndARewoundClock(t *testing.T) {
	h, ctx := open(t), context.Background()
	anna := h.in(h.account("anna", trust.Physician, ""))
	if _, err := h.BreakGlass(ctx, anna, ask("p1")); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(-time.Hour)
	if open, err := h.Glass(ctx, anna.ID); err != nil || len(open) != 0 {
		t.Errorf("open at a time before it was opened: %v %v", open, err)
	}
}

// TestGlassOnSQLite: what is open goes with its time, the grant and its place in the queue stay.
func TestGlassOnSQLite(t *testing.T) {
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
	account, err := a.Create(ctx, system, Draft{User: "anna", Name: "Dr Anna", Role: trust.Physician, Practitioner: "n1", Password: phrase})
	if err != nil {
		t.Fatal(err)
	}
	officer := trust.Principal{ID: "o", Name: "Olu", Role: trust.Auditor}
	g, err := a.BreakGlass(ctx, Principal(account, Session{ID: "s"}), ask("p1"))
	if err != nil {
		t.Fatal(err)
	}
	if open, err := a.Glass(ctx, account.ID); err != nil || len(open) != 1 {
		t.Errorf("open: %v %v", open, err)
	}
	c.Advance(GlassFor)
	if open, err := a.Glass(ctx, account.ID); err != nil || len(open) != 0 {
		t.Errorf("after the hour: %v %v", open, err)
	}
	if n, err := a.GlassToReview(ctx, officer); err != nil || n != 1 {
		t.Errorf("%d wait: %v", n, err)
	}
	if _, err := a.ReviewGlass(ctx, officer, g.ID, GlassAppropriate, ""); err != nil {
		t.Error(err)
	}
	if list, err := a.GlassGrants(ctx, officer); err != nil || len(list) != 1 || list[0].Review == nil {
		t.Errorf("%+v %v", list, err)
	}
}

// TestGlassThatWasNotRightEndsWithItsReview: what the review finds not appropriate does not stay
// open; what was appropriate goes on until its end.
func TestGlassThatWasNotRightEndsWithItsReview(t *testing.T) {
	h, ctx := open(t), context.Background()
	anna, officer := h.in(h.account("anna", trust.Physician, "")), h.in(h.account("olu", trust.Auditor, ""))
	for patient, outcome := range map[string]GlassOutcome{"p1": GlassNotAppropriate, "p2": GlassAppropriate} {
		g, err := h.BreakGlass(ctx, anna, ask(patient))
		if err != nil {
			t.Fatal(err)
		}
		g, err = h.ReviewGlass(ctx, officer, g.ID, outcome, "seen")
		if err != nil || g.Open(h.clock.Now()) != (outcome == GlassAppropriate) {
			t.Errorf("%s: open %v, %v", outcome, g.Open(h.clock.Now()), err)
		}
	}
	open, err := h.Glass(ctx, anna.ID)
	if err != nil || len(open) != 1 || open[0].Patient != "p2" {
		t.Errorf("open after the reviews: %+v %v", open, err)
	}
}
