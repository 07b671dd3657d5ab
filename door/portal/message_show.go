package portal

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
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/store"
)

// messagesView is the list of conversations.
type messagesView struct {
	Threads []message.Thread
	Me      string
	Of      string // name of the patient, when the reader is somebody else
	Team    team
}

// threadView is one conversation, or a new message when Thread is nil.
type threadView struct {
	Thread            *message.Thread
	Me, Of            string
	For               string // id of the patient whom the writer acts for
	Topic             string // what the page before was about, with its id; "" for nothing
	Team              team
	To, Subject, Text string
	MayKeep           bool // the writer sees the whole record
	InPerson          bool // the writer is the patient
	Private           bool // the writer keeps it from who sees a part of the record
	Options           []ui.Option
	Saved             ui.Saved
	Faults            ui.Faults
}

func messages(w http.ResponseWriter, r *web.Request) error {
	id, err := own(r)
	if err != nil {
		return err
	}
	v := messagesView{Me: "Patient/" + id, Of: actedFor(r)}
	if v.Threads, err = message.Threads(r.Context(), r.Actor, id); err != nil {
		return err
	}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Messages"), Active: "/portal/messages"}, messagesPage(v))
}

// messageShow opens a conversation and marks it as read, see reads.
func messageShow(w http.ResponseWriter, r *web.Request) error {
	v, err := readThread(r)
	if err != nil {
		return err
	}
	counts, err := reads(r)
	if err == nil && counts {
		err = message.MarkRead(r.Context(), r.Actor, *v.Thread)
	}
	if err != nil {
		return err
	}
	return showThread(w, r, v)
}

func readThread(r *web.Request) (threadView, error) {
	id, err := own(r)
	if err != nil {
		return threadView{}, err
	}
	t, err := message.Find(r.Context(), r.Actor, r.PathValue("thread"))
	if fault.Is(err, fault.NotFound) || err == nil && t.Patient != id {
		return threadView{}, fault.New(fault.NotFound, "There is no such message in your record.")
	}
	if err != nil {
		return threadView{}, err
	}
	v := threadView{Thread: &t, Me: "Patient/" + id, Of: actedFor(r), For: r.PathValue("person")}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return v, err
	}
	return v, v.draft(r)
}

// draftKey names what was typed and not sent.
func (v threadView) draftKey() string {
	if v.Thread != nil {
		return "portal/reply/" + v.Thread.ID
	}
	key := "portal/message"
	if v.For != "" {
		key += "/" + v.For
	}
	if v.Topic != "" {
		key += "/" + v.Topic
	}
	return key
}

// draft fills in what was typed and not sent.
func (v *threadView) draft(r *web.Request) error {
	d, saved, fields, err := web.Typed(r, v.draftKey())
	if err != nil {
		return err
	}
	if v.Saved = saved; d.Version == 0 {
		return nil
	}
	v.Text = fields["text"]
	if v.Thread == nil {
		v.Subject, v.To, v.Private = fields["subject"], fields["to"], fields["private"] != ""
	}
	return nil
}

// isKept reports whether who sees only a part of the record does not read the message whatever the writer
// says: what the patient writes in person, and what is about who sees the record.
func (v threadView) isKept() bool { return v.InPerson || v.aboutAccess() }

// aboutAccess reports whether the message is about who sees the record, which who sees only a
// part of it never reads.
func (v threadView) aboutAccess() bool {
	topic, _, _ := strings.Cut(v.Topic, "/")
	return topic == "access" || topic == "privacy"
}

// mayKeep reports whether the writer sees messages that are kept from who sees a part of the record.
func mayKeep(r *web.Request) bool {
	p := r.Principal().Proxy
	return p == nil || p.Level == "full"
}

func showThread(w http.ResponseWriter, r *web.Request, v threadView) error {
	p := ui.Page{Title: r.Lang.T("Message"), Active: "/portal/messages"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, threadPage(v))
	}
	return web.Page(w, r, p, threadPage(v))
}

