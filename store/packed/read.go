package packed

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// At implements store.Store. The times of the leaves never fall, so that it can halve.
func (s *Reader) At(ctx context.Context, wall time.Time) (t store.T, err error) {
	want := wall.UnixMilli()
	err = s.read(ctx, func(n Names) error {
		high, err := n.Now()
		if err != nil {
			return err
		}
		low := int64(0) // leaf low is not after wall, leaf high+1 is
		for low < high {
			middle := low + (high-low+1)/2
			at, err := n.number("SELECT at FROM leaf WHERE t = ?", middle)
			if err != nil {
				return err
			}
			if at <= want {
				low = middle
			} else {
				high = middle - 1
			}
		}
		t = store.T(low)
		return nil
	})
	return t, err
}

// snapshot returns the T to read at, and whether it lies in the past.
func (n Names) snapshot(at store.T) (t int64, past bool, err error) {
	now, err := n.Now()
	switch {
	case err != nil:
		return 0, false, err
	case int64(at) > now && int64(at) <= n.latest():
		return int64(at), false, nil
	case int64(at) > now && n.behind() != nil:
		return 0, false, n.behind()
	case at < 0 || int64(at) > now:
		return 0, false, fault.New(fault.Invalid, "The record has no state %d yet: the last is %d.", at, now)
	case at == 0:
		return now, n.scattered(), nil
	}
	return int64(at), int64(at) < now || n.scattered(), nil
}

// behind is an error when the connection is a replica's that lags: the caller asks elsewhere.
func (n Names) behind() error {
	if f, ok := n.Conn.(Follower); ok {
		return f.Behind()
	}
	return nil
}

// latest returns the T of the last commit of which all but the leaf is in the tables.
func (n Names) latest() int64 {
	if l, ok := n.Conn.(Later); ok {
		return l.Latest()
	}
	return 0
}

func absent(resourceType string) error {
	return fault.New(fault.NotFound, "There is no %s with this id.", resourceType)
}

// Read implements store.Store.
func (s *Reader) Read(ctx context.Context, resourceType, id string, at store.T) (store.Version, error) {
	ask := func() (v Stored, err error) {
		read := s.ask
		if at != 0 { // it may need two
			read = s.read
		}
		err = read(ctx, func(n Names) (err error) {
			v, err = n.readAt(resourceType, id, int64(at))
			return err
		})
		return v, err
	}
	var v Stored
	var err error
	if at == 0 {
		v, err = s.present(resourceType, id, ask)
	} else {
		v, err = ask()
	}
	if err != nil {
		return store.Version{}, err
	}
	return s.open(v)
}

// readAt returns the version that was current at a time; 0 is the present.
func (n Names) readAt(resourceType, id string, at int64) (Stored, error) {
	v, ok, err := n.Current(resourceType, id)
	if err != nil {
		return Stored{}, err
	}
	if !ok {
		return Stored{}, absent(resourceType)
	}
	if at == 0 && n.scattered() {
		if at, err = n.Now(); err != nil {
			return Stored{}, err
		}
	}
	if at == 0 || int64(v.T) <= at {
		return v, nil
	}
	typ, err := n.Type(resourceType)
	if err != nil {
		return Stored{}, err
	}
	ok = false
	err = n.Query("SELECT "+Columns+" FROM history WHERE id = ? AND type = ? AND t <= ? AND until > ?", []any{id, typ, at, at}, func(st Row) (bool, error) {
		ok = true
		v, err = n.Scan(st)
		return false, err
	})
	if err == nil && !ok {
		err = absent(resourceType)
	}
	return v, err
}

// ReadVersion implements store.Store.
func (s *Reader) ReadVersion(ctx context.Context, resourceType, id string, version int64) (store.Version, error) {
	var v Stored
	err := s.read(ctx, func(n Names) (err error) {
		v, err = n.readVersion(resourceType, id, version)
		return err
	})
	if err != nil {
		return store.Version{}, err
	}
	return s.open(v)
}

