package sqlite

import (
	"slices"

	"github.com/osler-emr/osler/trust/ledger"
)

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
	for _, p := range slices.Concat(l.Patients, l.Marks()) {
		if err := x.exec("INSERT OR IGNORE INTO leaf_patient (patient, t) VALUES (?, ?)", p, x.t); err != nil {
			return err
		}
	}
	return nil
}
