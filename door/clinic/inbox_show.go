package clinic

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// inboxView is the list of work, with one item opened beside it.
type inboxView struct {
	Now    time.Time
	View   string // key of inboxViews
	Counts map[string]int
	Groups []inboxGroup
	Urgent bool       // the first group cannot wait
	Batch  []workLine // results in range that can be signed together
	Open   int
	Oldest time.Time
	Item   *inboxItem
	Home   string // the role's first page: not every reader of an inbox has Today
}

type inboxGroup struct {
	Title, Note string
	Lines       []workLine
}

// inboxViews are the lists at the side.
var inboxViews = []struct {
	Key, Label string
	Kinds      []task.Kind // none: all
}{
	{Key: "", Label: "For you"},
	{Key: "results", Label: "Results", Kinds: []task.Kind{task.ReviewResult}},
	{Key: "messages", Label: "Messages", Kinds: []task.Kind{task.AnswerMessage}},
	{Key: "refills", Label: "Refills", Kinds: []task.Kind{task.RefillRequest}},
	{Key: "home", Label: "Measured at home", Kinds: []task.Kind{task.PatientMeasurement}},
	{Key: "sign", Label: "To sign", Kinds: []task.Kind{task.SignNote, task.SignPrescription}},
	{Key: "promised", Label: "Promised", Kinds: []task.Kind{task.FollowUp}},
	{Key: "requests", Label: "Requests", Kinds: []task.Kind{task.RightsRequest}},
	{Key: "documents", Label: "Documents", Kinds: []task.Kind{task.ReviewDocument}},
	{Key: "register", Label: "Duplicates", Kinds: []task.Kind{task.DuplicatePatient}},
	{Key: "team", Label: "For the team"},
	{Key: "done", Label: "Done today"},
}

func inbox(w http.ResponseWriter, r *web.Request) error { return showInbox(w, r, "", nil) }

// inboxOpen shows one item: beside the list, or alone for htmx. Then the browser's address is
// that of the item which is shown, so that a reload and a shared link open the same one.
func inboxOpen(w http.ResponseWriter, r *web.Request) error {
	item, err := loadItem(r, r.PathValue("task"))
	if err != nil {
		return err
	}
	if r.HX() {
		w.Header().Set("HX-Replace-Url", r.At(item.Line.Href()+viewOf(r.Header.Get("HX-Current-URL"))))
		return web.Render(w, r, itemPanel(item))
	}
	return showInbox(w, r, "", &item)
}

// viewOf is the list beside the item, as the address of the page names it: a reload keeps both.
func viewOf(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	view := u.Query().Get("view")
	for _, side := range inboxViews {
		if side.Key == view && view != "" {
			return "?view=" + view
		}
	}
	return ""
}

// showInbox draws the inbox; with faults in the item's form it says so in the status.
func showInbox(w http.ResponseWriter, r *web.Request, view string, item *inboxItem) error {
	if view == "" {
		view = r.FormValue("view")
	}
	v := inboxView{Now: r.Now(), View: view, Item: item, Counts: map[string]int{}}
	if r.Principal().Clinical() {
		v.Home = "/today"
	}
	if err := v.load(r); err != nil {
		return err
	}
	p := ui.Page{Title: r.Lang.T("Inbox"), Active: "/inbox"}
	if item != nil && len(item.Faults) > 0 {
		return web.Invalid(w, r, p, inboxPage(v))
	}
	return web.Page(w, r, p, inboxPage(v))
}

func (v *inboxView) load(r *web.Request) error {
	ctx, actor := r.Context(), r.Actor
	all, err := myWork(ctx, actor)
	if err != nil {
		return err
	}
	if err := grade(ctx, actor, all); err != nil {
		return err
	}
	done, err := doneToday(r)
	if err != nil {
		return err
	}
	shown := all
	for _, side := range inboxViews {
		list := all
		switch {
		case side.Key == "team":
			list = ownerless(all)
		case side.Key == "done":
			list = done
		case len(side.Kinds) > 0:
			list = of(all, side.Kinds...)
		}
		v.Counts[side.Key] = len(list)
		if side.Key == v.View {
			shown = list
		}
	}
	v.Open, v.Oldest = len(all), oldest(all)
	v.group(shown)
	return nil
}

