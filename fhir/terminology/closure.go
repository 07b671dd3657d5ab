package terminology

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
)

// MaxClosure is the largest number of codes in a closure table.
const MaxClosure = 5000

// Closure is a table of codes that a client keeps in step with what subsumes what (R4
// terminology-service.html#closure). Each call that adds codes makes the next version; the
// client asks again from the version that it has. Only codes are kept: how they stand to
// each other is worked out anew, from the code systems as they are.
type Closure struct {
	Version int          `json:"version"`
	Codes   []ClosedCode `json:"codes"`
}

// ClosedCode is a code of a closure table, with the version that it came with.
type ClosedCode struct {
	System string `json:"system"`
	Code   string `json:"code"`
	Since  int    `json:"since"`
}

// Pair says that Narrow is a kind of Wide, both of System.
type Pair struct{ System, Narrow, Wide string }

// Add adds codes and returns the pairs that are new. Codes that are there already change
// nothing. Codes whose system is not here, or does not have them, are faults, and the
// table stays as it was.
func (c *Closure) Add(codes []Coding, find Finder) ([]Pair, error) {
	next := Closure{Version: c.Version, Codes: slices.Clone(c.Codes)}
	for _, code := range codes {
		if code.System == "" || code.Code == "" {
			return nil, fault.New(fault.Malformed, "A concept of a closure table has a system and a code.")
		}
		if slices.ContainsFunc(next.Codes, func(have ClosedCode) bool { return have.System == code.System && have.Code == code.Code }) {
			continue
		}
		if len(next.Codes) >= MaxClosure {
			return nil, fault.New(fault.TooCostly, "A closure table has at most %d codes.", MaxClosure)
		}
		next.Codes = append(next.Codes, ClosedCode{code.System, code.Code, c.Version + 1})
	}
	if len(next.Codes) > len(c.Codes) {
		next.Version++
	}
	pairs, err := next.Since(c.Version, find)
	if err == nil {
		*c = next
	}
	return pairs, err
}

// Since returns the pairs that came after a version.
func (c *Closure) Since(version int, find Finder) ([]Pair, error) {
	systems, positions := map[string]*System{}, map[string]map[int]ClosedCode{}
	for _, code := range c.Codes {
		s := systems[code.System]
		if s == nil {
			var err error
			if s, err = FindSystem(code.System, find); err != nil {
				return nil, err
			}
			if s.hierarchy {
				if err := s.subsumption(); err != nil {
					return nil, err
				}
			}
			systems[code.System], positions[code.System] = s, map[int]ClosedCode{}
		}
		at, ok := s.Find(code.Code)
		if !ok {
			return nil, fault.New(fault.Invalid, "The code system %s has no code %s.", clip(s.URL), clip(code.Code))
		}
		positions[code.System][at] = code
	}
	var pairs []Pair
	for _, code := range c.Codes {
		s := systems[code.System]
		at, _ := s.Find(code.Code)
		for _, up := range s.above(at)[1:] {
			if wide, ok := positions[code.System][up]; ok && max(code.Since, wide.Since) > version {
				pairs = append(pairs, Pair{code.System, code.Code, wide.Code})
			}
		}
	}
	return pairs, nil
}
