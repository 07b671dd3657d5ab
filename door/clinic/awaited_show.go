package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
)

// awaitedView is what colleagues set up about the portal and the reader may answer. Code is set
// for one answer only, right after it was made.
type awaitedView struct {
	Lines  []awaitedLine
	Code   string
	For    string // whose code it is
	At     string // what the form was sent for, with Why and Seen as they were typed
	Why    string
	Seen   string
	Faults ui.Faults
}

// awaitedLine is one thing that waits. Known says that the reader may see the patient, and so can
// judge it.
type awaitedLine struct {
	identity.Awaited
	Who     identity.Account
	Patient chart.Patient
	Known   bool
}

// id tells the lines of a page apart.
func (l awaitedLine) id() string {
	if l.Grant != "" {
		return "grant-" + l.Grant
	}
	return "link-" + l.Account
}

func readAwaited(r *web.Request) (awaitedView, error) {
	list, err := r.Site.Accounts.PortalWaiting(r.Context(), r.Principal())
	if err != nil {
		return awaitedView{}, err
	}
	var ids []string
	for _, a := range list {
		ids = append(ids, a.Patient)
	}
	who := map[string]chart.Patient{}
	if mayRead(r, "Patient") {
		if who, err = people(r.Context(), r.Actor, ids); err != nil {
			return awaitedView{}, err
		}
	}
	v := awaitedView{}
	for _, a := range list {
		l := awaitedLine{Awaited: a}
		l.Who, err = r.Site.Accounts.FindByID(r.Context(), a.Account)
		if fault.Is(err, fault.NotFound) { // it was destroyed with the record of its person
			continue
		}
		if err != nil {
			return v, err
		}
		l.Patient, l.Known = who[a.Patient]
		v.Lines = append(v.Lines, l)
	}
	return v, nil
}

func awaitedPageOf(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Portal access"), Active: "/portal-access", Sheets: []string{"office.css"}}
}

// awaitedShow lists what waits, the oldest first.
func awaitedShow(w http.ResponseWriter, r *web.Request) error {
	v, err := readAwaited(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, awaitedPageOf(r), awaitedPage(v))
}

// awaitedConfirm lets somebody act for a patient, whom a colleague has set up.
func awaitedConfirm(w http.ResponseWriter, r *web.Request) error {
	v, err := readAwaited(r)
	if err != nil {
		return err
	}
	v.Why = r.FormValue("why")
	for _, l := range v.Lines {
		if l.Grant != r.PathValue("grant") || !l.Known {
			continue
		}
		g, err := r.Site.Accounts.ConfirmProxy(r.Context(), r.Principal(), l.Grant, v.Why)
		if refused(err) {
			v.At, v.Faults = l.id(), faultsOf(r, err)
			return web.Invalid(w, r, awaitedPageOf(r), awaitedPage(v))
		}
		if err != nil {
			return err
		}
		if err := patient.Act(r.Context(), r.Actor, g.Related); err != nil {
			return err
		}
		r.Say(r.Lang.T("%s acts for the patient now.", g.Name), "")
		return web.Redirect(w, r, "/portal-access")
	}
	return fault.New(fault.NotFound, "This does not wait for you: it was answered, its time is over, or you asked for it yourself.")
}

// awaitedSeen gives the check code of a colleague's one-time link, on this answer only.
func awaitedSeen(w http.ResponseWriter, r *web.Request) error {
	v, err := readAwaited(r)
	if err != nil {
		return err
	}
	how := r.FormValue("seen")
	for _, l := range v.Lines {
		if l.Grant != "" || l.Account != r.PathValue("account") {
			continue
		}
		code, err := r.Site.Accounts.SeePerson(r.Context(), r.Principal(), l.Account, identity.Seen(how))
		if refused(err) {
			v.At, v.Seen, v.Faults = l.id(), how, faultsOf(r, err)
			return web.Invalid(w, r, awaitedPageOf(r), awaitedPage(v))
		}
		if err != nil {
			return err
		}
		if v, err = readAwaited(r); err != nil {
			return err
		}
		v.Code, v.For = code, l.Who.Name
		return web.Page(w, r, awaitedPageOf(r), awaitedPage(v))
	}
	return fault.New(fault.NotFound, "This does not wait for you: it was answered, its time is over, or you asked for it yourself.")
}
