package sqlite

import (
	"cmp"
	"slices"

	"github.com/osler-emr/osler/trust/ledger"
)

var (
	insertLeaves   = insertMany("INSERT INTO leaf (t, at, actor, body) VALUES ", 4)
	insertHashes   = insertMany("INSERT INTO hash (no, hash) VALUES ", 2)
	insertPatients = insertMany("INSERT OR IGNORE INTO leaf_patient (patient, t) VALUES ", 2)
)

// appendLeaf adds the changeset's leaf, encoded as body, to the log.
func (x *txn) appendLeaf(l ledger.Leaf, body []byte) error {
	return x.appendLeaves([]leaf{{t: x.t, at: x.at, Leaf: l, body: body}})
}

// appendLeaves adds leaves with their times to the log, those of a table together.
func (x *txn) appendLeaves(list []leaf) error {
	type mention struct {
		patient string
		t       int64
	}
	var leaves, hashes, patients []any
	var mentions []mention
	for _, l := range list {
		x.t, x.at = l.t, l.at
		first, added := x.tree.Append(l.body)
		leaves = append(leaves, l.t, l.at, l.Actor, l.body)
		for i, h := range added {
			hashes = append(hashes, first+int64(i), h[:])
		}
		for _, p := range slices.Concat(l.Patients, l.Marks()) {
			mentions = append(mentions, mention{p, l.t})
		}
	}
	slices.SortFunc(mentions, func(a, b mention) int { return cmp.Or(cmp.Compare(a.patient, b.patient), cmp.Compare(a.t, b.t)) })
	for _, m := range mentions {
		patients = append(patients, m.patient, m.t)
	}
	if err := x.insert(insertLeaves, leaves); err != nil {
		return err
	}
	if err := x.insert(insertHashes, hashes); err != nil {
		return err
	}
	return x.insert(insertPatients, patients)
}
