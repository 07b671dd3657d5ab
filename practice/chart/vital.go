package chart

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/vitalsign"
)

// Series is the readings of one vital sign, oldest first. Blood pressure is one series.
type Series struct {
	Measure  vital.Measure
	Name     string
	Unit     string // UCUM
	Readings []Reading
	Band     vital.Band // at the patient's age today
	HasBand  bool       // false: no source gives a range for this age
}

// Reading is one measured value; package vitalsign says what counts as one.
type Reading = vitalsign.Reading

// Pressure reports whether the series is the blood pressure.
func (s Series) Pressure() bool { return s.Measure == vital.BloodPressure }

// Last is the newest reading; the zero Reading of an empty series.
func (s Series) Last() Reading {
	if len(s.Readings) == 0 {
		return Reading{}
	}
	return s.Readings[len(s.Readings)-1]
}

// Tail is the newest n readings, oldest first.
func (s Series) Tail(n int) []Reading { return s.Readings[max(0, len(s.Readings)-n):] }

// Usable returns the newest reading of a vital sign that a calculation may use, and a newer one that
// it may not (vitalsign.Usable).
func (c Chart) Usable(m vital.Measure) (usable, newer Reading) {
	return vitalsign.Usable(m, c.Vital(m).Readings)
}

// Vital returns the series of a vital sign; a pressure under vital.BloodPressure.
func (c Chart) Vital(m vital.Measure) Series {
	i := slices.IndexFunc(c.Vitals, func(s Series) bool { return s.Measure == m })
	if i < 0 {
		return Series{Measure: m, Name: vital.Of(m).Name, Unit: vital.Of(m).Unit}
	}
	return c.Vitals[i]
}

// vitalsFrom reads the vital signs. Readings that were cancelled or entered in error, and
// home measurements that no clinician has accepted, are no part of the chart's series.
func vitalsFrom(nodes []*fhir.Node, p Patient, now time.Time) []Series {
	series := map[vital.Measure]*Series{}
	add := func(m vital.Measure, r Reading) {
		s := series[m]
		if s == nil {
			d := vital.Of(m)
			s = &Series{Measure: m, Name: d.Name, Unit: d.Unit}
			s.Band, s.HasBand = vital.BandFor(bandMeasure(m), p.Months(now))
			series[m] = s
		}
		s.Readings = append(s.Readings, r)
	}
	taken := map[string]string{} // when readings were measured, by id; "" of those that do not count
	for _, n := range nodes {
		m, r, ok := vitalsign.FromResource(n)
		switch {
		case !ok || m == vital.BodyMass:
			continue
		case !vitalsign.Counts(n):
			taken[r.ID] = ""
			continue
		}
		r.Flag = grade(m, r, p.Months(Moment(r.When)))
		add(m, r)
		taken[r.ID] = r.When
	}
	for m, s := range series {
		vitalsign.Judge(m, s.Readings, p.Born)
		for _, r := range s.Readings {
			if r.Unconfirmed {
				taken[r.ID] = "" // an index that rests on it is none
			}
		}
	}
	for _, n := range nodes { // after what it rests on
		if m, r, ok := vitalsign.FromResource(n); ok && vitalsign.Counts(n) && m == vital.BodyMass && rests(&r, taken, now.Location()) {
			r.Flag = grade(m, r, p.Months(Moment(r.When)))
			add(m, r)
		}
	}
	if s := series[vital.BodyMass]; s != nil {
		vitalsign.Judge(vital.BodyMass, s.Readings, p.Born)
	}
	computeBMI(series, p, now.Location(), add)
	var out []Series
	for _, d := range vital.Definitions() {
		if s := series[d.Measure]; s != nil {
			out = append(out, *s)
		}
	}
	return out
}

func bandMeasure(m vital.Measure) vital.Measure {
	if m == vital.BloodPressure {
		return vital.Systolic
	}
	return m
}

// Waiting reports whether an observation is a home measurement that waits for a clinician.
func Waiting(n *fhir.Node) bool { return vitalsign.Waiting(n) }

