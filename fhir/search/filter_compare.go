package search

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// namespaces are the names that a _filter may use in place of code systems.
var namespaces = map[string]string{
	"loinc": "http://loinc.org", "snomed": "http://snomed.info/sct", "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "ucum": "http://unitsofmeasure.org",
}

// compare gives the condition of one test of a _filter.
func (f *filterReader) compare(resourceType, name, op, value string) (Expr, error) {
	escaped := strings.ReplaceAll(value, `\`, `\\`) // the readers of values resolve escapes
	switch name {
	case "_id":
		switch op {
		case "eq":
			return ID{value}, nil
		case "ne":
			return Not{X: ID{value}}, nil
		}
		return nil, f.noOperator(name, op)
	case "_lastUpdated":
		if !ordering(op) {
			return nil, f.noOperator(name, op)
		}
		return readUpdated("", []string{op + escaped})
	}
	p, err := f.parameter(resourceType, name)
	if err != nil {
		return nil, err
	}
	if op == "pr" {
		if value != "true" && value != "false" {
			return nil, fault.New(fault.Malformed, "The _filter asks whether %q is present; that is true or false.", name)
		}
		return Missing{Param: name, Missing: value == "false"}, nil
	}
	switch p.kind {
	case KindString:
		return f.compareText(p, op, value)
	case KindDate, KindNumber, KindQuantity:
		return f.compareOrdered(p, op, escaped)
	case KindToken:
		return f.compareToken(p, op, escaped)
	case KindReference:
		if op == "re" || op == "eq" {
			return parseReference(p, name, "", escaped)
		}
	case KindURI:
		switch op {
		case "eq":
			return URI{Param: name, Value: value}, nil
		case "sw":
			return URI{Param: name, Mode: URIBelow, Value: value}, nil
		}
	case KindComposite:
		if op == "eq" {
			return readComposite(p, name, escaped)
		}
	}
	return nil, f.noOperator(name, op)
}

func (f *filterReader) noOperator(name, op string) error {
	return fault.New(fault.Malformed, "The _filter has no operator %q for %q.", op, name)
}

func ordering(op string) bool {
	switch Prefix(op) {
	case Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap:
		return true
	}
	return false
}

var textOperators = map[string]StringMode{
	"eq": Equal, "ne": Unequal, "co": Contains, "sw": StartsWith, "ew": EndsWith, "gt": Greater, "lt": Less, "ge": GreaterEqual, "le": LessEqual,
}

func (f *filterReader) compareText(p *parameter, op, value string) (Expr, error) {
	mode, ok := textOperators[op]
	if !ok {
		return nil, f.noOperator(p.code, op)
	}
	t := Text{Param: p.code, Mode: mode, Value: Normalize(value)}
	if t.Value == "" {
		return nil, malformed(p.code, value, "has no letters or digits to look for")
	}
	return t, nil
}

func (f *filterReader) compareOrdered(p *parameter, op, value string) (Expr, error) {
	if ordering(op) {
		return readValue(p, p.code, "", op+value)
	}
	if p.kind != KindDate || op != "po" && op != "co" {
		return nil, f.noOperator(p.code, op)
	}
	x, err := parseDate(p.code, "eq"+value)
	if err != nil {
		return nil, err
	}
	d := x.(Date)
	d.Prefix = Ap // of a range that is not widened: they overlap
	if op == "co" {
		d.Prefix = Co
	}
	return d, nil
}

func (f *filterReader) compareToken(p *parameter, op, value string) (Expr, error) {
	if system, code, ok := strings.Cut(value, "|"); ok && namespaces[system] != "" {
		value = namespaces[system] + "|" + code
	}
	switch op {
	case "eq":
		return parseToken(p.code, "", value)
	case "ne":
		x, err := parseToken(p.code, "", value)
		if err != nil {
			return nil, err
		}
		t := x.(Token)
		t.Other = true
		return t, nil
	case "in":
		return f.inValueSet(p.code, unescape(value))
	case "ni":
		x, err := f.inValueSet(p.code, unescape(value))
		return Not{X: x}, err
	case "ss": // the value subsumes a concept of the set
		return f.hierarchy(p.code, "below", value)
	case "sb":
		return f.hierarchy(p.code, "above", value)
	}
	return nil, f.noOperator(p.code, op)
}
