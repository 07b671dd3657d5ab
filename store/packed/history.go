package packed

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/store"
)

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// History implements store.Store. Versions of one commit are never cut apart: a page may be
// longer than Count by the rest of its last commit.
func (s *Reader) History(ctx context.Context, f store.HistoryFilter) ([]store.Version, error) {
	var rows []Stored
	err := s.read(ctx, func(n Names) (err error) {
		rows, err = n.history(f)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]store.Version, 0, len(rows))
	for _, r := range rows {
		v, err := s.pack.Open(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (n Names) history(f store.HistoryFilter) ([]Stored, error) {
	where, args := "1=1", []any(nil)
	add := func(condition string, a ...any) { where, args = where+" AND "+condition, append(args, a...) }
	if f.Type != "" {
		no, err := n.Type(f.Type)
		if err != nil || no == 0 {
			return nil, err
		}
		add("+type = ?", no)
	}
	if f.ID != "" {
		add("id = ?", f.ID)
	}
	if f.Patient != "" {
		low, high, ok, err := n.patientRange(f.Patient)
		if err != nil || !ok {
			return nil, err
		}
		in, bounds := n.between(low, high)
		add(in, bounds...)
	}
	if !f.Since.IsZero() {
		add("updated >= ?", f.Since.UnixMilli())
	}
	if f.At > 0 {
		add("t <= ?", int64(f.At))
	}
	if f.Before > 0 {
		add("t < ?", int64(f.Before))
	}
	var rows []Stored
	for _, from := range []string{"resource", "history"} {
		if from == "history" && f.From > 0 {
			add("until > ?", int64(f.From))
		}
		part, err := n.newest(from, where, args, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, part...)
	}
	slices.SortStableFunc(rows, func(a, b Stored) int {
		if a.T != b.T {
			return cmp.Compare(b.T, a.T)
		}
		return cmp.Or(cmp.Compare(a.RID, b.RID), cmp.Compare(b.Version.Version, a.Version.Version))
	})
	return rows[:pageEnd(rows, f.Count)], nil
}

// newest reads rows of one table, newest first, up to the end of the commit in which the
// count is reached.
func (n Names) newest(from, where string, args []any, f store.HistoryFilter) (rows []Stored, err error) {
	text := "SELECT " + Columns + " FROM " + from
	switch {
	case f.ID != "" && from == "resource": // resource has no index on id alone; entity has
		text += " WHERE (" + n.rows("") + ") IN (SELECT " + n.rows("") + " FROM entity WHERE id = ?) AND " + where
		args = append([]any{f.ID}, args...)
	default:
		text += " WHERE " + where
	}
	err = n.Stream(text+" ORDER BY t DESC", args, func(st Row) (bool, error) {
		v, err := n.Scan(st)
		if err != nil {
			return false, err
		}
		if f.Count > 0 && len(rows) >= f.Count && rows[len(rows)-1].T != v.T {
			return false, nil
		}
		rows = append(rows, v)
		return true, nil
	})
	return rows, err
}

func pageEnd(rows []Stored, count int) int {
	if count <= 0 || len(rows) <= count {
		return len(rows)
	}
	end := count
	for end < len(rows) && rows[end].T == rows[count-1].T {
		end++
	}
	return end
}
