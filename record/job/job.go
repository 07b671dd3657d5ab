// Package job does work that takes longer than a request: an import of many files.
//
//	j, err := desk.Start(ctx, actor, "import", work)  // answers at once
//	j, err = desk.Find(ctx, actor, j.ID)              // running, with its progress, or ended
//
// A job is an item in the store, so that its result can be asked for after a restart. The
// work itself lives in the process: when that ends, a job that was running says that it was
// interrupted. Work must therefore be such that it can be started again without harm.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// State is how far a job is.
type State string

// The states of a job.
const (
	Running     State = "running"
	Done        State = "done"
	Failed      State = "failed"
	Cancelled   State = "cancelled"
	Interrupted State = "interrupted" // the server was stopped
)

// keptFor is how long jobs are kept after their start.
const keptFor = 7 * 24 * time.Hour

// tellEvery is how often progress is stored at most.
const tellEvery = time.Second

// Job is one piece of work.
type Job struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Owner    string          `json:"owner"` // account id
	State    State           `json:"state"`
	Started  time.Time       `json:"started"`
	Ended    time.Time       `json:"ended,omitzero"`
	Progress string          `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"` // also of what was done before it stopped
	Reason   string          `json:"reason,omitempty"` // why it failed, for a person
	Process  string          `json:"process"`          // which run of the program works on it
}

// Work does a job. It tells its progress, with the result so far, now and then; result is
// what Job.Result becomes. It ends soon after ctx does.
type Work func(ctx context.Context, tell func(progress string, soFar any)) (result any, err error)

// Desk starts jobs and knows what became of them. One serves a process.
type Desk struct {
	store   store.Store
	gate    *record.Gate
	clock   clock.Clock
	log     *slog.Logger
	process string

	mu      sync.Mutex
	closed  bool
	running map[string]*running
	wait    sync.WaitGroup
}

type running struct {
	kind      string
	cancel    context.CancelFunc
	cancelled bool
}

// Open returns a desk; Close it before the store.
func Open(s store.Store, g *record.Gate, c clock.Clock, log *slog.Logger) *Desk {
	return &Desk{store: s, gate: g, clock: c, log: log, process: ident.Secret(), running: map[string]*running{}}
}

// Start begins work in the background, one job of a kind at a time (fault.Conflict). The
// work goes on when the request ends.
func (d *Desk) Start(ctx context.Context, a *record.Actor, kind string, work Work) (Job, error) {
	now := d.clock.Now()
	j := Job{ID: ident.New(now), Kind: kind, Owner: a.Principal().ID, State: Running, Started: now, Process: d.process}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.mu.Lock()
	for _, r := range d.running {
		if r.kind == kind {
			d.mu.Unlock()
			cancel()
			return Job{}, fault.New(fault.Conflict, "Another %s is running; wait for its end, or cancel it.", kind)
		}
	}
	if d.closed {
		d.mu.Unlock()
		cancel()
		return Job{}, fault.New(fault.Unavailable, "The server is stopping.")
	}
	d.running[j.ID] = &running{kind: kind, cancel: cancel}
	d.wait.Add(1)
	d.mu.Unlock()
	if err := d.save(ctx, a, j, "start "); err != nil {
		d.finish(j.ID)
		return Job{}, err
	}
	go d.run(inner, a, j, work)
	return j, nil
}

func (d *Desk) finish(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running[id].cancel()
	delete(d.running, id)
	d.wait.Done()
}

