// Package store is the contract between the record and a database.
//
// A store keeps resource versions with their index entries, the audit log, and small
// server-side items (accounts, sessions, drafts, jobs). Every change is one Changeset,
// committed all or nothing, and gets a logical time T. Reads and searches are snapshots at
// a T. A store obeys, it never decides: who may see what arrives as predicates inside the
// Plan, and a Plan without them is refused.
//
// Only record and identity call these methods, and package store/archive those of Moving.
// Backends live in store/sqlite and
// store/postgres; store/storetest is the suite that each must pass.
package store

import (
	"context"
	"iter"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust/ledger"
)

// T is a logical time: the number of a commit. 0 asks for the present.
type T int64

// Version is one stored version of a resource.
type Version struct {
	Type    string
	ID      string
	Version int64 // 1, 2, …; meta.versionId
	Updated time.Time
	T       T
	Patient string // id of the patient whose compartment it lives in; "" for none
	Deleted bool
	Body    []byte // JSON, complete with id and meta; nil when Deleted. Do not change it.
	// Shredded says that the content was destroyed together with the patient's keys; it is
	// Deleted, too.
	Shredded bool
}

// Write is one new version of a resource.
type Write struct {
	Type, ID string
	// Version is the new version. The commit fails with fault.Stale unless the current
	// version is Version-1 (0: the resource has never existed).
	Version int64
	Updated time.Time
	// Patient is the id of the Patient in whose compartment the resource lives, "" for
	// resources of no patient or of several. For a Patient it is its own id.
	Patient string
	Deleted bool
	Body    []byte // JSON, complete with id and meta; nil when Deleted
	Index   []search.Entry
	// Shredded is as in Version: such versions come with a record that moves in, and only then.
	Shredded bool
}

// Item is a small server-side record that is not a resource. Space names a kind
// ("account", "session", "draft"), Key the item in it.
type Item struct {
	Space, Key string
	// Owner groups items of a space, so that they can be listed (all drafts of a person).
	Owner string
	Value []byte
	// Patient is the id of the patient whom the item is about, "" for none. Such an item is
	// sealed with the patient's key and destroyed together with it.
	Patient string
	Version int64     // set by the store: 1, 2, …
	Expires time.Time // zero: never. Expired items are not returned and are removed in time.
}

// SpaceJob is the space of reports of background work, such as an import. They are about many
// patients at once, so that no patient's key can seal them: they are kept for days only, are in no
// backup, and go when any patient is shredded.
const SpaceJob = "job"

// ItemWrite creates, replaces or deletes an Item.
type ItemWrite struct {
	Item
	Delete bool
	// IfVersion must equal the current version (0: must not exist); -1 writes in any case.
	// Otherwise the commit fails with fault.Conflict.
	IfVersion int64
}

// Unchanged is a precondition: no resource of the patient was written after Since.
type Unchanged struct {
	Patient string
	Since   T
}

// Changeset is one atomic change. A Changeset without a Leaf is refused.
type Changeset struct {
	Writes []Write
	Items  []ItemWrite
	Leaf   *ledger.Leaf
	// Unchanged and Absent are preconditions, checked inside the transaction; a violation
	// is fault.Conflict. Absent holds plans that must match nothing (conditional create).
	Unchanged []Unchanged
	Absent    []Plan
	// Key makes the commit idempotent: a second Changeset with the same Key commits
	// nothing and returns the first Receipt with Repeated set. "" for none.
	Key string
}

// Receipt tells what a commit became.
type Receipt struct {
	T        T
	Leaf     int64 // index of the audit leaf
	Repeated bool
}

// Plan is a search that a store can run. Make it with NewPlan; the zero Plan is refused.
type Plan struct {
	Query search.Query
	// At is the snapshot; 0 is the present.
	At T
	// After continues behind the last row of an earlier page; nil starts. It is the
	// Next of the earlier Page, opaque to everyone but the store.
	After []byte

	visible Visibility
}

