package web

import (
	"net/http"

	"github.com/a-h/templ"
)

// paperTold puts what the person has to know of an emergency paper access before a page.
func (r *Request) paperTold(body templ.Component) templ.Component {
	if p := r.Account.Paper; r.Actor != nil && p.News() {
		return templ.Join(paperNotice(*p, p.Open(r.Site.Clock.Now())), body)
	}
	return body
}

// paperAnswer is what the person says to it.
func paperAnswer(w http.ResponseWriter, r *Request) error {
	var err error
	if r.FormValue("step") == "drop" {
		if err = r.Site.Accounts.DropPaper(r.Context(), r.Principal(), r.Account.ID); err == nil {
			r.Say(r.Lang.T("The emergency paper access is taken back."), "")
		}
	} else {
		err = r.Site.Accounts.KnowsPaper(r.Context(), r.Principal(), r.Account.ID)
	}
	if err != nil {
		return err
	}
	return Redirect(w, r, "/")
}
