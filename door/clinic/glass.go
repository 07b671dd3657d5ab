package clinic

import (
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
)

// glassView is the form of emergency access, as it was typed.
type glassView struct {
	Patient      chart.Patient // name and birth date only
	Reason, Text string
	NoConsent    bool            // it is closed because the patient's consent is not on file
	Proof        templ.Component // asks who it is; nil when the session has a fresh proof
	Faults       ui.Faults
}

func glassPage(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Emergency access"), Active: "/charts", Narrow: true, Sheets: []string{"office.css"}}
}

// readGlass is the form for a patient; it shows no more than who it is.
func readGlass(r *web.Request) (glassView, error) {
	id := r.PathValue("patient")
	v := glassView{Reason: r.FormValue("reason"), Text: r.FormValue("text")}
	var err error
	if v.Proof, err = r.Proof(web.Emergency); err != nil {
		return v, err
	}
	n, err := r.Actor.Read(r.Context(), "Patient", id)
	if fault.Is(err, fault.NotFound) { // the chart is closed, or there is none
		k, err := r.Actor.Glimpse(r.Context(), id)
		v.Patient, v.NoConsent = chart.Patient{ID: k.ID, Family: k.Family, Given: k.Given, Born: k.Born, RecordNumber: k.Number}, k.NoConsent
		return v, err
	}
	if err != nil {
		return v, err
	}
	p := chart.PatientFrom(n)
	v.Patient = chart.Patient{ID: p.ID, Family: p.Family, Given: p.Given, Title: p.Title, Born: p.Born, RecordNumber: p.RecordNumber}
	return v, nil
}

// closedView is the search for people whose charts are closed to the reader.
type closedView struct {
	Family, Born string
	Read         string // the date of birth as it was understood
	Asked        bool
	Found        []record.Known
	Faults       ui.Faults
}

// closedForm asks for name and date of birth: a closed chart is found by who knows both.
func closedForm(w http.ResponseWriter, r *web.Request) error {
	return web.Page(w, r, glassPage(r), closedPage(closedView{}))
}

// closedFind finds closed charts. It is a POST, so that no name stands in an address.
func closedFind(w http.ResponseWriter, r *web.Request) error {
	v := closedView{Family: r.FormValue("family"), Born: r.FormValue("born"), Asked: true}
	if v.Born == "" && !r.PostForm.Has("born") { // from the search for a patient, as it was typed there
		if v.Family, v.Born = patient.NameAndBirth(v.Family, r.Now()); v.Family == "" || v.Born == "" {
			v.Asked = false
			return web.Page(w, r, glassPage(r), closedPage(v))
		}
	}
	born, err := patient.ReadBirthDate(v.Born, r.Now())
	if err != nil {
		v.Faults.Add("born", sentence(r, err)+" "+r.Lang.T("The day comes first, then the month."))
		return web.Invalid(w, r, glassPage(r), closedPage(v))
	}
	v.Read = born
	v.Found, err = r.Actor.FindClosed(r.Context(), v.Family, born)
	if refused(err) {
		v.Faults = faultsOf(r, err)
		return web.Invalid(w, r, glassPage(r), closedPage(v))
	}
	if err != nil {
		return err
	}
	return web.Page(w, r, glassPage(r), closedPage(v))
}

// glassForm asks why, and once more who, on one page: it must not take a page more.
func glassForm(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	if r.Principal().Opened(id, r.Now()).ID != "" {
		return web.Redirect(w, r, "/p/"+id)
	}
	v, err := readGlass(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, glassPage(r), glassFormPage(v))
}

// glassOpen opens the record for an hour and goes there.
func glassOpen(w http.ResponseWriter, r *web.Request) error {
	v, err := readGlass(r)
	if err != nil {
		return err
	}
	_, err = r.Site.Accounts.BreakGlass(r.Context(), r.Principal(), identity.GlassRequest{Patient: v.Patient.ID,
		Reason: identity.GlassReason(v.Reason), Text: v.Text, Address: r.Address()})
	switch {
	case refused(err) || fault.Is(err, fault.TooLarge):
		v.Faults = faultsOf(r, err)
	case err != nil:
		return err
	default:
		return web.Redirect(w, r, "/p/"+v.Patient.ID)
	}
	return web.Invalid(w, r, glassPage(r), glassFormPage(v))
}

