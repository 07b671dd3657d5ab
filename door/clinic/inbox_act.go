package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/intake"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// inboxDone ends a task: a result is signed, with a word to the patient when there is one.
func inboxDone(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("task")
	t, err := task.Find(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	outcome, err := result.Outcome(r.Context(), r.Actor, t, r.FormValue("plan"), r.FormValue("outcome"))
	if isInvalid(err) {
		return again(w, r, "plan", err)
	}
	if err != nil {
		return err
	}
	c := record.Change{What: "sign result"}
	said := r.Lang.T("Done.")
	if t.Kind == task.ReviewResult {
		if err := r.Fresh(web.Signing); err != nil {
			return err
		}
		said = r.Lang.T("Result signed.")
		if comment := strings.TrimSpace(r.FormValue("comment")); comment != "" {
			p, err := result.Comment(r.Context(), r.Actor, t, comment)
			if err != nil {
				return err
			}
			c.Put = append(c.Put, p)
			said = r.Lang.T("Result signed; the patient sees your comment.")
		}
	}
	done, err := task.Done(r.Context(), r.Actor, id, outcome)
	if err != nil {
		return err
	}
	c.Put = append(c.Put, done)
	saved, err := r.Actor.Commit(r.Context(), c)
	if err == nil {
		err = r.Actor.DropDraft(r.Context(), doneKey(id))
	}
	if err != nil {
		return err
	}
	r.Say(said, saved.Undo)
	return web.Redirect(w, r, "/inbox")
}

// doneKey is the draft of what is typed to be signed with a task.
func doneKey(task string) string { return "done/" + task }

// inboxSign signs several results that are in range in one change. Each is judged again at
// this moment: one that is not known to be in range any more stops the whole change.
func inboxSign(w http.ResponseWriter, r *web.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	ids := r.PostForm["task"]
	if len(ids) == 0 {
		return fault.New(fault.Invalid, "Choose at least one result.")
	}
	for _, id := range ids {
		t, err := task.Find(r.Context(), r.Actor, id)
		if err != nil {
			return err
		}
		report, err := result.Under(r.Context(), r.Actor, t)
		if err != nil {
			return err
		}
		if t.Kind != task.ReviewResult || t.Owner != r.Principal().Practitioner || !report.InRange() {
			return fault.New(fault.Conflict, "One of these results is not known to be in range, or is not yours. Nothing was signed; look at the list again.")
		}
	}
	saved, err := task.Complete(r.Context(), r.Actor, "In range.", ids...)
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("%d results signed.", len(ids)), saved.Undo)
	if r.FormValue("next") == "/today" {
		return web.Redirect(w, r, "/today")
	}
	return web.Redirect(w, r, "/inbox")
}

// inboxReply answers a conversation; the task ends with it.
func inboxReply(w http.ResponseWriter, r *web.Request) error {
	item, err := loadItem(r, r.PathValue("task"))
	if err != nil {
		return err
	}
	if item.Thread == nil {
		return fault.New(fault.NotFound, "The message is not there any more.")
	}
	saved, err := send(r, message.Draft{Thread: item.Thread.ID, Text: r.FormValue("text")})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		item.Reply = r.FormValue("text")
		item.Faults.Add("text", sentence(r, err))
		return showInbox(w, r, "", &item)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Answer sent."), saved.Undo)
	return web.Redirect(w, r, "/inbox")
}

// send sends a message and drops the draft of its text.
func send(r *web.Request, d message.Draft) (record.Result, error) {
	saved, err := message.Send(r.Context(), r.Actor, d)
	if err != nil {
		return saved, err
	}
	if d.Thread != "" {
		err = r.Actor.DropDraft(r.Context(), replyKey(d.Thread))
	}
	return saved, err
}

// inboxReject ends a task without doing it; the reason goes to whoever asked.
func inboxReject(w http.ResponseWriter, r *web.Request) error {
	id, reason := r.PathValue("task"), r.FormValue("reason")
	t, err := task.Find(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	reject := task.Reject
	switch t.Kind {
	case task.PatientMeasurement:
		reject = intake.Decline
	case task.SignPrescription:
		reject = medication.DeclinePrepared
	}
	saved, err := reject(r.Context(), r.Actor, id, reason)
	if fault.Is(err, fault.Invalid) {
		return again(w, r, "reason", err)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Declined, with your reason."), saved.Undo)
	return web.Redirect(w, r, "/inbox")
}

// inboxAccept takes what a patient measured into the chart.
func inboxAccept(w http.ResponseWriter, r *web.Request) error {
	saved, err := intake.Accept(r.Context(), r.Actor, r.PathValue("task"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Accepted into the chart, marked as reported by the patient."), saved.Undo)
	return web.Redirect(w, r, "/inbox")
}

// inboxPass hands a task to a colleague.
func inboxPass(w http.ResponseWriter, r *web.Request) error {
	saved, err := task.Reassign(r.Context(), r.Actor, r.PathValue("task"), r.FormValue("owner"), r.FormValue("word"))
	if fault.Is(err, fault.Invalid) {
		return again(w, r, "owner", err)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Passed on."), saved.Undo)
	return web.Redirect(w, r, "/inbox")
}

// again shows the item once more with what is wrong.
func again(w http.ResponseWriter, r *web.Request, field string, cause error) error {
	item, err := loadItem(r, r.PathValue("task"))
	if err != nil {
		return err
	}
	item.Faults.Add(field, sentence(r, cause))
	if r.Form.Has("comment") {
		item.Reply, item.Plan = r.FormValue("comment"), r.FormValue("plan")
	}
	return showInbox(w, r, "", &item)
}

// sentence is what a fault says to a person.
func sentence(r *web.Request, err error) string { return web.FaultText(r, err) }
