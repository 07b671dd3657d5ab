package policy

import (
	"cmp"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// ImportSystem is the system of the codes by which the import of documents says what it has done.
const ImportSystem = "urn:osler:import"

// ContentSystem is the system of the identifier by which a DocumentReference holds the SHA-256 of the original that
// the import of documents has filed.
const ContentSystem = "urn:osler:document-content"

// ReviewStep refuses a write that looks like one of the import of documents, or deletes one (after is nil): a step of a review says what may be taken
// back as a whole, the task what was decided, and a filed document what somebody else attests and whose it is. They
// are believed, so that exchange/document alone writes them, whoever asks (imports), and a step names nobody as its
// author but who writes it. The status and the owner of the task are anybody's who works on it, and so is what a
// document is called and whether it is in error.
func ReviewStep(p trust.Principal, imports bool, before, after *fhir.Node) error {
	if imports {
		if StepOf(after) != "" && before == nil && after.Path("agent.0.who.reference").Text() != p.Reference() {
			return fault.New(fault.Forbidden, "A step of a review is of who takes it.").At(after.ResourceType())
		}
		return nil
	}
	if after == nil {
		if StepOf(before) != "" || before.ResourceType() == "Task" && isReview(before) {
			return fault.New(fault.Forbidden, "What was accepted from a document, and what was decided about it, is kept and cannot be deleted. The task may be completed or cancelled.").At(before.ResourceType())
		}
		return nil
	}
	no := fault.New(fault.Forbidden, "What was accepted from a document, and what was decided about it, is written by the review of the document only. Use the Documents page or $import-document.").At(after.ResourceType())
	switch after.ResourceType() {
	case "Provenance":
		if (StepOf(before) != "" || StepOf(after) != "") && (before == nil || !sameBut(before, after)) {
			return no
		}
	case "Task":
		was, is := isReview(before), isReview(after)
		if !was && !is {
			return nil
		}
		if was != is || !same(before, after, "code", "focus", "for", "input", "output") {
			return no
		}
	case "DocumentReference":
		if ContentHash(before) == "" && ContentHash(after) == "" {
			return nil
		}
		if before == nil || !same(before, after, "masterIdentifier", "identifier", "subject", "author", "custodian", "relatesTo", "content") || !sameOrigins(before, after) ||
			!equal(before.Path("meta.source"), after.Path("meta.source")) {
			return fault.New(fault.Forbidden, "A document that was imported says what it is and whose it is: its number, author, custodian, origin, content and patient are written by the import only ($import-document). Mark it as entered in error, or import it where it belongs.").At(after.ResourceType())
		}
	}
	return nil
}

// same reports whether two versions agree in members.
func same(before, after *fhir.Node, names ...string) bool {
	for _, name := range names {
		if !equal(before.Get(name), after.Get(name)) {
			return false
		}
	}
	return true
}

func isReview(r *fhir.Node) bool { return hasCode(r.Get("code"), taskSystem, "review-document") }

// StepOf returns what a Provenance says that a step of a review has done, accept or undo; "" when it is none.
func StepOf(r *fhir.Node) string {
	if r.ResourceType() != "Provenance" {
		return ""
	}
	for c := range r.Path("activity.coding").Items() {
		if c.Get("system").Text() == ImportSystem {
			return cmp.Or(c.Get("code").Text(), "?")
		}
	}
	return ""
}

// ContentHash is the SHA-256 of the original that the import has filed; "" of any other resource.
func ContentHash(r *fhir.Node) string {
	if r.ResourceType() != "DocumentReference" {
		return ""
	}
	for i := range r.Get("identifier").Items() {
		if i.Get("system").Text() == ContentSystem {
			return cmp.Or(i.Get("value").Text(), "?")
		}
	}
	return ""
}
