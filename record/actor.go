package record

import (
	"context"
	"iter"
	"net/url"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var pending = fault.New(fault.Unavailable, "This part of the record is not built yet.")

// Gate guards a store. One Gate serves a process.
type Gate struct {
	store store.Store
	clock clock.Clock
}

// Open returns the gate to a store.
func Open(s store.Store, c clock.Clock) *Gate { return &Gate{store: s, clock: c} }

// As binds a principal. door ("clinic", "portal", "fhir", "console") goes into the audit log.
func (g *Gate) As(p trust.Principal, door string) *Actor {
	return &Actor{gate: g, principal: p, door: door}
}

// Actor acts for one principal. It is the only value that reads and writes the record.
// Hidden and missing resources look the same to it: fault.NotFound.
type Actor struct {
	gate      *Gate
	principal trust.Principal
	door      string
	at        store.T
}

// Principal returns who acts.
func (a *Actor) Principal() trust.Principal { return a.principal }

// Now returns the gate's time.
func (a *Actor) Now() time.Time { return a.gate.clock.Now() }

// AsOf returns an actor that reads the record as it was known at a wall clock time. It
// cannot write (fault.Forbidden).
func (a *Actor) AsOf(ctx context.Context, wall time.Time) (*Actor, error) { return nil, pending }

// Read returns a resource; fault.NotFound when it never existed or is hidden, fault.Gone
// when it was deleted.
func (a *Actor) Read(ctx context.Context, resourceType, id string) (*fhir.Node, error) {
	return nil, pending
}

// ReadVersion returns the stored version: the current one for version 0.
func (a *Actor) ReadVersion(ctx context.Context, resourceType, id string, version int64) (store.Version, error) {
	return store.Version{}, pending
}

// Search runs a parsed query and returns one page of stored bytes. after is the Next of
// the page before, at its At; both zero for the first page.
func (a *Actor) Search(ctx context.Context, q search.Query, at store.T, after []byte) (store.Page, error) {
	return store.Page{}, pending
}

// Find is Search for Go callers: all matches of a search URL, parsed, up to a limit of
// 1,000. Find(ctx, "Appointment", "date=ge2026-11-24&date=lt2026-11-25&_sort=date").
// More matches than the limit are fault.TooCostly, never silently cut, unless the query
// has _count, which then is the limit.
func (a *Actor) Find(ctx context.Context, resourceType, query string) ([]*fhir.Node, error) {
	return nil, pending
}

// Count returns the number of matches of a search URL.
func (a *Actor) Count(ctx context.Context, resourceType string, query url.Values) (int64, error) {
	return 0, pending
}

// Chart ranges over all current resources in a patient's compartment that the principal
// may see, of the given types (none: all), the Patient included: one range scan, one audit
// leaf. A patient who is hidden or missing is fault.NotFound.
func (a *Actor) Chart(ctx context.Context, patient string, types ...string) iter.Seq2[*fhir.Node, error] {
	return func(yield func(*fhir.Node, error) bool) { yield(nil, pending) }
}

// ChartVersions is Chart with the stored bytes, for export and $everything.
func (a *Actor) ChartVersions(ctx context.Context, patient string, types ...string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) { yield(store.Version{}, pending) }
}

// All ranges over every current resource that the principal may see; for export.
func (a *Actor) All(ctx context.Context, types ...string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) { yield(store.Version{}, pending) }
}

// History returns versions, newest first.
func (a *Actor) History(ctx context.Context, f store.HistoryFilter) ([]store.Version, error) {
	return nil, pending
}

// Looked returns who looked at or changed a patient's record, newest first: the audit
// leaves that name the patient. A patient may ask for its own, an auditor and an
// administrator for any ("" for all).
func (a *Actor) Looked(ctx context.Context, f store.LeafFilter) ([]store.LeafEntry, error) {
	return nil, pending
}

// Note writes an audit leaf of its own, for prints, exports and the like.
func (a *Actor) Note(ctx context.Context, action ledger.Action, patient, what string) error {
	return pending
}

// Put creates or replaces a resource. A resource without id gets one; a resource with an
// id is created under it or updated. IfMatch, when not 0, must be the current version,
// otherwise fault.Stale.
type Put struct {
	Resource *fhir.Node
	IfMatch  int64
	// Create asks for a new resource: an id that exists already is fault.Conflict.
	Create bool
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
	// Absent holds queries that must match nothing at the moment of the commit, whoever may
	// see the matches; otherwise fault.Conflict. For conditional creates.
	Absent []search.Query
	// Unchanged asks that nothing of this patient was written after SeenAt (the T under
	// which the writer read the chart); otherwise fault.Conflict.
	Unchanged string
	SeenAt    store.T
	// Reason and What go into the audit leaf.
	Reason, What string
	// Key makes the commit idempotent (double click, retry).
	Key string
	// Dangling accepts references to resources that are not in the record, as an import of a
	// partial record must.
	Dangling bool
	// Drop names a draft that this change makes obsolete.
	Drop string
}

// Result tells what a commit became.
type Result struct {
	T        store.T
	Versions []store.Version // in the order of Put, then Delete
	// Undo takes the change back within UndoWindow; see Actor.Undo.
	Undo     string
	Repeated bool
}

// UndoWindow is how long a change can be undone.
const UndoWindow = 10 * time.Second

// Commit checks, validates, audits and stores a change. Faults carry one Issue for each
// finding, with expressions that start at the resource ("Patient.birthDate"); for several
// resources they are prefixed with "Put[i].".
func (a *Actor) Commit(ctx context.Context, c Change) (Result, error) {
	return Result{}, pending
}

// Undo files the retraction of an earlier change of the same principal: created resources
// are deleted, updated ones get their former content as a new version. It fails with
// fault.Gone after the window and with fault.Conflict when someone has written since.
func (a *Actor) Undo(ctx context.Context, token string) error { return pending }

// Draft is unsigned work of one person, saved as it is typed.
type Draft struct {
	Key     string // "note/<patient>/<encounter>"
	Value   []byte // JSON of the form's own making
	Version int64
	Saved   time.Time
}

// SaveDraft stores a draft of the principal. ifVersion is the version that the writer has
// (0 for a new draft); when someone else's tab has saved since, it returns the stored
// draft and fault.Conflict, so that a person can merge.
func (a *Actor) SaveDraft(ctx context.Context, key string, value []byte, ifVersion int64) (Draft, error) {
	return Draft{}, pending
}

// Draft returns a draft of the principal; fault.NotFound when there is none.
func (a *Actor) Draft(ctx context.Context, key string) (Draft, error) { return Draft{}, pending }

// Drafts returns the principal's drafts whose keys start with prefix.
func (a *Actor) Drafts(ctx context.Context, prefix string) ([]Draft, error) { return nil, pending }

// DropDraft removes a draft; removing what is not there is no error.
func (a *Actor) DropDraft(ctx context.Context, key string) error { return pending }
