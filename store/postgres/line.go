package postgres

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A connection can die without a word: a firewall forgets it, a cable is pulled for a moment.
// Then the request waits for the database, and the database, which may hold the lock of the
// head for it, waits for the request, for as long as TCP has hope: minutes to hours. The
// pulse therefore looks at lines on which a request waits for long. When the database says
// twice that it waits for that request too, or knows nothing of it, the line is dead.

// line is a connection that knows since when it waits.
type line struct {
	net.Conn
	waits atomic.Int64 // nanoseconds since opened; 0: it does not
	// What the server calls this connection; pid is 0 until that is known.
	pid   int32
	since int64
	until string // since when the server was seen to wait, as it says itself
}

var opened = time.Now()

// backendStart, with a pid, names a session of a server for good.
const backendStart = "(extract(epoch FROM backend_start) * 1000000)::int8"

func (l *line) wait() func() {
	l.waits.CompareAndSwap(0, int64(time.Since(opened)))
	return func() { l.waits.Store(0) }
}

// Read implements net.Conn.
func (l *line) Read(b []byte) (int, error) {
	defer l.wait()()
	return l.Conn.Read(b)
}

// Write implements net.Conn.
func (l *line) Write(b []byte) (int, error) {
	defer l.wait()()
	return l.Conn.Write(b)
}

// lines are the connections of a pool.
type lines struct {
	mu   sync.Mutex
	open map[*line]bool
}

// through makes the connections of a pool lines.
func (s *Store) through(config *pgxpool.Config) {
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &line{Conn: c}, nil
	}
	config.BeforeClose = func(c *pgx.Conn) { s.unwatch(lineOf(c)) }
}

// lineOf returns the line of a connection, inside of TLS or not.
func lineOf(c *pgx.Conn) *line {
	n := c.PgConn().Conn()
	if over, ok := n.(interface{ NetConn() net.Conn }); ok {
		n = over.NetConn()
	}
	l, _ := n.(*line)
	return l
}

// named is told what the server calls a new connection. A server that is reached through a
// pooler has no name of it that stays.
func (s *Store) named(c *pgx.Conn, pid int32, since int64) {
	l := lineOf(c)
	if l == nil || uint32(pid) != c.PgConn().PID() {
		return
	}
	l.pid, l.since = pid, since
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	if s.lines.open == nil {
		s.lines.open = map[*line]bool{}
	}
	s.lines.open[l] = true
}

func (s *Store) unwatch(l *line) {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	delete(s.lines.open, l)
}

// waiting returns the lines that wait for longer than a time.
func (s *Store) waiting(longer time.Duration) (out []*line) {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	before := int64(time.Since(opened) - longer)
	for l := range s.lines.open {
		if since := l.waits.Load(); since != 0 && since < before {
			out = append(out, l)
		} else {
			l.until = ""
		}
	}
	return out
}

// judge asks the server, over another connection, what it does for the lines that wait, and
// cuts those that are dead. The server ends its side too, and with it the lock that it holds.
func (s *Store) judge(ctx context.Context, c *pgx.Conn, waiting []*line) error {
	pids := make([]int32, len(waiting))
	for i, l := range waiting {
		pids[i] = l.pid
	}
	rows, err := c.Query(ctx, `SELECT pid, coalesce(`+backendStart+`, 0), coalesce(wait_event_type = 'Client', false), coalesce(state_change::text, '') || coalesce(query_start::text, '')
FROM pg_stat_activity WHERE pid = ANY($1)`, pids)
	if err != nil {
		return err
	}
	type known struct {
		PID   int32
		Since int64
		Waits bool
		State string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[known])
	if err != nil {
		return err
	}
	for _, l := range waiting {
		i := slices.IndexFunc(list, func(k known) bool { return k.PID == l.pid && k.Since == l.since })
		state := "gone"
		if i >= 0 {
			state = list[i].State
			if !list[i].Waits {
				l.until = ""
				continue
			}
		}
		if l.until != state {
			l.until = state
			continue
		}
		if i >= 0 {
			if _, err := c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND "+backendStart+" = $2", l.pid, l.since); err != nil {
				return err
			}
		}
		s.unwatch(l)
		l.Conn.Close() // the request gets an error of a lost connection
	}
	return nil
}

// evict ends the transaction that holds the head while its client says nothing: a process
// that was stopped in the middle of a commit, or whose network is gone. What it was about to
// commit is undone, and it will find out when it goes on. A server whose clock jumps ends a
// transaction too early at worst, which is then tried again.
func (s *Store) evict(ctx context.Context) {
	_ = s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.relation = 'head'::regclass AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.usename = current_user AND a.application_name = current_setting('application_name') AND a.wait_event_type = 'Client' AND a.pid <> pg_backend_pid()
AND a.xact_start < clock_timestamp() - interval '3 seconds'`)
		return err
	})
}
