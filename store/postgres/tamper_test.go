package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// tamperLeaves is how many entries the record has that is tampered with.
const tamperLeaves = 60

// tamperPlace is one random place in the record.
type tamperPlace struct {
	*rand.Rand
}

func (p tamperPlace) leaf() int64         { return 2 + p.Int64N(tamperLeaves-4) }
func (p tamperPlace) observation() string { return fmt.Sprint("o", 2*p.IntN((tamperLeaves-6)/2)) }

// tamperKinds are what somebody does who may write in the database, and what a report has to name
// (one of the texts). Bodies are sealed there: who has not the keys cannot edit, only damage and move
// them. The kinds that need the keys are those of store/sqlite: the tree is the same.
var tamperKinds = []struct {
	name   string
	tamper func(p tamperPlace) (sql string, want []string)
}{
	{"edited entry", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET body = set_byte(body, length(body) - %[2]d, get_byte(body, length(body) - %[2]d) # 1) WHERE t = %[1]d", t, 1+p.IntN(40)), entryAt(t)
	}},
	{"entry removed", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("DELETE FROM leaf WHERE t = %d", t), []string{fmt.Sprintf("lacks the entries from %d to %d", t-1, t-1)}
	}},
	{"entry twice in place of another", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET body = (SELECT body FROM leaf WHERE t = %d) WHERE t = %d", t, t+1), entryAt(t + 1)
	}},
	{"entry put in", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET t = -t - 1 WHERE t > %d; INSERT INTO leaf SELECT %d, at, actor, action, body FROM leaf WHERE t = %d; UPDATE leaf SET t = -t WHERE t < 0", t, t+1, t), entryAt(t + 1)
	}},
	{"two entries swapped", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET t = -1 WHERE t = %[1]d; UPDATE leaf SET t = %[1]d WHERE t = %[2]d; UPDATE leaf SET t = %[2]d WHERE t = -1", t, t+1), entryAt(t)
	}},
	{"a run of entries in another order", func(p tamperPlace) (string, []string) {
		t := min(p.leaf(), tamperLeaves-6)
		return fmt.Sprintf("UPDATE leaf SET t = -t WHERE t BETWEEN %[1]d AND %[2]d; UPDATE leaf SET t = %[1]d + %[2]d + t WHERE t < 0", t, t+4), entryAt(t)
	}},
	{"newest entries cut off", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return cutAt(t), []string{"but a signed checkpoint counts", "lacks the entries", "signed checkpoint"}
	}},
	{"newest entries cut off, with the checkpoints in the database", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return cutAt(t) + fmt.Sprintf("; DELETE FROM checkpoint WHERE size > %d", t), []string{"but a signed checkpoint counts", "lacks the entries", "signed checkpoint"}
	}},
	{"time of filing turned back", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET at = at - %d WHERE t = %d", 1+p.Int64N(1e9), t), []string{"another time", "is dated before"}
	}},
	{"time of filing moved on", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET at = at + 1 WHERE t >= %d", t), []string{"is filed under another time"}
	}},
	{"filed under another person", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("UPDATE leaf SET actor = 'nobody' WHERE t = %d", t), []string{"is filed under another person"}
	}},
	{"hidden from the patient's list", func(p tamperPlace) (string, []string) {
		t := p.leaf()
		return fmt.Sprintf("DELETE FROM leaf_patient WHERE t = %d", t), []string{"is not listed under Patient/"}
	}},
	{"put on another patient's list", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("INSERT INTO leaf_patient VALUES ('somebody', %d)", p.leaf()), []string{"is listed under Patient/somebody, whom it does not name"}
	}},
	{"mark of a break-glass use removed", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("DELETE FROM leaf_patient WHERE t = %d AND patient = '!glass'", 8+10*p.IntN(tamperLeaves/10)), []string{"is not listed under the kind glass"}
	}},
	{"signature of a checkpoint altered", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE checkpoint SET note = set_byte(note, length(note) - %[1]d, CASE get_byte(note, length(note) - %[1]d) WHEN 65 THEN 66 ELSE 65 END) WHERE size = %[2]d", 10+p.IntN(40), tamperLeaves/3), []string{"is not signed"}
	}},
	{"tree size of a checkpoint altered", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE checkpoint SET size = size + 1 WHERE size = %d", tamperLeaves/3), []string{fmt.Sprintf("in the database says %d", tamperLeaves/3)}
	}},
	{"checkpoint removed from the database", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("DELETE FROM checkpoint WHERE size = %d", tamperLeaves/3), []string{"is in checkpoints.log but not in the database"}
	}},
	{"hash of the tree altered", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE hash SET hash = sha256(hash) WHERE no = %d", p.Int64N(tlog.StoredHashCount(tamperLeaves))), []string{"its hash is not the stored one"}
	}},
	{"edge of the tree altered", func(p tamperPlace) (string, []string) {
		return "UPDATE hash SET hash = sha256(hash) WHERE no = (SELECT max(no) FROM hash)", []string{"its hash is not the stored one"}
	}},
	{"hash of the tree removed", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("DELETE FROM hash WHERE no = %d", p.Int64N(tlog.StoredHashCount(tamperLeaves))), []string{"lacks its hashes", "lacks the hash"}
	}},
	{"hashes added", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("INSERT INTO hash SELECT max(no) + 1 + %d, sha256('x') FROM hash", p.IntN(9)), []string{"stored hashes"}
	}},
	{"version changed without an entry", func(p tamperPlace) (string, []string) {
		id := p.observation()
		return fmt.Sprintf("UPDATE resource SET (codec, body) = (SELECT codec, body FROM resource r WHERE r.id <> '%[1]s' AND r.deleted = 0 LIMIT 1) WHERE id = '%[1]s'", id), []string{"Observation/" + id}
	}},
	{"former version changed", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE history SET (codec, body) = (SELECT codec, body FROM resource r WHERE r.id = '%s') WHERE id = 'gone'", p.observation()), []string{"Observation/gone version"}
	}},
	{"entry whose version is gone", func(p tamperPlace) (string, []string) {
		id := p.observation()
		return fmt.Sprintf("DELETE FROM resource WHERE id = '%s'", id), []string{"Observation/" + id}
	}},
	{"version put in without an entry", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("INSERT INTO resource SELECT patient, rid + 9000, type, deleted, t, updated, version, 'forged', has, codec, body FROM resource WHERE id = '%s'", p.observation()), []string{"Observation/forged version 1"}
	}},
	{"deletion undone", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE history SET (deleted, codec, body) = (SELECT 0, codec, body FROM resource r WHERE r.id = '%s') WHERE id = 'gone' AND version = 2", p.observation()), []string{"Observation/gone version 2"}
	}},
	{"version dated otherwise", func(p tamperPlace) (string, []string) {
		id := p.observation()
		return fmt.Sprintf("UPDATE resource SET updated = updated - %d WHERE id = '%s'", 1+p.IntN(1e9), id), []string{"Observation/" + id + " version 1"}
	}},
	{"former version ended later", func(p tamperPlace) (string, []string) {
		return fmt.Sprintf("UPDATE history SET until = until + %d WHERE id = 'gone'", 1+p.IntN(5)), []string{"does not end"}
	}},
}

