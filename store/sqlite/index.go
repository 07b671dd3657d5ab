package sqlite

import (
	"context"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

// Index implements store.Store.
func (s *Store) Index(ctx context.Context, i store.Indexing) (done bool, err error) {
	piece, err := s.Again(ctx, i)
	if err != nil || piece.Finished {
		return piece.Finished, err
	}
	if err := s.reindex(ctx, i.Name, piece.State, piece.Versions); err != nil {
		return false, err
	}
	return piece.Last(), nil
}

// reindex writes the entries of a piece and how far the work has come, in one transaction.
func (s *Store) reindex(ctx context.Context, name, state string, list []packed.Reindexed) error {
	return s.besides(ctx, func(x *txn) error {
		for i := range list {
			if err := x.indexAgain(&list[i]); err != nil {
				return err
			}
		}
		if err := x.flush(); err != nil {
			return err
		}
		return x.setMeta(packed.IndexKey(name), state)
	})
}

func (x *txn) indexAgain(v *packed.Reindexed) error {
	b, err := x.SealFor(x.store.pack, v.RID, v.Type, v.ID, v.Version.Version, packed.Blob{Codec: v.Codec, Bytes: v.Blob})
	if err != nil {
		return err
	}
	v.Codec, v.Blob = b.Codec, b.Bytes
	if v.No != 0 {
		return x.exec("UPDATE history SET codec = ?, body = ? WHERE no = ?", v.Codec, v.Blob, v.No)
	}
	t, err := x.number("SELECT t FROM resource WHERE rid = ?", v.RID)
	if err != nil || t != int64(v.T) {
		return err // written anew since: with entries of the same rules
	}
	old, err := x.store.pack.Entries(v.Before)
	if err != nil {
		return err
	}
	before, _, err := packed.Rows(x, v.Type, old)
	if err != nil {
		return err
	}
	after, has, err := packed.Rows(x, v.Type, v.Entries)
	if err != nil {
		return err
	}
	if err := x.write(v.RID, before, v.RID, after); err != nil {
		return err
	}
	return x.exec("UPDATE resource SET has = ?, codec = ?, body = ? WHERE rid = ?", has, v.Codec, v.Blob, v.RID)
}
