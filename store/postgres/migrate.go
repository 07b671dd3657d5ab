package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
)

// migrate brings the database to the last step, in one transaction that other processes wait
// for. It refuses one that was written by a newer program, or whose steps are not ours.
func migrate(ctx context.Context, c *pgx.Conn, now clock.Clock, o Options) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('osler ' || current_schema()))"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS migration (no int4 PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, at int8 NOT NULL)"); err != nil {
			return err
		}
		done, err := applied(ctx, tx)
		if err != nil {
			return err
		}
		if done == 0 && o.Existing {
			return fault.New(fault.NotFound, "There is no record in this database; `osler serve` makes one.")
		}
		for ; done < len(steps); done++ {
			if err := apply(ctx, tx, done, now, o.Partitions); err != nil {
				return err
			}
		}
		return nil
	})
}

// applied returns how many steps are done.
func applied(ctx context.Context, tx pgx.Tx) (int, error) {
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
			return 0, fault.New(fault.Unavailable, "This record was written by a newer program (schema %d, known %d). Use that program, or restore a backup from before.", no, len(steps))
		case no != done || name != steps[no-1].name || sum != steps[no-1].checksum():
			return 0, fault.New(fault.Internal, "The schema of this record (step %d, %q) is not the one that this program knows. It is not opened, so that nothing is damaged.", no, name)
		}
	}
	return done, rows.Err()
}

func apply(ctx context.Context, tx pgx.Tx, i int, now clock.Clock, partitions int) error {
	if _, err := tx.Exec(ctx, steps[i].statements(partitions)); err != nil {
		return err
	}
	if i == 0 {
		for _, table := range distributed {
			for part := range partitions {
				if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS %d, REMAINDER %d)", table, part, table, partitions, part)); err != nil {
					return err
				}
			}
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO migration (no, name, checksum, at) VALUES ($1, $2, $3, $4)", i+1, steps[i].name, steps[i].checksum(), now.Now().UnixMilli())
	return err
}

func (s step) checksum() string {
	sum := sha256.Sum256([]byte(s.sql))
	return hex.EncodeToString(sum[:8])
}
