package patient

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Related is a person who acts for a patient: a parent, a guardian, a carer.
type Related struct {
	Patient string
	Name    string
	Kind    string // parent, guardian, carer
	Until   time.Time
	Waits   bool // not active before Act: somebody else has to confirm it
}

// relations are the codes of HL7 v3 RoleCode for who acts.
var relations = map[string][2]string{"parent": {"PRN", "parent"}, "guardian": {"GUARD", "guardian"}, "carer": {"CAREGIVER", "carer"}}

// Relate adds a RelatedPerson to a patient's record and returns its id.
func Relate(ctx context.Context, actor *record.Actor, p Related) (id string, result record.Result, err error) {
	name, relation := strings.TrimSpace(p.Name), relations[p.Kind]
	switch {
	case name == "" || len(name) > 200:
		return "", result, fault.New(fault.Invalid, "Write the name of the person.").At("name")
	case relation[0] == "":
		return "", result, fault.New(fault.Invalid, "Choose whether the person is a parent, a guardian or a carer.").At("kind")
	}
	r := fhir.New("RelatedPerson")
	r.Set("active", fhir.Bool(!p.Waits))
	r.Set("patient", fhir.Obj("reference", "Patient/"+p.Patient))
	r.Set("relationship", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code", relation[0])), "text", relation[1])))
	r.Set("name", fhir.Arr(fhir.Obj("text", name)))
	period := fhir.Obj("start", actor.Now().UTC().Format(time.DateOnly))
	if !p.Until.IsZero() {
		period.Set("end", fhir.Str(p.Until.UTC().Format(time.DateOnly)))
	}
	r.Set("period", period)
	result, err = actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: r}}, What: "add a person who acts for the patient"})
	if err != nil {
		return "", result, err
	}
	return result.Versions[0].ID, result, nil
}

// Act notes that a person who waited for it acts for the patient from now on.
func Act(ctx context.Context, actor *record.Actor, id string) error {
	r, err := actor.Read(ctx, "RelatedPerson", id)
	if err != nil {
		return err
	}
	period := r.Get("period")
	if period == nil {
		period = fhir.Obj()
	}
	period.Set("start", fhir.Str(actor.Now().UTC().Format(time.DateOnly)))
	r.Set("active", fhir.Bool(true))
	r.Set("period", period)
	_, err = actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: r}}, What: "a person’s acting for the patient is confirmed"})
	return err
}

// Unrelate notes that a person does not act for the patient any more.
func Unrelate(ctx context.Context, actor *record.Actor, id string) error {
	r, err := actor.Read(ctx, "RelatedPerson", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	period := r.Get("period")
	if period == nil {
		period = fhir.Obj()
	}
	period.Set("end", fhir.Str(actor.Now().UTC().Format(time.DateOnly)))
	r.Set("active", fhir.Bool(false))
	r.Set("period", period)
	_, err = actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: r}}, What: "end of a person’s acting for the patient"})
	return err
}
