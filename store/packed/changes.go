package packed

import (
	"cmp"
	"context"
	"slices"

	"github.com/osler-emr/osler/store"
)

// Changes implements store.Store. Current and superseded versions stand in two tables: each
// is read by its index on t up to the end of the commit in which the limit is reached, and
// the feed ends where the shorter of the two ends.
func (s *Reader) Changes(ctx context.Context, after store.T, limit int) (out []store.Version, upTo store.T, err error) {
	var rows []Stored
	err = s.read(ctx, func(n Names) error {
		now, err := n.Now()
		if err != nil {
			return err
		}
		upTo = max(store.T(now), after)
		for _, from := range []string{"resource", "history"} {
			part, end, err := n.oldest(from, after, max(limit, 1))
			if err != nil {
				return err
			}
			rows = append(rows, part...)
			if end != 0 {
				upTo = min(upTo, end)
			}
		}
		return nil
	})
	if err != nil {
		return nil, after, err
	}
	slices.SortFunc(rows, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	rows, upTo = firstCommits(rows, upTo, limit)
	for _, r := range rows {
		v, err := s.pack.Open(r)
		if err != nil {
			return nil, after, err
		}
		out = append(out, v)
	}
	return out, upTo, nil
}

// oldest reads rows of one table after a T, oldest first. end is the T of the last whole
// commit when there are more, otherwise 0.
func (n Names) oldest(from string, after store.T, limit int) (rows []Stored, end store.T, err error) {
	err = n.Stream("SELECT "+Columns+" FROM "+from+" WHERE t > ? ORDER BY t", []any{int64(after)}, func(st Row) (bool, error) {
		v, err := n.Scan(st)
		if err != nil {
			return false, err
		}
		if len(rows) >= limit && rows[len(rows)-1].T != v.T {
			end = rows[len(rows)-1].T
			return false, nil
		}
		rows = append(rows, v)
		return true, nil
	})
	return rows, end, err
}

// firstCommits keeps the rows up to upTo, and of those whole commits until the limit is
// reached.
func firstCommits(rows []Stored, upTo store.T, limit int) ([]Stored, store.T) {
	for i, r := range rows {
		if r.T > upTo {
			return rows[:i], upTo
		}
		if i >= limit && i > 0 && rows[i-1].T != r.T {
			return rows[:i], rows[i-1].T
		}
	}
	return rows, upTo
}
