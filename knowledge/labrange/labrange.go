// Package labrange holds reference ranges, critical limits and plain words for about 80
// common laboratory tests.
//
// The range that a laboratory sends with a result always wins; these ranges are for results
// entered by hand, and their source is named. A range fits one unit: a value in another
// unit is not graded. Children get a grade only where a row says so.
//
//	r, ok := labrange.RangeFor("2823-3", "mmol/L", "female", 58)
//	labrange.Grade(5.3, r)                       // "H"
//	labrange.Plain("4548-4", "es").Name          // "Azúcar promedio en la sangre, 3 meses"
package labrange

import (
	"math"
	"strconv"
	"strings"
)

// Group collects tests that are read together.
type Group string

// The groups, in the order of a result grid.
const (
	Kidney   Group = "Kidney and salts"
	Diabetes Group = "Diabetes"
	Lipids   Group = "Lipids"
	Blood    Group = "Blood count"
	Liver    Group = "Liver"
	Thyroid  Group = "Thyroid"
	Iron     Group = "Iron and vitamins"
	Clotting Group = "Clotting"
	Heart    Group = "Heart and inflammation"
	Drugs    Group = "Drug levels"
	Urine    Group = "Urine"
	Other    Group = "Other"
)

var groups = []Group{Kidney, Diabetes, Lipids, Blood, Liver, Thyroid, Iron, Clotting, Heart, Drugs, Urine, Other}

// Groups returns the groups in order. Do not change them.
func Groups() []Group { return groups }

// none marks an open end in the tables.
const none = -1

// Range is what is usual for one person. An open end is NaN.
type Range struct {
	Low, High                 float64
	CriticalLow, CriticalHigh float64
	Source                    string
}

// Text writes the range: "3.5–5.1", "< 5.2", "> 60"; "" when both ends are open.
func (r Range) Text() string { return Span(number(r.Low), number(r.High)) }