func (n Names) readVersion(resourceType, id string, version int64) (Stored, error) {
	v, ok, err := n.Current(resourceType, id)
	if err != nil || ok && v.Version.Version == version {
		return v, err
	}
	typ, err := n.Type(resourceType)
	if err != nil {
		return Stored{}, err
	}
	ok = false
	err = n.Query("SELECT "+Columns+" FROM history WHERE id = ? AND type = ? AND version = ?", []any{id, typ, version}, func(st Row) (bool, error) {
		ok = true
		v, err = n.Scan(st)
		return false, err
	})
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no version %d of this %s.", version, resourceType)
	}
	return v, err
}

// Compartment implements store.Store. The rows are read at once, so that no connection is
// held while the caller works with them; bodies are decoded as they are asked for.
func (s *Reader) Compartment(ctx context.Context, patient string, types []string, at store.T) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		var rows []Stored
		err := s.read(ctx, func(n Names) error {
			low, high, ok, err := n.patientRange(patient)
			if err != nil || !ok {
				return err
			}
			t, past, err := n.snapshot(at)
			if err != nil {
				return err
			}
			rows, err = n.span(span{low: low, high: high, types: types, at: t, past: past})
			return err
		})
		s.yield(rows, err, s.open, yield)
	}
}

// yield decodes rows for a caller; it returns false when the caller has enough.
func (s *Reader) yield(rows []Stored, err error, open func(Stored) (store.Version, error), yield func(store.Version, error) bool) bool {
	if err != nil {
		yield(store.Version{}, err)
		return false
	}
	for _, r := range rows {
		v, err := open(r)
		if !yield(v, err) || err != nil {
			return false
		}
	}
	return true
}

// span is a range of row ids at a time.
type span struct {
	low, high int64
	types     []string
	at        int64
	past      bool
	limit     int // 0: none
}

// span reads the live versions of a range in the order of row ids.
func (n Names) span(p span) ([]Stored, error) {
	typed, err := n.typeCondition(p.types)
	if err != nil || typed == " AND 1=0" {
		return nil, err
	}
	limit := int64(1) << 62
	if p.limit > 0 {
		limit = int64(p.limit)
	}
	in, bounds := n.between(p.low, p.high)
	bound := func(args ...any) []any { return append(slices.Clone(bounds), args...) }
	var rows []Stored
	collect := func(st Row) (bool, error) {
		v, err := n.Scan(st)
		rows = append(rows, v)
		return true, err
	}
	err = n.Query("SELECT "+Columns+" FROM resource WHERE "+in+" AND deleted = 0 AND t <= ?"+typed+" ORDER BY "+n.rows("")+" LIMIT ?", bound(p.at, limit), collect)
	if err != nil || !p.past {
		return rows, err
	}
	err = n.Query("SELECT "+Columns+" FROM history WHERE "+in+" AND deleted = 0 AND t <= ? AND until > ?"+typed+" ORDER BY "+n.rows("")+" LIMIT ?", bound(p.at, p.at, limit), collect)
	slices.SortStableFunc(rows, func(a, b Stored) int { return int(min(max(a.RID-b.RID, -1), 1)) })
	if p.limit > 0 && len(rows) > p.limit {
		rows = rows[:p.limit]
	}
	return rows, err
}

// typeCondition returns the condition on the type column. The numbers are ours, not input.
func (n Names) typeCondition(types []string) (string, error) {
	if len(types) == 0 {
		return "", nil
	}
	list := ""
	for _, name := range types {
		no, err := n.Type(name)
		if err != nil {
			return "", err
		}
		if no != 0 {
			list += "," + digits(no)
		}
	}
	if list == "" {
		return " AND 1=0", nil
	}
	return " AND +type IN (" + list[1:] + ")", nil
}

// chunk is how many resources All reads at a time.
const chunk = 500

// All implements store.Store. It reads in pieces at one logical time, so that it holds
// neither memory nor a connection while the caller works.
func (s *Reader) All(ctx context.Context, types []string, at store.T) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		next, fixed := int64(-1)<<62, at
		for {
			var rows []Stored
			err := s.read(ctx, func(n Names) error {
				t, past, err := n.snapshot(fixed)
				if err != nil {
					return err
				}
				fixed = store.T(t)
				rows, err = n.span(span{low: next, high: 1 << 62, types: types, at: t, past: past, limit: chunk})
				return err
			})
			if !s.yield(rows, err, s.pack.Open, yield) || len(rows) < chunk {
				return
			}
			next = rows[len(rows)-1].RID + 1
		}
	}
}
