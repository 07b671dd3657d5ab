package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/sqlite/lossy"
	"github.com/osler-emr/osler/trust/ledger"
)

// runs is how many runs a test makes: some in every test run, all in `make drill`, and one
// when OSLER_SEED names it.
func runs(some, all int) []uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("OSLER_SEED"), 10, 64); err == nil {
		return []uint64{seed}
	}
	n := some
	if os.Getenv("OSLER_DRILL") != "" {
		n = all
	} else if testing.Short() {
		n = some / 10
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds
}

// oracle knows what a store has acknowledged. It stands outside of it.
type oracle struct {
	rng       *rand.Rand
	resources map[string][]store.Write // by type/id, all versions
	order     []string                 // of resources
	items     map[string]store.Item
	t         int64 // commits that are there
	serial    int
	doubtful  []store.Changeset // unanswered or refused by a failing disk
	refusals  []error           // what was said then
	done      int               // acknowledged
}

func newOracle(rng *rand.Rand) *oracle {
	return &oracle{rng: rng, resources: map[string][]store.Write{}, items: map[string]store.Item{}}
}

// body returns bytes that say what they are, some of them many and hard to compress.
func (o *oracle) body(id string, version int64) []byte {
	n := 20
	switch o.rng.IntN(8) {
	case 0:
		n = 9000
	case 1:
		n = 1500
	}
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[o.rng.IntN(64)]
	}
	return fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"version":%d,"note":%q}`, id, version, noise)
}

// changeset makes a change of one to three resources and perhaps an item. Those of one group
// have different resources: used tells which are taken.
func (o *oracle) changeset(used map[string]bool) store.Changeset {
	set := store.Changeset{Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Update}}
	for range 1 + o.rng.IntN(3) {
		o.serial++
		id, patient, version := fmt.Sprint("o", o.serial), fmt.Sprint("p", o.rng.IntN(3)), int64(1)
		deleted := false
		if len(o.order) > 0 && o.rng.IntN(2) == 0 {
			known := o.resources[o.order[o.rng.IntN(len(o.order))]]
			last := known[len(known)-1]
			id, patient, version = last.ID, last.Patient, last.Version+1
			deleted = !last.Deleted && o.rng.IntN(4) == 0
		}
		if used[id] {
			continue
		}
		used[id] = true
		w := observation(id, patient, version, fmt.Sprint("c", o.rng.IntN(5)), start.Add(time.Duration(o.serial)*time.Minute))
		if w.Body = o.body(id, version); deleted {
			w.Deleted, w.Body, w.Index = true, nil, nil
		}
		set.Writes = append(set.Writes, w)
	}
	if key := fmt.Sprint("k", o.rng.IntN(6)); o.rng.IntN(3) == 0 && !used[key] {
		used[key] = true
		set.Items = append(set.Items, store.ItemWrite{
			Item:      store.Item{Space: "draft", Key: key, Owner: "drill", Value: o.body(key, 0)},
			IfVersion: o.items[key].Version, Delete: o.rng.IntN(4) == 0,
		})
	}
	return set
}

// happened notes that a change is there.
func (o *oracle) happened(set store.Changeset) {
	o.t++
	for _, w := range set.Writes {
		if len(o.resources[w.ID]) == 0 {
			o.order = append(o.order, w.ID)
		}
		o.resources[w.ID] = append(o.resources[w.ID], w)
	}
	for _, it := range set.Items {
		if it.Delete {
			delete(o.items, it.Key)
			continue
		}
		it.Item.Version = it.IfVersion + 1
		o.items[it.Key] = it.Item
	}
}

// answered notes what a store said to a change.
func (o *oracle) answered(set store.Changeset, r store.Receipt, err error) error {
	if err != nil {
		// Else it is said not to be there; as is what comes after a failure of the disk. If it
		// is there all the same, the number of commits tells.
		if !strings.Contains(err.Error(), "othing was stored") && !o.overlaps(set) {
			o.doubtful = append(o.doubtful, set)
		}
		o.refusals = append(o.refusals, err)
		return nil
	}
	o.happened(set)
	o.done++
	if int64(r.T) != o.t {
		return fmt.Errorf("acknowledged as commit %d, want %d", r.T, o.t)
	}
	return nil
}

// overlaps reports whether a change is about the same versions as a doubtful one before it.
func (o *oracle) overlaps(set store.Changeset) bool {
	for _, d := range o.doubtful {
		for _, a := range d.Writes {
			for _, b := range set.Writes {
				if a.ID == b.ID {
					return true
				}
			}
		}
		for _, a := range d.Items {
			for _, b := range set.Items {
				if a.Key == b.Key {
					return true
				}
			}
		}
	}
	return false
}

// settle finds out which of the doubtful changes are there. Each is there whole or not at
// all.
func (o *oracle) settle(ctx context.Context, s store.Store) error {
	for _, set := range o.doubtful {
		there, parts := 0, 0
		for _, w := range set.Writes {
			parts++
			if v, err := s.ReadVersion(ctx, w.Type, w.ID, w.Version); err == nil && same(v, w) {
				there++
			}
		}
		for _, it := range set.Items {
			parts++
			got, err := s.Item(ctx, it.Space, it.Key)
			_, had := o.items[it.Key]
			switch {
			case it.Delete && !had:
				parts-- // nothing to see
			case it.Delete && fault.Is(err, fault.NotFound), !it.Delete && err == nil && bytes.Equal(got.Value, it.Value):
				there++
			}
		}
		switch {
		case parts == 0: // a deletion of nothing: its leaf alone would tell
			if now, err := s.Now(ctx); err == nil && int64(now) > o.t {
				o.happened(set)
			}
		case there == parts:
			o.happened(set)
		case there != 0:
			return fmt.Errorf("a change stands with %d of %d parts", there, parts)
		}
	}
	o.doubtful = nil
	return nil
}

func same(v store.Version, w store.Write) bool {
	return v.Version == w.Version && v.Deleted == w.Deleted && bytes.Equal(v.Body, w.Body) && v.Patient == w.Patient
}

// check compares the whole store with what was acknowledged.
func (o *oracle) check(ctx context.Context, s store.Store) error {
	if err := o.settle(ctx, s); err != nil {
		return err
	}
	if now, err := s.Now(ctx); err != nil || int64(now) != o.t {
		return fmt.Errorf("the store has %d commits (%v), want %d", now, err, o.t)
	}
	alive := 0
	for _, id := range o.order {
		versions := o.resources[id]
		for _, w := range versions {
			if v, err := s.ReadVersion(ctx, w.Type, w.ID, w.Version); err != nil || !same(v, w) {
				return fmt.Errorf("%s version %d is lost or wrong: %v", w.ID, w.Version, err)
			}
		}
		last := versions[len(versions)-1]
		if v, err := s.Read(ctx, last.Type, id, 0); err != nil || !same(v, last) {
			return fmt.Errorf("%s is not at version %d: %v", id, last.Version, err)
		}
		if !last.Deleted {
			alive++
		}
	}
	for _, err := range s.All(ctx, nil, 0) {
		if err != nil {
			return err
		}
		alive--
	}
	if alive != 0 {
		return fmt.Errorf("%d resources are not listed, or too many", alive)
	}
	items, err := s.Items(ctx, "draft", "")
	if err != nil || len(items) != len(o.items) {
		return fmt.Errorf("%d items, want %d: %v", len(items), len(o.items), err)
	}
	for _, it := range items {
		if want := o.items[it.Key]; it.Version != want.Version || !bytes.Equal(it.Value, want.Value) {
			return fmt.Errorf("item %s is not what was written", it.Key)
		}
	}
	var problem error
	leaves, err := s.Verify(ctx, func(p string) {
		if problem == nil {
			problem = fmt.Errorf("verification: %s", p)
		}
	})
	if err == nil && problem == nil && leaves != o.t {
		err = fmt.Errorf("%d leaves verified, want %d", leaves, o.t)
	}
	if err == nil {
		err = problem
	}
	return err
}

// work does one thing with the store. It returns an error only when the store was wrong.
func (o *oracle) work(ctx context.Context, s *sqlite.Store) error {
	switch o.rng.IntN(15) {
	case 12, 13, 14: // as reads do
		set := store.Changeset{Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Read}}
		r, err := s.Commit(ctx, set)
		return o.answered(set, r, err)
	case 0:
		_, _ = s.Checkpoint(ctx)
		return nil
	case 1:
		if o.rng.IntN(2) == 0 { // what is copied beside others comes first, as it does while they write
			_ = s.CopyAhead()
		}
		_ = s.CopyBack()
		return nil
	case 2, 3, 4:
		used := map[string]bool{}
		var sets []store.Changeset
		for range 2 + o.rng.IntN(5) {
			sets = append(sets, o.changeset(used))
		}
		stale := observation("never", "p0", 7, "c", start)
		sets = append(sets, store.Changeset{Writes: []store.Write{stale}, Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Update}})
		receipts, errs := s.Together(ctx, sets)
		for i := range len(sets) - 1 {
			if err := o.answered(sets[i], receipts[i], errs[i]); err != nil {
				return err
			}
		}
		if errs[len(sets)-1] == nil {
			return fmt.Errorf("a stale change was taken")
		}
		return nil
	}
	set := o.changeset(map[string]bool{})
	r, err := s.Commit(ctx, set)
	return o.answered(set, r, err)
}

// bench is a record on a disk that loses power.
type bench struct {
	dir  string
	ring seal.Keyring
	disk *lossy.Disk
	seen func(lossy.Op) // is told of every operation
}

func newBench(t testing.TB, seed uint64) *bench {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: dir, ring: ring}
	b.fresh(seed)
	return b
}

func (b *bench) fresh(seed uint64) {
	b.disk = lossy.New(seed, filepath.Join(b.dir, fmt.Sprint("shm-", seed)))
}

func (b *bench) open() (*sqlite.Store, error) {
	return sqlite.OpenOn(context.Background(), b.dir, sqlite.Options{Keyring: b.ring, Clock: clock.NewManual(start), Readers: 1, CacheKiB: 64}, b.disk)
}

// TestPowerLossLosesNothing cuts the power at a random operation of a random day's work,
// several times on one record, also while the record is made and while it recovers.
func TestPowerLossLosesNothing(t *testing.T) {
	b := newBench(t, 0)
	acknowledged, cuts := 0, 0
	began := time.Now()
	for _, seed := range runs(40, 3_400) {
		done, n, err := b.powerLoss(seed)
		if err != nil {
			t.Fatalf("run %d: %v\nrun it again with OSLER_SEED=%d", seed, err, seed)
		}
		acknowledged, cuts = acknowledged+done, cuts+n
	}
	t.Logf("%d acknowledged commits, %d power losses, 0 lost, in %v", acknowledged, cuts, time.Since(began).Round(time.Millisecond))
	if acknowledged == 0 || cuts == 0 {
		t.Error("nothing was acknowledged or the power never went: the test proves nothing")
	}
}

func (b *bench) powerLoss(seed uint64) (acknowledged, cuts int, err error) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 9))
	b.fresh(seed)
	o := newOracle(rng)
	for range 3 {
		cut := int64(1 + rng.IntN([...]int{30, 60, 120, 250}[rng.IntN(4)])) // the first while it opens
		b.disk.CrashAt(cut)
		s, err := b.open()
		for range 40 {
			if err != nil || b.disk.Off() {
				break
			}
			if wrong := o.work(ctx, s); wrong != nil {
				s.Close()
				return 0, 0, wrong
			}
		}
		if s != nil {
			s.Close() // the power may go now too
		} else if !b.disk.Off() {
			return 0, 0, fmt.Errorf("it does not open: %w", err)
		}
		if b.disk.Off() {
			cuts++
		}
		b.disk.Boot()
		if s, err = b.open(); err != nil {
			return 0, 0, fmt.Errorf("after the power loss it does not open: %w", err)
		}
		err = o.check(ctx, s)
		if err == nil {
			set := o.changeset(map[string]bool{})
			r, refused := s.Commit(ctx, set)
			if err = refused; err == nil {
				err = o.answered(set, r, nil)
			}
		}
		s.Close()
		if err != nil {
			return 0, 0, fmt.Errorf("after the power loss at operation %d: %w", cut, err)
		}
	}
	return o.done, cuts, nil
}

// TestPowerLossRunsRepeat: one number gives one run, operation for operation.
func TestPowerLossRunsRepeat(t *testing.T) {
	b := newBench(t, 0)
	for _, seed := range []uint64{5, 6, 7} {
		var traces [2]uint64
		for i := range traces {
			if _, _, err := b.powerLoss(seed); err != nil {
				t.Fatal(err)
			}
			traces[i] = b.disk.Trace()
		}
		if traces[0] != traces[1] {
			t.Errorf("run %d did other things the second time", seed)
		}
	}
}
