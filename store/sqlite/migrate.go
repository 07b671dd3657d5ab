package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store/packed"
)

// migrate brings the database to the last step. It refuses one that was written by a newer
// program, or whose steps are not ours, without writing to it. A record that exists is copied
// before its first new step.
func (s *Store) migrate(c *conn) error {
	exists, err := c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'migration'")
	if err != nil {
		return err
	}
	if exists == 0 {
		if err := c.db.Exec("CREATE TABLE migration (no INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INT NOT NULL) STRICT"); err != nil {
			return err
		}
	}
	done, err := c.known(s.place.steps)
	if err != nil {
		return err
	}
	if done > 0 && done < len(s.place.steps) && !s.copied { // the copy from before the first change is the one to go back to
		t, err := c.number("SELECT max(t) FROM leaf")
		if err != nil {
			return err
		}
		if err := s.emptyLog(c.db); err != nil {
			return err
		}
		if err := s.place.keep(s.dir, Before{Step: s.place.steps[done].name, At: s.clock.Now(), T: t}); err != nil {
			return err
		}
		s.place.reached("copied")
	}
	for ; done < len(s.place.steps); done++ {
		if err := c.step(done, s.place.steps[done], s.clock); err != nil {
			return stepFault(done, s.place.steps[done].name, err)
		}
		s.place.reached(s.place.steps[done].name)
	}
	return nil
}

// known counts the steps that were taken, and sees that they are those of the program.
func (c *conn) known(steps []step) (done int, err error) {
	err = c.Query("SELECT no, name, checksum FROM migration ORDER BY no", nil, func(s packed.Row) (bool, error) {
		no, name, sum := s.ColumnInt(0), s.ColumnText(1), s.ColumnText(2)
		done++
		switch {
		case no > len(steps):
			return false, fault.New(fault.Unavailable, "This record was written by a newer program (schema %d, known %d). Use that program, or put back the copy from before its upgrade.", no, len(steps))
		case no != done || name != steps[no-1].name || sum != steps[no-1].checksum():
			return false, fault.New(fault.Internal, "The schema of this record (step %d, %q) is not the one that this program knows. It is not opened, so that nothing is damaged.", no, name)
		}
		return true, nil
	})
	return done, err
}

// stepFault names the step that failed. The cause may hold what is stored, and is only logged.
func stepFault(i int, name string, cause error) error {
	var f *fault.Error
	if errors.As(plain(cause), &f) && f.Code == fault.Unavailable {
		return fault.Wrap(cause, fault.Unavailable, "The record could not be upgraded: step %d (%s) did not come to its end, and nothing of it is left. %s", i+1, name, f.Message)
	}
	return fault.Wrap(cause, fault.Internal, "The record could not be upgraded: step %d (%s) failed. Nothing was changed; the record is not served in a half upgraded state. Use the program of before, and report this.", i+1, name)
}

// step takes one step in one transaction.
func (c *conn) step(i int, s step, now clock.Clock) error {
	if err := c.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := c.db.Exec(s.sql)
	if err == nil {
		err = c.exec("INSERT INTO migration (no, name, checksum, at) VALUES (?, ?, ?, ?)", i+1, s.name, s.checksum(), now.Now().UnixMilli())
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
