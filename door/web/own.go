package web

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
)

// ownArea holds the pages that belong to no web of their own: the first page, sign-in,
// lock, settings, drafts and undo. A signed-in person sees them in the shell of the own web.
func (s *Site) ownArea(areas []Area) Area {
	in := s.inOwn(areas)
	return Area{Door: ownDoor, Shell: plain, Routes: func(m *Mux) {
		m.Page("GET /{$}", Public, in(first))
		m.Page("GET /sign-in", Public, signInPage)
		m.Page("POST /sign-in", Public, signIn)
		m.Page("POST /sign-in/code", Public, signInCode)
		m.Page("POST /sign-in/demo", Public, signInDemo)
		m.Page("POST /sign-out", Public, signOut)
		m.Page("POST /lock", SignedIn, lock)
		m.Page("GET /locked", Public, lockedPage)
		m.Page("POST /locked", Public, unlock)
		m.Page("POST /prove", SignedIn, in(prove))
		m.Page("GET /stay", SignedIn, stay)
		m.Page("GET /set-up/{secret}", Public, setUpPage)
		m.Page("POST /set-up/{secret}", Public, setUp)
		m.Page("GET /invite/{secret}", Public, invitePage)
		m.Page("POST /invite/{secret}", Public, invite)
		m.Page("GET /settings", SignedIn, in(settingsPage))
		m.Page("POST /settings", SignedIn, in(settings))
		m.Page("GET /settings/security", SignedIn, in(securityPage))
		m.Page("POST /settings/password", SignedIn, in(Fresh(Granting, changePassword)))
		m.Page("GET /secure", SignedIn|Entering, in(securePage))
		m.Page("POST /settings/passkeys", SignedIn|Entering, in(enrolling(passkeyAdd)))
		m.Page("POST /settings/passkeys/{passkey}/remove", SignedIn, in(Fresh(Granting, passkeyRemove)))
		m.Page("POST /settings/second-factor", SignedIn|Entering, in(enrolling(enrol)))
		m.Page("POST /settings/second-factor/confirm", SignedIn|Entering, in(enrolling(confirmEnrolment)))
		m.Page("POST /settings/second-factor/remove", SignedIn, in(Fresh(Granting, factorRemove)))
		m.Page("POST /settings/recovery", SignedIn, in(Fresh(Granting, recovery)))
		m.Page("POST /settings/sessions/{session}/end", SignedIn, in(sessionEnd))
		single(m, in)
		m.Page("POST /settings/paper", SignedIn, in(paperAnswer))
		m.Page("POST /undo", SignedIn, in(undo))
		m.Page("POST /draft", SignedIn, in(saveDraft))
	}}
}

// ownDoor names the pages that stand before all webs: signing in, invitations, settings.
const ownDoor = "web"

// inOwn shows pages in the area of whoever is signed in.
func (s *Site) inOwn(areas []Area) func(Handler) Handler {
	return func(h Handler) Handler {
		return func(w http.ResponseWriter, r *Request) error {
			if a := areaOf(areas, r.Account.Role); a != nil && r.Actor != nil {
				r.area = a
				r.Actor = s.Gate.As(r.Actor.Principal(), a.Door)
			}
			return h(w, r)
		}
	}
}

// plain is the shell of pages without a signed-in person.
func plain(p ui.Page) templ.Component { return ui.PlainPage(p) }

// first sends a person to the own first page, and a stranger to the sign-in or, in a
// demonstration, to the choice of accounts.
func first(w http.ResponseWriter, r *Request) error {
	switch {
	case r.Actor != nil && r.area.Home != "":
		return Redirect(w, r, r.area.home(r.Account.Role))
	case r.weak:
		return Redirect(w, r, "/secure")
	case r.Account.ID != "" && r.Actor == nil:
		return Redirect(w, r, "/locked")
	case r.Site.Demo != nil:
		return demoPage(w, r)
	}
	some, err := r.Site.Accounts.HasAccounts(r.Context())
	if err != nil {
		return err
	}
	if !some {
		return Page(w, r, ui.Page{Title: "Set up", Narrow: true}, notSetUp())
	}
	return Redirect(w, r, "/sign-in")
}

// stay notes that the person is still there.
func stay(w http.ResponseWriter, _ *Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// undo takes a change back and returns to the page, which says when it could not be taken back: too late, or
// somebody has read or changed it since, as the answer to a message that its reader has opened.
func undo(w http.ResponseWriter, r *Request) error {
	err := r.Actor.Undo(r.Context(), r.FormValue("token"))
	switch {
	case fault.Is(err, fault.Gone):
		r.said = &ui.Toast{Text: r.Lang.T("It is too late to undo this; the record keeps it. Change it on its page."), Bad: true}
	case fault.Is(err, fault.Conflict):
		r.said = &ui.Toast{Text: r.Lang.T("Not undone: somebody has read or changed it since. It stands. Correct it on its page, or send another message that puts it right."), Bad: true}
	case err != nil:
		return err
	default:
		r.Say(r.Lang.T("Undone."), "")
	}
	return Redirect(w, r, r.FormValue("next"))
}
