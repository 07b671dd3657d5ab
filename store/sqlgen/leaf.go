package sqlgen

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir/search"
)

// source is where a condition's rows are: a table with a condition on its columns. It gives
// both forms of a condition: the set of row ids, and the probe of one.
type source struct {
	table string
	where Fragment
	// check is the condition of a probe, when it must name its columns otherwise than where:
	// a plus sign before a column keeps the database from taking another index than the one
	// that leads to the row id.
	check Fragment
	// probes says whether the table's key finds a row id quickly under the condition;
	// otherwise a probe asks in the set, which the database computes once.
	probes bool
	// single says that no row id comes twice.
	single bool
	// loose says that the rows may be deleted; index tables have none of those.
	loose bool
	// begins, when not 0, is the number of the parameter whose texts begin with one that was asked
	// for: the shorter that is, the more there are.
	begins int64
	// rows, when not empty, are the row ids that the condition names itself.
	rows []any
	// cost ranks sources as drivers; lower leaves fewer rows.
	cost int
}

// Costs of drivers. They are ranks from the nature of the parameters, not estimates: a plan
// must not change with the day's statistics.
const (
	costID = iota
	costIdentifier
	costText
	costReference
	costComposite
	costToken
	costURI
	costQuantity
	costDate
	costStatus // codes that most resources share
	costScan   // the whole type, or the whole chart
)

// set returns the row ids, each once, inside of a range of them when it is given.
func (c *Compiler) set(s source, within *[2]int64) Fragment {
	if within == nil {
		return c.bounded(s, Fragment{})
	}
	return c.bounded(s, build(" AND ", c.inside("", *within)))
}

func (c *Compiler) bounded(s source, bound Fragment) Fragment {
	distinct := "DISTINCT "
	if s.single {
		distinct = ""
	}
	return build("SELECT ", distinct, c.columns(""), " FROM ", s.table, " WHERE ", s.where, bound)
}

// probe returns the condition that the candidate is in the set.
func (q *query) probe(s source) Fragment {
	if len(s.rows) > 0 {
		return q.dialect.In(q.rid+"rid", s.rows)
	}
	where := s.where
	if s.check.SQL != "" {
		where = s.check
	}
	if s.probes || s.check.SQL != "" {
		return build("EXISTS (SELECT 1 FROM ", s.table, " WHERE ", where, " AND ", q.same(s.table+".", q.rid), q.scoped("", q.within), ")")
	}
	return build("(", q.columns(q.rid), ") IN (SELECT ", q.columns(""), " FROM ", s.table, " WHERE ", where, q.scoped("", q.within), ")")
}

// sources returns the places of a leaf of the tree; it is true for a row that is in any.
func (c *Compiler) sources(resourceType string, x search.Expr) ([]source, error) {
	switch x := x.(type) {
	case search.ID:
		return c.ids(resourceType, x)
	case search.Token:
		return c.tokens(resourceType, x)
	case search.Coded:
		return c.coded(resourceType, x)
	case search.Reference:
		return c.references(resourceType, x)
	case search.Text:
		return c.texts(resourceType, x)
	case search.Date:
		return c.each(resourceType, x.Param, func(p Param) source {
			in := frag("p = ?", p.No)
			return source{
				table: "dat", cost: costDate,
				where: build(in, " AND ", Ranged(x.Prefix, x.Low, x.High, "lo", "hi")),
				check: build(in, " AND ", Ranged(x.Prefix, x.Low, x.High, c.dialect.Unindexed("lo"), c.dialect.Unindexed("hi"))),
			}
		})
	case search.Quantity:
		return c.quantities(resourceType, x)
	case search.Near:
		return c.each(resourceType, x.Param, func(p Param) source {
			in := frag("p = ?", p.No)
			return source{table: "qty", cost: costQuantity, where: and([]Fragment{in, c.near(x, "lo", "hi")}), check: and([]Fragment{in, c.near(x, c.dialect.Unindexed("lo"), c.dialect.Unindexed("hi"))})}
		})
	case search.URI:
		return c.each(resourceType, x.Param, func(p Param) source {
			return source{table: "uri", where: build(frag("p = ?", p.No), " AND ", c.uri("value", x)), probes: x.Mode == search.URIEqual, cost: costURI}
		})
	case search.Composite:
		return c.composites(resourceType, x)
	}
	return nil, nil
}

