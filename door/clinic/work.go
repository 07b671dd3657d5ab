package clinic

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// workLine is one task as Today and Inbox show it: whom it is about, what it is, and what
// to do by default.
type workLine struct {
	Task   task.Task
	Person chart.Patient
	Known  bool // the reader may see who it is
	Mine   bool
	Normal bool // a result that may be signed together with others
	// Medicine is what a refill is asked of; "" when it is hidden from the reader.
	Medicine string
	// Document is what waits for review; nil when it is hidden from the reader.
	Document *chart.Document
}

// What is the line's text: of a document its title, which alone tells one from the next.
func (l workLine) What(ctx context.Context) string {
	switch {
	case l.Document != nil:
		return l.Document.Title
	case l.Task.Kind == task.ReviewDocument:
		return ui.T(ctx, "A document of another clinic waits for review")
	}
	return l.Task.Text
}

// From says whose a document is and of when; "" for other work.
func (l workLine) From(ctx context.Context) string {
	switch d := l.Document; {
	case d == nil:
		return ""
	case d.Source != "":
		return ui.SourceText(ctx, d.Source)
	case d.Origin == chart.Reported:
		return ui.T(ctx, "from %s, %s", ui.T(ctx, "the patient"), ui.DateText(ctx, d.Date))
	default:
		return ui.DateText(ctx, d.Date)
	}
}

// Name is the patient's name.
func (l workLine) Name() ui.Name { return nameOf(l.Person) }

// look is how a kind of task looks: a word and an icon, and what is done by default.
type look struct{ Word, Icon, Action string }

func lookOf(k task.Kind) look {
	switch k {
	case task.ReviewResult:
		return look{"Result", "flask", "Review"}
	case task.RefillRequest:
		return look{"Refill", "pill", "Decide"}
	case task.AnswerMessage:
		return look{"Message", "msg", "Reply"}
	case task.PatientMeasurement:
		return look{"At home", "activity", "Look"}
	case task.SignNote:
		return look{"Note", "pen", "Finish"}
	case task.SignPrescription:
		return look{"Prescription", "pill", "Check"}
	case task.DuplicatePatient:
		return look{"Duplicate?", "team", "Compare"}
	case task.FollowUp:
		return look{"Promise", "clock", "Open"}
	case task.RightsRequest:
		return look{"Request", "pen", "Decide"}
	case task.ReviewDocument:
		return look{"Document to review", "doc", "Review"}
	}
	return look{"Task", "clipboard", "Open"}
}

// Tag is the line's first column: critical and urgent work says so.
func (l workLine) Tag() (tone ui.Tone, icon, word string) {
	k := lookOf(l.Task.Kind)
	switch {
	case l.Task.Priority == "stat":
		return ui.Critical, "stop", "Critical"
	case l.Normal:
		return ui.Good, "ok", "In range"
	case l.Pressing():
		return ui.Caution, "clock", "Today"
	case l.urgent():
		return ui.Caution, k.Icon, k.Word
	}
	return ui.Plain, k.Icon, k.Word
}

func (l workLine) urgent() bool {
	return l.Task.Priority == "urgent" || l.Task.Priority == "asap"
}

// Pressing reports that a patient waits for somebody before the day is over: an urgent message, or a
// reading from home with which the portal tells them to call.
func (l workLine) Pressing() bool {
	return l.Task.Open() && l.urgent() && (l.Task.Kind == task.AnswerMessage || l.Task.Kind == task.PatientMeasurement)
}

// cannotWait reports whether the line stands before all others: a critical result, or a patient who
// waits today.
func (l workLine) cannotWait() bool { return l.Task.Priority == "stat" || l.Pressing() }

// Why says why the line is here.
func (l workLine) Why() string {
	switch {
	case l.Document != nil && l.Task.Priority == "stat":
		return "it has a value that is marked as critical"
	case l.Task.Owner == "":
		return "for the whole team"
	case l.Task.Kind == task.ReviewResult && l.Task.Requester != "Practitioner/"+l.Task.Owner:
		return "it waits for your review"
	case l.Task.Kind == task.ReviewResult:
		return "you ordered it"
	case l.Task.Kind == task.RefillRequest:
		return "the patient asks for more"
	case l.Task.Kind == task.SignPrescription:
		return "prepared for your signature"
	case l.Task.Kind == task.PatientMeasurement:
		return "measured at home, not checked"
	case l.Task.Kind == task.RightsRequest:
		return "the patient asks for it by right, with a day"
	case l.Task.Kind == task.ReviewDocument && l.Task.Status == "in-progress":
		return "its review has begun"
	case l.Task.Kind == task.ReviewDocument:
		return "nothing of it is in the chart yet"
	case l.Task.Kind == task.AnswerMessage && l.Task.Requester == "Patient/"+l.Task.Patient:
		return "the patient writes to you"
	case l.Task.Kind == task.AnswerMessage:
		return "a colleague asks you"
	}
	return l.Task.Kind.Name()
}

