package clinic

import (
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/order"
	"github.com/osler-emr/osler/practice/result"
)

// resultLine is one value of the form, in the person's words.
type resultLine struct {
	LOINC, Name, Unit string
	Usual             string // the built-in range, as a hint
	Value, Low, High  string
	Words             bool
	Asked             bool // whether the laboratory reported this value
}

// resultForm is the page on which a result is typed.
type resultForm struct {
	Frame     chartFrame
	Banner    *ui.Banner
	Order     *order.Order
	Item      order.Orderable
	Lines     []resultLine
	Collected string // of a datetime-local field, in the clinic's zone
	Lab       string
	Key       string
	Faults    ui.Faults
	Choose    []order.Orderable // without a test yet
}

// Action is where the form is sent.
func (f resultForm) Action() string {
	if f.Order != nil {
		return "/p/" + f.Frame.Patient + "/orders/" + f.Order.ID + "/result"
	}
	return "/p/" + f.Frame.Patient + "/results/new?test=" + f.Item.LOINC
}

const localTime = "2006-01-02T15:04"

// resultEnter shows the form for an order, or for a result that nobody ordered here.
func resultEnter(w http.ResponseWriter, r *web.Request) error {
	f, c, err := newResultForm(r)
	if err != nil {
		return err
	}
	return showResultForm(w, r, c, f)
}

func showResultForm(w http.ResponseWriter, r *web.Request, c chart.Chart, f resultForm) error {
	p := chartPage(r, c, "Enter a result")
	p.Sheets = append(p.Sheets, "rx.css")
	f.Frame, f.Banner = frameOf(r, c, "orders"), p.Patient
	if len(f.Faults) > 0 {
		return web.Invalid(w, r, p, resultFormPage(f))
	}
	return web.Page(w, r, p, resultFormPage(f))
}

func newResultForm(r *web.Request) (resultForm, chart.Chart, error) {
	f := resultForm{Key: nonce(r), Collected: r.Now().Format(localTime)}
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return f, c, err
	}
	loinc, name := r.FormValue("test"), ""
	if id := r.PathValue("order"); id != "" {
		o, err := order.Find(r.Context(), r.Actor, c.Patient.ID, id)
		if err != nil {
			return f, c, err
		}
		if !o.Open() {
			return f, c, fault.New(fault.Conflict, "This order has a result already or was cancelled. Look at the list again.")
		}
		f.Order, loinc, name = &o, o.LOINC, o.Name
	}
	var known bool
	if f.Item, known = order.FindOrderable(loinc); !known {
		f.Item = order.Orderable{LOINC: loinc, Name: name, Members: []string{loinc}, Words: true}
	}
	if f.Item.Name == "" {
		f.Choose = order.Catalogue()
		return f, c, nil
	}
	f.fill(c, r.Now())
	return f, c, nil
}

// fill makes a line for each test of the panel.
func (f *resultForm) fill(c chart.Chart, now time.Time) {
	age := -1
	if m := c.Patient.Months(now); m >= 0 {
		age = m / 12
	}
	for _, code := range f.Item.Members {
		t, ok := labrange.Find(code)
		if !ok {
			name := labrange.Plain(code, "en").Name
			if name == "" || f.Item.Single() {
				name = f.Item.Name
			}
			f.Lines = append(f.Lines, resultLine{LOINC: code, Name: name, Words: true})
			continue
		}
		l := resultLine{LOINC: code, Name: t.Name, Unit: t.Unit}
		if rng, ok := t.For(c.Patient.Sex, age); ok {
			l.Usual = rng.Text()
		}
		f.Lines = append(f.Lines, l)
	}
}

// resultFile files what was typed.
func resultFile(w http.ResponseWriter, r *web.Request) error {
	f, c, err := newResultForm(r)
	if err != nil {
		return err
	}
	if len(f.Choose) > 0 {
		return showResultForm(w, r, c, f)
	}
	d := result.Draft{Patient: c.Patient.ID, LOINC: f.Item.LOINC, Name: f.Item.Name, Key: ""}
	if f.Order != nil {
		d.Order = f.Order.ID
	}
	f.Lab, f.Collected, f.Key = strings.TrimSpace(r.FormValue("lab")), r.FormValue("collected"), r.FormValue("key")
	d.Lab, d.Key = f.Lab, formKey(r, f.Key)
	if d.Collected, err = time.ParseInLocation(localTime, f.Collected, r.Now().Location()); err != nil {
		f.Faults.Add("collected", r.Lang.T("Write when the sample was taken: date and time."))
	}
	for i := range f.Lines {
		l := &f.Lines[i]
		l.Value, l.Low, l.High = r.FormValue("v-"+l.LOINC), r.FormValue("low-"+l.LOINC), r.FormValue("high-"+l.LOINC)
		d.Values = append(d.Values, result.Typed{LOINC: l.LOINC, Name: l.Name, Text: l.Value, Sure: r.FormValue("sure-" + l.LOINC), Low: l.Low, High: l.High})
	}
	if len(f.Faults) > 0 {
		return showResultForm(w, r, c, f)
	}
	filed, err := result.File(r.Context(), r.Actor, d)
	if err != nil {
		if !refused(err) {
			return err
		}
		for _, code := range result.Doubtful(err) {
			for i := range f.Lines {
				f.Lines[i].Asked = f.Lines[i].Asked || f.Lines[i].LOINC == code
			}
		}
		for _, x := range faultsOf(r, err) {
			if _, ok := labrange.Find(x.Field); ok {
				x.Field = "v-" + x.Field
			} else if x.Field == "values" {
				x.Field = "v-" + f.Lines[0].LOINC
			}
			f.Faults = append(f.Faults, x)
		}
		return showResultForm(w, r, c, f)
	}
	r.Say(r.Lang.T("Result filed: %s.", f.Item.Name), filed.Result.Undo)
	return web.Redirect(w, r, "/p/"+c.Patient.ID+"/results")
}
