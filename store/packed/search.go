package packed

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
)

// match is one row of a result: its place in the order and, once read, its version.
type match struct {
	sqlgen.Row
	Stored
}

// finder runs one plan inside one read transaction.
type finder struct {
	Names
	reader   *Reader
	plan     store.Plan
	compiler *sqlgen.Compiler
	at       int64 // the snapshot
	past     bool  // whether something may have been written since
	after    *sqlgen.Row
}

// Search implements store.Store.
func (s *Reader) Search(ctx context.Context, p store.Plan) (store.Page, error) {
	var matches []match
	var included []Stored
	var page store.Page
	err := s.read(ctx, func(n Names) error {
		f, err := s.finder(n, p)
		if err != nil {
			return err
		}
		page.At, page.Total = store.T(f.at), -1
		if p.Query.Total == search.TotalAccurate || p.Query.Total == search.TotalEstimate || p.Query.Summary == search.SummaryCount {
			if page.Total, err = f.count(0); err != nil {
				return err
			}
		}
		if p.Query.Summary == search.SummaryCount {
			return nil
		}
		if matches, page.Next, err = f.page(); err != nil {
			return err
		}
		included, err = f.included(matches)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	if len(matches) > 0 {
		page.Matches = make([]store.Version, 0, len(matches))
	}
	size, most := 0, p.Query.Bytes
	for i := range matches {
		v, err := s.open(matches[i].Stored)
		if err != nil {
			return store.Page{}, err
		}
		if size += len(v.Body); most > 0 && size > most && i > 0 { // the rest is the next page's
			if included, err = s.shorten(ctx, &page, p, matches[:i], len(included) > 0); err != nil {
				return store.Page{}, err
			}
			break
		}
		page.Matches = append(page.Matches, v)
	}
	size = 0
	for i, r := range included {
		v, err := s.open(r)
		if err != nil {
			return store.Page{}, err
		}
		if size += len(v.Body); most > 0 && size > most && i > 0 {
			return store.Page{}, fault.New(fault.TooCostly, "What the page would include is larger than %d MB together. Ask for fewer matches with _count, or include less.", most>>20)
		}
		page.Included = append(page.Included, v)
	}
	return page, nil
}

// shorten ends a page behind the first of its matches, and returns what these include.
func (s *Reader) shorten(ctx context.Context, page *store.Page, p store.Plan, matches []match, includes bool) (included []Stored, err error) {
	if page.Next, err = s.sealCursor(cursor{page.At, matches[len(matches)-1].Row}); err != nil || !includes {
		return nil, err
	}
	p.At = page.At
	err = s.read(ctx, func(n Names) error {
		f, err := s.finder(n, p)
		if err == nil {
			included, err = f.included(matches)
		}
		return err
	})
	return included, err
}

// Count implements store.Store.
func (s *Reader) Count(ctx context.Context, p store.Plan) (total int64, err error) {
	err = s.read(ctx, func(n Names) error {
		total, err = s.CountTo(n, p, 0)
		return err
	})
	return total, err
}

// CountTo counts the matches of a plan, up to a limit unless it is 0.
func (s *Reader) CountTo(n Names, p store.Plan, limit int) (int64, error) {
	f, err := s.finder(n, p)
	if err != nil {
		return 0, err
	}
	return f.count(limit)
}

func (s *Reader) finder(n Names, p store.Plan) (*finder, error) {
	if _, ok := p.Visible(p.Query.Type); !ok {
		return nil, fault.New(fault.Internal, "A search without a rule of visibility is not run.")
	}
	f := &finder{Names: n, reader: s, plan: p, compiler: sqlgen.New(n.Dialect(), n)}
	at := p.At
	if p.After != nil {
		c, err := s.openCursor(p.After, len(p.Query.Sort))
		if err != nil {
			return nil, err
		}
		if at != 0 && at != c.at {
			return nil, fault.New(fault.Invalid, "This page belongs to another moment of the record.")
		}
		at, f.after = c.at, &c.row
	}
	var err error
	f.at, f.past, err = n.snapshot(at)
	return f, err
}

// types returns the types that the plan searches.
func (f *finder) types() []string {
	if f.plan.Query.Type != "" {
		return []string{f.plan.Query.Type}
	}
	all := f.allTypes()
	if only := f.plan.Query.Types; len(only) > 0 {
		all = slices.DeleteFunc(all, func(t string) bool { return !slices.Contains(only, t) })
	}
	slices.Sort(all)
	return all
}

// where returns what is asked of a type, with chains resolved, and what is visible of it.
func (f *finder) where(resourceType string) (asked, visible search.Expr, err error) {
	visible, _ = f.plan.Visible(resourceType)
	if _, read := sqlgen.Apart(visible); read != nil || visible == nil || chained(visible) { // as it is for nobody now
		asked, err = f.resolve(resourceType, search.And{f.plan.Query.Where, visible}, 0)
		return asked, search.All{}, err
	}
	asked, err = f.resolve(resourceType, f.plan.Query.Where, 0)
	return asked, visible, err
}

func (f *finder) request(resourceType string, asked, visible search.Expr, limit int) sqlgen.Request {
	r := sqlgen.Request{Type: resourceType, Where: asked, Visible: visible, Sort: f.plan.Query.Sort, After: f.after, Limit: limit}
	if f.past {
		r.At = f.at
	}
	return r
}

// page returns the matches of the page in order, and the token of the next page.
func (f *finder) page() ([]match, []byte, error) {
	count := f.plan.Query.Count
	if count <= 0 {
		count = search.DefaultCount
	}
	var all []match
	for _, typ := range f.types() {
		asked, visible, err := f.where(typ)
		if err != nil {
			return nil, nil, err
		}
		present, err := f.rows(f.request(typ, asked, visible, count+1))
		if err != nil {
			return nil, nil, err
		}
		if all == nil {
			all = present
		} else {
			all = append(all, present...)
		}
		if f.past {
			superseded, err := f.superseded(typ, search.And{asked, visible})
			if err != nil {
				return nil, nil, err
			}
			for _, m := range superseded {
				if f.after == nil || compare(f.plan.Query.Sort, m.Row, *f.after) > 0 {
					all = append(all, m)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b match) int { return compare(f.plan.Query.Sort, a.Row, b.Row) })
	var next []byte
	if len(all) > count {
		all = all[:count]
		var err error
		if next, err = f.reader.sealCursor(cursor{store.T(f.at), all[count-1].Row}); err != nil {
			return nil, nil, err
		}
	}
	return all, next, f.fill(all)
}

// rows returns the matches among the current versions, with their versions where one
// question saves another.
func (f *finder) rows(r sqlgen.Request) (out []match, err error) {
	if _, read := sqlgen.Apart(r.Where); read != nil || f.scattered() {
		return f.present(r)
	}
	first, err := f.first(&r)
	if err != nil || len(first) > 0 && r.Limit == 0 {
		return first, err
	}
	rest, err := f.joined(r)
	return append(first, rest...), err
}

// What a page costs whose matches are found by what many texts begin with, in index rows for each
// of its matches: those of the first window and of the last, and so few that are read at once.
const (
	firstWindow = 32
	lastWindow  = 512
	fewTexts    = 16
)

// first returns the matches in the first windows of a request, and moves the request behind them.
// It goes on as long as the last window would fill the page: where few of those who match may be
// seen, the others are found sooner by their texts.
func (f *finder) first(r *sqlgen.Request) (out []match, err error) {
	limit := r.Limit
	for rows := firstWindow * limit; 0 < rows && rows <= lastWindow*limit; rows *= 4 {
		window, err := f.compiler.Window(*r, rows, fewTexts*limit)
		if err != nil || window.Empty() {
			return out, err
		}
		until, err := f.number(window.SQL, window.Args...)
		if err != nil || until == 0 {
			return out, err
		}
		r.Until = &until
		list, err := f.joined(*r)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
		r.After, r.Until, r.Limit = &sqlgen.Row{ID: until}, nil, limit-len(out)
		if r.Limit == 0 || len(out)*lastWindow/(rows/limit) < limit {
			break
		}
	}
	return out, nil
}

// joined returns the matches with their versions.
func (f *finder) joined(r sqlgen.Request) (out []match, err error) {
	stmt, err := f.compiler.Select(r)
	if err != nil || stmt.Empty() {
		return nil, err
	}
	text, args := "SELECT "+rowColumns+", m.* FROM ("+stmt.SQL+") m"+f.Dialect().Join()+"resource r ON r.rid = m.rid", stmt.Args
	if f.Dialect().Keyed() {
		within, err := f.compiler.Within(search.And{r.Where, r.Visible})
		if err != nil {
			return nil, err
		}
		text += " AND r.patient = CASE WHEN m.rid < 0 THEN 0 ELSE (m.rid >> 20)::int4 END"
		if within != nil && within[0] <= within[1] {
			text, args = text+" AND r.patient = ?", append(slices.Clone(args), within[0]>>sqlgen.Sequence)
		}
	}
	err = f.Query(text, args, func(s Row) (bool, error) {
		v, err := f.Scan(s)
		m := match{Stored: v, Row: sqlgen.Row{ID: v.RID}}
		for i := range r.Sort {
			m.Values = append(m.Values, f.Value(s, columnCount+1+i))
		}
		out = append(out, m)
		return true, err
	})
	slices.SortFunc(out, func(a, b match) int { return compare(r.Sort, a.Row, b.Row) })
	return out, err
}

// present returns the matches among the current versions.
func (f *finder) present(r sqlgen.Request) ([]match, error) {
	if rest, read := sqlgen.Apart(r.Where); read != nil && !f.Dialect().Reads() {
		r.Where = rest
		return f.reading(r, read)
	}
	stmt, err := f.compiler.Select(r)
	if err != nil || stmt.Empty() {
		return nil, err
	}
	var out []match
	err = f.Query(stmt.SQL, stmt.Args, func(s Row) (bool, error) {
		m := match{Row: sqlgen.Row{ID: s.ColumnInt64(0)}}
		for i := range r.Sort {
			m.Values = append(m.Values, f.Value(s, i+1))
		}
		out = append(out, m)
		return true, nil
	})
	return out, err
}

// readAtOnce is how many candidates are read together.
const readAtOnce = 100

// reading returns the matches that satisfy a condition for which they must be read.
func (f *finder) reading(r sqlgen.Request, read search.Expr) (out []match, err error) {
	limit := r.Limit
	r.Limit = readAtOnce
	for {
		list, err := f.rows(r)
		if err != nil {
			return nil, err
		}
		if err := f.fill(list); err != nil {
			return nil, err
		}
		for _, m := range list {
			ok, _, err := f.matches(read, m.Stored)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, m)
			}
			if limit > 0 && len(out) == limit {
				return out, nil
			}
		}
		if len(list) < readAtOnce {
			return out, nil
		}
		r.After = &list[len(list)-1].Row
	}
}

// fill reads the rows of matches that came from the index.
func (f *finder) fill(matches []match) error {
	var rids []int64
	for i := range matches {
		if matches[i].Stored.ID == "" {
			rids = append(rids, matches[i].Row.ID)
		}
	}
	rows, err := f.current(rids, 0)
	if err != nil {
		return err
	}
	for i := range matches {
		m := &matches[i]
		if m.Stored.ID != "" {
			continue
		}
		if m.Stored = rows[m.Row.ID]; m.Stored.ID == "" {
			return Damaged(nil)
		}
	}
	return nil
}

func (f *finder) count(limit int) (int64, error) {
	total := int64(0)
	for _, typ := range f.types() {
		asked, visible, err := f.where(typ)
		if err != nil {
			return 0, err
		}
		r := f.request(typ, asked, visible, limit)
		r.After, r.Sort = nil, nil
		n, err := f.countType(r)
		if err != nil {
			return 0, err
		}
		total += n
		if f.past {
			rows, err := f.superseded(typ, search.And{asked, visible})
			if err != nil {
				return 0, err
			}
			total += int64(len(rows))
		}
		if limit > 0 && total >= int64(limit) {
			return total, nil
		}
	}
	return total, nil
}

func (f *finder) countType(r sqlgen.Request) (int64, error) {
	if _, read := sqlgen.Apart(r.Where); r.Limit > 0 || read != nil && !f.Dialect().Reads() {
		rows, err := f.present(r)
		return int64(len(rows)), err
	}
	stmt, err := f.compiler.Count(r)
	if err != nil {
		return 0, err
	}
	return f.number(stmt.SQL, stmt.Args...)
}

// compare orders rows as the statements do: by the sort keys, missing values last, then by
// row id.
func compare(keys []search.SortKey, a, b sqlgen.Row) int {
	for i, key := range keys {
		x, y := a.Values[i], b.Values[i]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		c := compareValues(x, y)
		if key.Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// compareValues orders as SQLite does: numbers before text.
func compareValues(a, b any) int {
	s, aText := a.(string)
	t, bText := b.(string)
	switch {
	case aText && bText:
		return strings.Compare(s, t)
	case aText:
		return 1
	case bText:
		return -1
	}
	i, aInt := a.(int64)
	j, bInt := b.(int64)
	if aInt && bInt {
		switch {
		case i < j:
			return -1
		case i > j:
			return 1
		}
		return 0
	}
	x, y := float(a), float(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func float(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	f, _ := v.(float64)
	return f
}
