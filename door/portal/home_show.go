package portal

import (
	"net/http"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/rights"
)

// Limits of what counts as near on the first page.
const (
	visitSoon  = 14 * 24 * time.Hour // a visit to think of
	supplyLow  = 14                  // days of supply left
	glassNews  = 14 * 24 * time.Hour // emergency access is news for so long
	mostToDo   = 3
	resultsNew = 30 * 24 * time.Hour // a result that nobody opened counts as new
)

// homeView is the first page: what to do, what is new, where everything is.
type homeView struct {
	Patient   chart.Patient
	Acting    bool // the reader is somebody else
	ToDo      []toDo
	New       []resultLine        // results that were not opened, the most pressing first
	Today     []chart.Appointment // that are not over
	Over      []visitOver         // of today
	Next      *chart.Appointment  // after today
	Team      team
	Unread    int
	Medicines int
}

// visitOver is a visit of today that has taken place, with where to read about it.
type visitOver struct {
	chart.Appointment
	Href string
}

// toDo is one thing that waits for the patient.
type toDo struct {
	Title, Text, Action, Href string
	When                      string // FHIR dateTime, shown behind the title
}

func home(w http.ResponseWriter, r *web.Request) error {
	v, err := readHome(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Home"), Active: "/portal"}, homePage(v))
}

func readHome(r *web.Request) (homeView, error) {
	ctx := r.Context()
	c, err := read(r, "Patient", "Appointment", "Encounter", "MedicationRequest", "MedicationStatement")
	if err != nil {
		return homeView{}, err
	}
	v := homeView{Patient: c.Patient, Acting: r.Base != ""}
	if v.Team, err = readTeam(ctx, r.Actor); err != nil {
		return v, err
	}
	all := c.AppointmentsOn(r.Now())
	for _, a := range all {
		if !a.Done() {
			v.Today = append(v.Today, a)
			continue
		}
		over := visitOver{Appointment: a, Href: "/portal/visits"}
		for _, x := range c.Visits {
			if x.Appointment == a.ID {
				over.Href = "/portal/visits/" + x.ID
			}
		}
		v.Over = append(v.Over, over)
	}
	if a, ok := c.NextAppointment(); ok && !slices.ContainsFunc(all, func(t chart.Appointment) bool { return t.ID == a.ID }) {
		v.Next = &a
	}
	list, err := readResults(r)
	if err != nil {
		return v, err
	}
	v.New = list.unread()
	threads, err := message.Unread(ctx, r.Actor)
	if err != nil {
		return v, err
	}
	meds, err := medication.List(ctx, r.Actor, c.Patient.ID)
	if err != nil {
		return v, err
	}
	for _, m := range meds.Current {
		if !m.Stated { // what the patient told stands apart on the page that this counts
			v.Medicines++
		}
	}
	for _, t := range threads {
		v.Unread += t.UnreadBy("Patient/" + c.Patient.ID)
	}
	if err := v.addGlass(r); err != nil {
		return v, err
	}
	if err := v.addAwaited(r); err != nil {
		return v, err
	}
	if err := v.addRights(r); err != nil {
		return v, err
	}
	v.addMessages(r, threads)
	v.addResults(r)
	v.addVisit(r)
	if err := v.addSupply(r, meds); err != nil {
		return v, err
	}
	v.ToDo = v.ToDo[:min(len(v.ToDo), mostToDo)]
	return v, nil
}

// addGlass tells that the record was opened by emergency access.
func (v *homeView) addGlass(r *web.Request) error {
	if limited(r) {
		return nil
	}
	list, err := r.Site.Accounts.GlassAbout(r.Context(), r.Principal(), v.Patient.ID)
	if err != nil || len(list) == 0 || list[0].ReadBy(r.Principal().ID) || r.Now().Sub(list[0].Opened) > glassNews {
		return err
	}
	title := r.Lang.T("Your record was opened in an emergency")
	if of := actedFor(r); of != "" {
		title = r.Lang.T("The record of %s was opened in an emergency", of)
	}
	v.ToDo = append(v.ToDo, toDo{Title: title, When: list[0].Opened.Format(time.RFC3339),
		Text: list[0].Name, Action: r.Lang.T("Look"), Href: "/portal/access"})
	return nil
}

// addAwaited tells that somebody was proposed at the clinic who is to open the record, or was let in
// by the clinic.
func (v *homeView) addAwaited(r *web.Request) error {
	p := r.Principal()
	if p.Proxy != nil {
		return nil
	}
	list, err := r.Site.Accounts.ProxiesFor(r.Context(), p, p.Patient)
	for _, s := range list {
		switch {
		case s.Waits():
			v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("Is this person to open your record?"), Text: s.Name, Action: r.Lang.T("Answer"), Href: "/whose"})
		case s.Stands() && s.Why != "" && r.Now().Sub(s.Confirmed.At) < glassNews:
			v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("The clinic let somebody open your record"), When: s.Confirmed.At.Format(time.RFC3339),
				Text: s.Name, Action: r.Lang.T("Look"), Href: "/whose"})
		}
	}
	return err
}

