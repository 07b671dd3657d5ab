package policy

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// ImportSystem is the system of the codes by which the import of documents says what it has done.
const ImportSystem = "urn:osler:import"

// ReviewStep refuses a write that looks like a step of the review of a document, or deletes one (after is nil). Such a
// step says what may be taken back as a whole, and the task of the review what was decided: they are believed, so that
// exchange/document alone writes them, whoever asks, and nobody deletes them. The status and the owner of the task are anybody's who works on it.
func ReviewStep(before, after *fhir.Node) error {
	if after == nil {
		kind := before.ResourceType()
		if kind == "Provenance" && isStep(before) || kind == "Task" && isReview(before) {
			return fault.New(fault.Forbidden, "What was accepted from a document, and what was decided about it, is kept and cannot be deleted. The task may be completed or cancelled.").At(kind)
		}
		return nil
	}
	no := fault.New(fault.Forbidden, "What was accepted from a document, and what was decided about it, is written by the review of the document only. Use the Documents page or $import-document.").At(after.ResourceType())
	switch after.ResourceType() {
	case "Provenance":
		if (isStep(before) || isStep(after)) && (before == nil || !sameBut(before, after)) {
			return no
		}
	case "Task":
		was, is := isReview(before), isReview(after)
		if !was && !is {
			return nil
		}
		if was != is {
			return no
		}
		for _, name := range []string{"code", "focus", "for", "input", "output"} {
			if !equal(before.Get(name), after.Get(name)) {
				return no
			}
		}
	}
	return nil
}

func isReview(r *fhir.Node) bool { return hasCode(r.Get("code"), taskSystem, "review-document") }

func isStep(r *fhir.Node) bool {
	for c := range r.Path("activity.coding").Items() {
		if c.Get("system").Text() == ImportSystem {
			return true
		}
	}
	return false
}
