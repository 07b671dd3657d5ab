package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/intake"
)

// measureView is what the patient reported so far.
type measureView struct {
	List   []intake.Measurement
	Upper  ui.Trend
	Lower  ui.Trend
	Weight ui.Trend
}

// measureFormView is one form, with what was typed.
type measureFormView struct {
	Kind    intake.Kind
	Upper   string
	Lower   string
	Weight  string
	Symptom string
	Comment string
	Date    string // of the measurement, yyyy-mm-dd
	Clock   string // hh:mm
	Today   string
	Mixed   bool   // the numbers look swapped
	Confirm bool   // unusual values wait for a second look
	Typed   string // these very values: a tick holds for them only
	Before  string // what an unusual weight is compared with
	Faults  ui.Faults
}

func measure(w http.ResponseWriter, r *web.Request) error {
	id, err := own(r)
	if err != nil {
		return err
	}
	list, err := intake.List(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	v := measureView{List: list, Upper: ui.Trend{Title: r.Lang.T("Upper number"), Unit: "mmHg"}, Lower: ui.Trend{Title: r.Lang.T("Lower number"), Unit: "mmHg"}, Weight: ui.Trend{Title: r.Lang.T("Weight"), Unit: "kg"}}
	for _, t := range []*ui.Trend{&v.Upper, &v.Lower, &v.Weight} {
		t.Low, t.High = ui.NoLimit(), ui.NoLimit()
	}
	for _, m := range list {
		if m.State == intake.Declined {
			continue
		}
		switch {
		case m.Kind == intake.Pressure && len(v.Upper.Points) < 30:
			v.Upper.Points = append(v.Upper.Points, point(m.When, m.Upper))
			v.Lower.Points = append(v.Lower.Points, point(m.When, m.Lower))
		case m.Kind == intake.Weight && m.Unit == "kg" && len(v.Weight.Points) < 30:
			v.Weight.Points = append(v.Weight.Points, point(m.When, m.Value))
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("My measurements"), Active: "/portal/measure"}, measurePage(v))
}

func point(at time.Time, value string) ui.Point {
	return ui.Point{At: at, N: parse(value), Value: value}
}

// kindOf is the kind in the path; another word is no page.
func kindOf(r *web.Request) (intake.Kind, error) {
	switch k := intake.Kind(r.PathValue("kind")); k {
	case intake.Pressure, intake.Weight, intake.Symptom:
		return k, nil
	}
	return "", fault.New(fault.NotFound, "There is no page at this address.")
}

func measureForm(w http.ResponseWriter, r *web.Request) error {
	kind, err := kindOf(r)
	if err != nil {
		return err
	}
	now := r.Now()
	return showMeasure(w, r, measureFormView{Kind: kind, Date: now.Format(time.DateOnly), Clock: now.Format("15:04"), Today: now.Format(time.DateOnly)})
}

func showMeasure(w http.ResponseWriter, r *web.Request, v measureFormView) error {
	p := ui.Page{Title: r.Lang.T(kindTitle(v.Kind)), Active: "/portal/measure"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, measureFormPage(v))
	}
	return web.Page(w, r, p, measureFormPage(v))
}

// measureSave stores a measurement, or shows the form again with everything that was typed.
func measureSave(w http.ResponseWriter, r *web.Request) error {
	kind, err := kindOf(r)
	if err != nil {
		return err
	}
	v := measureFormView{Kind: kind, Upper: r.FormValue("upper"), Lower: r.FormValue("lower"), Weight: r.FormValue("weight"), Symptom: r.FormValue("symptom"),
		Comment: r.FormValue("comment"), Date: r.FormValue("date"), Clock: r.FormValue("clock"), Today: r.Now().Format(time.DateOnly)}
	if r.FormValue("swap") != "" {
		v.Upper, v.Lower = v.Lower, v.Upper
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", strings.TrimSpace(v.Date)+" "+strings.TrimSpace(v.Clock), r.Now().Location())
	if err != nil {
		v.Faults.Add("date", r.Lang.T("We cannot read the day or the time. Write the day as %s and the time as 08:15.", v.Today))
		return showMeasure(w, r, v)
	}
	d := intake.Draft{Kind: kind, Upper: v.Upper, Lower: v.Lower, Weight: v.Weight,
		Symptom: v.Symptom, Comment: v.Comment, When: when, Sure: r.FormValue("sure"), Key: formKey(r)}
	v.Typed = d.Typed()
	m, saved, err := intake.Record(r.Context(), r.Actor, d)
	if fault.Is(err, fault.Invalid) {
		v.Mixed, v.Confirm = intake.Mixed(err), intake.Unconfirmed(err)
		v.add(r, err)
		if v.Confirm && kind == intake.Weight {
			if v.Before, err = weightBefore(r, when); err != nil {
				return err
			}
		}
		return showMeasure(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Saved. A nurse or doctor looks at it on a working day."), saved.Undo)
	if m.Urgent() {
		return web.Redirect(w, r, "/portal/measure?help=1")
	}
	return web.Redirect(w, r, "/portal/measure")
}

// weightBefore says what the weight was before an instant; "" when there is none.
func weightBefore(r *web.Request, at time.Time) (string, error) {
	c, err := chart.Read(r.Context(), r.Actor, r.Principal().Patient, "Observation")
	if err != nil {
		return "", err
	}
	before, ok := intake.WeightBefore(c, at)
	if !ok {
		return "", nil
	}
	return r.Lang.T("The weight before was %s, on %s.", before.Value+" kg", r.Lang.Date(before.When, lang.Long, r.Now().Location())), nil
}

// add puts the issues of a fault to their fields.
func (v *measureFormView) add(r *web.Request, err error) {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Issues) == 0 {
		v.Faults.Add("", sentence(r, err))
		return
	}
	for _, i := range f.Told() {
		field := i.Expression
		if field == intake.FieldWhen {
			field = "date"
		}
		v.Faults.Add(field, r.Lang.T(i.Text))
	}
}

func kindTitle(k intake.Kind) string {
	switch k {
	case intake.Pressure:
		return "Blood pressure"
	case intake.Weight:
		return "Weight"
	}
	return "How I feel"
}

// stateTag is how far a report has come.
func stateTag(s intake.State) (tone ui.Tone, icon, word string) {
	switch s {
	case intake.Accepted:
		return ui.Good, "ok", "accepted into your record"
	case intake.Declined:
		return ui.Caution, "x", "not taken into your record"
	}
	return ui.Info, "clock", "waiting for a look"
}
