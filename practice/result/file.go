package result

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

const (
	loincSystem    = "http://loinc.org"
	unitSystem     = "http://unitsofmeasure.org"
	categorySystem = "http://terminology.hl7.org/CodeSystem/observation-category"
	flagSystem     = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
	sectionSystem  = "http://terminology.hl7.org/CodeSystem/v2-0074"
)

// Typed is one value as a person types it.
type Typed struct {
	LOINC, Name string
	Text        string // "5.3", "< 0.5", "negative"; "" was not done
	Unit        string // as printed; "" takes the usual one
	// Sure is the value that the person says the laboratory reported, when it is far from what is
	// seen: it holds for that very value.
	Sure string
	// Low and High are the laboratory's own range; it wins over the built-in one.
	Low, High string
}

// Draft is a result entered by hand.
type Draft struct {
	Patient   string // id
	Order     string // id of the ServiceRequest; "" for a result that nobody ordered here
	LOINC     string // of the panel; "" for single tests
	Name      string // of the panel or test
	Collected time.Time
	Lab       string // printed name of the laboratory
	Values    []Typed
	Key       string
}

// Filed tells what a result became.
type Filed struct {
	Reference string // of the report, or the single observation
	Flags     map[string]string
	Task      string // id of the review task; "" when nobody could be asked
	Result    record.Result
}

// person is what grading needs.
type person struct {
	sex  string
	born time.Time
}

// File stores a result: its values graded against the laboratory's range or the built-in
// one, a report when it is a panel, the order completed, and a task for whoever ordered it.
// Values that cannot be read are fault.Invalid with one issue for each field, named by code.
func File(ctx context.Context, actor *record.Actor, d Draft) (Filed, error) {
	if d.Collected.IsZero() {
		d.Collected = actor.Now()
	}
	if d.Collected.After(actor.Now().Add(time.Minute)) {
		return Filed{}, fault.New(fault.Invalid, "The sample was taken in the future. Check date and time.").At("collected")
	}
	p, err := personOf(ctx, actor, d.Patient)
	if err != nil {
		return Filed{}, err
	}
	f := &filing{Draft: d, actor: actor, who: p, flags: map[string]string{}}
	if err := f.values(); err != nil {
		return Filed{}, err
	}
	if err := f.order(ctx); err != nil {
		return Filed{}, err
	}
	f.report()
	f.task()
	out := Filed{Reference: f.focus.Reference(), Flags: f.flags, Task: f.taskID}
	out.Result, err = actor.Commit(ctx, record.Change{Put: f.puts, What: "file result", Key: d.Key})
	return out, err
}

// filing collects the parts of one result.
type filing struct {
	Draft
	actor   *record.Actor
	who     person
	puts    []record.Put
	results []*fhir.Node // the observations
	flags   map[string]string
	basedOn string
	owner   string     // id of the Practitioner who reviews
	focus   *fhir.Node // the report, or the single observation
	taskID  string
}

func personOf(ctx context.Context, actor *record.Actor, id string) (person, error) {
	n, err := actor.Read(ctx, "Patient", id)
	if err != nil {
		return person{}, err
	}
	return personFrom(n), nil
}

func personFrom(patient *fhir.Node) person {
	p := person{sex: patient.Get("gender").Text()}
	if b, ok := lang.ParsePartial(patient.Get("birthDate").Text()); ok {
		p.born = time.Date(b.Year, time.Month(max(b.Month, 1)), max(b.Day, 1), 0, 0, 0, 0, time.UTC)
	}
	return p
}

// age is in whole years at an instant; -1 when the birth date is not recorded.
func (p person) age(at time.Time) int {
	if p.born.IsZero() || at.Before(p.born) {
		return -1
	}
	years := at.Year() - p.born.Year()
	if at.Month() < p.born.Month() || at.Month() == p.born.Month() && at.Day() < p.born.Day() {
		years--
	}
	return years
}

