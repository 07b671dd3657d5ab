package chart

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// confirmedMark takes the place of policy.DoubtMark once somebody has confirmed an entry.
const confirmedMark = "Confirmed here. Was not sure in the document that this is from: "

// Confirm records that somebody has looked at what was not sure of an imported entry ("Condition/1"), and that it is so. The
// doubt stays as a note, with who confirmed it and when; a problem or an allergy that is unconfirmed is confirmed. What its sender
// only suspected stays so. version is the one that was looked at: of another it is fault.Stale.
func Confirm(ctx context.Context, actor *record.Actor, patient, ref, version string) (string, record.Result, error) {
	resourceType, id, _ := strings.Cut(ref, "/")
	if !definition.IsResource(resourceType) || id == "" {
		return "", record.Result{}, fault.New(fault.NotFound, "There is no such entry in this chart.")
	}
	n, current, err := own(ctx, actor, patient, resourceType, id)
	if err != nil {
		return "", record.Result{}, err
	}
	note := policy.DoubtNote(n)
	switch {
	case note == nil:
		return "", record.Result{}, fault.New(fault.Conflict, "Nothing of this entry waits to be confirmed: somebody has done so, or it was changed. Open the page again.")
	case version != strconv.FormatInt(current, 10):
		return "", record.Result{}, fault.New(fault.Stale, "This entry has changed since you opened the page. Open the page again, and confirm it if it is so.")
	}
	note.Set("text", fhir.Str(confirmedMark+policy.DoubtOf(n)))
	note.SetFirst(0, "time", fhir.Str(actor.Now().Format(time.RFC3339)))
	if by := actor.Principal().Reference(); by != "" {
		note.SetFirst(0, "authorReference", reference(by))
	}
	if verified := n.Get("verificationStatus"); code(verified) == "unconfirmed" {
		system := map[string]string{"Condition": conditionVerification, "AllergyIntolerance": allergyVerification}[resourceType]
		n.Set("verificationStatus", coded(system, "confirmed"))
	}
	text := elsewhere(n).Text
	for _, concept := range []string{"medicationCodeableConcept", "vaccineCode"} {
		if text == "" {
			text = Words(n.Get(concept))
		}
	}
	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: current}}, What: "confirm what was not sure of an import"})
	return text, result, err
}
