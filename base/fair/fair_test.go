package fair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// bench is a place where jobs are done under the eyes of a test.
type bench struct {
	t *testing.T
	q *Queue

	mu    sync.Mutex
	at    map[string]int // jobs at work of each person
	peak  map[string]int
	began []string
	ended map[string]int
	errs  map[string][]error
	all   sync.WaitGroup
}

func open(t *testing.T, most int) *bench {
	return &bench{t: t, q: New(most), at: map[string]int{}, peak: map[string]int{}, ended: map[string]int{}, errs: map[string][]error{}}
}

// work takes as long as it is told, unless its turn is taken back.
func (b *bench) work(who string, long time.Duration) func(*Turn) error {
	return func(t *Turn) error {
		b.mu.Lock()
		b.began = append(b.began, who)
		b.at[who]++
		b.peak[who] = max(b.peak[who], b.at[who])
		b.mu.Unlock()
		var err error
		select {
		case <-time.After(long):
		case <-t.Context().Done():
			err = t.Context().Err()
		}
		b.mu.Lock()
		b.at[who]--
		b.mu.Unlock()
		if err != nil {
			return err
		}
		return t.End()
	}
}

// ask sends a job of somebody on its way and returns when it is at work or waits.
func (b *bench) ask(ctx context.Context, j Job, long time.Duration) {
	b.all.Go(func() {
		err := b.q.Do(ctx, j, b.work(j.Who, long))
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil {
			b.errs[j.Who] = append(b.errs[j.Who], err)
			return
		}
		b.ended[j.Who]++
	})
	synctest.Wait()
}

func (b *bench) reads(who string, n int, long time.Duration) {
	for range n {
		b.ask(context.Background(), Job{Who: who, Again: true}, long)
	}
}

// now are the jobs of somebody at work.
func (b *bench) now(who string) int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at[who]
}

// since forgets what was the most at once.
func (b *bench) since() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.peak)
	b.began = nil
}

func (b *bench) want(what string, got, want int) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// What the jobs came to, when nothing is under way.
func (b *bench) did(who string) int {
	b.now(who)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended[who]
}
func (b *bench) most(who string) int {
	b.now(who)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peak[who]
}
func (b *bench) refused(who string) []error {
	b.now(who)
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errs[who])
}
func (b *bench) order() []string {
	b.now("")
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.began)
}

func in(t *testing.T, most int, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, most)
		f(b)
		b.all.Wait()
		if q := b.q; len(q.working)+len(q.brief)+len(q.order)+q.busy != 0 {
			t.Errorf("in the end %d are at work, %d beside, %d people wait, %d are busy", len(q.working), len(q.brief), len(q.order), q.busy)
		}
	})
}

// Whoever is alone has so many at work at once, and no more: the rest waits, and is done, also after
// others have gone.
func TestWhoIsAloneHasManyAtWork(t *testing.T) {
	in(t, 2, func(b *bench) {
		b.reads("nina", 200, time.Second)
		b.want("at work", b.now("nina"), 2*alone)
		b.all.Wait()
		b.q.Seen("amara")
		time.Sleep(Recent + time.Millisecond)
		b.reads("nina", 100, time.Second)
		b.want("at work, two seconds after somebody else was seen", b.now("nina"), 2*alone)
		b.all.Wait()
		b.want("done", b.did("nina"), 300)
		b.reads("nina", MaxWaitingAlone+2*alone+3, time.Millisecond)
		b.want("refused", len(b.refused("nina")), 3)
	})
}

// When somebody else comes, even for something cheap, all beyond the limit are taken back, and
// done later; nothing is lost.
func TestOthersComeAndWorkIsTakenBack(t *testing.T) {
	in(t, 2, func(b *bench) {
		b.reads("nina", 20, time.Second)
		b.want("alone", b.now("nina"), 20)
		time.Sleep(500 * time.Millisecond)
		b.q.Seen("amara")
		b.want("with another", b.now("nina"), 2)
		b.since()
		for range 100 {
			time.Sleep(time.Second / 4)
			b.q.Seen("amara")
		}
		b.want("most at once", b.most("nina"), 2)
		b.all.Wait()
		b.want("done", b.did("nina"), 20)
	})
}

