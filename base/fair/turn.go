package fair

import (
	"context"
	"slices"
	"time"
)

// Turn is a job that is at work or waits for it.
type Turn struct {
	queue  *Queue
	person *person
	ctx    context.Context
	cancel context.CancelCauseFunc
	budget *time.Timer   // breaks the work off
	ready  chan struct{} // closed when the work may begin

	// What follows is the queue's, under its lock, and whose work it is may read it at the end.
	again     bool // it can be taken back
	firm      bool // it was taken back once and comes the second time
	beside    bool // it has the room of the brief
	ended     bool
	overtaken bool
	away      bool
	back      bool          // it was away and waits for its turn again
	from      time.Time     // since when it is at work
	took      time.Duration // before that, without what it was away
	timer     *time.Timer
}

// Context is the context of the work: it ends when the job is taken back or its budget is spent.
func (t *Turn) Context() context.Context { return t.ctx }

// End says that the work is done: what follows only waits for the client. The error says that the
// job was taken back before; then nothing may be answered, because it is done again. To end no turn is
// no error.
func (t *Turn) End() error {
	if t == nil || t.queue == nil {
		return nil
	}
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.overtaken {
		return errOvertaken
	}
	q.finish(t)
	return nil
}

type turnKey struct{}

// Away marks that the work waits for something that takes no processor, such as the disk, until the
// function that it returns is called. While others are here, that function waits for its turn again,
// before all others, and every other time behind the next of them, so that several that are often away do not
// keep all others waiting; so nothing may be held meanwhile that others need. What was waited for is not
// waited for twice: the job is not taken back any more. A context without a turn is none of its
// business.
//
//	defer fair.Away(ctx)()
func Away(ctx context.Context) (back func()) {
	t, _ := ctx.Value(turnKey{}).(*Turn)
	if t == nil || !t.goAway() {
		return func() {}
	}
	return t.comeBack
}

func (t *Turn) goAway() bool {
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.ended || t.overtaken || t.away {
		return false
	}
	t.away, t.again = true, false
	q.stop(t)
	q.next()
	return true
}

func (t *Turn) comeBack() {
	q := t.queue
	q.mu.Lock()
	t.away = false
	switch {
	case t.ended:
	case !q.shared(time.Now()) || q.fits(t.person, true):
		q.start(t, false)
	case q.fitsBeside(t):
		q.start(t, true)
	default: // it is the next of all: what is done is not kept waiting by what is not begun, but for every other time
		q.wait(t, 0)
		t.back = true
		q.order = slices.DeleteFunc(q.order, func(p *person) bool { return p == t.person })
		at := 0
		if q.favoured {
			at = 1 + slices.IndexFunc(q.order, func(p *person) bool { return !p.waiting[0].back })
		}
		q.order = slices.Insert(q.order, at, t.person)
		defer t.until()
	}
	q.mu.Unlock()
}

// until returns when the turn has come again, or there is nothing to do any more.
func (t *Turn) until() {
	select {
	case <-t.ready:
	case <-t.ctx.Done():
		t.queue.mu.Lock()
		defer t.queue.mu.Unlock()
		t.queue.withdraw(t)
	}
}

// run does the work, and ends the turn whatever becomes of it.
func (t *Turn) run(work func(*Turn) error) error {
	q := t.queue
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.finish(t)
		if t.budget != nil {
			t.budget.Stop()
		}
		t.cancel(nil)
	}()
	return work(t)
}

func (q *Queue) turn(ctx context.Context, j Job, p *person) *Turn {
	t := &Turn{queue: q, person: p, again: j.Again}
	t.ctx, t.cancel = context.WithCancelCause(context.WithValue(ctx, turnKey{}, t))
	return t
}

// enter waits for the turn of a job.
func (q *Queue) enter(ctx context.Context, j Job) (*Turn, error) {
	q.mu.Lock()
	now := time.Now()
	p := q.see(j.Who, now)
	t := q.turn(ctx, j, p)
	q.add(p)
	q.press()
	shared, most := q.shared(now), MaxWaitingAlone
	if shared {
		most = MaxWaiting
	}
	switch {
	case q.fits(p, shared):
		q.start(t, false)
	case shared && q.fitsBeside(t):
		q.start(t, true)
	case len(p.waiting) >= most:
		q.give(p)
		q.mu.Unlock()
		t.cancel(nil)
		return nil, busy("%d of your requests wait already%s. Send fewer at once, and try again in a few seconds.", most, because(shared))
	default:
		q.wait(t, len(p.waiting))
	}
	q.mu.Unlock()
	return t.await(ctx, j)
}

// enterAgain waits for the turn of a job that was taken back, before others of the same person.
func (q *Queue) enterAgain(ctx context.Context, j Job, old *Turn) (*Turn, error) {
	q.mu.Lock()
	t := q.turn(ctx, j, old.person)
	t.again, t.firm = false, true
	q.add(old.person)
	q.wait(t, 0)
	q.next()
	q.mu.Unlock()
	return t.await(ctx, j)
}

func (q *Queue) add(p *person) {
	if p.jobs++; p.jobs == 1 {
		q.busy++
	}
}

