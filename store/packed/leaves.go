package packed

import (
	"context"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
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

// Leaves implements store.Store.
func (s *Reader) Leaves(ctx context.Context, f store.LeafFilter) (out []store.LeafEntry, err error) {
	err = s.read(ctx, func(n Names) error {
		text, args := leafQuery(f, n.Dialect())
		err := n.Query(text, args, func(st Row) (bool, error) {
			l, err := s.pack.leaf(st.ColumnInt64(0), st.ColumnRawBlob(1))
			if err != nil {
				return false, Damaged(err)
			}
			out = append(out, store.LeafEntry{Index: st.ColumnInt64(0) - 1, Leaf: l})
			return true, nil
		})
		for i := 0; err == nil && i < len(out); i++ {
			err = n.openDetails(&out[i].Leaf)
		}
		return err
	})
	return out, err
}

func leafQuery(f store.LeafFilter, d sqlgen.Dialect) (string, []any) {
	var where []string
	var args []any
	add := func(condition string, a any) { where, args = append(where, condition), append(args, a) }
	from := "leaf l"
	if f.Patient != "" {
		from = "leaf_patient p" + d.Join() + "leaf l ON l.t = p.t"
		add("p.patient = ?", f.Patient)
	}
	if f.Actor != "" {
		add("l.actor = ?", f.Actor)
	}
	if len(f.Actions) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?,", len(f.Actions)), ",")
		action := "json_extract(CAST(l.body AS TEXT), '$.action')"
		if d.Keyed() { // bodies are sealed
			action = "l.action"
		}
		where = append(where, action+" IN ("+marks+")")
		for _, action := range f.Actions {
			args = append(args, string(action))
		}
	}
	if !f.From.IsZero() {
		add("l.at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("l.at < ?", f.To.UnixMilli())
	}
	if f.Before > 0 {
		add("l.t <= ?", f.Before) // leaf t has index t-1
	}
	text := "SELECT l.t, l.body FROM " + from
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	text += " ORDER BY l.t DESC"
	if f.Patient != "" {
		text = strings.Replace(text, "ORDER BY l.t", "ORDER BY p.t", 1)
	}
	if f.Limit > 0 {
		text, args = text+" LIMIT ?", append(args, f.Limit)
	}
	return text, args
}