// What waits for somebody who has gone begins when the next turn ends.
func TestAllBeginWhenTheOthersHaveGone(t *testing.T) {
	in(t, 1, func(b *bench) {
		b.q.Seen("amara")
		b.reads("nina", 10, 3*time.Second)
		b.want("with another", b.now("nina"), 1)
		time.Sleep(3100 * time.Millisecond)
		b.want("alone again", b.now("nina"), 9)
	})
}

// What writes is not taken back.
func TestWhatCannotBeDoneAgainIsNotTakenBack(t *testing.T) {
	in(t, 1, func(b *bench) {
		for range 5 {
			b.ask(context.Background(), Job{Who: "nina"}, time.Second)
		}
		b.q.Seen("amara")
		b.want("writes at work", b.now("nina"), 5)
		b.reads("nina", 1, time.Second)
		b.want("with a read that waits", b.now("nina"), 5)
		b.all.Wait()
		b.want("done", b.did("nina"), 6)
		b.want("begun", len(b.order()), 6)
	})
}

// A neighbour whose questions are brief has a turn at once, each time, however many wait.
func TestBriefQuestionsDoNotWaitBehindLongOnes(t *testing.T) {
	in(t, 1, func(b *bench) {
		b.reads("nina", 50, 700*time.Millisecond)
		for range 40 {
			began := time.Now()
			b.reads("amara", 1, 5*time.Millisecond)
			b.want("a neighbour at work", b.now("amara"), 1)
			if n := b.now("nina"); n > 1 {
				t.Errorf("%d at work beside a neighbour", n)
			}
			time.Sleep(5 * time.Millisecond)
			b.want("done", b.now("amara"), 0)
			if took := time.Since(began); took != 5*time.Millisecond {
				t.Errorf("a neighbour waits: %v", took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		b.all.Wait()
		b.want("done for the neighbour", b.did("amara"), 40)
	})
}

// Fifty accounts that ask long questions together do not take the room of the brief: each comes
// there once, for a moment.
func TestManyAccountsTogether(t *testing.T) {
	in(t, 1, func(b *bench) {
		for range 3 {
			for i := range 50 {
				b.reads(fmt.Sprintf("hostile %d", i), 1, 2*time.Second)
			}
		}
		at := func() (n int) {
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, one := range b.at {
				n += one
			}
			return n
		}
		for range 8 {
			if n := at(); n > 1+b.q.room {
				t.Errorf("%d of them at work", n)
			}
			time.Sleep(Brief)
		}
		time.Sleep(4 * time.Second)
		for range 20 {
			began := time.Now()
			b.ask(context.Background(), Job{Who: "amara", Again: true}, 5*time.Millisecond)
			for b.now("amara") == 0 && time.Since(began) < time.Second {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(began); took > Brief {
				t.Errorf("a neighbour waits %v for its turn", took)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// People take turns: who has one question waits for one of each other, not for all.
func TestPersonByPerson(t *testing.T) {
	in(t, 1, func(b *bench) {
		b.q.room = 0
		b.q.Seen("amara")
		b.reads("nina", 6, time.Second)
		b.reads("omar", 2, time.Second)
		b.reads("rosa", 1, time.Second)
		b.all.Wait()
		if got := strings.Join(b.order(), " "); got != "nina nina omar rosa nina omar nina nina nina" {
			t.Errorf("the order is %s", got)
		}
	})
}

// A queue has an end, a wait too, and who goes away leaves it.
func TestQueuesEnd(t *testing.T) {
	in(t, 1, func(b *bench) {
		gone, leave := context.WithCancel(context.Background())
		stay := func() {
			for range 60 {
				b.q.Seen("amara")
				time.Sleep(time.Second / 2)
			}
		}
		b.all.Go(stay)
		synctest.Wait()
		b.reads("nina", 1, 12*time.Second)
		b.ask(gone, Job{Who: "nina", Again: true}, time.Second)
		b.reads("nina", MaxWaiting-1, time.Second)
		b.want("refused", len(b.refused("nina")), 0)
		b.reads("nina", 1, time.Second)
		var busy *Busy
		if errs := b.refused("nina"); len(errs) != 1 || !errors.As(errs[0], &busy) || !fault.Is(errs[0], fault.TooCostly) || busy.After <= 0 {
			t.Fatalf("one more than may wait: %v", errs)
		}
		leave()
		synctest.Wait()
		if errs := b.refused("nina"); len(errs) != 2 || !errors.Is(errs[1], context.Canceled) {
			t.Fatalf("who went away: %v", errs)
		}
		b.reads("nina", 1, time.Second) // in its place
		b.want("refused", len(b.refused("nina")), 2)
		time.Sleep(11 * time.Second)
		b.want("refused after ten seconds", len(b.refused("nina")), 2+MaxWaiting)
		for _, err := range b.refused("nina")[2:] {
			if !errors.As(err, &busy) {
				t.Errorf("who has waited too long: %v", err)
			}
		}
		b.all.Wait()
		b.want("done", b.did("nina"), 1)
	})
}

// Work has a budget; its error is a sentence that says what to do.
func TestBudget(t *testing.T) {
	in(t, 1, func(b *bench) {
		b.ask(context.Background(), Job{Who: "nina", Again: true, Budget: 30 * time.Second}, time.Hour)
		time.Sleep(31 * time.Second)
		if errs := b.refused("nina"); len(errs) != 1 || !fault.Is(errs[0], fault.TooCostly) || !strings.Contains(errs[0].Error(), "Narrow it") {
			t.Errorf("%v", errs)
		}
	})
}

// Who waits for the disk leaves the turn to others, and has the next one.
func TestAway(t *testing.T) {
	in(t, 1, func(b *bench) {
		b.q.room = 0
		disk := make(chan struct{})
		var done atomic.Bool
		b.all.Go(func() {
			_ = b.q.Do(context.Background(), Job{Who: "nina", Again: true}, func(t *Turn) error {
				back := Away(t.Context())
				<-disk
				back()
				done.Store(true)
				return t.End()
			})
		})
		synctest.Wait()
		b.q.Seen("amara")
		b.reads("omar", 2, time.Second)
		b.reads("nina", 1, time.Second)
		b.want("beside who waits for the disk", b.now("omar"), 1)
		close(disk)
		b.want("still", b.now("omar"), 1)
		if done.Load() {
			b.t.Error("two are at work")
		}
		time.Sleep(1001 * time.Millisecond)
		b.want("the others", b.now("omar")+b.now("nina"), 1)
		if !done.Load() {
			b.t.Error("who has come from the disk is not the next")
		}
	})
	Away(context.Background())()
}

// Long jobs that are away all the time, of one person or of several, do not keep all others waiting.
func TestWhoIsOftenAwayLetsOthersBegin(t *testing.T) {
	for name, who := range map[string][]string{"one": {"nina", "nina", "nina"}, "several": {"nina", "omar", "rosa"}} {
		t.Run(name, func(t *testing.T) {
			in(t, 1, func(b *bench) {
				b.q.room = 0
				for _, who := range who {
					b.all.Go(func() {
						_ = b.q.Do(context.Background(), Job{Who: who}, func(t *Turn) error {
							for range 100 {
								time.Sleep(Brief)
								Away(t.Context())()
							}
							return t.End()
						})
					})
					synctest.Wait()
				}
				b.q.Seen("amara")
				time.Sleep(5 * Brief)
				b.reads("amara", 1, time.Second)
				time.Sleep(2 * time.Second)
				b.want("done beside them", b.did("amara"), 1)
			})
		})
	}
}

// Who ends while waiting for the turn after the disk holds nobody up.
func TestGivenUpAfterTheDisk(t *testing.T) {
	in(t, 1, func(b *bench) {
		ctx, leave := context.WithCancel(context.Background())
		b.q.room = 0
		b.all.Go(func() {
			_ = b.q.Do(ctx, Job{Who: "nina"}, func(t *Turn) error {
				time.Sleep(Brief)
				back := Away(t.Context())
				time.Sleep(Brief)
				back()
				return t.Context().Err()
			})
		})
		time.Sleep(Brief)
		b.reads("nina", 1, 0)
		b.q.Seen("amara")
		b.reads("nina", 1, time.Second)
		time.Sleep(Brief)
		leave()
		b.want("at work", b.now("nina"), 1)
	})
}

// Without a queue everything passes.
func TestNoQueue(t *testing.T) {
	var q *Queue
	q.Seen("nina")
	done := false
	if err := q.Do(t.Context(), Job{Who: "nina"}, func(turn *Turn) error { done = turn.Context() != nil; return turn.End() }); err != nil || !done {
		t.Error(err, done)
	}
}

// What a turn costs when nobody else is here.
func BenchmarkAlone(b *testing.B) {
	q := New(1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = q.Do(ctx, Job{Who: "nina", Again: true, Budget: time.Minute}, func(t *Turn) error {
				Away(t.Context())()
				return t.End()
			})
		}
	})
}
