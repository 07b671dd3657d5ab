package packed

import (
	"context"
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

// Leaves implements store.Store.
func (s *Reader) Leaves(ctx context.Context, f store.LeafFilter) (out []store.LeafEntry, err error) {
	text, args := leafQuery(f)
	err = s.read(ctx, func(n Names) error {
		return n.Query(text, args, func(st Row) (bool, error) {
			l, err := ledger.Decode(st.ColumnRawBlob(1))
			if err != nil {
				return false, Damaged(err)
			}
			out = append(out, store.LeafEntry{Index: st.ColumnInt64(0) - 1, Leaf: l})
			return true, nil
		})
	})
	return out, err
}

func leafQuery(f store.LeafFilter) (string, []any) {
	var where []string
	var args []any
	add := func(condition string, a any) { where, args = append(where, condition), append(args, a) }
	from := "leaf l"
	if f.Patient != "" {
		from = "leaf_patient p CROSS JOIN leaf l ON l.t = p.t"
		add("p.patient = ?", f.Patient)
	}
	if f.Actor != "" {
		add("l.actor = ?", f.Actor)
	}
	if len(f.Actions) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?,", len(f.Actions)), ",")
		where = append(where, "json_extract(CAST(l.body AS TEXT), '$.action') IN ("+marks+")")
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
