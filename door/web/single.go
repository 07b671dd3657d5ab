package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/sso"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// singleCookie holds what was asked of the hospital's provider, until the browser is back.
const singleCookie = "osler-single"

// Paths of single sign-on. The provider knows the last two.
const (
	singlePath = "/sign-in/single"
	singleDone = "/sign-in/single/done"
	// SingleBack is where the provider sends the browser back to.
	SingleBack = "/sign-in/single/back"
	// SingleLogout is where the provider says that somebody left there.
	SingleLogout = "/sign-in/single/logout"
)

// single declares the routes of single sign-on; in shows a page in the area of whoever is signed in.
func single(m *Mux, in func(Handler) Handler) {
	m.Page("GET "+singlePath, Public, singleBegin)
	m.Page("GET "+SingleBack, Public, singleBack)
	m.Page("GET "+singleDone, Public, singleConfirmed)
	m.Page("POST "+SingleLogout, Public, singleLogout)
	m.Page("POST /invite/{secret}/single", Public, singleInvited)
	m.Page("POST /settings/single", SignedIn, in(Fresh(Granting, singleConnect)))
	m.Page("POST /settings/single/remove", SignedIn, in(Fresh(Granting, singleRemove)))
}

// Provider returns the hospital's provider; the zero Provider when there is none, or this site
// does not speak with one.
func (r *Request) Provider() (identity.Provider, error) {
	if r.Site.Single == nil {
		return identity.Provider{}, nil
	}
	return r.Site.Accounts.Provider(r.Context())
}

// SingleAddress is the address under which the provider knows a path of this site: Site.Address, or
// what a request calls the host where that can be believed.
func (r *Request) SingleAddress(path string) (string, error) {
	if r.Site.Address != "" {
		return strings.TrimRight(r.Site.Address, "/") + path, nil
	}
	if HostBelieved(r.Request) {
		return r.Absolute(path), nil
	}
	return "", fault.New(fault.Unavailable, "Single sign-on needs the address of Osler: start it with --public-url.")
}

// leaveFor keeps what is asked in a cookie and returns the provider's page.
func (r *Request) leaveFor(w http.ResponseWriter, a sso.Ask) (string, error) {
	if r.Site.Single == nil {
		return "", fault.New(fault.NotFound, "There is no page at this address.")
	}
	back, err := r.SingleAddress(SingleBack)
	if err != nil {
		return "", err
	}
	leave, kept, err := r.Site.Single.Begin(r.Context(), a, back)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, r.Site.cookie(singleCookie, kept, 600))
	return leave, nil
}

// singleBegin leads to the provider: to sign in, or for who is signed in to prove it once more.
func singleBegin(w http.ResponseWriter, r *Request) error {
	a := sso.Ask{For: sso.SignIn, Next: orRoot(r.FormValue("next"))}
	if r.Account.ID != "" && r.FormValue("for") == string(sso.Prove) {
		a.For, a.Account = sso.Prove, r.Account.ID
	} else if r.Actor != nil {
		return Redirect(w, r, a.Next)
	}
	leave, err := r.leaveFor(w, a)
	if err != nil {
		return r.singleFault(w, a, err)
	}
	http.Redirect(w, r.Request, leave, http.StatusSeeOther)
	return nil
}

// singleFault says what went wrong above the other ways to sign in, which go on working.
func (r *Request) singleFault(w http.ResponseWriter, a sso.Ask, err error) error {
	if a.For == sso.SignIn && r.Account.ID == "" && fault.CodeOf(err) != fault.Internal {
		return showSignIn(w, r, signInView{Next: a.Next, Fault: FaultText(r, err)})
	}
	return err
}