// messageNew shows an empty message, or one that starts with what it is about.
func messageNew(w http.ResponseWriter, r *web.Request) error {
	v, err := newMessage(r)
	if err != nil {
		return err
	}
	if topic := r.FormValue("topic"); topic != "" {
		v.Topic = topic + "/" + cmp.Or(r.FormValue("id"), r.FormValue("line"))
		if err := v.prefill(r); err != nil {
			return err
		}
	}
	if err := v.draft(r); err != nil { // what was typed goes before what we would suggest
		return err
	}
	if v.To == "" && len(v.Options) > 0 {
		v.To = v.Options[0].Value
	}
	return showThread(w, r, v)
}

func newMessage(r *web.Request) (threadView, error) {
	c, err := read(r, "Patient")
	if err != nil {
		return threadView{}, err
	}
	v := threadView{Me: "Patient/" + c.Patient.ID, For: r.PathValue("person"), MayKeep: mayKeep(r), InPerson: r.Principal().Proxy == nil}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return v, err
	}
	v.Options = v.Team.options(pageContext(r), c.Patient.Physician)
	return v, nil
}

// toFill is, by topic, what a message starts with that the writer is to go on with.
var toFill = map[string]string{
	"book":    "I would like to see: \nBecause of: \nDays and times that suit me: ",
	"move":    "Days and times that suit me: ",
	"allergy": "What is wrong or missing: ",
	"vaccine": "What is wrong or missing: ",
	"privacy": "What happened: \nWhat I would like the clinic to do: ",
}

// unfilled says what is missing of a message that was begun for the writer; "" for nothing.
func (v threadView) unfilled(r *web.Request) string {
	topic, _, _ := strings.Cut(v.Topic, "/")
	if toFill[topic] == "" {
		return ""
	}
	begun := trimmed(r.Lang.T(toFill[topic]))
	lines := trimmed(v.Text)
	if !slices.ContainsFunc(lines, func(l string) bool { return l != "" && !slices.Contains(begun, l) }) {
		return r.Lang.T("Fill in what you want to tell us.")
	}
	if topic != "book" {
		return ""
	}
	why := slices.Index(lines, begun[1])
	if why >= 0 && (why+1 == len(lines) || lines[why+1] == "" || strings.HasPrefix(lines[why+1], begun[2])) {
		return r.Lang.T("Write what the visit is for.")
	}
	return ""
}

func trimmed(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// prefill starts the message with what the page before was about. Everything is looked up
// in the own record: an id of somebody else's finds nothing.
func (v *threadView) prefill(r *web.Request) error {
	t := r.Lang.T
	switch topic := r.FormValue("topic"); topic {
	case "book":
		v.Subject, v.Text = t("I would like a visit"), t(toFill[topic])
	case "allergy":
		v.Subject, v.Text = t("My allergies need a correction"), t(toFill[topic])
	case "vaccine":
		v.Subject, v.Text = t("My vaccines need a correction"), t(toFill[topic])
	case "problem":
		c, err := read(r, "Patient", "Condition")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(c.Problems, func(p chart.Problem) bool { return p.ID == r.FormValue("id") })
		if i < 0 {
			return fault.New(fault.NotFound, "There is no such entry in your record.")
		}
		v.Subject, v.Text = t("Something in my record is wrong"), t("In my record stands: %s\nWhat is wrong: ", c.Problems[i].Text)
	case "move", "cancel":
		return v.prefillVisit(r, topic)
	case "visit":
		c, err := read(r, "Patient", "Encounter")
		if err != nil {
			return err
		}
		visit, ok := c.Visit(r.FormValue("id"))
		if !ok {
			return fault.New(fault.NotFound, "There is no such visit in your record.")
		}
		v.Subject = t("Question about my visit of %s", ui.DateText(pageContext(r), visit.Start))
	case "privacy":
		v.Subject, v.Text = t("A complaint about the privacy of my record"), t(toFill[topic])
	case "access":
		return v.prefillAccess(r)
	}
	return nil
}

func (v *threadView) prefillVisit(r *web.Request, topic string) error {
	c, err := read(r, "Patient", "Appointment")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Appointments, func(a chart.Appointment) bool { return a.ID == r.FormValue("id") })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no such visit in your record.")
	}
	if a := c.Appointments[i]; a.Here() || a.Done() {
		return fault.New(fault.Conflict, "You are checked in for this visit. Speak to the front desk.")
	}
	when := ui.DateTimeText(pageContext(r), c.Appointments[i].Start)
	if topic == "cancel" {
		v.Subject, v.Text = r.Lang.T("I cannot come on %s", when), r.Lang.T("Please cancel my visit of %s.", when)
	} else {
		v.Subject, v.Text = r.Lang.T("Another time for my visit of %s", when), r.Lang.T(toFill[topic])
	}
	return nil
}

