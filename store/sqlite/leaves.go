package sqlite

import (
	"context"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// hashes reads the stored hashes of the tree.
func (c *conn) hashes() ledger.Reader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]ledger.Hash, error) {
		out := make([]ledger.Hash, len(indexes))
		for i, no := range indexes {
			n := 0
			found, err := c.one("SELECT hash FROM hash WHERE no = ?", []any{no}, func(s *sqlite3.Stmt) { n = copy(out[i][:], s.ColumnRawBlob(0)) })
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

// appendLeaf adds the changeset's leaf, encoded as body, to the log.
func (x *txn) appendLeaf(l ledger.Leaf, body []byte) error {
	first, hashes := x.tree.Append(body)
	if err := x.exec("INSERT INTO leaf (t, at, actor, body) VALUES (?, ?, ?, ?)", x.t, x.at, l.Actor, body); err != nil {
		return err
	}
	for i, h := range hashes {
		if err := x.exec("INSERT INTO hash (no, hash) VALUES (?, ?)", first+int64(i), h[:]); err != nil {
			return err
		}
	}
	for _, p := range l.Patients {
		if err := x.exec("INSERT OR IGNORE INTO leaf_patient (patient, t) VALUES (?, ?)", p, x.t); err != nil {
			return err
		}
	}
	return nil
}

// Leaves implements store.Store.
func (s *Store) Leaves(ctx context.Context, f store.LeafFilter) (out []store.LeafEntry, err error) {
	text, args := leafQuery(f)
	err = s.read(ctx, func(n names) error {
		return n.query(text, args, func(st *sqlite3.Stmt) (bool, error) {
			l, err := ledger.Decode(st.ColumnRawBlob(1))
			if err != nil {
				return false, damaged(err)
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
