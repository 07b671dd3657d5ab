package search

import (
	"iter"
	"slices"
	"time"
)

// Subject is the resource that Match decides on, as far as it is not in its entries.
type Subject struct {
	Type, ID string
	Patient  string // the compartment it lives in; a Patient's own id; "" for none
	Updated  time.Time

	// Target returns the resource that a reference points at, for Chain; nil when chains
	// cannot be followed: then a Chain is false.
	Target func(resourceType, id string) (Subject, []Entry, bool)
	// Referrers ranges over the resources of a type whose parameter refers to this
	// resource, for Has; nil: a Has is false.
	Referrers func(source, param string) iter.Seq2[Subject, []Entry]
	// Beside reports whether a resource of a type that satisfies X lives now in the compartment
	// of a patient, for Beside; nil: a Beside is false.
	Beside func(patient string, x Beside) bool
	// Words returns what is written in the resource (WordsOf); nil: a Words is false.
	Words func(narrative bool) string
}

// Match decides whether a resource satisfies an expression. store/sqlgen compiles the same
// tree to SQL; both follow these rules.
//
// A leaf on a parameter (Token, Reference, Text, Date, Quantity, URI, Composite) is true
// when at least one entry of the parameter satisfies it; so it is false when there is no
// entry. Not turns that over: Not{Token} is true of a resource without entry. Ne is not
// Not: it asks for an entry that differs.
//
// # Date
//
// The search value is the range [s.Low, s.High), the entry the range [e.Low, e.High):
//
//	eq  s.Low <= e.Low && e.High <= s.High         the search range contains the entry
//	ne  not eq
//	gt  e.High > s.High                            some of the entry lies after the range
//	lt  e.Low < s.Low                              some of the entry lies before the range
//	ge  gt or eq
//	le  lt or eq
//	sa  e.Low >= s.High                            all of the entry lies after the range
//	eb  e.High <= s.Low                            all of the entry lies before the range
//	ap  e.Low < s.High && s.Low < e.High           they overlap (the range is widened)
//	co  e.Low <= s.Low && s.High <= e.High         the entry contains the search range
//
// # Number and quantity
//
// The search value is s.Value with the range [s.Low, s.High) of its precision, the entry
// the closed range from e.ValueLow to e.ValueHigh, which are equal for a plain value, and
// between which e.Value lies:
//
//	eq  s.Low <= e.ValueLow && e.ValueHigh < s.High
//	ne  not eq
//	gt  e.ValueHigh > s.Value
//	lt  e.ValueLow < s.Value
//	ge  e.ValueHigh >= s.Value
//	le  e.ValueLow <= s.Value
//	sa  e.ValueLow > s.Value
//	eb  e.ValueHigh < s.Value
//	ap  e.ValueLow <= s.High && s.Low <= e.ValueHigh
//
// With HasUnit the unit must fit as well, also for ne: System and Code equal those of the
// entry; without a System, Unit (or else Code) equals the entry's Code or Display. A unit of
// UCUM fits every entry in a unit of UCUM to which it can be converted, and s is converted.
//
// # Updated, Missing, Composite
//
// Updated is From <= updated < To; a zero time is open. Missing asks for entries; _id and
// _lastUpdated are never missing. A Composite is true when one entry has a Group that
// satisfies all parts.
func Match(x Expr, s Subject, entries []Entry) bool {
	switch x := x.(type) {
	case nil, All:
		return true
	case None:
		return false
	case And:
		for _, part := range x {
			if !Match(part, s, entries) {
				return false
			}
		}
		return true
	case Or:
		for _, part := range x {
			if Match(part, s, entries) {
				return true
			}
		}
		return false
	case Not:
		return !Match(x.X, s, entries)
	case ID:
		return slices.Contains(x, s.ID)
	case InPatient:
		return s.Patient != "" && slices.Contains(x, s.Patient)
	case Shared:
		return s.Patient == ""
	case Beside:
		return s.Patient != "" && s.Beside != nil && s.Beside(s.Patient, x)
	case Each:
		return !slices.ContainsFunc(entries, func(e Entry) bool {
			return e.Param == PartyParam && !Match(x.X, Subject{Type: "Patient", ID: e.Exact, Patient: e.Exact, Beside: s.Beside}, nil)
		})
	case Updated:
		return (x.From.IsZero() || !s.Updated.Before(x.From)) && (x.To.IsZero() || s.Updated.Before(x.To))
	case Missing:
		return x.Missing != present(x.Param, entries)
	case Chain:
		return matchChain(x, s, entries)
	case Has:
		return matchHas(x, s)
	case Words:
		return matchWords(&x, s)
	case Lineage:
		return matchLineage(&x, s, entries)
	}
	return matchEntries(x, entries)
}

func present(param string, entries []Entry) bool {
	if param == "_id" || param == "_lastUpdated" {
		return true
	}
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Param == param })
}

// matchEntries decides a leaf.
func matchEntries(x Expr, entries []Entry) bool {
	for i := range entries {
		e := &entries[i]
		found := false
		switch x := x.(type) {
		case Token:
			found = e.Param == x.Param && matchToken(&x, e)
		case Coded:
			found = e.Param == x.Param && matchCoded(&x, e)
		case Reference:
			found = e.Param == x.Param && matchReference(&x, e)
		case Text:
			found = e.Param == x.Param && matchText(&x, e)
		case Date:
			found = e.Param == x.Param && matchDate(&x, e)
		case Quantity:
			found = e.Param == x.Param && matchQuantity(&x, e)
		case Near:
			found = e.Param == x.Param && matchNear(&x, e)
		case URI:
			found = e.Param == x.Param && matchURI(&x, e)
		case Composite:
			found = e.Param == x.Param && e.Kind == KindComposite && Match(And(x.Parts), Subject{}, e.Group)
		}
		if found {
			return true
		}
	}
	return false
}

func matchChain(c Chain, s Subject, entries []Entry) bool {
	if s.Target == nil {
		return false
	}
	for i := range entries {
		e := &entries[i]
		if e.Param != c.Param || e.Kind != KindReference || e.RefType != c.Target || e.RefID == "" {
			continue
		}
		if target, more, ok := s.Target(e.RefType, e.RefID); ok && Match(c.X, target, more) {
			return true
		}
	}
	return false
}

func matchHas(h Has, s Subject) bool {
	if s.Referrers == nil {
		return false
	}
	for source, entries := range s.Referrers(h.Source, h.Param) {
		if Match(h.X, source, entries) {
			return true
		}
	}
	return false
}
