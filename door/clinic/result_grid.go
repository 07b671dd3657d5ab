package clinic

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// How much of the grid is shown: newest dates first come, the rest on request.
const (
	datesShown = 4
	rowsShown  = 60
)

// resultsView is the page of a patient's laboratory results.
type resultsView struct {
	Frame    chartFrame
	Banner   *ui.Banner
	Grid     result.Grid
	Days     []string // of the columns, oldest first
	Rows     []result.Series
	Hidden   int // rows that are not shown
	Earlier  int // dates that are not shown
	All      bool
	Selected *result.Series
	Alone    bool // the trend page of one test
	Bars     []medicineBar
	Pending  []task.Task
	Plan     string // what was done about a critical result
	MaySign  bool
	MayFile  bool
	Comment  string
	Key      string // makes a double click harmless
	Saved    ui.Saved
	Wrong    string // the value that is said to be wrong
	Why      string
	Faults   ui.Faults
}

// medicineBar is a medicine over the time of a trend.
type medicineBar struct {
	Text     string
	From, To time.Time
	Since    string // From as it was written
	Stated   bool
}

// mark is where the medicine began, in the picture of the trend.
func (b medicineBar) mark() ui.Event { return ui.Event{At: b.From, Text: b.Text} }

// results shows the grid with the first test in detail.
func results(w http.ResponseWriter, r *web.Request) error { return showResults(w, r, "", nil) }

// resultTrend shows one test in detail.
func resultTrend(w http.ResponseWriter, r *web.Request) error {
	return showResults(w, r, r.PathValue("code"), nil)
}

func showResults(w http.ResponseWriter, r *web.Request, selected string, faults ui.Faults) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	tasks, err := task.About(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return err
	}
	tasks = slices.DeleteFunc(tasks, func(t task.Task) bool { return t.Kind != task.ReviewResult })
	nodes := slices.Concat(c.Resources("Patient"), c.Resources("Observation"), c.Resources("DiagnosticReport"))
	v := resultsView{Frame: frameOf(r, c, "results"), Grid: result.From(nodes, c.Patient.ID, tasks).In(r.Now().Location()).WithEGFR(), Pending: tasks, Faults: faults, All: r.FormValue("all") == "yes",
		MaySign: r.Principal().Role == trust.Physician || r.Principal().Role == trust.Nurse, MayFile: mayWrite(r, "Observation"), Comment: r.FormValue("comment"), Plan: r.FormValue("plan"),
		Key: nonce(r), Wrong: r.FormValue("value"), Why: r.FormValue("reason")}
	v.window()
	if err := v.choose(selected); err != nil {
		return err
	}
	v.Frame.Counts["results"] = len(v.Pending)
	if len(v.Pending) > 0 && v.MaySign {
		_, saved, fields, err := web.Typed(r, resultWordsKey(c.Patient.ID))
		if err != nil {
			return err
		}
		if v.Saved = saved; v.Plan == "" && v.Comment == "" {
			v.Plan, v.Comment = fields["plan"], fields["comment"]
		}
	}
	if v.Selected != nil {
		list := medication.From(slices.Concat(c.Resources("MedicationRequest"), c.Resources("MedicationStatement")), c.Patient.ID, r.Now(), nil)
		v.Bars = barsOf(list, *v.Selected, r.Now())
	}
	p := chartPage(r, c, "Results")
	p.Sheets = append(p.Sheets, "rx.css")
	v.Banner = p.Patient
	if len(faults) > 0 {
		return web.Invalid(w, r, p, resultsPage(v))
	}
	return web.Page(w, r, p, resultsPage(v))
}

// shows reports whether a day of the columns has a value of a test.
func (v resultsView) shows(s result.Series) bool {
	return slices.ContainsFunc(v.Days, func(day string) bool { return len(s.On(day)) > 0 })
}

// critical reports whether one of the results to sign needs a word about what was done.
func (v resultsView) critical() bool {
	return v.Faults.Of("plan") != "" || slices.ContainsFunc(v.Pending, v.beyond)
}

// beyond reports whether the result behind a task is critical.
func (v resultsView) beyond(t task.Task) bool {
	return result.Critical(t, result.Report{Values: v.Grid.Awaiting(t.ID)})
}

