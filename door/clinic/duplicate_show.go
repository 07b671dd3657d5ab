package clinic

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// duplicatesView is all pairs of records that may be one person.
type duplicatesView struct {
	Mine, Asked []workLine // Asked waits for an administrator
}

// duplicateView compares two records field by field.
type duplicateView struct {
	Pair   patient.Pair
	Task   task.Task
	Rows   []patient.Field
	Admins []ui.Option
	Asked  string // name of the administrator who was asked; "" when nobody was
	Faults ui.Faults
}

func duplicateList(w http.ResponseWriter, r *web.Request) error {
	open, err := task.OpenOf(r.Context(), r.Actor, task.DuplicatePatient)
	if err != nil {
		return err
	}
	list, err := lines(r.Context(), r.Actor, open)
	if err != nil {
		return err
	}
	admins, err := staff.With(r.Context(), r.Actor, trust.Administrator)
	if err != nil {
		return err
	}
	var v duplicatesView
	for _, l := range list {
		if nameAmong(admins, l.Task.Owner) != "" {
			v.Asked = append(v.Asked, l)
		} else {
			v.Mine = append(v.Mine, l)
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Possible duplicates"), Active: "/charts"}, duplicatesPage(v))
}

func nameAmong(list []staff.Person, id string) string {
	for _, p := range list {
		if p.ID == id && id != "" {
			return p.Name()
		}
	}
	return ""
}

func duplicateShow(w http.ResponseWriter, r *web.Request) error {
	if r.HX() { // from the inbox's list: the comparison needs the whole page
		return web.Redirect(w, r, "/duplicates/"+r.PathValue("task"))
	}
	v, err := loadDuplicate(r)
	if err != nil {
		return err
	}
	return v.show(w, r)
}

func loadDuplicate(r *web.Request) (duplicateView, error) {
	id := r.PathValue("task")
	t, err := task.Find(r.Context(), r.Actor, id)
	if err != nil {
		return duplicateView{}, err
	}
	pair, err := patient.Suspected(r.Context(), r.Actor, id)
	if err != nil {
		return duplicateView{}, err
	}
	admins, err := staff.With(r.Context(), r.Actor, trust.Administrator)
	if err != nil {
		return duplicateView{}, err
	}
	v := duplicateView{Pair: pair, Task: t, Rows: pair.Match.Fields, Asked: nameAmong(admins, t.Owner)}
	for _, a := range admins {
		v.Admins = append(v.Admins, ui.Option{Value: a.ID, Label: a.Name()})
	}
	return v, nil
}

func (v duplicateView) show(w http.ResponseWriter, r *web.Request) error {
	p := ui.Page{Title: r.Lang.T("Possible duplicate"), Active: "/charts", Sheets: []string{"office.css"}}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, duplicatePage(v))
	}
	return web.Page(w, r, p, duplicatePage(v))
}

// duplicateDifferent remembers that the two are not one person.
func duplicateDifferent(w http.ResponseWriter, r *web.Request) error {
	v, err := loadDuplicate(r)
	if err != nil {
		return err
	}
	done, err := task.Done(r.Context(), r.Actor, v.Task.ID, "Different people.")
	if err != nil {
		return err
	}
	saved, err := patient.SetDifferent(r.Context(), r.Actor, v.Pair, done)
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Remembered: two different people. Osler does not ask about them again."), saved.Undo)
	return web.Redirect(w, r, "/duplicates")
}

// duplicateSame keeps both records and hands the question to an administrator: charts are
// not merged here yet.
func duplicateSame(w http.ResponseWriter, r *web.Request) error {
	word := "Same person, in the eyes of " + r.Principal().Name + ". Both records are kept."
	if typed := strings.TrimSpace(r.FormValue("word")); typed != "" {
		word += " " + typed
	}
	v, err := loadDuplicate(r)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.Admins, func(o ui.Option) bool { return o.Value == r.FormValue("owner") }) {
		v.Faults.Add("owner", r.Lang.T("Choose the administrator who is asked."))
		return v.show(w, r)
	}
	saved, err := task.Reassign(r.Context(), r.Actor, v.Task.ID, r.FormValue("owner"), word)
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Both records are kept. The question stays open with the administrator."), saved.Undo)
	return web.Redirect(w, r, "/duplicates")
}

// addressOf is a postal address in one line.
func addressOf(p patient.Person) string {
	var parts []string
	for _, s := range []string{p.Line, p.City, strings.TrimSpace(p.State + " " + p.Post)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}
