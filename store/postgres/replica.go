package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
)

// Replicas answer searches and charts when they have everything that this process knows of:
// its own commits, and those of others that it was told of (NOTIFY). One that lags is passed
// over, so that nobody misses what they have just stored. Items (sessions, drafts), changes and
// audit leaves always go to the primary.

const (
	// rest is how long a replica that did not answer is not asked.
	rest = 5 * time.Second
	// lagRest is how long one is not asked that lags.
	lagRest = 20 * time.Millisecond
	// replicaWait is how long a request waits for a replica before it takes the primary.
	replicaWait = 500 * time.Millisecond
)

// replicas are the databases that follow the primary.
type replicas struct {
	list []*replica
	next atomic.Uint32
}

type replica struct {
	pool  *pgxpool.Pool
	until atomic.Int64 // Unix nanoseconds until which it rests
	reads atomic.Int64 // answers given
}

// errBehind says that a replica does not have a state yet.
var errBehind = errors.New("the replica lags")

// follow opens the replicas. None has to be there now.
func (s *Store) follow(ctx context.Context, o Options) error {
	for _, address := range o.Replicas {
		config, err := s.configure(address, o.Connections)
		if err != nil {
			return err
		}
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return plain(err)
		}
		s.replicas.list = append(s.replicas.list, &replica{pool: pool})
	}
	return nil
}

// pick returns the replica that is asked next; nil when none is fit.
func (s *Store) pick() *replica {
	n := len(s.replicas.list)
	if n == 0 || !s.hears.Load() { // commits of others would be missed
		return nil
	}
	now, first := time.Now().UnixNano(), int(s.replicas.next.Add(1))
	for i := range n {
		if r := s.replicas.list[(first+i)%n]; r.until.Load() < now {
			return r
		}
	}
	return nil
}

func (r *replica) restFor(d time.Duration) { r.until.Store(time.Now().Add(d).UnixNano()) }

// readReplica runs f on a replica. served is false when the primary has to be asked instead.
func (s *Store) readReplica(ctx context.Context, r *replica, f func(packed.Conn) error) (served bool, err error) {
	wait, cancel := context.WithTimeout(ctx, replicaWait)
	defer cancel()
	c, err := r.pool.Acquire(wait)
	if err != nil {
		if ctx.Err() == nil {
			r.restFor(rest)
		}
		return false, err
	}
	seen := s.seen.Load()
	_, era := s.words.State()
	t, params, follows, err := beginReplica(wait, c.Conn())
	if err != nil || t < seen || !follows {
		if err == nil {
			r.restFor(lagRest)
			s.leave(c)
			return false, nil
		}
		if ctx.Err() == nil {
			r.restFor(rest)
		}
		c.Release()
		return false, err
	}
	n := &conn{Conn: c.Conn(), ctx: ctx, store: s, t: t, edition: params, era: era, follows: true}
	if err = s.words.Learn(n, params, era); err == nil {
		err = f(n)
	}
	if err == nil {
		r.reads.Add(1)
		s.leave(c)
		return true, nil
	}
	if !c.Conn().IsClosed() {
		_, _ = c.Exec(ctx, "ROLLBACK")
	}
	c.Release()
	if errors.Is(err, errBehind) || errors.Is(err, packed.ErrForgotten) {
		return false, nil
	}
	if ctx.Err() == nil && lost(err) {
		r.restFor(rest)
	}
	return true, err
}

// beginReplica begins a transaction that reads. A server that does not follow another one right
// now may hold what was lost in a failover, and is not asked.
func beginReplica(ctx context.Context, c *pgx.Conn) (t, params int64, follows bool, err error) {
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue("SELECT t, params, pg_is_in_recovery() AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) FROM head").QueryRow(func(r pgx.Row) error { return r.Scan(&t, &params, &follows) })
	err = c.SendBatch(ctx, b).Close()
	return t, params, follows, err
}

// Behind tells packed that a replica has not reached a T that was asked for; nil on the
// primary, which knows all that there is.
func (c *conn) Behind() error {
	if c.follows {
		return fault.Wrap(errBehind, fault.Unavailable, "The replica has not reached this state yet.")
	}
	return nil
}

// tell returns what a commit tells the other processes.
func (s *Store) tell(t int64) string { return s.self + " " + strconv.FormatInt(t, 10) }

// told takes in what another process has told; false when it was this one.
func (s *Store) told(payload string) bool {
	who, t, _ := strings.Cut(payload, " ")
	if who == s.self {
		return false
	}
	if n, err := strconv.ParseInt(t, 10, 64); err == nil {
		raise(&s.seen, n)
	}
	return true
}

// ReplicaReads returns how many reads each replica has answered.
func (s *Store) ReplicaReads() (out []int64) {
	for _, r := range s.replicas.list {
		out = append(out, r.reads.Load())
	}
	return out
}
