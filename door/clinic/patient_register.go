package clinic

import (
	"errors"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/trust/policy"
)

// registration is the form as it was typed, what was read from it, and who it may be.
type registration struct {
	Typed     patient.Person
	Born      string // as typed
	BornFault string
	Matches   []patient.Match
	Closed    bool // somebody of this name and birth date has a chart that is closed to who types
	Glass     bool // who types may open such a chart in an emergency
	Answer    patient.Answer
	Faults    ui.Faults
	Key       string
	Book      string // query of a booking that waits for this patient
	Editing   bool
	Asked     bool // the clinic asks for the patient's consent first, and the reader records it
	Missing   bool // none is in force
}

// likely reports whether somebody must choose before saving.
func (g registration) likely() bool {
	return len(g.Matches) > 0 && g.Matches[0].Likely() && g.Answer == patient.Unasked
}

var sexOptions = []ui.Option{{Value: "female", Label: "Female"}, {Value: "male", Label: "Male"}, {Value: "other", Label: "Other"}, {Value: "unknown", Label: "Not known"}}

func registerForm(w http.ResponseWriter, r *web.Request) error {
	g := registration{Key: ident.New(r.Now()), Book: r.FormValue("book")}
	return web.Page(w, r, registerTitle(r), registerPage(g))
}

func registerTitle(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Register a patient"), Active: "/charts"}
}

// registerMatches answers while the person types: who it may be.
func registerMatches(w http.ResponseWriter, r *web.Request) error {
	g := readRegistration(r)
	if err := g.match(r); err != nil {
		return err
	}
	return web.Render(w, r, registerMatchList(g))
}

func readRegistration(r *web.Request) registration {
	v := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	g := registration{Born: v("birthDate"), Key: v("key"), Book: v("book"), Answer: patient.Answer(v("answer")), Typed: patient.Person{
		Family: v("family"), Given: v("given"), Preferred: v("preferred"), Prefix: v("prefix"), Sex: v("sex"), Phone: v("phone"), Email: v("email"),
		Line: v("line"), City: v("city"), State: v("state"), Post: v("post"), Language: v("language"),
		Contact: patient.Contact{Name: v("contactName"), Relation: v("contactRelation"), Phone: v("contactPhone")},
	}}
	if g.Born != "" {
		born, err := patient.ReadBirth(g.Born, r.Now())
		var f *fault.Error
		if errors.As(err, &f) {
			g.BornFault = f.Message
		}
		g.Typed.BirthDate = born
	}
	return g
}

func (g *registration) match(r *web.Request) error {
	var err error
	if g.Typed.BirthDate != "" || len(g.Typed.Family) > 2 {
		g.Matches, err = patient.Duplicates(r.Context(), r.Actor, g.Typed)
	}
	return err
}

// register saves the patient, or shows the form again with what was typed.
func register(w http.ResponseWriter, r *web.Request) error {
	g := readRegistration(r)
	if g.BornFault != "" {
		g.Faults.Add("birthDate", g.BornFault)
		return g.again(w, r)
	}
	d := patient.Draft{Person: g.Typed, Answer: g.Answer, Compare: r.Form["compare"], Key: g.Key}
	p, result, err := patient.Register(r.Context(), r.Actor, d)
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Invalid && f.Code != fault.Conflict {
			return err
		}
		g.Closed, g.Glass = f.Path == patient.Closed, policy.MayBreakGlass(r.Principal()) == nil
		for _, i := range f.Told() {
			if i.Expression != patient.Closed {
				g.Faults.Add(i.Expression, web.IssueText(r, i))
			}
		}
		if len(f.Issues) == 0 {
			g.Faults.Add("", f.In(r.Lang.T))
		}
		return g.again(w, r)
	}
	next, err := afterRegistering(r, p.ID, g.Book)
	if err != nil {
		return err
	}
	if next == "" {
		r.Say(r.Lang.T("Registered %s. The chart opens when the front desk, health records or the patient in the portal has recorded the consent that this clinic asks for.", p.Name()), result.Undo)
		return web.Redirect(w, r, "/charts")
	}
	r.Say(r.Lang.T("Registered %s.", p.Name()), result.Undo)
	return web.Redirect(w, r, next)
}

func (g registration) again(w http.ResponseWriter, r *web.Request) error {
	if err := g.match(r); err != nil {
		return err
	}
	return web.Invalid(w, r, registerTitle(r), registerPage(g))
}

// details is a patient's demographics: the page that the front desk opens.
func details(w http.ResponseWriter, r *web.Request) error {
	p, err := patient.Get(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	g := registration{Typed: p, Born: p.BirthDate, Editing: true}
	if g.Asked, g.Missing, err = withoutConsent(r, p.ID); err != nil {
		return err
	}
	return web.Page(w, r, detailsTitle(r, p), detailsPage(g))
}

func detailsTitle(r *web.Request, p patient.Person) ui.Page {
	a := chart.Allergies{} // not available, when they cannot be read
	if r.Principal().OpensCharts() {
		if c, err := chart.Read(r.Context(), r.Actor, p.ID, "AllergyIntolerance"); err == nil {
			a = c.Allergies
		}
	}
	b := bannerOf(registered(p), a)
	b.NoClinical = !r.Principal().OpensCharts()
	return ui.Page{Title: r.Lang.T("Details"), Active: "/charts", Patient: b}
}

// saveDetails stores changed demographics.
func saveDetails(w http.ResponseWriter, r *web.Request) error {
	p, err := patient.Get(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	g := readRegistration(r)
	g.Editing = true
	seen := p.Version
	if v, err := parseVersion(r.FormValue("version")); err == nil {
		seen = v
	}
	g.Typed.ID, g.Typed.RecordNumber, g.Typed.Doctor, g.Typed.Died, g.Typed.Version = p.ID, p.RecordNumber, p.Doctor, p.Died, seen
	g.Typed.Prefix = p.Prefix // the form does not show it
	if g.BornFault != "" {
		g.Faults.Add("birthDate", g.BornFault)
		return web.Invalid(w, r, detailsTitle(r, p), detailsPage(g))
	}
	result, err := patient.Update(r.Context(), r.Actor, g.Typed, seen)
	switch {
	case fault.Is(err, fault.Stale):
		g.Faults.Add("", r.Lang.T("Somebody else has changed these details since you opened them. What you typed is still here; open the page again in another tab and compare."))
		return web.Invalid(w, r, detailsTitle(r, p), detailsPage(g))
	case fault.Is(err, fault.Invalid):
		var f *fault.Error
		errors.As(err, &f)
		for _, i := range f.Told() {
			g.Faults.Add(i.Expression, web.IssueText(r, i))
		}
		return web.Invalid(w, r, detailsTitle(r, p), detailsPage(g))
	case err != nil:
		return err
	}
	r.Say(r.Lang.T("Details saved."), result.Undo)
	return web.Redirect(w, r, "/p/"+p.ID+"/details")
}
