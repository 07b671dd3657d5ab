package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
)

// A browser in which somebody has signed in is known for a while, by a cookie that opens nothing. Whoever
// guesses at a name from elsewhere then does not delay its owner's sign-in there: the failures of a known
// browser are counted for it and that name alone. A stolen cookie is worth guesses of its own, as few as
// anybody has.
//
// The cookie holds a secret for each of the people of a ward who share the browser, made anew at each of their
// sign-ins: what a browser brings along of itself is never taken over.

// BrowserFor is how long a browser is known after the last sign-in in it.
const BrowserFor = 90 * 24 * time.Hour

// spaceBrowser keeps the browsers that are known. Its key is a digest of the secret and the user name; owner is
// the account.
const spaceBrowser = "browser"

const (
	browserLength = 43 // characters of a secret (ident.Secret)
	browserPeople = 12 // to whom one browser is known
)

// knownBrowser is the value of such an item.
type knownBrowser struct {
	Patient string `json:"patient,omitempty"` // whose the account is, when it is a patient's
}

func (k knownBrowser) concerns() string { return k.Patient }

func browserKey(secret, user string) string {
	return digest(secret + "\x00" + strings.ToLower(strings.TrimSpace(user)))
}

// browserSecrets reads a cookie.
func browserSecrets(cookie string) []string {
	if len(cookie) > browserPeople*(browserLength+1) {
		return nil
	}
	return slices.DeleteFunc(strings.Split(cookie, "."), func(s string) bool { return len(s) != browserLength })
}

// seenFrom returns the place of somebody who wants to sign in as user, which says whether the browser is known
// to that name.
func (a *Accounts) seenFrom(ctx context.Context, user string, from Place) (Place, error) {
	from.known = ""
	for _, secret := range browserSecrets(from.Browser) {
		key := browserKey(secret, user)
		_, err := a.store.Item(ctx, spaceBrowser, key)
		if err == nil {
			from.known = key
			return from, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return from, err
		}
	}
	return from, nil
}

// remembered returns the writes that make a browser known to an account for as long as BrowserFor, and its
// cookie.
func (a *Accounts) remembered(c Account, from Place) (string, []store.ItemWrite, error) {
	secret := ident.Secret()
	w, err := write(spaceBrowser, browserKey(secret, c.User), c.ID, knownBrowser{Patient: c.Patient}, a.clock.Now().Add(BrowserFor), 0)
	if err != nil {
		return "", nil, err
	}
	items := []store.ItemWrite{w}
	kept := browserSecrets(from.Browser)
	if from.known != "" { // one secret for a name
		kept = slices.DeleteFunc(kept, func(s string) bool { return browserKey(s, c.User) == from.known })
		items = append(items, store.ItemWrite{Item: store.Item{Space: spaceBrowser, Key: from.known}, Delete: true, IfVersion: -1})
	}
	kept = append(kept, secret)
	return strings.Join(kept[max(0, len(kept)-browserPeople):], "."), items, nil
}
