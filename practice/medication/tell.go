package medication

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// AskRefill asks for more of a medicine, as the patient behind the actor. The request goes
// to who prescribed it, and names no medicine: it is read from the prescription, by those who
// may see it. A second request while one is open is fault.Conflict.
func AskRefill(ctx context.Context, actor *record.Actor, ref, key string) (record.Result, error) {
	patient := actor.Principal().Patient
	list, err := List(ctx, actor, patient)
	if err != nil {
		return record.Result{}, err
	}
	m, ok := list.Find(ref)
	if !ok || m.Stated || !m.Current(list.now) {
		return record.Result{}, fault.New(fault.NotFound, "This medicine is not on your list of today. Ask in a message instead.")
	}
	asked, err := Refills(ctx, actor, patient)
	if err != nil {
		return record.Result{}, err
	}
	if t, ok := asked[ref]; ok && t.Open() {
		return record.Result{}, fault.New(fault.Conflict, "You have asked for this refill already.")
	}
	t := task.Task{Kind: task.RefillRequest, Patient: patient, Focus: ref, Text: "Refill of a medicine; asked in the portal", Owner: fhir.IDIn(m.Requester, "Practitioner")}
	return actor.Commit(ctx, record.Change{What: "ask for refill", Key: key, Put: []record.Put{task.New(actor, t)}})
}

// Refills returns the newest refill request for each prescription, by its reference.
func Refills(ctx context.Context, actor *record.Actor, patient string) (map[string]task.Task, error) {
	out := map[string]task.Task{}
	for n, err := range actor.FindEach(ctx, "Task", "patient=Patient/"+patient+"&code="+task.System+"|"+string(task.RefillRequest)) {
		if err != nil {
			return nil, err
		}
		t := task.FromResource(n)
		if old, ok := out[t.Focus]; !ok || t.Authored.After(old.Authored) {
			out[t.Focus] = t
		}
	}
	return out, nil
}

