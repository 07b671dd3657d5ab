// Package web is what every web of Osler stands on: routes that declare who may come,
// sessions and sign-in, security headers, one way to show a page, a fragment, a fault and
// "done, undo?".
//
// A web (clinic, portal) is an Area: its navigation, its shell and its routes. A handler
// returns an error; the wrapper turns it into a page or an htmx fragment with the right
// status.
//
//	func Routes(m *web.Mux) {
//		m.Page("GET /p/{patient}/meds", web.Clinical, medications)
//		m.Page("POST /p/{patient}/meds/{id}/stop", web.Clinical, stop)
//	}
//
//	func stop(w http.ResponseWriter, r *web.Request) error {
//		result, err := medication.Stop(r.Context(), r.Actor, r.PathValue("id"), r.FormValue("reason"))
//		if err != nil {
//			return err
//		}
//		r.Say("Stopped.", result.Undo)
//		return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/meds")
//	}
//
// Clinical meaning lives in practice, the looks of a page in door/ui.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/sso"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/witness"
	"github.com/osler-emr/osler/trust"
)

// Site is one running server. Make the struct, then call Handler once.
type Site struct {
	Gate *record.Gate
	// Accounts knows who may sign in.
	Accounts *identity.Accounts
	Clock    clock.Clock
	Log      *slog.Logger
	Clinic   string         // the clinic's name, for people
	Zone     *time.Location // of the clinic; nil is UTC
	Secure   bool           // served over TLS: cookies get the __Host- prefix and HSTS is sent
	Demo     *Demo          // set only for demonstration data
	// MaxContent is the largest file that is taken in, in bytes; 0 is 1 GiB.
	MaxContent int64
	// Address under which people reach this site, "https://osler.example"; "" when nobody named it.
	// Passkeys work for it, or for localhost.
	Address string
	// Single speaks with the hospital's own sign-in; nil where there is none.
	Single *sso.Single
	// Program returns the name of a program that works, or once worked, with records; fault.NotFound
	// when there is none. nil when the server lets no programs in.
	Program func(ctx context.Context, id string) (string, error)
	// BackUp begins a backup and a restore drill; nil when the server makes none by itself.
	BackUp func()
	// Keys tells what opens the record; nil when the server does not look after its keys.
	Keys func() (KeyPlace, error)
	// Fair shares out the costly work of programs; it is told who is here. nil shares nothing out.
	Fair *fair.Queue
	// Witnesses tells how it stands with the witnesses of the audit log; nil when there are none.
	Witnesses func() []witness.State
}

// KeyPlace is what opens a record, and how the server looks after the keys of patients.
type KeyPlace struct {
	seal.Envelope
	Where string        // a file, "program NAME", "key service HOST"; "" for a passphrase
	Every time.Duration // how old the keys become before the server changes them; 0: it does not by itself
}

// Demo are the accounts that the demonstration's first page offers.
type Demo struct {
	Accounts []DemoAccount
	Folder   string // where the data is kept, for people: "osler-demo folder"
	About    string // "6 staff, 240 patients, four years of visits, results, messages and bills"
	Try      []DemoTask
}

// DemoAccount is one button on the demonstration's first page.
type DemoAccount struct {
	Login   string // user name of the account
	Name    string // "Dr Anna Lindqvist"
	About   string // "Physician. 6 patients today, 3 results to sign"
	Patient bool
}

// DemoTask is one thing to try, with the account and page on which it starts.
type DemoTask struct{ Text, About, Login, Path string }

// Area is one of the webs: pages with the same navigation, shell and door name.
type Area struct {
	Door string // name in the audit log: "clinic", "portal"
	Home string // path of the first page: "/today"
	// HomeOf returns the first page of a role, or "" for Home; it may be nil.
	HomeOf func(trust.Role) string
	Shell  func(ui.Page) templ.Component
	// Nav returns the main navigation of a person; it may be nil.
	Nav func(r *Request) []ui.NavItem
	// Patients says that readers of this area are patients: long dates, their words.
	Patients bool
	// Shared says that the pages are for readers of every area: they show in the area of
	// whoever is signed in, with its navigation and shell.
	Shared bool
	Routes func(m *Mux)
}

// Policy is who may use a route: a set of roles, or Public. The zero Policy is refused at
// start-up.
type Policy uint16

// Public needs no sign-in; the other bits are one role each.
const (
	Public Policy = 1 << iota
	Physician
	Nurse
	FrontDesk
	Biller
	Administrator
	Auditor
	Patient
	MedicalAssistant
	Pharmacist
	Laboratory
	Records
)

// Entering, beside roles, opens a route also to who has to set a second factor up first.
const Entering Policy = 1 << 15