// singleBack takes the provider's answer.
func singleBack(w http.ResponseWriter, r *Request) error {
	c, err := r.Cookie(r.Site.cookieName(singleCookie))
	if err != nil || r.Site.Single == nil {
		return r.singleFault(w, sso.Ask{For: sso.SignIn}, fault.New(fault.Gone, "This sign-in took too long, or was begun in another browser. Begin it again."))
	}
	http.SetCookie(w, r.Site.cookie(singleCookie, "", -1))
	back, err := r.SingleAddress(SingleBack)
	if err != nil {
		return err
	}
	a, err := r.Site.Single.Finish(r.Context(), c.Value, r.URL.Query(), back)
	if err != nil {
		a.For = cmp.Or(a.For, sso.SignIn)
		return r.singleFault(w, a.Ask, err)
	}
	switch a.For {
	case sso.Prove:
		return r.singleProved(w, a)
	case sso.Connect:
		return r.singleConnected(w, a)
	case sso.Invited:
		account, err := r.Site.Accounts.ConnectInvited(r.Context(), a.Link, a.Who)
		if err != nil {
			return err
		}
		a.Next = "/"
		r.Site.Log.Info("single sign-on: an invitation was accepted", "account", account.ID)
	}
	session, secret, err := r.Site.Accounts.SignInFederated(r.Context(), a.Who, place(r))
	var refused *identity.Refusal
	if errors.As(err, &refused) && refused.State == identity.Unlinked && a.Role != "" {
		session, secret, err = r.singleNew(a)
	}
	return r.signedIn(w, signInView{Next: a.Next}, session, secret, err)
}

// singleNew makes the account of a colleague whom the provider's answer gives a role, and signs
// them in.
func (r *Request) singleNew(a sso.Answer) (identity.Session, string, error) {
	p, err := r.Provider()
	if err != nil {
		return identity.Session{}, "", err
	}
	if !p.Create {
		return identity.Session{}, "", identity.Refuse(identity.Unlinked)
	}
	if a.User == "" || a.Given == "" || a.Family == "" {
		return identity.Session{}, "", fault.New(fault.Invalid, "The sign-in of the hospital does not say your name and user name; an administrator has to invite you.")
	}
	// Before anybody is hired: a taken name is somebody else's account, and is never handed over.
	if _, err := r.Site.Accounts.FindByUser(r.Context(), a.User); !fault.Is(err, fault.NotFound) {
		return identity.Session{}, "", fault.New(fault.Conflict, "There is an account with your user name here that is not connected to the sign-in of the hospital. Sign in with it and connect it under Settings, Security.")
	}
	hired := staff.Person{Given: a.Given, Family: a.Family, Email: a.Email, Role: a.Role}
	id := ident.New(r.Now())
	by := r.Site.Gate.As(trust.System("single sign-on"), "web")
	done, err := staff.Hire(r.Context(), by, hired, id)
	if err != nil {
		return identity.Session{}, "", err
	}
	d := identity.Draft{User: a.User, Name: hired.Name(), Role: a.Role, Practitioner: id}
	if _, err := r.Site.Accounts.CreateFederated(r.Context(), a.Who, d); err != nil {
		return identity.Session{}, "", errors.Join(err, by.Undo(r.Context(), done.Undo))
	}
	return r.Site.Accounts.SignInFederated(r.Context(), a.Who, place(r))
}

// singleProved notes that the person has proved who they are at the provider.
func (r *Request) singleProved(w http.ResponseWriter, a sso.Answer) error {
	c, err := r.Cookie(r.Site.cookieName(sessionCookie))
	if err != nil || r.Account.ID == "" || r.Account.ID != a.Account {
		return fault.New(fault.Unauthorized, "Somebody else is signed in in this browser by now. Begin again.")
	}
	_, secret, err := r.Site.Accounts.ProveFederated(r.Context(), c.Value, a.Who, place(r))
	var refused *identity.Refusal
	if errors.As(err, &refused) && refused.State == identity.Unlinked {
		return fault.New(fault.Forbidden, "At the sign-in of the hospital somebody else signed in than the person whose session this is.")
	}
	if err != nil {
		return err
	}
	r.Site.begin(w, secret)
	return Redirect(w, r, orRoot(a.Next))
}