func (f *filing) values() error {
	var issues, doubts []fault.Issue
	for _, v := range f.Values {
		if strings.TrimSpace(v.Text) == "" {
			continue
		}
		n, issue := f.observation(v)
		if doubt, is := f.far(v); issue.Words == "" && is && strings.TrimSpace(v.Sure) != strings.TrimSpace(v.Text) {
			doubts = append(doubts, fault.Issue{Severity: "error", Type: asked, Expression: v.LOINC, Text: doubt.String(), Said: doubt})
		}
		if issue.Words != "" {
			issues = append(issues, fault.Issue{Severity: "error", Type: "value", Expression: v.LOINC, Text: issue.String(), Said: issue})
			continue
		}
		f.results = append(f.results, n)
		f.puts = append(f.puts, record.Put{Resource: n, Create: true})
	}
	switch {
	case len(issues) > 0:
		return fault.New(fault.Invalid, "Some values cannot be read. Nothing was saved.").With(issues...).With(doubts...)
	case len(doubts) > 0:
		return fault.New(fault.Invalid, "Some values are far from what is seen. Look again: correct them, or say that the laboratory reported them.").With(doubts...)
	case len(f.results) == 0:
		return fault.New(fault.Invalid, "Write at least one value.").At("values")
	}
	return nil
}

// Number is a typed value that is a number.
type Number struct {
	Comparator string
	Literal    string
	Float      float64
}

// ParseNumber reads a number as laboratories write it: "5.3", "5,3", "< 0.5", "1,200", ">=90".
func ParseNumber(text string) (Number, bool) {
	s := strings.TrimSpace(text)
	var n Number
	for _, c := range []string{"<=", ">=", "<", ">"} {
		if rest, ok := strings.CutPrefix(s, c); ok {
			n.Comparator, s = c, strings.TrimSpace(rest)
			break
		}
	}
	switch whole, part, comma := strings.Cut(s, ","); {
	case !comma:
	case len(part) == 3 && !strings.Contains(part, ".") && whole != "0" && whole != "": // thousands
		s = whole + part
	case !strings.ContainsAny(part, ".,"):
		s = whole + "." + part
	default:
		s = strings.ReplaceAll(s, ",", "")
	}
	if s == "" || len(s) > 15 || strings.Trim(s, "0123456789.") != "" || strings.Count(s, ".") > 1 || s[0] == '.' || s[len(s)-1] == '.' {
		return Number{}, false
	}
	if len(s) > 1 && s[0] == '0' && s[1] != '.' {
		return Number{}, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Number{}, false
	}
	n.Literal, n.Float = s, v
	return n, true
}