// grade flags a reading at the age that the patient had then.
func grade(m vital.Measure, r Reading, months int) string {
	if m == vital.BloodPressure {
		s, serr := strconv.ParseFloat(r.Systolic, 64)
		d, derr := strconv.ParseFloat(r.Diastolic, 64)
		flag := ""
		if serr == nil {
			flag = vital.Flag(vital.Systolic, s, months)
		}
		if derr == nil {
			flag = vital.Worse(flag, vital.Flag(vital.Diastolic, d, months))
		}
		return flag
	}
	f, err := strconv.ParseFloat(r.Value, 64)
	if err != nil || !strings.EqualFold(vital.Print(r.Unit), vital.Print(vital.Of(m).Unit)) {
		return ""
	}
	return vital.Flag(m, f, months)
}

// grown is from which age, in months, a height stays.
const grown = 18 * 12

// rests reports whether what a value was computed from still counts, and notes a height of
// another day. taken is when the readings of the chart were measured, "" of those that do not count.
func rests(r *Reading, taken map[string]string, zone *time.Location) bool {
	for _, id := range r.From {
		when, here := taken[id]
		if here && when == "" {
			return false
		}
		if here && !SameDay(when, r.When, zone) {
			r.Height = when
		}
	}
	return true
}

// SameDay reports whether two FHIR dates are of one day in a zone. A date stays the day that was
// written.
func SameDay(a, b string, zone *time.Location) bool { return dayOf(a, zone) == dayOf(b, zone) }

func dayOf(value string, zone *time.Location) string {
	if len(value) <= len(time.DateOnly) {
		return value
	}
	return Moment(value).In(zone).Format(time.DateOnly)
}

// computeBMI adds a body mass index for each weight without one of its day, with the height of
// the same day or, in adults, the last one before. Nothing else may be put together: children grow.
// What is unusual and not confirmed makes none.
func computeBMI(series map[vital.Measure]*Series, p Patient, zone *time.Location, add func(vital.Measure, Reading)) {
	weights, heights := series[vital.Weight], series[vital.Height]
	if weights == nil || heights == nil {
		return
	}
	have := map[string]bool{}
	if s := series[vital.BodyMass]; s != nil {
		for _, r := range s.Readings {
			have[dayOf(r.When, zone)] = true
		}
	}
	for _, w := range weights.Readings {
		if have[dayOf(w.When, zone)] || w.Unconfirmed || w.Unit != vital.Of(vital.Weight).Unit {
			continue
		}
		h, same := heightFor(w, heights.Readings, p, zone)
		if f := vital.BMI(w.Float(), h.Float()); f > 0 {
			r := Reading{Value: vital.Literal(vital.BodyMass, f), Unit: "kg/m2", When: w.When, Computed: true, Encounter: w.Encounter}
			if !same {
				r.Height = h.When
			}
			r.Flag = grade(vital.BodyMass, r, p.Months(Moment(r.When)))
			add(vital.BodyMass, r)
		}
	}
	if s := series[vital.BodyMass]; s != nil {
		slices.SortStableFunc(s.Readings, func(a, b Reading) int { return Moment(a.When).Compare(Moment(b.When)) })
	}
}

// heightFor returns the height that a weight may be put together with; the zero Reading for none.
func heightFor(w Reading, heights []Reading, p Patient, zone *time.Location) (h Reading, same bool) {
	for _, x := range heights {
		if x.Unconfirmed || x.Unit != vital.Of(vital.Height).Unit {
			continue
		}
		if SameDay(x.When, w.When, zone) {
			h, same = x, true
		} else if !same && p.Months(Moment(x.When)) >= grown && Moment(x.When).Before(Moment(w.When)) {
			h = x
		}
	}
	return h, same
}

// WithoutBMI reports whether the newest weight has no body mass index, and of when the last height
// is: "" when there is none. Then an older index does not tell how the patient is now.
func (c Chart) WithoutBMI() (height string, without bool) {
	w, bmi := c.Vital(vital.Weight).Last(), c.Vital(vital.BodyMass).Last()
	if w.When == "" || bmi.When != "" && (SameDay(bmi.When, w.When, c.now.Location()) || Moment(bmi.When).After(Moment(w.When))) {
		return "", false
	}
	return c.Vital(vital.Height).Last().When, true
}

// Doubted returns the first of weight and height whose newest value is unusual and not confirmed, so
// that no body mass index is computed from it; "" for none.
func (c Chart) Doubted() vital.Measure {
	for _, m := range []vital.Measure{vital.Weight, vital.Height} {
		if c.Vital(m).Last().Unconfirmed {
			return m
		}
	}
	return ""
}