// addRights tells that the clinic has answered a request about the record.
func (v *homeView) addRights(r *web.Request) error {
	if limited(r) {
		return nil
	}
	list, err := rights.Of(r.Context(), r.Actor, v.Patient.ID)
	for _, q := range rights.News(list) {
		last := q.Steps[len(q.Steps)-1]
		v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("The clinic answered your request"), When: last.At.Format(time.RFC3339),
			Text: r.Lang.T(rightTitle(q.Kind)), Action: r.Lang.T("Read"), Href: "/portal/rights/" + q.ID})
	}
	return err
}

func (v *homeView) addMessages(r *web.Request, threads []message.Thread) {
	if len(threads) == 0 {
		return
	}
	t := threads[0]
	who := v.Team.name(t.Last().Sender)
	if who == "" {
		who = r.Lang.T("Your care team")
	}
	v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("%s wrote to you", who), Text: t.Subject, Action: r.Lang.T("Read"), Href: "/portal/messages/" + t.ID})
}

func (v *homeView) addResults(r *web.Request) {
	if len(v.New) == 0 {
		return
	}
	title := r.Lang.T("You have 1 new result")
	if len(v.New) > 1 {
		title = r.Lang.T("You have %d new results", len(v.New))
	}
	v.ToDo = append(v.ToDo, toDo{Title: title, Text: v.New[0].Name, Action: r.Lang.T("Look"), Href: v.New[0].Href()})
}

func (v *homeView) addVisit(r *web.Request) {
	for _, a := range v.Today {
		if !a.Here() && !a.Done() {
			v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("You have a visit today"), When: a.Start, Text: v.Team.name(a.Clinician), Action: r.Lang.T("See visit"), Href: "/portal/visits"})
			return
		}
	}
	if v.Next == nil || chart.Moment(v.Next.Start).Sub(r.Now()) > visitSoon {
		return
	}
	v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("You have a visit soon"), When: v.Next.Start, Text: v.Team.name(v.Next.Clinician), Action: r.Lang.T("See visit"), Href: "/portal/visits"})
}

// addSupply reminds of the prescription that ends first, unless more was asked for.
func (v *homeView) addSupply(r *web.Request, meds medication.Medicines) error {
	asked, err := medication.Refills(r.Context(), r.Actor, v.Patient.ID)
	if err != nil {
		return err
	}
	var low *medication.Medicine
	least := supplyLow + 1
	for _, m := range meds.Current {
		days, known := m.SupplyLeft(r.Now())
		t, ok := asked[m.Reference()]
		if len(m.Says) > 0 { // who has stopped it, or takes it otherwise, is asked by a person
			continue
		}
		if known && days < least && !(ok && t.Open()) {
			low, least = &m, days
		}
	}
	if low == nil {
		return nil
	}
	text := r.Lang.T("About %d days left", least)
	if least < 1 {
		text = r.Lang.T("It may have run out")
	}
	v.ToDo = append(v.ToDo, toDo{Title: r.Lang.T("Do you need more %s?", ui.SplitMedicine(low.Text).Generic), Text: text,
		Action: r.Lang.T("Refill"), Href: "/portal/medicines#" + anchor(low.Reference())})
	return nil
}

func more(w http.ResponseWriter, r *web.Request) error {
	return web.Page(w, r, ui.Page{Title: r.Lang.T("More"), Active: "/portal/more"}, morePage(limited(r)))
}
