package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// A one-time link to the portal works in two hands. Whoever makes it hands it to the patient or
// carer; a second member of staff, who has seen the person, gives them a check code. Neither of
// the two gets in alone. The code has 40 random bits, is kept under the hash of passwords, and
// counts beside the 256 bits of the link, for checkTries attempts.
const (
	checkBytes = 5
	checkTries = 5
)

// Seen is how a second member of staff knows who somebody is.
type Seen string

// The ways.
const (
	SeenPaper Seen = "photo-id"
	SeenKnown Seen = "known"
	SeenVideo Seen = "video"
)

var seenWords = []struct {
	seen Seen
	text string
}{
	{SeenPaper, "The person is here and showed an identity card with a photo"},
	{SeenKnown, "The person is here and I know them myself"},
	{SeenVideo, "I see the person by video, with an identity card with a photo"},
}

// SeenWays returns the ways in the order in which they are offered.
func SeenWays() []Seen {
	var out []Seen
	for _, w := range seenWords {
		out = append(out, w.seen)
	}
	return out
}

// Text is the way in words; "" for one that does not exist.
func (s Seen) Text() string {
	for _, w := range seenWords {
		if w.seen == s {
			return w.text
		}
	}
	return ""
}

// SeePerson notes that a second member of staff has seen to whom the one-time link of an account
// belongs, and returns the check code for the person, this once.
func (a *Accounts) SeePerson(ctx context.Context, by trust.Principal, account string, how Seen) (string, error) {
	c, err := a.load(ctx, account)
	if err != nil {
		return "", err
	}
	if by.Client != "" || len(by.Scopes) > 0 || by.ID == "" || a.mayInvite(ctx, by, c.Role) != nil {
		return "", fault.New(fault.Forbidden, "A check code is given by whoever may invite patients.")
	}
	if how.Text() == "" {
		return "", fault.New(fault.Invalid, "Choose how you know who it is.").At("seen")
	}
	code := newCheckCode()
	hash := ""
	if err := a.hash(ctx, func() { hash = hashPassword(plainCode(code), a.options.Cost) }); err != nil {
		return "", err
	}
	err = again(func() error {
		l, err := a.askingLink(ctx, c.ID)
		switch {
		case err != nil:
			return err
		case l.Made.ID == by.ID:
			return fault.New(fault.Forbidden, "You made this link: a colleague who has seen the person gives the check code.")
		case l.Check != "":
			return fault.New(fault.Invalid, "The check code was given already. If it is lost, make a new link.").At("seen")
		}
		l.Check, l.Seen = hash, Confirmed{by.ID, by.Name, a.clock.Now()}
		w, err := writeLink(l.key, c.ID, l)
		if err != nil {
			return err
		}
		leaf := a.leaf(by, ledger.Account, "give check code for the link of "+c.User, c.Patient)
		leaf.Reason = how.Text()
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w, waitsNoMore("link/" + c.ID)}, Leaf: leaf})
		return err
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// askingLink returns the link of an account that needs a check code.
func (a *Accounts) askingLink(ctx context.Context, account string) (Link, error) {
	items, err := a.store.Items(ctx, spaceSetup, account)
	if err != nil {
		return Link{}, err
	}
	for _, item := range items {
		l := Link{key: item.Key, version: item.Version}
		if err := json.Unmarshal(item.Value, &l); err != nil {
			return Link{}, err
		}
		if l.Asks && a.clock.Now().Before(l.Expires) {
			return l, nil
		}
	}
	return Link{}, fault.New(fault.Invalid, "No link of this account waits for a check code: it was used, or its time is over. Make a new one.").At("seen")
}

// checked returns a link, and counts and compares the check code where it needs one. Attempts
// are counted before they are looked at, so that many at once are no more than one after the other.
func (a *Accounts) checked(ctx context.Context, secret, check string) (Link, error) {
	l, err := a.FindLink(ctx, secret)
	if err != nil || !l.Asks {
		return l, err
	}
	if l.Check == "" {
		return l, fault.New(fault.Invalid, "The clinic has not given the check code yet. Ask there: somebody else than who gave you the link looks who you are, and gives it to you.").At("check")
	}
	err = again(func() error {
		if l, err = a.FindLink(ctx, secret); err != nil {
			return err
		}
		if l.Tries++; l.Tries > checkTries {
			return fault.New(fault.Gone, "The check code was wrong too often, and this link does not work any more. Ask the clinic for a new one.")
		}
		w, err := writeLink(l.key, l.Account, l)
		if err != nil {
			return err
		}
		leaf := a.leaf(trust.Principal{ID: "unknown"}, ledger.SignIn, "check code of a one-time link typed", "")
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf})
		return err
	})
	if err != nil {
		return l, err
	}
	right, err := a.matches(ctx, plainCode(check), l.Check)
	if err == nil && !right {
		err = fault.New(fault.Invalid, "The check code is not right. It works for %d attempts in all.", checkTries).At("check")
	}
	if err != nil {
		return l, err
	}
	return a.FindLink(ctx, secret) // as it stands now, to be used up
}

func newCheckCode() string {
	b := make([]byte, checkBytes)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return grouped(base32.StdEncoding.EncodeToString(b))
}
