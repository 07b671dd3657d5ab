package terminology

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
)

// The outcomes of Subsumes (value set concept-subsumption-outcome).
const (
	Equivalent  = "equivalent"
	Subsuming   = "subsumes"     // the first code is the wider one
	SubsumedBy  = "subsumed-by"  // the first code is the narrower one
	NotSubsumed = "not-subsumed" // neither stands above the other
)

// Below returns a code and all codes that it subsumes. A system that has no hierarchy of
// meaning, that is not here or not wholly here, is fault.NotSupported; a code that the
// system does not have is fault.NotFound.
func Below(system, code string, find Finder) ([]string, error) {
	return around(system, code, find, (*System).below)
}

// Above returns a code and all codes that subsume it; faults as of Below.
func Above(system, code string, find Finder) ([]string, error) {
	return around(system, code, find, (*System).above)
}

func around(system, code string, find Finder, way func(*System, int) []int) ([]string, error) {
	s, err := FindSystem(system, find)
	if err != nil {
		return nil, err
	}
	if err := s.subsumption(); err != nil {
		return nil, err
	}
	at, ok := s.Find(code)
	switch {
	case !s.Complete():
		return nil, s.partial()
	case !ok:
		return nil, fault.New(fault.NotFound, "The code system %s has no such code.", s.URL)
	}
	var out []string
	for _, i := range way(s, at) {
		out = append(out, s.Codes[i].Code)
	}
	return out, nil
}

// Subsumes tells how two codes of a code system stand to each other. Codes that it does not
// have are fault.NotFound; a system that is not here is fault.NotSupported. Without a
// hierarchy a code subsumes only itself.
func Subsumes(system, a, b string, find Finder) (string, error) {
	s, err := FindSystem(system, find)
	if err != nil {
		return "", err
	}
	return s.Subsumes(a, b)
}

// Subsumes is the function of that name for a System.
func (s *System) Subsumes(a, b string) (string, error) {
	x, okX := s.Find(a)
	y, okY := s.Find(b)
	if !okX || !okY {
		if !s.Complete() {
			return "", s.partial()
		}
		return "", fault.New(fault.NotFound, "The code system %s has not both of these codes.", clip(s.URL))
	}
	if x == y {
		return Equivalent, nil
	}
	if !s.hierarchy && s.Complete() {
		return NotSubsumed, nil
	}
	if err := s.subsumption(); err != nil {
		return "", err
	}
	switch {
	case slices.Contains(s.above(y), x):
		return Subsuming, nil
	case slices.Contains(s.above(x), y):
		return SubsumedBy, nil
	case !s.Complete(): // the link may lie in the part that is not here
		return "", s.partial()
	}
	return NotSubsumed, nil
}

// subsumption refuses systems whose hierarchy is not one of meaning: a part is not a kind.
func (s *System) subsumption() error {
	switch {
	case !s.hierarchy:
		return fault.New(fault.NotSupported, "The code system %s has no hierarchy.", clip(s.URL))
	case s.Meaning != "" && s.Meaning != "is-a":
		return fault.New(fault.NotSupported, "The hierarchy of the code system %s means %q, not what subsumes what.", clip(s.URL), clip(s.Meaning))
	}
	return nil
}

// below returns a position and those under it, nearest first; circles end where they meet.
func (s *System) below(at int) []int {
	children := s.children()
	return s.spread(at, func(i int) []int { return children[i] })
}

// above returns a position and those over it, nearest first.
func (s *System) above(at int) []int {
	return s.spread(at, func(i int) []int { return s.Codes[i].Parents })
}

func (s *System) spread(at int, next func(int) []int) []int {
	out, seen := []int{at}, map[int]bool{at: true}
	for k := 0; k < len(out); k++ {
		for _, i := range next(out[k]) {
			if !seen[i] {
				seen[i] = true
				out = append(out, i)
			}
		}
	}
	return out
}
