package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A database that stands still answers nothing, not even with an error. Requests that wait
// for long are therefore checked: when a new connection cannot be made either, twice, the
// database is away: they end, and new ones fail at once until it answers again. A slow search
// on a database that lives is left alone.

const (
	beatEvery = 500 * time.Millisecond
	// slow is the age from which a request makes the pulse be taken.
	slow = time.Second
)

// pulse knows the requests that are under way.
type pulse struct {
	mu      sync.Mutex
	running map[*beat]bool

	ended atomic.Int64 // requests that the database has answered
	away  atomic.Bool
}

type beat struct {
	since  time.Time
	cancel context.CancelCauseFunc
}

func (p *pulse) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &beat{since: time.Now(), cancel: cancel}
	p.mu.Lock()
	if p.running == nil {
		p.running = map[*beat]bool{}
	}
	p.running[b] = true
	p.mu.Unlock()
	return ctx, func() {
		p.mu.Lock()
		delete(p.running, b)
		p.mu.Unlock()
		cancel(nil)
	}
}

// older returns the requests that began before a moment.
func (p *pulse) older(moment time.Time) (out []*beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.running {
		if b.since.Before(moment) {
			out = append(out, b)
		}
	}
	return out
}

// beat ends the requests of a database that is away.
func (s *Store) beat(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	failed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		ended := s.pulse.ended.Load()
		waiting, silent := s.pulse.older(time.Now().Add(-slow)), s.waiting(slow)
		if failed == 0 && len(waiting) == 0 && len(silent) == 0 || s.answers(ctx, silent) || ended != s.pulse.ended.Load() {
			failed = 0
			s.pulse.away.Store(false)
			continue
		}
		if failed++; failed < 2 {
			continue
		}
		s.pulse.away.Store(true)
		for _, b := range s.pulse.older(time.Now()) {
			b.cancel(away(nil))
		}
	}
}

// answers reports whether a new connection is answered, and asks it for lines that wait.
func (s *Store) answers(ctx context.Context, silent []*line) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	config := s.pool.Config().ConnConfig
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are used once
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		var said *pgconn.PgError // also a refusal is an answer
		return errors.As(err, &said) && !gone(said)
	}
	defer c.Close(ctx)
	if len(silent) > 0 {
		return s.judge(ctx, c, silent) == nil
	}
	return c.Ping(ctx) == nil
}

// Watch calls f after every commit of another process that changes a resource: perhaps once
// for several, and always once after the connection was lost. f must not block.
func (s *Store) Watch(f func()) {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watchers = append(s.watchers, f)
}

func (s *Store) wake() {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for _, f := range s.watchers {
		f()
	}
}

// listen hears of the commits of other processes, and connects again when it hears nothing
// any more.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = s.hear(ctx)
		s.wake() // something may have been missed
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// heardEvery is how often a silent connection is asked whether it lives.
const heardEvery = 10 * time.Second

func (s *Store) hear(ctx context.Context) error {
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(end)
	}()
	if _, err := c.Exec(ctx, "LISTEN "+s.channel()); err != nil { // the name is ours: hexadecimal digits
		return err
	}
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock_shared("+inUse+")"); err != nil { // an upgrade waits until nobody has it
		return err
	}
	s.hears.Store(true)
	defer s.hears.Store(false)
	s.wake()
	for {
		wait, cancel := context.WithTimeout(ctx, heardEvery)
		n, err := c.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil && s.told(n.Payload):
			s.wake()
		case err == nil || ctx.Err() != nil:
			if ctx.Err() != nil {
				return ctx.Err()
			}
		case wait.Err() != nil && !c.IsClosed():
			alive, cancel := context.WithTimeout(ctx, connectWait)
			err := c.Ping(alive)
			cancel()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}
