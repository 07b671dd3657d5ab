package smart

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/trust"
)

// galleryView are the programs that can be started about a patient.
type galleryView struct {
	Patient  string
	Visit    string
	Programs []oauth.Client
	Staff    bool
}

// gallery is the page of programs in a chart.
func (d *Door) gallery(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"), "Patient", "Encounter", "AllergyIntolerance")
	if err != nil {
		return err
	}
	v := galleryView{Patient: c.Patient.ID, Staff: true}
	p := ui.Page{Title: r.Lang.T("Programs"), Active: "/charts", Patient: banner(c), Narrow: true, Sheets: []string{"chart.css"}}
	if visit, ok := c.OpenVisit(); ok {
		v.Visit = visit.ID
	}
	return d.showGallery(w, r, p, v)
}

// banner identifies the patient of the page.
func banner(c chart.Chart) *ui.Banner {
	p := c.Patient
	b := &ui.Banner{ID: p.ID, Name: ui.Name{Family: p.Family, Given: p.Given, Title: p.Title, Preferred: p.Preferred}, Born: p.Born, Died: p.Died, Sex: p.Sex,
		RecordNumber: p.RecordNumber, Phone: p.Phone, Reach: ui.Reach{Way: string(p.Reach.Way), To: p.Reach.To}, Photo: p.Photo}
	b.Allergies = ui.Allergies{Asked: c.Allergies.Asked, Partial: c.Allergies.Partial, State: map[chart.AllergyState]ui.AllergyState{
		chart.NotRecorded: ui.AllergiesNotRecorded, chart.NoneKnown: ui.NoKnownAllergies, chart.HasAllergies: ui.KnownAllergies}[c.Allergies.State]}
	for _, a := range c.Allergies.Active {
		reaction := a.Reaction
		if reaction == "" {
			reaction = a.Severity
		}
		b.Allergies.Items = append(b.Allergies.Items, ui.Allergy{Substance: a.Agent, Reaction: reaction})
	}
	return b
}

// ownGallery is the page of programs in the portal.
func (d *Door) ownGallery(w http.ResponseWriter, r *web.Request) error {
	if r.Principal().Patient == "" {
		return fault.New(fault.Forbidden, "Your account is not linked to a record. The clinic can link it.")
	}
	return d.showGallery(w, r, ui.Page{Title: r.Lang.T("Programs"), Active: "/portal/more"}, galleryView{Patient: r.Principal().Patient})
}

func (d *Door) showGallery(w http.ResponseWriter, r *web.Request, p ui.Page, v galleryView) error {
	var err error
	if v.Programs, err = d.Server.Gallery(r.Context(), r.Principal()); err != nil {
		return err
	}
	var to []string
	for _, c := range v.Programs {
		to = append(to, c.Launch)
	}
	web.FormsLeadTo(w, to...)
	return web.Page(w, r, p, galleryPage(v))
}

// start begins a launch: the program is opened with an address that it asks about.
func (d *Door) start(w http.ResponseWriter, r *web.Request) error {
	about, visit := r.FormValue("patient"), r.FormValue("visit")
	if r.Principal().Role == trust.Patient {
		about, visit = r.Principal().Patient, ""
	} else if _, err := patient.Get(r.Context(), r.Actor, about); err != nil { // whom the person may see
		return err
	}
	if visit != "" {
		v, err := r.Actor.Read(r.Context(), "Encounter", visit)
		if err != nil {
			return err
		}
		if v.Path("subject.reference").Text() != "Patient/"+about {
			return fault.New(fault.Invalid, "The visit is not one of this patient.")
		}
	}
	id := r.PathValue("client")
	launch, err := d.Server.Start(r.Context(), r.Principal(), id, about, visit)
	if err != nil {
		return err
	}
	c, err := d.Server.Client(r.Context(), id)
	if err != nil {
		return err
	}
	u, err := url.Parse(c.Launch)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("iss", d.place(r.Request).FHIR)
	q.Set("launch", launch)
	u.RawQuery = q.Encode()
	leave(w, r, u.String())
	return nil
}

// grantView is one program that has access.
type grantView struct {
	ID      string
	Client  oauth.Client
	Asked   []asked
	About   string // the patient's name, for staff
	Created time.Time
	Used    time.Time
	Until   time.Time
	Lasting bool
}

// grants is the page Apps with access.
func (d *Door) grants(w http.ResponseWriter, r *web.Request) error {
	list, err := d.Server.Grants(r.Context(), r.Principal())
	if err != nil {
		return err
	}
	staff := r.Principal().Role != trust.Patient
	var views []grantView
	for _, g := range list {
		v := grantView{ID: g.ID, Client: g.Client, Asked: sayAll(r.Lang, g.Scopes, staff), Created: g.Created, Used: g.Used, Until: g.Until,
			Lasting: slices.Contains(g.Scopes, oauth.Offline)}
		if staff && g.Patient != "" {
			p, err := patient.Get(r.Context(), r.Actor, g.Patient)
			switch {
			case err == nil:
				v.About = p.Name()
			case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden):
				return err
			}
		}
		views = append(views, v)
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Apps with access"), Narrow: true}, grantsPage(views))
}

// end takes a program's access away at once.
func (d *Door) end(w http.ResponseWriter, r *web.Request) error {
	if err := d.Server.End(r.Context(), r.Principal(), r.PathValue("grant")); err != nil {
		return err
	}
	r.Say(r.Lang.T("The program has no access any more."), "")
	return web.Redirect(w, r, "/settings/apps")
}
