package sqlgen

import (
	"cmp"
	"maps"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
)

// Ranged compares a stored range with a search range under a prefix, as FHIR R4 section
// 3.1.1.4.5 defines it. Both are [low, high), and no range ends before it begins, which
// gives the bound in front of eq, ge and le: it says nothing new, but an index can use it.
func Ranged(prefix search.Prefix, low, high int64, lo, hi string) Fragment {
	switch prefix {
	case search.Ne:
		return frag("NOT ("+lo+" >= ? AND "+hi+" <= ?)", low, high)
	case search.Gt:
		return frag(hi+" > ?", high)
	case search.Lt:
		return frag(lo+" < ?", low)
	case search.Ge:
		return frag("("+hi+" >= ? AND ("+hi+" > ? OR ("+lo+" >= ? AND "+hi+" <= ?)))", low, high, low, high)
	case search.Le:
		return frag("("+lo+" <= ? AND ("+lo+" < ? OR ("+lo+" >= ? AND "+hi+" <= ?)))", high, low, low, high)
	case search.Sa:
		return frag(lo+" >= ?", high)
	case search.Eb:
		return frag(hi+" <= ?", low)
	case search.Ap:
		return frag("("+lo+" < ? AND "+hi+" > ?)", high, low)
	case search.Co:
		return frag("("+lo+" <= ? AND "+hi+" >= ?)", low, high)
	}
	return frag("("+lo+" >= ? AND "+lo+" <= ? AND "+hi+" <= ?)", low, high, high)
}

func (c *Compiler) quantities(resourceType string, x search.Quantity) ([]source, error) {
	params, err := c.names.Params(resourceType, x.Param)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range params {
		where, found, err := c.measured(p.No, x, "lo", "hi", "unit", "label")
		if err != nil {
			return nil, err
		}
		if found {
			check, _, err := c.measured(p.No, x, c.dialect.Unindexed("lo"), c.dialect.Unindexed("hi"), "unit", "label")
			if err != nil {
				return nil, err
			}
			in := frag("p = ?", p.No)
			out = append(out, source{table: "qty", cost: costQuantity, where: and([]Fragment{in, where}), check: and([]Fragment{in, check})})
		}
	}
	return out, nil
}

// maxUnits is how many units of one parameter a search is converted into.
const maxUnits = 2000

// measured returns the condition on value and unit; found is false when no stored unit
// fits. A search in a unit of UCUM is asked in each unit in use that is comparable: these
// are few, and what is stored stays as it was written.
func (c *Compiler) measured(p int64, x search.Quantity, lo, hi, unit, label string) (where Fragment, found bool, err error) {
	if !x.ByUCUM() {
		where, found, err = c.unit(p, x, unit, label)
		return and([]Fragment{amount(x, lo, hi), where}), found, err
	}
	codes, err := c.names.CodesOf(p*Spaces+SpaceUnit, x.System)
	if err != nil {
		return no, false, err
	}
	var list []Fragment
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if in, ok := x.In(code); ok {
			list = append(list, and([]Fragment{frag(unit+" = ?", codes[code]), amount(in, lo, hi)}))
		}
	}
	if len(list) > maxUnits {
		return no, false, fault.New(fault.TooCostly, "The values of %q are in more than %d units; search without a unit.", x.Param, maxUnits)
	}
	return balanced(list), len(list) > 0, nil
}

// balanced is or with a depth that grows with the logarithm only.
func balanced(list []Fragment) Fragment {
	if len(list) < 3 {
		return or(list)
	}
	half := len(list) / 2
	return or([]Fragment{balanced(list[:half]), balanced(list[half:])})
}

// unit returns the condition on the numbers of the unit and of its printed form.
func (c *Compiler) unit(p int64, x search.Quantity, unit, label string) (where Fragment, found bool, err error) {
	if !x.HasUnit {
		return yes, true, nil
	}
	if x.System != "" {
		k, err := c.names.Code(p*Spaces+SpaceUnit, x.System, x.Code)
		return frag(unit+" = ?", k), k != 0, err
	}
	word := cmp.Or(x.Unit, x.Code)
	codes, err := c.names.Codes(p*Spaces+SpaceUnit, word)
	if err != nil {
		return no, false, err
	}
	labels, err := c.names.Codes(p*Spaces+SpaceLabel, word)
	if err != nil {
		return no, false, err
	}
	if word == "" { // what has no unit has the number 0
		codes, labels = append(codes, 0), append(labels, 0)
	}
	where = or([]Fragment{c.dialect.In(unit, anys(codes)), c.dialect.In(label, anys(labels))})
	return where, where.SQL != no.SQL, nil
}

// amount compares a stored closed range with a search value and its half-open range; see
// search.Match.
func amount(x search.Quantity, lo, hi string) Fragment {
	switch x.Prefix {
	case search.Ne:
		return frag("NOT ("+lo+" >= ? AND "+hi+" < ?)", x.Low, x.High)
	case search.Gt:
		return frag(hi+" > ?", x.Value)
	case search.Lt:
		return frag(lo+" < ?", x.Value)
	case search.Ge:
		return frag(hi+" >= ?", x.Value)
	case search.Le:
		return frag(lo+" <= ?", x.Value)
	case search.Sa:
		return frag(lo+" > ?", x.Value)
	case search.Eb:
		return frag(hi+" < ?", x.Value)
	case search.Ap:
		return frag("("+lo+" <= ? AND "+hi+" >= ?)", x.High, x.Low)
	}
	return frag("("+lo+" >= ? AND "+hi+" < ?)", x.Low, x.High)
}
