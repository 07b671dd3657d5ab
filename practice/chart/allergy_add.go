package chart

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/record"
)

// AllergyDraft is an allergy as a person enters it. Only Agent is required.
type AllergyDraft struct {
	Patient     string
	Agent       string
	Type        string // allergy (the default) or intolerance
	Reaction    string
	Severity    string // mild, moderate, severe; "" takes what such a reaction usually is
	Criticality string // low, high, unable-to-assess; "" follows from the reaction
	Encounter   string
	Key         string
}

// AddAllergy records an allergy. A statement "no known allergies" is ended by the same
// commit, since it is not true any more. An agent that is on the list already is
// fault.Conflict.
func AddAllergy(ctx context.Context, actor *record.Actor, d AllergyDraft) (Allergy, record.Result, error) {
	d.Agent = strings.Join(strings.Fields(d.Agent), " ")
	if err := d.check(); err != nil {
		return Allergy{}, record.Result{}, err
	}
	c, err := Read(ctx, actor, d.Patient, "AllergyIntolerance")
	if err != nil {
		return Allergy{}, record.Result{}, err
	}
	for _, a := range c.Allergies.Active {
		if strings.EqualFold(a.Agent, d.Agent) {
			return a, record.Result{}, fault.New(fault.Conflict, "This allergy is on the list already.").At("agent")
		}
	}
	n := d.resource(actor)
	change := record.Change{Put: []record.Put{{Resource: n, Create: true}}, What: "add allergy", Key: d.Key}
	if id := c.Allergies.NoneRef; id != "" {
		none, version, err := own(ctx, actor, d.Patient, "AllergyIntolerance", id)
		if err != nil {
			return Allergy{}, record.Result{}, err
		}
		none.Set("clinicalStatus", coded(allergyClinical, "inactive"))
		change.Put = append(change.Put, record.Put{Resource: none, IfMatch: version})
	}
	result, err := actor.Commit(ctx, change)
	return stored(n, result, allergyFrom), result, err
}

func (d AllergyDraft) check() error {
	in := func(s string, allowed ...string) bool {
		for _, a := range allowed {
			if s == a {
				return true
			}
		}
		return s == ""
	}
	switch {
	case d.Agent == "":
		return fault.New(fault.Invalid, "Write to what the patient is allergic.").At("agent")
	case strings.EqualFold(d.Agent, "no known allergies") || strings.EqualFold(d.Agent, "nkda") || strings.EqualFold(d.Agent, "none"):
		return fault.New(fault.Invalid, "Use “No known allergies” for this: it is kept apart from allergies.").At("agent")
	case !in(d.Type, "allergy", "intolerance"), !in(d.Severity, "mild", "moderate", "severe"), !in(d.Criticality, "low", "high", "unable-to-assess"):
		return fault.New(fault.Invalid, "Choose type, severity and criticality from the lists.").At("severity")
	}
	return nil
}

func (d AllergyDraft) resource(actor *record.Actor) *fhir.Node {
	agent, known := allergen.Find(d.Agent)
	for _, r := range allergen.Reactions() {
		if strings.EqualFold(r.Text, d.Reaction) {
			d.Severity = cmp.Or(d.Severity, r.Severity)
			if r.High {
				d.Criticality = cmp.Or(d.Criticality, "high")
			}
		}
	}
	if d.Criticality == "" {
		d.Criticality = map[string]string{"severe": "high", "mild": "low", "moderate": "low"}[d.Severity]
	}
	n := allergyResource(d.Patient, concept(RxNorm, agent.RxNorm, agent.Text, d.Agent), actor)
	n.Set("type", fhir.Str(cmp.Or(d.Type, "allergy")))
	if known {
		n.Set("category", fhir.Arr(string(agent.Category)))
	}
	if d.Criticality != "" {
		n.Set("criticality", fhir.Str(d.Criticality))
	}
	if d.Encounter != "" {
		n.Set("encounter", reference("Encounter/"+d.Encounter))
	}
	if d.Reaction != "" || d.Severity != "" {
		text := cmp.Or(d.Reaction, "reaction not described")
		n.Set("reaction", fhir.Arr(fhir.Obj("manifestation", fhir.Arr(fhir.Obj("text", text)), "severity", d.Severity)))
	}
	return n
}

func allergyResource(patient string, code *fhir.Node, actor *record.Actor) *fhir.Node {
	n := fhir.New("AllergyIntolerance")
	n.Set("clinicalStatus", coded(allergyClinical, "active"))
	n.Set("verificationStatus", coded(allergyVerification, "confirmed"))
	n.Set("code", code)
	n.Set("patient", reference("Patient/"+patient))
	n.Set("recordedDate", fhir.Str(actor.Now().Format(time.RFC3339)))
	n.Set("recorder", reference(actor.Principal().Reference()))
	return n
}

// StateNoAllergies records that the patient was asked and has no known allergies. It is
// fault.Conflict while an allergy is on the list.
func StateNoAllergies(ctx context.Context, actor *record.Actor, patient string) (record.Result, error) {
	c, err := Read(ctx, actor, patient, "AllergyIntolerance")
	if err != nil {
		return record.Result{}, err
	}
	switch c.Allergies.State {
	case HasAllergies:
		return record.Result{}, fault.New(fault.Conflict, "There are allergies on the list. Refute them first if they are wrong.")
	case NoneKnown: // asked again: the same statement with today's date
		n, version, err := own(ctx, actor, patient, "AllergyIntolerance", c.Allergies.NoneRef)
		if err != nil {
			return record.Result{}, err
		}
		n.Set("recordedDate", fhir.Str(actor.Now().Format(time.RFC3339)))
		n.Set("recorder", reference(actor.Principal().Reference()))
		return actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}, What: "no known allergies"})
	case Unavailable:
		return record.Result{}, fault.New(fault.Forbidden, "Your role may not see allergies, so it cannot state that there are none.")
	}
	n := allergyResource(patient, concept(SNOMED, NoKnownAllergy, "No known allergy", "No known allergies"), actor)
	return actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, Create: true}}, What: "no known allergies"})
}

// RefuteAllergy records that an allergy was looked into and does not exist. why is kept as
// a note; it may be empty.
func RefuteAllergy(ctx context.Context, actor *record.Actor, patient, id, why string) (Allergy, record.Result, error) {
	n, version, err := own(ctx, actor, patient, "AllergyIntolerance", id)
	if err != nil {
		return Allergy{}, record.Result{}, err
	}
	n.Set("verificationStatus", coded(allergyVerification, "refuted"))
	n.Set("clinicalStatus", coded(allergyClinical, "resolved"))
	if why = strings.TrimSpace(why); why != "" {
		notes := n.Get("note").Clone()
		if notes == nil {
			notes = fhir.Arr()
		}
		notes.Append(fhir.Obj("authorReference", reference(actor.Principal().Reference()), "time", actor.Now().Format(time.RFC3339), "text", why))
		n.Set("note", notes)
	}
	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}, What: "refute allergy"})
	return stored(n, result, allergyFrom), result, err
}