// singleConfirmed ends a proof in a tab of its own.
func singleConfirmed(w http.ResponseWriter, r *Request) error {
	return Page(w, r, ui.Page{Title: r.Lang.T("Confirmed"), Narrow: true}, singleConfirmedPage())
}

// singleConnect leads to the provider, to connect the account. A page stands in between: the
// forms of this site lead nowhere else.
func singleConnect(w http.ResponseWriter, r *Request) error {
	p, err := r.Provider()
	if err != nil {
		return err
	}
	leave, err := r.leaveFor(w, sso.Ask{For: sso.Connect, Account: r.Account.ID})
	if err != nil {
		return err
	}
	return Page(w, r, ui.Page{Title: p.Name, Narrow: true}, singleLeavePage(p.Name, leave))
}

func (r *Request) singleConnected(w http.ResponseWriter, a sso.Answer) error {
	if r.Actor == nil || r.Account.ID != a.Account {
		return fault.New(fault.Unauthorized, "Somebody else is signed in in this browser by now. Begin again.")
	}
	if err := r.Site.Accounts.Connect(r.Context(), r.Principal(), a.Who); err != nil {
		return err
	}
	r.Say(r.Lang.T("Your account is connected with %s: sign in there from now on.", a.ProviderName), "")
	return Redirect(w, r, "/settings/security")
}

func singleRemove(w http.ResponseWriter, r *Request) error {
	err := r.Site.Accounts.Disconnect(r.Context(), r.Principal(), r.Account.ID)
	return r.factorGone(w, err, r.Lang.T("The account is not connected any more."))
}

// singleInvited accepts an invitation by signing in at the provider instead of a password.
func singleInvited(w http.ResponseWriter, r *Request) error {
	if _, err := r.invitation(); err != nil {
		return err
	}
	p, err := r.Provider()
	if err != nil {
		return err
	}
	leave, err := r.leaveFor(w, sso.Ask{For: sso.Invited, Link: r.PathValue("secret")})
	if err != nil {
		return err
	}
	return Page(w, r, ui.Page{Title: p.Name, Narrow: true}, singleLeavePage(p.Name, leave))
}

// singleLogout is what the provider calls when somebody left there.
func singleLogout(w http.ResponseWriter, r *Request) error {
	if r.Site.Single == nil {
		return fault.New(fault.NotFound, "There is no page at this address.")
	}
	n, err := r.Site.Single.LoggedOut(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		if code := fault.CodeOf(err); code == fault.Internal || code == fault.Unavailable {
			return err
		}
		return fault.New(fault.Malformed, "The logout token cannot be used.") // 400, as the standard has it
	}
	r.Site.Log.Info("single sign-on: the provider ended sessions", "count", n)
	w.WriteHeader(http.StatusOK)
	return nil
}

// signedOut follows a sign-out of a session that began at the provider, where the person is still
// signed in: on a shared computer that matters.
func (r *Request) signedOut(w http.ResponseWriter, p identity.Provider) error {
	home, err := r.SingleAddress("/")
	if err != nil {
		return err
	}
	leave, err := r.Site.Single.Leave(r.Context(), home)
	if err != nil { // the provider does not answer: the person is told all the same
		r.Site.Log.Warn("single sign-on: no way to sign out at the provider", "error", err)
	}
	r.Actor = nil
	return Page(w, r, ui.Page{Title: r.Lang.T("Signed out"), Narrow: true}, singleOutPage(p.Name, leave))
}

// singleHref is the address of the button that leads to the provider.
func singleHref(purpose, next string) string {
	q := url.Values{}
	if purpose != "" {
		q.Set("for", purpose)
	}
	if next != "" {
		q.Set("next", next)
	}
	if len(q) == 0 {
		return singlePath
	}
	return singlePath + "?" + q.Encode()
}

// singleName is the name of the provider for a person who is connected, where its word is
// enough for what is asked.
func (r *Request) singleName(full bool) string {
	p, err := r.Provider()
	if err != nil || r.Account.Linked == nil || r.Account.Linked.Issuer != p.Issuer || full && !p.Proves() {
		return ""
	}
	return p.Name
}
