package clinic

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
)

// rowsOfLane bounds each lane of the picture; the table below holds everything.
const rowsOfLane = 8

// timelineView is a chart over time, as it is or as it was known on a day.
type timelineView struct {
	Frame   chartFrame
	Drawing ui.Timeline
	Events  []chart.Event // newest first
	Undated []chart.Event
	Years   int    // span; 0 is all
	AsOf    string // FHIR date; "" is today
	Earlier string // links
	Later   string
	Changes []changedFact
	Hidden  int // bars that the picture leaves out
	Lane    string
	Unknown bool // the record did not know the patient on that day: the picture shows what is known now
}

// changedFact is what the chart said on a day and says now.
type changedFact struct{ Kind, Fact, Then, Now string }

func timelineShow(w http.ResponseWriter, r *web.Request) error {
	ctx, patient, day := r.Context(), r.PathValue("patient"), r.FormValue("asof")
	now, err := chart.Read(ctx, r.Actor, patient)
	if err != nil {
		return err
	}
	c, at, unknown := now, time.Time{}, false
	if day != "" {
		d, err := time.ParseInLocation(time.DateOnly, day, r.Now().Location())
		if err != nil || d.After(r.Now()) {
			return fault.New(fault.Invalid, "Write the day as year, month and day, not in the future: 2026-02-20.")
		}
		at = d.AddDate(0, 0, 1).Add(-time.Second)
		if at.After(r.Now()) {
			at = r.Now()
		}
		known, err := chartAsOf(r, patient, at)
		switch {
		case err == nil:
			c = known
		case fault.Is(err, fault.NotFound):
			unknown = true
		default:
			return err
		}
	}
	v := timelineView{Frame: frameOf(r, now, "timeline"), AsOf: day, Lane: r.FormValue("lane"), Unknown: unknown}
	v.Years, _ = strconv.Atoi(cmp.Or(r.FormValue("years"), "3"))
	v.draw(r, c, at)
	if day != "" {
		if !unknown {
			v.Changes = changes(c, now)
		}
		d, _ := time.Parse(time.DateOnly, day)
		v.Earlier = v.link(d.AddDate(0, -1, 0).Format(time.DateOnly))
		v.Later = v.link(d.AddDate(0, 1, 0).Format(time.DateOnly))
	}
	p := chartPage(r, now, "Timeline")
	if day != "" && !unknown {
		p.Patient = bannerOf(c.Patient, c.Allergies)
		p.Patient.AsOf = day
	}
	return web.Page(w, r, p, timelinePage(v))
}

// chartAsOf is the chart as this record knew it at a time.
func chartAsOf(r *web.Request, patient string, at time.Time) (chart.Chart, error) {
	actor, err := r.Actor.AsOf(r.Context(), at)
	if err != nil {
		return chart.Chart{}, err
	}
	return chart.Read(r.Context(), actor, patient)
}

func (v timelineView) link(day string) string {
	return v.Frame.Href("timeline") + "?asof=" + day + "&years=" + strconv.Itoa(v.Years)
}

func (v *timelineView) draw(r *web.Request, c chart.Chart, at time.Time) {
	events, undated := c.Timeline()
	v.Undated = undated
	from := r.Now().AddDate(-max(v.Years, 1), 0, 0)
	if v.Years == 0 && len(events) > 0 {
		from = events[0].Start.AddDate(0, -1, 0)
	}
	v.Drawing = ui.Timeline{Title: r.Lang.T("Timeline"), From: from, To: r.Now().AddDate(0, max(1, int(r.Now().Sub(from).Hours()/24/400)), 0), Now: r.Now(), AsOf: at}
	for _, lane := range []chart.Lane{chart.LaneProblems, chart.LaneMedications, chart.LaneVisits} {
		v.Drawing.Lanes = append(v.Drawing.Lanes, v.lane(r, lane, events))
	}
	v.Drawing.Lanes = append(v.Drawing.Lanes, resultLane(r, c))
	slices.Reverse(events)
	v.Events = slices.DeleteFunc(events, func(e chart.Event) bool { return v.Lane != "" && string(e.Lane) != v.Lane })
}

