package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// Demand says how lately a person must have proved who they are before something grave.
// Signing in, unlocking and answering the question that Fresh asks are proofs.
type Demand struct {
	Within time.Duration
	Full   bool   // all that a sign-in asks for, not the password alone
	Why    string // what it is for, to the person
}

// The demands of the program. docs/security/identity.md tells why they are as long as they are.
var (
	// Signing is for what carries a clinician's name: notes, prescriptions, renewals.
	Signing = Demand{Within: 30 * time.Minute, Why: "You are about to sign with your name."}
	// Controlled is for prescribing controlled drugs.
	Controlled = Demand{Within: 5 * time.Minute, Full: true, Why: "You are about to prescribe a controlled drug."}
	// Exporting is for taking data of many, or a whole record, out of Osler.
	Exporting = Demand{Within: 10 * time.Minute, Full: true, Why: "You are about to take data out of Osler."}
	// Granting is for changing who may come in, and how.
	Granting = Demand{Within: 10 * time.Minute, Full: true, Why: "You are about to change who may come in."}
	// Opening is for changing what those who are in may see.
	Opening = Demand{Within: 10 * time.Minute, Full: true, Why: "You are about to change what people or programs may see."}
	// Emergency is for opening a closed record by break-glass.
	Emergency = Demand{Within: identity.ProofFor, Why: "You are about to open a record that is closed to you."}
	// Rekeying is for changing the keys that protect the record.
	Rekeying = Demand{Within: 10 * time.Minute, Full: true, Why: "You are about to change the keys of the record."}
	// Destroying is for destroying a record.
	Destroying = Demand{Within: 5 * time.Minute, Full: true, Why: "You are about to destroy the record of a patient for good."}
)

// demands are all of them: what the question says it is for is one of these.
var demands = []Demand{Signing, Controlled, Exporting, Granting, Opening, Emergency, Rekeying, Destroying}

// Fresh wraps a handler that must not run before the demand is met:
//
//	m.Page("POST /p/{patient}/prescriptions", web.Physician, web.Fresh(web.Signing, prescribeSign))
//
// Who has not proved themself lately is asked in between. The form that was sent waits in the
// question and goes on with the answer, so that nothing typed is lost.
func Fresh(d Demand, h Handler) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		if err := r.Fresh(d); err != nil {
			return err
		}
		return h(w, r)
	}
}

// Fresh is for handlers whose demand depends on what was sent. It returns nil when the demand
// is met, and otherwise an error that the handler returns, before it has changed anything:
// the person is asked, and the same request comes again with the answer.
func (r *Request) Fresh(d Demand) error {
	at := r.Session.Proved
	if d.Full {
		at = r.Session.Full
	}
	now := r.Site.Clock.Now()
	if !at.IsZero() && now.Sub(at) < d.Within && !at.After(now.Add(time.Minute)) {
		return nil
	}
	return &unproved{d}
}

// unproved is the error of a request whose person has to prove who they are first.
type unproved struct{ demand Demand }

func (*unproved) Error() string { return "the person has to prove who they are first" }

// provedAside is how old a proof may be that was given in a dialog or in another tab. What it was
// for looks at its own demand afterwards.
const provedAside = 5 * time.Minute

// Fields of the question. They never reach a handler.
const (
	provePrefix   = "prove."
	provePassword = provePrefix + "password"
	proveCode     = provePrefix + "code"
	provePasskey  = provePrefix + "passkey"
	proveDemo     = provePrefix + "demo"
	proveSingle   = provePrefix + "single" // it was done at the provider, in another tab
)

type proveView struct {
	Action    string // where the answer goes
	Held      []heldValue
	Next      string // of a page that was asked for without a form
	Name, Why string
	Passkey   string // what the person's passkey is asked, when there is one
	Code      bool   // a code is asked for beside the password
	App       bool   // of the authenticator app; else a recovery code
	Demo      bool   // the demonstration's accounts have a button instead
	Aside     bool   // a dialog over the page, whose request waits in it
	Single    string // name of the hospital's sign-in, where it is enough
	Password  bool   // there is a password that can be asked for
	Inside    bool   // the fields stand in a form of the page, which has a button of its own
	Fault     string
}