// The usual sets. What a role may read and write inside a page is trust/policy's decision;
// this one only says who gets the page at all.
const (
	Clinical = Physician | Nurse | MedicalAssistant | Pharmacist | Laboratory | Records // who opens charts
	Staff    = Clinical | FrontDesk | Biller | Administrator | Auditor
	Desk     = Clinical | FrontDesk
	Audit    = Auditor | Administrator
	Fees     = Biller | Administrator
	Finding  = Desk | Biller // who finds patients by name
	SignedIn = Staff | Patient
)

func (p Policy) admits(role trust.Role) bool {
	bit := map[trust.Role]Policy{
		trust.Physician: Physician, trust.Nurse: Nurse, trust.FrontDesk: FrontDesk,
		trust.Biller: Biller, trust.Administrator: Administrator, trust.Auditor: Auditor,
		trust.Patient: Patient, trust.MedicalAssistant: MedicalAssistant, trust.Pharmacist: Pharmacist,
		trust.Laboratory: Laboratory, trust.Records: Records,
	}[role]
	return bit != 0 && p&bit != 0
}

// home is the first page of a role.
func (a *Area) home(role trust.Role) string {
	if a.HomeOf != nil {
		if path := a.HomeOf(role); path != "" {
			return path
		}
	}
	return a.Home
}

// Handler serves one route.
type Handler func(w http.ResponseWriter, r *Request) error

// Request is a request with who makes it and how they read. Actor is nil on Public routes
// when nobody is signed in.
type Request struct {
	*http.Request
	Actor *record.Actor
	Lang  lang.Language
	Site  *Site
	// Account and Session are zero when nobody is signed in. A locked session has both, and
	// no Actor.
	Account identity.Account
	Session identity.Session
	// Base stands for the area's Home in all addresses while a person acts for somebody else,
	// and Acting says so on the page.
	Base   string
	Acting *ui.Acting
	// Reduced says that the address held parameters that it must not, and that were taken out:
	// a page that would answer with more for it (the audit log) refuses.
	Reduced bool

	area   *Area
	id     string // request id, for the log and the fault page
	said   *ui.Toast
	choice view
	// weak says that somebody signed in with a password alone, who has to set a second factor up
	// before anything else. There is an Account, a Session and no Actor.
	weak bool
	// ended is why the session of this browser was not there any more.
	ended string
	turn  *fair.Turn // of a page of Costly
	// proofFault says why the answer to Fresh's question was not good enough.
	proofFault string
}

// Principal returns who acts; the zero Principal when nobody is signed in.
func (r *Request) Principal() trust.Principal {
	if r.Actor == nil {
		return trust.Principal{}
	}
	return r.Actor.Principal()
}

// At returns where a page of this web is for the person: see Base.
func (r *Request) At(path string) string {
	return ui.Reader{Home: r.area.Home, Base: r.Base}.At(path)
}

// Now returns the site's time in the clinic's zone.
func (r *Request) Now() time.Time { return r.Site.Clock.Now().In(r.Site.zone()) }

// HX reports whether htmx asks, so that a fragment is the answer.
func (r *Request) HX() bool { return r.Header.Get("HX-Request") == "true" }

// Say keeps a message for the answer to this request: a toast with an Undo button when undo
// (Result.Undo of a commit) is not "". It survives a Redirect and comes along with Render.
func (r *Request) Say(text, undo string) { r.said = &ui.Toast{Text: text, Undo: undo} }

func (s *Site) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// Page shows a full page in the shell of the route's area. p needs Title, Active and
// Patient only.
func Page(w http.ResponseWriter, r *Request, p ui.Page, body templ.Component) error {
	return pageStatus(w, r, http.StatusOK, p, body)
}

// Invalid shows a full page again, with status 422, because the input cannot be used: the
// body holds the person's input and the messages.
func Invalid(w http.ResponseWriter, r *Request, p ui.Page, body templ.Component) error {
	return pageStatus(w, r, http.StatusUnprocessableEntity, p, body)
}

// Busy shows a full page again, with status 429, because there is no room for what was sent yet: as Invalid.
func Busy(w http.ResponseWriter, r *Request, p ui.Page, body templ.Component) error {
	return pageStatus(w, r, http.StatusTooManyRequests, p, body)
}

// Render shows a fragment, for htmx.
func Render(w http.ResponseWriter, r *Request, c templ.Component) error {
	return renderStatus(w, r, http.StatusOK, c)
}

// RenderInvalid shows a fragment with status 422.
func RenderInvalid(w http.ResponseWriter, r *Request, c templ.Component) error {
	return renderStatus(w, r, http.StatusUnprocessableEntity, c)
}

func withBody(ctx context.Context, body templ.Component) context.Context {
	return templ.WithChildren(ctx, body)
}
