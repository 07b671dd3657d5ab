package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
)

// migrate brings the database to the last step, in one transaction that other processes wait
// for: a crash leaves the form of before. It refuses a database that was written by a newer program, or whose
// steps are not ours. A record that exists is copied before its first new step.
func migrate(ctx context.Context, c *pgx.Conn, now clock.Clock, o Options) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockForm); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS migration (no int4 PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, at int8 NOT NULL)"); err != nil {
			return err
		}
		done, err := applied(ctx, tx, o.steps)
		if err != nil {
			return err
		}
		if done == 0 && o.Existing {
			return fault.New(fault.NotFound, "There is no record in this database; `osler serve` makes one.")
		}
		if done > 0 && done < len(o.steps) {
			if err := prepare(ctx, tx, done, now.Now(), o); err != nil {
				return err
			}
		}
		for ; done < len(o.steps); done++ {
			if err := apply(ctx, tx, done, now, o); err != nil {
				return stepFault(done, o.steps[done].name, err)
			}
		}
		return nil
	})
}

// lockForm is held while the form of a record is looked at or changed, inUse by every process that
// has it open (hear).
const (
	lockForm = "SELECT pg_advisory_xact_lock(hashtext('osler ' || current_schema()))"
	inUse    = "hashtext('osler is open ' || current_schema())"
)

// prepare sees that nobody else works on the record, and copies it.
func prepare(ctx context.Context, tx pgx.Tx, done int, now time.Time, o Options) error {
	if err := sole(ctx, tx); err != nil {
		return err
	}
	if o.WithoutCopy {
		return nil
	}
	distributed, err := spreadOver(ctx, tx.Conn())
	if err != nil {
		return err
	}
	if distributed {
		return fault.New(fault.Unavailable, "This record must be upgraded (step %d, %s), and one that is spread over several servers is not copied before. Nothing was changed. Back it up with the program of before (`osler backup`), then run `osler upgrade --without-copy`.", done+1, o.steps[done].name)
	}
	err = keep(ctx, tx, done, now, o.steps)
	var e *pgconn.PgError
	var f *fault.Error
	switch plain := plain(err); {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Code == "42501": // insufficient_privilege
		return fault.Wrap(plain, fault.Unavailable, "The record must be copied into a schema of its own before it is upgraded, and the user of the database may not make one. Nothing was changed. GRANT CREATE ON DATABASE lets it; or back the record up and run `osler upgrade --without-copy`.")
	case errors.As(plain, &f) && f.Code == fault.Unavailable:
		return fault.Wrap(plain, fault.Unavailable, "The record could not be copied before it is upgraded. Nothing was changed. %s", f.Message)
	default:
		return fault.Wrap(plain, fault.Internal, "The record could not be copied before it is upgraded. Nothing was changed. Back it up with the program of before (`osler backup`), run `osler upgrade --without-copy`, and report this.")
	}
}

// sole waits until no process has the record open, for a process that is just ending, and keeps others from
// opening and writing it until the transaction ends.
func sole(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock("+inUse+"); LOCK TABLE head IN EXCLUSIVE MODE; SET LOCAL lock_timeout TO DEFAULT")
	if held(err) {
		return fault.New(fault.Conflict, "Another program has this record open. Nothing was changed. Stop every process that serves it, then try again.")
	}
	return err
}

// stepFault names the step that failed. What the database said may hold what is stored, and is left out.
func stepFault(i int, name string, cause error) error {
	cause = plain(cause)
	var f *fault.Error
	if errors.As(cause, &f) && f.Code == fault.Unavailable {
		return fault.Wrap(cause, fault.Unavailable, "The record could not be upgraded: step %d (%s) did not come to its end, and nothing of it is left. %s", i+1, name, f.Message)
	}
	return fault.Wrap(cause, fault.Internal, "The record could not be upgraded: step %d (%s) failed. Nothing was changed; the record is not served in a half upgraded state. Use the program of before, and report this.", i+1, name)
}

// applied returns how many steps are done.
func applied(ctx context.Context, tx pgx.Tx, steps []step) (int, error) {
	rows, err := tx.Query(ctx, "SELECT no, name, checksum FROM migration ORDER BY no")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	done := 0
	for rows.Next() {
		var no int
		var name, sum string
		if err := rows.Scan(&no, &name, &sum); err != nil {
			return 0, err
		}
		done++
		switch {
		case no > len(steps):
			return 0, fault.New(fault.Unavailable, "This record was written by a newer program (schema %d, %q; known %d). Use that program, or put back the copy from before its upgrade (`osler upgrade --rollback`).", no, name, len(steps))
		case no != done || name != steps[no-1].name || sum != steps[no-1].checksum():
			return 0, fault.New(fault.Internal, "The schema of this record (step %d, %q) is not the one that this program knows. It is not opened, so that nothing is damaged.", no, name)
		}
	}
	return done, rows.Err()
}

// apply takes a step and notes it.
func apply(ctx context.Context, tx pgx.Tx, i int, now clock.Clock, o Options) error {
	if err := lay(ctx, tx, i, o.steps[i], o.Partitions); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO migration (no, name, checksum, at) VALUES ($1, $2, $3, $4)", i+1, o.steps[i].name, o.steps[i].checksum(), now.Now().UnixMilli())
	return err
}

// lay makes what a step makes.
func lay(ctx context.Context, tx pgx.Tx, i int, s step, partitions int) error {
	if _, err := tx.Exec(ctx, s.statements(partitions)); err != nil || i > 0 {
		return err
	}
	for _, table := range distributed {
		for part := range partitions {
			if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS %d, REMAINDER %d)", table, part, table, partitions, part)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s step) checksum() string {
	sum := sha256.Sum256([]byte(s.sql))
	return hex.EncodeToString(sum[:8])
}
