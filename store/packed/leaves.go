package packed

import (
	"context"
	"slices"
	"strings"

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
		text, args, err := n.leafQuery(f)
		if err != nil {
			return err
		}
		seen := 0
		err = n.Stream(text, args, func(st Row) (bool, error) {
			t := st.ColumnInt64(0)
			raw, err := s.pack.unseal(leafName(t), st.ColumnBlob(1, nil))
			if err != nil {
				return false, Damaged(err)
			}
			l, err := ledger.Decode(raw)
			if err != nil {
				return false, Damaged(err)
			}
			if f.Where != nil { // it may ask for what is sealed
				if err := n.openDetails(&l); err != nil {
					return false, err
				}
			}
			seen++
			if fits(l, f) {
				out = append(out, store.LeafEntry{Index: t - 1, Leaf: l, Raw: raw})
			}
			if f.Scan > 0 && seen == f.Scan && f.Reached != nil {
				*f.Reached = t - 1
				return false, nil
			}
			return f.Limit == 0 || len(out) < f.Limit, nil
		})
		for i := 0; err == nil && i < len(out); i++ {
			err = n.openDetails(&out[i].Leaf)
		}
		return err
	})
	return out, err
}

// fits asks of a leaf what the question to the database did not.
func fits(l ledger.Leaf, f store.LeafFilter) bool {
	return (f.Actor == "" || l.Actor == f.Actor) && (len(f.Actions) == 0 || slices.Contains(f.Actions, l.Action)) &&
		(f.Mark == "" || slices.Contains(l.Marks(), f.Mark)) && (f.Where == nil || f.Where(l))
}

// leafQuery asks for candidates by the one index that finds the fewest: a patient's list, a
// mark's, a person's, or the log itself. Times are turned into places in the log, whose times
// never fall. fits does the rest.
func (n Names) leafQuery(f store.LeafFilter) (string, []any, error) {
	var where []string
	var args []any
	add := func(condition string, a any) { where, args = append(where, condition), append(args, a) }
	d := n.Dialect()
	from, t := "leaf l", "l.t"
	listed := f.Patient
	if listed == "" {
		listed = f.Mark
	}
	switch {
	case listed != "":
		from, t = "leaf_patient p"+d.Join()+"leaf l ON l.t = p.t", "p.t"
		add("p.patient = ?", listed)
	case f.Actor != "":
		add("l.actor = ?", f.Actor)
	case len(f.Actions) > 0 && d.Keyed():
		marks := strings.TrimSuffix(strings.Repeat("?,", len(f.Actions)), ",")
		where = append(where, "l.action IN ("+marks+")")
		for _, action := range f.Actions {
			args = append(args, string(action))
		}
	}
	if !f.From.IsZero() {
		first, err := n.leavesBefore(f.From.UnixMilli())
		if err != nil {
			return "", nil, err
		}
		add(t+" > ?", first)
	}
	if !f.To.IsZero() {
		last, err := n.leavesBefore(f.To.UnixMilli())
		if err != nil {
			return "", nil, err
		}
		add(t+" <= ?", last)
	}
	if f.Before > 0 {
		add(t+" <= ?", f.Before) // leaf t has index t-1
	}
	text := "SELECT l.t, l.body FROM " + from
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text + " ORDER BY " + t + " DESC", args, nil
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
