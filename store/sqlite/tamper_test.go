package sqlite_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/trust/ledger"
)

// The tamper drill: somebody who has the folder of the record and its keys, and all the time
// that it takes, changes what is kept. The verification has to notice each change and say
// where. docs/security/audit.md is the table of the kinds.

// tamperLeaves is how many entries the record has that is tampered with.
const tamperLeaves = 60

// evidence is a record that is tampered with: a copy for each place.
type evidence struct {
	dir   string // the untouched record
	kept  string // its checkpoints as somebody else keeps them
	older string // the folder as it was in the middle of its life
	other string // a leaf of another record, as SQL
}

// place is one random place in a record and what is done there.
type place struct {
	*testing.T
	*rand.Rand
	*evidence
	dir string // of the copy
}

// leaf returns the T of an entry in the middle of the log.
func (p place) leaf() int64 { return 2 + p.Int64N(tamperLeaves-4) }

// sql runs statements on the copy.
func (p place) sql(format string, args ...any) {
	tampering(p.T, p.dir, strings.Split(fmt.Sprintf(format, args...), ";;")...)
}

// kinds are the ways of tampering. tamper does it at a random place and returns what a report
// has to name: one of the texts.
var kinds = []struct {
	name   string
	kept   bool // only whoever kept a checkpoint elsewhere can notice
	tamper func(p place) []string
}{
	{"edited entry", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET body = CAST(replace(CAST(body AS TEXT), 'nurse', 'worse') AS BLOB) WHERE t = %d", t)
		return entryIs(t, "was changed")
	}},
	{"edited entry with its hash made to fit", false, func(p place) []string {
		t := p.leaf()
		body := bytes.Replace(p.body(t), []byte("nurse"), []byte("worse"), 1)
		h := tlog.RecordHash(body)
		p.sql("UPDATE leaf SET body = x'%x' WHERE t = %d;;UPDATE hash SET hash = x'%x' WHERE no = %d", body, t, h[:], tlog.StoredHashIndex(0, t-1))
		return []string{"was changed: its hash is not the stored one", "are not those that were signed"}
	}},
	{"entry removed", false, func(p place) []string {
		t := p.leaf()
		p.sql("DELETE FROM leaf WHERE t = %d", t)
		return []string{fmt.Sprintf("lacks the entries from %d to %d", t-1, t-1)}
	}},
	{"entry put in", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET t = -t - 1 WHERE t > %d;;INSERT INTO leaf SELECT %d, at, actor, body FROM leaf WHERE t = %d;;UPDATE leaf SET t = -t WHERE t < 0", t, t+1, t)
		for no := tlog.StoredHashCount(tamperLeaves); no < tlog.StoredHashCount(tamperLeaves+1); no++ {
			p.sql("INSERT INTO hash VALUES (%d, randomblob(32))", no)
		}
		return entryIs(t+1, "was changed")
	}},
	{"entry twice in place of another", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET body = (SELECT body FROM leaf WHERE t = %d) WHERE t = %d", t, t+1)
		return entryIs(t+1, "was changed")
	}},
	{"two entries swapped", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET t = -1 WHERE t = %[1]d;;UPDATE leaf SET t = %[1]d WHERE t = %[2]d;;UPDATE leaf SET t = %[2]d WHERE t = -1", t, t+1)
		return entryIs(t, "was changed")
	}},
	{"a run of entries in another order", false, func(p place) []string {
		t := min(p.leaf(), tamperLeaves-6)
		p.sql("UPDATE leaf SET t = -t WHERE t BETWEEN %[1]d AND %[2]d;;UPDATE leaf SET t = %[1]d + %[2]d + t WHERE t < 0", t, t+4)
		return entryIs(t, "was changed")
	}},
	{"newest entries cut off", false, func(p place) []string {
		t := p.leaf()
		p.cut(t)
		return []string{fmt.Sprintf("has %d entries, but a signed checkpoint counts", t)}
	}},
	{"newest entries cut off, with the checkpoints in the database", false, func(p place) []string {
		t := p.leaf()
		p.cut(t)
		p.sql("DELETE FROM checkpoint WHERE size > %d", t)
		return []string{fmt.Sprintf("has %d entries, but a signed checkpoint counts", t)}
	}},
	{"newest entries cut off, with every checkpoint in the folder", true, func(p place) []string {
		t := p.leaf()
		p.cut(t)
		p.sql("DELETE FROM checkpoint")
		p.remove("checkpoints.log")
		return []string{"more than there are"}
	}},
	{"history rewritten and signed again with the stolen key", true, func(p place) []string {
		t := p.leaf()
		p.rewrite(t)
		return []string{"the first"}
	}},
	{"an older database put back", false, func(p place) []string {
		p.copyFile(p.older, "record.db")
		return []string{"an old copy of the database was put back"}
	}},
	{"an older backup of the whole folder put back", true, func(p place) []string {
		for _, name := range []string{"record.db", "checkpoints.log", "leaves.log"} {
			p.copyFile(p.older, name)
		}
		return []string{"more than there are"}
	}},
	{"time of filing turned back", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET at = at - %d WHERE t = %d", 1+p.Int64N(1e9), t)
		return entryIs(t, "another time than it was written", "is dated before")
	}},
	{"time of filing moved on", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET at = at + 1 WHERE t >= %d", t)
		return entryIs(t, "is filed under another time")
	}},
	{"filed under another person", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET actor = 'nobody' WHERE t = %d", t)
		return entryIs(t, "is filed under another person")
	}},
	{"hidden from the patient's list", false, func(p place) []string {
		t := p.leaf()
		p.sql("DELETE FROM leaf_patient WHERE t = %d", t)
		return entryIs(t, "is not listed under Patient/")
	}},
	{"put on another patient's list", false, func(p place) []string {
		t := p.leaf()
		p.sql("INSERT INTO leaf_patient VALUES ('somebody', %d)", t)
		return entryIs(t, "is listed under Patient/somebody, whom it does not name")
	}},
	{"mark of a break-glass use removed", false, func(p place) []string {
		t := glassAt(p.Rand)
		p.sql("DELETE FROM leaf_patient WHERE t = %d AND patient = '!glass'", t)
		return entryIs(t, "is not listed under the kind glass")
	}},
	{"signing key swapped", false, func(p place) []string {
		p.sql("UPDATE checkpoint SET note = CAST('%s' AS BLOB) WHERE size = %d", p.forged(p.checkpoint()), p.checkpoint())
		return []string{fmt.Sprintf("checkpoint of %d entries in the database is not signed by this record's key", p.checkpoint())}
	}},
	{"signature of a checkpoint altered", false, func(p place) []string {
		note := p.note(p.checkpoint())
		at := len(note) - 10 - p.IntN(40)
		note[at] = map[bool]byte{true: 'A', false: 'B'}[note[at] != 'A']
		p.sql("UPDATE checkpoint SET note = x'%x' WHERE size = %d", note, p.checkpoint())
		return []string{fmt.Sprintf("checkpoint of %d entries in the database is not signed", p.checkpoint())}
	}},
	{"tree size of a checkpoint altered", false, func(p place) []string {
		p.sql("UPDATE checkpoint SET size = size + 1 WHERE size = %d", p.checkpoint())
		return []string{fmt.Sprintf("checkpoint of %d entries in the database says %d", p.checkpoint()+1, p.checkpoint())}
	}},
	{"checkpoint removed from the database", false, func(p place) []string {
		p.sql("DELETE FROM checkpoint WHERE size = %d", p.checkpoint())
		return []string{fmt.Sprintf("checkpoint of %d entries is in checkpoints.log but not in the database", p.checkpoint())}
	}},
	{"checkpoint removed from the file", false, func(p place) []string {
		path := filepath.Join(p.dir, "checkpoints.log")
		file, err := os.ReadFile(path)
		p.must(err)
		notes, _ := ledger.SplitNotes(file)
		p.must(os.WriteFile(path, joinNotes(slices.Delete(notes, 1, 2)), 0o600))
		return []string{"is in the database but not in checkpoints.log"}
	}},
	{"hash of the tree altered", false, func(p place) []string {
		no := p.Int64N(tlog.StoredHashCount(tamperLeaves))
		p.sql("UPDATE hash SET hash = randomblob(32) WHERE no = %d", no)
		return []string{"its hash is not the stored one"}
	}},
	{"edge of the tree altered", false, func(p place) []string {
		p.sql("UPDATE hash SET hash = randomblob(32) WHERE no = (SELECT max(no) FROM hash)")
		return entryIs(tamperLeaves, "was changed")
	}},
	{"hash of the tree removed", false, func(p place) []string {
		p.sql("DELETE FROM hash WHERE no = %d", p.Int64N(tlog.StoredHashCount(tamperLeaves)))
		return []string{"lacks its hashes", "lacks the hash"}
	}},
	{"hashes added", false, func(p place) []string {
		p.sql("INSERT INTO hash SELECT max(no) + 1 + %d, randomblob(32) FROM hash", p.IntN(9))
		return []string{"stored hashes"}
	}},
	{"version changed without an entry", false, func(p place) []string {
		id := p.observation()
		p.sql("UPDATE resource SET (codec, body) = (SELECT codec, body FROM resource WHERE id <> '%[1]s' AND deleted = 0 ORDER BY random() LIMIT 1) WHERE id = '%[1]s'", id)
		return []string{"Observation/" + id + " version"}
	}},
	{"former version changed", false, func(p place) []string {
		p.sql("UPDATE history SET (codec, body) = (SELECT codec, body FROM resource WHERE id = '%s')", p.observation())
		return []string{"is not what was written", "cannot be decoded"}
	}},
	{"entry whose version is gone", false, func(p place) []string {
		id := p.observation()
		p.sql("DELETE FROM resource WHERE id = '%s'", id)
		return []string{"Observation/" + id}
	}},
	{"version put in without an entry", false, func(p place) []string {
		p.sql("INSERT INTO resource SELECT -99, type, deleted, t, updated, version, 'forged', has, codec, body FROM resource WHERE id = '%s'", p.observation())
		return []string{"Observation/forged version 1 has no entry"}
	}},
	{"version moved into another chart", false, func(p place) []string {
		id := p.observation()
		p.sql("UPDATE resource SET rid = (SELECT max(rid) FROM resource r WHERE r.rid >> 20 <> resource.rid >> 20) + 7 WHERE id = '%[1]s';;UPDATE entity SET rid = (SELECT rid FROM resource WHERE resource.id = entity.id) WHERE id = '%[1]s'", id)
		return []string{"Observation/" + id + " version 1 lies in the chart of a patient"}
	}},
	{"deletion undone", false, func(p place) []string {
		p.sql("UPDATE history SET (deleted, codec, body) = (SELECT 0, codec, body FROM resource WHERE id = '%s') WHERE id = 'gone' AND version = 2", p.observation())
		return []string{"Observation/gone version 2"}
	}},
	{"version dated otherwise", false, func(p place) []string {
		id := p.observation()
		p.sql("UPDATE resource SET updated = updated - %d WHERE id = '%s'", 1+p.IntN(1e9), id)
		return []string{"Observation/" + id + " version 1 is filed under another time"}
	}},
	{"former version ended later", false, func(p place) []string {
		p.sql("UPDATE history SET until = until + %d WHERE id = 'gone'", 1+p.IntN(5))
		return []string{"A former version of gone does not end"}
	}},
	{"entry of another record", false, func(p place) []string {
		t := p.leaf()
		p.sql("UPDATE leaf SET body = x'%s' WHERE t = %d", p.other, t)
		return entryIs(t, "was changed")
	}},
	{"page of the file damaged", false, func(p place) []string {
		path := filepath.Join(p.dir, "record.db")
		file, err := os.ReadFile(path)
		p.must(err)
		page := 1 + p.IntN(len(file)/sealed.PageSize-1)
		file[page*sealed.PageSize+p.IntN(sealed.PageSize)] ^= 1 << p.IntN(8)
		p.must(os.WriteFile(path, file, 0o600))
		return []string{fmt.Sprintf("Page %d of record.db", page+1), "disk", "damaged", "malformed", "cannot be"}
	}},
}

