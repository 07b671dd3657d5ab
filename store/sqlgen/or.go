package sqlgen

import (
	"github.com/osler-emr/osler/fhir/search"
)

// merge takes from an Or what one list of numbers can ask: references to resources and
// codes, by parameter. A chain comes as an Or of thousands of references; as a chain of
// conditions it would be slower by as much.
func (c *Compiler) merge(resourceType string, x search.Or) (merged []source, rest []search.Expr, err error) {
	lists := map[string]*list{}
	var order []string // a statement's text must not change from call to call
	for _, part := range x {
		table, param, numbers, ok, err := c.numbers(resourceType, part)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			rest = append(rest, part)
			continue
		}
		key := table + " " + param
		if lists[key] == nil {
			lists[key] = &list{table: table, param: param}
			order = append(order, key)
		}
		lists[key].numbers = append(lists[key].numbers, numbers...)
	}
	for _, key := range order {
		s, err := c.listed(resourceType, lists[key])
		if err != nil {
			return nil, nil, err
		}
		merged = append(merged, s...)
	}
	return merged, rest, nil
}

type list struct {
	table, param string
	numbers      []int64
}

// numbers returns the numbers that a leaf asks for; ok is false for other conditions.
func (c *Compiler) numbers(resourceType string, x search.Expr) (table, param string, numbers []int64, ok bool, err error) {
	switch x := x.(type) {
	case search.Reference:
		if x.URL != "" || x.Identifier != nil {
			return "", "", nil, false, nil
		}
		numbers, err = c.targets(x)
		return "ref", x.Param, numbers, true, err
	case search.Token:
		if x.Text || x.OfType || x.AnyCode || x.Other || x.Begins {
			return "", "", nil, false, nil
		}
		params, err := c.names.Params(resourceType, x.Param)
		if err != nil || len(params) != 1 || params[0].Flags&InIdent != 0 {
			return "", "", nil, false, err
		}
		space := params[0].No*Spaces + SpaceCode
		if !x.HasSystem {
			numbers, err = c.names.Codes(space, x.Code)
			return "tok", x.Param, numbers, true, err
		}
		k, err := c.names.Code(space, x.System, x.Code)
		if k != 0 {
			numbers = []int64{k}
		}
		return "tok", x.Param, numbers, true, err
	}
	return "", "", nil, false, nil
}

func (c *Compiler) listed(resourceType string, l *list) ([]source, error) {
	if len(l.numbers) == 0 {
		return nil, nil
	}
	if l.table == "tok" {
		s := source{table: "tok", where: c.dialect.In("k", anys(l.numbers)), probes: true, single: len(l.numbers) == 1, cost: costToken}
		if shared[l.param] {
			s.cost = costStatus
		}
		return []source{s}, nil
	}
	return c.each(resourceType, l.param, func(p Param) source {
		return source{table: "ref", where: build(c.dialect.In("e", anys(l.numbers)), frag(" AND p = ?", p.No)), probes: true, single: len(l.numbers) == 1, cost: costReference}
	})
}
