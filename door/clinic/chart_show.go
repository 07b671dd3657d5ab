package clinic

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// chartView is the summary of a chart: what a clinician must know within half a minute.
type chartView struct {
	Frame     chartFrame
	Chart     chart.Chart
	Taken     string // when the newest vital signs were taken
	TakenBy   string
	Problems  []problemLine
	Needs     []workLine
	Owners    map[string]string // of Needs, by reference; without the reader
	Waiting   int               // home measurements that nobody has looked at
	Medicines medication.Medicines
	Results   resultsView
	Notes     []noteLine
	Visit     *chart.Visit
	Draft     bool // the reader has unsigned work in the visit
	Next      *chart.Appointment
	Today     []chart.Appointment // booked for today, to start a visit
	Vital     vitalForm
	Problem   problemForm
	Allergy   allergyForm
	Child     bool
	MayWrite  bool
	MaySign   bool // signs prescriptions
}

// problemLine is a problem with the values that tell how it stands.
type problemLine struct {
	chart.Problem
	Marker *ui.Amount
	Name   string         // of the marker: "HbA1c"
	Beside []result.Point // abnormal values of the marker's day that lie otherwise than it does
	When   string         // of the marker, when it is not of today
	// Unconfirmed: the marker is unusual, and nobody has said that it is right.
	Unconfirmed bool
}

// tileMeasures are the six tiles of the summary; small children have a head circumference
// instead of the body mass index.
func tileMeasures(child bool) []vital.Measure {
	list := []vital.Measure{vital.BloodPressure, vital.Pulse, vital.Temperature, vital.Oxygen, vital.Weight, vital.BodyMass}
	if child {
		list[5] = vital.Head
	}
	return list
}

func chartShow(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	p := chartPage(r, c, "Chart")
	if !mayRead(r, "AllergyIntolerance") {
		return web.Page(w, r, p, deskPage(c, mayWrite(r, "Patient")))
	}
	v := chartView{Frame: frameOf(r, c, ""), Chart: c, Child: isSmall(c), MayWrite: mayWrite(r, "Condition"), MaySign: r.Principal().Role == trust.Physician}
	if err := v.load(r); err != nil {
		return err
	}
	return web.Page(w, r, p, chartSummary(v))
}

func (v *chartView) load(r *web.Request) error {
	ctx, c := r.Context(), v.Chart
	back := "/p/" + c.Patient.ID
	v.Vital, v.Problem, v.Allergy = newVitalForm(r, c, back), newProblemForm(r, c.Patient.ID, back), newAllergyForm(r, c, back)
	v.Medicines = medicinesOf(c)
	for _, n := range c.Resources("Observation") {
		if chart.Waiting(n) {
			v.Waiting++
		}
	}
	tasks, err := task.About(ctx, r.Actor, c.Patient.ID)
	if err != nil {
		return err
	}
	if v.Needs, err = lines(ctx, r.Actor, tasks); err != nil {
		return err
	}
	if err := grade(ctx, r.Actor, v.Needs); err != nil {
		return err
	}
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t task.Task) bool { return t.Kind != task.ReviewResult })
	grid := resultsOf(c, tasks).In(r.Now().Location())
	v.Problems = problemLines(c, grid)
	v.results(grid)
	v.visits(r)
	refs := []string{}
	if sets := c.Taken(); len(sets) > 0 {
		v.Taken, v.TakenBy = sets[0].When, sets[0].Performer
		refs = append(refs, v.TakenBy)
	}
	notes := c.Notes[:min(4, len(c.Notes))]
	for _, n := range notes {
		refs = append(refs, n.Author)
	}
	for _, l := range v.Needs {
		refs = append(refs, "Practitioner/"+l.Task.Owner)
	}
	names, err := staffNames(ctx, r.Actor, refs...)
	if err != nil {
		return err
	}
	v.Owners = maps.Clone(names)
	delete(v.Owners, "Practitioner/"+r.Principal().Practitioner)
	v.TakenBy = names[v.TakenBy]
	for _, n := range notes {
		v.Notes = append(v.Notes, noteLine{n, who(r.Context(), names, n.Author, n.AuthorName)})
	}
	return nil
}

// results puts the most pressing tests and the newest days on the summary.
func (v *chartView) results(g result.Grid) {
	v.Results = resultsView{Frame: v.Frame, Grid: g, Rows: first(g.Series, shownLines), Hidden: max(0, len(g.Series)-shownLines)}
	for _, day := range g.Days {
		if slices.ContainsFunc(v.Results.Rows, func(s result.Series) bool { return len(s.On(day)) > 0 }) {
			v.Results.Days = append(v.Results.Days, day)
		}
	}
	v.Results.Days = v.Results.Days[max(0, len(v.Results.Days)-summaryDays):]
	v.Frame.Counts["results"] = len(g.Tasks)
}

// summaryDays is how many days of results the summary shows.
const summaryDays = 4