func entryIs(t int64, what ...string) []string {
	for i := range what {
		what[i] = fmt.Sprintf("Entry %d of the audit log %s", t-1, what[i])
	}
	return what
}

// TestAbuseD26TamperDrill: whoever has the database changes it behind Osler's back. A few places
// of each kind in every test run, 100 under OSLER_DRILL=1.
func TestAbuseD26TamperDrill(t *testing.T) {
	places := 2
	if os.Getenv("OSLER_DRILL") != "" {
		places = 100
	}
	e := collect(t)
	if problems := e.examine(t, e.dir); len(problems) > 0 {
		t.Fatalf("a false alarm: %q", problems)
	}
	detected := 0
	for no, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for i := range places {
				p := place{T: t, Rand: rand.New(rand.NewPCG(uint64(no), uint64(i))), evidence: e, dir: filepath.Join(t.TempDir(), "r")}
				p.must(os.CopyFS(p.dir, os.DirFS(e.dir)))
				want := k.tamper(p)
				kept := ""
				if k.kept {
					if problems := e.examine(t, p.dir); len(problems) > 0 {
						t.Errorf("is noticed without what was kept elsewhere too: %q", problems)
					}
					kept = e.kept
				}
				problems := strings.Join(examineWith(t, p.dir, kept), "\n")
				if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(problems, w) }) {
					t.Fatalf("place %d: reported %q, want one of %q", i, problems, want)
				}
				detected++
				p.must(os.RemoveAll(p.dir))
			}
		})
	}
	t.Logf("%d kinds, %d places each: %d detected and located", len(kinds), places, detected)
}

