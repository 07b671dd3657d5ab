package web

import (
	"net/http"

	"github.com/osler-emr/osler/base/fair"
)

// Costly is for pages whose work grows with all that the clinic has: lists and searches over every
// chart, the audit log. They wait for their turn among all that is costly; the turn ends when the page
// is drawn, before it is sent.
func Costly(h Handler) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		whole := r.Request
		defer func() { r.Request = whole }()
		return r.Site.Fair.Do(r.Context(), fair.Job{Who: r.Principal().ID}, func(t *fair.Turn) error {
			r.Request, r.turn = r.WithContext(t.Context()), t
			return h(w, r)
		})
	}
}
