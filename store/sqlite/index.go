package sqlite

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// indexPiece is how many versions one call of Index works off: the writer is held for some
// hundredths of a second.
const indexPiece = 200

// An Indexing first goes over the current versions, then over the former ones: what is
// superseded meanwhile is met at the second place. Its state is a word in meta: "done", or
// the table's letter and the last row.
const (
	indexDone    = "done"
	indexCurrent = 'r' // rid of resource
	indexFormer  = 'h' // no of history
)

func indexKey(name string) string { return "index/" + name }

// Indexed implements store.Store.
func (s *Store) Indexed(ctx context.Context, name string) (done bool, err error) {
	err = s.read(ctx, func(n names) error {
		state, err := n.indexState(name)
		done = state == indexDone
		return err
	})
	return done, err
}

func (n names) indexState(name string) (state string, err error) {
	_, err = n.one("SELECT value FROM meta WHERE key = ?", []any{indexKey(name)}, func(s *sqlite3.Stmt) { state = s.ColumnText(0) })
	return state, err
}

// reindexed is a version with its new entries.
type reindexed struct {
	stored
	no    int64 // in history; 0 for a current version
	index blob
	fresh []byte // the new entries, encoded
}

// Index implements store.Store.
func (s *Store) Index(ctx context.Context, i store.Indexing) (done bool, err error) {
	var list []reindexed
	var state string
	finished := false
	err = s.read(ctx, func(n names) (err error) {
		if state, err = n.indexState(i.Name); err != nil || state == indexDone {
			finished = err == nil
			return err
		}
		list, state, err = n.indexNext(state, i.Types)
		return err
	})
	if err != nil || finished {
		return finished, err
	}
	kept := list[:0]
	for _, v := range list {
		changed, err := s.extractAgain(&v, i)
		if err != nil {
			return false, err
		}
		if changed {
			kept = append(kept, v)
		}
	}
	if err := s.reindex(ctx, i.Name, state, kept); err != nil {
		return false, err
	}
	return state == indexDone, nil
}

// indexNext reads the next piece and returns the state behind it.
func (n names) indexNext(state string, types []string) ([]reindexed, string, error) {
	table, last := byte(indexCurrent), int64(-1)<<62
	if state != "" {
		var err error
		if last, err = strconv.ParseInt(state[1:], 10, 64); err != nil {
			return nil, "", damaged(err)
		}
		table = state[0]
	}
	typed, err := n.typeCondition(types)
	if err != nil {
		return nil, "", err
	}
	text := "SELECT " + columns + ", 0 FROM resource WHERE rid > ? AND deleted = 0" + typed + " ORDER BY rid LIMIT ?"
	if table == indexFormer {
		text = "SELECT " + columns + ", no FROM history WHERE no > ? AND deleted = 0" + typed + " ORDER BY no LIMIT ?"
	}
	var list []reindexed
	err = n.query(text, []any{last, indexPiece}, func(st *sqlite3.Stmt) (bool, error) {
		v, err := n.scan(st)
		list = append(list, reindexed{stored: v, no: st.ColumnInt64(9)})
		return true, err
	})
	switch {
	case err != nil:
		return nil, "", err
	case len(list) == indexPiece && table == indexCurrent:
		return list, string(table) + digits(list[indexPiece-1].rid), nil
	case len(list) == indexPiece:
		return list, string(table) + digits(list[indexPiece-1].no), nil
	case table == indexCurrent:
		return list, string(rune(indexFormer)) + "0", nil
	}
	return list, indexDone, nil
}

// extractAgain gives a version its new entries and reports whether they differ.
func (s *Store) extractAgain(v *reindexed, i store.Indexing) (bool, error) {
	before, body, err := s.pack.unpack(v.codec, v.blob)
	if err != nil {
		return false, err
	}
	entries, err := i.Extract(body)
	if err != nil {
		return false, err
	}
	if v.fresh = appendEntries(nil, entries); bytes.Equal(v.fresh, before) {
		return false, nil
	}
	v.index.codec, v.index.bytes = s.pack.pack(entries, body)
	return true, nil
}

// reindex writes the entries of a piece and how far the work has come, in one transaction.
func (s *Store) reindex(ctx context.Context, name, state string, list []reindexed) error {
	w := s.writer
	select {
	case <-w.token:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer w.free()
	switch {
	case s.closed.Load():
		return fault.New(fault.Unavailable, "The record is closed.")
	case w.broken != nil:
		return w.broken
	}
	own := newWords()
	x := &txn{store: s, tables: &w.tables, names: names{conn: w.conn, shared: &s.words, own: &own}}
	err := w.exec("BEGIN IMMEDIATE")
	for i := 0; err == nil && i < len(list); i++ {
		err = x.indexAgain(&list[i])
	}
	if err == nil {
		err = w.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", indexKey(name), state)
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err != nil {
		if !w.db.GetAutocommit() {
			_ = w.db.Exec("ROLLBACK")
		}
		if errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CORRUPT) {
			w.broken = fault.New(fault.Unavailable, "The disk failed. Nothing more is stored until the program is restarted.")
		}
		return plain(err)
	}
	s.words.publish(own)
	w.rest()
	return nil
}

func (x *txn) indexAgain(v *reindexed) error {
	if v.no != 0 {
		return x.exec("UPDATE history SET codec = ?, body = ? WHERE no = ?", v.index.codec, v.index.bytes, v.no)
	}
	t, err := x.number("SELECT t FROM resource WHERE rid = ?", v.rid)
	if err != nil || t != int64(v.T) {
		return err // written anew since: with entries of the same rules
	}
	old, err := x.store.pack.entries(v.stored)
	if err != nil {
		return err
	}
	before, _, err := x.index(v.Type, old)
	if err != nil {
		return err
	}
	entries, err := parseEntries(v.fresh)
	if err != nil {
		return err
	}
	after, has, err := x.index(v.Type, entries)
	if err != nil {
		return err
	}
	if err := x.write(v.rid, before, v.rid, after); err != nil {
		return err
	}
	return x.exec("UPDATE resource SET has = ?, codec = ?, body = ? WHERE rid = ?", has, v.index.codec, v.index.bytes, v.rid)
}