// Behind reads the prescriptions that tasks are about, by the id of the task, as the actor may see
// them: of a task whose prescription is hidden, or gone, there is none.
func Behind(ctx context.Context, actor *record.Actor, tasks []task.Task) (map[string]Medicine, error) {
	var ids []string
	for _, t := range tasks {
		if id := t.FocusID("MedicationRequest"); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	found := map[string]Medicine{}
	for some := range slices.Chunk(ids, 50) {
		nodes, err := actor.Find(ctx, "MedicationRequest", "_id="+strings.Join(some, ",")+"&_count=1000")
		if fault.Is(err, fault.Forbidden) { // not every role that has work sees medicines
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		named, err := behind(ctx, actor, nodes)
		if err != nil {
			return nil, err
		}
		for _, n := range nodes {
			m := FromResource(n, named)
			found[m.Reference()] = m
		}
	}
	out := map[string]Medicine{}
	for _, t := range tasks {
		if m, ok := found[t.Focus]; ok && m.Patient == t.Patient {
			out[t.ID] = m
		}
	}
	return out, nil
}

// CancelRefill takes a refill request back while nobody works on it.
func CancelRefill(ctx context.Context, actor *record.Actor, taskID string) (record.Result, error) {
	n, err := actor.Read(ctx, "Task", taskID)
	if err != nil {
		return record.Result{}, err
	}
	t := task.FromResource(n)
	if t.Kind != task.RefillRequest || t.Status != "requested" {
		return record.Result{}, fault.New(fault.Conflict, "This request is worked on already. Send a message to stop it.")
	}
	n.Set("status", fhir.Str("cancelled"))
	return actor.Commit(ctx, record.Change{What: "cancel refill request", Put: []record.Put{{Resource: n, IfMatch: t.Version}}})
}

// Told is what a patient says about a medicine.
type Told string

// What patients tell.
const (
	Takes       Told = "takes" // also takes it
	SaysStopped Told = "stopped"
	Never       Told = "never"
	Misses      Told = "misses"
	Changed     Told = "changed"
)

// Statement is what a patient tells about a medicine on the list, or about another one.
type Statement struct {
	Ref   string // of the medicine on the list; "" for another one
	Name  string // of another one, as typed
	Told  Told
	Words string // how much and how often, or why
	Key   string
}

// MaxWords is the longest text of a Statement, in bytes.
const MaxWords = 1000

// Tell keeps what the patient behind the actor says about a medicine, next to the list and
// never in its place, and asks the prescriber or the own physician to look at it.
func Tell(ctx context.Context, actor *record.Actor, s Statement) (record.Result, error) {
	patient := actor.Principal().Patient
	n := fhir.New("MedicationStatement")
	id := ident.New(actor.Now())
	n.SetID(id)
	n.Set("meta", policy.Reported.Meta())
	status, phrase, ok := s.Told.meaning()
	switch {
	case patient == "":
		return record.Result{}, fault.New(fault.Forbidden, "Only patients tell what they take.")
	case !ok:
		return record.Result{}, fault.New(fault.Invalid, "Choose what is true for you.").At("told")
	case len(s.Words) > MaxWords || len(s.Name) > MaxWords:
		return record.Result{}, fault.New(fault.TooLarge, "This is too long. Tell us the rest in a message.").At("words")
	}
	n.Set("status", fhir.Str(status))
	owner, name := "", strings.TrimSpace(s.Name)
	if s.Ref != "" {
		list, err := List(ctx, actor, patient)
		if err != nil {
			return record.Result{}, err
		}
		m, ok := list.Find(s.Ref)
		if !ok {
			return record.Result{}, fault.New(fault.NotFound, "This medicine is not on your list.")
		}
		name, owner = m.Text, fhir.IDIn(m.Requester, "Practitioner")
		n.Set("medicationCodeableConcept", m.concept())
		n.Set("derivedFrom", fhir.Arr(fhir.Obj("reference", s.Ref)))
	} else {
		if name == "" {
			return record.Result{}, fault.New(fault.Invalid, "Write the name of the medicine.").At("name")
		}
		n.Set("medicationCodeableConcept", fhir.Obj("text", name))
	}
	self := fhir.Obj("reference", "Patient/"+patient)
	n.Set("subject", self)
	n.Set("dateAsserted", fhir.Str(actor.Now().Format(time.RFC3339)))
	n.Set("informationSource", self.Clone())
	words := strings.TrimSpace(s.Words)
	if words != "" {
		n.Set("note", fhir.Arr(fhir.Obj("text", words)))
	}
	if owner == "" {
		p, err := actor.Read(ctx, "Patient", patient)
		if err != nil {
			return record.Result{}, err
		}
		owner = fhir.IDIn(p.Get("generalPractitioner").At(0).Get("reference").Text(), "Practitioner")
	}
	line := "Patient " + phrase + " " + name
	if words != "" {
		line += ": " + words
	}
	t := task.Task{Kind: task.FollowUp, Patient: patient, Owner: owner, Focus: "MedicationStatement/" + id, Text: line}
	return actor.Commit(ctx, record.Change{What: "tell about medicine", Key: s.Key,
		Put: []record.Put{{Resource: n, Create: true}, task.New(actor, t)}})
}

func (t Told) meaning() (status, phrase string, ok bool) {
	switch t {
	case Takes:
		return "active", "also takes", true
	case SaysStopped:
		return "stopped", "says stopped:", true
	case Never:
		return "not-taken", "says never started:", true
	case Misses:
		return "active", "says misses doses of", true
	case Changed:
		return "active", "says takes more or less of", true
	}
	return "", "", false
}

// concept is the medicine as a CodeableConcept.
func (m Medicine) concept() *fhir.Node {
	out := fhir.Obj("text", m.Text)
	if len(m.Codings) == 0 {
		return out
	}
	list := fhir.Arr()
	for _, c := range m.Codings {
		coding := fhir.Obj("system", c.System, "code", c.Code)
		if c.Display != "" {
			coding.Set("display", fhir.Str(c.Display))
		}
		list.Append(coding)
	}
	out.Set("coding", list)
	return out
}
