package packed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Log is what a store knows of its audit log beside the database.
type Log struct {
	Signer ledger.Key // of checkpoints
	Origin string     // the name in them
	Notes  string     // the file of signed checkpoints
	// Elsewhere says that other processes keep some of the notes, so that the file may be
	// missing.
	Elsewhere bool
	// ReadNotes reads them from elsewhere, when it is not nil.
	ReadNotes func() ([]byte, error)
	// Database checks the structure of the database itself.
	Database func(c Conn, report func(problem string)) error
}

// Verify checks the audit log against its tree and the signed checkpoints, and every stored
// version against its leaf; see store.Store.
func (s *Reader) Verify(ctx context.Context, l Log, report func(problem string)) (int64, error) {
	v := &verification{reader: s, log: l, report: report, covered: map[covered]cover{}, shreds: map[shred]bool{}}
	// A checkpoint is in the database before it is beside it: what is beside it now is in all that is seen from here on,
	// also when others are signed meanwhile.
	read := l.ReadNotes
	if read == nil {
		read = func() ([]byte, error) { return os.ReadFile(l.Notes) }
	}
	var none error
	if v.notes, none = read(); none != nil && !errors.Is(none, fs.ErrNotExist) {
		return 0, none
	}
	v.noNotes = none != nil
	err := s.read(ctx, func(n Names) error {
		v.Names = n
		if err := l.Database(n, report); err != nil {
			return err
		}
		for _, part := range []func() error{v.readCheckpoints, v.leaves, v.stored, v.versions, v.index} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	})
	return v.tree.Size(), err
}

// covered names a version that a leaf covers.
type covered struct {
	t       int64
	typ, id string
	version int64
}

type verification struct {
	Names
	log         Log
	reader      *Reader
	report      func(string)
	notes       []byte // that were beside the database when it began
	noNotes     bool   // there was no file of them
	tree        ledger.Tree
	checkpoints []ledger.Checkpoint // by size
	passed      int                 // of them, on the way through the log
	covered     map[covered]cover
	shreds      map[shred]bool

	wanted  listed // under what the entries say that they are listed
	batch   []entry
	reading *reading // before batch
	lastAt  int64
	making  making
	blocks  int64 // that are stored
}

// cover is what a leaf says of a version that it covers.
type cover struct {
	hash     string
	patients []string
}

func (v *verification) say(format string, args ...any) { v.report(fmt.Sprintf(format, args...)) }

