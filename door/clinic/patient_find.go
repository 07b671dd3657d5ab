package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// found is what the palette and the chart list show for what was typed.
type found struct {
	Typed  string
	People []patient.Person
	Alike  map[string]bool // ids of those whose names look like another's of these
	Verbs  []verb
	Front  bool // the reader works at the desk: opening means the demographics
	Bills  bool // the reader works in billing: opening means the account
	// Consents says that the reader records consents, and the clinic asks for them.
	Consents bool
	Glass    bool // the reader may open a closed chart in an emergency
}

// verb is something to do that the palette offers, named for the patient it acts on.
type verb struct{ Text, On, Icon, Href string }

// patientFind answers the palette: people for what was typed, then things to do in the
// open chart.
func patientFind(w http.ResponseWriter, r *web.Request) error {
	f, err := find(r, r.FormValue("q"))
	if err != nil {
		return err
	}
	if id := r.FormValue("patient"); id != "" && r.Principal().OpensCharts() {
		p, err := patient.Get(r.Context(), r.Actor, id)
		if err != nil {
			return err
		}
		f.Verbs = verbsFor(p, f.Typed)
	}
	return web.Render(w, r, foundOptions(f))
}

func find(r *web.Request, typed string) (found, error) {
	people, err := patient.Find(r.Context(), r.Actor, typed)
	return found{Typed: strings.TrimSpace(typed), People: people, Alike: patient.Alike(people), Front: !r.Principal().OpensCharts(), Bills: r.Principal().Role == trust.Biller,
		Glass: policy.MayBreakGlass(r.Principal()) == nil}, err
}

// verbsFor returns what can be done in a chart, by the words that were typed.
func verbsFor(p patient.Person, typed string) []verb {
	at := "/p/" + p.ID
	all := []verb{
		{"Prescribe", p.Name(), "pill", at + "/prescribe"},
		{"Order a laboratory test", p.Name(), "flask", at + "/orders"},
		{"Record vital signs", p.Name(), "activity", at + "/vitals"},
		{"Add a problem", p.Name(), "plus", at + "/problems"},
		{"Add an allergy", p.Name(), "warn", at + "/allergies"},
		{"Results", p.Name(), "flask", at + "/results"},
		{"Medications", p.Name(), "pill", at + "/medications"},
		{"Messages", p.Name(), "msg", at + "/messages"},
		{"Timeline", p.Name(), "clock", at + "/timeline"},
		{"Emergency sheet", p.Name(), "print", at + "/emergency"},
	}
	if typed == "" {
		return all
	}
	var out []verb
	for _, v := range all {
		if strings.Contains(strings.ToLower(v.Text), strings.ToLower(typed)) {
			out = append(out, v)
		}
	}
	return out
}

// chartList is the page Charts: find a patient, or register one.
func chartList(w http.ResponseWriter, r *web.Request) error {
	f, err := find(r, r.FormValue("q"))
	if err != nil {
		return err
	}
	if r.HX() {
		return web.Render(w, r, foundTable(f))
	}
	if rights.MayConsent(r.Principal()) {
		if f.Consents, err = r.Actor.ConsentFirst(r.Context()); err != nil {
			return err
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Charts"), Active: "/charts"}, chartListPage(f))
}

// open is where a person's row leads.
func (f found) open(p patient.Person) string {
	if f.Bills {
		return "/billing/" + p.ID
	}
	if f.Front {
		return "/p/" + p.ID + "/details"
	}
	return "/p/" + p.ID
}

// command reports whether the words typed are the beginning of "emergency access".
func (f found) command() bool {
	return len(f.Typed) >= 3 && strings.HasPrefix("emergency access", strings.ToLower(f.Typed))
}

// Closed reports whether the way to a chart that is closed to the reader is offered: nobody
// among the reader's own patients fits, or it was asked for.
func (f found) Closed() bool {
	return f.Glass && (f.command() || f.Typed != "" && len(f.People) == 0)
}

// Carried is what was typed, for the form of emergency access.
func (f found) Carried() string {
	if f.command() {
		return ""
	}
	return f.Typed
}
