package clinic

import (
	"context"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// setsShown bounds the table of readings: the newest ones; the trends hold all.
const setsShown = 60

// vitalsView is the page of a patient's vital signs.
type vitalsView struct {
	Frame chartFrame
	Chart chart.Chart
	Sets  []chart.Set
	Older int // how many readings are not in the table
	Names map[string]string
	Form  vitalForm
	Child bool
	May   bool
}

func vitalsShow(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	return showVitals(w, r, c, newVitalForm(r, c, "/p/"+c.Patient.ID+"/vitals"))
}

func showVitals(w http.ResponseWriter, r *web.Request, c chart.Chart, f vitalForm) error {
	v := vitalsView{Frame: frameOf(r, c, "vitals"), Chart: c, Form: f, Child: isSmall(c), May: mayWrite(r, "Observation")}
	v.Sets = c.Taken()
	v.Older = max(0, len(v.Sets)-setsShown)
	v.Sets = v.Sets[:len(v.Sets)-v.Older]
	var refs []string
	for _, s := range v.Sets {
		refs = append(refs, s.Performer)
	}
	var err error
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	p := chartPage(r, c, "Vitals")
	if len(f.Faults) > 0 {
		return web.Invalid(w, r, p, vitalsPage(v))
	}
	return web.Page(w, r, p, vitalsPage(v))
}

// newVitalForm is an empty row for a chart, tied to the visit in progress.
func newVitalForm(r *web.Request, c chart.Chart, back string) vitalForm {
	f := vitalForm{Patient: c.Patient.ID, Back: back, Key: nonce(r), Typed: map[vital.Measure]string{}}
	if v, ok := c.OpenVisit(); ok {
		f.Encounter = v.ID
	}
	return f
}

// isSmall reports whether a head circumference is measured at this age.
func isSmall(c chart.Chart) bool {
	m := c.Patient.Months(c.Now())
	return m >= 0 && m < 36
}

// trendOf draws those of the newest n readings of a series that are in the unit of its axis.
func trendOf(ctx context.Context, s chart.Series, n int) ui.Trend {
	t := ui.Trend{Title: ui.T(ctx, s.Name), Unit: s.Unit, Low: ui.NoLimit(), High: ui.NoLimit()}
	if s.HasBand {
		t.Low, t.High = s.Band.Low, s.Band.High
	}
	for _, r := range s.Tail(n) {
		if r.Unit != s.Unit {
			continue
		}
		t.Points = append(t.Points, ui.Point{At: chart.Moment(r.When), N: r.Float(), Value: r.Text(), Flag: r.Flag, Doubt: r.Unconfirmed})
	}
	return t
}

// undrawn are those of the newest n readings that have another unit, or none: on the axis they would be values that
// nobody measured.
func undrawn(s chart.Series, n int) (list []chart.Reading) {
	for _, r := range s.Tail(n) {
		if r.Unit != s.Unit {
			list = append(list, r)
		}
	}
	return list
}

// amountOf is a reading as it was recorded, in its own unit.
func amountOf(r chart.Reading) ui.Amount {
	return ui.Amount{Value: r.Text(), Unit: r.Unit, Flag: r.Flag}
}

// tile is the newest value of a vital sign on a card with one date.
type tile struct {
	chart.Series
	Old    bool   // of another day than the card's
	Why    string // why there is no body mass index
	Height string // of when its height is, when that is another day
}

func tileOf(c chart.Chart, m vital.Measure) tile {
	t := tile{Series: c.Vital(m)}
	last := t.Last()
	if sets := c.Taken(); len(sets) > 0 && last.When != "" {
		t.Old = !chart.SameDay(sets[0].When, last.When, c.Now().Location())
	}
	t.Height = last.Height
	if m != vital.BodyMass {
		return t
	}
	if height, without := c.WithoutBMI(); without {
		if m := c.Doubted(); m != "" {
			t.Why, t.Height = "not computed: an unusual "+strings.ToLower(vital.Of(m).Name)+" is not confirmed", ""
			return t
		}
		t.Why, t.Height = "not computed: no height", height
		if height != "" {
			t.Why = "not computed: height is of"
		}
	}
	return t
}

// agoText is how long ago the day of a FHIR date was.
func agoText(ctx context.Context, when string) string {
	days := int(ui.From(ctx).Now.Sub(chart.Moment(when)).Hours() / 24)
	switch {
	case days < 2:
		return counted(ctx, "1 day ago", "%d days ago", max(days, 1))
	case days < 60:
		return ui.T(ctx, "%d days ago", days)
	case days < 2*365:
		return ui.T(ctx, "%d months ago", days*12/365)
	}
	return ui.T(ctx, "%d years ago", days/365)
}

// How many readings a line shows: beside a value, and on the page of vital signs.
const (
	tileReadings  = 6
	trendReadings = 24
)

func bandRange(s chart.Series) ui.Bounds {
	return ui.Bounds{Low: vital.Literal(s.Measure, s.Band.Low), High: vital.Literal(s.Measure, s.Band.High), Unit: s.Unit}
}

func inputMode(m vital.Measure) string {
	if m == vital.BloodPressure {
		return "text"
	}
	return "decimal"
}

// invalid ties a field's message to it for screen readers.
func invalid(text, field string) templ.Attributes {
	if text == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": "f-" + field + "-fault"}
}