func (q *Queue) give(p *person) {
	if p.jobs--; p.jobs == 0 {
		q.busy--
	}
}

// await returns when the work may begin, or why it may not.
func (t *Turn) await(ctx context.Context, j Job) (*Turn, error) {
	var err error
	if t.ready != nil {
		late := time.NewTimer(MaxWait)
		select {
		case <-t.ready:
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-late.C:
			t.queue.mu.Lock()
			shared := t.queue.shared(time.Now())
			t.queue.mu.Unlock()
			err = busy("Your request has waited for %d seconds%s. Try again in a few seconds, or ask for less.", int(MaxWait.Seconds()), because(shared))
		}
		late.Stop()
	}
	if err != nil && t.dropped() {
		t.cancel(nil)
		return nil, err
	}
	if j.Budget > 0 {
		t.budget = time.AfterFunc(j.Budget, func() { t.cancel(errBudget) })
	}
	return t, nil
}

// because says why somebody waits who is not alone.
func because(shared bool) string {
	if shared {
		return ", because others use the server too"
	}
	return ""
}

// dropped takes a turn out of the queue; false when it has begun meanwhile.
func (t *Turn) dropped() bool {
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.withdraw(t) {
		return false
	}
	q.give(t.person)
	return true
}

// withdraw takes a turn out of its person's queue, and the person out of the order when nothing
// waits for them any more. It reports whether the turn has waited.
func (q *Queue) withdraw(t *Turn) bool {
	p := t.person
	i := slices.Index(p.waiting, t)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	if len(p.waiting) == 0 {
		q.order = slices.DeleteFunc(q.order, func(other *person) bool { return other == p })
	}
	return true
}

// wait puts a turn into its person's queue.
func (q *Queue) wait(t *Turn, at int) {
	p := t.person
	t.ready = make(chan struct{})
	if len(p.waiting) == 0 {
		q.order = append(q.order, p)
	}
	p.waiting = slices.Insert(p.waiting, at, t)
}

// fits reports whether one more of a person may be at work, shared when others are here too.
func (q *Queue) fits(p *person, shared bool) bool {
	if !shared {
		return p.at < alone*q.most
	}
	return len(q.working) < q.most && p.at < q.most
}

// fitsBeside reports whether a turn gets the room of the brief: its person's jobs were brief so far,
// and none of them is at work.
func (q *Queue) fitsBeside(t *Turn) bool {
	p := t.person
	if t.firm || p.at > 0 || p.mean >= Brief {
		return false
	}
	if len(q.brief) < q.room {
		return true
	}
	for _, long := range q.brief { // who has it longer than is brief makes room
		if long.again && time.Since(long.from)+long.took >= Brief {
			q.takeBack(long)
			return true
		}
	}
	return false
}

// start begins the work of a turn.
func (q *Queue) start(t *Turn, beside bool) {
	t.from, t.beside = time.Now(), beside
	t.person.at++
	if !beside {
		q.working = append(q.working, t)
		return
	}
	q.brief = append(q.brief, t)
	if t.timer == nil && t.again {
		t.timer = time.AfterFunc(Brief, func() { q.long(t) })
	}
}

// long ends the stay of a turn in the room of the brief that took longer, when others wait.
func (q *Queue) long(t *Turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.ended || t.overtaken || t.away {
		return
	}
	t.person.mean = max(t.person.mean, Brief)
	if len(q.order) > 0 {
		q.takeBack(t)
		q.next()
	}
}

// stop takes a turn from what is at work.
func (q *Queue) stop(t *Turn) {
	list := &q.working
	if t.beside {
		list = &q.brief
	}
	i := slices.Index(*list, t)
	if i < 0 {
		return
	}
	*list = slices.Delete(*list, i, i+1)
	t.took += time.Since(t.from)
	t.person.at--
	if t.overtaken {
		t.person.took(t.took)
	}
}

// took notes how long a job took: the last ones count most.
func (p *person) took(d time.Duration) { p.mean += (d - p.mean) / 4 }

// finish ends the work of a turn and begins what waits for it.
func (q *Queue) finish(t *Turn) {
	if t.ended {
		return
	}
	t.ended = true
	if t.timer != nil {
		t.timer.Stop()
	}
	if !t.overtaken {
		q.stop(t)
		t.person.took(t.took)
	}
	q.give(t.person)
	q.next()
}

// next begins what may begin: person by person, and then who has brief jobs.
func (q *Queue) next() {
	for len(q.order) > 0 {
		p := q.order[0]
		beside := false
		if shared := q.shared(time.Now()); !q.fits(p, shared) {
			i := slices.IndexFunc(q.order, func(p *person) bool {
				return q.fits(p, shared) || shared && q.fitsBeside(p.waiting[0])
			})
			if i < 0 {
				return
			}
			p = q.order[i]
			beside = !q.fits(p, shared)
		}
		t := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		q.order = slices.DeleteFunc(q.order, func(other *person) bool { return other == p })
		if len(p.waiting) > 0 {
			q.order = append(q.order, p)
		}
		q.favoured, t.back = t.back, false
		q.start(t, beside)
		close(t.ready)
	}
}