func ownerless(list []workLine) []workLine {
	var out []workLine
	for _, l := range list {
		if l.Task.Owner == "" {
			out = append(out, l)
		}
	}
	return out
}

func doneToday(r *web.Request) ([]workLine, error) {
	me := r.Principal().Practitioner
	if me == "" {
		return nil, nil
	}
	now := r.Now()
	start := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	tasks, err := task.DoneSince(r.Context(), r.Actor, me, start)
	if err != nil {
		return nil, err
	}
	return lines(r.Context(), r.Actor, tasks)
}

// group sorts lines: what cannot wait, what is out of range, requests, the rest; results in
// range become one batch, which stands behind what cannot wait.
func (v *inboxView) group(list []workLine) {
	groups := []inboxGroup{{Title: "Cannot wait"}, {Title: "Results out of range"}, {Title: "Requests and messages"}, {Title: "Other work"}, {Title: "Done"}}
	for _, l := range list {
		at := 3
		switch {
		case !l.Task.Open():
			at = 4
		case l.Normal:
			v.Batch = append(v.Batch, l)
			continue
		case l.cannotWait():
			at = 0
		case l.Task.Kind == task.ReviewResult:
			at = 1
		case l.Task.Kind == task.AnswerMessage || l.Task.Kind == task.RefillRequest || l.Task.Kind == task.PatientMeasurement:
			at = 2
		}
		groups[at].Lines = append(groups[at].Lines, l)
	}
	for i, g := range groups {
		if len(g.Lines) > 0 {
			v.Groups, v.Urgent = append(v.Groups, g), v.Urgent || i == 0
		}
	}
}

// first are the groups that stand before the batch, last those behind it.
func (v inboxView) first() []inboxGroup {
	if v.Urgent {
		return v.Groups[:1]
	}
	return nil
}

func (v inboxView) last() []inboxGroup { return v.Groups[len(v.first()):] }

// inboxItem is one task opened: who it is about and what is needed to decide.
type inboxItem struct {
	Line      workLine
	Allergies ui.Allergies
	Thread    *message.Thread // a message
	Names     map[string]string
	Me        string // reference of the reader
	MaySign   bool   // the reader signs prescriptions
	Reply     string
	Plan      string // what was done about a critical result, as typed
	Said      string // what stands with the result already
	Saved     ui.Saved
	Values    []resultValue        // results or a home measurement
	Medicine  string               // a refill: the medicine in the words of the order, when the reader may see it
	ToSign    *medication.Medicine // a prescription that somebody prepared, when the reader may see it
	Wait      int                  // of a document, how many entries nobody has decided about
	Declined  *workLine            // the request for a signature that this answers, when the reader may see it
	Critical  bool                 // a result that is signed only with what was done
	Reported  bool                 // the values were measured by the patient
	TakenBack bool                 // the result does not count any more
	Others    []workLine           // what else is open about the patient
	Team      []ui.Option          // colleagues to pass it on to
	Faults    ui.Faults
}

func loadItem(r *web.Request, id string) (inboxItem, error) {
	ctx, actor := r.Context(), r.Actor
	t, err := task.Find(ctx, actor, id)
	if err != nil {
		return inboxItem{}, err
	}
	list, err := lines(ctx, actor, []task.Task{t})
	if err != nil {
		return inboxItem{}, err
	}
	item := inboxItem{Line: list[0], Me: actor.Principal().Reference(), MaySign: r.Principal().Role == trust.Physician}
	if t.Patient != "" && item.Line.Known {
		c, err := chart.Read(ctx, actor, t.Patient, "AllergyIntolerance")
		if err != nil {
			return inboxItem{}, err
		}
		item.Allergies = allergiesOf(c.Allergies)
		if item.Others, err = others(ctx, actor, t); err != nil {
			return inboxItem{}, err
		}
	}
	if item.Team, err = colleagues(ctx, actor); err != nil {
		return inboxItem{}, err
	}
	return item, item.focus(r)
}

// others are the other open tasks about the same patient.
func others(ctx context.Context, actor *record.Actor, t task.Task) ([]workLine, error) {
	about, err := task.About(ctx, actor, t.Patient)
	if err != nil {
		return nil, err
	}
	var rest []task.Task
	for _, o := range about {
		if o.ID != t.ID {
			rest = append(rest, o)
		}
	}
	return lines(ctx, actor, rest)
}