// entryAt is what is said of an entry that is not what was written: it cannot be opened in another
// place, or has another hash.
func entryAt(t int64) []string {
	return []string{fmt.Sprintf("entry %d ", t-1), fmt.Sprintf("Entry %d ", t-1)}
}

// cutAt takes everything away that was written after a commit, as somebody would do it who knows
// the tables.
func cutAt(t int64) string {
	return fmt.Sprintf("DELETE FROM history WHERE t > %[1]d; DELETE FROM resource WHERE t > %[1]d; DELETE FROM leaf WHERE t > %[1]d; DELETE FROM leaf_patient WHERE t > %[1]d; DELETE FROM hash WHERE no >= %[2]d; UPDATE head SET t = %[1]d", t, tlog.StoredHashCount(t))
}

// TestAbuseD26TamperDrill: each kind of tampering, at random places in a record in PostgreSQL, is
// noticed by the verification, which says where. Two places in every run, 100 in the drill.
func TestAbuseD26TamperDrill(t *testing.T) {
	places := 2
	if os.Getenv("OSLER_DRILL") != "" {
		places = 100
	}
	ctx := context.Background()
	url, dir := pgtest.URL(t), t.TempDir()
	s := open(t, postgres.Options{URL: url, Dir: dir})
	for no := range tamperLeaves {
		l := &ledger.Leaf{Actor: "nurse-7", Name: "A nurse", Role: "nurse", Action: ledger.Read, Patients: []string{fmt.Sprint("p", no%5)}}
		if no%10 == 7 {
			l.Glass = "grant"
		}
		set := store.Changeset{Leaf: l}
		if no%2 == 0 {
			id, version := fmt.Sprint("o", no), int64(1)
			if no >= tamperLeaves-6 { // "gone" has three versions
				id, version = "gone", int64(1+(no-tamperLeaves+6)/2)
			}
			w := observation(id, fmt.Sprint("p", no%5), fmt.Sprint("c", no))
			w.Version = version
			if id == "gone" {
				w.Patient, l.Patients = "p0", []string{"p0"}
			}
			w.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"meta":{"versionId":"%d","lastUpdated":"%s"},"status":"final","n":%d}`, id, version, start.Format("2006-01-02T15:04:05.000Z"), no)
			if version == 2 {
				w.Body, w.Index, w.Deleted = nil, []search.Entry(nil), true
			}
			set.Writes, l.Action = []store.Write{w}, ledger.Create
		}
		if _, err := s.Commit(ctx, set); err != nil {
			t.Fatal(err)
		}
		if (no+1)%10 == 0 {
			if _, err := s.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	do := func(t *testing.T, sql string) {
		t.Helper()
		if err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			for statement := range strings.SplitSeq(sql, "; ") {
				if tag, err := tx.Exec(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				} else if tag.Update() && tag.RowsAffected() == 0 && !strings.Contains(statement, "t < 0") {
					return fmt.Errorf("%s changes nothing", statement)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	tables := []string{"leaf", "leaf_patient", "hash", "checkpoint", "resource", "history", "head"}
	var keep, back []string
	for _, name := range tables {
		keep = append(keep, "CREATE TABLE kept_"+name+" AS TABLE "+name)
		back = append(back, "DELETE FROM "+name, "INSERT INTO "+name+" SELECT * FROM kept_"+name)
	}
	do(t, strings.Join(keep, "; "))
	log, err := os.ReadFile(filepath.Join(dir, "checkpoints.log"))
	if err != nil || strings.Count(string(log), "osler") == 0 {
		t.Fatalf("checkpoints.log: %v", err)
	}
	verify := func() (said string) {
		if _, err := s.Verify(ctx, func(p string) { said += p + "\n" }); err != nil {
			said += err.Error()
		}
		return said
	}
	if said := verify(); said != "" {
		t.Fatalf("a false alarm: %s", said)
	}
	found := 0
	for no, k := range tamperKinds {
		t.Run(k.name, func(t *testing.T) {
			for i := range places {
				sql, want := k.tamper(tamperPlace{rand.New(rand.NewPCG(uint64(no), uint64(i)))})
				do(t, sql)
				said := verify()
				do(t, strings.Join(back, "; "))
				if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(said, w) }) {
					t.Fatalf("place %d: reported %.600q, want one of %q", i, said, want)
				}
				found++
			}
		})
	}
	if said := verify(); said != "" {
		t.Errorf("the record is not as it was: %s", said)
	}
	t.Logf("%d kinds, %d places each: %d detected and located", len(tamperKinds), places, found)
}
