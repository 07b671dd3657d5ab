package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A probe finds out whether the database takes changes, and leaves nothing behind: it fills 8 MB of a table of its
// transaction, on the disk of the record, and waits for the head as a commit does. A user who may make no such
// table waits for the head alone.
const (
	probeRoom = `SET LOCAL temp_tablespaces = ''; CREATE TEMPORARY TABLE probe (filler text) ON COMMIT DROP; INSERT INTO probe SELECT repeat('x', 1900) FROM generate_series(1, 4096); `
	probeHead = `SET LOCAL lock_timeout = '` + lockTimeout + `'; SELECT 1 FROM head FOR UPDATE; ROLLBACK`
)

// Probe implements store.Probing.
func (s *Store) Probe(ctx context.Context) error {
	return plain(s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		run := func(text string) error {
			_, err := c.PgConn().Exec(ctx, "BEGIN; "+text).ReadAll()
			if err != nil && !c.IsClosed() {
				_, _ = c.Exec(ctx, "ROLLBACK")
			}
			return err
		}
		err := run(probeRoom + probeHead)
		var e *pgconn.PgError
		if errors.As(err, &e) && e.Code == "42501" { // insufficient_privilege
			return run(probeHead)
		}
		return err
	}))
}

// turnQuiet ends the session of a process whose machine went away without a word after a minute, and keeps the server
// from ending one that waits for long.
const turnQuiet = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET idle_session_timeout = 0"

// Turn implements store.Shared. Who has the turn has a connection of its own, with whose end it is given back.
func (s *Store) Turn(ctx context.Context, name string) (end func(), mine bool, err error) {
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, false, plain(err)
	}
	end = func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(closing)
	}
	if _, err = c.PgConn().Exec(ctx, turnQuiet).ReadAll(); err == nil {
		err = c.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtext('osler ' || current_schema()), hashtext($1))", name).Scan(&mine)
	}
	if err != nil || !mine {
		end()
		return nil, false, plain(err)
	}
	return end, true, nil
}