// window keeps the newest dates and the most pressing rows.
func (v *resultsView) window() {
	v.Days, v.Rows = v.Grid.Days, v.Grid.Series
	if v.All {
		return
	}
	if n := len(v.Days) - datesShown; n > 0 {
		v.Days, v.Earlier = v.Days[n:], n
	}
	if n := len(v.Rows) - rowsShown; n > 0 {
		v.Rows, v.Hidden = v.Rows[:rowsShown], n
	}
}

// choose opens a test: the one asked for, else the most pressing one that has numbers.
func (v *resultsView) choose(key string) error {
	if key != "" {
		s, ok := v.Grid.Find(key)
		if !ok {
			return fault.New(fault.NotFound, "This patient has no result of this test.")
		}
		v.Selected, v.Alone = &s, true
		return nil
	}
	if len(v.Grid.Series) > 0 {
		v.Selected = &v.Grid.Series[0]
	}
	return nil
}

// TestPath is the address of a test's trend.
func (v resultsView) TestPath(s result.Series) string {
	return "/p/" + v.Frame.Patient + "/results/" + url.PathEscape(s.Key)
}

// headings says where a new group of rows begins.
func (v resultsView) heading(ctx context.Context, at int) string {
	s := v.Rows[at]
	if s.Urgent() {
		if at == 0 {
			return ui.T(ctx, "Abnormal and unsigned first")
		}
		return ""
	}
	if at == 0 || v.Rows[at-1].Urgent() || v.Rows[at-1].Group != s.Group {
		return ui.T(ctx, string(s.Group))
	}
	return ""
}

// unsignedOn reports whether a value of a day waits for review.
func (v resultsView) unsignedOn(day string) bool {
	for _, s := range v.Grid.Series {
		if slices.ContainsFunc(s.On(day), func(p result.Point) bool { return p.Unsigned != "" }) {
			return true
		}
	}
	return false
}

// trendLine draws a series as the typed renderer wants it.
func seriesTrend(ctx context.Context, s result.Series, marks []medicineBar) ui.Trend {
	t := ui.Trend{Title: ui.Known(ctx, s.Name), Unit: s.Unit, Low: limitOf(s.Low), High: limitOf(s.High)}
	for _, p := range s.Points {
		if v, ok := p.Float(); ok && !p.At.IsZero() {
			t.Points = append(t.Points, ui.Point{At: p.At, N: v, Value: p.Value.Value, Flag: p.Flag})
		}
	}
	if len(t.Points) == 0 {
		return t
	}
	first, last := t.Points[0].At, t.Points[len(t.Points)-1].At
	for _, m := range marks {
		if m.From.After(first) && m.From.Before(last) {
			t.Marks = append(t.Marks, m.mark())
		}
	}
	return t
}

func limitOf(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ui.NoLimit()
	}
	return v
}

// barsOf are the medicines that were taken while the values of a series were measured, and
// that can change it; without a rule, those that began in that time.
func barsOf(list medication.Medicines, s result.Series, now time.Time) []medicineBar {
	if len(s.Points) == 0 {
		return nil
	}
	from, to := s.Points[0].At, s.Last().At
	var out []medicineBar
	for _, m := range append(slices.Clone(list.Current), list.Past...) {
		start, since, end := m.Authored, m.AuthoredAs, now
		if !m.Start.IsZero() {
			start, since = m.Start, m.StartAs
		}
		if e := m.CourseEnd(); !e.IsZero() && e.Before(now) {
			end = e
		}
		if start.IsZero() || start.After(to) || end.Before(from) || !bears(m, s) {
			continue
		}
		out = append(out, medicineBar{Text: m.Text, From: start, Since: since, To: end, Stated: m.Stated})
	}
	return joinBars(out)
}

// barsShown is how many medicines stand beside a trend.
const barsShown = 6

// joinBars makes one bar of a prescription and its renewals, and keeps the newest bars.
func joinBars(bars []medicineBar) []medicineBar {
	slices.SortStableFunc(bars, func(a, b medicineBar) int { return a.From.Compare(b.From) })
	var out []medicineBar
	for _, b := range bars {
		at := slices.IndexFunc(out, func(o medicineBar) bool { return strings.EqualFold(o.Text, b.Text) && o.Stated == b.Stated })
		if at < 0 {
			out = append(out, b)
		} else if b.To.After(out[at].To) {
			out[at].To = b.To
		}
	}
	return out[max(0, len(out)-barsShown):]
}

