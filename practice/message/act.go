package message

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// MaxText is the longest message, in bytes.
const MaxText = 20_000

// Draft is a message to be sent.
type Draft struct {
	Patient string   // id
	To      []string // references; for an answer empty means all others of the thread
	Subject string
	Text    string
	Staff   bool   // among colleagues
	Private bool   // not for who acts for the patient and sees only a part of the record
	Visit   bool   // the patient asks for a visit
	Thread  string // id of the first message, for an answer
	Key     string // idempotency key of the form, "" for none
}

// Threads returns a patient's conversations, newest first. A patient gets only those with
// the clinic, never what colleagues write to each other.
func Threads(ctx context.Context, actor *record.Actor, patient string) ([]Thread, error) {
	return find(ctx, actor, "category:not="+url.QueryEscape(notLetters)+"&subject=Patient/"+patient+"&_sort=-sent")
}

// Find returns one conversation; fault.NotFound when there is none. A request about the record is
// none: it is answered on its own page.
func Find(ctx context.Context, actor *record.Actor, id string) (Thread, error) {
	first, err := actor.Read(ctx, "Communication", id)
	if err != nil {
		return Thread{}, err
	}
	if policy.OfRights(first) {
		return Thread{}, fault.New(fault.NotFound, "There is no such message.")
	}
	head := FromResource(first)
	if head.Thread != id {
		return Find(ctx, actor, head.Thread)
	}
	list := []Message{head}
	for r, err := range actor.FindEach(ctx, "Communication", "part-of=Communication/"+id) {
		if err != nil {
			return Thread{}, err
		}
		list = append(list, FromResource(r))
	}
	out := threads(visible(actor, list))
	if len(out) == 0 {
		return Thread{}, fault.New(fault.NotFound, "There is no such message.")
	}
	return out[0], nil
}

// Unread returns the conversations with messages to the actor that were not read yet.
func Unread(ctx context.Context, actor *record.Actor) ([]Thread, error) {
	me := actor.Principal().Reference()
	if me == "" {
		return nil, nil
	}
	return find(ctx, actor, "category:not="+url.QueryEscape(notLetters)+"&recipient="+me+"&received:missing=true&_sort=-sent")
}

// CountUnread counts the messages to the actor that were not read yet.
func CountUnread(ctx context.Context, actor *record.Actor) (int64, error) {
	me := actor.Principal().Reference()
	if me == "" {
		return 0, nil
	}
	return actor.Count(ctx, "Communication", url.Values{"recipient": {me}, "received:missing": {"true"}, "category:not": {notLetters}})
}

func find(ctx context.Context, actor *record.Actor, query string) ([]Thread, error) {
	var list []Message
	for n, err := range actor.FindEach(ctx, "Communication", query) {
		if err != nil {
			return nil, err
		}
		list = append(list, FromResource(n))
	}
	return threads(visible(actor, list)), nil
}

// visible keeps what colleagues write from patients, also when the policy let it through.
func visible(actor *record.Actor, list []Message) []Message {
	if actor.Principal().Role != trust.Patient {
		return list
	}
	out := list[:0]
	for _, m := range list {
		if !m.Staff {
			out = append(out, m)
		}
	}
	return out
}

// Send sends a message, or answers a conversation when the draft names one. Each member of
// staff it goes to gets a task; the sender's own tasks about the conversation end.
func Send(ctx context.Context, actor *record.Actor, d Draft) (record.Result, error) {
	me := actor.Principal().Reference()
	if me == "" {
		return record.Result{}, fault.New(fault.Forbidden, "Your account is linked to nobody in the clinic, so that it cannot send messages. An administrator can link it.")
	}
	var thread Thread
	if d.Thread != "" {
		var err error
		if thread, err = Find(ctx, actor, d.Thread); err != nil {
			return record.Result{}, err
		}
		d.Patient, d.Staff, d.Private, d.Thread = thread.Patient, thread.Staff, thread.Private, thread.ID
		if d.Subject == "" {
			d.Subject = thread.Subject
		}
		if len(d.To) == 0 {
			d.To = thread.others(me)
		}
	}
	if err := d.check(actor); err != nil {
		return record.Result{}, err
	}
	now := actor.Now()
	m := Message{ID: ident.New(now), Thread: d.Thread, Patient: d.Patient, Sender: me, To: d.To,
		Subject: strings.TrimSpace(d.Subject), Text: strings.TrimSpace(d.Text), Staff: d.Staff, Private: d.Private, Visit: d.Visit && !d.Staff, Sent: now}
	if actor.Principal().Proxy != nil {
		m.By = actor.Principal().Name
	}
	c := record.Change{Put: []record.Put{{Resource: m.Resource(), Create: true}}, What: "send message", Key: d.Key}
	c.Put = append(c.Put, tasks(actor, m)...)
	ended, err := ends(ctx, actor, thread)
	if err != nil {
		return record.Result{}, err
	}
	c.Put = append(c.Put, ended...)
	return actor.Commit(ctx, c)
}

