package packed

import (
	"context"
	"fmt"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
)

// RewrapPiece is how many keys of patients one call of Rewrap wraps; renewPatients how many
// patients one call of Renew takes at most, and renewBytes from how many bytes it takes no more: the
// writer is held for some hundredths of a second.
const (
	RewrapPiece   = 10_000
	renewPatients = 50
	renewBytes    = 4 << 20
)

// RenewingKey is the key in meta under which the state of a change of data keys is kept.
const RenewingKey = "data-keys"

// Renewing is that state.
type Renewing struct {
	Began, Ended int64 // Unix milliseconds
	Last, End    int64 // numbers of patients: who was done last, who is the last to do
}

// String is the stored form.
func (r Renewing) String() string { return fmt.Sprintf("%d/%d/%d/%d", r.Began, r.Ended, r.Last, r.End) }

// Renewing reads the state of a change of data keys.
func (n Names) Renewing() (r Renewing, err error) {
	text := ""
	ok, err := n.one("SELECT value FROM meta WHERE key = ?", []any{RenewingKey}, func(s Row) { text = s.ColumnText(0) })
	if err == nil && ok {
		if _, err = fmt.Sscanf(text, "%d/%d/%d/%d", &r.Began, &r.Ended, &r.Last, &r.End); err != nil {
			err = Damaged(err)
		}
	}
	return r, err
}

// BeginRenewing returns the state of a change of data keys that begins now, unless one is under way.
func (n Names) BeginRenewing(now int64) (r Renewing, err error) {
	if r, err = n.Renewing(); err != nil || r.Began != 0 && r.Ended == 0 {
		return r, err
	}
	r = Renewing{Began: now}
	_, err = n.one("SELECT coalesce(max(no), 0) FROM patient", nil, func(s Row) { r.End = s.ColumnInt64(0) })
	return r, err
}

// KeyState implements store.Rotating.
func (s *Reader) KeyState(ctx context.Context) (out store.KeyState, err error) {
	err = s.read(ctx, func(n Names) error {
		if _, err := n.one("SELECT no, at FROM kek ORDER BY no DESC LIMIT 1", nil, func(r Row) { out.Wrap, out.Made = r.ColumnInt64(0), instant(r.ColumnInt64(1)) }); err != nil {
			return err
		}
		for text, to := range map[string]*int64{"kek > 0": &out.Keys, "kek > 0 AND kek < ?": &out.Waiting, "kek = 0": &out.Shredded} {
			args := []any{}
			if to == &out.Waiting {
				args = append(args, out.Wrap)
			}
			if _, err := n.one("SELECT count(*) FROM patient_key WHERE "+text, args, func(r Row) { *to = r.ColumnInt64(0) }); err != nil {
				return err
			}
		}
		r, err := n.Renewing()
		if err != nil || r.Began == 0 {
			return err
		}
		out.Began, out.Done, out.Patients = instant(r.Began), r.Last, r.End
		if r.Ended != 0 {
			out.Ended = instant(r.Ended)
		}
		return nil
	})
	return out, err
}

// KeysDue implements store.Rotating.
func (s *Reader) KeysDue(ctx context.Context) (made time.Time, changing bool, err error) {
	err = s.read(ctx, func(n Names) error {
		keks := 0
		if err := n.Query("SELECT no, at FROM kek ORDER BY no", nil, func(r Row) (bool, error) {
			keks, made = keks+1, instant(r.ColumnInt64(1))
			return true, nil
		}); err != nil {
			return err
		}
		r, err := n.Renewing()
		changing = keks > 1 || r.Began != 0 && r.Ended == 0
		return err
	})
	return made, changing, err
}

// Wrapped returns the rows of a piece of the keys that a former key-encryption key wraps, wrapped
// by the present one.
func (n Names) Wrapped() (rows []KeyRow, current int64, err error) {
	current, _, err = n.kek(0)
	if err != nil {
		return nil, 0, err
	}
	err = n.Query("SELECT no, gen, kek, key FROM patient_key WHERE kek > 0 AND kek < ? LIMIT ?", []any{current, RewrapPiece}, func(r Row) (bool, error) {
		rows = append(rows, KeyRow{r.ColumnInt64(0), r.ColumnInt64(1), r.ColumnInt64(2), r.ColumnBlob(3, nil)})
		return true, nil
	})
	for i := 0; err == nil && i < len(rows); i++ {
		rows[i], err = n.Rewrap(rows[i])
	}
	return rows, current, err
}

