// Package task keeps the clinic's work items: one FHIR Task is one line of somebody's
// inbox, with a patient, a reason, an owner and one thing to do.
//
// Other disciplines add a task to their own change with Put, so that a message and the
// request to answer it, or a renewal and the end of the request for it, are one commit:
//
//	done, err := task.Done(ctx, actor, id, "Renewed.")
//	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: request}, done}})
//
// The shape of the resource is in docs/reference/representation.md.
package task

import (
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// System is the code system of task kinds.
const System = "urn:osler:task"

// KnownSystem is the system of the identifier that says which state of its focus a task is about.
const KnownSystem = "urn:osler:known"

// Kind says what a task asks for.
type Kind string

// The kinds.
const (
	ReviewResult       Kind = "review-result"
	RefillRequest      Kind = "refill-request"
	AnswerMessage      Kind = "answer-message"
	PatientMeasurement Kind = "patient-measurement"
	SignNote           Kind = "sign-note"
	SignPrescription   Kind = "sign-prescription"
	DuplicatePatient   Kind = "duplicate-patient"
	FollowUp           Kind = "follow-up"
	ReviewDocument     Kind = "review-document" // of another clinic, see exchange/document
	RightsRequest      Kind = "rights-request"  // a correction or a restriction that a patient asks for
)

var names = map[Kind]string{
	ReviewResult: "Review a result", RefillRequest: "Refill request", AnswerMessage: "Answer a message",
	PatientMeasurement: "Measured by the patient", SignNote: "Sign a note", SignPrescription: "Sign a prescription",
	DuplicatePatient: "Possible duplicate", FollowUp: "Follow up",
	ReviewDocument: "Document to review", RightsRequest: "Request about the record",
}

// Name is the kind in words.
func (k Kind) Name() string {
	if n, ok := names[k]; ok {
		return n
	}
	return string(k)
}

// Task is one work item.
type Task struct {
	ID        string
	Version   int64
	Kind      Kind
	Status    string   // requested, in-progress, completed, rejected, …
	Patient   string   // id of the Patient; "" for none
	Owner     string   // id of the Practitioner; "" for the whole team
	Requester string   // reference, "Patient/…"
	Focus     string   // reference of what it is about
	Part      string   // id of the Task that it answers; who sees this one need not see that one
	Order     string   // reference of the ServiceRequest that it follows from; "" for none
	Known     string   // the state of the focus that it is about, see package result; "" when nobody said
	Text      string   // short, for the line
	Told      []string // references of the entries, beside Focus, of which Text tells: it is as sensitive as they are
	Priority  string   // routine, urgent, stat
	Authored  time.Time
	Outcome   string // what was done, or why it was rejected
}

// Open reports whether the task still waits for somebody.
func (t Task) Open() bool { return t.Status == "requested" || t.Status == "in-progress" }

// FocusID is the id behind the focus when it is of a resource type, else "".
func (t Task) FocusID(resourceType string) string {
	id, ok := strings.CutPrefix(t.Focus, resourceType+"/")
	if !ok {
		return ""
	}
	return id
}

// FromResource reads a Task. Times that cannot be read are zero.
func FromResource(r *fhir.Node) Task {
	t := Task{
		ID: r.ID(), Status: r.Get("status").Text(),
		Patient:   idOf(r.Path("for.reference"), "Patient"),
		Owner:     idOf(r.Path("owner.reference"), "Practitioner"),
		Requester: r.Path("requester.reference").Text(),
		Focus:     r.Path("focus.reference").Text(),
		Part:      idOf(r.Path("partOf.0.reference"), "Task"),
		Order:     r.Path("basedOn.0.reference").Text(),
		Text:      r.Get("description").Text(),
		Priority:  r.Get("priority").Text(),
		Outcome:   r.Path("statusReason.text").Text(),
	}
	for c := range r.Path("code.coding").Items() {
		if c.Get("system").Text() == System {
			t.Kind = Kind(c.Get("code").Text())
		}
	}
	for i := range r.Get("identifier").Items() {
		if i.Get("system").Text() == KnownSystem {
			t.Known = i.Get("value").Text()
		}
	}
	for i := range r.Get("input").Items() {
		if ref := i.Path("valueReference.reference").Text(); ref != "" {
			t.Told = append(t.Told, ref)
		}
	}
	t.Version, _ = strconv.ParseInt(r.Path("meta.versionId").Text(), 10, 64)
	t.Authored, _ = time.Parse(time.RFC3339, r.Get("authoredOn").Text())
	if t.Priority == "" {
		t.Priority = "routine"
	}
	return t
}

// Resource returns the task as a FHIR Task. It is for new tasks: changes start from the
// stored resource, so that members which Osler does not know are kept.
func (t Task) Resource() *fhir.Node {
	r := fhir.New("Task")
	if t.ID != "" {
		r.SetID(t.ID)
	}
	if t.Known != "" {
		r.Set("identifier", fhir.Arr(fhir.Obj("system", KnownSystem, "value", t.Known)))
	}
	if t.Order != "" {
		r.Set("basedOn", fhir.Arr(reference(t.Order)))
	}
	r.Set("status", text(t.Status))
	r.Set("intent", fhir.Str("order"))
	r.Set("priority", text(t.Priority))
	r.Set("code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", System, "code", string(t.Kind), "display", t.Kind.Name())), "text", t.Kind.Name()))
	r.Set("description", text(t.Text))
	r.Set("focus", reference(t.Focus))
	if t.Part != "" {
		r.Set("partOf", fhir.Arr(referenceTo("Task", t.Part)))
	}
	r.Set("for", referenceTo("Patient", t.Patient))
	if !t.Authored.IsZero() {
		r.Set("authoredOn", fhir.Str(t.Authored.UTC().Format(time.RFC3339)))
	}
	r.Set("requester", reference(t.Requester))
	r.Set("owner", referenceTo("Practitioner", t.Owner))
	r.Set("input", told(t.Told))
	return r
}

func told(refs []string) *fhir.Node {
	if len(refs) == 0 {
		return nil
	}
	list := fhir.Arr()
	for _, ref := range refs {
		list.Append(fhir.Obj("type", fhir.Obj("text", "told of in the description"), "valueReference", reference(ref)))
	}
	return list
}

func text(s string) *fhir.Node {
	if s == "" {
		return nil
	}
	return fhir.Str(s)
}

func reference(ref string) *fhir.Node {
	if ref == "" {
		return nil
	}
	return fhir.Obj("reference", ref)
}

func referenceTo(resourceType, id string) *fhir.Node {
	if id == "" {
		return nil
	}
	return reference(resourceType + "/" + id)
}

func idOf(ref *fhir.Node, resourceType string) string {
	id, ok := strings.CutPrefix(ref.Text(), resourceType+"/")
	if !ok {
		return ""
	}
	return id
}