// prefillAccess asks about a line of the access log.
func (v *threadView) prefillAccess(r *web.Request) error {
	if err := mayAskWho(r); err != nil {
		return err
	}
	line, err := strconv.ParseInt(r.FormValue("line"), 10, 64)
	if err != nil {
		return fault.New(fault.NotFound, "There is no such line in the list.")
	}
	found, err := r.Actor.LookedAndExported(r.Context(), store.LeafFilter{Patient: r.Principal().Patient, Before: line + 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].Index != line {
		return fault.New(fault.NotFound, "There is no such line in the list.")
	}
	v.Subject = r.Lang.T("Who is this person who looked at my record?")
	l, when := found[0].Leaf, ui.DateTimeText(pageContext(r), found[0].Leaf.Time.Format(time.RFC3339))
	if l.Client != "" {
		v.Subject = r.Lang.T("Which program is this that looked at my record?")
		v.Text = r.Lang.T("The program %s looked at my record on %s (line %d of the log). I do not know it. Please check why.",
			logReaderOf(r, r.Principal().Patient).name(l), when, line)
		return nil
	}
	v.Text = r.Lang.T("%s looked at my record on %s (line %d of the log). I do not know this person. Please check why.", l.Name, when, line)
	return nil
}

// messageSend sends a new message.
func messageSend(w http.ResponseWriter, r *web.Request) error {
	v, err := newMessage(r)
	if err != nil {
		return err
	}
	v.Topic = r.FormValue("topic")
	if err := v.draft(r); err != nil {
		return err
	}
	v.To, v.Subject, v.Text, v.Private = r.FormValue("to"), r.FormValue("subject"), r.FormValue("text"), r.FormValue("private") != ""
	if !slices.ContainsFunc(v.Options, func(o ui.Option) bool { return o.Value == v.To }) {
		v.Faults.Add("to", r.Lang.T("Choose who gets the message."))
		return showThread(w, r, v)
	}
	if missing := v.unfilled(r); missing != "" {
		v.Faults.Add("text", missing)
		return showThread(w, r, v)
	}
	_, err = message.Send(r.Context(), r.Actor, message.Draft{Visit: strings.HasPrefix(v.Topic, "book/"), Patient: r.Principal().Patient, To: []string{"Practitioner/" + v.To},
		Subject: strings.TrimSpace(v.Subject), Text: signed(r, v.Text), Private: v.MayKeep && (v.Private || v.aboutAccess()), Key: formKey(r)})
	return v.sent(w, r, err)
}

// messageReply answers in a conversation.
func messageReply(w http.ResponseWriter, r *web.Request) error {
	v, err := readThread(r)
	if err != nil {
		return err
	}
	v.Text = r.FormValue("text")
	_, err = message.Send(r.Context(), r.Actor, message.Draft{Thread: v.Thread.ID, Text: signed(r, v.Text), Key: formKey(r)})
	return v.sent(w, r, err)
}

// sent ends a form: the list again, or the form with what is wrong.
func (v threadView) sent(w http.ResponseWriter, r *web.Request, err error) error {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		v.Faults.Add("text", sentence(r, err))
		return showThread(w, r, v)
	}
	if err != nil {
		return err
	}
	if err := r.Actor.DropDraft(r.Context(), v.draftKey()); err != nil {
		return err
	}
	r.Say(r.Lang.T("Your message was sent."), "")
	if v.Thread != nil {
		return web.Redirect(w, r, "/portal/messages/"+v.Thread.ID)
	}
	return web.Redirect(w, r, "/portal/messages")
}
