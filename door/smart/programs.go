package smart

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
)

// programView is one program on its page.
type programView struct {
	Client oauth.Client
	Asked  []asked
	Secret string // shown once, right after registering
	Faults ui.Faults
	Roles  []ui.Option

	Population, PopulationID, Purpose string // of a service: for whom, and what for
}

// programForm is what was typed into the registration.
type programForm struct {
	Name, About, Home, Launch string
	Redirects, Scopes         string // one a line; separated by spaces
	Auth, Keys, KeysAt        string
	Role                      string
	Patients, Staff           bool
	Faults                    ui.Faults
	Auths, Roles              []ui.Option
}

func programsTitle(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Programs"), Active: "/programs", Narrow: true, Sheets: []string{"office.css"}}
}

// programs is the administrators' list.
func (d *Door) programs(w http.ResponseWriter, r *web.Request) error {
	list, err := d.Server.Clients(r.Context(), r.Principal())
	if err != nil {
		return err
	}
	return web.Page(w, r, programsTitle(r), programsPage(list, r.Principal().Role == trust.Administrator))
}

// program is the page of one program: what it asks for, and the decision.
func (d *Door) program(w http.ResponseWriter, r *web.Request) error {
	c, err := d.Server.Client(r.Context(), r.PathValue("client"))
	if err != nil {
		return err
	}
	v := programView{Client: c}
	v.populated()
	return d.showProgram(w, r, v)
}

func (d *Door) showProgram(w http.ResponseWriter, r *web.Request, v programView) error {
	v.Asked, v.Roles = sayAll(r.Lang, v.Client.Scopes, true), roles(r)
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, programsTitle(r), programPage(v))
	}
	return web.Page(w, r, programsTitle(r), programPage(v))
}

func roles(r *web.Request) []ui.Option {
	out := []ui.Option{{Value: "", Label: r.Lang.T("None: people use it")}}
	for _, role := range oauth.BackendRoles {
		out = append(out, ui.Option{Value: string(role), Label: r.Lang.T(strings.ReplaceAll(string(role), "-", " "))})
	}
	return out
}

// typed returns the sentence of a refusal that is about what was typed.
func typed(r *web.Request, err error) (string, bool) {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Malformed) {
		return web.FaultText(r, err), true
	}
	return "", false
}

func (d *Door) newProgram(w http.ResponseWriter, r *web.Request) error {
	return showForm(w, r, programForm{Auth: oauth.AuthNone, Scopes: strings.Join(oauth.Usual, " "), Staff: true})
}

func showForm(w http.ResponseWriter, r *web.Request, f programForm) error {
	f.Roles = roles(r)
	f.Auths = []ui.Option{{Value: oauth.AuthNone, Label: r.Lang.T("It keeps no secret (runs in a browser or on a phone)")},
		{Value: oauth.AuthBasic, Label: r.Lang.T("A secret, sent in the header (client_secret_basic)")},
		{Value: oauth.AuthPost, Label: r.Lang.T("A secret, sent in the form (client_secret_post)")},
		{Value: oauth.AuthKey, Label: r.Lang.T("A key of its own (private_key_jwt)")}}
	if len(f.Faults) > 0 {
		return web.Invalid(w, r, programsTitle(r), newProgramPage(f))
	}
	return web.Page(w, r, programsTitle(r), newProgramPage(f))
}

// register makes a program by the form; its secret is shown once.
func (d *Door) registerByForm(w http.ResponseWriter, r *web.Request) error {
	f := programForm{Name: r.FormValue("name"), About: r.FormValue("about"), Home: strings.TrimSpace(r.FormValue("home")), Launch: strings.TrimSpace(r.FormValue("launch")),
		Redirects: r.FormValue("redirects"), Scopes: r.FormValue("scopes"), Auth: r.FormValue("auth"), Keys: strings.TrimSpace(r.FormValue("keys")),
		KeysAt: strings.TrimSpace(r.FormValue("keys-at")), Role: r.FormValue("role"), Patients: r.FormValue("patients") == "yes", Staff: r.FormValue("staff") == "yes"}
	c := oauth.Client{Name: f.Name, About: f.About, Home: f.Home, Launch: f.Launch, Redirects: strings.Fields(f.Redirects), Scopes: strings.Fields(f.Scopes),
		Auth: f.Auth, JWKSURI: f.KeysAt, Role: trust.Role(f.Role), Patients: f.Patients, Staff: f.Staff}
	if f.Keys != "" {
		c.JWKS = json.RawMessage(f.Keys)
		if !json.Valid(c.JWKS) {
			f.Faults.Add("keys", r.Lang.T("The key set is not JSON."))
			return showForm(w, r, f)
		}
	}
	made, secret, err := d.Server.Register(r.Context(), r.Principal(), c)
	if text, ok := typed(r, err); ok {
		f.Faults.Add("", text)
		return showForm(w, r, f)
	}
	if err != nil {
		return err
	}
	if secret == "" {
		r.Say(r.Lang.T("Registered."), "")
		return web.Redirect(w, r, "/programs/"+made.ID)
	}
	return d.showProgram(w, r, programView{Client: made, Secret: secret})
}
