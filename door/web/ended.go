package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/osler-emr/osler/identity"
)

// Cookies by which the sign-in page says why somebody is there again. They name nobody and hold no
// secret, and only choose among the sentences of endings: a stranger learns nothing of any account.
const (
	untilCookie = "osler-until" // the second at which the session of this browser ends in any case
	endedCookie = "osler-ended" // why the session of this browser ended, until it is told
)

// How long they are kept: a day's work is over when the next one begins, the rest is told at once.
const (
	untilFor = identity.SessionFor + 12*time.Hour
	endedFor = 5 * time.Minute
)

// Why a session ended.
const (
	endedByTime = "time" // it has lasted as long as one lasts
	endedAway   = "away" // from another place: signed out, another password, the account was closed
	endedByHand = "out"  // here, or in another tab
)

// ending is a reason in words; "" for what is none. It does not say which of the things happened that
// end a session from another place: that would tell of the account.
func (r *Request) ending(why string) string {
	switch why {
	case endedByTime:
		return r.Lang.T("You were signed out because everybody signs in again after %d hours.", int(identity.SessionFor.Hours()))
	case endedAway:
		return r.Lang.T("You were signed out from another place, or the clinic has ended the session.")
	case endedByHand:
		return r.Lang.T("You have signed out.")
	}
	return ""
}

// started puts a new session into the browser, with the time at which it ends, and what the browser is known
// by from now on.
func (s *Site) started(w http.ResponseWriter, session identity.Session, secret string) {
	s.begin(w, secret)
	if session.Browser != "" {
		http.SetCookie(w, s.cookie(browserCookie, session.Browser, int(identity.BrowserFor.Seconds())))
	}
	until := s.Clock.Now().Add(identity.SessionFor).Unix()
	http.SetCookie(w, s.cookie(untilCookie, strconv.FormatInt(until, 10), int(untilFor.Seconds())))
	http.SetCookie(w, s.cookie(endedCookie, "", -1))
}

// over takes a session that has ended out of the browser, and keeps why for the sign-in page.
func (s *Site) over(w http.ResponseWriter, r *Request, why string) {
	http.SetCookie(w, s.cookie(sessionCookie, "", -1))
	http.SetCookie(w, s.cookie(untilCookie, "", -1))
	http.SetCookie(w, s.cookie(endedCookie, why, int(endedFor.Seconds())))
	r.ended = why
}

// pastUntil reports whether the session of this browser has lasted as long as one lasts.
func (s *Site) pastUntil(r *Request) bool {
	c, err := r.Cookie(s.cookieName(untilCookie))
	if err != nil {
		return false
	}
	until, err := strconv.ParseInt(c.Value, 10, 64)
	return err == nil && s.Clock.Now().Unix() >= until
}

// notThere is why a session that a browser speaks of is not there.
func (s *Site) notThere(r *Request) string {
	if s.pastUntil(r) {
		return endedByTime
	}
	return endedAway
}

// tellEnding returns why the session ended, and tells it once.
func (r *Request) tellEnding(w http.ResponseWriter) string {
	why := r.ended
	if c, err := r.Cookie(r.Site.cookieName(endedCookie)); err == nil && why == "" {
		why = c.Value
	}
	if why == "" && r.Site.pastUntil(r) { // the browser has dropped the cookie of the session by itself
		why = endedByTime
		http.SetCookie(w, r.Site.cookie(untilCookie, "", -1))
	}
	if why != "" {
		http.SetCookie(w, r.Site.cookie(endedCookie, "", -1))
	}
	return r.ending(why)
}

// idled reports whether a locked session is locked because nobody used it.
func (r *Request) idled() bool {
	return r.Site.Clock.Now().Sub(r.Session.Seen) >= r.Account.Idle()
}
