package portal

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
)

// rightsView is what the patient has asked about the record.
type rightsView struct {
	Requests []rightsLine
	Reach    *rights.Request // how the patient is reached in confidence, nil for as usual
	Acting   bool            // the reader is somebody else
	Kept     []kept          // objections and consents in force
	Contact  identity.PrivacyContact
	Consent  consentView
}

// rightsLine is a request with what it is about.
type rightsLine struct {
	rights.Request
	Entry rights.Entry
}

// rightView is one request: the thread, and what the patient can do next.
type rightView struct {
	rightsLine
	Team    team
	Contact identity.PrivacyContact // whom to complain to
	Text    string
	Saved   ui.Saved
	Faults  ui.Faults
}

// whole refuses who sees only a part of the record: requests may be about the other part.
func whole(r *web.Request) (string, error) {
	if limited(r) {
		return "", fault.New(fault.Forbidden, "Requests about this record are made by the patient.")
	}
	return own(r)
}

func rightsPageOf(r *web.Request, title string) ui.Page {
	return ui.Page{Title: r.Lang.T(title), Active: "/portal/more"}
}

// rightsShow lists the requests.
func rightsShow(w http.ResponseWriter, r *web.Request) error { return showRights(w, r, rightsView{}) }

// showRights lists them; v may hold a refused form.
func showRights(w http.ResponseWriter, r *web.Request, v rightsView) error {
	if limited(r) {
		return limitedRights(w, r)
	}
	id, err := own(r)
	if err != nil {
		return err
	}
	v.Acting = r.Principal().Proxy != nil
	if v.Requests, err = readRights(r, id); err != nil {
		return err
	}
	said, err := rights.Objections(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	if err := v.Consent.read(r, said); err != nil {
		return err
	}
	if v.Kept, err = readKept(r, said, v.Consent.Asked); err != nil {
		return err
	}
	if v.Contact, err = r.Site.Accounts.PrivacyContact(r.Context()); err != nil {
		return err
	}
	list := make([]rights.Request, len(v.Requests))
	for i, q := range v.Requests {
		list[i] = q.Request
	}
	if q, ok := rights.Reached(list); ok {
		v.Reach = &q
	}
	if len(v.Consent.Faults) > 0 {
		return web.Invalid(w, r, rightsPageOf(r, "Corrections and restrictions"), rightsPage(v))
	}
	return web.Page(w, r, rightsPageOf(r, "Corrections and restrictions"), rightsPage(v))
}

// readRights reads all requests with what they are about.
func readRights(r *web.Request, id string) ([]rightsLine, error) {
	list, err := rights.Of(r.Context(), r.Actor, id)
	if err != nil {
		return nil, err
	}
	out := make([]rightsLine, len(list))
	for i, q := range list {
		if out[i], err = rightLineOf(r, q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// corrections are the requests for a correction that are shown with an entry, by its reference.
type corrections map[string]rights.Request

func readCorrections(r *web.Request) (corrections, error) {
	out := corrections{}
	if limited(r) {
		return out, nil
	}
	list, err := rights.Of(r.Context(), r.Actor, r.Principal().Patient)
	for _, q := range list { // the newest first
		if _, newer := out[q.About]; !newer && q.Kind == rights.Amendment && q.About != "" && q.Standing() {
			out[q.About] = q
		}
	}
	return out, err
}

func rightLineOf(r *web.Request, q rights.Request) (rightsLine, error) {
	e, err := rights.ReadEntry(r.Context(), r.Actor, q.About)
	return rightsLine{q, e}, err
}

// rightShow shows one request, and notes that the answer was read.
func rightShow(w http.ResponseWriter, r *web.Request) error {
	v, err := readRight(r)
	if err != nil {
		return err
	}
	counts, err := reads(r)
	if err == nil && counts {
		err = rights.MarkRead(r.Context(), r.Actor, v.Request)
	}
	if err != nil {
		return err
	}
	return showRight(w, r, v)
}

func readRight(r *web.Request) (rightView, error) {
	id, err := whole(r)
	if err != nil {
		return rightView{}, err
	}
	q, err := rights.Find(r.Context(), r.Actor, id, r.PathValue("request"))
	if err != nil {
		return rightView{}, err
	}
	v := rightView{}
	if v.rightsLine, err = rightLineOf(r, q); err != nil {
		return v, err
	}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return v, err
	}
	if v.Contact, err = r.Site.Accounts.PrivacyContact(r.Context()); err != nil {
		return v, err
	}
	var fields map[string]string
	_, v.Saved, fields, err = web.Typed(r, v.draftKey())
	v.Text = fields["text"]
	return v, err
}

func (v rightView) draftKey() string { return "portal/statement/" + v.ID }

func showRight(w http.ResponseWriter, r *web.Request, v rightView) error {
	p := rightsPageOf(r, "Request about my record")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, rightPage(v))
	}
	return web.Page(w, r, p, rightPage(v))
}

// rightWithdraw takes a request back.
func rightWithdraw(w http.ResponseWriter, r *web.Request) error {
	if _, err := whole(r); err != nil {
		return err
	}
	err := rights.Withdraw(r.Context(), r.Actor, r.PathValue("request"))
	return rightDone(w, r, err, "The request is withdrawn.")
}

// rightDisagree adds a statement of disagreement.
func rightDisagree(w http.ResponseWriter, r *web.Request) error {
	v, err := readRight(r)
	if err != nil {
		return err
	}
	v.Text = r.FormValue("text")
	err = rights.Disagree(r.Context(), r.Actor, v.ID, signed(r, v.Text), formKey(r))
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		v.Faults.Add("text", sentence(r, err))
		return showRight(w, r, v)
	}
	if err == nil {
		err = r.Actor.DropDraft(r.Context(), v.draftKey())
	}
	return rightDone(w, r, err, "Your statement stands with the entry from now on.")
}

func rightDone(w http.ResponseWriter, r *web.Request, err error, said string) error {
	if fault.Is(err, fault.Conflict) {
		r.Say(sentence(r, err), "")
	} else if err != nil {
		return err
	} else {
		r.Say(r.Lang.T(said), "")
	}
	return web.Redirect(w, r, "/portal/rights/"+r.PathValue("request"))
}