// Action names what is done by default, and with whom: of a document with its title.
func (l workLine) Action(ctx context.Context) string {
	said := ui.T(ctx, lookOf(l.Task.Kind).Action) + ", " + l.Name().Formal()
	if l.Document != nil {
		said += ", " + l.Document.Title
	}
	return said
}

// Href is the page on which the line is worked on.
func (l workLine) Href() string {
	if l.Task.Kind == task.DuplicatePatient {
		return "/duplicates/" + l.Task.ID
	}
	return "/inbox/" + l.Task.ID
}

// Direct is where the line's action leads: a document is reviewed on a page of its own.
func (l workLine) Direct() string {
	if id := l.Task.FocusID("DocumentReference"); l.Task.Kind == task.ReviewDocument && id != "" {
		return "/p/" + l.Task.Patient + "/documents/" + id + "/review"
	}
	return l.Href()
}

// lines adds the people to tasks. A patient whom the reader may not see keeps the line,
// without name: work is never dropped silently.
func lines(ctx context.Context, actor *record.Actor, tasks []task.Task) ([]workLine, error) {
	ids := make([]string, 0, len(tasks))
	for _, t := range tasks {
		ids = append(ids, t.Patient)
	}
	who, err := people(ctx, actor, ids)
	if err != nil {
		return nil, err
	}
	out := make([]workLine, 0, len(tasks))
	for _, t := range tasks {
		p, known := who[t.Patient]
		out = append(out, workLine{Task: t, Person: p, Known: known, Mine: t.Owner == actor.Principal().Practitioner})
	}
	if err := nameDocuments(ctx, actor, out); err != nil {
		return nil, err
	}
	return out, nameMedicines(ctx, actor, out)
}

// nameDocuments says which document waits for review.
func nameDocuments(ctx context.Context, actor *record.Actor, list []workLine) error {
	var asked []task.Task
	for _, l := range list {
		if l.Task.Kind == task.ReviewDocument {
			asked = append(asked, l.Task)
		}
	}
	behind, err := chart.DocumentsBehind(ctx, actor, asked)
	for i := range list {
		if d, ok := behind[list[i].Task.ID]; ok {
			list[i].Document = &d
		}
	}
	return err
}

// nameMedicines says in requests for refills of what: as the prescription names it to the reader,
// whatever the request says itself.
func nameMedicines(ctx context.Context, actor *record.Actor, list []workLine) error {
	var asked []task.Task
	for _, l := range list {
		if l.Task.Kind == task.RefillRequest {
			asked = append(asked, l.Task)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	behind, err := medication.Behind(ctx, actor, asked)
	if err != nil {
		return err
	}
	for i := range list {
		t := &list[i].Task
		if t.Kind != task.RefillRequest {
			continue
		}
		name, note, noted := strings.Cut(t.Text, ";")
		m, seen := behind[t.ID]
		switch {
		case t.Focus == "": // asked in words alone
			list[i].Medicine = name
		case !seen:
			t.Text = "A medicine that you are not cleared to see"
		default:
			t.Text, list[i].Medicine = m.Text, m.Text
			if noted {
				t.Text += ";" + note
			}
		}
	}
	return nil
}

// myWork returns the open tasks of the reader and those of the whole team.
func myWork(ctx context.Context, actor *record.Actor) ([]workLine, error) {
	var all []task.Task
	if me := actor.Principal().Practitioner; me != "" {
		mine, err := task.Of(ctx, actor, me)
		if err != nil {
			return nil, err
		}
		all = mine
	}
	team, err := task.Unowned(ctx, actor)
	if err != nil {
		return nil, err
	}
	all = append(all, team...)
	task.Sort(all)
	return lines(ctx, actor, all)
}

// of keeps the lines of some kinds.
func of(list []workLine, kinds ...task.Kind) []workLine {
	var out []workLine
	for _, l := range list {
		for _, k := range kinds {
			if l.Task.Kind == k {
				out = append(out, l)
			}
		}
	}
	return out
}

// oldest is when the line that waits longest was made.
func oldest(list []workLine) time.Time {
	var t time.Time
	for _, l := range list {
		if t.IsZero() || l.Task.Authored.Before(t) {
			t = l.Task.Authored
		}
	}
	return t
}
