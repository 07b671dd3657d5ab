package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

// A read leaves a leaf and nothing else, and is answered when that is on the disk. What a leaf
// needs of the database is the head, which this process has left as it is unless another one has
// committed since. So a group of nothing but leaves is made out beforehand, and goes into the
// database with one statement, on condition that the head still has the mark of the last group of
// this process: no two groups have one mark. Otherwise nothing is written, and the group is
// committed like any other.

// leavesText commits leaves. lock_timeout is set before the row is waited for; a row that another
// transaction has changed meanwhile does not have the mark any more.
var leavesText = "WITH h AS (UPDATE head SET t = ?, at = ?, mark = ? WHERE mark = ? AND set_config('lock_timeout', '" + lockTimeout + "', true) <> '' RETURNING mark), " +
	"o AS (INSERT INTO outcome (key, at) SELECT mark, ? FROM h), " +
	"l AS (" + intoLeaf.insertIf("h") + "), s AS (" + intoHash.insertIf("h") + "), p AS (" + intoPeople.insertIf("h") + ") SELECT FROM h"

// alone reports whether a request is a leaf and nothing else.
func (r *request) alone() bool {
	return len(r.Set.Writes)+len(r.Set.Items)+len(r.Set.Unchanged)+len(r.Set.Absent) == 0 && r.Set.Key == ""
}

// leaves makes out a group of leaves as what follows the last group; nil when it has something
// else, or needs keys that are not in memory.
func (s *Store) leaves(batch []*request, key []byte) *txn {
	last := &s.writer.last
	if !s.writer.sole || s.scattered || len(last.mark) == 0 {
		return nil
	}
	x := &txn{conn: &conn{store: s}, head: *last, now: s.clock.Now().UnixMilli()}
	x.Own = &packed.Words{}
	x.head.at, x.head.mark = max(last.at, x.now), key
	for _, r := range batch {
		if !r.alone() {
			return nil
		}
		leaf := r.Leaf // that of the request stays as it is for a second attempt
		if packed.Detailed(&leaf) {
			if done, err := s.words.SealKnown(&leaf); !done || err != nil {
				return nil
			}
		}
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		x.head.t++
		leaf.At = x.head.at
		if err := x.appendLeaf(leaf, leaf.Encode()); err != nil {
			return nil
		}
		r.receipt = store.Receipt{T: store.T(x.head.t), Leaf: x.head.t - 1}
	}
	return x
}

// append sends the leaves; false when the head is not that of the last group any more, and
// nothing was written.
func (x *txn) append(ctx context.Context, c *pgx.Conn, last []byte) (bool, error) {
	p := &x.pending
	args := slices.Concat([]any{x.head.t, x.head.at, x.head.mark, last, x.now}, intoLeaf.arrays(p.leaves), intoHash.arrays(p.hashes), intoPeople.arrays(p.leafPatients))
	tag, err := c.Exec(ctx, x.store.numbered(leavesText), args...)
	return tag.RowsAffected() == 1, err
}