// collect makes the record that is tampered with.
func collect(t *testing.T) *evidence {
	t.Helper()
	e := &evidence{dir: filepath.Join(t.TempDir(), "record"), older: filepath.Join(t.TempDir(), "older"), kept: filepath.Join(t.TempDir(), "kept")}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for part := range 6 {
		s := open(t, e.dir)
		for i := range tamperLeaves / 6 {
			no := part*tamperLeaves/6 + i
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
				w := observation(id, fmt.Sprint("p", no%5), version, fmt.Sprint("c", no), start)
				if id == "gone" {
					w.Patient = "p0"
				}
				w.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"meta":{"versionId":"1","lastUpdated":"%s"},"status":"final","n":%d}`, id, start.Format("2006-01-02T15:04:05.000Z"), no)
				if version == 2 {
					w.Body, w.Index, w.Deleted = nil, []search.Entry(nil), true
				}
				set.Writes, l.Action = []store.Write{w}, ledger.Create
			}
			if _, err := s.Commit(context.Background(), set); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil { // with a checkpoint
			t.Fatal(err)
		}
		if part == 2 {
			if err := os.CopyFS(e.older, os.DirFS(e.dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
	file, err := os.ReadFile(filepath.Join(e.dir, "checkpoints.log"))
	if err != nil || os.WriteFile(e.kept, file, 0o600) != nil {
		t.Fatal(err)
	}
	other := ledger.Leaf{Actor: "nurse-7", Name: "A nurse of another clinic", Action: ledger.Read, At: start.UnixMilli()}
	e.other = fmt.Sprintf("%x", other.Encode())
	return e
}

// glassAt returns an entry under a break-glass grant.
func glassAt(r *rand.Rand) int64 { return int64(8 + 10*r.IntN(tamperLeaves/10)) }

// observation returns the id of one of which there is one version.
func (p place) observation() string { return fmt.Sprint("o", 2*p.IntN((tamperLeaves-6)/2)) }

// checkpoint returns the size of one in the middle.
func (p place) checkpoint() int64 { return tamperLeaves / 6 * 2 }

func (p place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p place) remove(name string) { p.must(os.Remove(filepath.Join(p.dir, name))) }

func (p place) copyFile(from, name string) {
	content, err := os.ReadFile(filepath.Join(from, name))
	p.must(err)
	p.must(os.WriteFile(filepath.Join(p.dir, name), content, 0o600))
}

// cut removes everything behind an entry so that nothing in the database tells of it.
func (p place) cut(t int64) {
	p.sql(`DELETE FROM history WHERE t > %[1]d;;DELETE FROM resource WHERE t > %[1]d;;DELETE FROM leaf WHERE t > %[1]d;;DELETE FROM leaf_patient WHERE t > %[1]d;;DELETE FROM hash WHERE no >= %[2]d;;`+
		`DELETE FROM entity WHERE rid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.rid = entity.rid);;`+
		`INSERT INTO resource SELECT rid, type, deleted, t, updated, version, id, x'', codec, body FROM history h WHERE h.until > %[1]d;;DELETE FROM history WHERE until > %[1]d;;`+
		`INSERT OR IGNORE INTO entity (id, type, rid) SELECT id, type, rid FROM resource`, t, tlog.StoredHashCount(t))
}

// rewrite edits an entry, makes every hash fit, and signs every checkpoint again.
func (p place) rewrite(at int64) {
	var tree ledger.Tree
	var sql []string
	sizes := map[int64]bool{}
	var notes [][]byte
	for i := range int64(6) {
		sizes[(i+1)*tamperLeaves/6] = true
	}
	key := p.key()
	for t := int64(1); t <= tamperLeaves; t++ {
		body := p.body(t)
		if t == at {
			body = bytes.Replace(body, []byte("A nurse"), []byte("No body"), 1)
			sql = append(sql, fmt.Sprintf("UPDATE leaf SET body = x'%x' WHERE t = %d", body, t))
		}
		first, hashes := tree.Append(body)
		for i, h := range hashes {
			sql = append(sql, fmt.Sprintf("UPDATE hash SET hash = x'%x' WHERE no = %d", h[:], first+int64(i)))
		}
		if sizes[t] {
			note, err := key.Sign(ledger.Checkpoint{Origin: p.origin(), Size: t, Root: tree.Root()})
			p.must(err)
			notes = append(notes, note)
			sql = append(sql, fmt.Sprintf("UPDATE checkpoint SET note = x'%x' WHERE size = %d", note, t))
		}
	}
	tampering(p.T, p.dir, sql...)
	p.must(os.WriteFile(filepath.Join(p.dir, "checkpoints.log"), joinNotes(notes), 0o600))
}

func joinNotes(notes [][]byte) (file []byte) {
	for _, n := range notes {
		file = append(append(file, n...), '\n')
	}
	return file
}

// ring returns the keys, which whoever tampers has.
func (p place) ring() seal.Keyring {
	ring, err := seal.OpenKeyring(p.evidence.dir, seal.KeyFile(filepath.Join(p.evidence.dir, "master.key")))
	p.must(err)
	return ring
}

func (p place) key() ledger.Key {
	key, err := store.Signer(p.ring(), p.origin())
	p.must(err)
	return key
}

func (p place) origin() string {
	origin, _, _ := bytes.Cut(p.note(p.checkpoint()), []byte("\n"))
	return string(origin)
}

// forged is a checkpoint that is signed with a key of somebody's own.
func (p place) forged(size int64) string {
	secret := make([]byte, ed25519.SeedSize)
	secret[0] = byte(p.IntN(255)) + 1
	key, err := ledger.NewKey(p.origin(), secret)
	p.must(err)
	note, err := key.Sign(ledger.Checkpoint{Origin: p.origin(), Size: size})
	p.must(err)
	return string(note)
}

// body returns the bytes of an entry of the untouched record.
func (p place) body(t int64) []byte {
	return p.read(fmt.Sprint("SELECT body FROM leaf WHERE t = ", t))
}

// note returns a checkpoint of the untouched record.
func (p place) note(size int64) []byte {
	return p.read(fmt.Sprint("SELECT note FROM checkpoint WHERE size = ", size))
}

func (p place) read(sql string) (value []byte) {
	vfs.Register("reading", sealed.New(vfs.Find(""), p.ring().Key("database")))
	defer vfs.Unregister("reading")
	db, err := sqlite3.Open("file:" + filepath.Join(p.evidence.dir, "record.db") + "?vfs=reading")
	p.must(err)
	defer db.Close()
	s, _, err := db.Prepare(sql)
	p.must(err)
	defer s.Close()
	if s.Step() {
		value = s.ColumnBlob(0, nil)
	}
	p.must(s.Err())
	return value
}

// examine verifies a record as its owner does.
func (e *evidence) examine(t *testing.T, dir string) []string { return examineWith(t, dir, "") }

// examineWith verifies a record, with the checkpoints in a file that was kept elsewhere.
func examineWith(t *testing.T, dir, kept string) (problems []string) {
	t.Helper()
	report := func(problem string) { problems = append(problems, problem) }
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		return []string{err.Error()}
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring})
	if err != nil { // it does not even open
		return []string{err.Error()}
	}
	defer s.Close()
	if _, err := s.Verify(context.Background(), report); err != nil {
		report(err.Error())
	}
	if kept == "" {
		return problems
	}
	file, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	notes, _ := ledger.SplitNotes(file)
	if err := store.HoldTo(context.Background(), s, notes, report); err != nil {
		t.Fatal(err)
	}
	return problems
}

// TestTamperKindsAreDocumented holds the table in docs/security/audit.md to the drill.
func TestTamperKindsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/security/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if !strings.Contains(string(page), "\n| "+k.name+" | ") {
			t.Errorf("docs/security/audit.md has no row for %q", k.name)
		}
	}
}
