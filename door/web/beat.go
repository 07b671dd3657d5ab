package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity"
)

// What an open page tells beat about itself: whose page it is, and what opened the record that it
// shows to who would not see it otherwise ("glass/maria", "for/maria").
const (
	beatWho  = "Osler-Who"
	beatHeld = "Osler-Held"
)

// beat answers an open page that asks by itself, every half minute, whether it may stay on the
// screen: 204 when it may, 401 when its person's session has ended, is locked or is by now
// somebody else's, 410 when the access by which it shows a record is over. Asking is no sign of
// life, so that it keeps no session open, and since the answer tells nothing of any record it
// leaves no entry in the audit log.
func (s *Site) beat(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	status, err := s.stays(r)
	if err != nil {
		status = fault.Status(fault.CodeOf(err))
	}
	w.WriteHeader(status)
}

func (s *Site) stays(r *http.Request) (status int, err error) {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return http.StatusUnauthorized, nil
	}
	session, account, err := s.Accounts.Peek(r.Context(), c.Value)
	var refused *identity.Refusal
	if errors.As(err, &refused) {
		return http.StatusUnauthorized, nil
	}
	if err != nil {
		return 0, err
	}
	if who := r.Header.Get(beatWho); who != "" && who != account.ID {
		return http.StatusUnauthorized, nil
	}
	how, patient, _ := strings.Cut(r.Header.Get(beatHeld), "/")
	switch how {
	case heldGlass:
		p, err := s.principal(r, account, session)
		if err == nil && p.Opened(patient, s.Clock.Now()).ID == "" {
			return http.StatusGone, nil
		}
		return http.StatusNoContent, err
	case heldFor:
		_, err := s.Accounts.ActFor(r.Context(), account, session, patient)
		if fault.Is(err, fault.NotFound) {
			return http.StatusGone, nil
		}
		return http.StatusNoContent, err
	}
	return http.StatusNoContent, nil
}

// The ways in which a page may show a record only for a time.
const (
	heldGlass = "glass" // break-glass
	heldFor   = "for"   // acting for a patient
)