// Visibility gives, for a resource type, the predicate of what the searcher may see.
// It is asked for every type that a plan touches: matches, chains, includes, counts.
type Visibility func(resourceType string) search.Expr

// NewPlan returns a Plan for a query under a visibility.
func NewPlan(q search.Query, visible Visibility) Plan { return Plan{Query: q, visible: visible} }

// Visible returns the predicate for a type and whether the plan was made by NewPlan.
func (p Plan) Visible(resourceType string) (search.Expr, bool) {
	if p.visible == nil {
		return search.None{}, false
	}
	return p.visible(resourceType), true
}

// Page is one page of matches.
type Page struct {
	At       T
	Matches  []Version
	Included []Version
	Total    int64  // -1 when not counted
	Next     []byte // nil on the last page
}

// HistoryFilter selects versions. Empty Type and ID ask wider.
type HistoryFilter struct {
	Type, ID string
	Patient  string    // only this compartment
	Since    time.Time // Updated >= Since
	At       T         // only versions that were stored by then; 0: the present
	From     T         // only versions that were current then or later; 0: all
	Count    int
	Before   T // continue: only versions with a smaller T; 0 starts
}

// LeafFilter selects audit leaves, newest first.
type LeafFilter struct {
	Patient  string
	Actor    string
	Actions  []ledger.Action // none: all
	From, To time.Time       // zero: open
	Before   int64           // continue: only leaves with a smaller index; 0 starts at the newest
	Limit    int
	// Mark is a word under which what is rare is listed (ledger.Leaf.Marks): only such leaves.
	// Leaves of programs before November 2026 have none.
	Mark string
	// Door and Purpose are those of the leaf; "" is any.
	Door, Purpose string
	Outcome       Outcome
	// Where, when set, is asked of each leaf that fits otherwise. What is found by nothing else has
	// every leaf read; see Scan.
	Where func(ledger.Leaf) bool
	// Scan bounds how many leaves are looked at, 0 not. When it is reached before Limit, there
	// may be more: then Reached, which must be set, gets the index to go on before.
	Scan    int
	Reached *int64
}

// Outcome is how what leaves tell of has ended.
type Outcome int

// The outcomes that leaves are asked for.
const (
	AnyOutcome Outcome = iota
	Done
	NotDone // refused, or failed
)

// Probing is a store that can tell whether it takes changes, without one: nil when it does, otherwise why
// not. It is asked now and then after a change was refused. That a single change goes well says less:
// audit entries are taken also while the disk is full, and a small change may find the last room.
type Probing interface {
	Probe(ctx context.Context) error
}

// Shared is a store that several processes have open, which take turns at what one has to do for all. Turn
// gives the turn at something of a name to one of them; mine is false when another has it. It ends with end,
// and when the process or the database does, however that happens.
type Shared interface {
	Turn(ctx context.Context, name string) (end func(), mine bool, err error)
}

// Summarizing is a store that summarizes its audit log in blocks, so that all questions of LeafFilter
// but Where are answered soon however long the log is. It does so by itself, every minute.
type Summarizing interface {
	// Summarize makes the summary of the next block; done says that there is none to make.
	Summarize(ctx context.Context) (done bool, err error)
}

// LeafEntry is an audit leaf with its index.
type LeafEntry struct {
	Index int64
	Leaf  ledger.Leaf
	Raw   []byte // the bytes that the tree hashes. Do not change them.
}

// Indexing is work on the index of what is stored already.
type Indexing struct {
	// Name names the work; under it the store remembers how far it came.
	Name string
	// Types are those whose resources are indexed; none: all.
	Types []string
	// Extract gives the entries of a body. Other bodies than valid ones it meets never.
	Extract func(body []byte) ([]search.Entry, error)
}

