package chart

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/vital"
)

// errDoubt is the cause of the fault about unusual values of which nobody has said that they are
// right: its issues name the fields by measure.
var errDoubt = errors.New("unusual values")

// asked is the type of the issues that are questions.
const asked = "business-rule"

// Unconfirmed reports whether err only asks to look at unusual values once more.
func Unconfirmed(err error) bool { return errors.Is(err, errDoubt) }

// Doubtful returns the measures that err asks about: the same draft is accepted when the person is
// sure of them.
func Doubtful(err error) []vital.Measure {
	var f *fault.Error
	var out []vital.Measure
	if errors.As(err, &f) {
		for _, i := range f.Issues {
			if i.Type == asked {
				out = append(out, vital.Measure(i.Expression))
			}
		}
	}
	return out
}

// questions reads typed values and collects what is wrong with them, and what is doubtful: at the
// patient's age, or after the value before.
type questions struct {
	chart           Chart
	at              time.Time // when the values were measured
	except          string    // id of a reading that is being corrected
	sure            map[vital.Measure]string
	confirmed       map[vital.Measure]bool // unusual ones that the person is sure of
	wrong, doubtful []fault.Issue
}

// read reads all fields. A pressure is returned as its two values.
func (q *questions) read(typed map[vital.Measure]string) (map[vital.Measure]vital.Value, error) {
	values := map[vital.Measure]vital.Value{}
	for _, def := range vital.Definitions() {
		text := strings.TrimSpace(typed[def.Measure])
		if text == "" {
			continue
		}
		if def.Measure == vital.BloodPressure {
			s, d, err := vital.ParsePressure(text)
			q.note(def.Measure, text, s, err)
			values[vital.Systolic], values[vital.Diastolic] = s, d
			continue
		}
		v, err := vital.Parse(def.Measure, text)
		q.note(def.Measure, text, v, err)
		values[def.Measure] = v
	}
	switch {
	case len(q.wrong) > 0:
		return nil, fault.New(fault.Invalid, "Some values cannot be right. Nothing was saved.").With(q.wrong...).With(q.doubtful...)
	case len(q.doubtful) > 0:
		return nil, fault.Wrap(errDoubt, fault.Invalid, "Some values are unusual. Look again: correct them, or say that they are right.").With(q.doubtful...)
	}
	return values, nil
}

// note judges one field.
func (q *questions) note(m vital.Measure, text string, v vital.Value, err error) {
	issue := fault.Issue{Severity: "error", Type: "value", Expression: string(m)}
	var doubt vital.Doubt
	var impossible vital.Impossible
	switch {
	case errors.As(err, &doubt), err == nil:
		said, is := q.doubt(m, v, doubt)
		if !is {
			return
		}
		issue.Text, issue.Said = said.String(), said
		if q.sure[m] == text {
			if q.confirmed == nil {
				q.confirmed = map[vital.Measure]bool{}
			}
			q.confirmed[m] = true
		} else {
			issue.Type = asked
			q.doubtful = append(q.doubtful, issue)
		}
		return
	case errors.Is(err, vital.ErrUnreadable) && m == vital.BloodPressure:
		issue.Text = "Blood pressure cannot be read. Write it as 120/80."
	case errors.Is(err, vital.ErrUnreadable):
		said := lang.Say("%s cannot be read as a number.", lang.Say(vital.Of(m).Name))
		issue.Text, issue.Said = said.String(), said
	case errors.As(err, &impossible):
		issue.Text, issue.Said = impossible.Said.String(), impossible.Said
	default:
		issue.Text = err.Error() + "."
	}
	q.wrong = append(q.wrong, issue)
}

// doubt says why a value is doubtful, with the value before, if it is.
func (q *questions) doubt(m vital.Measure, v vital.Value, doubt vital.Doubt) (said lang.Text, is bool) {
	months := q.chart.Patient.Months(q.at)
	last, found := q.chart.Before(m, q.at, q.except)
	switch {
	case doubt.Said.Words != "":
		said = doubt.Said
	case m != vital.BloodPressure && vital.Unusual(m, v.Float, months),
		found && vital.Leap(m, v.Float, last.Float(), q.at.Sub(Moment(last.When)), months):
		words := "%s of %s %s is unusual."
		if months >= 0 && months < grown && vital.Unusual(m, v.Float, months) {
			words = "%s of %s %s is unusual at this age."
		}
		said = lang.Say(words, lang.Say(vital.Of(m).Name), v.Literal, vital.Print(vital.Of(m).Unit))
	default:
		return lang.Text{}, false
	}
	if !found {
		return said, true
	}
	return lang.Say("%s The last one was %s %s on %s.", said, last.Text(), vital.Print(last.Unit), lang.For("en").Date(last.When, lang.Short, q.at.Location())), true
}

// Before returns the newest measured reading up to an instant, in the unit of its measure, other
// than that with the id except. What is unusual and not confirmed is no measure for another value.
func (c Chart) Before(m vital.Measure, at time.Time, except string) (Reading, bool) {
	for _, r := range slices.Backward(c.Vital(m).Readings) {
		if _, err := strconv.ParseFloat(r.Value, 64); m != vital.BloodPressure && (err != nil || r.Unit != vital.Of(m).Unit) {
			continue
		}
		if !r.Computed && !r.Unconfirmed && r.ID != except && !Moment(r.When).After(at) {
			return r, true
		}
	}
	return Reading{}, false
}