// glassEnd closes the record before its time.
func glassEnd(w http.ResponseWriter, r *web.Request) error {
	g, err := r.Site.Accounts.EndGlass(r.Context(), r.Principal(), r.PathValue("grant"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Emergency access has ended."), "")
	if g.Account == r.Principal().ID {
		return web.Redirect(w, r, "/charts")
	}
	return web.Redirect(w, r, "/privacy")
}

// privacyView is the desk of the privacy officer.
type privacyView struct {
	Waiting, Done []glassLine
	Ages          minor.Rule
	Contact       identity.PrivacyContact
	Administers   bool
	Faults        ui.Faults
	At            string // grant whose form has the faults, or "contact"
	Comment       string
}

// comment is what was typed into the form of a line.
func (v privacyView) comment(l glassLine) string {
	if v.At != l.Grant.ID {
		return ""
	}
	return v.Comment
}

// glassLine is one emergency access with what the reader may know of the patient.
type glassLine struct {
	Grant identity.GlassGrant
	Open  bool
	Name  ui.Name // empty for a reader whose role opens no charts
	Own   bool    // the reader opened it
}

// doneShown is how many reviewed accesses the page lists.
const doneShown = 50

func readPrivacy(r *web.Request) (privacyView, error) {
	list, err := r.Site.Accounts.GlassGrants(r.Context(), r.Principal())
	if err != nil {
		return privacyView{}, err
	}
	v := privacyView{Administers: r.Principal().Role == trust.Administrator}
	if v.Ages, err = r.Site.Accounts.Ages(r.Context()); err != nil {
		return v, err
	}
	if v.Contact, err = r.Site.Accounts.PrivacyContact(r.Context()); err != nil {
		return v, err
	}
	var ids []string
	for _, g := range list {
		l := glassLine{Grant: g, Open: g.Open(r.Now()), Own: g.Account == r.Principal().ID}
		if g.Review == nil {
			v.Waiting = append(v.Waiting, l)
		} else if len(v.Done) < doneShown {
			v.Done = append(v.Done, l)
		} else {
			continue
		}
		ids = append(ids, g.Patient)
	}
	slices.Reverse(v.Waiting) // who has waited longest comes first
	if !mayRead(r, "Patient") {
		return v, nil
	}
	who, err := people(r.Context(), r.Actor, ids)
	if err != nil {
		return v, err
	}
	for _, part := range [][]glassLine{v.Waiting, v.Done} {
		for i := range part {
			if p, ok := who[part[i].Grant.Patient]; ok {
				part[i].Name = nameOf(p)
			}
		}
	}
	return v, nil
}

func privacyPage(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Privacy"), Active: "/privacy", Sheets: []string{"office.css"}}
}

// privacy lists what waits for a review, then what was reviewed.
func privacy(w http.ResponseWriter, r *web.Request) error {
	v, err := readPrivacy(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, privacyPage(r), privacyDesk(v))
}

// contactSet says whom patients ask and complain to.
func contactSet(w http.ResponseWriter, r *web.Request) error {
	c := identity.PrivacyContact{Name: r.FormValue("name"), Phone: r.FormValue("phone"), Email: r.FormValue("email"), Address: r.FormValue("address")}
	err := r.Site.Accounts.SetPrivacyContact(r.Context(), r.Principal(), c)
	if refused(err) {
		v, again := readPrivacy(r)
		if again != nil {
			return again
		}
		v.Faults, v.Contact, v.At = faultsOf(r, err), c, "contact"
		return web.Invalid(w, r, privacyPage(r), privacyDesk(v))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Saved. Patients read it where they ask about their record."), "")
	return web.Redirect(w, r, "/privacy")
}

// glassReview keeps what the review of one access found.
func glassReview(w http.ResponseWriter, r *web.Request) error {
	_, err := r.Site.Accounts.ReviewGlass(r.Context(), r.Principal(), r.PathValue("grant"),
		identity.GlassOutcome(r.FormValue("outcome")), r.FormValue("comment"))
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v, again := readPrivacy(r)
		if again != nil {
			return again
		}
		v.Faults, v.At, v.Comment = faultsOf(r, err), r.PathValue("grant"), r.FormValue("comment")
		return web.Invalid(w, r, privacyPage(r), privacyDesk(v))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Reviewed. The patient sees the outcome."), "")
	return web.Redirect(w, r, "/privacy")
}
