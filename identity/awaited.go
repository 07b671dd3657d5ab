package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
)

// Nobody of the staff opens a chart through the portal alone. What one member of staff sets up
// there waits for somebody else: access of a parent or carer, until the patient or a second member
// of staff confirms it (ConfirmProxy); a one-time link to a patient's or carer's account, until a
// second member of staff has seen the person and given them the check code (SeePerson). Each of
// the two writes one item here, which goes when it is answered or when its time is over.
const (
	spacePortalWaits = "portal-waiting" // key: "grant/" + grant id, or "link/" + account id
	waitsFor         = "somebody"       // owner of all of them
)

// Awaited is something about the portal that waits for a second person.
type Awaited struct {
	Grant   string      `json:"grant,omitempty"` // id of the ProxyGrant; "" for a one-time link
	Kind    ProxyKind   `json:"kind,omitempty"`
	Level   minor.Level `json:"level,omitempty"`
	Account string      `json:"account"` // who is to come in
	Patient string      `json:"patient,omitempty"`
	Made    Confirmed   `json:"made"`
}

func (w Awaited) concerns() string { return w.Patient }

func waitsNoMore(key string) store.ItemWrite {
	return store.ItemWrite{Item: store.Item{Space: spacePortalWaits, Key: key}, Delete: true, IfVersion: -1}
}

// PortalWaiting returns what a member of staff may answer of what waits, the oldest first: not
// what they asked for themselves.
func (a *Accounts) PortalWaiting(ctx context.Context, by trust.Principal) ([]Awaited, error) {
	grants, links := MayConfirmProxy(by), a.mayInvite(ctx, by, trust.Patient) == nil
	if by.ID == "" || !grants && !links {
		return nil, nil
	}
	items, err := a.store.Items(ctx, spacePortalWaits, waitsFor)
	if err != nil {
		return nil, err
	}
	var out []Awaited
	for _, item := range items {
		var w Awaited
		if err := json.Unmarshal(item.Value, &w); err != nil {
			return nil, err
		}
		if w.Made.ID != by.ID && (w.Grant != "" && grants || w.Grant == "" && links) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(x, y Awaited) int { return x.Made.At.Compare(y.Made.At) })
	return out, nil
}

// MayConfirmProxy reports whether a member of staff may confirm access that another one set up.
func MayConfirmProxy(by trust.Principal) bool {
	return (by.Role == trust.Physician || by.Role == trust.Nurse || by.Role == trust.Records) && by.ID != "" && by.Client == "" && len(by.Scopes) == 0
}

// ConfirmProxy lets a grant that waits count. The patient confirms it, in their own account and
// old enough for one; or a second member of staff, who says why. Where the patient has an account
// in use, that is for a physician, who judges whether the patient can decide.
func (a *Accounts) ConfirmProxy(ctx context.Context, by trust.Principal, id, why string) (ProxyGrant, error) {
	why = strings.Join(strings.Fields(why), " ")
	var g ProxyGrant
	err := again(func() (err error) {
		if g, err = a.proxyGrant(ctx, id); err != nil {
			return err
		}
		if err := a.mayConfirm(ctx, by, g, why); err != nil {
			return err
		}
		s, err := a.standing(ctx, g)
		if err != nil {
			return err
		}
		if !s.Waits() {
			return fault.New(fault.Invalid, "This access does not wait for a confirmation any more.")
		}
		if g.Born, err = a.born(ctx, g.Patient); err != nil {
			return err
		}
		if g.Confirmed = (Confirmed{by.ID, by.Name, a.clock.Now()}); by.Role != trust.Patient {
			g.Why = why
		}
		w, err := write(spaceProxy, g.ID, g.Account, g, time.Time{}, g.version)
		if err != nil {
			return err
		}
		leaf := a.leaf(by, ledger.Account, "confirm access as "+string(g.Kind)+", "+string(g.Level), g.Patient)
		leaf.Proxy, leaf.Reason = g.ID, g.Why
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w, waitsNoMore("grant/" + g.ID)}, Leaf: leaf})
		return err
	})
	return g, err
}

func (a *Accounts) mayConfirm(ctx context.Context, by trust.Principal, g ProxyGrant, why string) error {
	if by.Role == trust.Patient {
		if by.ID == g.Account || !MayGrantProxy(by, g.Patient) {
			return fault.New(fault.NotFound, "There is no such access.")
		}
		return a.oldEnough(ctx, g.Patient, func(r minor.Rule) int { return r.Account })
	}
	switch n := len([]rune(why)); {
	case !MayConfirmProxy(by):
		return fault.New(fault.Forbidden, "Access is confirmed by the patient, or by a physician, a nurse or health records.")
	case g.MadeID == "" || g.MadeID == by.ID:
		return fault.New(fault.Forbidden, "The confirmation comes from somebody else than who asked for the access.")
	case n < minReason || n > maxReason:
		return fault.New(fault.Invalid, "Say in a sentence how you know that the person has the right to it, %d to %d characters.", minReason, maxReason).At("why")
	}
	if by.Role == trust.Physician {
		return nil
	}
	uses, err := a.UsesPortal(ctx, g.Patient)
	if err == nil && uses {
		err = fault.New(fault.Invalid, "The patient uses the portal and confirms there. When the patient cannot decide any more, a physician confirms.").At("why")
	}
	return err
}

// oldEnough returns a fault for patients below an age of the jurisdiction.
func (a *Accounts) oldEnough(ctx context.Context, patient string, age func(minor.Rule) int) error {
	born, err := a.born(ctx, patient)
	if err != nil {
		return err
	}
	rule, err := a.Ages(ctx)
	if err == nil && !minor.Reached(born, age(rule), a.clock.Now()) {
		err = notYours()
	}
	return err
}

// UsesPortal reports whether a patient has an account of their own that was used.
func (a *Accounts) UsesPortal(ctx context.Context, patient string) (bool, error) {
	items, err := a.store.Items(ctx, spaceAccount, "account")
	if err != nil {
		return false, err
	}
	for _, item := range items {
		c, err := decodeAccount(item)
		if err != nil {
			return false, err
		}
		if c.Patient == patient && c.Role == trust.Patient && !c.Disabled && !c.Invited {
			return true, nil
		}
	}
	return false, nil
}

// newsFor is how long those who act for a patient are told about somebody new.
const newsFor = 30 * 24 * time.Hour

// ProxyNews returns what is new to somebody who acts for a patient: others who were let in, or wait
// for it, since a month. Not who they are: parents may have reasons to keep that from each other.
func (a *Accounts) ProxyNews(ctx context.Context, by trust.Principal) ([]ProxyStanding, error) {
	if by.Proxy == nil {
		return nil, nil
	}
	items, err := a.store.Items(ctx, spaceProxyFor, by.Patient)
	if err != nil {
		return nil, err
	}
	var out []ProxyStanding
	for _, item := range items {
		g, err := a.proxyGrant(ctx, item.Key)
		if err != nil {
			return nil, err
		}
		if g.Account == by.ID || a.clock.Now().Sub(g.Made) > newsFor {
			continue
		}
		s, err := a.standing(ctx, g)
		if err != nil {
			return nil, err
		}
		if s.Stands() || s.Waits() {
			out = append(out, ProxyStanding{ProxyGrant: ProxyGrant{Kind: g.Kind, Made: g.Made}, Level: s.Level, waits: s.waits})
		}
	}
	return out, nil
}
