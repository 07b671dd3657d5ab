package identity

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// TestEmergencyPaperAccess goes the whole way: two confirm, the code works once and opens only
// the page of a new factor, the lost one is gone afterwards, and everything is audited and told.
func TestEmergencyPaperAccess(t *testing.T) {
	h, ctx := strict(t), context.Background()
	nina := h.account("nina", trust.Nurse, secretTOTP)
	sam, ada := h.account("sam", trust.Administrator, secretTOTP), h.account("ada", trust.Administrator, secretTOTP)
	desk := h.account("tom", trust.FrontDesk, secretTOTP)
	one, two := Principal(sam, Session{}), Principal(ada, Session{})
	const why = "Phone lost, ward round begins at eight"

	code, _ := TOTPCode(secretTOTP, h.clock.Now())
	_, open, err := h.SignIn(ctx, "nina", phrase, code, address) // on another device, and a thief's perhaps
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"without a reason":        h.AskPaper(ctx, one, nina.ID, "lost"),
		"for oneself":             h.AskPaper(ctx, Principal(nina, Session{}), nina.ID, why),
		"an administrator's own":  h.AskPaper(ctx, one, sam.ID, why),
		"by the front desk":       h.AskPaper(ctx, Principal(desk, Session{}), nina.ID, why),
		"by the program":          h.AskPaper(ctx, system, nina.ID, why),
		"confirmed before asking": func() error { _, err := h.ConfirmPaper(ctx, two, nina.ID); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: allowed", name)
		}
	}
	if err := h.AskPaper(ctx, one, nina.ID, why); err != nil {
		t.Fatal(err)
	}
	if l := h.last(); l.Actor != sam.ID || !strings.Contains(l.Query, why) {
		t.Errorf("the first in the audit: %+v", l)
	}
	if _, err := h.ConfirmPaper(ctx, one, nina.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("both by one: %v", err)
	}
	if _, err := h.ConfirmPaper(ctx, Principal(nina, Session{}), nina.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("by the person: %v", err)
	}
	h.clock.Advance(PaperWaits)
	if _, err := h.ConfirmPaper(ctx, two, nina.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("after an hour: %v", err)
	}
	if err := h.AskPaper(ctx, one, nina.ID, why); err != nil {
		t.Fatal(err)
	}
	if err := h.Deactivate(ctx, two, sam.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ConfirmPaper(ctx, two, nina.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("the first has left: %v", err)
	}
	if err := h.Enable(ctx, two, sam.ID); err != nil {
		t.Fatal(err)
	}
	paper, err := h.ConfirmPaper(ctx, two, nina.ID)
	if err != nil {
		t.Fatal(err)
	}
	if l := h.last(); l.Actor != ada.ID || l.Query != "confirm emergency paper access for nina" {
		t.Errorf("the second in the audit: %+v", l)
	}
	for key, item := range h.store.items {
		if strings.Contains(string(item.Value), paper) || strings.Contains(string(item.Value), plainCode(paper)) {
			t.Errorf("the code is stored in the clear in %s", key)
		}
	}
	if c, err := h.FindByID(ctx, nina.ID); err != nil || !c.Paper.News() || c.Paper.First.Name != sam.Name || c.Paper.Second.Name != ada.Name {
		t.Errorf("what the person is told: %+v %v", c.Paper, err)
	}

	if _, _, err := h.SignIn(ctx, "nina", "not the password at all", paper, address); state(err) != Wrong {
		t.Errorf("without the password: %v", err)
	}
	s, secret, err := h.SignIn(ctx, "nina", phrase, paper, address)
	if err != nil || !s.Weak || s.How != "password and paper" {
		t.Fatalf("on paper: %+v %v", s, err)
	}
	if _, _, err := h.Session(ctx, open); state(err) != Over {
		t.Errorf("what was open before: %v", err)
	}
	if _, _, err := h.SignIn(ctx, "nina", phrase, paper, address); state(err) != WrongCode {
		t.Errorf("the code again: %v", err)
	}
	_, who, err := h.Session(ctx, secret)
	if state(err) != NeedsFactor || Principal(who, s).ID != "" {
		t.Errorf("the session opens more than a new factor: %v", err)
	}
	if _, _, err := h.Strengthen(ctx, secret); state(err) != NeedsFactor {
		t.Errorf("going on without a new factor: %v", err)
	}
	// Whoever has the password only still meets the lost factor, and sets none up.
	if _, _, err := h.SignIn(ctx, "nina", phrase, "", address); state(err) != NeedsCode {
		t.Errorf("the password alone meanwhile: %v", err)
	}
	me := Self(who, s)
	e, err := h.EnrolTOTP(ctx, me, nina.ID)
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := TOTPCode(e.Secret, h.clock.Now())
	if err := h.ConfirmTOTP(ctx, me, nina.ID, fresh); err != nil {
		t.Fatal(err)
	}
	if s, _, err = h.Strengthen(ctx, secret); err != nil || s.Weak {
		t.Fatalf("with a new factor: %v", err)
	}
	h.clock.Advance(time.Minute)
	lost, _ := TOTPCode(secretTOTP, h.clock.Now())
	if _, _, err := h.SignIn(ctx, "nina", phrase, lost, address); state(err) != WrongCode {
		t.Errorf("the lost factor: %v", err)
	}
	fresh, _ = TOTPCode(e.Secret, h.clock.Now())
	if _, _, err := h.SignIn(ctx, "nina", phrase, fresh, address); err != nil {
		t.Errorf("the new factor: %v", err)
	}
	if err := h.KnowsPaper(ctx, one, nina.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("somebody else knows: %v", err)
	}
	if err := h.KnowsPaper(ctx, Principal(nina, Session{}), nina.ID); err != nil {
		t.Fatal(err)
	}
	if c, _ := h.FindByID(ctx, nina.ID); c.Paper.News() || c.Paper.Used.IsZero() || c.Paper.Finished.IsZero() {
		t.Errorf("afterwards: %+v", c.Paper)
	}
}

// TestPaperRunsOut: a code that nobody used in time, or that was taken back, opens nothing.
func TestPaperRunsOut(t *testing.T) {
	h, ctx := strict(t), context.Background()
	nina := h.account("nina", trust.Nurse, secretTOTP)
	sam, ada := h.account("sam", trust.Administrator, ""), h.account("ada", trust.Administrator, "")
	sure := func(a Account) trust.Principal { return Principal(a, Session{}) }
	h.Accounts.options.PasswordAlone = true // the administrators of this test need no factor
	paper := func() string {
		if err := h.AskPaper(ctx, sure(sam), nina.ID, "Phone lost at the weekend"); err != nil {
			t.Fatal(err)
		}
		code, err := h.ConfirmPaper(ctx, sure(ada), nina.ID)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	code := paper()
	h.clock.Advance(PaperFor)
	if _, _, err := h.SignIn(ctx, "nina", phrase, code, address); state(err) != WrongCode {
		t.Errorf("too late: %v", err)
	}
	code = paper()
	if err := h.DropPaper(ctx, sure(nina), nina.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.SignIn(ctx, "nina", phrase, code, address); state(err) != WrongCode {
		t.Errorf("taken back: %v", err)
	}
	if err := h.DropPaper(ctx, sure(sam), nina.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("nothing to take back: %v", err)
	}
	blank := h.account("fred", trust.Nurse, "")
	if err := h.AskPaper(ctx, sure(sam), blank.ID, "Phone lost at the weekend"); !fault.Is(err, fault.Conflict) {
		t.Errorf("nothing was lost: %v", err)
	}
}