func (c *Compiler) each(resourceType, param string, f func(Param) source) ([]source, error) {
	params, err := c.names.Params(resourceType, param)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range params {
		out = append(out, f(p))
	}
	return out, nil
}

func (c *Compiler) ids(resourceType string, ids search.ID) ([]source, error) {
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	if c.dialect.Keyed() {
		return c.located(resourceType, ids)
	}
	no, err := c.names.Type(resourceType)
	if err != nil {
		return nil, err
	}
	where := build(c.dialect.In("id", values), frag(" AND type = ? AND rid IS NOT NULL", no))
	return []source{{table: "entity", where: where, single: true, loose: true, cost: costID}}, nil
}

// located looks ids up beforehand: the table that knows them is not kept by patient.
func (c *Compiler) located(resourceType string, ids []string) ([]source, error) {
	rows, err := c.names.Located(resourceType, ids)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var patients []int64
	for _, rid := range rows {
		if p := PatientOf(rid); !slices.Contains(patients, p) {
			patients = append(patients, p)
		}
	}
	where := build(c.dialect.In("patient", anys(patients)), " AND ", c.dialect.In("rid", anys(rows)))
	return []source{{table: "resource", where: where, rows: anys(rows), single: true, loose: true, cost: costID}}, nil
}

// shared are token parameters whose few codes most resources of a type have in common.
var shared = map[string]bool{
	"status": true, "intent": true, "category": true, "clinical-status": true, "verification-status": true, "class": true,
	"gender": true, "active": true, "priority": true, "type": true, "language": true, "deceased": true,
	"_tag": true, "_security": true,
}