// resultsOf are the laboratory results of a chart that was read already.
func resultsOf(c chart.Chart, tasks []task.Task) result.Grid {
	return result.From(slices.Concat(c.Resources("Patient"), c.Resources("Observation"), c.Resources("DiagnosticReport")), c.Patient.ID, tasks).WithEGFR()
}

// visits finds the visit in progress, or the appointments of today that can start one.
func (v *chartView) visits(r *web.Request) {
	if open, ok := v.Chart.OpenVisit(); ok {
		v.Visit = &open
		_, err := r.Actor.Draft(r.Context(), "note/"+v.Chart.Patient.ID+"/"+open.ID)
		v.Draft = err == nil
	}
	day := r.Now().Format(time.DateOnly)
	for _, a := range v.Chart.Appointments {
		at := chart.Moment(a.Start).In(r.Now().Location())
		if at.Format(time.DateOnly) == day && a.Open() && v.Visit == nil {
			v.Today = append(v.Today, a)
		}
	}
	if next, ok := v.Chart.NextAppointment(); ok {
		v.Next = &next
	}
}

// medicinesOf is the medicine list of a chart that was read already. A medicine that names
// its drug only by a reference to another resource keeps the words that it has.
func medicinesOf(c chart.Chart) medication.Medicines {
	return medication.From(slices.Concat(c.Resources("MedicationRequest"), c.Resources("MedicationStatement")), c.Patient.ID, c.Now(), nil)
}

// markers tell how a chronic problem stands, by the beginning of its ICD-10-CM code.
func markers() []struct{ ICD, LOINC, Name string } {
	return []struct{ ICD, LOINC, Name string }{
		{"E10", "4548-4", "HbA1c"}, {"E11", "4548-4", "HbA1c"}, {"R73", "4548-4", "HbA1c"},
		{"E78", "13457-7", "LDL"}, {"E78", "18262-6", "LDL"}, {"E78", "2089-1", "LDL"}, {"E78", "39469-2", "LDL"}, {"E78", "22748-8", "LDL"},
		{"N18", "98979-8", "eGFR"}, {"N18", "33914-3", "eGFR"}, {"N18", "62238-1", "eGFR"}, {"N18", "48642-3", "eGFR"}, {"N18", "69405-9", "eGFR"}, {"N18", result.CalculatedEGFR, "eGFR, calculated by Osler"},
		{"E03", "3016-3", "TSH"}, {"E05", "3016-3", "TSH"}, {"D50", "718-7", "Hemoglobin"}, {"D64", "718-7", "Hemoglobin"},
		{"M10", "3084-1", "Uric acid"}, {"M10", "14933-6", "Uric acid"}, {"I48", "6301-6", "INR"},
	}
}

func problemLines(c chart.Chart, grid result.Grid) []problemLine {
	var out []problemLine
	for _, p := range c.ActiveProblems() {
		line := problemLine{Problem: p}
		var newest time.Time
		for _, m := range markers() { // of several tests the one that was done last
			if !strings.HasPrefix(p.ICD, m.ICD) {
				continue
			}
			if s, ok := grid.Find(m.LOINC); ok && s.Why == "" && (line.Marker == nil || s.Last().At.After(newest)) {
				p := s.Last()
				newest = p.At
				line.Marker, line.Name = &ui.Amount{Value: p.Value.Value, Comparator: p.Comparator, Unit: s.Unit, Flag: p.Flag}, m.Name
				line.Beside = s.Beside()
				line.When = earlier(c, p.At.Format(time.RFC3339))
			}
		}
		if strings.HasPrefix(p.ICD, "I1") {
			if bp := c.Vital(vital.BloodPressure).Last(); bp.Text() != "" {
				line.Marker, line.Name = &ui.Amount{Value: bp.Text(), Unit: bp.Unit, Flag: bp.Flag}, "BP"
				line.Beside = nil
				line.When, line.Unconfirmed = earlier(c, bp.When), bp.Unconfirmed
			}
		}
		out = append(out, line)
	}
	return out
}

// earlier is the date of a value that is not of today; "" of one of today.
func earlier(c chart.Chart, when string) string {
	now := c.Now()
	if chart.SameDay(when, now.Format(time.RFC3339), now.Location()) {
		return ""
	}
	return when
}

// shownLines bounds the summary's lists; the rest is counted and linked.
const shownLines = 8

func first[X any](list []X, n int) []X { return list[:min(n, len(list))] }

// upcoming are the appointments from today on, for roles without clinical sight.
func upcoming(c chart.Chart) []chart.Appointment {
	out := slices.Clone(c.Appointments)
	slices.Reverse(out)
	return slices.DeleteFunc(out, func(a chart.Appointment) bool {
		return chart.Moment(a.Start).Before(c.Now().Add(-24*time.Hour)) || a.Status == "cancelled"
	})
}

// noteLine is a note with its author's name.
type noteLine struct {
	chart.Note
	By string
}

// Preview is the beginning of a note.
func (n noteLine) Preview() string {
	for _, s := range n.Sections {
		if s.Text != "" {
			return fault.Clip(strings.Join(strings.Fields(s.Text), " "), 140)
		}
	}
	return ""
}
