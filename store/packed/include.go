package packed

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// included returns what _include and _revinclude add to a page: live at the snapshot,
// visible, each once and none that is a match. After the first round only those with
// :iterate are applied, to what the round before has brought; a hidden resource brings
// nothing. More rounds than the limit are a fault: an answer would be partial.
func (f *finder) included(matches []match) ([]Stored, error) {
	q := f.plan.Query
	if len(q.Include)+len(q.RevInclude) == 0 || len(matches) == 0 {
		return nil, nil
	}
	c := &collector{finder: f, seen: map[target]bool{}, visible: map[string]search.Expr{}}
	from := make([]Stored, len(matches))
	for i, m := range matches {
		c.seen[target{m.Type, m.Stored.ID}] = true
		from[i] = m.Stored
	}
	include, reverse := q.Include, q.RevInclude
	for round := 0; len(from) > 0 && len(include)+len(reverse) > 0; round++ {
		if round == search.MaxRounds {
			return nil, fault.New(fault.TooCostly, "The includes with :iterate still bring resources after %d rounds. Include less, or search for the rest.", search.MaxRounds)
		}
		before := len(c.out)
		if err := c.round(include, reverse, from); err != nil {
			return nil, err
		}
		from = c.out[before:]
		if round == 0 {
			include, reverse = iterated(include), iterated(reverse)
		}
	}
	return c.out, nil
}

func iterated(list []search.Include) (out []search.Include) {
	for _, inc := range list {
		if inc.Iterate {
			out = append(out, inc)
		}
	}
	return out
}

func (c *collector) round(include, reverse []search.Include, from []Stored) error {
	for _, v := range from {
		if err := c.referred(include, v); err != nil {
			return err
		}
	}
	for _, inc := range reverse {
		if err := c.referring(inc, from); err != nil {
			return err
		}
	}
	return nil
}

type target struct{ typ, id string }

type collector struct {
	*finder
	seen    map[target]bool
	visible map[string]search.Expr // by type, chains resolved
	out     []Stored
}

