package record

import (
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
)

// Put creates or replaces a resource. A resource without id gets one; a resource with an
// id is created under it or updated. IfMatch, when not 0, must be the current version,
// otherwise fault.Stale.
//
// A principal from whom something of a type may be hidden chooses only ids there that nobody guesses, of the form
// of ident.New (a UUID of version 7): another id of Chosen that is free is fault.NotFound, as one that is taken by what
// is hidden is, whatever is stored. What is hidden is written over in no case, and a change that is refused is refused
// as if the id were free.
type Put struct {
	Resource *fhir.Node
	IfMatch  int64
	// Create asks for a new resource: an id that exists already is fault.Conflict.
	Create bool
	// Chosen says that the caller has chosen the id, as a FHIR client may.
	Chosen bool
	// Update asks for what is there: an id that is free, or taken by what is hidden, is fault.NotFound.
	Update bool
	// Content is the data of a Binary that was streamed before, with Actor.Keep.
	Content *blob.Content
	// Contents are data of any resource that was streamed before, by the text that stands in its place in
	// Resource: base64, as the data itself. The answer has that text.
	Contents map[string]blob.Content
}

// Delete removes a resource (its history stays). Deleting what is not there is no error.
type Delete struct {
	Type, ID string
	IfMatch  int64
}

// Change is what Commit does, all or nothing.
type Change struct {
	Put    []Put
	Delete []Delete
	// Absent holds queries that must match nothing that the actor may see at the moment of the
	// commit; otherwise fault.Conflict. For conditional creates. What is hidden does not count:
	// a query with a chain would ask about anybody's diagnoses.
	Absent []search.Query
	// Unchanged asks that nothing of this patient was written after SeenAt (the T under
	// which the writer read the chart); otherwise fault.Conflict.
	Unchanged string
	SeenAt    store.T
	// Reason and What go into the audit leaf.
	Reason, What string
	// Key makes the commit idempotent (double click, retry) for a day: a second change of the
	// same principal with the same Key stores nothing and returns the first Result with
	// Repeated. Make it of the form's nonce and what was typed, so that a form that was
	// edited and sent again is a new change.
	Key string
	// Dangling accepts references to resources that are not in the record, as an import of a
	// partial record must.
	Dangling bool
	// Final says that nobody is offered to take it back: no Result.Undo is kept. For programs.
	Final bool
	// Imports says that a document of another system is filed or reviewed, which exchange/document alone does:
	// the labels of what is new come from the document, whoever holds it may not be cleared for them, and
	// it alone writes down the steps of a review (policy.ReviewStep).
	Imports bool
	// Drop names a draft that this change makes obsolete.
	Drop string

	by       trust.Role // of who labels by hand: the leaf's
	handed   bool       // the resource is as it is stored, but for its labels
	relabels bool       // it is labelled by background work, which looks after what derives from it
}

// Result tells what a commit became.
type Result struct {
	T store.T
	// Versions are in the order of Put, then Delete; a Delete that found nothing has Version 0.
	Versions []store.Version
	// Undo takes the change back within UndoWindow; see Actor.Undo.
	Undo     string
	Repeated bool
	// Findings are warnings about what was stored: best practice, and profiles under
	// ProfilesWarn.
	Findings []fault.Issue
}

// UndoWindow is how long a change can be undone.
const UndoWindow = 10 * time.Second
