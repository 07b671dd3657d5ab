package record

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/blob"
)

// Another place than the record's is refused, by every process, whether or not the record had a mark
// before; one that a restore has filled, or the owner has given up, is not.
func TestContentsHaveOnePlace(t *testing.T) {
	c, dir := keeping(t)
	other := t.TempDir()
	b, err := bucket.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.New(b, bytes.Repeat([]byte{1}, 32))
	there := Open(WithContents(c.store, blobs), c.clock)
	c.commit(physician, binary("rosa", scan(1, 100_000)))
	refused := func(g *Gate, claim bool) {
		t.Helper()
		if err := g.HoldPlace(ctx, claim); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "--contents") {
			t.Errorf("another place: %v", err)
		}
	}
	holds := func(g *Gate, claim bool) {
		t.Helper()
		if err := g.HoldPlace(ctx, claim); err != nil {
			t.Error(err)
		}
	}
	holds(there, false) // a record of an older program is marked by a server alone
	refused(there, true)
	holds(c.gate, true)
	holds(c.gate, true)
	refused(there, true)
	refused(there, false)
	marks, err := filepath.Glob(filepath.Join(dir, "place-*"))
	if err != nil || len(marks) != 1 {
		t.Fatal(marks, err)
	}
	if err := MarkPlace(ctx, c.store, blobs); err != nil {
		t.Fatal(err)
	}
	holds(there, true)
	if err := os.Remove(marks[0]); err != nil {
		t.Fatal(err)
	}
	refused(c.gate, true)
}

// Of two servers that begin a record with two places, one is refused.
func TestAPlaceIsClaimedOnce(t *testing.T) {
	c, _ := keeping(t)
	b, err := bucket.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	there := Open(WithContents(c.store, blob.New(b, bytes.Repeat([]byte{1}, 32))), c.clock)
	if err := c.gate.HoldPlace(ctx, true); err != nil {
		t.Fatal(err)
	}
	if err := there.HoldPlace(ctx, true); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second place: %v", err)
	}
}
