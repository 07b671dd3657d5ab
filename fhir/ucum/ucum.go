// Package ucum reads the codes of the Unified Code for Units of Measure and converts
// between them, exactly where the units are exact.
//
//	mgdl, err := ucum.Parse("mg/dL")
//	gl, err := ucum.Parse("g/L")
//	v, err := ucum.Convert(big.NewRat(90, 1), mgdl, gl) // 9/10
//
// Only case sensitive codes are read: "mg", not "MG", and "[degF]", not "F".
//
// A unit is reduced to base units (m, s, g, rad, K, C, cd) and a factor, a rational number.
// Base is the spelling of the base units, in alphabetical order: "g.m-1.s-2" for mm[Hg], "1"
// for %, mol and the like. Two units are Comparable when their bases are the same; that is
// what a store needs to index a quantity (Unit.ToBase). Some traps of UCUM:
//
//   - mol is a number (6.02214076 × 10^23), so mmol and 1 are comparable, mmol/L and mg/dL
//     are not.
//   - Arbitrary units ([iU], [arb'U], [CFU] …) are bases of their own: [iU]/L compares
//     with m[iU]/mL and with nothing else.
//   - Special units (Cel, [degF], [pH], B[SPL], [p'diop] …) are no multiples of their base:
//     alone, or with a number or prefix (mCel, dB), they are converted by a function. As a
//     part of a product (Cel/min) such a function has no meaning; there the unit is a base
//     of its own, so that what is comparable is never wrong.
//   - "pH" is a picohenry; the acidity is "[pH]". "a" is a Julian year of 365.25 days.
//
// Factors that rest on π are as exact as UCUM writes π; Exact tells. Logarithms, the
// tangent and the root are computed with float64.
//
// essence.txt holds the units, with UCUM's copyright notice at its head:
//
// The Unified Code for Units of Measure (UCUM) is copyright 1999-2024 Regenstrief
// Institute, Inc. All rights reserved. It is used under the UCUM Copyright Notice and
// License, https://ucum.org/license, and comes without warranty.
package ucum

import (
	"math/big"
)

// System is the URL by which FHIR names UCUM.
const System = "http://unitsofmeasure.org"

// Limits of a code. What a code may name is bounded too: see maxBits.
const (
	MaxLength   = 256 // bytes
	MaxDepth    = 16  // parentheses within each other
	MaxExponent = 999 // of one unit, as in 10*999
)

// Unit is a unit of measure. The zero value is the unit 1. Units do not change; they may be
// copied and used concurrently.
type Unit struct {
	code    string
	base    string   // "" is "1"
	powers  []power  // the base units, ordered by code
	factor  *big.Rat // nil is 1. Of a special unit: the factor before its function
	special *special // nil for a unit that is a multiple of its base
	display string   // as English words, without the outer sign
	inexact bool     // the factor rests on π
}

// power is a base unit (or an arbitrary or special one that acts as a base) with its
// exponent, which is never 0.
type power struct {
	code     string
	exponent int
}

// String returns the code as it was read.
func (u Unit) String() string { return u.code }

// Base returns the base units in their canonical spelling, such as "g.m-1.s-2"; "1" when
// there are none. Equal texts mean comparable units.
func (u Unit) Base() string {
	if u.base == "" {
		return "1"
	}
	return u.base
}

// Special reports a unit that is converted by a function, not by a factor.
func (u Unit) Special() bool { return u.special != nil }

// Exact reports whether ToBase loses nothing: false when the factor rests on π or the
// function of a special unit is a logarithm, a tangent or a root.
func (u Unit) Exact() bool { return !u.inexact && (u.special == nil || u.special.exact) }

// Canonical returns the base units and the factor that turns a value in u into a value in
// them. The factor is nil for a special unit; use ToBase, which serves all units. The
// caller may keep and change the factor.
func (u Unit) Canonical() (base string, factor *big.Rat) {
	if u.special != nil {
		return u.Base(), nil
	}
	return u.Base(), new(big.Rat).Set(u.scale())
}

// Display returns the unit in English words: "(milligram) / (deciliter)", "(unity)" for 1.
func (u Unit) Display() string {
	if u.display == "" {
		return "(unity)"
	}
	return u.display
}

// Comparable reports whether values in a and b can be converted to each other.
func Comparable(a, b Unit) bool { return a.base == b.base }

var one = big.NewRat(1, 1)

func (u Unit) scale() *big.Rat {
	if u.factor == nil {
		return one
	}
	return u.factor
}