// bears reports whether a medicine can change a test, by its flags and class.
func bears(m medication.Medicine, s result.Series) bool {
	found, _ := m.Ingredients()
	for _, i := range found {
		for _, name := range classesThatChange[s.Group] {
			if string(i.Class) == name {
				return true
			}
		}
	}
	return false
}

// classesThatChange lists the classes of medicines that change the tests of a group.
var classesThatChange = map[labrange.Group][]string{
	labrange.Kidney:   {"ace-inhibitor", "arb", "potassium-sparing", "potassium", "thiazide", "loop-diuretic", "nsaid", "trimethoprim", "lithium", "sglt2-inhibitor", "xanthine-oxidase-inhibitor", "metformin"},
	labrange.Diabetes: {"biguanide", "sulfonylurea", "dpp4-inhibitor", "sglt2-inhibitor", "glp1-agonist", "thiazolidinedione", "long-acting-insulin", "rapid-acting-insulin", "intermediate-insulin", "systemic-corticosteroid"},
	labrange.Lipids:   {"statin", "fibrate", "cholesterol-absorption-inhibitor"},
	labrange.Liver:    {"statin", "methotrexate", "allylamine-antifungal", "azole-antifungal", "valproate"},
	labrange.Thyroid:  {"thyroid-hormone", "antithyroid", "lithium", "antiarrhythmic"},
	labrange.Iron:     {"iron", "vitamin-b12", "folate", "vitamin-d"},
	labrange.Blood:    {"iron", "vitamin-b12", "folate", "methotrexate", "thiopurine"},
	labrange.Clotting: {"vitamin-k-antagonist", "macrolide", "quinolone", "sulfonamide-antibiotic"},
	labrange.Drugs:    {"lithium", "cardiac-glycoside", "thiazide", "ace-inhibitor", "nsaid"},
}

// resultWordsKey is the draft of what is typed to be signed with a patient's results.
func resultWordsKey(patient string) string { return "results/" + patient }

// resultWithdraw marks a value of a test as entered in error.
func resultWithdraw(w http.ResponseWriter, r *web.Request) error {
	patient, code := r.PathValue("patient"), r.PathValue("code")
	d := result.Withdrawal{Patient: patient, ID: r.FormValue("value"), Reason: r.FormValue("reason"), Key: formKey(r, r.FormValue("key"))}
	res, err := result.Withdraw(r.Context(), r.Actor, d)
	if isInvalid(err) {
		return showResults(w, r, code, faultsOf(r, err))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Marked as entered in error. If the right value is known, enter it as a new result."), res.Undo)
	return web.Redirect(w, r, "/p/"+patient+"/results")
}

// resultSign signs the chosen results and keeps the words for the patient with them.
func resultSign(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	comment := r.FormValue("comment")
	if r.FormValue("tell") == "no" {
		comment = ""
	}
	res, err := result.Review(r.Context(), r.Actor, patient, result.Words{Patient: comment, Plan: r.FormValue("plan")}, r.PostForm["task"]...)
	if isInvalid(err) {
		return showResults(w, r, "", faultsOf(r, err))
	}
	if err != nil {
		return err
	}
	if err := r.Actor.DropDraft(r.Context(), resultWordsKey(patient)); err != nil {
		return err
	}
	text := r.Lang.T("%d signed.", len(r.PostForm["task"]))
	if strings.TrimSpace(comment) != "" {
		text += " " + r.Lang.T("The patient reads your words with the result.")
	}
	r.Say(text, res.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/results"))
}

// valueOptions are the values of a test, the newest first, with their days.
func valueOptions(ctx context.Context, s result.Series) (list []ui.Option) {
	for _, p := range slices.Backward(s.Points) {
		list = append(list, ui.Option{Value: p.ID, Label: p.Comparator + p.Value.Value + " " + ui.UnitText(s.Unit) + ", " + ui.DateText(ctx, p.When)})
	}
	return list
}
