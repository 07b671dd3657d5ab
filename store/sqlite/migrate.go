package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"github.com/osler-emr/osler/store/packed"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
)

// migrate brings the database to the last step. It refuses one that was written by a newer
// program, or whose steps are not ours.
func (c *conn) migrate(now clock.Clock) error {
	if err := c.db.Exec("CREATE TABLE IF NOT EXISTS migration (no INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INT NOT NULL) STRICT"); err != nil {
		return err
	}
	done := 0
	err := c.Query("SELECT no, name, checksum FROM migration ORDER BY no", nil, func(s packed.Row) (bool, error) {
		no, name, sum := s.ColumnInt(0), s.ColumnText(1), s.ColumnText(2)
		done++
		switch {
		case no > len(steps):
			return false, fault.New(fault.Unavailable, "This record was written by a newer program (schema %d, known %d). Use that program, or restore a backup from before.", no, len(steps))
		case no != done || name != steps[no-1].name || sum != steps[no-1].checksum():
			return false, fault.New(fault.Internal, "The schema of this record (step %d, %q) is not the one that this program knows. It is not opened, so that nothing is damaged.", no, name)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for ; done < len(steps); done++ {
		if err := c.step(done, now); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) step(i int, now clock.Clock) error {
	if err := c.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := c.db.Exec(steps[i].sql)
	if err == nil {
		err = c.exec("INSERT INTO migration (no, name, checksum, at) VALUES (?, ?, ?, ?)", i+1, steps[i].name, steps[i].checksum(), now.Now().UnixMilli())
	}
	if err == nil && i == 0 {
		err = c.exec("INSERT INTO meta (key, value) VALUES ('id', ?)", ident.New(now.Now()))
	}
	if err == nil {
		err = c.db.Exec("COMMIT")
	}
	if err != nil && !c.db.GetAutocommit() {
		_ = c.db.Exec("ROLLBACK")
	}
	return err
}

func (s step) checksum() string {
	sum := sha256.Sum256([]byte(s.sql))
	return hex.EncodeToString(sum[:8])
}