// run works and stores what became of it.
func (d *Desk) run(ctx context.Context, a *record.Actor, j Job, work Work) {
	defer d.finish(j.ID)
	var last time.Time
	tell := func(progress string, soFar any) {
		j.Progress = progress
		if b, err := json.Marshal(soFar); err == nil {
			j.Result = b
		}
		if time.Since(last) >= tellEvery {
			last = time.Now()
			if err := d.save(context.WithoutCancel(ctx), a, j, "progress of "); err != nil {
				d.log.Error("the progress of a job cannot be stored", "job", j.ID, "error", err)
			}
		}
	}
	result, err := guarded(ctx, tell, work)
	if b, failed := json.Marshal(result); result != nil && failed == nil {
		j.Result = b
	}
	j.Ended, j.State = d.clock.Now(), Done
	if err != nil {
		j.State, j.Reason = d.ended(ctx, j, err)
	}
	if err := d.save(context.WithoutCancel(ctx), a, j, "end "); err != nil {
		d.log.Error("the end of a job cannot be stored", "job", j.ID, "error", err)
	}
}

// guarded turns a panic of the work into an error: one job must not end the server.
func guarded(ctx context.Context, tell func(string, any), work Work) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job: panic: %v", p)
		}
	}()
	return work(ctx, tell)
}

// ended says why a job did not come to its end.
func (d *Desk) ended(ctx context.Context, j Job, err error) (State, string) {
	d.mu.Lock()
	cancelled := d.running[j.ID].cancelled
	d.mu.Unlock()
	var f *fault.Error
	switch {
	case cancelled:
		return Cancelled, "It was cancelled; what it had done stays."
	case ctx.Err() != nil:
		return Interrupted, interrupted
	case errors.As(err, &f):
		return Failed, f.Message
	}
	d.log.Error("a job failed", "job", j.ID, "kind", j.Kind, "error", err)
	return Failed, "Osler could not go on; the server's log says why."
}

const interrupted = "The server was stopped while it worked. Start it again: what is done already is recognised."

func (d *Desk) save(ctx context.Context, a *record.Actor, j Job, what string) error {
	value, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return a.Disclose(ctx, what+j.Kind+" "+j.ID, nil, store.ItemWrite{IfVersion: -1,
		Item: store.Item{Space: store.SpaceJob, Key: j.ID, Owner: j.Owner, Value: value, Expires: j.Started.Add(keptFor)}})
}

// Find returns a job of the actor's own; fault.NotFound when there is none.
func (d *Desk) Find(ctx context.Context, a *record.Actor, kind, id string) (Job, error) {
	none := fault.New(fault.NotFound, "There is no %s of yours with this number; results are kept for %d days.", kind, int(keptFor.Hours()/24))
	item, err := d.store.Item(ctx, store.SpaceJob, id)
	if fault.Is(err, fault.NotFound) || err == nil && (item.Owner != a.Principal().ID || item.Owner == "") {
		return Job{}, none
	}
	if err != nil {
		return Job{}, err
	}
	var j Job
	if err := json.Unmarshal(item.Value, &j); err != nil {
		return Job{}, err
	}
	if j.Kind != kind {
		return Job{}, none
	}
	d.mu.Lock()
	_, here := d.running[id]
	d.mu.Unlock()
	switch {
	case here: // its end may be stored already: who sees it may start the next one, or forget this one
		j.State, j.Ended, j.Reason = Running, time.Time{}, ""
	case j.State == Running && j.Process != d.process:
		j.State, j.Reason = Interrupted, interrupted
	}
	return j, nil
}

// Cancel stops a running job and forgets one that has ended.
func (d *Desk) Cancel(ctx context.Context, a *record.Actor, kind, id string) error {
	j, err := d.Find(ctx, a, kind, id)
	if err != nil {
		return err
	}
	d.mu.Lock()
	r := d.running[id]
	if r != nil {
		r.cancelled = true
		r.cancel()
	}
	d.mu.Unlock()
	if r != nil {
		return nil
	}
	return a.Disclose(ctx, "forget "+kind+" "+j.ID, nil, store.ItemWrite{Item: store.Item{Space: store.SpaceJob, Key: id}, Delete: true, IfVersion: -1})
}

// Close stops what is running and waits until it has said that it was interrupted.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	for _, r := range d.running {
		r.cancel()
	}
	d.mu.Unlock()
	d.wait.Wait()
}
