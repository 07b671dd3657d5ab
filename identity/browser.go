package identity

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
)

// A browser in which somebody has signed in is known for a while, by a cookie that opens nothing. Whoever
// guesses at a name from elsewhere then does not delay its owner's sign-in there: the failures of a known
// browser are counted for it alone. A stolen cookie is worth guesses of its own, as few as anybody has.

// BrowserFor is how long a browser is known after the last sign-in in it.
const BrowserFor = 90 * 24 * time.Hour

// spaceBrowser keeps the browsers that are known. Its key is a digest of the cookie's secret and the user
// name, so that one browser can be known to several people of a ward; owner is the account.
const spaceBrowser = "browser"

// browserLength is how many characters the secret of a cookie has (ident.Secret).
const browserLength = 43

// knownBrowser is the value of such an item.
type knownBrowser struct {
	Patient string `json:"patient,omitempty"` // whose the account is, when it is a patient's
}

func (k knownBrowser) concerns() string { return k.Patient }

func browserKey(secret, user string) string {
	return digest(secret + "\x00" + strings.ToLower(strings.TrimSpace(user)))
}

// seenFrom returns the place of somebody who wants to sign in as user, which says whether the browser is known
// to that name.
func (a *Accounts) seenFrom(ctx context.Context, user string, from Place) (Place, error) {
	from.known = ""
	if len(from.Browser) != browserLength { // none, or not one of ours
		from.Browser = ""
		return from, nil
	}
	key := browserKey(from.Browser, user)
	_, err := a.store.Item(ctx, spaceBrowser, key)
	if fault.Is(err, fault.NotFound) {
		return from, nil
	}
	from.known = key
	return from, err
}

// remembered returns the write that makes a browser known to an account for as long as BrowserFor, and the
// secret of its cookie.
func (a *Accounts) remembered(c Account, from Place) (string, store.ItemWrite, error) {
	secret := from.Browser
	if secret == "" {
		secret = ident.Secret()
	}
	w, err := write(spaceBrowser, browserKey(secret, c.User), c.ID, knownBrowser{Patient: c.Patient}, a.clock.Now().Add(BrowserFor), -1)
	return secret, w, err
}
