package policy

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
)

// reachedBy are the search parameters of people by which contact details are asked for.
var reachedBy = []string{"phone", "email", "telecom", "address", "address-city", "address-country", "address-postalcode", "address-state", "address-use"}

// Particular reports whether a search parameter asks for a person's particulars, so that what
// is looked for had better not be written down. Chains and modifiers are looked through. A number
// without its system may be a national one, words may be of anything, and a filter holds any of these.
func Particular(name, value string) bool {
	asks := namesIn(name)
	switch {
	case oneOf(asks, reachedBy) || oneOf(asks, wordsOfAll):
		return true
	case slices.Contains(asks, "_filter"):
		inside := namesIn(value)
		return oneOf(inside, reachedBy) || oneOf(inside, wordsOfAll) || oneOf(inside, wordsOfNational)
	case slices.Contains(asks, "missing"):
		return false
	}
	for part := range strings.SplitSeq(value, ",") {
		system, code, systemGiven := strings.Cut(part, "|")
		code, _, _ = strings.Cut(code, "|")
		switch {
		case search.NationalSystem(system), slices.Contains(asks, "of-type") && search.NationalType(code):
			return true
		case slices.Contains(asks, "identifier") && (!systemGiven || system == ""):
			return true
		}
	}
	return false
}

// wordsOfAll are the search parameters that look for words of any kind.
var wordsOfAll = []string{"_content", "_text"}

// namesIn returns the names of parameters, types and modifiers in a text.
func namesIn(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '_' })
}

// oneOf reports whether one of a list is one of others.
func oneOf(list, of []string) bool {
	return slices.ContainsFunc(list, func(name string) bool { return slices.Contains(of, name) })
}

// Query holds a search to what a principal may search by. A search by what is hidden is
// refused in the same words whatever is stored; a number without a system does not find
// national identifiers. known are the search parameters of the record.
func (m Mask) Query(q search.Query, known *search.Registry) (search.Query, error) {
	if m == (Mask{}) {
		return q, nil
	}
	n := narrowerOf(m, known)
	for _, key := range q.Sort {
		if err := n.asked(q.Type, key.Param); err != nil {
			return q, err
		}
		if n.numbered(q.Type, key.Param) {
			return q, unsearched(q.Type, key.Param)
		}
	}
	var err error
	q.Where, err = n.narrow(q.Type, q.Where)
	return q, err
}

// narrower holds conditions to a mask.
type narrower struct {
	Mask
	known *search.Registry
}

// narrowerOf makes one: who must not see how some people are reached searches nobody by it.
func narrowerOf(m Mask, known *search.Registry) narrower {
	return narrower{m.Past(), known}
}

// asked refuses a parameter that reads what is hidden: one of FHIR's, of people, or one that
// the clinic has made, of whatever type.
func (n narrower) asked(resourceType, param string) error {
	if n.Contact && (resourceType == "" || isPerson(resourceType)) && slices.Contains(reachedBy, param) {
		return unsearched(resourceType, param)
	}
	if _, standard := definition.SearchParameterFor(resourceType, param); standard || n.known == nil {
		return nil
	}
	for _, p := range n.known.Custom(resourceType) {
		// An extension of a person may hold an Address, which is searched as a string, or an
		// Identifier, which is searched as a token.
		held := (resourceType == "" || isPerson(resourceType)) && (n.Contact && p.Type == "string" || n.National != Open && p.Type == "token" || p.Type == "composite" || p.Type == "special")
		reads := func(expression string) bool {
			return n.reads(expression) || held && (strings.Contains(expression, "extension") || strings.Contains(expression, "value"))
		}
		if p.Code == param && (reads(p.Expression) || slices.ContainsFunc(p.Components, func(c definition.Component) bool { return reads(c.Expression) })) {
			return unsearched(resourceType, param)
		}
	}
	return nil
}

// wide are words of an expression that may reach anything; the others reach what is hidden.
var (
	wide            = []string{"contained", "children", "descendants", "text", "resolve", "repeat", "%"}
	wordsOfContact  = []string{"telecom", "address", "contact"}
	wordsOfNational = []string{"identifier"}
)

// reads reports whether a FHIRPath expression may read what is hidden.
func (n narrower) reads(expression string) bool {
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(expression), w) })
	}
	return has(wide) || n.Contact && has(wordsOfContact) || n.National != Open && has(wordsOfNational)
}

