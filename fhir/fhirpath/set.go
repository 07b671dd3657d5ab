package fhirpath

import (
	"math/big"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/ucum"
)

// set holds different items, so that looking for one does not cost all.
type set map[uint64][]Value

func newSet(n int) set { return make(set, n) }

// has reports whether an equal item is in the set.
func (x set) has(s *state, v Value) (bool, error) {
	bucket := x[s.hash(v)]
	return s.contains(bucket, v), s.spend(len(bucket))
}

// add puts an item into the set; fresh is false when an equal one is there.
func (x set) add(s *state, v Value) (fresh bool, err error) {
	h := s.hash(v)
	bucket := x[h]
	if err := s.spend(len(bucket)); err != nil || s.contains(bucket, v) {
		return false, err
	}
	x[h] = append(bucket, v)
	return true, nil
}

// hash gives equal items the same number.
func (s *state) hash(v Value) uint64 {
	x := v.system()
	switch x.kind {
	case Element:
		return s.hashNode(v.node)
	case String:
		return hashText(1, x.text)
	case Boolean:
		return uint64(x.i)
	case Date, DateTime, Time:
		return hashTemporal(x)
	}
	return s.hashNumber(x)
}

// hashTemporal follows compareTemporal: what was given counts, at UTC when there is a zone.
func hashTemporal(v Value) uint64 {
	t, ok := parseTemporal(v.kind, v.text)
	if !ok {
		return 2
	}
	if t.zoned {
		t = t.atUTC()
	}
	h := uint64(t.n)
	for i := range t.n {
		h = h*1099511628211 + uint64(t.part[i])
	}
	if t.n == 6 {
		h = h*1099511628211 + uint64(t.part[partNano])
	}
	return h
}

// hashNumber takes numbers and quantities by their value in base units: 1 and 100 '%' are
// equal. A unit that is unknown, or has no base, stands for itself.
func (s *state) hashNumber(v Value) uint64 {
	value, ok := ucum.Rational(amount(v))
	if !ok {
		return 3
	}
	unit := unitOf(v)
	switch {
	case unit == "calendar year":
		value, unit = value.Mul(value, big.NewRat(12, 1)), "calendar month"
	case unit != "1":
		s.steps += unitSteps
		if u, err := ucum.Parse(unit); err == nil {
			if base, err := u.ToBase(value); err == nil {
				value, unit = base, u.Base()
			}
		}
	}
	return hashText(hashText(3, unit), value.RatString())
}

func hashText(seed uint64, s string) uint64 {
	h := seed ^ 14695981039346656037
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// hashNode does not depend on the order of members, nor on how a number is written.
func (s *state) hashNode(n *fhir.Node) uint64 {
	h := uint64(n.Kind()) + 10
	if !s.visit() {
		return h
	}
	switch n.Kind() {
	case fhir.Object:
		for name, x := range n.Members() {
			h += hashText(s.hashNode(x), name)
		}
	case fhir.Array:
		for i := range n.Len() {
			h = h*31 + s.hashNode(n.At(i))
		}
	case fhir.String, fhir.Boolean:
		return hashText(h, n.Text())
	}
	return h
}
