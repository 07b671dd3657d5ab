package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

// Before is the copy of a record that an upgrade made before it changed anything: a schema beside that of
// the record, made in the transaction of the upgrade. Its comment is this, as JSON.
type Before struct {
	Name string    `json:"-"`    // of the schema
	Of   string    `json:"of"`   // the schema of the record
	Step string    `json:"step"` // the first step that was still to be done
	At   time.Time `json:"at"`
	T    int64     `json:"t"` // the number of commits in it
}

// keep copies the record, which nobody writes. The tables of the copy are made by the steps that
// made those of the record, so that names, keys and indexes are the same when it is put back.
func keep(ctx context.Context, tx pgx.Tx, done int, now time.Time, steps []step) error {
	b := Before{Step: steps[done].name, At: now.UTC()}
	var path string
	var partitions int
	if err := tx.QueryRow(ctx, "SELECT current_schema(), current_setting('search_path'), (SELECT t FROM head), (SELECT count(*) FROM pg_inherits WHERE inhparent = 'resource'::regclass)").Scan(&b.Of, &path, &b.T, &partitions); err != nil {
		return err
	}
	b.Name = named(b.Of, "before_"+strings.ReplaceAll(b.Step, " ", "_"), now)
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	schema := quoted(b.Name)
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+schema+"; COMMENT ON SCHEMA "+schema+" IS '"+strings.ReplaceAll(string(text), "'", "''")+"'; SET LOCAL search_path = "+schema+
		"; CREATE TABLE migration (LIKE "+quoted(b.Of)+".migration INCLUDING ALL)"); err != nil {
		return err
	}
	for i := range done {
		if err := lay(ctx, tx, i, steps[i], partitions); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.relname`, schema)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Columns string }])
	if err != nil {
		return err
	}
	for _, table := range tables {
		name := quoted(table.Name)
		if _, err := tx.Exec(ctx, fmt.Sprintf("TRUNCATE %s; INSERT INTO %s (%s) SELECT %s FROM %s.%s", name, name, table.Columns, table.Columns, quoted(b.Of), name)); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "SELECT set_config('search_path', $1, true)", path)
	return err
}

// quoted is a name in a statement.
func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// named is the name of a schema beside that of the record; PostgreSQL allows 63 bytes.
func named(of, what string, now time.Time) string {
	at := now.UTC().Format("_20060102150405")
	return of[:min(len(of), 20)] + "_" + what[:min(len(what), 62-20-len(at))] + at
}

// beside finds the schemas that were made beside that of the record, by what their comments say.
const beside = `SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE obj_description(oid, 'pg_namespace') LIKE '{"of":%'`

// copies returns the copies of the record and, when aside is wanted, the states that were rolled back, oldest
// first.
func copies(ctx context.Context, tx pgx.Tx, aside bool) (out []Before, err error) {
	var of string
	if err := tx.QueryRow(ctx, "SELECT current_schema()").Scan(&of); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, beside)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Comment string }])
	for _, found := range list {
		b := Before{}
		if json.Unmarshal([]byte(found.Comment), &b) == nil && b.Of == of && (aside || b.Step != "") {
			b.Name = found.Name
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Before) int { return a.At.Compare(b.At) })
	return out, err
}

// Copies returns the copies that upgrades of the record have made, oldest first. Options need a URL alone.
func Copies(ctx context.Context, o Options) (out []Before, err error) {
	err = direct(ctx, o, func(tx pgx.Tx) error {
		out, err = copies(ctx, tx, false)
		return err
	})
	return out, err
}

// Rollback puts a copy back in the place of the record, in one transaction, and returns the schema in which the
// tables are now that were there: nothing is deleted. "" is the last copy. What was stored since the upgrade is not
// in the copy. No process may have the record open. Options need a URL and a Dir.
func Rollback(ctx context.Context, o Options, name string, now time.Time) (put Before, aside string, err error) {
	err = direct(ctx, o, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockForm); err != nil {
			return err
		}
		list, err := copies(ctx, tx, false)
		if err != nil {
			return err
		}
		for _, b := range list {
			if name == "" || b.Name == name {
				put = b
			}
		}
		switch {
		case len(list) == 0:
			return fault.New(fault.NotFound, "No upgrade has made a copy of the record in this database. Restore a backup from before the upgrade into a folder (`osler restore`), and serve it from there with the program of before, or copy it into an empty database (`osler store copy`).")
		case put.Name == "":
			return fault.New(fault.NotFound, "There is no copy of this name in the database.")
		}
		if err := sole(ctx, tx); err != nil {
			return err
		}
		aside = named(put.Of, "rolled_back", now)
		if err := exchange(ctx, tx, put, aside); err != nil {
			return err
		}
		return rewind(filepath.Join(o.Dir, "checkpoints.log"), put.T, now)
	})
	return put, aside, err
}

// exchange moves the tables of the record aside, and those of the copy in their place.
func exchange(ctx context.Context, tx pgx.Tx, b Before, aside string) error {
	text, err := json.Marshal(map[string]string{"of": b.Of})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quoted(aside)+"; COMMENT ON SCHEMA "+quoted(aside)+" IS '"+strings.ReplaceAll(string(text), "'", "''")+"'"); err != nil {
		return err
	}
	for _, move := range [][2]string{{b.Of, aside}, {b.Name, b.Of}} {
		rows, err := tx.Query(ctx, `SELECT relname FROM pg_class c WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')
			AND pg_has_role(relowner, 'USAGE') AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`, quoted(move[0]))
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s.%s SET SCHEMA %s", quoted(move[0]), quoted(table), quoted(move[1]))); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(ctx, "DROP SCHEMA "+quoted(b.Name))
	return err
}

// rewind sets the notes aside that were written behind a number of commits. A witness still has them.
func rewind(path string, t int64, now time.Time) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var left []byte
	notes, _ := ledger.SplitNotes(content)
	for _, note := range notes {
		text, _, _ := bytes.Cut(note, []byte("\n\n"))
		if c, err := ledger.ParseCheckpoint(string(text) + "\n"); err == nil && c.Size <= t {
			left = append(append(left, note...), '\n')
		}
	}
	if err == nil {
		err = os.WriteFile(strings.TrimSuffix(path, ".log")+now.UTC().Format("-20060102150405")+"-rolled-back.log", content, 0o600)
	}
	if err == nil {
		err = os.WriteFile(path+".new", left, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file checkpoints.log cannot be written. Nothing was changed.")
	}
	return nil
}

// dropCopies removes the copies of a record of which a patient's data was destroyed.
func dropCopies(ctx context.Context, c *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		list, err := copies(ctx, tx, true)
		for _, b := range list {
			if err == nil {
				_, err = tx.Exec(ctx, "DROP SCHEMA "+quoted(b.Name)+" CASCADE")
			}
		}
		return err
	})
	if err != nil {
		return fault.Wrap(plain(err), fault.Unavailable, "The patient's keys are destroyed, but the copies from before upgrades could not be removed from the database. `osler upgrade` lists them: DROP SCHEMA removes one.")
	}
	return nil
}

// direct runs f in a transaction on a connection of its own, without opening the record.
func direct(ctx context.Context, o Options, f func(pgx.Tx) error) error {
	config, err := (&Store{plain: o.Plain}).configure(o.URL, 1)
	if err != nil {
		return err
	}
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return plain(err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	return plain(pgx.BeginFunc(ctx, c, f))
}