// Store is a database that keeps the record. Implementations are safe for concurrent use.
type Store interface {
	// Commit stores a Changeset durably (fsync) or not at all.
	Commit(ctx context.Context, c Changeset) (Receipt, error)
	// Read returns the version that was current at t; also a Deleted one. A resource that
	// never existed is fault.NotFound.
	Read(ctx context.Context, resourceType, id string, at T) (Version, error)
	// ReadVersion returns one version; fault.NotFound when there is none.
	ReadVersion(ctx context.Context, resourceType, id string, version int64) (Version, error)
	// Search runs a plan.
	Search(ctx context.Context, p Plan) (Page, error)
	// Count returns the exact number of matches of a plan.
	Count(ctx context.Context, p Plan) (int64, error)
	// Compartment ranges over a patient's resources that were current at t (not deleted),
	// the Patient included, of the given types (nil: all), in storage order. It is one
	// range scan: the way to open a chart.
	Compartment(ctx context.Context, patient string, types []string, at T) iter.Seq2[Version, error]
	// All ranges over every current resource, patient by patient; for export.
	All(ctx context.Context, types []string, at T) iter.Seq2[Version, error]
	// History returns versions, newest first.
	History(ctx context.Context, f HistoryFilter) ([]Version, error)
	// Changes returns the versions of the commits after a T, oldest first and those of one
	// commit in the order of type and id: the feed that subscriptions follow. A commit is
	// never cut apart, so that there may be more than limit. upTo is the T up to which nothing
	// is missing; the next call goes on after it. It is after itself when nothing was
	// committed since. A commit with a T up to upTo never appears later.
	Changes(ctx context.Context, after T, limit int) (versions []Version, upTo T, err error)
	// Now returns the T of the last commit.
	Now(ctx context.Context) (T, error)
	// At returns the last T whose commit is not after the wall clock time.
	At(ctx context.Context, wall time.Time) (T, error)

	// Index works off one piece of an Indexing: the entries of current and former versions
	// become what Extract gives, without a new version. It goes on where the piece before
	// ended, also after a restart; done says that nothing is left. Whatever is written since
	// the first piece must come with entries of the same rules.
	Index(ctx context.Context, i Indexing) (done bool, err error)
	// Indexed reports whether the Indexing of a name is done.
	Indexed(ctx context.Context, name string) (bool, error)

	// Item returns one item; fault.NotFound when there is none or it has expired.
	Item(ctx context.Context, space, key string) (Item, error)
	// Items returns the items of a space, of one owner unless owner is "", ordered by key.
	Items(ctx context.Context, space, owner string) ([]Item, error)

	// Leaves returns audit leaves.
	Leaves(ctx context.Context, f LeafFilter) ([]LeafEntry, error)
	// ProveLeaf returns the proof that entry index is in the log of the first size entries,
	// ProveGrowth the one that the log of newer entries begins with that of older; see
	// trust/ledger. What is not there is fault.NotFound or fault.Invalid.
	ProveLeaf(ctx context.Context, index int64, size T) ([]ledger.Hash, error)
	ProveGrowth(ctx context.Context, older, newer T) ([]ledger.Hash, error)
	// Verify checks the audit log against its tree and signed checkpoints, and every
	// stored version against the hash in its leaf. It reports each problem through report and returns the number
	// of leaves checked.
	Verify(ctx context.Context, report func(problem string)) (leaves int64, err error)
	// Checkpoint signs the present tree head and returns the signed note.
	Checkpoint(ctx context.Context) ([]byte, error)

	// Shred destroys the keys of a patient, and with them, in every copy and backup that holds
	// only sealed data, what they seal; and it removes what lies in this store: bodies, index,
	// words that nobody else uses, items. Versions stay as Shredded, leaves stay and verify. The
	// leaf says so in the audit log, in the same commit. A patient who is shredded already, or was
	// never stored, is fault.NotFound.
	Shred(ctx context.Context, patient string, leaf ledger.Leaf) (Receipt, error)
	// PersonKey returns the key of a patient; fault.NotFound when there is none (the store has
	// not written for the patient since there are keys, or never).
	PersonKey(ctx context.Context, patient string) (PersonKey, error)

	// Moving is how a record leaves a store and enters another.
	Moving

	// Close waits for running commits and closes the database.
	Close() error
}
