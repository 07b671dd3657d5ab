package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/sqlite/lossy"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// rotten is what became of a flipped bit.
type rotten string

const (
	refused  rotten = "not opened"
	failed   rotten = "found when it was read"
	reported rotten = "found by the verification"
	mended   rotten = "mended"
)

// TestEveryFlippedBitIsFound turns single bits of the files of a record: of a record at rest,
// and of one whose power went, so that its last commits stand in the log. Each is found, and
// nothing wrong is ever served.
func TestEveryFlippedBitIsFound(t *testing.T) {
	b := newBench(t, 77)
	ctx := context.Background()
	o := newOracle(rand.New(rand.NewPCG(77, 1)))
	s, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if err := o.work(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if s, err = b.open(); err != nil { // with an empty log
		t.Fatal(err)
	}
	for range 20 {
		set := o.changeset(map[string]bool{})
		r, err := s.Commit(ctx, set)
		if err == nil {
			err = o.answered(set, r, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	crashed := b.disk.Copy(1, filepath.Join(b.dir, "crashed")) // while it is open
	s.Close()
	files := map[string]struct {
		disk *lossy.Disk
		name string
	}{
		"database": {b.disk, "record.db"}, "checkpoints": {b.disk, "checkpoints.log"},
		"database of a crashed record": {crashed, "record.db"}, "log of a crashed record": {crashed, "record.db-wal"},
	}
	// What the last transaction wrote may have been torn by the crash: damage there cannot be
	// told from that as long as nothing was stored behind it.
	content := crashed.Bytes("record.db-wal")
	log, err := sealed.New(nil, b.ring.Key("database")).CheckLog(bytes.NewReader(content), int64(len(content)))
	if err != nil || log.Sure < 60*4120 {
		t.Fatalf("the log is too short: %+v %v", log, err)
	}
	signed := b.disk.Bytes("checkpoints.log")
	lastNote := int64(bytes.LastIndex(signed, []byte("\n\nosler/")))
	for place, f := range files {
		found := map[rotten]int{}
		for _, seed := range runs(20, 2500) {
			disk := f.disk.Copy(seed, filepath.Join(b.dir, fmt.Sprint("rot-", place, seed)))
			at, bit, ok := disk.Rot(f.name)
			if !ok {
				t.Fatalf("%s is empty", f.name)
			}
			if f.name == "record.db-wal" && at >= log.Sure {
				continue
			}
			what, err := b.afterRot(ctx, o, disk)
			if err != nil {
				t.Fatalf("%s: bit %d of byte %d (run %d): %v", place, bit, at, seed, err)
			}
			harmless := place == "database of a crashed record" || // the log has the page anew
				place == "checkpoints" && (at >= lastNote || // it looks torn and is cut off; the database has it
					signed[at] == 1<<bit || // a zero looks like a hole that a crash has left: the same
					signed[at+1] == '=') // bits of base64 that say nothing: it is the same signature
			if what == mended && !harmless {
				t.Fatalf("%s: bit %d of byte %d of %d (run %d) was not found: %q", place, bit, at, len(f.disk.Bytes(f.name)), seed, around(f.disk.Bytes(f.name), at))
			}
			found[what]++
		}
		t.Logf("%s: %v", place, found)
	}
}

// around returns the bytes before and after one.
func around(b []byte, at int64) []byte { return b[max(at-8, 0):min(at+8, int64(len(b)))] }

// afterRot opens a record with a flipped bit, reads everything, and verifies it.
func (b *bench) afterRot(ctx context.Context, o *oracle, disk *lossy.Disk) (rotten, error) {
	whole := b.disk
	b.disk = disk
	defer func() { b.disk = whole }()
	s, err := b.open()
	if err != nil {
		if !fault.Is(err, fault.Internal) && !fault.Is(err, fault.Forbidden) {
			return "", fmt.Errorf("refused unclearly: %w", err)
		}
		return refused, nil
	}
	defer s.Close()
	what, err := o.served(ctx, s)
	if err != nil {
		return "", err
	}
	problems := 0
	if _, err := s.Verify(ctx, func(string) { problems++ }); err != nil || problems > 0 {
		if what == "" {
			what = reported
		}
		return what, nil
	}
	if what != "" {
		return "", fmt.Errorf("a read failed, but the verification finds nothing")
	}
	return mended, nil
}

// served reads everything. A read that fails has found the damage; one that answers something
// else than what was written is what must never be.
func (o *oracle) served(ctx context.Context, s *sqlite.Store) (what rotten, err error) {
	for _, id := range o.order {
		for _, w := range o.resources[id] {
			v, err := s.ReadVersion(ctx, w.Type, w.ID, w.Version)
			if fault.Is(err, fault.NotFound) {
				return "", fmt.Errorf("%s version %d is said not to exist", w.ID, w.Version)
			}
			if err != nil {
				what = failed
			} else if !same(v, w) {
				return "", fmt.Errorf("%s version %d is served wrong", w.ID, w.Version)
			}
		}
	}
	for v, err := range s.All(ctx, nil, 0) {
		if err != nil {
			what = failed
			break
		}
		versions := o.resources[v.ID]
		if len(versions) == 0 || !same(v, versions[len(versions)-1]) {
			return "", fmt.Errorf("%s is listed wrong", v.ID)
		}
	}
	for key, want := range o.items {
		it, err := s.Item(ctx, want.Space, key)
		if fault.Is(err, fault.NotFound) {
			return "", fmt.Errorf("item %s is said not to exist", key)
		}
		if err != nil {
			what = failed
		} else if string(it.Value) != string(want.Value) {
			return "", fmt.Errorf("item %s is served wrong", key)
		}
	}
	return what, nil
}