// readCheckpoints checks the signatures of all checkpoints, in the database and beside it.
func (v *verification) readCheckpoints() error {
	err := v.Query("SELECT size, note FROM checkpoint ORDER BY size", nil, func(s Row) (bool, error) {
		c, err := v.log.Signer.Open(s.ColumnBlob(1, nil))
		switch {
		case err != nil || c.Origin != v.log.Origin:
			v.say("The checkpoint of %d entries in the database is not signed by this record's key.", s.ColumnInt64(0))
		case c.Size != s.ColumnInt64(0):
			v.say("The checkpoint of %d entries in the database says %d.", s.ColumnInt64(0), c.Size)
		default:
			v.checkpoints = append(v.checkpoints, c)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if v.noNotes {
		if len(v.checkpoints) > 1 && !v.log.Elsewhere { // a crash may come before the first one is in it
			v.say("The file checkpoints.log is missing, although %d checkpoints were written to it.", len(v.checkpoints))
		}
		return nil
	}
	notes, _ := ledger.SplitNotes(v.notes) // the rest is a note torn by a crash; the database has it whole
	v.both(notes)
	for i, note := range notes {
		c, err := v.log.Signer.Open(note)
		if err != nil || c.Origin != v.log.Origin {
			v.say("Checkpoint %d in checkpoints.log is not signed by this record's key.", i+1)
			continue
		}
		v.checkpoints = append(v.checkpoints, c)
	}
	slices.SortStableFunc(v.checkpoints, func(a, b ledger.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

// entry is a row of the log.
type entry struct {
	t, at         int64
	actor, action string
	sealed        []byte
}

// many is how many entries are compared with their stored hashes at once.
const many = 1024

// reading is a batch of entries that are decoded while the next ones are fetched, so that both of
// a small machine's processors have something to do.
type reading struct {
	entries []entry
	bodies  [][]byte // nil where a leaf cannot be decrypted
	leaves  []ledger.Leaf
	errs    []error
	done    chan struct{}
}

func (p *Packer) startReading(entries []entry) *reading {
	n := len(entries)
	r := &reading{entries, make([][]byte, n), make([]ledger.Leaf, n), make([]error, n), make(chan struct{})}
	go func() {
		defer close(r.done)
		for i, e := range entries {
			body, err := p.unseal(leafName(e.t), e.sealed)
			if err != nil {
				return // without it the tree cannot be followed
			}
			r.bodies[i] = body
			r.leaves[i], r.errs[i] = ledger.Decode(body)
		}
	}()
	return r
}

// leaves recomputes the tree, compares its stored hashes, and compares its head with every
// checkpoint on the way.
func (v *verification) leaves() error {
	action := "''"
	if v.Dialect().Keyed() {
		action = "action"
	}
	next := int64(1)
	blocks, err := v.Names.blocks()
	if err != nil {
		return err
	}
	v.blocks = blocks
	err = v.Stream("SELECT t, at, actor, "+action+", body FROM leaf ORDER BY t", nil, func(s Row) (bool, error) {
		e := entry{t: s.ColumnInt64(0), at: s.ColumnInt64(1), actor: s.ColumnText(2), action: s.ColumnText(3), sealed: s.ColumnBlob(4, nil)}
		if e.t != next {
			if next == 1 && e.t < 1 {
				v.say("The audit log has an entry %d that no log begins with.", e.t-1)
			} else {
				v.say("The audit log lacks the entries from %d to %d.", next-1, e.t-2)
			}
			return false, nil // whatever follows has another place in the tree
		}
		next++
		v.batch = append(v.batch, e)
		if len(v.batch) < many {
			return true, nil
		}
		return v.entries()
	})
	for more := true; err == nil && more && (v.reading != nil || len(v.batch) > 0); {
		more, err = v.entries()
	}
	if err != nil {
		return err
	}
	if n := len(v.checkpoints); n > 0 && v.checkpoints[n-1].Size > v.tree.Size() {
		v.say("The audit log has %d entries, but a signed checkpoint counts %d: entries were cut off, or an old copy of the database was put back.", v.tree.Size(), v.checkpoints[n-1].Size)
	}
	if v.blocks > v.tree.Size()/blockLeaves {
		v.say("The audit log has %d entries, but a summary of its entries counts %d.", v.tree.Size(), v.blocks*blockLeaves)
	}
	return v.lists()
}

// entries begins to decode the rows that are gathered, checks those that were begun before, and
// says whether the tree can be followed beyond them.
func (v *verification) entries() (bool, error) {
	r := v.reading
	v.reading = nil
	if len(v.batch) > 0 {
		v.reading, v.batch = v.reader.pack.startReading(v.batch), nil
	}
	if r == nil {
		return true, nil
	}
	<-r.done
	batch := r.entries
	first := tlog.StoredHashIndex(0, v.tree.Size())
	stored, err := v.storedHashes(first, tlog.StoredHashCount(v.tree.Size()+int64(len(batch))))
	if err != nil {
		return false, err
	}
	for i, e := range batch {
		body := r.bodies[i]
		if body == nil {
			v.say("Entry %d of the audit log cannot be decrypted.", e.t-1)
			return false, nil
		}
		at, hashes := v.tree.Append(body)
		for k, want := range hashes {
			switch got, ok := stored[at+int64(k)]; {
			case !ok:
				v.say("Entry %d of the audit log lacks its hashes.", e.t-1)
			case got != want:
				v.say("Entry %d of the audit log was changed: its hash is not the stored one.", e.t-1)
			default:
				continue
			}
			break
		}
		v.entry(e, r.leaves[i], r.errs[i])
		if err := v.block(e.t, &r.leaves[i]); err != nil {
			return false, err
		}
		for ; v.passed < len(v.checkpoints) && v.checkpoints[v.passed].Size <= v.tree.Size(); v.passed++ {
			if c := v.checkpoints[v.passed]; c.Size == v.tree.Size() && c.Root != v.tree.Root() {
				v.say("The first %d entries of the audit log are not those that were signed.", c.Size)
			}
		}
	}
	return true, nil
}

// both holds the checkpoints in the database and those beside it to each other.
func (v *verification) both(notes [][]byte) {
	beside := map[int64]bool{}
	newest := int64(0)
	for _, note := range notes {
		if c, err := v.log.Signer.Open(note); err == nil {
			beside[c.Size], newest = true, max(newest, c.Size)
		}
	}
	latest := int64(0)
	for _, c := range v.checkpoints {
		latest = max(latest, c.Size)
		if !v.log.Elsewhere && !beside[c.Size] && c.Size < newest { // the newest one may be on its way
			v.say("The checkpoint of %d entries is in the database but not in checkpoints.log.", c.Size)
		}
		delete(beside, c.Size)
	}
	for _, size := range slices.Sorted(maps.Keys(beside)) {
		if v.log.Elsewhere && size > latest { // made by another process since the database was read
			continue
		}
		v.say("The checkpoint of %d entries is in checkpoints.log but not in the database.", size)
	}
}

// storedHashes reads the hashes with the numbers from first up to end.
func (v *verification) storedHashes(first, end int64) (map[int64]ledger.Hash, error) {
	out := make(map[int64]ledger.Hash, end-first)
	err := v.Query("SELECT no, hash FROM hash WHERE no >= ? AND no < ?", []any{first, end}, func(r Row) (bool, error) {
		var h ledger.Hash
		if n := copy(h[:], r.ColumnRawBlob(1)); n == len(h) {
			out[r.ColumnInt64(0)] = h
		}
		return true, nil
	})
	return out, err
}

// entry compares what a row says beside its leaf with the leaf, and notes what the leaf covers.
func (v *verification) entry(e entry, l ledger.Leaf, err error) {
	if e.at < v.lastAt {
		v.say("Entry %d of the audit log is dated before the one in front of it.", e.t-1)
	} else {
		v.lastAt = e.at
	}
	if err != nil {
		v.say("Entry %d of the audit log cannot be read.", e.t-1)
		return
	}
	switch {
	case l.At != 0 && l.At != e.at:
		v.say("Entry %d of the audit log is filed under another time than it was written at.", e.t-1)
	case l.Actor != e.actor:
		v.say("Entry %d of the audit log is filed under another person than it names.", e.t-1)
	case v.Dialect().Keyed() && string(l.Action) != e.action:
		v.say("Entry %d of the audit log is filed under another action than it names.", e.t-1)
	}
	for _, c := range l.Versions {
		if c.Hash != "" { // a version that was written, not only read
			v.covered[covered{e.t, c.Type, c.ID, c.Version}] = cover{c.Hash, l.Patients}
		}
	}
	if l.Action == ledger.Shred {
		for _, p := range l.Patients {
			v.shreds[shred{e.t, p}] = true
		}
	}
	for _, name := range under(l) {
		v.wanted.add(name, e.t)
	}
}

// shred is what a leaf says that destroys a patient's keys.
type shred struct {
	t       int64
	patient string
}

// shredded checks that a version without content belongs to a patient whose keys were
// destroyed: the record's key says so, and, unless that came with a restored backup, an entry of
// the audit log.
func (v *verification) shredded(row Stored) {
	k := row.Key
	switch {
	case k == nil || !k.Gone || !k.Proven:
		v.say("%s/%s version %d has lost its content, and its patient was not shredded.", row.Type, row.ID, row.Version.Version)
	case k.At > 0 && !v.shreds[shred{k.At, row.Patient}]:
		v.say("%s/%s version %d has lost its content, and the audit log does not say that its patient was shredded.", row.Type, row.ID, row.Version.Version)
	}
}

// under returns the words that a leaf is listed under, each once.
func under(l ledger.Leaf) []string {
	names := slices.Concat(l.Patients, l.Marks())
	if len(names) > 1 {
		slices.Sort(names)
		names = slices.Compact(names)
	}
	return names
}

// listed is a fingerprint of a set of pairs of a word and a T: how many there are, and the sum
// of their hashes. It lets two large sets be compared without keeping either.
type listed struct {
	count int64
	sum   [4]uint64
}

func (l *listed) add(name string, t int64) {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), uint64(t)))
	l.count++
	for i := range l.sum {
		l.sum[i] += binary.BigEndian.Uint64(h[i*8:])
	}
}

// lists checks that the entries are found under the patients that they name, and under no
// others. Only when the two sets differ are they compared one by one.
func (v *verification) lists() error {
	var have listed
	err := v.Stream("SELECT patient, t FROM leaf_patient", nil, func(s Row) (bool, error) {
		if t := s.ColumnInt64(1); t <= v.tree.Size() {
			have.add(s.ColumnText(0), t)
		} else {
			v.say("The list of entries of %s names the entry %d, which is not there.", listName(s.ColumnText(0)), t-1)
		}
		return true, nil
	})
	if err != nil || have == v.wanted {
		return err
	}
	return v.Stream("SELECT t, body FROM leaf WHERE t <= ? ORDER BY t", []any{v.tree.Size()}, func(s Row) (bool, error) {
		l, err := v.reader.pack.leaf(s.ColumnInt64(0), s.ColumnRawBlob(1))
		if err != nil {
			return true, nil // reported before
		}
		return true, v.list(s.ColumnInt64(0), under(l))
	})
}

func listName(word string) string {
	if mark, ok := strings.CutPrefix(word, "!"); ok {
		return "the kind " + mark
	}
	return "Patient/" + word
}

// list compares the words that one entry is listed under with those that it names.
func (v *verification) list(t int64, want []string) error {
	var have []string
	err := v.Query("SELECT patient FROM leaf_patient WHERE t = ?", []any{t}, func(s Row) (bool, error) {
		have = append(have, s.ColumnText(0))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, name := range want {
		if !slices.Contains(have, name) {
			v.say("Entry %d of the audit log is not listed under %s.", t-1, listName(name))
		}
	}
	for _, name := range have {
		if !slices.Contains(want, name) {
			v.say("Entry %d of the audit log is listed under %s, whom it does not name.", t-1, listName(name))
		}
	}
	return nil
}

// stored reports hashes of the tree that belong to no entry.
func (v *verification) stored() error {
	highest, err := v.number("SELECT count(*) FROM hash")
	if err == nil && highest != tlog.StoredHashCount(v.tree.Size()) {
		v.say("The audit log has %d stored hashes; %d belong to its %d entries.", highest, tlog.StoredHashCount(v.tree.Size()), v.tree.Size())
	}
	return err
}

// versions compares every stored version with the leaf of its commit.
func (v *verification) versions() error {
	for _, table := range []string{"history", "resource"} {
		err := v.Stream("SELECT "+Columns+" FROM "+table, nil, func(s Row) (bool, error) {
			row, err := v.Scan(s)
			if err != nil {
				v.say("A row of the table %s names a type or a patient that is not defined.", table)
				return true, nil
			}
			v.version(row)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for key := range v.covered {
		v.say("%s/%s version %d is missing: entry %d of the audit log says that it was written.", key.typ, key.id, key.version, key.t-1)
	}
	return nil
}

func (v *verification) version(row Stored) {
	key := covered{int64(row.T), row.Type, row.ID, row.Version.Version}
	want, ok := v.covered[key]
	if !ok {
		v.say("%s/%s version %d has no entry in the audit log.", row.Type, row.ID, row.Version.Version)
		return
	}
	delete(v.covered, key)
	if row.Codec == Shredded {
		v.shredded(row)
		return
	}
	version, err := v.reader.pack.Open(row)
	switch {
	case row.Patient != "" && !slices.Contains(want.patients, row.Patient):
		v.say("%s/%s version %d lies in the chart of a patient whom entry %d of the audit log does not name.", row.Type, row.ID, row.Version.Version, row.T-1)
	case err != nil:
		v.say("%s/%s version %d cannot be decoded.", row.Type, row.ID, row.Version.Version)
	case want.hash != store.BodyHash(version.Body):
		v.say("%s/%s version %d is not what was written: its hash differs from that in entry %d of the audit log.", row.Type, row.ID, row.Version.Version, row.T-1)
	case !dated(version):
		v.say("%s/%s version %d is filed under another time than it says itself.", row.Type, row.ID, row.Version.Version)
	}
}

// dated reports whether a version that says when it was last updated says what is filed. The
// gate puts both there.
func dated(v store.Version) bool {
	from := bytes.Index(v.Body, []byte(`"meta":{"versionId":"`))
	if from < 0 {
		return true
	}
	meta := v.Body[from:]
	at := bytes.Index(meta, []byte(`"lastUpdated":"`))
	if end := bytes.IndexByte(meta, '}'); at < 0 || at > end {
		return true
	}
	return bytes.HasPrefix(meta[at+len(`"lastUpdated":"`):], []byte(v.Updated.UTC().Format("2006-01-02T15:04:05.000Z")))
}

// index checks that every resource is found under its id, and that every version has its
// place in time.
func (v *verification) index() error {
	resources, histories := "resource", "history"
	if v.scattered() { // a version's former chart may lie on another server than its present one: the later versions are sent to all
		const later = "(SELECT type, id, version, t FROM %s WHERE version > 1 OFFSET 0)"
		resources, histories = fmt.Sprintf(later, resources), fmt.Sprintf(later, histories)
	}
	for _, check := range [...]struct{ sql, text string }{
		{"SELECT r.id FROM resource r LEFT JOIN entity e ON e.id = r.id AND e.type = r.type WHERE e.rid IS DISTINCT FROM r.rid", "The resource %s is not found under its id."},
		{"SELECT e.id FROM entity e LEFT JOIN resource r ON " + v.same("r.", "e.") + " WHERE e.rid IS NOT NULL AND r.rid IS NULL", "The id %s points at a resource that is missing."},
		{"SELECT h.id FROM history h WHERE h.until < h.t", "A former version of %s ends before it begins."},
		{"SELECT h.id FROM history h JOIN " + resources + " n ON n.type = h.type AND n.id = h.id AND n.version = h.version + 1 WHERE n.t <> h.until", "A former version of %s does not end when the next one begins."},
		{"SELECT h.id FROM history h JOIN " + histories + " n ON n.type = h.type AND n.id = h.id AND n.version = h.version + 1 WHERE n.t <> h.until", "A former version of %s does not end when the next one begins."},
	} {
		err := v.Query(check.sql, nil, func(s Row) (bool, error) {
			v.say(check.text, s.ColumnText(0))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
