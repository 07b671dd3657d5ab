package search

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
)

// Mode says what happens to parameters that are not known: FHIR R4, section 3.1.1.2.
type Mode uint8

// Strict refuses them with fault.Malformed. Lenient lists them in Query.Ignored.
const (
	Strict Mode = iota
	Lenient
)

// Limits of chains: how many links one may have, and how many may be tried in a search: a
// link without a type is tried with every type that it may lead to.
const (
	maxChain = 5
	maxLinks = 5000
)

func (r *reader) link(full string) error {
	if r.links++; r.links > maxLinks {
		return fault.New(fault.TooCostly, "The search parameter %q has too many meanings; name the types.", full)
	}
	return nil
}

// Parser reads search URLs. The zero value reads all that needs no terminology.
type Parser struct {
	// ValueSet returns the codes of a value set, for :in and :not-in.
	ValueSet func(url string) ([]Coding, error)
	// Below and Above return a code with all that lies under or over it in its system, for
	// :below and :above.
	Below, Above func(system, code string) ([]string, error)
	// Registry has the parameters of the record; nil for none but those of R4.
	Registry *Registry
}

// Parse reads the parameters of a search URL with the zero Parser.
func Parse(resourceType string, params []Param, mode Mode) (Query, error) {
	return Parser{}.Parse(resourceType, params, mode)
}

// Parse reads the parameters of a search URL, in their order. resourceType is "" for a
// search over all types.
//
// A value that cannot be read is a fault in both modes, and so is a modifier that Osler
// does not have: to leave either out would answer another question.
func (parser Parser) Parse(resourceType string, params []Param, mode Mode) (Query, error) {
	q := Query{Type: resourceType, Count: DefaultCount, Total: TotalNone}
	if resourceType != "" && !definition.IsResource(resourceType) {
		return q, fault.New(fault.NotSupported, "%q is not a resource type of FHIR R4.", resourceType)
	}
	if len(params) > MaxParams {
		return q, fault.New(fault.TooCostly, "The search has %d parameters; the limit is %d.", len(params), MaxParams)
	}
	r := reader{Parser: parser, query: &q}
	if err := r.readTypes(params); err != nil {
		return q, err
	}
	var where And
	for _, p := range params {
		x, err := r.read(p)
		var u *unknownParameter
		switch {
		case errors.As(err, &u) && mode == Lenient:
			q.Ignored = append(q.Ignored, Ignored{Param: p, Reason: u.reason})
			continue
		case u != nil:
			return q, fault.New(fault.Malformed, "The search parameter %q cannot be used: %s", p.Name, u.reason)
		case err != nil:
			return q, err
		}
		if x != nil {
			where = append(where, x)
		}
		if !silent[p.Name] {
			q.Applied = append(q.Applied, p)
		}
	}
	if q.Count == 0 { // also with _summary=false: section 3.1.1.5.4
		q.Summary, q.Total = SummaryCount, TotalAccurate
	}
	q.Where = All{}
	switch len(where) {
	case 0:
	case 1:
		q.Where = where[0]
	default:
		q.Where = where
	}
	return q, nil
}

// silent parameters are for the door, not for the search.
var silent = map[string]bool{"_format": true, "_pretty": true}

// unknownParameter is what lenient handling may leave out.
type unknownParameter struct{ reason string }

func (u *unknownParameter) Error() string { return u.reason }

func ignore(reason string) error { return &unknownParameter{reason} }

type reader struct {
	Parser
	links int // that were tried in all chains
	query *Query
}

// read reads one parameter. The Expr is nil for those that only shape the result.
func (r *reader) read(p Param) (Expr, error) {
	name, modifier, _ := strings.Cut(p.Name, ":")
	if control, ok := controls[name]; ok {
		if err := control(r, p, modifier); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return r.top(p)
}

// common returns the type whose parameters a search over several types may use for its
// order: the one type that _type names, else "".
func (r *reader) common() string {
	if r.query.Type == "" && len(r.query.Types) == 1 {
		return r.query.Types[0]
	}
	return r.query.Type
}

// top reads a condition on the searched type. With several types (_type) it must mean the
// same for each of them.
func (r *reader) top(p Param) (Expr, error) {
	if r.query.Type != "" || len(r.query.Types) == 0 {
		return r.condition(r.query.Type, p.Name, p.Value, 0)
	}
	var first Expr
	for i, t := range r.query.Types {
		x, err := r.condition(t, p.Name, p.Value, 0)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = x
		} else if !reflect.DeepEqual(x, first) {
			return nil, fault.New(fault.NotSupported, "The search parameter %q does not mean the same for %s and %s; search each type by itself, or name the type in the value.", p.Name, r.query.Types[0], t)
		}
	}
	return first, nil
}

