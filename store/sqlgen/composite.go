package sqlgen

import (
	"strconv"

	"github.com/osler-emr/osler/fhir/search"
)

func (c *Compiler) composites(resourceType string, x search.Composite) ([]source, error) {
	params, err := c.names.Params(resourceType, x.Param)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range params {
		parts := []Fragment{frag("p = ?", p.No)}
		for _, part := range x.Parts {
			f, err := c.part(p.No, part)
			if err != nil {
				return nil, err
			}
			parts = append(parts, f)
		}
		if where := and(parts); where.SQL != no.SQL {
			out = append(out, source{table: "comp", where: where, cost: costComposite})
		}
	}
	return out, nil
}

// part compiles a condition on one part of a composite over the columns of that part.
func (c *Compiler) part(p int64, x search.Expr) (Fragment, error) {
	switch x := x.(type) {
	case search.All:
		return yes, nil
	case search.None:
		return no, nil
	case search.Or:
		list, err := c.parts(p, x)
		return or(list), err
	case search.Token:
		return column(x.Param, func(n string, i int64) (Fragment, error) {
			if x.Text || x.OfType || x.Other || x.Begins {
				return no, unsupported("a modifier inside of a composite")
			}
			where, found, err := c.codeIn("k"+n, p*Spaces+SpacePart+i, 0, x)
			if !found {
				where = no
			}
			return where, err
		})
	case search.Reference:
		return column(x.Param, func(n string, i int64) (Fragment, error) {
			if x.URL != "" {
				return frag("s"+n+" = ?", x.URL), nil
			}
			targets, err := c.targets(x)
			return build("s"+n, " = '' AND ", c.dialect.In("k"+n, anys(targets))), err
		})
	case search.Date:
		return column(x.Param, func(n string, _ int64) (Fragment, error) {
			return Ranged(x.Prefix, x.Low, x.High, "lo"+n, "hi"+n), nil
		})
	case search.Quantity:
		return column(x.Param, func(n string, _ int64) (Fragment, error) {
			low, high, label := c.dialect.Amounts(n)
			where, found, err := c.measured(p, x, low, high, "k"+n, label)
			if !found {
				where = no
			}
			return where, err
		})
	case search.Text:
		return column(x.Param, func(n string, _ int64) (Fragment, error) { return c.text("s"+n, "v"+n, x), nil })
	case search.URI:
		return column(x.Param, func(n string, _ int64) (Fragment, error) { return c.uri("s"+n, x), nil })
	}
	return no, unsupported("this kind of condition inside of a composite")
}

func (c *Compiler) parts(p int64, list []search.Expr) ([]Fragment, error) {
	var out []Fragment
	for _, x := range list {
		f, err := c.part(p, x)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func column(param string, f func(n string, i int64) (Fragment, error)) (Fragment, error) {
	i, err := strconv.Atoi(param)
	if err != nil || i < 0 || i >= MaxParts {
		return no, unsupported("this composite")
	}
	return f(strconv.Itoa(i), int64(i))
}
