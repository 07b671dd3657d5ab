package ledger

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
)

// Hash is a hash of the tree: SHA-256 as RFC 6962 prescribes.
type Hash = tlog.Hash

// Reader returns stored hashes by their index; see Tree.Append.
type Reader = tlog.HashReader

// Tree is the growing edge of the Merkle tree: its size and the roots of the complete
// subtrees that it consists of, one for each bit of the size. It is a value, so that a
// transaction works on a copy and drops it when it fails.
type Tree struct {
	size  int64
	peaks [63]Hash // peaks[l] is the root of the subtree of 2^l leaves, when bit l of size is set
}

// OpenTree reads the edge of a tree of a size from the stored hashes.
func OpenTree(size int64, r Reader) (Tree, error) {
	t := Tree{size: size}
	var indexes []int64
	var levels []int
	for level := 62; level >= 0; level-- {
		if size>>level&1 == 1 {
			levels = append(levels, level)
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	hashes, err := r.ReadHashes(indexes)
	if err != nil {
		return Tree{}, err
	}
	if len(hashes) != len(indexes) {
		return Tree{}, fault.New(fault.Internal, "The audit log lacks hashes of its tree.")
	}
	for i, level := range levels {
		t.peaks[level] = hashes[i]
	}
	return t, nil
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Append adds a leaf. It returns the index of the first new stored hash and the new hashes
// in order: the leaf's own and those of the subtrees that it completes. A store keeps them
// under consecutive indexes (golang.org/x/mod/sumdb/tlog numbers them so).
func (t *Tree) Append(leaf []byte) (first int64, hashes []Hash) {
	first = tlog.StoredHashIndex(0, t.size)
	h := tlog.RecordHash(leaf)
	hashes = append(hashes, h)
	level := 0
	for ; t.size>>level&1 == 1; level++ {
		h = tlog.NodeHash(t.peaks[level], h)
		hashes = append(hashes, h)
	}
	t.peaks[level] = h
	t.size++
	return first, hashes
}

// Root returns the head of the tree; that of an empty tree is the hash of nothing.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // reads nothing
		return h
	}
	level := bits.TrailingZeros64(uint64(t.size))
	h := t.peaks[level]
	for level++; t.size>>level > 0; level++ {
		if t.size>>level&1 == 1 {
			h = tlog.NodeHash(t.peaks[level], h)
		}
	}
	return h
}

// ProveLeaf returns the hashes that tie leaf index to the head of a tree of a size, so that
// someone who has the leaf, the proof and a signed checkpoint needs nothing else.
func ProveLeaf(size, index int64, r Reader) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fault.New(fault.NotFound, "The audit log of %d entries has no entry %d.", size, index)
	}
	return tlog.ProveRecord(size, index, r)
}

// CheckLeaf verifies what ProveLeaf returned for the leaf's bytes.
func CheckLeaf(proof []Hash, size int64, root Hash, index int64, leaf []byte) error {
	if err := tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(leaf)); err != nil {
		return fault.Wrap(err, fault.Invalid, "The proof does not hold: entry %d is not in this log.", index)
	}
	return nil
}

// ProveGrowth returns the hashes that show that the tree of size newer begins with the tree
// of size older: nothing before older was changed.
func ProveGrowth(older, newer int64, r Reader) ([]Hash, error) {
	if older < 1 || older > newer {
		return nil, fault.New(fault.Invalid, "A log of %d entries did not grow from one of %d.", newer, older)
	}
	return tlog.ProveTree(newer, older, r)
}

// CheckGrowth verifies what ProveGrowth returned for two checkpoints.
func CheckGrowth(proof []Hash, older, newer Checkpoint) error {
	if older.Origin != newer.Origin {
		return fault.New(fault.Invalid, "The checkpoints belong to different logs.")
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fault.Wrap(err, fault.Invalid, "The proof does not hold: the log of %d entries does not begin with that of %d.", newer.Size, older.Size)
	}
	return nil
}
