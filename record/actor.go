package record

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
)

// Gate guards a store. One Gate serves a process.
type Gate struct {
	store   store.Store // versions with their data
	lean    store.Store // the store itself: large data stands elsewhere, see contents.go
	blobs   *blob.Store
	scanner *malware.Scanner // nil: files are not scanned
	clock   clock.Clock
	keepers map[string]Keeper
	holder  Holder

	profiles Profiles
	shelf    atomic.Pointer[shelf]
	listed   listing

	mu      sync.Mutex
	changed chan struct{} // closed at the next change; nil when nobody waits

	changing chan struct{} // a change of keys has begun

	parameters parameters

	late           chan struct{} // one for each that is written afterwards
	strangersSince time.Time     // the minute that strangers counts in
	strangers      int
	fresh          bool // the record was empty when the gate was opened
	setting        atomic.Pointer[houseRead]
	changes        atomic.Int64 // of the setting, by this process
	verdicts       verdicts
	unlabelled     chan struct{} // something is to be labelled; see relabel.go
	predicates     predicates
	seen           maskedBodies // what bodies look like to who does not see all
	backsUp        atomic.Bool  // see Safety.Here
}

// Open returns the gate to a store.
func Open(s store.Store, c clock.Clock) *Gate {
	g := &Gate{store: s, lean: s, clock: c, unlabelled: make(chan struct{}, 1), changing: make(chan struct{}, 1), late: make(chan struct{}, maxAfterwards)}
	if outside, ok := s.(*contents); ok {
		g.lean, g.blobs = outside.Store, outside.blobs
	}
	now, err := s.Now(context.Background())
	g.fresh = err == nil && now == 0
	return g
}

// As binds a principal. door ("clinic", "portal", "fhir", "console") goes into the audit log.
func (g *Gate) As(p trust.Principal, door string) *Actor {
	return &Actor{gate: g, principal: p, door: door}
}

// Actor acts for one principal. It is the only value that reads and writes the record.
//
// Hidden and missing resources look the same to it: fault.NotFound. What its role or its
// token may never do, whatever is stored, is fault.Forbidden. Every answer and every such
// refusal is in the audit log before it is returned; when the log cannot be written,
// that is the answer, and nothing else is returned. A request that has left no leaf, since it
// asked for nothing of the record or was not valid, is noted by its door afterwards (Asked).
type Actor struct {
	gate      *Gate
	principal trust.Principal
	door      string
	at        store.T   // 0: the present
	wall      time.Time // of AsOf
}

// Principal returns who acts.
func (a *Actor) Principal() trust.Principal { return a.principal }

// Now returns the gate's time.
func (a *Actor) Now() time.Time { return a.gate.clock.Now() }

// AsOf returns an actor that reads the record as it was known at a wall clock time. It
// cannot write (fault.Forbidden). A time before the first entry is fault.NotFound.
func (a *Actor) AsOf(ctx context.Context, wall time.Time) (*Actor, error) {
	t, err := a.gate.store.At(ctx, wall)
	if err != nil {
		return nil, err
	}
	if t <= 0 { // 0 would ask for the present
		return nil, fault.New(fault.NotFound, "The record had no entries at that time.")
	}
	past := *a
	past.at, past.wall = t, wall
	return &past, nil
}

// AsOfCommit is AsOf for a logical time, such as Snapshot gave.
func (a *Actor) AsOfCommit(t store.T) *Actor {
	past := *a
	past.at = t
	return &past
}

// Moment returns the logical time of the last commit that is not after a wall clock time;
// 0 when there was none.
func (a *Actor) Moment(ctx context.Context, wall time.Time) (store.T, error) {
	return a.gate.store.At(ctx, wall)
}

// Mark names the present state of the record for a note outside of it, as one line: the time, and the hash
// of the signed head of the audit log there. Holds tells whether the note is still true.
func (a *Actor) Mark(ctx context.Context) (string, error) {
	t, err := a.gate.store.Now(ctx)
	if err != nil {
		return "", err
	}
	return a.markAt(ctx, t)
}

func (a *Actor) markAt(ctx context.Context, t store.T) (string, error) {
	head, err := a.gate.store.Head(ctx, t)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %x", t, sha256.Sum256(head)), nil
}

// Holds reports whether the record has gone on from the state that Mark named. It has not when it was put
// back to an older one, or is another record; what is no mark does not hold.
func (a *Actor) Holds(ctx context.Context, mark string) (bool, error) {
	text, _, _ := strings.Cut(mark, " ")
	t, err := strconv.ParseInt(text, 10, 64)
	if err != nil || t <= 0 {
		return false, nil
	}
	now, err := a.markAt(ctx, store.T(t))
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && now == mark, err
}

// Snapshot returns the logical time that the actor reads at: the present one, or that of
// AsOf. Taken before a chart is shown, it is the SeenAt of the Change that follows.
func (a *Actor) Snapshot(ctx context.Context) (store.T, error) {
	if a.at != 0 {
		return a.at, nil
	}
	return a.gate.store.Now(ctx)
}