// takeProof reads the answer to the question out of a form, checks it, and leaves the form as
// the handler knows it.
func (s *Site) takeProof(w http.ResponseWriter, r *Request) error {
	answer := url.Values{}
	for _, values := range []url.Values{r.PostForm, r.Form} {
		for name, list := range values {
			if strings.HasPrefix(name, provePrefix) {
				answer[name] = list
				delete(values, name)
			}
		}
	}
	if len(answer) == 0 || r.Actor == nil {
		return nil
	}
	if answer.Get(proveSingle) != "" {
		if s.Clock.Now().Sub(r.Session.Proved) > provedAside {
			r.proofFault = r.Lang.T("The confirmation has not arrived yet. Finish it in the other tab, then press the button again.")
		}
		return nil
	}
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return nil
	}
	var session identity.Session
	var secret string
	if answer.Get(proveDemo) != "" && s.demoAccount(r.Account.User) {
		session, secret, err = s.Accounts.ProveAs(r.Context(), trust.System("demo"), c.Value, place(r))
	} else {
		session, secret, err = s.Accounts.Prove(r.Context(), c.Value, r.proofOf(answer), place(r))
	}
	var refused *identity.Refusal
	if errors.As(err, &refused) {
		r.proofFault = refusalText(r, refused)
		return nil
	}
	if err != nil {
		return err
	}
	s.begin(w, secret)
	r.Session = session
	return s.bind(r)
}

func (r *Request) proofOf(v url.Values) identity.Proof {
	p := identity.Proof{Password: v.Get(provePassword), Code: v.Get(proveCode), Passkey: v.Get(provePasskey)}
	p.Relying, _ = r.relying()
	return p
}

// askPasskey returns what the person's passkey is asked; "" when there is none, or passkeys do
// not work at this address.
func (r *Request) askPasskey() string {
	at, ok := r.relying()
	if !ok || len(r.Account.Passkeys) == 0 {
		return ""
	}
	options, err := r.Site.Accounts.PasskeyChallenge(r.Context(), at, r.Account.ID)
	if err != nil { // the password does as well
		r.Site.Log.Warn("no passkey is asked for", "request", r.id, "error", err)
	}
	return options
}

// demoAccount reports whether an account is one of the demonstration's.
func (s *Site) demoAccount(user string) bool {
	return s.Demo != nil && slices.ContainsFunc(s.Demo.Accounts, func(a DemoAccount) bool { return a.Login == user })
}

// question is what the person is asked.
func (r *Request) question(d Demand) (proveView, error) {
	v := proveView{Action: "/prove", Name: r.Account.Name, Why: d.Why, Code: d.Full && r.Account.Strong(), App: r.Account.TOTPEnabled,
		Demo: r.Site.demoAccount(r.Account.User), Fault: r.proofFault, Aside: r.HX()}
	full := ""
	if d.Full {
		full = "yes"
	}
	v.Held = []heldValue{{"why", d.Why}, {"full", full}}
	if v.Demo {
		return v, nil
	}
	v.Passkey, v.Single = r.askPasskey(), r.singleName(d.Full)
	var err error
	v.Password, err = r.Site.Accounts.ByPassword(r.Context(), r.Account.ID)
	return v, err
}

// Proof is the question as a part of a page's own form, nil when the demand is met already: what
// is answered goes with the form, whose handler is wrapped by Fresh. For what must not take a page
// more.
func (r *Request) Proof(d Demand) (templ.Component, error) {
	if r.Fresh(d) == nil {
		return nil, nil
	}
	v, err := r.question(d)
	v.Inside = true
	return proveFields(v), err
}

// ask shows the question, with the form that was sent inside it.
func ask(w http.ResponseWriter, r *Request, d Demand) error {
	v, err := r.question(d)
	if err != nil {
		return err
	}
	if r.HX() {
		w.Header().Set("HX-Retarget", "body")
		w.Header().Set("HX-Reswap", "beforeend")
		w.Header().Set("Osler-Prove", "yes")
		return write(w, r, http.StatusUnauthorized, proveDialog(v))
	}
	if r.Method == http.MethodPost {
		v.Action, v.Held = r.URL.RequestURI(), heldOf(r.URL.Path, r.PostForm, "").Values
	} else {
		v.Next = r.URL.RequestURI()
	}
	return pageStatus(w, r, http.StatusUnauthorized, ui.Page{Title: r.Lang.T("Confirm that it is you"), Narrow: true}, provePage(v))
}

// prove answers the question of a page that was asked for without a form, or of a dialog over
// a page. The proof itself was taken before.
func prove(w http.ResponseWriter, r *Request) error {
	d := Demand{Within: provedAside, Full: r.FormValue("full") != "", Why: r.FormValue("why")}
	if !slices.ContainsFunc(demands, func(known Demand) bool { return known.Why == d.Why }) {
		d.Why = ""
	}
	if r.Fresh(d) != nil || r.proofFault != "" {
		v, err := r.question(d)
		if err != nil {
			return err
		}
		if r.HX() {
			return write(w, r, http.StatusUnprocessableEntity, proveDialog(v))
		}
		v.Next = orRoot(r.FormValue("next"))
		return pageStatus(w, r, http.StatusUnprocessableEntity, ui.Page{Title: r.Lang.T("Confirm that it is you"), Narrow: true}, provePage(v))
	}
	if r.HX() {
		w.Header().Set("HX-Trigger", "osler-proved")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	return Page(w, r, ui.Page{Title: r.Lang.T("Confirmed"), Narrow: true}, provedPage(orRoot(r.FormValue("next"))))
}
