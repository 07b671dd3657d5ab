package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/message"
)

// messagesView is a patient's conversations with one open.
type messagesView struct {
	Frame   chartFrame
	Patient string
	Threads []message.Thread
	Open    *message.Thread
	Names   map[string]string
	Me      string
	Reply   string
	Saved   ui.Saved
	New     newMessage
	Team    []ui.Option
	Faults  ui.Faults
}

// newMessage is what was typed into the form of a new message.
type newMessage struct{ To, Subject, Text string }

// Path is the page of the patient's messages.
func (v messagesView) Path() string { return "/p/" + v.Patient + "/messages" }

func messages(w http.ResponseWriter, r *web.Request) error {
	return showMessages(w, r, r.FormValue("thread"), messagesView{})
}

// showMessages shows the conversations; v holds what a refused form had.
func showMessages(w http.ResponseWriter, r *web.Request, open string, v messagesView) error {
	ctx, actor := r.Context(), r.Actor
	v.Patient, v.Me = r.PathValue("patient"), actor.Principal().Reference()
	c, err := chart.Read(ctx, actor, v.Patient)
	if err != nil {
		return err
	}
	if v.Threads, err = message.Threads(ctx, actor, v.Patient); err != nil {
		return err
	}
	if v.Names, err = writers(ctx, actor, v.Threads); err != nil {
		return err
	}
	v.Names["Patient/"+v.Patient] = nameOf(c.Patient).Formal()
	if v.Team, err = colleagues(ctx, actor); err != nil {
		return err
	}
	if err := v.open(r, open); err != nil {
		return err
	}
	p := chartPage(r, c, "Messages")
	v.Frame = frameOf(r, c, "messages")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, messagesPage(v))
	}
	return web.Page(w, r, p, messagesPage(v))
}

// open opens a conversation of this patient, and notes that it was read.
func (v *messagesView) open(r *web.Request, id string) error {
	for i := range v.Threads {
		if v.Threads[i].ID == id {
			v.Open = &v.Threads[i]
		}
	}
	if v.Open == nil {
		if id != "" {
			return fault.New(fault.NotFound, "This patient has no such message.")
		}
		return v.resume(r)
	}
	saved, text, err := replyDraft(r, v.Open.ID)
	if err != nil {
		return err
	}
	if v.Saved = saved; v.Reply == "" {
		v.Reply = text
	}
	return message.MarkRead(r.Context(), r.Actor, *v.Open)
}

// resume puts back what was typed as a new message and not sent yet.
func (v *messagesView) resume(r *web.Request) error {
	_, saved, fields, err := web.Typed(r, newMessageKey(v.Patient))
	if err != nil {
		return err
	}
	if v.Saved = saved; v.New == (newMessage{}) {
		v.New = newMessage{To: fields["to"], Subject: fields["subject"], Text: fields["text"]}
	}
	return nil
}

func newMessageKey(patient string) string { return "message/" + patient }

// messageSend starts a conversation with the patient or with a colleague about the patient.
func messageSend(w http.ResponseWriter, r *web.Request) error {
	form := newMessage{To: r.FormValue("to"), Subject: r.FormValue("subject"), Text: r.FormValue("text")}
	d := message.Draft{Patient: r.PathValue("patient"), Subject: form.Subject, Text: form.Text, To: []string{"Patient/" + r.PathValue("patient")}}
	if form.To == "" {
		return showMessages(w, r, "", messagesView{New: form, Faults: ui.Faults{{Field: "to", Text: r.Lang.T("Choose who reads this: the patient, or a colleague.")}}})
	}
	if form.To != "patient" {
		d.Staff, d.To = true, []string{"Practitioner/" + form.To}
	}
	saved, err := send(r, d)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return showMessages(w, r, "", messagesView{New: form, Faults: ui.Faults{{Field: "text", Text: sentence(r, err)}}})
	}
	if err != nil {
		return err
	}
	if err := r.Actor.DropDraft(r.Context(), newMessageKey(d.Patient)); err != nil {
		return err
	}
	r.Say(r.Lang.T("Message sent."), saved.Undo)
	return web.Redirect(w, r, "/p/"+d.Patient+"/messages")
}

// messageReply answers a conversation from the chart.
func messageReply(w http.ResponseWriter, r *web.Request) error {
	patientID, id := r.PathValue("patient"), r.PathValue("thread")
	t, err := message.Find(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	if t.Patient != patientID {
		return fault.New(fault.NotFound, "This patient has no such message.")
	}
	saved, err := send(r, message.Draft{Thread: t.ID, Text: r.FormValue("text")})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return showMessages(w, r, t.ID, messagesView{Reply: r.FormValue("text"), Faults: ui.Faults{{Field: "text", Text: sentence(r, err)}}})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Answer sent."), saved.Undo)
	return web.Redirect(w, r, "/p/"+patientID+"/messages?thread="+t.ID)
}

// recipients are the patient first, then colleagues; nobody is chosen for the writer.
func (v messagesView) recipients(choose, patientWord string) []ui.Option {
	return append([]ui.Option{{Label: choose}, {Value: "patient", Label: patientWord}}, v.Team...)
}

func (v messagesView) threadHref(t message.Thread) string { return v.Path() + "?thread=" + t.ID }
