package chart

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/record"
)

// ProblemDraft is a problem as a person enters it. Text is required; ICD picks an entry of
// the catalogue, whose words are used when Text is empty.
type ProblemDraft struct {
	Patient   string
	Text      string
	ICD       string
	Onset     string // FHIR date, also a year or month; "" is not recorded
	Encounter string // id of the visit in which it is added; "" outside a visit
	Key       string // makes a repeated submission harmless
}

// AddProblem puts a problem on the problem list. A problem that is active on the list
// already is fault.Conflict.
func AddProblem(ctx context.Context, actor *record.Actor, d ProblemDraft) (Problem, record.Result, error) {
	known := d.entry()
	if known.Text == "" {
		return Problem{}, record.Result{}, fault.New(fault.Invalid, "Write what the problem is.").At("text")
	}
	if known.Visit {
		return Problem{}, record.Result{}, fault.New(fault.Invalid, "%s is a reason for a visit, not a problem. Use it as a diagnosis of the visit.", known.Text).At("text")
	}
	if d.Onset != "" && (Moment(d.Onset).IsZero() || Moment(d.Onset).Year() < 1) {
		return Problem{}, record.Result{}, fault.New(fault.Invalid, "The start cannot be read as a date. Write a year (2019), a month (2019-03) or a day (2019-03-14).").At("onset")
	}
	if Moment(d.Onset).After(actor.Now()) {
		return Problem{}, record.Result{}, fault.New(fault.Invalid, "The start lies in the future. Correct the date.").At("onset")
	}
	c, err := Read(ctx, actor, d.Patient, "Condition")
	if err != nil {
		return Problem{}, record.Result{}, err
	}
	for _, p := range c.ActiveProblems() {
		if strings.EqualFold(p.Text, known.Text) || known.ICD != "" && p.ICD == known.ICD {
			return p, record.Result{}, fault.New(fault.Conflict, "This problem is on the list already.")
		}
	}
	n := conditionOf(known, d.Patient, "problem-list-item", actor)
	if d.Onset != "" {
		n.Set("onsetDateTime", fhir.Str(d.Onset))
	}
	if d.Encounter != "" {
		n.Set("encounter", reference("Encounter/"+d.Encounter))
	}
	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, Create: true}}, What: "add problem", Key: d.Key})
	return stored(n, result, problemFrom), result, err
}

func (d ProblemDraft) entry() problem.Problem {
	text := strings.Join(strings.Fields(d.Text), " ")
	known, ok := problem.ByICD(d.ICD)
	if !ok && d.ICD == "" {
		known, ok = problem.ByText(text)
	}
	if !ok {
		return problem.Problem{Text: text, ICD: d.ICD}
	}
	if text != "" {
		known.Text = text
	}
	return known
}

// Diagnosis makes the Condition of a visit's diagnosis, for practice/encounter to commit.
func Diagnosis(text, icd, patient, encounter string, actor *record.Actor) *fhir.Node {
	n := conditionOf(ProblemDraft{Text: text, ICD: icd}.entry(), patient, "encounter-diagnosis", actor)
	n.Set("encounter", reference("Encounter/"+encounter))
	return n
}

func conditionOf(known problem.Problem, patient, category string, actor *record.Actor) *fhir.Node {
	n := fhir.New("Condition")
	n.Set("clinicalStatus", coded(conditionClinical, "active"))
	n.Set("verificationStatus", coded(conditionVerification, "confirmed"))
	n.Set("category", fhir.Arr(coded(conditionCategory, category)))
	code := fhir.Obj("text", known.Text)
	codings := fhir.Arr()
	if known.ICD != "" {
		codings.Append(fhir.Obj("system", ICD10CM, "code", known.ICD, "display", known.Text))
	}
	if known.SNOMED != "" {
		codings.Append(fhir.Obj("system", SNOMED, "code", known.SNOMED, "display", known.Text))
	}
	if codings.Len() > 0 {
		code = fhir.Obj("coding", codings, "text", known.Text)
	}
	n.Set("code", code)
	n.Set("subject", reference("Patient/"+patient))
	n.Set("recordedDate", fhir.Str(actor.Now().Format(time.RFC3339)))
	n.Set("recorder", reference(actor.Principal().Reference()))
	return n
}

// ResolveProblem marks a problem as over today; reopen takes that back.
func ResolveProblem(ctx context.Context, actor *record.Actor, patient, id string, reopen bool) (Problem, record.Result, error) {
	return changeCondition(ctx, actor, patient, id, "resolve problem", func(n *fhir.Node) {
		notOver(n)
		if reopen {
			n.Set("clinicalStatus", coded(conditionClinical, "active"))
			return
		}
		n.Set("clinicalStatus", coded(conditionClinical, "resolved"))
		n.Set("abatementDateTime", fhir.Str(actor.Now().Format(time.DateOnly)))
	})
}

// MistakenProblem marks a problem as entered in error: it leaves every list, its history
// stays.
func MistakenProblem(ctx context.Context, actor *record.Actor, patient, id string) (Problem, record.Result, error) {
	return changeCondition(ctx, actor, patient, id, "problem entered in error", func(n *fhir.Node) {
		n.Set("verificationStatus", coded(conditionVerification, "entered-in-error"))
		n.Remove("clinicalStatus") // con-5; con-4 then forbids an end, too
		notOver(n)
	})
}

// notOver takes away when a condition ended, in whichever of the forms of FHIR an import
// gave it.
func notOver(n *fhir.Node) {
	for _, form := range []string{"DateTime", "Age", "Period", "Range", "String"} {
		n.Remove("abatement" + form)
		n.Remove("_abatement" + form)
	}
}

func changeCondition(ctx context.Context, actor *record.Actor, patient, id, what string, change func(*fhir.Node)) (Problem, record.Result, error) {
	n, version, err := own(ctx, actor, patient, "Condition", id)
	if err != nil {
		return Problem{}, record.Result{}, err
	}
	if code(n.Get("verificationStatus")) == "entered-in-error" {
		return Problem{}, record.Result{}, fault.New(fault.Conflict, "This entry was marked as a mistake and stays as it is. Add the problem again if the patient has it.")
	}
	change(n)
	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}, What: what})
	return stored(n, result, problemFrom), result, err
}

// own reads the current version of a resource of this patient, to be changed. A resource of
// another patient is fault.NotFound: a link from one chart never changes another.
func own(ctx context.Context, actor *record.Actor, patient, resourceType, id string) (*fhir.Node, int64, error) {
	v, err := actor.ReadVersion(ctx, resourceType, id, 0)
	if err != nil {
		return nil, 0, err
	}
	n, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, 0, err
	}
	ref := cmp.Or(n.Path("subject.reference").Text(), n.Path("patient.reference").Text())
	if !Points(ref, "Patient", patient) {
		return nil, 0, fault.New(fault.NotFound, "There is no such entry in this chart.")
	}
	return n, v.Version, nil
}

// stored reads what a commit made of a resource, with the id that the gate gave it.
func stored[X any](n *fhir.Node, result record.Result, from func(*fhir.Node) X) X {
	if len(result.Versions) > 0 {
		if kept, err := fhir.Parse(result.Versions[0].Body); err == nil {
			return from(kept)
		}
	}
	return from(n)
}
