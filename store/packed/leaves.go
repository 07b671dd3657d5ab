package packed

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Hashes reads the stored hashes of the tree.
func Hashes(c Conn) ledger.Reader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]ledger.Hash, error) {
		out := make([]ledger.Hash, len(indexes))
		if c.Dialect().Keyed() {
			return out, hashesAtOnce(c, indexes, out)
		}
		for i, no := range indexes {
			n := 0
			found, err := NewNames(c, nil, nil).one("SELECT hash FROM hash WHERE no = ?", []any{no}, func(s Row) { n = copy(out[i][:], s.ColumnRawBlob(0)) })
			if err != nil {
				return nil, err
			}
			if !found || n != len(out[i]) {
				return nil, fault.New(fault.Internal, "The audit log lacks the hash %d of its tree. Restore a backup.", no)
			}
		}
		return out, nil
	})
}

func hashesAtOnce(c Conn, indexes []int64, out []ledger.Hash) error {
	found := map[int64]ledger.Hash{}
	err := c.Query("SELECT no, hash FROM hash WHERE no = ANY(?)", []any{indexes}, func(r Row) (bool, error) {
		var h ledger.Hash
		if n := copy(h[:], r.ColumnRawBlob(1)); n == len(h) {
			found[r.ColumnInt64(0)] = h
		}
		return true, nil
	})
	for i, no := range indexes {
		h, ok := found[no]
		if !ok && err == nil {
			err = fault.New(fault.Internal, "The audit log lacks the hash %d of its tree. Restore a backup.", no)
		}
		out[i] = h
	}
	return err
}

// ProveLeaf implements store.Store.
func (s *Reader) ProveLeaf(ctx context.Context, index int64, size store.T) (proof []ledger.Hash, err error) {
	err = s.read(ctx, func(n Names) error {
		proof, err = ledger.ProveLeaf(int64(size), index, Hashes(n))
		return err
	})
	return proof, err
}

// ProveGrowth implements store.Store.
func (s *Reader) ProveGrowth(ctx context.Context, older, newer store.T) (proof []ledger.Hash, err error) {
	err = s.read(ctx, func(n Names) error {
		proof, err = ledger.ProveGrowth(int64(older), int64(newer), Hashes(n))
		return err
	})
	return proof, err
}

// Leaves implements store.Store.
func (s *Reader) Leaves(ctx context.Context, f store.LeafFilter) (out []store.LeafEntry, err error) {
	err = s.read(ctx, func(n Names) error {
		x := &leafSearch{Names: n, pack: s.pack, f: f}
		err := x.run()
		for i := 0; err == nil && i < len(x.out); i++ {
			err = n.openDetails(&x.out[i].Leaf)
		}
		out = x.out
		return err
	})
	return out, err
}

// leavesBefore returns how many leaves were stored before a time.
func (n Names) leavesBefore(ms int64) (int64, error) {
	high, err := n.Now()
	if err != nil {
		return 0, err
	}
	low := int64(0)
	for low < high {
		middle := low + (high-low+1)/2
		at, err := n.number("SELECT at FROM leaf WHERE t = ?", middle)
		if err != nil {
			return 0, err
		}
		if at < ms {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}