// observation makes one Observation; issue says what is wrong with the value.
func (f *filing) observation(v Typed) (n *fhir.Node, issue lang.Text) {
	number, isNumber := ParseNumber(v.Text)
	t, known := labrange.FindIn(v.LOINC, v.Unit)
	if v.Unit == "" {
		t, known = labrange.Find(v.LOINC)
	}
	if known && !isNumber {
		return nil, lang.Say("%s cannot be read as a number.", v.Name)
	}
	n = fhir.New("Observation")
	n.SetID(ident.New(f.actor.Now()))
	n.Set("status", fhir.Str("final"))
	n.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", categorySystem, "code", "laboratory", "display", "Laboratory")))))
	n.Set("code", codeOf(v.LOINC, t.Display, cmp.Or(v.Name, t.Name)))
	n.Set("subject", fhir.Obj("reference", "Patient/"+f.Patient))
	n.Set("effectiveDateTime", fhir.Str(f.Collected.UTC().Format(time.RFC3339)))
	n.Set("issued", fhir.Str(f.actor.Now().UTC().Format(time.RFC3339)))
	if f.Lab != "" {
		n.Set("performer", fhir.Arr(fhir.Obj("display", f.Lab)))
	}
	if !isNumber {
		n.Set("valueString", fhir.Str(strings.TrimSpace(v.Text)))
		f.flags[v.LOINC] = ""
		return n, lang.Text{}
	}
	unit, ucum := v.Unit, ""
	if known {
		unit, ucum = t.Unit, t.UCUM
	}
	n.Set("valueQuantity", quantity(number, unit, ucum))
	flag, ranged, issue := f.grade(v, t, known, number, unit, ucum)
	if issue.Words != "" {
		return nil, issue
	}
	if beyond, _ := labrange.Critical(v.LOINC, labrange.Quantity{Value: number.Float, Comparator: number.Comparator, Unit: cmp.Or(ucum, unit)}, f.who.age(f.Collected)); beyond != "" {
		flag = beyond
	}
	if ranged != nil {
		n.Set("referenceRange", fhir.Arr(ranged))
	}
	if flag != "" {
		n.Set("interpretation", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", flagSystem, "code", flag)))))
	}
	f.flags[v.LOINC] = flag
	return n, lang.Text{}
}

func codeOf(loinc, display, text string) *fhir.Node {
	c := fhir.Obj()
	if loinc != "" {
		c.Set("coding", fhir.Arr(fhir.Obj("system", loincSystem, "code", loinc, "display", display)))
	}
	if text != "" {
		c.Set("text", fhir.Str(text))
	}
	return c
}

func quantity(n Number, unit, ucum string) *fhir.Node {
	q := fhir.Obj("value", fhir.Decimal(n.Literal), "comparator", n.Comparator, "unit", unit)
	if ucum != "" {
		q.Set("system", fhir.Str(unitSystem))
		q.Set("code", fhir.Str(ucum))
	}
	return q
}

// grade compares with the typed range, else the built-in one. A comparator is graded only
// where it cannot be wrong: "> 300" above an upper limit of 30 is high, "< 5" is not known
// to be normal when the lower limit is 3.
func (f *filing) grade(v Typed, t labrange.Test, known bool, n Number, unit, ucum string) (flag string, ranged *fhir.Node, issue lang.Text) {
	r, ok := labrange.Range{}, false
	if known {
		r, ok = t.For(f.who.sex, f.who.age(f.Collected))
	}
	low, lowOK := ParseNumber(v.Low)
	high, highOK := ParseNumber(v.High)
	switch {
	case v.Low != "" && !lowOK || v.High != "" && !highOK || lowOK && highOK && low.Float > high.Float:
		return "", nil, lang.Say("The range of %s cannot be read.", v.Name)
	case lowOK || highOK:
		r = own(r, ok, low, lowOK, high, highOK)
		ok = true
	}
	if !ok {
		return "", nil, lang.Text{}
	}
	ranged = fhir.Obj()
	if limit, is := literal(r.Low); is {
		ranged.Set("low", quantity(Number{Literal: limit}, unit, ucum))
	}
	if limit, is := literal(r.High); is {
		ranged.Set("high", quantity(Number{Literal: limit}, unit, ucum))
	}
	ranged.Set("text", fhir.Str(r.Text()))
	flag = labrange.Grade(n.Float, r)
	switch {
	case n.Comparator == "":
	case strings.HasPrefix(n.Comparator, ">") && (flag == "H" || flag == "HH" || n.Float == r.High && n.Comparator == ">"):
		if flag != "HH" {
			flag = "H"
		}
	case strings.HasPrefix(n.Comparator, "<") && (flag == "L" || flag == "LL"):
	case strings.HasPrefix(n.Comparator, "<") && !(r.Low == r.Low) && flag == "N", strings.HasPrefix(n.Comparator, ">") && !(r.High == r.High) && flag == "N":
	default:
		flag = ""
	}
	return flag, ranged, lang.Text{}
}

// own puts the laboratory's limits in the place of the built-in ones; critical limits stay.
func own(r labrange.Range, had bool, low Number, lowOK bool, high Number, highOK bool) labrange.Range {
	if !had {
		r.CriticalLow, r.CriticalHigh = nan, nan
	}
	r.Low, r.High = nan, nan
	if lowOK {
		r.Low = low.Float
	}
	if highOK {
		r.High = high.Float
	}
	return r
}

func literal(v float64) (string, bool) {
	if v != v {
		return "", false
	}
	return strconv.FormatFloat(v, 'f', -1, 64), true
}

// asked is the type of the issues that are questions.
const asked = "business-rule"

// Doubtful returns the LOINC codes of the values that err asks about: the same draft is accepted when
// the person is sure of them.
func Doubtful(err error) (codes []string) {
	var f *fault.Error
	if errors.As(err, &f) {
		for _, i := range f.Issues {
			if i.Type == asked {
				codes = append(codes, i.Expression)
			}
		}
	}
	return codes
}

// far asks about a value that a slip of the finger makes more often than a person's blood does: a
// quarter beyond the clinic's critical limit (a potassium of 66 instead of 6.6), or, where there is
// none, a hundred times what is usual in adults. It does not ask about any other, critical ones included.
func (f *filing) far(v Typed) (said lang.Text, is bool) {
	n, ok := ParseNumber(v.Text)
	t, known := labrange.FindIn(v.LOINC, v.Unit)
	if v.Unit == "" {
		t, known = labrange.Find(v.LOINC)
	}
	if !ok || !known {
		return lang.Text{}, false
	}
	r, ok := t.For("male", adult)
	switch {
	case !ok:
		return lang.Text{}, false
	case n.Float > r.CriticalHigh*1.25, n.Float < r.CriticalLow*0.75, math.IsNaN(r.CriticalHigh) && n.Float > r.High*100: // false for NaN
	default:
		return lang.Text{}, false
	}
	return lang.Say("%s %s %s is far from what is seen in a person (usual in adults: %s). Is this what the laboratory reported?", v.Name, strings.TrimSpace(v.Text), t.Unit, r.Text()), true
}

// adult is an age with the limits of adults.
const adult = 40

// order completes the order and finds out who asked.
func (f *filing) order(ctx context.Context) error {
	f.owner = f.actor.Principal().Practitioner
	if f.Order == "" {
		return nil
	}
	n, err := f.actor.Read(ctx, "ServiceRequest", f.Order)
	if err != nil {
		return err
	}
	switch {
	case n.Path("subject.reference").Text() != "Patient/"+f.Patient:
		return fault.New(fault.NotFound, "This order is not in the patient's chart.")
	case n.Get("status").Text() != "active" && n.Get("status").Text() != "on-hold":
		return fault.New(fault.Conflict, "This order has a result already or was cancelled. Look at the list again.")
	}
	if by, ok := strings.CutPrefix(n.Path("requester.reference").Text(), "Practitioner/"); ok {
		f.owner = by
	}
	version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	n.Set("status", fhir.Str("completed"))
	f.puts = append(f.puts, record.Put{Resource: n, IfMatch: version})
	f.basedOn = n.Reference()
	for _, r := range f.results {
		r.Set("basedOn", fhir.Arr(fhir.Obj("reference", f.basedOn)))
		if e := n.Get("encounter"); e != nil {
			r.Set("encounter", e.Clone())
		}
	}
	return nil
}

// report joins the values of a panel.
func (f *filing) report() {
	f.focus = f.results[0]
	if len(f.results) == 1 && (f.LOINC == "" || f.LOINC == f.results[0].Path("code.coding.0.code").Text()) {
		return
	}
	n := fhir.New("DiagnosticReport")
	n.SetID(ident.New(f.actor.Now()))
	if f.basedOn != "" {
		n.Set("basedOn", fhir.Arr(fhir.Obj("reference", f.basedOn)))
	}
	n.Set("status", fhir.Str("final"))
	n.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", sectionSystem, "code", "LAB", "display", "Laboratory")))))
	n.Set("code", codeOf(f.LOINC, "", cmp.Or(f.Name, "Laboratory results")))
	n.Set("subject", fhir.Obj("reference", "Patient/"+f.Patient))
	if e := f.results[0].Get("encounter"); e != nil {
		n.Set("encounter", e.Clone())
	}
	n.Set("effectiveDateTime", fhir.Str(f.Collected.UTC().Format(time.RFC3339)))
	n.Set("issued", fhir.Str(f.actor.Now().UTC().Format(time.RFC3339)))
	if f.Lab != "" {
		n.Set("performer", fhir.Arr(fhir.Obj("display", f.Lab)))
	}
	list := fhir.Arr()
	for _, r := range f.results {
		list.Append(fhir.Obj("reference", r.Reference(), "display", r.Path("code.text").Text()))
	}
	n.Set("result", list)
	f.puts = append(f.puts, record.Put{Resource: n, Create: true})
	f.focus = n
}

// task asks whoever ordered it to look.
func (f *filing) task() {
	a := askingOf(f.focus, f.results, f.who, f.actor.Now())
	a.name = cmp.Or(f.Name, f.results[0].Path("code.text").Text())
	t := a.task(task.Task{ID: ident.New(f.actor.Now()), Patient: f.Patient, Owner: f.owner, Focus: f.focus.Reference(), Order: f.basedOn})
	if f.basedOn != "" && f.owner != "" {
		t.Requester = "Practitioner/" + f.owner
	}
	put := task.New(f.actor, t)
	put.Create = true
	f.taskID = put.Resource.ID()
	f.puts = append(f.puts, put)
}