// Span writes a range of which the ends are written already; one that is open is "".
func Span(low, high string) string {
	switch {
	case low == "" && high == "":
		return ""
	case low == "":
		return "< " + high
	case high == "":
		return "> " + low
	}
	return low + "–" + high
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// Test is one row: one quantity in one unit.
type Test struct {
	LOINC   string   // the preferred code
	Also    []string // other codes of the same quantity
	Key     string   // names the plain words
	Name    string   // in the words of a clinic: "Potassium"
	Display string   // LOINC's name, for the coding
	UCUM    string
	Unit    string // as printed
	Group   Group
	Source  string
	Concern Concern

	low, high, lowF, highF    float64
	criticalLow, criticalHigh float64
	from                      int // youngest age in years
}

// Concern is a level up to which many doctors are not urgently concerned, for the number
// lines that patients see. It is given only where a guideline draws such a line.
type Concern struct {
	At     float64
	Above  bool // concern begins above At; otherwise below
	Source string
}

// Known reports whether there is such a level.
func (c Concern) Known() bool { return c.Source != "" }

// Find returns the test with a LOINC code, in its first unit.
func Find(loinc string) (Test, bool) {
	at, ok := byCode[loinc]
	if !ok {
		return Test{}, false
	}
	return tests[at[0]], true
}

// FindIn returns the test with a LOINC code in a unit (UCUM or printed).
func FindIn(loinc, unit string) (Test, bool) {
	for _, at := range byCode[loinc] {
		if sameUnit(tests[at].UCUM, unit) || sameUnit(tests[at].Unit, unit) {
			return tests[at], true
		}
	}
	return Test{}, false
}

// Tests returns all rows. Do not change them.
func Tests() []Test { return tests }

// RangeFor returns the range of a test in a unit for a person. age is in years; below 0 it
// is not known, and then adults' ranges are not assumed: ok is false.
func RangeFor(loinc, unit, sex string, age int) (Range, bool) {
	t, ok := FindIn(loinc, unit)
	if !ok {
		return Range{}, false
	}
	return t.For(sex, age)
}

// For returns the range for a person. When the ranges of women and men differ and the sex
// is neither, ok is false: nothing is guessed.
func (t Test) For(sex string, age int) (Range, bool) {
	if age < t.from || age < 0 {
		return childRange(t, age)
	}
	low, high := t.low, t.high
	differs := t.lowF != 0 && t.lowF != t.low || t.highF != 0 && t.highF != t.high
	switch {
	case differs && sex == "female":
		if t.lowF != 0 {
			low = t.lowF
		}
		if t.highF != 0 {
			high = t.highF
		}
	case differs && sex != "male":
		return Range{}, false
	}
	r := Range{open(low), open(high), limit(t.criticalLow), limit(t.criticalHigh), t.Source}
	return r, !math.IsNaN(r.Low) || !math.IsNaN(r.High)
}

// childRange holds the few simple ranges of children: haemoglobin by WHO.
func childRange(t Test, age int) (Range, bool) {
	if t.Key != "haemoglobin" || age < 1 {
		return Range{}, false
	}
	low := 110.0
	switch {
	case age >= 12:
		low = 120
	case age >= 5:
		low = 115
	}
	critical := 70.0
	if t.UCUM == "g/dL" {
		low, critical = low/10, 7
	}
	return Range{low, math.NaN(), critical, math.NaN(), "WHO 2011, haemoglobin concentrations for the diagnosis of anaemia"}, true
}

func open(v float64) float64 {
	if v == none {
		return math.NaN()
	}
	return v
}

func limit(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

// Grade returns the code of HL7 ObservationInterpretation for a value: N, L, H, LL or HH;
// "" when the range is open on both ends. A value on the limit is normal.
func Grade(value float64, r Range) string {
	switch {
	case math.IsNaN(value) || math.IsNaN(r.Low) && math.IsNaN(r.High):
		return ""
	case value <= r.CriticalLow: // false for NaN
		return "LL"
	case value >= r.CriticalHigh:
		return "HH"
	case value < r.Low:
		return "L"
	case value > r.High:
		return "H"
	}
	return "N"
}

// Words are a test in plain words.
type Words struct {
	Name    string // "Average blood sugar, 3 months"
	Meaning string // one or two sentences
}

// Known reports whether there are words.
func (w Words) Known() bool { return w.Name != "" }

// Plain returns a test's plain words in a language (en, es, ar; others read English). It
// is the zero value for tests without words: show the laboratory's own name and say that
// the care team can explain it.
func Plain(loinc, language string) Words {
	t, ok := Find(loinc)
	key := t.Key
	if !ok {
		key = qualitative[loinc]
	}
	p, ok := plain[key]
	if !ok {
		return Words{}
	}
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	switch base {
	case "es":
		return p.es
	case "ar":
		return p.ar
	}
	return p.en
}

// Name returns the clinic's name of a test; "" when it is not in the tables.
func Name(loinc string) string {
	t, _ := Find(loinc)
	return t.Name
}

// GroupOf returns the group in which a test is read; Other when it is not in the tables.
func GroupOf(loinc string) Group {
	if t, ok := Find(loinc); ok {
		return t.Group
	}
	return Other
}

var (
	tests  = prepare(kidneyTests, diabetesTests, lipidTests, bloodTests, liverTests, otherTests)
	byCode = indexCodes(tests)
)

func prepare(tables ...[]Test) []Test {
	var all []Test
	for _, t := range tables {
		for _, row := range t {
			if row.from == 0 {
				row.from = 18
			}
			if row.Unit == "" {
				row.Unit = row.UCUM
			}
			all = append(all, row)
		}
	}
	return all
}

func indexCodes(all []Test) map[string][]int {
	m := map[string][]int{}
	for at, t := range all {
		m[t.LOINC] = append(m[t.LOINC], at)
		for _, c := range t.Also {
			m[c] = append(m[c], at)
		}
	}
	return m
}

// sameUnit compares units, also those that are one size under two names.
func sameUnit(a, b string) bool { return a == b || canonicalUnit(a) == canonicalUnit(b) }

// plainUnit writes signs as letters and digits, and leaves out spaces.
var plainUnit = strings.NewReplacer("µ", "u", "μ", "u", "²", "2", "⁹", "9", "³", "3", "^", "*", " ", "")

// canonicalUnit gives one spelling to units that mean the same number.
func canonicalUnit(u string) string {
	u = strings.ToLower(strings.TrimSpace(plainUnit.Replace(u)))
	switch u {
	case "10*9/l", "109/l", "10*3/ul", "103/ul", "k/ul", "thousand/ul", "x10*9/l":
		return "10*9/l"
	case "10*12/l", "1012/l", "10*6/ul", "106/ul", "m/ul":
		return "10*12/l"
	case "ug/l", "ng/ml":
		return "ug/l"
	case "ng/l", "pg/ml":
		return "ng/l"
	case "mmol/l", "meq/l":
		return "mmol/l"
	case "m[iu]/l", "miu/l", "u[iu]/ml", "uiu/ml", "mu/l", "uu/ml":
		return "miu/l"
	case "ml/min/{1.73_m2}", "ml/min/1.73m2", "ml/min", "ml/min/1.73":
		return "ml/min/1.73m2"
	case "1", "{inr}", "", "inr", "{ratio}":
		return "1"
	case "u/l", "iu/l", "[iu]/l", "units/l":
		return "u/l"
	case "g/dl", "gm/dl":
		return "g/dl"
	case "mg/g", "mg/g{creat}":
		return "mg/g"
	}
	return u
}
