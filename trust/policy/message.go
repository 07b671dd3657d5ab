package policy

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// CarerSystem is the system of a server-owned tag of messages (CarerReads): who acts for a patient
// and sees only a part of the record reads those that bear it, and no others. The record gives it to
// what carers write and to what the clinic writes, unless the patient has written in person in the
// same conversation.
const (
	CarerSystem = "urn:osler:carer"
	CarerReads  = "reads"
)

// Signed names the writer as the sender of a message that names none.
func Signed(p trust.Principal, r *fhir.Node) {
	if r.ResourceType() == "Communication" && p.Staff() && p.Role != trust.SystemRole && p.Reference() != "" && r.Get("sender") == nil {
		r.Set("sender", fhir.Obj("reference", p.Reference()))
	}
}

// IsSent reports whether a message has left its writer: what it says stays as it is.
func IsSent(message *fhir.Node) bool {
	return !statusIn(message, "preparation", "in-progress", "on-hold")
}

// message keeps messages what they are. Staff write in their own name and in no other, a message is of
// one kind, and one that was sent stays as it was written: the one who gets it has read it, or its
// writer or the health records department marks it as an error and says why. Patients and the steps of
// what they ask about the record have rules of their own, which are narrower.
func message(p trust.Principal, i Interaction, before, after *fhir.Node) string {
	if p.Role == trust.SystemRole || p.Role == trust.Patient {
		return ""
	}
	for _, r := range []*fhir.Node{before, after} {
		if r != nil && (r.ResourceType() != "Communication" || OfRights(r)) {
			return ""
		}
	}
	mine := func(r *fhir.Node) bool {
		return r.Get("sender") == nil || p.Reference() != "" && r.Path("sender.reference").Text() == p.Reference()
	}
	switch {
	case before != nil && IsSent(before):
		read := i == Update && before.Get("received") == nil && sameBut(before, after, "received") && p.Reference() != "" && names(before.Get("recipient"), p.Reference())
		wrong := i == Update && !statusIn(before, "entered-in-error") && statusIn(after, "entered-in-error") && sameBut(before, after, "status", "statusReason") &&
			said(after.Get("statusReason")) && (mine(before) && before.Get("sender") != nil || p.Role == trust.Records)
		if !read && !wrong {
			return "a message that was sent stays as it is; its writer or the health records department marks it as entered in error, with a statusReason."
		}
		return ""
	case before != nil && !mine(before) && !(i == Delete && p.Role == trust.Records):
		return "what somebody else is writing is for them to send."
	case after == nil:
		return ""
	case !mine(after):
		return "a message goes out in no other name than its writer's: sender is you, or is left out."
	}
	return oneKind(after)
}

// oneKind returns why a message is of no kind that there is, or "": as both an administrative message
// and one among colleagues, say, it would be what each reader takes it for.
func oneKind(r *fhir.Node) string {
	kinds := 0
	for concept := range r.Get("category").Items() {
		for c := range concept.Get("coding").Items() {
			if c.Get("system").Text() == messageSystem && c.Get("code").Text() != "private" {
				kinds++
			}
		}
	}
	if kinds > 1 {
		return "a message is of one kind: category has one code of " + messageSystem + ", beside private."
	}
	return ""
}

// names reports whether one of a list of references is ref.
func names(list *fhir.Node, ref string) bool {
	return slices.ContainsFunc(slices.Collect(list.Items()), func(r *fhir.Node) bool { return r.Get("reference").Text() == ref })
}

// said reports whether a CodeableConcept says something.
func said(concept *fhir.Node) bool {
	return concept.Get("text").Text() != "" || concept.Path("coding.0.code").Text() != ""
}
