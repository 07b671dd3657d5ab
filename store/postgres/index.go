package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
)

// Index implements store.Store. Two processes that work at the same Indexing do some of it
// twice, to the same end.
func (s *Store) Index(ctx context.Context, i store.Indexing) (done bool, err error) {
	piece, err := s.Again(ctx, i)
	if err != nil || piece.Finished {
		return piece.Finished, err
	}
	err = s.alone(ctx, nil, func(x *txn) error {
		if err := x.reindex(piece.Versions); err != nil {
			return err
		}
		return x.setMeta(packed.IndexKey(i.Name), piece.State)
	})
	return err == nil && piece.Last(), err
}

// reindex notes the new entries of versions. What was written anew since has entries of the
// same rules.
func (x *txn) reindex(list []packed.Reindexed) error {
	present, err := x.present(list)
	if err != nil {
		return err
	}
	type rows struct{ before, after prepared }
	all := make([]rows, len(list))
	for _, asking := range []bool{true, false} {
		x.asking = asking
		for i := range list {
			v := &list[i]
			if v.No != 0 || present[v.RID] != int64(v.T) || !asking && all[i].before.whole && all[i].after.whole {
				continue
			}
			old, err := x.store.pack.Entries(v.Before)
			if err != nil {
				return err
			}
			if err := x.rowsOf(v.Type, old, &all[i].before); err != nil {
				return err
			}
			if err := x.rowsOf(v.Type, v.Entries, &all[i].after); err != nil {
				return err
			}
		}
		if asking {
			if err := x.lookUp(); err != nil {
				return err
			}
		}
	}
	b := &pgx.Batch{}
	for i := range list {
		v := &list[i]
		blob, err := x.SealFor(x.store.pack, v.RID, v.Type, v.ID, v.Version.Version, packed.Blob{Codec: v.Codec, Bytes: v.Blob})
		sealed := blob.Bytes
		v.Codec = blob.Codec
		switch {
		case err != nil:
			return err
		case v.No != 0:
			b.Queue("UPDATE history SET codec = $1, body = $2 WHERE no = $3 AND patient = $4", v.Codec, sealed, v.No, sqlgen.PatientOf(v.RID))
		case present[v.RID] == int64(v.T):
			x.pending.exchange(v.RID, all[i].before.rows, v.RID, all[i].after.rows)
			b.Queue("UPDATE resource SET has = $1, codec = $2, body = $3 WHERE patient = $4 AND rid = $5", nonNil(all[i].after.has), v.Codec, sealed, sqlgen.PatientOf(v.RID), v.RID)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return x.SendBatch(x.ctx, b).Close()
}

// present returns the T of the rows as they are now.
func (x *txn) present(list []packed.Reindexed) (map[int64]int64, error) {
	var patients, rids []int64
	for i := range list {
		patients, rids = append(patients, sqlgen.PatientOf(list[i].RID)), append(rids, list[i].RID)
	}
	out := map[int64]int64{}
	err := x.conn.Query("SELECT rid, t FROM resource WHERE patient = ANY(?) AND rid = ANY(?)", []any{patients, rids}, func(r packed.Row) (bool, error) {
		out[r.ColumnInt64(0)] = r.ColumnInt64(1)
		return true, nil
	})
	return out, err
}
