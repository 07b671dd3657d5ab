package document

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Registered is what became of a document whose patient was not known.
type Registered struct {
	Patient string
	Before  bool           // the same document is in the record already
	Stored  map[string]int // by resource type
	Left    int            // items that wait for a person
	Unread  []Unread
	Doubts  int // items and statements of the document that are not sure
}

// Register takes in a document of somebody who is not a patient yet: they are registered as the document has
// them, and all that is new is accepted. When somebody in the record may be the same person it is
// fault.Conflict, and nothing is written: a person decides that on the Documents page of the chart.
func Register(ctx context.Context, actor *record.Actor, body []byte) (Registered, error) {
	d, err := Read(body)
	if err != nil {
		return Registered{}, err
	}
	if patient, err := holder(ctx, actor, d, body); patient != "" || err != nil {
		return Registered{Patient: patient, Before: true}, err
	}
	if err := nobody(ctx, actor, d.Patient); err != nil {
		return Registered{}, err
	}
	who := d.Patient.Clone()
	who.Remove("id")
	who.Remove("meta")
	who.Set("meta", fhir.Obj("tag", fhir.Arr(policy.Imported.Tag((&Comparison{Document: d}).from(true)))))
	made, err := actor.Commit(ctx, record.Change{What: "register from a document of another system", Put: []record.Put{{Resource: who, Create: true}}})
	if err != nil {
		return Registered{}, err
	}
	out := Registered{Patient: made.Versions[0].ID, Stored: map[string]int{"Patient": 1}, Unread: d.Missed(), Doubts: len(d.Doubts)}
	for _, i := range d.Items {
		if len(i.Doubts) > 0 {
			out.Doubts++
		}
	}
	up := Upload{Patient: out.Patient, Body: body, Read: d}
	_, a, _, err := Take(ctx, actor, up)
	if err != nil { // nobody is left registered by a document that was not taken in
		_, failed := actor.Commit(context.WithoutCancel(ctx), record.Change{What: "take back a registration", Delete: []record.Delete{{Type: "Patient", ID: out.Patient}}})
		return Registered{}, errors.Join(err, failed)
	}
	for {
		for _, v := range a.Result.Versions {
			if v.Version == 1 { // the task is written with each step
				out.Stored[v.Type]++
			}
		}
		out.Left = a.Left
		if !a.More {
			return out, nil
		}
		if _, a, _, err = Take(ctx, actor, up); err != nil {
			return out, err // what is there stays: the document is filed, and the rest waits on its task
		}
	}
}

// holder returns the patient in whose chart the very same document is, when they are its person; "" when it is in
// none. A number alone tells nothing: another clinic's may be the same, and anybody can write one.
func holder(ctx context.Context, actor *record.Actor, d *Document, body []byte) (string, error) {
	for n, err := range actor.FindEach(ctx, "DocumentReference", "identifier="+url.QueryEscape(contentSystem+"|"+hashOf(body))) {
		if err != nil {
			return "", err
		}
		patient, is := strings.CutPrefix(n.Path("subject.reference").Text(), "Patient/")
		if !is || n.Get("status").Text() == "entered-in-error" || sentByPatient(n) || !holds(ctx, actor, patient, n.ID(), body) {
			continue
		}
		who, err := actor.Read(ctx, "Patient", patient)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			continue
		}
		if err != nil {
			return "", err
		}
		if c := (&Comparison{Person: traits(chart.PatientFrom(who), who, d.Patient)}); !c.Blocks() {
			return patient, nil
		}
	}
	return "", nil
}

// nobody refuses when somebody in the record may be the person: by a number, or by family name and birth date.
func nobody(ctx context.Context, actor *record.Actor, who *fhir.Node) error {
	var queries []string
	for i := range who.Get("identifier").Items() {
		if v := i.Get("value").Text(); v != "" && i.Get("system").Text() != "" {
			queries = append(queries, "identifier="+url.QueryEscape(i.Get("system").Text()+"|"+v))
		}
	}
	family, born := "", who.Get("birthDate").Text()
	for n := range who.Get("name").Items() {
		if family == "" {
			family = n.Get("family").Text()
		}
	}
	if family == "" || len(born) < len("2006-01-02") {
		return fault.New(fault.Invalid, "The document does not say the patient's name and birth date. Register the patient, and import it on the Documents page of the chart.")
	}
	queries = append(queries, url.Values{"family": {strings.ReplaceAll(family, ",", `\,`)}, "birthdate": {born}}.Encode())
	for _, q := range queries {
		found, err := actor.Find(ctx, "Patient", q+"&_count=1")
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fault.New(fault.Conflict, "Somebody in the record may be the same person. Import the document on the Documents page of their chart, where each item is compared; or register them first when they are not.")
		}
	}
	return nil
}