// condition reads a parameter that selects: of the searched type, or at the end of a
// chain of the type that the chain arrived at.
func (r *reader) condition(resourceType, full, value string, depth int) (Expr, error) {
	if depth > maxChain {
		return nil, fault.New(fault.TooCostly, "The search parameter %q has more than %d links.", full, maxChain)
	}
	if rest, ok := strings.CutPrefix(full, "_has:"); ok {
		return r.has(full, rest, value, depth)
	}
	if link, rest, ok := strings.Cut(full, "."); ok {
		return r.chain(resourceType, full, link, rest, value, depth)
	}
	name, modifier, _ := strings.Cut(full, ":")
	if value == "" {
		return nil, ignore("It has no value.")
	}
	values := splitEscaped(value, ',')
	if len(values) > MaxValues && name != "_filter" {
		return nil, fault.New(fault.TooCostly, "The search parameter %q has %d values; the limit is %d.", name, len(values), MaxValues)
	}
	if x, ok, err := r.special(resourceType, name, modifier, value, values); ok {
		return x, err
	}
	switch name {
	case "_id":
		return readID(modifier, values)
	case "_lastUpdated":
		return readUpdated(modifier, values)
	}
	p, err := r.parameter(resourceType, name)
	if err != nil {
		return nil, err
	}
	if p.kind == KindSpecial && modifier == "" {
		return readNear(p.code, values)
	}
	return r.values(p, modifier, values)
}

// parameter returns a parameter that can be searched by.
func (r *reader) parameter(resourceType, name string) (*parameter, error) {
	p := r.Registry.parameters(resourceType).byCode[name]
	switch {
	case p == nil || p.expression == nil:
		return nil, ignore(unknownReason(resourceType, name, p != nil))
	case p.pending:
		return nil, fault.New(fault.Unavailable, "The search parameter %q of %s is being indexed. Try again in a while.", name, resourceType)
	}
	return p, nil
}

func unknownReason(resourceType, name string, defined bool) string {
	switch {
	case defined:
		return "Osler does not support it."
	case resourceType == "":
		return "A search over all types does not know " + strconv.Quote(name) + "."
	}
	return resourceType + " has no search parameter " + strconv.Quote(name) + "."
}

// maxScanned is the largest number of alternatives of a modifier for which no index helps.
const maxScanned = 20

// modifiers lists what each kind understands besides :missing; a reference also takes the
// name of a type.
var modifiers = map[Kind][]string{
	KindToken:     {"text", "not", "of-type", "in", "not-in", "below", "above"},
	KindReference: {"identifier", "below", "above"},
	KindString:    {"exact", "contains"},
	KindURI:       {"below", "above"},
}

func (r *reader) values(p *parameter, modifier string, values []string) (Expr, error) {
	if modifier == "ofType" { // as the value set of modifiers spells it
		modifier = "of-type"
	}
	switch {
	case modifier == "missing":
		return readMissing(p.code, values)
	case modifier == "" || slices.Contains(modifiers[p.kind], modifier):
	case p.kind == KindReference && definition.IsResource(modifier):
		if !p.mayTarget(modifier) {
			return nil, fault.New(fault.Malformed, "The search parameter %q never refers to %s.", p.code, modifier)
		}
	default:
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", p.code, ":"+modifier)
	}
	if (modifier == "text" || modifier == "contains") && len(values) > maxScanned {
		return nil, fault.New(fault.TooCostly, "The search parameter %q has %d alternatives for %q; the limit is %d, since every index entry is looked through for each.", p.code, len(values), ":"+modifier, maxScanned)
	}
	var or Or
	for _, v := range values {
		if v == "" {
			continue
		}
		x, err := r.modified(p, modifier, v)
		if err != nil {
			return nil, err
		}
		or = append(or, x)
	}
	if len(or) == 0 {
		return nil, ignore("It has no value.")
	}
	x := either(or)
	if modifier == "not" || modifier == "not-in" {
		x = Not{X: x}
	}
	return x, nil
}

// modified reads one value under a modifier; those that only compare otherwise are read
// with the value.
func (r *reader) modified(p *parameter, modifier, v string) (Expr, error) {
	switch {
	case p.kind == KindToken && (modifier == "in" || modifier == "not-in"):
		return r.inValueSet(p.code, unescape(v))
	case p.kind == KindToken && (modifier == "below" || modifier == "above"):
		return r.hierarchy(p.code, modifier, v)
	case p.kind == KindReference && (modifier == "below" || modifier == "above"):
		return r.lineage(p, modifier, v)
	}
	return readValue(p, p.code, modifier, v)
}

func either(or Or) Expr {
	if len(or) == 1 {
		return or[0]
	}
	return or
}

// readValue reads one value as the parameter's kind. name is the parameter's name in the
// entries: its code, or its position in a composite.
func readValue(p *parameter, name, modifier, v string) (Expr, error) {
	switch p.kind {
	case KindToken:
		x, err := parseToken(name, modifier, v)
		return alsoFormerly(x, v), err
	case KindReference:
		return parseReference(p, name, modifier, v)
	case KindString:
		return parseText(name, modifier, v)
	case KindDate:
		return parseDate(name, v)
	case KindNumber, KindQuantity:
		return parseQuantity(name, p.kind, v)
	case KindURI:
		return parseURI(name, modifier, v)
	case KindComposite:
		return readComposite(p, name, v)
	}
	return nil, ignore("Osler does not support it.")
}

