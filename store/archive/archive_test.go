package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
)

// world is a record, the place of its backups, and who can read them.
type world struct {
	*testing.T
	store  *sqlite.Store
	ring   seal.Keyring
	clock  *clock.Manual
	path   string // of the place
	place  bucket.Bucket
	lock   archive.Lock
	keys   archive.Keys
	random *rand.Rand
	next   map[string]int64 // versions by id
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: clock.NewManual(start), path: t.TempDir(), random: rand.New(rand.NewPCG(1, 2)), next: map[string]int64{}}
	dir := t.TempDir()
	var err error
	if w.ring, err = seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key"))); err != nil {
		t.Fatal(err)
	}
	if w.store, err = sqlite.Open(ctx, dir, sqlite.Options{Keyring: w.ring, Clock: w.clock, Readers: 2}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	if w.place, err = bucket.Open(w.path); err != nil {
		t.Fatal(err)
	}
	w.lock, w.keys = locks(t)
	return w
}

// locks makes an identity.
func locks(t *testing.T) (archive.Lock, archive.Keys) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := archive.Recipients(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := archive.Identities(strings.NewReader("# of the practice\n" + id.String() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return lock, keys
}

// extract reads the code of an observation.
func extract(_ string, body []byte) ([]search.Entry, error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	return []search.Entry{{Param: "code", Kind: search.KindToken, Code: r.Get("code").Get("text").Text()}}, nil
}

// write commits n times: new resources, new versions, deletions, several at a time, items, and
// leaves alone.
func (w *world) write(n int) {
	w.Helper()
	for range n {
		w.clock.Advance(time.Duration(w.random.IntN(90)) * time.Second)
		var c store.Changeset
		c.Leaf = &ledger.Leaf{Actor: "nurse", Action: ledger.Update, Query: "canary-leaf"}
		used := map[string]bool{}
		for range w.random.IntN(4) {
			id := fmt.Sprint("o", w.random.IntN(40))
			if used[id] {
				continue
			}
			used[id] = true
			w.next[id]++
			s := store.Write{Type: "Observation", ID: id, Version: w.next[id], Updated: w.clock.Now(), Patient: []string{"", "p", "q"}[w.random.IntN(3)]}
			if s.Deleted = w.next[id] > 1 && w.random.IntN(5) == 0; !s.Deleted {
				s.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"meta":{"versionId":"%d"},"code":{"text":"c%d"},"note":[{"text":"canary-note %d"}]}`, id, s.Version, w.random.IntN(5), w.random.Int())
				s.Index, _ = extract("", s.Body)
			}
			c.Writes = append(c.Writes, s)
		}
		if w.random.IntN(3) == 0 {
			c.Items = []store.ItemWrite{{Item: store.Item{Space: "draft", Key: fmt.Sprint("k", w.random.IntN(9)), Owner: "ann", Value: fmt.Appendf(nil, "canary-item %d", w.random.Int())}, IfVersion: -1}}
		}
		if w.random.IntN(4) == 0 {
			c.Key = fmt.Sprint("once", w.random.Int())
		}
		if _, err := w.store.Commit(ctx, c); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) now() store.T {
	w.Helper()
	t, err := w.store.Now(ctx)
	if err != nil {
		w.Fatal(err)
	}
	return t
}

func (w *world) backup() archive.Backed {
	w.Helper()
	w.clock.Advance(time.Second)
	b, err := archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Lock: w.lock, Clock: w.clock}.Run(ctx)
	if err != nil {
		w.Fatalf("backup: %v", err)
	}
	return b
}

// target returns how a restore opens its store, and the store, once it did.
func (w *world) target() (open func(context.Context, string, seal.Keyring) (store.Moving, error), opened func() *sqlite.Store) {
	var s *sqlite.Store
	return func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error) {
		var err error
		s, err = sqlite.Open(ctx, w.TempDir(), sqlite.Options{Keyring: keys, Clock: w.clock, Readers: 2, Origin: origin})
		if err != nil {
			return nil, err
		}
		w.Cleanup(func() { s.Close() })
		return s, nil
	}, func() *sqlite.Store { return s }
}

// restore restores, with changes to the order.
func (w *world) restore(change func(*archive.Restore)) (*sqlite.Store, archive.Proof, error) {
	w.Helper()
	open, opened := w.target()
	r := archive.Restore{From: w.place, Keys: w.keys, Open: open, Extract: extract}
	if change != nil {
		change(&r)
	}
	p, err := r.Run(ctx)
	return opened(), p, err
}

// commits reads everything up to a T.
func commits(t testing.TB, s store.Moving, upTo store.T) []store.Commit {
	t.Helper()
	var out []store.Commit
	for at := store.T(0); at < upTo; {
		list, err := s.Commits(ctx, at, int(upTo-at))
		if err != nil || len(list) == 0 {
			t.Fatalf("commits after %d of %d: %d, %v", at, upTo, len(list), err)
		}
		out, at = append(out, list...), list[len(list)-1].T
	}
	return out
}

func items(t testing.TB, s store.Moving) (out []store.Item) {
	t.Helper()
	if _, err := s.AllItems(ctx, func(it store.Item) error { out = append(out, it); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// canonical is an export of the record as it was at a T.
func canonical(t testing.TB, s store.Store, at store.T) string {
	t.Helper()
	var b strings.Builder
	for v, err := range s.All(ctx, nil, at) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s/%s/%d %s %d %s\n", v.Type, v.ID, v.Version, v.Patient, v.T, v.Body)
	}
	return b.String()
}

// equal holds a restored store to the record as it was at a T.
func (w *world) equal(s *sqlite.Store, at store.T) {
	w.Helper()
	if now, err := s.Now(ctx); err != nil || now != at {
		w.Fatalf("the restored store is at %d, want %d: %v", now, at, err)
	}
	if got, want := commits(w, s, at), commits(w, w.store, at); !reflect.DeepEqual(got, want) {
		w.Fatalf("the commits up to %d differ", at)
	}
	if got, want := canonical(w, s, 0), canonical(w, w.store, at); got != want {
		w.Fatalf("the record at %d is\n%s\nwant\n%s", at, got, want)
	}
	if n, err := s.Verify(ctx, func(problem string) { w.Error(problem) }); err != nil || n != int64(at) {
		w.Fatalf("%d of %d entries verify: %v", n, at, err)
	}
	plan := store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: "c1"}}, func(string) search.Expr { return search.All{} })
	n, err := s.Count(ctx, plan)
	want, errWant := w.store.Count(ctx, plan)
	if at == w.now() && (err != nil || errWant != nil || n != want) {
		w.Errorf("a search finds %d of %d: %v %v", n, want, err, errWant)
	}
}

func TestARestoredRecordIsEqual(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, n := range []int{30, 1, 20, 7} {
		w.write(n)
		if b := w.backup(); b.Number != i+1 || b.Why != "" || b.To != w.now() || b.To-b.From < store.T(n) {
			t.Errorf("backup %d: %+v", i+1, b)
		}
	}
	if b := w.backup(); !b.Nothing || b.Number != 4 {
		t.Errorf("with nothing new: %+v", b)
	}
	s, p, err := w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(s, w.now())
	if got, want := items(t, s), items(t, w.store); !reflect.DeepEqual(got, want) || len(got) == 0 {
		t.Errorf("items %v, want %v", got, want)
	}
	if p.T != w.now() || p.Segments != 4 || p.VerificationKey != w.store.VerificationKey() || p.Beyond != 0 || p.Versions == 0 {
		t.Errorf("proof %+v", p)
	}
	// The restored record and the original go on as two; the first backup of the one that is
	// not what the place continues begins a set of its own.
	w.write(3)
	w.backup()
	w.store = s
	w.write(5)
	if b := w.backup(); b.Why == "" || b.Number != 1 || b.From != 0 {
		t.Errorf("a backup of a record that went another way continues the set: %+v", b)
	}
	again, _, err := w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(again, w.now())
}

func TestAbuseD24ARestoreEndsAtAnyMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ends := map[store.T][]store.Item{}
	last := store.T(0)
	for range 4 {
		w.write(12)
		ends[w.backup().To] = items(t, w.store)
	}
	all := commits(t, w.store, w.now())
	first := true
	for at := store.T(1); at <= w.now(); at++ {
		s, p, err := w.restore(func(r *archive.Restore) { r.At = at })
		if err != nil || p.T != at {
			t.Fatalf("at %d: %+v %v", at, p, err)
		}
		w.equal(s, at)
		// The items are those of the last backup, or of the first when there was none yet.
		if list, ok := ends[at]; ok {
			last, first = at, false
			if got := items(t, s); !reflect.DeepEqual(got, list) {
				t.Errorf("at %d, the end of a backup: items %v, want %v", at, got, list)
			}
		} else if got := items(t, s); !first && !reflect.DeepEqual(got, ends[last]) {
			t.Errorf("at %d: items %v, want those at %d: %v", at, got, last, ends[last])
		}
		s.Close()
	}
	for i := 0; i < len(all); i += 5 {
		for _, moment := range []time.Time{all[i].At, all[i].At.Add(time.Millisecond)} {
			want := store.T(0)
			for _, c := range all {
				if !c.At.After(moment) {
					want = c.T
				}
			}
			s, p, err := w.restore(func(r *archive.Restore) { r.Time = moment })
			if err != nil || p.T != want {
				t.Fatalf("at %v: %d, want %d: %v", moment, p.T, want, err)
			}
			w.equal(s, want)
			s.Close()
		}
	}
	for name, change := range map[string]func(*archive.Restore){
		"beyond the end":        func(r *archive.Restore) { r.At = w.now() + 1 },
		"after the last backup": func(r *archive.Restore) { r.Time = w.clock.Now().Add(time.Hour) },
		"before the first":      func(r *archive.Restore) { r.Time = start.Add(-time.Hour) },
		"another set":           func(r *archive.Restore) { r.Set = "20200101T000000Z-000000" },
	} {
		if _, _, err := w.restore(change); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v, want not-found", name, err)
		}
	}
}

// objects returns the names of a place.
func (w *world) objects() (names []string) {
	w.Helper()
	for e, err := range w.place.List(ctx, "") {
		if err != nil {
			w.Fatal(err)
		}
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// TestDamagedBackupsAreRefused drops, cuts and changes every object in turn: a restore names the
// object, or, where a damage is not seen from what is left, gives the whole record.
func TestDamagedBackupsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.write(6)
		w.backup()
	}
	names := w.objects()
	if len(names) != 7 { // with the keys of the patients
		t.Fatalf("objects %v", names)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(w.path, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	refused := func(what, name string) {
		t.Helper()
		_, _, err := w.restore(nil)
		switch {
		case err == nil:
			t.Errorf("%s %s: restored as if nothing was wrong", what, name)
		case fault.CodeOf(err) != fault.Invalid && fault.CodeOf(err) != fault.NotFound && fault.CodeOf(err) != fault.Forbidden:
			t.Errorf("%s %s: %v", what, name, err)
		case what == "without" && strings.HasPrefix(name, "keys/") && strings.Contains(err.Error(), "keys/"):
		case !strings.Contains(err.Error(), strings.TrimSuffix(strings.TrimSuffix(name, ".json"), ".age")):
			t.Errorf("%s %s: the message does not name it: %v", what, name, err)
		}
	}
	for i, name := range names {
		whole := read(name)
		put := func(content []byte) {
			if err := os.WriteFile(filepath.Join(w.path, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(w.path, name)); err != nil {
			t.Fatal(err)
		}
		refused("without", name)
		for _, n := range []int{0, 1, 100, len(whole) / 2, len(whole) - 1} {
			put(whole[:n])
			refused(fmt.Sprintf("the first %d bytes of", n), name)
		}
		put(append(bytes.Clone(whole), 0))
		refused("a byte more than", name)
		for k := range 60 {
			flipped := bytes.Clone(whole)
			flipped[k*len(whole)/60] ^= 1 << (k % 8)
			put(flipped)
			refused(fmt.Sprintf("a bit in byte %d of", k*len(whole)/60), name)
		}
		other := names[(i+2)%len(names)] // of the same kind
		put(read(other))
		refused("another in the place of", name)
		put(whole)
	}
	if _, other := locks(t); true {
		if _, _, err := w.restore(func(r *archive.Restore) { r.Keys = other }); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another identity: %v, want forbidden", err)
		}
	}
	if _, _, err := w.restore(func(r *archive.Restore) { r.Keys = archive.Keys{} }); !fault.Is(err, fault.Invalid) {
		t.Errorf("no identity: %v", err)
	}
	s, _, err := w.restore(nil)
	if err != nil {
		t.Fatalf("undamaged: %v", err)
	}
	w.equal(s, w.now())
}

// TestWhatWasFinishedIsRestored: a backup that was cut off before its manifest does not stand
// in the way of those before it, nor of those behind it.
func TestWhatWasFinishedIsRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(5)
	first := w.backup()
	w.write(5)
	second := w.backup()
	manifest := strings.TrimSuffix(second.Segment, ".age") + ".json"
	if err := os.Remove(filepath.Join(w.path, manifest)); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.restore(nil)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), fmt.Sprintf("--at %d", first.To)) {
		t.Errorf("the message does not say how far a restore can go: %v", err)
	}
	s, p, err := w.restore(func(r *archive.Restore) { r.At = first.To })
	if err != nil || p.T != first.To {
		t.Fatalf("at the end of the first: %+v %v", p, err)
	}
	w.equal(s, first.To)
	w.write(2)
	if third := w.backup(); third.Number != 3 || third.From != first.To {
		t.Errorf("the next backup goes on from %d under the number %d, want %d and 3", third.From, third.Number, first.To)
	}
	s, _, err = w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(s, w.now())
}

// TestADamagedSetIsLeftAlone: the next backup begins a new set, and the damage of the old one
// does not stand in the way of restoring that.
func TestADamagedSetIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(5)
	first := w.backup()
	manifest := filepath.Join(w.path, strings.TrimSuffix(first.Segment, ".age")+".json")
	for _, damage := range []string{"{}", "", strings.Repeat("x", 2<<20)} {
		if err := os.WriteFile(manifest, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.restore(func(r *archive.Restore) { r.Set = first.Set }); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), filepath.Base(manifest)) {
			t.Errorf("a manifest of %d bytes: %v", len(damage), err)
		}
	}
	w.write(2)
	if second := w.backup(); second.Set == first.Set || second.From != 0 || !strings.Contains(second.Why, first.Set) {
		t.Errorf("a backup behind a damaged set: %+v", second)
	}
	s, _, err := w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(s, w.now())
}

func TestNothingReadableLiesInThePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(40)
	w.backup()
	secret := w.ring.Secret()
	for _, name := range w.objects() {
		b, err := os.ReadFile(filepath.Join(w.path, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range [][]byte{[]byte("canary"), []byte("Observation"), []byte("nurse"), secret} {
			if bytes.Contains(b, word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
}

func TestAnotherLockBeginsANewSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(5)
	first := w.backup()
	w.write(1)
	lock, err := archive.Passphrase("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	before := w.keys
	w.lock = lock
	second := w.backup()
	if second.Why == "" || second.From != 0 || second.Set <= first.Set {
		t.Errorf("%+v", second)
	}
	keys, err := archive.PassphraseKeys("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	w.keys = keys
	s, _, err := w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(s, w.now())
	if w.keys, err = archive.PassphraseKeys("wrong horse"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.restore(nil); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	w.keys = before
	s, p, err := w.restore(func(r *archive.Restore) { r.Set = first.Set })
	if err != nil || p.T != first.To {
		t.Fatalf("the older set: %+v %v", p, err)
	}
	w.equal(s, first.To)
	for _, list := range [][]string{nil, {""}, {"age1nonsense"}, {"AGE-SECRET-KEY-1QQQ"}} {
		if _, err := archive.Recipients(list...); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "1QQQ") {
			t.Errorf("recipients %q: %v", list, err)
		}
	}
	if _, err := archive.Identities(strings.NewReader("AGE-SECRET-KEY-1QQQ")); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "1QQQ") {
		t.Errorf("a bad identity: %v", err)
	}
	if _, err := (archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Clock: w.clock}).Run(ctx); !fault.Is(err, fault.Invalid) {
		t.Errorf("a backup in clear: %v", err)
	}
}

func TestTwoRecordsDoNotShareAPlace(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	w.write(3)
	w.backup()
	other.write(3)
	if _, err := (archive.Backup{Store: other.store, Keys: other.ring, To: w.place, Lock: w.lock, Clock: w.clock}).Run(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("another record in the same place: %v", err)
	}
	empty := newWorld(t)
	if _, err := (archive.Backup{Store: empty.store, Keys: empty.ring, To: empty.place, Lock: w.lock, Clock: w.clock}).Run(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("an empty record: %v", err)
	}
	if names := empty.objects(); len(names) > 0 {
		t.Errorf("a backup of nothing has left %v", names)
	}
}

func TestContentsGoWithTheRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(3)
	dir := t.TempDir()
	from, err := bucket.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.New(from, w.ring.Key("content"))
	keep := func(text string) blob.Content { // a content and the item that names it
		c, err := blobs.Put(ctx, strings.NewReader(text), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		value, err := json.Marshal(blob.Named{Content: c})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.store.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Create}, Items: []store.ItemWrite{{Item: store.Item{Space: blob.Space, Key: blobs.Name(c), Value: value}}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	backup := func() archive.Backed {
		b, err := archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Lock: w.lock, Clock: w.clock, Contents: from}.Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	kept := []blob.Content{keep("the first letter")}
	if b := backup(); b.Contents != 1 {
		t.Errorf("%d contents copied, want 1", b.Contents)
	}
	kept = append(kept, keep("the second letter"))
	middle := w.now()
	kept = append(kept, keep("the third letter"))
	if b := backup(); b.Contents != 2 || len(b.Lost) > 0 {
		t.Errorf("%d contents copied, want the 2 new ones; lost %v", b.Contents, b.Lost)
	}
	restore := func(at store.T, copied bool) (archive.Proof, bucket.Bucket, error) {
		to, err := bucket.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := w.restore(func(r *archive.Restore) {
			r.At, r.Read = at, true
			if copied {
				r.Contents = to
			}
		})
		return p, to, err
	}
	for _, at := range []store.T{0, middle} { // at the earlier moment, the two that were named by then
		p, to, err := restore(at, true)
		if err != nil || p.Contents < 2 {
			t.Fatalf("at %d: %+v %v", at, p, err)
		}
		there := blob.New(to, w.ring.Key("content"))
		for _, one := range kept[:p.Contents] {
			f, err := there.Open(ctx, one)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(f)
			f.Close()
			if err != nil || !strings.HasSuffix(string(text), "letter") {
				t.Errorf("at %d: %q %v", at, text, err)
			}
		}
	}
	if p, to, err := restore(0, false); err != nil || p.Contents != 3 || len(slices.Collect(names(to))) > 0 {
		t.Errorf("left where they are: %+v %v", p, err)
	}
	second := filepath.Join(w.path, "contents", blobs.Name(kept[1]))
	whole, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for _, damage := range [][]byte{flipped, whole[:len(whole)-1], nil} {
		if err := os.WriteFile(second, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if damage == nil {
			os.Remove(second)
		}
		if _, _, err := restore(0, true); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "contents/"+blobs.Name(kept[1])) {
			t.Errorf("a content of %d bytes instead of %d: %v", len(damage), len(whole), err)
		}
	}
	// The record itself has lost it: that is said, and the rest is backed up and restored.
	if err := os.Remove(filepath.Join(dir, blobs.Name(kept[1]))); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, blobs.Name(kept[0]))
	away, err := os.ReadFile(gone)
	if err == nil {
		err = errors.Join(os.Remove(gone), os.WriteFile(second, whole, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	both := []string{blobs.Name(kept[0]), blobs.Name(kept[1])}
	slices.Sort(both)
	for _, way := range []string{"nothing new", "added to", "anew"} { // the place has what the record has lost
		w.clock.Advance(time.Minute)
		if way == "added to" {
			keep("one more letter")
		}
		b, err := archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Lock: w.lock, Clock: w.clock, Contents: from, Full: way == "anew", Check: way == "anew"}.Run(ctx)
		if slices.Sort(b.Only); err != nil || b.Nothing != (way == "nothing new") || !slices.Equal(b.Only, both) || len(b.Lost) > 0 {
			t.Errorf("%s: only there %v, lost %v, %v", way, b.Only, b.Lost, err)
		}
		if p, _, err := restore(0, true); err != nil || len(p.Lost) > 0 {
			t.Errorf("%s: %+v %v", way, p, err)
		}
	}
	if err := errors.Join(os.WriteFile(gone, away, 0o600), os.Remove(second)); err != nil {
		t.Fatal(err)
	}
	keep("the fourth letter")
	if b := backup(); !slices.Equal(b.Lost, []string{blobs.Name(kept[1])}) || b.Contents != 1 {
		t.Errorf("lost %v, copied %d", b.Lost, b.Contents)
	}
	if p, _, err := restore(0, true); err != nil || !slices.Equal(p.Lost, []string{blobs.Name(kept[1])}) || p.Contents != 4 {
		t.Errorf("%+v %v", p, err)
	}
	// A damage in the place is mended by a new set, a damage in the record itself is a loss: neither keeps
	// the rest from being restored, then or after the next backup.
	first, third := blobs.Name(kept[0]), blobs.Name(kept[2])
	for _, path := range []string{filepath.Join(w.path, "contents", first), filepath.Join(dir, third), filepath.Join(w.path, "contents", third)} {
		if err := os.WriteFile(path, []byte("rot"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := restore(0, true); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "--full") {
		t.Errorf("damages in the place: %v", err)
	}
	want := []string{third, blobs.Name(kept[1])}
	slices.Sort(want)
	for _, anew := range []bool{true, false} {
		w.clock.Advance(time.Hour)
		keep("another letter")
		b, err := archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Lock: w.lock, Clock: w.clock, Contents: from, Full: anew, Check: anew}.Run(ctx)
		if slices.Sort(b.Lost); err != nil || !slices.Equal(b.Lost, want) {
			t.Errorf("after a damage, anew %v: lost %v, want %v, %v", anew, b.Lost, want, err)
		}
		if p, _, err := restore(0, true); err != nil || len(p.Lost) != 2 {
			t.Errorf("after a damage, anew %v: %+v %v", anew, p, err)
		}
	}
}

func names(b bucket.Bucket) iter.Seq[string] {
	return func(yield func(string) bool) {
		for e := range b.List(ctx, "") {
			if !yield(e.Name) {
				return
			}
		}
	}
}
