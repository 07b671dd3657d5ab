package packed

import (
	"slices"
	"strings"

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
	var targets []target
	for _, v := range from {
		list, err := c.referred(include, v)
		if err != nil {
			return err
		}
		targets = append(targets, list...)
	}
	if err := c.addTargets(targets); err != nil {
		return err
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

// referred returns what a resource refers to.
func (c *collector) referred(include []search.Include, m Stored) (out []target, err error) {
	if !slices.ContainsFunc(include, func(inc search.Include) bool { return of(inc, m.Type) }) {
		return nil, nil
	}
	entries, err := c.reader.pack.Entries(m)
	if err != nil {
		return nil, err
	}
	for _, inc := range include {
		if !of(inc, m.Type) {
			continue
		}
		for i := range entries {
			e := &entries[i]
			if e.Kind == search.KindReference && e.RefID != "" && (inc.Param == "*" || inc.Param == e.Param) && (inc.Target == "" || inc.Target == e.RefType) {
				out = append(out, target{e.RefType, e.RefID})
			}
		}
	}
	return out, nil
}

// addTargets adds resources by their names.
func (c *collector) addTargets(targets []target) error {
	at, err := c.lookup(targets)
	if err != nil {
		return err
	}
	for _, t := range targets {
		v, err := at(t)
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
	return nil
}

// lookup returns the function that finds a resource as it was at the snapshot. Where each
// question is a round trip, all are asked at once.
func (c *collector) lookup(targets []target) (func(target) (Stored, error), error) {
	one := func(t target) (Stored, error) { return c.readAt(t.typ, t.id, c.at) }
	if !c.Dialect().Keyed() || len(targets) < 2 {
		return one, nil
	}
	var types, ids []string
	asked := map[target]bool{}
	for _, t := range targets {
		if !asked[t] && !c.seen[t] {
			asked[t] = true
			types, ids = append(types, t.typ), append(ids, t.id)
		}
	}
	found := map[target]Stored{}
	if c.scattered() {
		places, err := c.numbers("SELECT e.rid FROM unnest(?::bytea[], ?::bytea[]) u(type, id) JOIN param p ON p.type = u.type AND p.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = p.no WHERE e.rid IS NOT NULL", types, ids)
		if err != nil {
			return nil, err
		}
		rows, err := c.current(places, 0)
		if err != nil {
			return nil, err
		}
		for _, v := range rows {
			found[target{v.Type, v.ID}] = v
		}
		return c.among(found, one), nil
	}
	err := c.Query("SELECT "+columnsOf("r.")+" FROM unnest(?::bytea[], ?::bytea[]) u(type, id) JOIN param p ON p.type = u.type AND p.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = p.no JOIN resource r ON "+c.same("r.", "e."), []any{types, ids}, func(r Row) (bool, error) {
		v, err := c.Scan(r)
		found[target{v.Type, v.ID}] = v
		return true, err
	})
	return c.among(found, one), err
}

// among finds a resource among those that were read; one that was written since is asked for.
func (c *collector) among(found map[target]Stored, one func(target) (Stored, error)) func(target) (Stored, error) {
	return func(t target) (Stored, error) {
		v, ok := found[t]
		switch {
		case !ok:
			return Stored{}, absent(t.typ)
		case int64(v.T) > c.at:
			return one(t)
		}
		return v, nil
	}
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
	left := slices.DeleteFunc(slices.Clone(to), func(m Stored) bool { return inc.Target != "" && inc.Target != m.Type })
	for len(left) > 0 {
		n := 1
		if c.Dialect().Keyed() { // one question instead of many
			n = len(left)
		}
		found, err := c.sources(inc, left[:n])
		if err != nil {
			return err
		}
		rids, left = append(rids, found...), left[n:]
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

// sources returns the rows that refer to resources now.
func (c *collector) sources(inc search.Include, to []Stored) ([]int64, error) {
	text, args := "SELECT f.rid FROM ref f WHERE f.e = ?", []any(nil)
	if c.Dialect().Keyed() {
		var types, ids []string
		for _, m := range to {
			types, ids = append(types, m.Type), append(ids, m.ID)
		}
		text = "SELECT f.rid FROM unnest(?::bytea[], ?::bytea[]) u(type, id) JOIN param t ON t.type = u.type AND t.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = t.no JOIN ref f ON f.e = e.no WHERE 1=1"
		args = []any{types, ids}
		if c.scattered() {
			named, err := c.numbers("SELECT e.no FROM unnest(?::bytea[], ?::bytea[]) u(type, id) JOIN param t ON t.type = u.type AND t.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = t.no", types, ids)
			if err != nil || len(named) == 0 {
				return nil, err
			}
			text, args = "SELECT f.rid FROM ref f WHERE f.e = ANY(?)", []any{named}
		}
	} else {
		e, err := c.Entity(to[0].Type, to[0].ID)
		if err != nil || e == 0 {
			return nil, err
		}
		args = []any{e}
	}
	switch {
	case inc.Source == "":
		return c.numbers(text, args...)
	case inc.Param == "*":
		return c.numbers(strings.Replace(text, " WHERE ", c.Dialect().Join()+"param p ON p.no = f.p WHERE ", 1)+" AND p.type = ?", append(args, inc.Source)...)
	}
	params, err := c.Params(inc.Source, inc.Param)
	if err != nil || len(params) == 0 {
		return nil, err
	}
	return c.numbers(text+" AND f.p = ?", append(args, params[0].No)...)
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
