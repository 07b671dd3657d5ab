package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

// grow returns a tree of n leaves, its stored hashes and its roots by size.
func grow(t *testing.T, n int) (ledger.Tree, ledger.Reader, []ledger.Hash) {
	t.Helper()
	var tree ledger.Tree
	var stored, roots []ledger.Hash
	roots = append(roots, tree.Root())
	for i := range n {
		first, hashes := tree.Append(leaf(i))
		if first != int64(len(stored)) {
			t.Fatalf("leaf %d is stored at %d, want %d", i, first, len(stored))
		}
		stored = append(stored, hashes...)
		roots = append(roots, tree.Root())
	}
	return tree, tlog.HashReaderFunc(func(indexes []int64) ([]ledger.Hash, error) {
		var out []ledger.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	}), roots
}

func leaf(i int) []byte { return fmt.Appendf(nil, "leaf %d", i) }

func TestTreeAgreesWithTheSumDatabase(t *testing.T) {
	_, r, roots := grow(t, 130)
	for n, root := range roots {
		want, err := tlog.TreeHash(int64(n), r)
		if err != nil || root != want {
			t.Fatalf("root of %d leaves = %v, want %v (%v)", n, root, want, err)
		}
		again, err := ledger.OpenTree(int64(n), r)
		if err != nil || again.Root() != want {
			t.Fatalf("reopened tree of %d leaves differs (%v)", n, err)
		}
	}
}

func TestProofsHoldForTheirLeafOnly(t *testing.T) {
	_, r, roots := grow(t, 77)
	for i := range 77 {
		proof, err := ledger.ProveLeaf(77, int64(i), r)
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.CheckLeaf(proof, 77, roots[77], int64(i), leaf(i)); err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
		if err := ledger.CheckLeaf(proof, 77, roots[77], int64(i), leaf(i+1)); err == nil {
			t.Fatalf("leaf %d: another leaf passes", i)
		}
	}
	if _, err := ledger.ProveLeaf(77, 77, r); !fault.Is(err, fault.NotFound) {
		t.Errorf("leaf beyond the end: %v", err)
	}
	older := ledger.Checkpoint{Origin: "o", Size: 30, Root: roots[30]}
	newer := ledger.Checkpoint{Origin: "o", Size: 77, Root: roots[77]}
	proof, err := ledger.ProveGrowth(30, 77, r)
	if err != nil || ledger.CheckGrowth(proof, older, newer) != nil {
		t.Fatalf("growth from 30 to 77: %v", err)
	}
	older.Root = roots[29]
	if ledger.CheckGrowth(proof, older, newer) == nil {
		t.Error("a rewritten log passes as grown")
	}
}

func TestCheckpointIsSignedAndRead(t *testing.T) {
	_, _, roots := grow(t, 5)
	key, err := ledger.NewKey("osler/test", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Checkpoint{Origin: "osler/test", Size: 5, Root: roots[5]}
	signed, err := key.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ledger.OpenKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Open(signed); err != nil || got != want {
		t.Fatalf("Open = %+v, %v", got, err)
	}
	forged := bytes.Replace(signed, []byte("\n5\n"), []byte("\n4\n"), 1)
	if _, err := reader.Open(forged); !fault.Is(err, fault.Invalid) {
		t.Errorf("a changed size passes: %v", err)
	}
	other, _ := ledger.NewKey("osler/test", bytes.Repeat([]byte{2}, 32))
	if _, err := other.Open(signed); !fault.Is(err, fault.Invalid) {
		t.Errorf("another key passes: %v", err)
	}
	if _, err := reader.Sign(want); err == nil {
		t.Error("a public key signs")
	}
	file := append(append(append(bytes.Clone(signed), '\n'), signed...), '\n')
	notes, rest := ledger.SplitNotes(append(file, "osler/te"...))
	if len(notes) != 2 || string(rest) != "osler/te" || !bytes.Equal(notes[1], signed) {
		t.Errorf("SplitNotes found %d notes, rest %q", len(notes), rest)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add("osler/x\n5\n" + strings.Repeat("A", 43) + "=\n")
	f.Add("o\n-1\n\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ledger.ParseCheckpoint(text)
		if err == nil && !strings.HasPrefix(text, c.Text()[:len(c.Origin)]) {
			t.Errorf("%q became %q", text, c.Text())
		}
	})
}

func FuzzSplitNotes(f *testing.F) {
	f.Add([]byte("a\n1\nx\n\n- sig\n\nrest"))
	f.Fuzz(func(t *testing.T, file []byte) {
		notes, rest := ledger.SplitNotes(file)
		n := len(rest) + len(notes)
		for _, note := range notes {
			n += len(note)
		}
		if n != len(file) {
			t.Errorf("%d bytes of %d came back", n, len(file))
		}
	})
}
