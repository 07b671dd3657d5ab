package clinic

import (
	"context"
	"net/http"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/store"
)

// keysView is what is known of the record's keys. It holds no key.
type keysView struct {
	Tells     bool // the server looks after its keys
	Place     web.KeyPlace
	Since     time.Time // when the record met first what opens it
	State     store.KeyState
	LastShred time.Time
}

// running reports whether a change of keys is under way.
func (v keysView) running() bool {
	return v.State.Waiting > 0 || !v.State.Began.IsZero() && v.State.Ended.IsZero()
}

// keysShow shows what protects the record, and how far a change of keys is.
func keysShow(w http.ResponseWriter, r *web.Request) error {
	v := keysView{Tells: r.Site.Keys != nil}
	var err error
	if v.State, err = r.Actor.KeyState(r.Context()); err != nil {
		return err
	}
	if v.LastShred, err = r.Actor.LastShred(r.Context()); err != nil {
		return err
	}
	if v.Tells {
		if v.Place, err = r.Site.Keys(); err != nil {
			return err
		}
		if v.Since, err = r.Actor.OpenedBy(r.Context(), v.Place.Mark, v.Place.Kind); err != nil {
			return err
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Keys"), Active: "/safety", Sheets: []string{"office.css"}}, keysPage(v))
}

// keysChange begins a change of keys, which the server goes on with by itself.
func keysChange(w http.ResponseWriter, r *web.Request) error {
	if r.Site.Keys == nil {
		return fault.New(fault.NotSupported, "This server does not look after its keys. Run “osler key rotate” instead.")
	}
	switch err := r.Actor.ChangeKeys(r.Context()); {
	case fault.Is(err, fault.Conflict):
		r.Say(r.Lang.T("The keys are being changed already. This page shows how far it is."), "")
	case err != nil:
		return err
	default:
		r.Say(r.Lang.T("The change of keys has begun. Everything goes on meanwhile; this page shows how far it is."), "")
	}
	return web.Redirect(w, r, "/safety/keys")
}

// opensWord says in words what opens the record.
func opensWord(ctx context.Context, kind string) string {
	switch kind {
	case seal.ByKeyFile:
		return ui.T(ctx, "a key file")
	case seal.ByPassphrase:
		return ui.T(ctx, "a passphrase")
	case seal.ByCommand:
		return ui.T(ctx, "a program: a hardware module, smart card or key management")
	case seal.ByService:
		return ui.T(ctx, "a key service")
	}
	return kind
}

// keepWord says what the record cannot know of that, and who has to.
func keepWord(ctx context.Context, kind string) string {
	switch kind {
	case seal.ByKeyFile:
		return ui.T(ctx, "The record cannot know whether a copy of the key file lies in a safe. Without the file or two recovery sheets nobody opens the record again.")
	case seal.ByPassphrase:
		return ui.T(ctx, "The record cannot know who else knows the passphrase. Without it or two recovery sheets nobody opens the record again.")
	}
	return ui.T(ctx, "The record cannot know whether the key is backed up where it is kept. Without it or two recovery sheets nobody opens the record again.")
}
