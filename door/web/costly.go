package web

import (
	"errors"
	"net/http"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
)

// Costly is for pages whose work grows with all that the clinic has: lists and searches over every
// chart, the audit log, whole documents. They wait for their turn among all that is costly; the turn ends
// when the page is drawn, before it is sent. A form whose turn does not come waits in the answer, to be sent again.
func Costly(h Handler) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		err := r.Turn(func() error { return h(w, r) })
		var busy *fair.Busy
		if errors.As(err, &busy) && r.Method == http.MethodPost && !r.HX() {
			p := ui.Page{Title: r.Lang.T(faultTitle(fault.TooCostly)), Narrow: true}
			return pageStatus(w, r, fault.Status(fault.TooCostly), p, sendAgain(p.Title, FaultText(r, err), heldOf(r.URL.Path, r.PostForm, "")))
		}
		return err
	}
}

// Turn does a part of a request's work when its turn has come among all that is costly: of a file, what is done
// when it is there.
func (r *Request) Turn(work func() error) error {
	whole := r.Request
	defer func() { r.Request = whole }()
	return r.Site.Fair.Do(r.Context(), fair.Job{Who: r.Principal().ID}, func(t *fair.Turn) error {
		r.Request, r.turn = r.WithContext(t.Context()), t
		return work()
	})
}