func (c *Compiler) tokens(resourceType string, x search.Token) ([]source, error) {
	params, err := c.names.Params(resourceType, x.Param)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range params {
		if p.Flags&InTok != 0 || x.Text {
			s, err := c.code(p, x)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
		if p.Flags&InIdent != 0 && !x.Text {
			s, err := c.identifier(p, x)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
	}
	return out, nil
}

func (c *Compiler) code(p Param, x search.Token) ([]source, error) {
	if x.OfType || x.Begins {
		return nil, nil // types belong to identifiers
	}
	where, found, err := c.codeIn("k", p.No*Spaces+SpaceCode, p.No*Spaces+SpaceText, x)
	if err != nil || !found {
		return nil, err
	}
	s := source{table: "tok", where: where, probes: true, cost: costToken}
	s.single = strings.HasSuffix(where.SQL, "k = ?")
	if shared[x.Param] {
		s.cost = costStatus
	}
	return []source{s}, nil
}

// codeIn returns the condition that a column holds one of the codes that a Token asks for;
// found is false when no such code was ever stored.
func (c *Compiler) codeIn(column string, space, textSpace int64, x search.Token) (where Fragment, found bool, err error) {
	switch {
	case x.Other:
		return build(column, frag(" IN (SELECT no FROM dict WHERE param = ? AND ", space), not(and(named(x))), ")"), true, nil
	case x.Text:
		return build(column, frag(" IN (SELECT no FROM dict WHERE param = ? AND ", textSpace), c.prefixed("code", x.Code), ")"), true, nil
	case x.AnyCode && x.HasSystem:
		return build(column, frag(" IN (SELECT no FROM dict WHERE param = ? AND ", space), c.dialect.Equal("system", x.System), ")"), true, nil
	case x.AnyCode:
		return build(column, frag(" IN (SELECT no FROM dict WHERE param = ?)", space)), true, nil
	case x.HasSystem:
		k, err := c.names.Code(space, x.System, x.Code)
		return frag(column+" = ?", k), k != 0, err
	}
	ks, err := c.names.Codes(space, x.Code)
	return c.dialect.In(column, anys(ks)), len(ks) > 0, err
}

// named returns the conditions on system and code in the vocabulary.
func named(x search.Token) (out []Fragment) {
	if x.HasSystem {
		out = append(out, frag("system = ?", x.System))
	}
	if !x.AnyCode {
		out = append(out, frag("code = ?", x.Code))
	}
	return out
}

func anys(list []int64) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// coded asks for a list of codes, which may be long: it goes as one value.
func (c *Compiler) coded(resourceType string, x search.Coded) ([]source, error) {
	if len(x.Codes) == 0 {
		return nil, nil
	}
	params, err := c.names.Params(resourceType, x.Param)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range params {
		if p.Flags&InTok != 0 {
			where, err := c.codedIn("k", p.No*Spaces+SpaceCode, x.Codes)
			if err != nil {
				return nil, err
			}
			if where.SQL != no.SQL {
				s := source{table: "tok", where: where, probes: true, cost: costToken}
				if shared[x.Param] {
					s.cost = costStatus
				}
				out = append(out, s)
			}
		}
		if p.Flags&InIdent != 0 {
			out = append(out, source{table: "ident", where: build(frag("p = ? AND ", p.No), c.dialect.Identified("value", "sys", SpaceCode, x.Codes)), cost: costIdentifier})
		}
	}
	return out, nil
}

// codedIn returns the condition that a column holds the number of one of the codes.
func (c *Compiler) codedIn(column string, space int64, codes []search.Coding) (Fragment, error) {
	if !c.lasting || len(codes) > fewValues {
		return c.dialect.Coded(column, space, codes), nil
	}
	var numbers []any
	for _, code := range codes {
		k, err := c.names.Code(space, code.System, code.Code)
		if err != nil {
			return no, err
		}
		if k != 0 {
			numbers = append(numbers, k)
		}
	}
	return c.dialect.In(column, numbers), nil
}

func (c *Compiler) identifier(p Param, x search.Token) ([]source, error) {
	parts := []Fragment{frag("p = ?", p.No)}
	value := x.Code
	if x.OfType {
		value = x.Value
		typ, err := c.identifierType(x)
		if err != nil || typ.SQL == no.SQL {
			return nil, err
		}
		parts = append(parts, typ)
	}
	if x.Other {
		return c.otherIdentifier(p, x)
	}
	if x.Open {
		parts = append(parts, c.open()...)
	}
	s := source{table: "ident", cost: costIdentifier}
	if !x.AnyCode {
		parts = append(parts, c.dialect.Equal("value", value))
		s.probes = true
	}
	switch {
	case !x.HasSystem || x.OfType:
	case x.Begins:
		parts = append(parts, build(frag("sys IN (SELECT no FROM dict WHERE param = ? AND ", SpaceCode), c.prefixed("system", x.System), ")"))
	default:
		sys := int64(0)
		if x.System != "" {
			var err error
			if sys, err = c.names.Code(SpaceCode, x.System, ""); err != nil || sys == 0 {
				return nil, err
			}
		}
		parts = append(parts, frag("sys = ?", sys))
	}
	s.where = and(parts)
	return []source{s}, nil
}

// open is true of identifiers that are no national ones.
func (c *Compiler) open() []Fragment {
	var systems, types []Fragment
	for _, t := range search.Nationals("", "") {
		switch {
		case t.OfType && t.Begins:
			types = append(types, c.prefixed("code", t.Code))
		case t.OfType:
			types = append(types, c.dialect.Equal("code", t.Code))
		case t.Begins:
			systems = append(systems, c.prefixed("system", t.System))
		default:
			systems = append(systems, c.dialect.Equal("system", t.System))
		}
	}
	return []Fragment{
		not(build("sys IN (SELECT no FROM dict WHERE ", and([]Fragment{frag("param = ?", SpaceCode), or(systems)}), ")")),
		not(build("typ IN (SELECT no FROM dict WHERE ", and([]Fragment{frag("param = ?", SpaceText), or(types)}), ")")),
	}
}

func (c *Compiler) otherIdentifier(p Param, x search.Token) ([]source, error) {
	var same []Fragment
	if x.HasSystem {
		sys := int64(0)
		if x.System != "" {
			var err error
			if sys, err = c.names.Code(SpaceCode, x.System, ""); err != nil {
				return nil, err
			}
			if sys == 0 {
				sys = -1 // unknown: no entry has it
			}
		}
		same = append(same, frag("sys = ?", sys))
	}
	if !x.AnyCode {
		same = append(same, frag("value = ?", x.Code))
	}
	return []source{{table: "ident", cost: costDate, where: build(frag("p = ? AND ", p.No), not(and(same)))}}, nil
}

func (c *Compiler) identifierType(x search.Token) (Fragment, error) {
	if x.Begins {
		in := []Fragment{frag("param = ?", SpaceText), c.prefixed("code", x.Code)}
		if x.HasSystem {
			in = append(in, c.dialect.Equal("system", x.System))
		}
		return build("typ IN (SELECT no FROM dict WHERE ", and(in), ")"), nil
	}
	if x.HasSystem {
		k, err := c.names.Code(SpaceText, x.System, x.Code)
		if err != nil || k == 0 {
			return no, err
		}
		return frag("typ = ?", k), nil
	}
	ks, err := c.names.Codes(SpaceText, x.Code)
	return c.dialect.In("typ", anys(ks)), err
}

func (c *Compiler) references(resourceType string, x search.Reference) ([]source, error) {
	if x.Identifier != nil {
		id := *x.Identifier
		params, err := c.names.Params(resourceType, x.Param)
		if err != nil {
			return nil, err
		}
		var out []source
		for _, p := range params {
			s, err := c.identifier(p, id)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
		return out, nil
	}
	if x.Prefix {
		return c.each(resourceType, x.Param, func(p Param) source {
			return source{table: "uri", where: build(frag("p = ? AND ", p.No), c.prefixed("value", x.URL)), cost: costURI}
		})
	}
	if x.URL != "" {
		return c.each(resourceType, x.Param, func(p Param) source {
			return source{table: "uri", where: build(frag("p = ? AND ", p.No), c.dialect.Equal("value", x.URL)), probes: true, single: true, cost: costURI}
		})
	}
	targets, err := c.targets(x)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	return c.each(resourceType, x.Param, func(p Param) source {
		return source{table: "ref", where: build(c.dialect.In("e", anys(targets)), frag(" AND p = ?", p.No)), probes: true, single: len(targets) == 1, cost: costReference}
	})
}

func (c *Compiler) targets(x search.Reference) ([]int64, error) {
	if x.Type == "" {
		return c.names.Entities(x.ID)
	}
	e, err := c.names.Entity(x.Type, x.ID)
	if err != nil || e == 0 {
		return nil, err
	}
	return []int64{e}, nil
}

func (c *Compiler) texts(resourceType string, x search.Text) ([]source, error) {
	return c.each(resourceType, x.Param, func(p Param) source {
		in, beginning := frag("p = ?", p.No), int64(0)
		if begins(x) {
			beginning = p.No
		}
		return source{
			table: "str", cost: costText, begins: beginning,
			where: build(in, " AND ", c.text("norm", "exact", x)),
			check: build(in, " AND ", c.text(c.dialect.Unindexed("norm"), c.dialect.Unindexed("exact"), x)),
		}
	})
}

func (c *Compiler) text(norm, exact string, x search.Text) Fragment {
	switch x.Mode {
	case search.Exact:
		return frag(exact+" = ?", x.Value)
	case search.Contains:
		return c.dialect.Holds(norm, x.Value)
	case search.EndsWith:
		return c.dialect.Ends(norm, x.Value)
	}
	if compare := compared[x.Mode]; compare != "" {
		return frag(norm+compare, x.Value)
	}
	return c.prefixed(norm, x.Value)
}

var compared = map[search.StringMode]string{
	search.Equal: " = ?", search.Unequal: " <> ?", search.Greater: " > ?", search.GreaterEqual: " >= ?", search.Less: " < ?", search.LessEqual: " <= ?",
}

// near compares a position: first the latitude, of which a degree is 110,574 m or more, so
// that most positions need no trigonometry.
func (c *Compiler) near(x search.Near, lat, lon string) Fragment {
	margin := x.Metres/110_000 + 1e-6
	return and([]Fragment{
		frag(lat+" >= ? AND "+lat+" <= ?", x.Latitude-margin, x.Latitude+margin),
		build(c.dialect.Distance(lat, lon, x.Latitude, x.Longitude), frag(" <= ?", x.Metres)),
	})
}

func (c *Compiler) prefixed(column, prefix string) Fragment {
	next, ok := successor(prefix)
	if !ok {
		return c.dialect.AtLeast(column, prefix)
	}
	return build(c.dialect.AtLeast(column, prefix), " AND ", c.dialect.Below(column, next))
}

func (c *Compiler) uri(column string, x search.URI) Fragment {
	switch x.Mode {
	case search.URIBelow:
		return c.prefixed(column, x.Value)
	case search.URIAbove:
		return c.dialect.Begins(x.Value, column)
	}
	return c.dialect.Equal(column, x.Value)
}
