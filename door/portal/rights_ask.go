package portal

import (
	"errors"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/rights"
)

// askView is the form of a request.
type askView struct {
	Kind   rights.Kind
	About  string
	Entry  rights.Entry
	Form   rights.Draft
	For    string // id of the patient whom the writer acts for
	Saved  ui.Saved
	Faults ui.Faults
}

// Path is where the form is sent.
func (v askView) Path() string {
	switch v.Kind {
	case rights.Restriction:
		return "/portal/rights/restrict"
	case rights.Confidential:
		return "/portal/rights/reach"
	}
	return "/portal/rights/correct"
}

func (v askView) draftKey() string {
	key := "portal/" + string(v.Kind)
	if v.About != "" {
		key += "/" + v.About
	}
	if v.For != "" {
		key += "/" + v.For
	}
	return key
}

func askTitle(k rights.Kind) string {
	switch k {
	case rights.Restriction:
		return "Ask for a restriction"
	case rights.Confidential:
		return "Ask to be reached in another way"
	}
	return "Ask for a correction"
}

func correctForm(w http.ResponseWriter, r *web.Request) error {
	return askForm(w, r, rights.Amendment)
}

func restrictForm(w http.ResponseWriter, r *web.Request) error {
	return askForm(w, r, rights.Restriction)
}

func reachForm(w http.ResponseWriter, r *web.Request) error {
	return askForm(w, r, rights.Confidential)
}

func reachAsk(w http.ResponseWriter, r *web.Request) error { return ask(w, r, rights.Confidential) }

func correctAsk(w http.ResponseWriter, r *web.Request) error { return ask(w, r, rights.Amendment) }

func restrictAsk(w http.ResponseWriter, r *web.Request) error { return ask(w, r, rights.Restriction) }

// readAsk looks up in the own record what the request is about: an id of somebody else's finds
// nothing.
func readAsk(r *web.Request, kind rights.Kind) (askView, error) {
	v := askView{Kind: kind, For: r.PathValue("person")}
	if _, err := whole(r); err != nil {
		return v, err
	}
	if kind == rights.Confidential && r.Principal().Proxy != nil { // who acts for the patient may be whom it is kept from
		return v, fault.New(fault.Forbidden, "How a patient is reached in confidence is asked by the patient.")
	}
	v.About = r.FormValue("about")
	if kind != rights.Amendment || v.About == "" {
		v.About = ""
		return v, nil
	}
	var err error
	v.Entry, err = rights.ReadEntry(r.Context(), r.Actor, v.About)
	if err == nil && v.Entry.Version == "" {
		err = fault.New(fault.NotFound, "There is no such entry in your record.")
	}
	return v, err
}

func askForm(w http.ResponseWriter, r *web.Request, kind rights.Kind) error {
	v, err := readAsk(r, kind)
	if err != nil {
		return err
	}
	f, err := v.draft(r)
	if err != nil {
		return err
	}
	v.Form = rights.Draft{Wrong: f["wrong"], Should: f["should"], Why: f["why"], Tell: f["tell"], Whom: f["whom"], Reason: f["reason"]}
	return showAsk(w, r, v)
}

// draft reads which draft the page goes on with, and returns what was typed into it.
func (v *askView) draft(r *web.Request) (map[string]string, error) {
	_, saved, fields, err := web.Typed(r, v.draftKey())
	v.Saved = saved
	return fields, err
}

func showAsk(w http.ResponseWriter, r *web.Request, v askView) error {
	p := rightsPageOf(r, askTitle(v.Kind))
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, askPage(v))
	}
	return web.Page(w, r, p, askPage(v))
}

// ask sends the request; a refused one comes back as it was typed.
func ask(w http.ResponseWriter, r *web.Request, kind rights.Kind) error {
	v, err := readAsk(r, kind)
	if err != nil {
		return err
	}
	v.Form = rights.Draft{Kind: kind, About: v.About, Wrong: r.FormValue("wrong"), Should: r.FormValue("should"), Why: r.FormValue("why"),
		Tell: r.FormValue("tell"), Whom: r.FormValue("whom"), Reason: r.FormValue("reason"), Key: formKey(r)}
	d := v.Form
	d.Wrong = signed(r, d.Wrong)
	q, err := rights.Ask(r.Context(), r.Actor, d)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		field := ""
		if f := (*fault.Error)(nil); errors.As(err, &f) {
			field = f.Path
		}
		v.Faults.Add(field, sentence(r, err))
		if _, err := v.draft(r); err != nil {
			return err
		}
		return showAsk(w, r, v)
	}
	if err != nil {
		return err
	}
	if err := r.Actor.DropDraft(r.Context(), v.draftKey()); err != nil {
		return err
	}
	r.Say(r.Lang.T("Your request is sent. You see here when the clinic answers."), "")
	return web.Redirect(w, r, "/portal/rights/"+q.ID)
}