func readComposite(p *parameter, name, v string) (Expr, error) {
	parts := splitEscaped(v, '$')
	if len(parts) != len(p.components) {
		return nil, malformed(name, v, "must have "+strconv.Itoa(len(p.components))+" parts with $ between them")
	}
	c := Composite{Param: name}
	for i, part := range parts {
		if part == "" {
			return nil, malformed(name, v, "has an empty part")
		}
		x, err := readValue(&p.components[i], strconv.Itoa(i), "", part)
		if err != nil {
			var f *fault.Error
			if errors.As(err, &f) {
				return nil, malformed(name, v, "has a part "+strconv.Itoa(i+1)+" that cannot be read as its kind of value")
			}
			return nil, err
		}
		c.Parts = append(c.Parts, x)
	}
	return c, nil
}

func readMissing(param string, values []string) (Expr, error) {
	if len(values) == 1 && (values[0] == "true" || values[0] == "false") {
		return Missing{Param: param, Missing: values[0] == "true"}, nil
	}
	return nil, malformed(param+":missing", strings.Join(values, ","), "must be true or false")
}

func readID(modifier string, values []string) (Expr, error) {
	switch modifier {
	case "", "not":
	case "missing":
		return readMissing("_id", values)
	default:
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", "_id", ":"+modifier)
	}
	ids := ID{}
	for _, v := range values {
		if id := unescape(v); id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, ignore("It has no value.")
	}
	if modifier == "not" {
		return Not{X: ids}, nil
	}
	return ids, nil
}

// readUpdated reads _lastUpdated, which is an instant: sa is gt, eb is lt.
func readUpdated(modifier string, values []string) (Expr, error) {
	if modifier == "missing" {
		return readMissing("_lastUpdated", values)
	}
	if modifier != "" {
		return nil, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", "_lastUpdated", ":"+modifier)
	}
	var or Or
	for _, v := range values {
		x, err := parseDate("_lastUpdated", v)
		if err != nil {
			return nil, err
		}
		d := x.(Date)
		low, high := time.UnixMilli(d.Low).UTC(), time.UnixMilli(d.High).UTC()
		switch d.Prefix {
		case Gt, Sa:
			or = append(or, Updated{From: high})
		case Lt, Eb:
			or = append(or, Updated{To: low})
		case Ge:
			or = append(or, Updated{From: low})
		case Le:
			or = append(or, Updated{To: high})
		case Ne:
			or = append(or, Not{X: Updated{From: low, To: high}})
		default:
			or = append(or, Updated{From: low, To: high})
		}
	}
	return either(or), nil
}

// chain reads subject:Patient.name and subject.name. Without a type it tries every
// type that the reference may point at and that knows the rest.
func (r *reader) chain(resourceType, full, link, rest, value string, depth int) (Expr, error) {
	name, target, _ := strings.Cut(link, ":")
	p, err := r.parameter(resourceType, name)
	if err != nil {
		return nil, err
	}
	if p.kind != KindReference {
		return nil, fault.New(fault.Malformed, "The search parameter %q cannot be chained: %q is not a reference.", full, name)
	}
	targets := p.targets
	switch {
	case target != "" && (!definition.IsResource(target) || !p.mayTarget(target)):
		return nil, fault.New(fault.Malformed, "The search parameter %q cannot be chained: %q never refers to %q.", full, name, target)
	case target != "":
		targets = []string{target}
	case name == "patient":
		targets = []string{"Patient"}
	}
	var or Or
	var reason error = ignore("Name the type that " + strconv.Quote(name) + " refers to, as in " + name + ":Patient." + rest + ".")
	for _, t := range targets {
		if !definition.IsResource(t) {
			continue
		}
		if err := r.link(full); err != nil {
			return nil, err
		}
		x, err := r.condition(t, rest, value, depth+1)
		var u *unknownParameter
		if errors.As(err, &u) {
			reason = err
			continue
		}
		if err != nil {
			return nil, err
		}
		or = append(or, Chain{Param: name, Target: t, X: x})
		if len(or) > MaxValues {
			return nil, fault.New(fault.TooCostly, "The search parameter %q has too many meanings; name the types.", full)
		}
	}
	if len(or) == 0 {
		return nil, reason
	}
	return either(or), nil
}

// has reads _has:Observation:patient:code behind "_has:".
func (r *reader) has(full, rest, value string, depth int) (Expr, error) {
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 || parts[2] == "" {
		return nil, fault.New(fault.Malformed, "The search parameter %q must be _has:Type:reference:parameter.", full)
	}
	if !definition.IsResource(parts[0]) {
		return nil, fault.New(fault.Malformed, "The search parameter %q names %q, which is not a resource type of FHIR R4.", full, parts[0])
	}
	p, err := r.parameter(parts[0], parts[1])
	if fault.Is(err, fault.Unavailable) {
		return nil, err
	}
	if err != nil || p.kind != KindReference {
		return nil, fault.New(fault.Malformed, "The search parameter %q names %q, which is not a reference parameter of %s.", full, parts[1], parts[0])
	}
	x, err := r.condition(parts[0], parts[2], value, depth+1)
	if err != nil {
		return nil, err
	}
	return Has{Source: parts[0], Param: parts[1], X: x}, nil
}