// referred adds what a resource refers to.
func (c *collector) referred(include []search.Include, m Stored) error {
	if !slices.ContainsFunc(include, func(inc search.Include) bool { return of(inc, m.Type) }) {
		return nil
	}
	entries, err := c.reader.pack.Entries(m)
	if err != nil {
		return err
	}
	for _, inc := range include {
		if !of(inc, m.Type) {
			continue
		}
		for i := range entries {
			e := &entries[i]
			if e.Kind != search.KindReference || e.RefID == "" || inc.Param != "*" && inc.Param != e.Param || inc.Target != "" && inc.Target != e.RefType {
				continue
			}
			v, err := c.readAt(e.RefType, e.RefID, c.at)
			if fault.Is(err, fault.NotFound) {
				continue // an outside or deleted target: nothing to include
			}
			if err != nil {
				return err
			}
			if err := c.add(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// of reports whether an include is about references in resources of a type.
func of(inc search.Include, resourceType string) bool {
	return inc.Source == "" || inc.Source == resourceType
}

// add takes a version in when it is live, new and visible.
func (c *collector) add(v Stored) error {
	key := target{v.Type, v.ID}
	if v.Deleted || c.seen[key] {
		return nil
	}
	c.seen[key] = true
	where, ok := c.visible[v.Type]
	if !ok {
		x, _ := c.plan.Visible(v.Type)
		var err error
		if where, err = c.resolve(v.Type, x, 0); err != nil {
			return err
		}
		c.visible[v.Type] = where
	}
	see, err := c.sees(where, v)
	if err != nil || !see {
		return err
	}
	if len(c.out) >= search.MaxIncluded {
		return fault.New(fault.TooCostly, "The page would include more than %d resources. Ask for fewer matches with _count, or include less.", search.MaxIncluded)
	}
	c.out = append(c.out, v)
	return nil
}

// sees reports whether a version satisfies a predicate.
func (c *collector) sees(where search.Expr, v Stored) (bool, error) {
	switch where.(type) {
	case search.All:
		return true, nil
	case search.None:
		return false, nil
	}
	current := int64(0) // what must be asked for over a network is rather decided here
	if !c.Dialect().Keyed() {
		var err error
		if current, err = c.number("SELECT t FROM resource WHERE rid = ?", v.RID); err != nil {
			return false, err
		}
	}
	if current != int64(v.T) {
		ok, _, err := c.matches(where, v)
		return ok, err
	}
	stmt, err := c.compiler.Count(sqlgen.Request{Type: v.Type, Where: search.And{search.ID{v.ID}, where}})
	if err != nil {
		return false, err
	}
	n, err := c.number(stmt.SQL, stmt.Args...)
	return n > 0, err
}

// referring adds resources that refer to others.
func (c *collector) referring(inc search.Include, to []Stored) error {
	var rids []int64
	for _, m := range to {
		if inc.Target != "" && inc.Target != m.Type {
			continue
		}
		found, err := c.sources(inc, m)
		if err != nil {
			return err
		}
		rids = append(rids, found...)
		if len(rids) > 4*search.MaxIncluded {
			return fault.New(fault.TooCostly, "The page would include more than %d resources. Ask for fewer matches with _count, or include less.", search.MaxIncluded)
		}
	}
	slices.Sort(rids)
	rows, err := c.live(slices.Compact(rids))
	if err != nil {
		return err
	}
	if c.past {
		old, err := c.formerSources(inc, to)
		if err != nil {
			return err
		}
		rows = append(rows, old...)
	}
	for _, v := range rows {
		if err := c.add(v); err != nil {
			return err
		}
	}
	return nil
}

// sources returns the rows that refer to a resource now.
func (c *collector) sources(inc search.Include, m Stored) ([]int64, error) {
	e, err := c.Entity(m.Type, m.ID)
	if err != nil || e == 0 {
		return nil, err
	}
	if inc.Source == "" {
		return c.numbers("SELECT rid FROM ref WHERE e = ?", e)
	}
	if inc.Param == "*" {
		return c.numbers("SELECT f.rid FROM ref f"+c.Dialect().Join()+"param p ON p.no = f.p WHERE f.e = ? AND p.type = ?", e, inc.Source)
	}
	params, err := c.Params(inc.Source, inc.Param)
	if err != nil || len(params) == 0 {
		return nil, err
	}
	return c.numbers("SELECT rid FROM ref WHERE e = ? AND p = ?", e, params[0].No)
}

// live reads current rows that were written at or before the snapshot.
func (c *collector) live(rids []int64) ([]Stored, error) {
	rows, err := c.current(rids, c.at)
	var out []Stored
	for _, rid := range rids {
		if v, ok := rows[rid]; ok {
			out = append(out, v)
		}
	}
	return out, err
}

// formerSources returns versions that referred to one of these resources at the snapshot
// and are superseded by now.
func (c *collector) formerSources(inc search.Include, to []Stored) ([]Stored, error) {
	text, args := "SELECT "+Columns+" FROM history WHERE until > ? AND t <= ? AND deleted = 0", []any{c.at, c.at}
	if inc.Source != "" {
		typ, err := c.Type(inc.Source)
		if err != nil || typ == 0 {
			return nil, err
		}
		text, args = text+" AND type = ?", append(args, typ)
	}
	wanted := map[target]bool{}
	for _, m := range to {
		if inc.Target == "" || inc.Target == m.Type {
			wanted[target{m.Type, m.ID}] = true
		}
	}
	var out []Stored
	err := c.Stream(text, args, func(s Row) (bool, error) {
		v, err := c.Scan(s)
		if err != nil {
			return false, err
		}
		entries, err := c.reader.pack.Entries(v)
		if slices.ContainsFunc(entries, func(e search.Entry) bool {
			return e.Kind == search.KindReference && (inc.Param == "*" || inc.Param == e.Param) && wanted[target{e.RefType, e.RefID}]
		}) {
			out = append(out, v)
		}
		return true, err
	})
	return out, err
}
