package portal

import (
	"net/http"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// resultsView is the list of all results by day, the older ones folded by year.
type resultsView struct {
	Days  []resultDay // the newest, and those with a result that nobody opened yet
	Older []resultYear
	New   int
}

// resultYear are the days of a year that are folded.
type resultYear struct {
	Year int
	Days []resultDay
}

// Count is how many results are in the fold.
func (y resultYear) Count() (n int) {
	for _, d := range y.Days {
		n += len(d.Lines)
	}
	return n
}

// linesOpen is how many results stand open before the first fold.
const linesOpen = 12

// fold puts all days into years but the newest ones and those with something new.
func (v *resultsView) fold() {
	var open []resultDay
	lines := 0
	for _, d := range v.Days {
		fresh := slices.ContainsFunc(d.Lines, func(l resultLine) bool { return l.New })
		if fresh || lines < linesOpen && len(v.Older) == 0 {
			open = append(open, d)
			lines += len(d.Lines)
			continue
		}
		if n := len(v.Older); n == 0 || v.Older[n-1].Year != d.At.Year() {
			v.Older = append(v.Older, resultYear{Year: d.At.Year()})
		}
		last := &v.Older[len(v.Older)-1]
		last.Days = append(last.Days, d)
	}
	v.Days = open
}

type resultDay struct {
	At    time.Time
	Lines []resultLine
}

func results(w http.ResponseWriter, r *web.Request) error {
	list, err := readResults(r)
	if err != nil {
		return err
	}
	v := resultsView{}
	for _, l := range list.Lines {
		d := day(l.Point.At, r)
		if len(v.Days) == 0 || !v.Days[len(v.Days)-1].At.Equal(d) {
			v.Days = append(v.Days, resultDay{At: d})
		}
		last := &v.Days[len(v.Days)-1]
		last.Lines = append(last.Lines, l)
		if l.New {
			v.New++
		}
	}
	v.fold()
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Test results"), Active: "/portal/results"}, resultsPage(v))
}

// resultView is one result with its meaning.
type resultView struct {
	Line    resultLine
	Number  *ui.NumberLine
	Trend   ui.Trend
	Others  []resultLine // of the same day
	Looked  []looked
	Asked   corrections
	Ask     string // what was typed in "ask about this"
	Choice  string
	Options []ui.Option
	Faults  ui.Faults
}

// looked is a member of the team who opened the result.
type looked struct {
	Name, Role string
	At         time.Time
}

func resultShow(w http.ResponseWriter, r *web.Request) error {
	v, err := readResult(r)
	if err != nil {
		return err
	}
	// This read is what the log knows as "opened".
	if _, err := r.Actor.Read(r.Context(), "Observation", v.Line.Point.ID); err != nil {
		return err
	}
	return showResult(w, r, v)
}

func showResult(w http.ResponseWriter, r *web.Request, v resultView) error {
	p := ui.Page{Title: r.Lang.T("Test result"), Active: "/portal/results"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, resultPage(v))
	}
	return web.Page(w, r, p, resultPage(v))
}

func readResult(r *web.Request) (resultView, error) {
	list, err := readResults(r)
	if err != nil {
		return resultView{}, err
	}
	line, ok := list.find(r.PathValue("id"))
	if !ok {
		return resultView{}, fault.New(fault.NotFound, "There is no such result in your record.")
	}
	v := resultView{Line: line, Number: line.line(r.Lang.T), Choice: questions[0], Options: askOptions(r)}
	v.Trend = line.trend()
	for _, o := range list.Lines {
		if o.Point.ID != line.Point.ID && day(o.Point.At, r).Equal(day(line.Point.At, r)) {
			v.Others = append(v.Others, o)
		}
	}
	if v.Asked, err = readCorrections(r); err != nil {
		return v, err
	}
	v.Looked, err = lookedAt(r, line.Point.ID)
	return v, err
}

// trend is the values of the test over time against its usual range.
func (l resultLine) trend() ui.Trend {
	t := ui.Trend{Title: l.Name, Unit: l.Amount().Unit}
	t.Low, t.High = l.limits()
	for _, p := range l.Series.Points {
		if n, ok := p.Float(); ok && p.Comparator == "" {
			t.Points = append(t.Points, ui.Point{At: p.At, N: n, Value: p.Value.Value, Flag: p.Flag})
		}
	}
	return t
}

// lookedAt returns who of the clinic opened the result itself: what the log knows for sure.
func lookedAt(r *web.Request, observation string) ([]looked, error) {
	if limited(r) {
		return nil, nil
	}
	read := func(l ledger.Leaf) bool {
		return l.Action == ledger.Read && slices.ContainsFunc(l.Versions, func(v ledger.Version) bool { return v.Type == "Observation" && v.ID == observation })
	}
	entries, err := r.Actor.Looked(r.Context(), store.LeafFilter{Patient: r.Principal().Patient, From: r.Now().Add(-90 * 24 * time.Hour), Where: read})
	if err != nil {
		return nil, err
	}
	var out []looked
	seen := map[string]bool{}
	for _, e := range entries {
		l := e.Leaf
		if l.Role == "patient" || l.Role == "system" || l.Outcome != "" || seen[l.Actor] {
			continue
		}
		seen[l.Actor] = true
		out = append(out, looked{l.Name, l.Role, l.Time})
	}
	return out, nil
}

// questions are the usual ones about a result; the last is "something else".
var questions = []string{"Can we talk about this at my next visit?", "Do I need to change a medicine?", "What can I do myself?", "Something else"}

func askOptions(r *web.Request) []ui.Option {
	var out []ui.Option
	for _, q := range questions {
		out = append(out, ui.Option{Value: q, Label: r.Lang.T(q)})
	}
	return out
}

// resultAsk sends a question about a result to the patient's doctor.
func resultAsk(w http.ResponseWriter, r *web.Request) error {
	v, err := readResult(r)
	if err != nil {
		return err
	}
	v.Ask, v.Choice = r.FormValue("text"), r.FormValue("question")
	text := v.Ask
	if v.Choice != questions[len(questions)-1] && v.Choice != "" {
		text = r.Lang.T(v.Choice) + "\n" + text
	}
	to, err := physician(r)
	if err != nil {
		return err
	}
	saved, err := message.Send(r.Context(), r.Actor, message.Draft{Patient: r.Principal().Patient, To: to,
		Subject: r.Lang.T("Question about: %s", v.Line.Name), Text: signed(r, text), Key: formKey(r)})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		v.Faults.Add("text", sentence(r, err))
		return showResult(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Your question was sent."), saved.Undo)
	return web.Redirect(w, r, v.Line.Href())
}
