// Package staff keeps who works in the clinic: a Practitioner with one PractitionerRole for
// each person. Who may sign in, and as what, is identity's; here are the persons behind the
// accounts, whom patients can be booked with and who sign.
//
//	result, err := staff.Hire(ctx, actor, staff.Person{Prefix: "Dr", Given: "Ana", Family: "Ruiz", Role: trust.Physician}, id)
package staff

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// Person is somebody who works in the clinic.
type Person struct {
	ID            string // of the Practitioner
	Prefix        string // "Dr"
	Given, Family string
	Qualification string // "MD, family medicine"
	Email         string
	Role          trust.Role
	Active        bool
}

// Name is the name as colleagues say it: Dr Ana Ruiz.
func (p Person) Name() string {
	return strings.Join(strings.Fields(p.Prefix+" "+p.Given+" "+p.Family), " ")
}

// Roles are the roles of staff, in the order of choice.
func Roles() []trust.Role {
	return []trust.Role{trust.Physician, trust.Nurse, trust.MedicalAssistant, trust.Pharmacist, trust.Laboratory,
		trust.FrontDesk, trust.Biller, trust.Records, trust.Administrator, trust.Auditor}
}

// Check returns what is missing, with the names of the form's fields.
func (p Person) Check() []fault.Issue {
	var out []fault.Issue
	bad := func(field, text string) {
		out = append(out, fault.Issue{Severity: "error", Type: "required", Expression: field, Text: text})
	}
	if strings.TrimSpace(p.Given) == "" {
		bad("given", "Type the given name.")
	}
	if strings.TrimSpace(p.Family) == "" {
		bad("family", "Type the family name.")
	}
	if !slices.Contains(Roles(), p.Role) {
		bad("role", "Choose what the person does in the clinic.")
	}
	return out
}

// Hire writes the Practitioner, under an id made by ident.New, and the PractitionerRole of a
// new person in one change.
func Hire(ctx context.Context, actor *record.Actor, p Person, id string) (record.Result, error) {
	if issues := p.Check(); len(issues) > 0 {
		return record.Result{}, fault.New(fault.Invalid, "Some fields need another look.").With(issues...)
	}
	name := fhir.Obj("use", "official", "text", p.Name(), "family", strings.TrimSpace(p.Family), "given", fhir.Arr(strings.TrimSpace(p.Given)))
	if p.Prefix != "" {
		name.Set("prefix", fhir.Arr(strings.TrimSpace(p.Prefix)))
	}
	who := fhir.New("Practitioner")
	who.SetID(id)
	who.Set("active", fhir.Bool(true))
	who.Set("name", fhir.Arr(name))
	if p.Email != "" {
		who.Set("telecom", fhir.Arr(fhir.Obj("system", "email", "value", p.Email, "use", "work")))
	}
	if p.Qualification != "" {
		who.Set("qualification", fhir.Arr(fhir.Obj("code", fhir.Obj("text", p.Qualification))))
	}
	role := fhir.New("PractitionerRole")
	role.Set("active", fhir.Bool(true))
	role.Set("practitioner", fhir.Obj("reference", "Practitioner/"+id, "display", p.Name()))
	role.Set("code", fhir.Arr(fhir.Obj("text", string(p.Role))))
	return actor.Commit(ctx, record.Change{What: "new member of staff",
		Put: []record.Put{{Resource: who, Create: true}, {Resource: role, Create: true}}})
}

// SetActive says whether a person works here: patients are booked with active people only.
// A person without a Practitioner is no error.
func SetActive(ctx context.Context, actor *record.Actor, practitioner string, active bool) error {
	if practitioner == "" {
		return nil
	}
	roles, err := actor.Find(ctx, "PractitionerRole", "practitioner=Practitioner/"+practitioner)
	if err != nil {
		return err
	}
	var change record.Change
	for _, r := range roles {
		if r.Get("active").True() != active {
			r.Set("active", fhir.Bool(active))
			change.Put = append(change.Put, record.Put{Resource: r})
		}
	}
	if len(change.Put) == 0 {
		return nil
	}
	change.What = map[bool]string{true: "works here again", false: "works here no more"}[active]
	_, err = actor.Commit(ctx, change)
	return err
}

// SetRole says what a person does here from now on. A person without a Practitioner is no error.
func SetRole(ctx context.Context, actor *record.Actor, practitioner string, role trust.Role) error {
	if practitioner == "" {
		return nil
	}
	if !slices.Contains(Roles(), role) {
		return fault.New(fault.Invalid, "There is no role %q for staff.", role)
	}
	roles, err := actor.Find(ctx, "PractitionerRole", "practitioner=Practitioner/"+practitioner)
	if err != nil {
		return err
	}
	change := record.Change{What: "another role"}
	for _, r := range roles {
		if r.Path("code.0.text").Text() != string(role) {
			r.Set("code", fhir.Arr(fhir.Obj("text", string(role))))
			change.Put = append(change.Put, record.Put{Resource: r})
		}
	}
	if len(change.Put) == 0 {
		return nil
	}
	_, err = actor.Commit(ctx, change)
	return err
}

// With returns the active people of a role, by name.
func With(ctx context.Context, actor *record.Actor, role trust.Role) ([]Person, error) {
	roles, err := actor.Find(ctx, "PractitionerRole", "active=true")
	if err != nil {
		return nil, err
	}
	var out []Person
	for _, r := range roles {
		if r.Path("code.0.text").Text() != string(role) {
			continue
		}
		who := r.Get("practitioner")
		out = append(out, Person{ID: strings.TrimPrefix(who.Get("reference").Text(), "Practitioner/"),
			Family: who.Get("display").Text(), Role: role, Active: true})
	}
	slices.SortFunc(out, func(a, b Person) int { return strings.Compare(a.Family, b.Family) })
	return out, nil
}