// lane makes the rows of one kind: bars one below the other, visits in one row of marks.
func (v *timelineView) lane(r *web.Request, lane chart.Lane, events []chart.Event) ui.TimelineLane {
	out := ui.TimelineLane{Title: r.Lang.T(string(lane))}
	var marks []ui.TimelineMark
	var bars []ui.TimelineBar
	for _, e := range events {
		if e.Lane != lane {
			continue
		}
		if lane == chart.LaneVisits {
			marks = append(marks, ui.TimelineMark{Text: short(e.Text), At: e.Start, Shape: map[string]string{"EMER": "triangle", "IMP": "square", "VR": "square"}[e.Kind]})
			continue
		}
		b := ui.TimelineBar{Text: e.Text, Start: e.Start, End: e.End, Stated: e.Kind == "stated"}
		if !e.Open && b.End.IsZero() {
			b.End = b.Start.AddDate(0, 0, 7) // over, but nobody wrote when: a short bar
		}
		if b.End.IsZero() || b.End.After(v.Drawing.From) {
			bars = append(bars, b)
		}
	}
	if lane == chart.LaneVisits && len(marks) > 0 {
		out.Rows = []ui.TimelineRow{{Marks: marks}}
		return out
	}
	rows := together(bars, lane == chart.LaneMedications)
	for _, row := range rows[min(rowsOfLane, len(rows)):] {
		v.Hidden += len(row.Bars)
	}
	out.Rows = first(rows, rowsOfLane)
	return out
}

// together puts the bars of one medicine into one row: each prescription lasts until the
// next, and only a change of strength is written again. Other bars have a row each. What
// goes on stands first.
func together(bars []ui.TimelineBar, medicines bool) []ui.TimelineRow {
	slices.SortStableFunc(bars, func(a, b ui.TimelineBar) int { return a.Start.Compare(b.Start) })
	var rows []ui.TimelineRow
	at := map[string]int{}
	for _, b := range bars {
		name := strings.ToLower(ui.SplitMedicine(b.Text).Generic)
		i, known := at[name]
		if !medicines || !known || b.Stated {
			at[name] = len(rows)
			rows = append(rows, ui.TimelineRow{Bars: []ui.TimelineBar{b}})
			continue
		}
		last := &rows[i].Bars[len(rows[i].Bars)-1]
		last.End = b.Start
		if last.Strength() == b.Strength() { // a renewal: the same bar goes on
			last.End = b.End
			continue
		}
		b.Text = b.Strength()
		rows[i].Bars = append(rows[i].Bars, b)
	}
	over := func(r ui.TimelineRow) int { return boolRank(!r.Bars[len(r.Bars)-1].End.IsZero()) }
	slices.SortStableFunc(rows, func(a, b ui.TimelineRow) int { return over(a) - over(b) })
	return rows
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// resultLane draws the three tests that most want to be seen: abnormal ones with a history.
func resultLane(r *web.Request, c chart.Chart) ui.TimelineLane {
	out := ui.TimelineLane{Title: r.Lang.T("Results")}
	for _, s := range resultsOf(c, nil).In(r.Now().Location()).Series {
		t := ui.TimelineRow{Label: short(s.Name)}
		for _, p := range s.Points {
			if f, ok := p.Float(); ok {
				t.Values = append(t.Values, ui.Point{At: p.At, N: f, Value: p.Value.Value, Flag: p.Flag})
			}
		}
		if len(t.Values) > 1 && len(out.Rows) < 3 {
			out.Rows = append(out.Rows, t)
		}
	}
	return out
}

func short(text string) string {
	if runes := []rune(text); len(runes) > 18 {
		return strings.TrimSpace(string(runes[:17])) + "…"
	}
	return text
}

// changes compares what the chart said on a day with what it says now: problems, medicines,
// allergies and the newest value of each test.
func changes(then, now chart.Chart) []changedFact {
	old, fresh := facts(then), facts(now)
	keys := map[string]bool{}
	for k := range old {
		keys[k] = true
	}
	for k := range fresh {
		keys[k] = true
	}
	var out []changedFact
	for k := range keys {
		if old[k] != fresh[k] {
			kind, fact, _ := strings.Cut(k, "|")
			out = append(out, changedFact{kind, fact, old[k], fresh[k]})
		}
	}
	slices.SortFunc(out, func(a, b changedFact) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Fact, b.Fact)) })
	return out
}

func facts(c chart.Chart) map[string]string {
	out := map[string]string{}
	for _, p := range c.Problems {
		if p.Listed && !p.Wrong() {
			out["Problem|"+p.Text] = map[bool]string{true: "active", false: "over"}[p.Active()]
		}
	}
	for _, a := range c.Allergies.Active {
		out["Allergy|"+a.Agent] = cmp.Or(a.Reaction, "known")
	}
	for _, m := range medicinesOf(c).Current {
		out["Medicine|"+m.Text] = cmp.Or(m.Directions, "taken")
	}
	for _, s := range resultsOf(c, nil).Series {
		p := s.Last()
		out["Result|"+s.Name] = ui.Amount{Value: p.Value.Value, Comparator: p.Comparator, Unit: s.Unit}.Text() + ", " + p.At.Format(time.DateOnly)
	}
	return out
}