func (d Draft) check(actor *record.Actor) error {
	text := strings.TrimSpace(d.Text)
	switch {
	case text == "":
		return fault.New(fault.Invalid, "The message is empty. Type what you want to say.").At("Communication.payload")
	case len(text) > MaxText:
		return fault.New(fault.TooLarge, "The message is longer than %d characters. Send it in parts.", MaxText)
	case d.Patient == "":
		return fault.New(fault.Invalid, "Say which patient the message is about.").At("Communication.subject")
	case len(d.To) == 0:
		return fault.New(fault.Invalid, "Choose who gets the message.").At("Communication.recipient")
	}
	if actor.Principal().Role == trust.Patient && d.Staff {
		return fault.New(fault.Forbidden, "Patients write to the clinic, not among colleagues.")
	}
	for _, to := range d.To {
		if strings.HasPrefix(to, "Patient/") && (d.Staff || to != "Patient/"+d.Patient) {
			return fault.New(fault.Invalid, "This message would reach a patient it is not meant for.").At("Communication.recipient")
		}
	}
	return nil
}

// tasks asks each member of staff who gets the message to answer it.
func tasks(actor *record.Actor, m Message) []record.Put {
	var out []record.Put
	line := m.Subject
	if line == "" {
		line = firstWords(m.Text)
	}
	for _, to := range m.To {
		if id, ok := strings.CutPrefix(to, "Practitioner/"); ok {
			out = append(out, task.New(actor, task.Task{Kind: task.AnswerMessage, Patient: m.Patient, Owner: id,
				Requester: m.Sender, Focus: "Communication/" + m.ID, Text: line, Authored: m.Sent}))
		}
	}
	return out
}

// firstWords is the beginning of a text, for one line.
func firstWords(s string) string {
	return fault.Clip(strings.Join(strings.Fields(s), " "), 80)
}

// ends completes the actor's open tasks about a conversation.
func ends(ctx context.Context, actor *record.Actor, t Thread) ([]record.Put, error) {
	mine := actor.Principal().Practitioner
	if mine == "" || t.ID == "" {
		return nil, nil
	}
	open, err := task.About(ctx, actor, t.Patient)
	if err != nil {
		return nil, err
	}
	var out []record.Put
	for _, k := range open {
		if k.Kind != task.AnswerMessage || k.Owner != mine || !t.holds(k.FocusID("Communication")) {
			continue
		}
		p, err := task.Done(ctx, actor, k.ID, "Answered.")
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (t Thread) holds(id string) bool {
	for _, m := range t.Messages {
		if m.ID == id {
			return true
		}
	}
	return false
}

// MarkRead notes that the actor has read a conversation. Messages that were read before
// stay as they are.
func MarkRead(ctx context.Context, actor *record.Actor, t Thread) error {
	me := actor.Principal().Reference()
	var c record.Change
	for _, m := range t.Messages {
		if !m.UnreadBy(me) {
			continue
		}
		r, err := actor.Read(ctx, "Communication", m.ID)
		if err != nil {
			return err
		}
		r.Set("received", fhir.Str(actor.Now().UTC().Format(time.RFC3339)))
		c.Put = append(c.Put, record.Put{Resource: r, IfMatch: FromResource(r).Version})
	}
	if len(c.Put) == 0 {
		return nil
	}
	c.What = "read message"
	_, err := actor.Commit(ctx, c)
	return err
}