func unsearched(resourceType, param string) error {
	return fault.New(fault.NotSupported, "Your role or program does not see all of a person's particulars, and cannot search by %q of %s.", param, cmp.Or(resourceType, "all types"))
}

// narrow is Query for a condition on resources of a type.
func (n narrower) narrow(resourceType string, x search.Expr) (search.Expr, error) {
	param := ""
	switch x := x.(type) {
	case search.And:
		list, err := n.each(resourceType, x)
		return search.And(list), err
	case search.Or:
		list, err := n.each(resourceType, x)
		return search.Or(list), err
	case search.Not:
		inner, err := n.narrow(resourceType, x.X)
		return search.Not{X: inner}, err
	case search.Chain:
		inner, err := n.narrow(x.Target, x.X)
		x.X = inner
		return x, err
	case search.Has:
		inner, err := n.narrow(x.Source, x.X)
		x.X = inner
		return x, err
	case search.Words:
		if resourceType == "" || isPerson(resourceType) || resourceType == "Bundle" || resourceType == "Parameters" { // which hold people
			return nil, unsearched(resourceType, "words")
		}
		return x, nil
	case search.Token:
		if n.numbered(resourceType, x.Param) {
			return n.number(resourceType, x)
		}
		param = x.Param
	case search.Reference:
		if n.National != Open && x.Identifier != nil {
			return n.reference(resourceType, x)
		}
		param = x.Param
	case search.Coded:
		param = x.Param
	case search.Missing:
		param = x.Param
	case search.Text:
		param = x.Param
	case search.Date:
		param = x.Param
	case search.Quantity:
		param = x.Param
	case search.URI:
		param = x.Param
	case search.Composite:
		param = x.Param
	case search.Near:
		param = x.Param
	case search.Lineage:
		param = x.Param
	default:
		return x, nil
	}
	if n.numbered(resourceType, param) {
		return nil, unsearched(resourceType, param)
	}
	return x, n.asked(resourceType, param)
}

// Indifferent reports whether a condition is the same whatever the mask hides.
func (m Mask) Indifferent(resourceType string, x search.Expr, known *search.Registry) bool {
	if m == (Mask{}) {
		return true
	}
	narrowed, err := narrowerOf(m, known).narrow(resourceType, x)
	return err == nil && reflect.DeepEqual(narrowed, x)
}

// numbered reports whether a parameter reads identifiers, of which some are hidden: in a policy of an
// insurance, or a referral, as in the person.
func (n narrower) numbered(resourceType, param string) bool {
	if n.National == Open || param == "identifier" {
		return n.National != Open
	}
	p, standard := definition.SearchParameterFor(resourceType, param)
	return standard && p.Type == "token" && (param == "requisition" || strings.Contains(p.Expression, "dentifier")) // an element, or a type
}

func (n narrower) each(resourceType string, parts []search.Expr) ([]search.Expr, error) {
	out := make([]search.Expr, len(parts))
	for i, part := range parts {
		var err error
		if out[i], err = n.narrow(resourceType, part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// number lets a search by a number find other identifiers than national ones. What else has the number is found
// whether a national one is the same or not: who may write another identifier would learn which guess is right.
func (n narrower) number(resourceType string, x search.Token) (search.Expr, error) {
	switch {
	case x.OfType && !search.NationalType(x.Code):
	case x.OfType, x.Text, x.Other, x.HasSystem && search.NationalSystem(x.System), x.AnyCode && n.silent(x):
		return nil, unsearched(resourceType, x.Param)
	case x.AnyCode:
		return x, nil
	}
	x.Open = true
	return x, nil
}

// silent reports whether it is not told who has any number of a system: one that its type makes national
// may be hidden wholly, that there is one too.
func (n narrower) silent(x search.Token) bool {
	return n.National == Whole || !x.HasSystem || x.System == ""
}

// reference is number for references that name somebody by an identifier.
func (n narrower) reference(resourceType string, x search.Reference) (search.Expr, error) {
	id := *x.Identifier
	switch {
	case id.HasSystem && search.NationalSystem(id.System), id.AnyCode && n.silent(id):
		return nil, unsearched(resourceType, x.Param+":identifier")
	case id.AnyCode:
		return x, nil
	}
	id.Open = true
	x.Identifier = &id
	return x, nil
}
