package packed

import (
	"bytes"
	"context"
	"strconv"

	"github.com/osler-emr/osler/fhir/search"
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

// IndexKey is the key in meta under which the state of an Indexing is kept.
func IndexKey(name string) string { return "index/" + name }

// Indexed implements store.Store.
func (s *Reader) Indexed(ctx context.Context, name string) (done bool, err error) {
	err = s.read(ctx, func(n Names) error {
		state, err := n.indexState(name)
		done = state == indexDone
		return err
	})
	return done, err
}

func (n Names) indexState(name string) (state string, err error) {
	_, err = n.one("SELECT value FROM meta WHERE key = ?", []any{IndexKey(name)}, func(s Row) { state = s.ColumnText(0) })
	return state, err
}

// Piece is a part of an Indexing that is to be written.
type Piece struct {
	// Finished says that the work was done before.
	Finished bool
	Versions []Reindexed
	State    string // behind the piece; it is kept under IndexKey
}

// Last reports whether nothing is left behind the piece.
func (p Piece) Last() bool { return p.State == indexDone }

// Reindexed is a version with its new entries: Codec and Blob are the new ones.
type Reindexed struct {
	Stored
	Before  Stored
	No      int64 // in history; 0 for a current version
	Entries []search.Entry
}

// Again gives the versions of the next piece of an Indexing their new entries; those alone
// are in it whose entries differ.
func (s *Reader) Again(ctx context.Context, i store.Indexing) (p Piece, err error) {
	var list []Reindexed
	err = s.read(ctx, func(n Names) (err error) {
		state, err := n.indexState(i.Name)
		if err != nil || state == indexDone {
			p.Finished = err == nil
			return err
		}
		list, p.State, err = n.indexNext(state, i.Types)
		return err
	})
	for _, v := range list {
		changed, err := s.extractAgain(&v, i)
		if err != nil {
			return Piece{}, err
		}
		if changed {
			p.Versions = append(p.Versions, v)
		}
	}
	return p, err
}

// indexNext reads the next piece and returns the state behind it.
func (n Names) indexNext(state string, types []string) ([]Reindexed, string, error) {
	table, last := byte(indexCurrent), int64(-1)<<62
	if state != "" {
		var err error
		if last, err = strconv.ParseInt(state[1:], 10, 64); err != nil {
			return nil, "", Damaged(err)
		}
		table = state[0]
	}
	typed, err := n.typeCondition(types)
	if err != nil {
		return nil, "", err
	}
	behind, args := n.between(last+1, 1<<62)
	text := "SELECT " + Columns + ", 0 FROM resource WHERE " + behind + " AND deleted = 0" + typed + " ORDER BY " + n.rows("") + " LIMIT ?"
	if table == indexFormer {
		args = []any{last}
		text = "SELECT " + Columns + ", no FROM history WHERE no > ? AND deleted = 0" + typed + " ORDER BY no LIMIT ?"
	}
	var list []Reindexed
	err = n.Query(text, append(args, indexPiece), func(st Row) (bool, error) {
		v, err := n.Scan(st)
		list = append(list, Reindexed{Before: v, No: st.ColumnInt64(9)})
		return true, err
	})
	switch {
	case err != nil:
		return nil, "", err
	case len(list) == indexPiece && table == indexCurrent:
		return list, string(table) + digits(list[indexPiece-1].Before.RID), nil
	case len(list) == indexPiece:
		return list, string(table) + digits(list[indexPiece-1].No), nil
	case table == indexCurrent:
		return list, string(rune(indexFormer)) + "0", nil
	}
	return list, indexDone, nil
}

// extractAgain gives a version its new entries and reports whether they differ.
func (s *Reader) extractAgain(v *Reindexed, i store.Indexing) (bool, error) {
	before, body, err := s.pack.unpacked(v.Before)
	if err != nil {
		return false, err
	}
	if v.Entries, err = i.Extract(body); err != nil {
		return false, err
	}
	if bytes.Equal(AppendEntries(nil, v.Entries), before) {
		return false, nil
	}
	v.Stored = v.Before
	v.Codec, v.Blob = s.pack.Pack(v.Entries, body)
	return true, nil // sealed by those who write it
}
