// Package fair shares out costly work between people, so that the questions of one cannot keep all
// others waiting.
//
//	q := fair.New(3)
//	err := q.Do(ctx, fair.Job{Who: account, Again: true}, func(t *fair.Turn) error {
//		answer, err := search(t.Context())
//		if err == nil {
//			err = t.End() // the work is done; what follows waits for the client
//		}
//		…
//	})
//
// While one person alone is here, so many of theirs are at work at once that more would take memory and
// be done no sooner; what comes beyond waits. As soon as
// somebody else asks for anything, cheap or costly, each person has at most Most jobs at work, and
// all together do too; the others wait in a queue of their person's own, from which one after the
// other is taken, person by person. A person whose jobs are brief and who has none at work does not
// wait behind them: there is room beside for the brief. Jobs that were at work already when others
// came are taken back, if they can be done again, and wait as the others.
//
// Nothing here knows what a job is or who a person is. Whoever does the work ends its turn before it
// waits for a client, and marks with Away what waits for the disk.
package fair

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Limits of a queue.
const (
	// Recent is how long ago somebody may have asked for something, to be here still.
	Recent = 2 * time.Second
	// MaxWaiting is how many jobs of one person may wait while others are here; one more is refused.
	MaxWaiting = 64
	// MaxWaitingAlone is how many may wait while nobody else is here.
	MaxWaitingAlone = 1024
	// MaxWait is how long a job waits before it is refused.
	MaxWait = 10 * time.Second
	// Brief is how long jobs take that need not wait behind long ones.
	Brief = 100 * time.Millisecond

	alone     = 16          // times most: jobs of one person at work while nobody else is here
	forget    = time.Minute // how long it is remembered how long somebody's jobs take
	maxPeople = 4096        // of whom something is remembered, before those not seen lately are let go
)

// Queue shares out work. It is safe for concurrent use. A nil Queue lets everything pass at once.
type Queue struct {
	most int // jobs at work, of all and of one, while several people are here
	room int // brief jobs beside

	mu      sync.Mutex
	people  map[string]*person
	busy    int       // people with jobs
	order   []*person // who waits; the first is next
	working []*Turn   // those that count against most, the earliest first
	brief   []*Turn   // those that have the room beside

	favoured bool // the turn that began last was one of who had been away

	newest, other sight // who asked last, and when somebody else did
}

// sight is when somebody was seen.
type sight struct {
	who *person
	at  time.Time
}

// person is what is known of somebody.
type person struct {
	jobs    int // at work, taken back and waiting
	at      int // at work
	waiting []*Turn
	mean    time.Duration // of what the jobs took
	seen    time.Time
}

// New returns a queue in which at most so many jobs are at work while several people are here, and
// as many brief ones beside, and one more. Less than one is one.
func New(most int) *Queue {
	most = max(most, 1)
	return &Queue{most: most, room: most + 1, people: map[string]*person{}}
}

// Most is how many jobs of one person are at work while others are here.
func (q *Queue) Most() int { return q.most }

// Count tells how many jobs of somebody are at work, and how many wait.
func (q *Queue) Count(who string) (atWork, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.people[who]; p != nil {
		return p.at, len(p.waiting)
	}
	return 0, 0
}

// Job is what somebody wants done.
type Job struct {
	Who string // the account
	// Again says that the job only reads, so that it can be broken off and begun again.
	Again bool
	// Budget is how long the work may take, without the time that it waits; 0: as long as it takes.
	Budget time.Duration
}

// Busy is why a job was not done: fault.TooCostly. After says when to try again.
type Busy struct {
	After time.Duration
	fault *fault.Error
}

// Error implements error.
func (b *Busy) Error() string { return b.fault.Error() }

// Unwrap returns the fault.
func (b *Busy) Unwrap() error { return b.fault }

func busy(format string, args ...any) error {
	return &Busy{After: 5 * time.Second, fault: fault.New(fault.TooCostly, format, args...)}
}

var (
	errOvertaken = errors.New("fair: the work was taken back, because others came")
	errBudget    = errors.New("fair: the work took longer than its budget")
)

// Seen notes that somebody asks for something, which need not be costly.
func (q *Queue) Seen(who string) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.see(who, time.Now())
	q.press()
}

// Do does a job when its turn has come, and returns what it returns. work may be called a second
// time when the job can be done again. The error is a *Busy when the turn did not come,
// fault.TooCostly when the budget was spent, and the context's when that ended while it waited.
func (q *Queue) Do(ctx context.Context, j Job, work func(*Turn) error) error {
	if q == nil {
		return work(&Turn{ctx: ctx, ended: true})
	}
	t, err := q.enter(ctx, j)
	if err != nil {
		return err
	}
	err = t.run(work)
	if t.overtaken {
		if t, err = q.enterAgain(ctx, j, t); err != nil {
			return err
		}
		err = t.run(work)
	}
	if err != nil && context.Cause(t.ctx) == errBudget {
		return fault.Wrap(err, fault.TooCostly, "This question takes more than %d seconds of work. Narrow it: by patient, code or date, with fewer includes, or without :contains.", int(j.Budget.Seconds()))
	}
	return err
}

// see notes when somebody asked.
func (q *Queue) see(who string, now time.Time) *person {
	p := q.people[who]
	if p == nil {
		if len(q.people) >= maxPeople {
			q.tidy(now)
		}
		p = &person{}
		q.people[who] = p
	}
	if now.Sub(p.seen) > forget {
		p.mean = 0
	}
	p.seen = now
	if q.newest.who != p {
		q.other, q.newest.who = q.newest, p
	}
	q.newest.at = now
	return p
}

// tidy lets go of those who have no jobs and were not seen lately.
func (q *Queue) tidy(now time.Time) {
	for who, p := range q.people {
		if p.jobs == 0 && now.Sub(p.seen) > Recent {
			delete(q.people, who)
		}
	}
}

// shared reports whether more than one person is here: with jobs, or seen lately.
func (q *Queue) shared(now time.Time) bool {
	idle := func(s sight) bool { return s.who != nil && s.who.jobs == 0 && now.Sub(s.at) < Recent }
	return q.busy > 1 || q.busy == 1 && (idle(q.newest) || idle(q.other))
}

// press takes back what is at work beyond the limit, the latest first, now that others are here.
func (q *Queue) press() {
	if len(q.working) <= q.most || !q.shared(time.Now()) {
		return
	}
	for i := len(q.working) - 1; i >= 0 && len(q.working) > q.most; i-- {
		if t := q.working[i]; t.again {
			q.takeBack(t)
		}
	}
}

// takeBack breaks a job off. It counts no more, and comes again by itself.
func (q *Queue) takeBack(t *Turn) {
	t.overtaken = true
	q.stop(t)
	t.cancel(errOvertaken)
}