// Renewed is what a piece of a change of data keys writes.
type Renewed struct {
	State    Renewing
	Keys     []KeyRow // new generations; all others of their patients go
	Versions []RenewedVersion
	Items    []store.Item // with sealed values
	newest   map[int64]byte
}

// RenewedVersion is a row of resource, or of history when No is not 0.
type RenewedVersion struct {
	RID, No int64
	Blob
}

// Renew seals the data of the next patients with new keys. It is called by a writer, who holds the
// database.
func (n Names) Renew(p *Packer, now int64) (out Renewed, err error) {
	if out.State, err = n.Renewing(); err != nil || out.State.Began == 0 || out.State.Ended != 0 {
		return out, err
	}
	type patient struct {
		no int64
		id string
	}
	var list []patient
	err = n.Query("SELECT no, id FROM patient WHERE no > ? AND no <= ? ORDER BY no LIMIT ?", []any{out.State.Last, out.State.End, renewPatients}, func(r Row) (bool, error) {
		list = append(list, patient{r.ColumnInt64(0), r.ColumnText(1)})
		return true, nil
	})
	out.newest = map[int64]byte{}
	size := 0
	for i := 0; err == nil && i < len(list) && size < renewBytes; i++ {
		var bytes int
		if bytes, err = n.renew(p, &out, list[i].no, list[i].id); err == nil {
			out.State.Last = list[i].no
		}
		size += bytes
	}
	if err == nil && (len(list) == 0 || out.State.Last == out.State.End) {
		out.State.Last, out.State.Ended = out.State.End, now
	}
	return out, err
}

// renew gives one patient a new key.
func (n Names) renew(p *Packer, out *Renewed, no int64, id string) (size int, err error) {
	c, err := n.load("p.no = ?", no)
	if err != nil || c.Key == nil || c.Key.Gone {
		return 0, err
	}
	k := &PersonKey{root: c.Key.root, bodies: map[byte]*lazyCipher{}, newest: c.Key.newest}
	for generation, l := range c.Key.bodies {
		k.bodies[generation] = l
	}
	row, err := n.AddGeneration(no, k)
	if err != nil {
		return 0, err
	}
	n.Own.SetPatient(no, Compartment{ID: id, Key: k})
	out.Keys = append(out.Keys, row)
	out.newest[no] = k.newest
	low, high := sqlgen.Range(no)
	for _, text := range []string{"SELECT " + Columns + ", 0 FROM resource WHERE ", "SELECT " + Columns + ", no FROM history WHERE "} {
		behind, args := n.between(low, high)
		var rows []RenewedVersion
		var stored []Stored
		err := n.Query(text+behind, args, func(r Row) (bool, error) {
			v, err := n.Scan(r)
			stored, rows = append(stored, v), append(rows, RenewedVersion{RID: v.RID, No: r.ColumnInt64(columnCount)})
			return true, err
		})
		for i := 0; err == nil && i < len(rows); i++ {
			v := &stored[i]
			if v.Codec == codecShredded {
				continue
			}
			var plain Blob
			if plain, err = p.bare(*v); err != nil {
				break
			}
			if rows[i].Blob, err = n.SealFor(p, v.RID, v.Type, v.ID, v.Version.Version, plain); err == nil {
				out.Versions = append(out.Versions, rows[i])
				size += len(rows[i].Bytes)
			}
		}
		if err != nil {
			return size, err
		}
	}
	var items []store.Item
	err = n.Query("SELECT "+ItemColumns+" FROM item WHERE patient = ? AND patient <> ''", []any{id}, func(r Row) (bool, error) {
		items = append(items, scanItem(r))
		return true, nil
	})
	for i := 0; err == nil && i < len(items); i++ {
		it := &items[i]
		if it.Value, err = k.open(itemName(it.Space, it.Key), it.Value); err == nil {
			it.Value, err = p.SealItemWith(k, it)
		}
		size += len(it.Value)
	}
	out.Items = append(out.Items, items...)
	return size, err
}

// Renewed tells readers and writers of this process which keys are the newest, when a piece is
// committed: what a reader of an older state remembers meanwhile is not used to seal.
func (v *Vocabulary) Renewed(r Renewed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.renewed == nil {
		v.renewed = map[int64]byte{}
	}
	for no, generation := range r.newest {
		v.renewed[no] = generation
	}
}
