// Package message keeps the letters of the house: messages between a patient and the
// clinic, and messages among colleagues about a patient, which the patient does not see.
//
// A thread is a first Communication and those that are part of it. A message to a member
// of staff makes a task in that person's inbox; an answer ends it. Notifications and
// e-mail live elsewhere.
package message

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// System is the code system of message categories.
const System = "urn:osler:message"

// byURL is the extension of a sender that says who wrote for the patient.
const byURL = "urn:osler:message-by"

// aboutSystem and aboutVisit are the coding, beside that of the kind, of a message that asks for a visit.
const (
	aboutSystem = "urn:osler:message-about"
	aboutVisit  = "visit"
)

// The categories.
const (
	patientMessage = "patient-message"
	staffMessage   = "staff-message"
	// private stands beside patientMessage: who acts for the patient and sees only a part of the
	// record does not read it (trust/policy).
	private = "private"
)

// notLetters are the Communications that are steps of what a patient asks about the record
// (practice/rights), which have their own pages: every kind of them.
const notLetters = policy.RightSystem + "|"

// Message is one Communication.
type Message struct {
	ID       string
	Version  int64
	Thread   string // id of the first message; its own id when it is the first
	Patient  string // id of the Patient whom it is about
	Sender   string // reference: "Patient/…", "Practitioner/…"
	By       string // name of who wrote it for the patient; "" for the sender in person
	To       []string
	Subject  string
	Text     string
	Staff    bool // among colleagues: hidden from the patient
	Private  bool // hidden from who acts for the patient and sees only a part of the record
	Visit    bool // asks for a visit
	Sent     time.Time
	Received time.Time // when the recipient read it; zero: not yet
}

// FromPatient reports whether the patient wrote it.
func (m Message) FromPatient() bool { return strings.HasPrefix(m.Sender, "Patient/") }

// UnreadBy reports whether the message waits for this reader.
func (m Message) UnreadBy(ref string) bool {
	return m.Received.IsZero() && slices.Contains(m.To, ref)
}

// Thread is a conversation, oldest message first.
type Thread struct {
	ID       string
	Patient  string
	Subject  string
	Staff    bool
	Private  bool
	Messages []Message
}

// Last is the newest message.
func (t Thread) Last() Message { return t.Messages[len(t.Messages)-1] }

// UnreadBy counts the messages that wait for a reader.
func (t Thread) UnreadBy(ref string) int {
	n := 0
	for _, m := range t.Messages {
		if m.UnreadBy(ref) {
			n++
		}
	}
	return n
}

// others are all who take part in the thread but one, in order of appearance.
func (t Thread) others(me string) []string {
	var out []string
	add := func(ref string) {
		if ref != "" && ref != me && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	for _, m := range slices.Backward(t.Messages) {
		add(m.Sender)
		for _, to := range m.To {
			add(to)
		}
	}
	return out
}

// FromResource reads a Communication.
func FromResource(r *fhir.Node) Message {
	m := Message{
		ID: r.ID(), Thread: r.ID(),
		Patient: strings.TrimPrefix(r.Path("subject.reference").Text(), "Patient/"),
		Sender:  r.Path("sender.reference").Text(),
		Subject: r.Path("topic.text").Text(),
	}
	if first, ok := strings.CutPrefix(r.Get("partOf").At(0).Get("reference").Text(), "Communication/"); ok {
		m.Thread = first
	}
	for to := range r.Get("recipient").Items() {
		m.To = append(m.To, to.Get("reference").Text())
	}
	var texts []string
	for p := range r.Get("payload").Items() {
		if s := p.Get("contentString").Text(); s != "" {
			texts = append(texts, s)
		}
	}
	m.Text = strings.Join(texts, "\n\n")
	for c := range r.Get("category").Items() {
		for k := range c.Get("coding").Items() {
			m.Visit = m.Visit || k.Get("system").Text() == aboutSystem && k.Get("code").Text() == aboutVisit
			if k.Get("system").Text() == System {
				m.Staff = m.Staff || k.Get("code").Text() == staffMessage
				m.Private = m.Private || k.Get("code").Text() == private
			}
		}
	}
	for x := range r.Get("sender").Get("extension").Items() {
		if x.Get("url").Text() == byURL && m.FromPatient() {
			m.By = x.Get("valueString").Text()
		}
	}
	m.Version, _ = strconv.ParseInt(r.Path("meta.versionId").Text(), 10, 64)
	m.Sent, _ = time.Parse(time.RFC3339, r.Get("sent").Text())
	m.Received, _ = time.Parse(time.RFC3339, r.Get("received").Text())
	return m
}

// Resource returns the message as a new Communication.
func (m Message) Resource() *fhir.Node {
	category, display := patientMessage, "Message between patient and clinic"
	if m.Staff {
		category, display = staffMessage, "Message among colleagues"
	}
	r := fhir.New("Communication")
	r.SetID(m.ID)
	if m.Thread != "" && m.Thread != m.ID {
		r.Set("partOf", fhir.Arr(fhir.Obj("reference", "Communication/"+m.Thread)))
	}
	r.Set("status", fhir.Str("completed"))
	codings := fhir.Arr(fhir.Obj("system", System, "code", category, "display", display))
	if m.Private {
		codings.Append(fhir.Obj("system", System, "code", private, "display", "Not for who sees a part of the record"))
	}
	if m.Visit {
		codings.Append(fhir.Obj("system", aboutSystem, "code", aboutVisit, "display", "Asks for a visit"))
	}
	r.Set("category", fhir.Arr(fhir.Obj("coding", codings)))
	r.Set("subject", fhir.Obj("reference", "Patient/"+m.Patient))
	if m.Subject != "" {
		r.Set("topic", fhir.Obj("text", m.Subject))
	}
	r.Set("sent", fhir.Str(m.Sent.UTC().Format(time.RFC3339)))
	to := fhir.Arr()
	for _, ref := range m.To {
		to.Append(fhir.Obj("reference", ref))
	}
	if to.Len() > 0 {
		r.Set("recipient", to)
	}
	sender := fhir.Obj("reference", m.Sender)
	if m.By != "" {
		sender.Set("extension", fhir.Arr(fhir.Obj("url", byURL, "valueString", m.By)))
	}
	r.Set("sender", sender)
	r.Set("payload", fhir.Arr(fhir.Obj("contentString", m.Text)))
	return r
}

// threads groups messages; threads with the newest message come first.
func threads(messages []Message) []Thread {
	byID := map[string]*Thread{}
	var order []string
	slices.SortStableFunc(messages, func(a, b Message) int { return a.Sent.Compare(b.Sent) })
	for _, m := range messages {
		t, ok := byID[m.Thread]
		if !ok {
			t = &Thread{ID: m.Thread, Patient: m.Patient, Subject: m.Subject, Staff: m.Staff, Private: m.Private}
			byID[m.Thread] = t
			order = append(order, m.Thread)
		}
		if t.Subject == "" {
			t.Subject = m.Subject
		}
		t.Staff, t.Private = t.Staff || m.Staff, t.Private || m.Private
		t.Messages = append(t.Messages, m)
	}
	out := make([]Thread, 0, len(order))
	for _, id := range order {
		out = append(out, *byID[id])
	}
	slices.SortStableFunc(out, func(a, b Thread) int { return b.Last().Sent.Compare(a.Last().Sent) })
	return out
}
