package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// Code systems of the threads in which patients ask about their record; see practice/rights.
const (
	RightSystem = "urn:osler:right"
	rightSystem = RightSystem
	stepSystem  = "urn:osler:right-step"
)

// Outside is the role, in OutsideSystem, of an actor of a Consent who is nobody of the clinic: such
// a denial is for people to keep, and closes the chart to nobody who works here.
const (
	OutsideSystem = "urn:osler:consent-actor"
	Outside       = "outside"
)

// Who does which step of such a thread.
var (
	patientSteps = []string{"request", "withdrawn", "disagreement"}
	clinicSteps  = []string{"extension", "accepted", "denied", "rebuttal", "informed", "ended"}
)

// OfRights reports whether a Communication is a step of such a thread, of whichever kind: it is no
// letter.
func OfRights(r *fhir.Node) bool {
	if r.ResourceType() != "Communication" {
		return false
	}
	for concept := range r.Get("category").Items() {
		for c := range concept.Get("coding").Items() {
			if c.Get("system").Text() == rightSystem {
				return true
			}
		}
	}
	return false
}

// Received gives a new step of such a thread the time at which the server got it: the time that
// the law gives for an answer runs from then, whatever the sender's clock or program says. A
// moment later is left, by which steps of one millisecond are kept in order.
func Received(r *fhir.Node, now time.Time) {
	if !OfRights(r) {
		return
	}
	now = now.UTC().Truncate(time.Millisecond)
	said, err := time.Parse(time.RFC3339, r.Get("sent").Text())
	if err != nil || said.Before(now) || said.After(now.Add(time.Second)) {
		r.Set("sent", fhir.Str(now.Format("2006-01-02T15:04:05.000Z07:00")))
	}
}

// ofRestriction reports whether a Consent is what a restriction that the clinic agreed to became.
func ofRestriction(r *fhir.Node) bool {
	return r.ResourceType() == "Consent" && hasCode(r.Get("category"), "http://terminology.hl7.org/CodeSystem/consentcategorycodes", "hipaa-restrictions")
}

// objects reports whether a Consent is an objection that is in force, or was: it denies something, as
// the record has read it.
func objects(consent *fhir.Node) bool {
	if statusIn(consent, "draft", "proposed") {
		return false
	}
	for t := range consent.Path("meta.tag").Items() {
		if t.Get("system").Text() == ConsentSystem && strings.HasPrefix(t.Get("code").Text(), "deny/") {
			return true
		}
	}
	return false
}

// objection keeps what patients do not want. Whoever may write Consents can record it; to change it
// or to end it opens what it closes, and so is for physicians and health records, and for no app or
// service. What the clinic has agreed to as a restriction is theirs from the start, and in person.
// Nobody deletes it: it is ended, with its time.
func objection(p trust.Principal, i Interaction, before, after *fhir.Node) string {
	restriction := before != nil && ofRestriction(before) || after != nil && ofRestriction(after)
	if p.Role == trust.SystemRole || !restriction && (before == nil || before.ResourceType() != "Consent" || !objects(before)) {
		return ""
	}
	decides := (p.Role == trust.Physician || p.Role == trust.Records) && p.Client == "" && p.Service == nil
	if i != Delete && decides && (!restriction || len(p.Scopes) == 0) {
		return ""
	}
	if i == Delete {
		return "what a patient objects to is ended by its status, with the reason, and not deleted."
	}
	if restriction {
		return "physicians and the health records department, in person, agree to restrictions and end them."
	}
	return "physicians and the health records department change what a patient objects to, or end it, and no program does."
}

// inPerson reports whether a principal has one of some roles and acts without a program between.
func inPerson(p trust.Principal, roles ...trust.Role) bool {
	return slices.Contains(roles, p.Role) && p.Client == "" && len(p.Scopes) == 0
}

// rightsThread keeps what patients ask about their record, and the answers, as they were written:
// each step is added by whom it belongs to, in their own name, and never changed or deleted. The one
// change is that the patient has read a step. It returns why a write is refused, or "".
func rightsThread(p trust.Principal, i Interaction, before, after *fhir.Node) string {
	if p.Role == trust.SystemRole || (before == nil || !OfRights(before)) && (after == nil || !OfRights(after)) {
		return ""
	}
	if before != nil {
		if i == Update && p.Role == trust.Patient && only(before.Get("recipient"), self(p)) && before.Get("received") == nil && sameBut(before, after, "received") {
			return ""
		}
		return "requests about a record and their answers stay as they were written; add a step."
	}
	steps := clinicSteps
	switch {
	case p.Role == trust.Patient:
		steps = patientSteps
	case !inPerson(p, trust.Physician, trust.Records):
		return "physicians and the health records department, in person, answer requests about a record."
	}
	known := after.Path("topic.coding").Len() == 1 && after.Get("category").Len() == 1 && after.Path("category.0.coding").Len() == 1 &&
		slices.ContainsFunc(steps, func(s string) bool { return hasCode(after.Get("topic"), stepSystem, s) })
	if !known || p.Reference() == "" || !only(after.Get("sender"), p.Reference()) || !statusIn(after, "completed") || after.Get("received") != nil {
		return "each writes their own steps of such a request, in their own name."
	}
	if p.Proxy != nil && p.Proxy.Level != "full" {
		return "who sees only a part of a record asks nothing about it."
	}
	if p.Proxy != nil && hasCode(after.Get("category").At(0), rightSystem, "confidential") {
		return "how a patient is reached in confidence is asked by the patient."
	}
	if p.Role == trust.Patient && !only(after.Get("subject"), self(p)) {
		return "patients ask about their own record."
	}
	return ""
}
