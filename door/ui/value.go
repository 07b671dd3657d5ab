package ui

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/osler-emr/osler/base/lang"
)

// valueDir is the direction inside a date's isolate: digits with Latin month letters run
// left to right, a long date in the direction of its language.
func valueDir(ctx context.Context) string {
	r := From(ctx)
	if r.Patient {
		return r.Lang.Direction()
	}
	return "ltr"
}

func monthText(ctx context.Context, m time.Month, year int) string {
	l := From(ctx).Lang
	return l.T("%s %s", l.Month(m), strconv.Itoa(year))
}

func weekdayText(ctx context.Context, t time.Time) string {
	r := From(ctx)
	t = t.In(r.Zone)
	day := r.Lang.Weekday(t.Weekday())
	if !r.Patient {
		day = t.Weekday().String()[:3]
	}
	return day + " " + r.Lang.Date(t.Format("2006-01-02"), r.style(), r.Zone)
}

// Name is a person's name in parts.
type Name struct {
	Family, Given, Title string
	Preferred            string // "goes by"; "" when it is the given name
}

// Formal is FAMILY, Given (CUI PAB-0022).
func (n Name) Formal() string {
	switch {
	case n.Family == "" && n.Given == "":
		return "Name not recorded"
	case n.Family == "":
		return n.Given
	case n.Given == "":
		return strings.ToUpper(n.Family)
	}
	return strings.ToUpper(n.Family) + ", " + n.Given
}

// Spoken is Given Family, for patients and for staff.
func (n Name) Spoken() string { return strings.TrimSpace(n.Given + " " + n.Family) }

// Initials are the state "no photo" of a face.
func (n Name) Initials() string {
	var b strings.Builder
	for _, s := range []string{n.Given, n.Family} {
		for _, c := range s {
			b.WriteRune(unicode.ToUpper(c))
			break
		}
	}
	return b.String()
}

// groupNumber separates a number of 10 digits as 3 3 4 and others in threes; anything that
// is not all digits stays as it is.
func groupNumber(s string) string {
	for _, c := range s {
		if c < '0' || c > '9' {
			return s
		}
	}
	if len(s) < 7 {
		return s
	}
	var parts []string
	for len(s) > 4 {
		parts, s = append(parts, s[:3]), s[3:]
	}
	return strings.Join(append(parts, s), " ")
}

// Amount is a measured value. Value is the decimal literal as it was measured; Unit is the
// printed unit; Flag is a code of HL7 ObservationInterpretation (N, H, HH, L, LL, A, AA) or "".
type Amount struct{ Value, Comparator, Unit, Flag string }

// Text is the value with its unit: 1,000 mg. There is a space before the unit, also before
// the per cent sign.
func (a Amount) Text() string {
	if u := a.unit(); u != "" {
		return a.number() + " " + u
	}
	return a.number()
}

// number is the value without its unit.
func (a Amount) number() string {
	if a.Comparator != "" {
		return a.Comparator + " " + lang.Number(a.Value)
	}
	return lang.Number(a.Value)
}

func (a Amount) unit() string {
	if a.Unit == "1" {
		return ""
	}
	return UnitText(a.Unit)
}

// Abnormal reports whether the flag asks for attention.
func (a Amount) Abnormal() bool { return a.Flag != "" && a.Flag != "N" }

// Word is the flag in words: high, low, very high, very low, not normal.
func (a Amount) Word(ctx context.Context) string {
	switch a.Flag {
	case "H":
		return T(ctx, "high")
	case "HH":
		return T(ctx, "very high")
	case "L":
		return T(ctx, "low")
	case "LL":
		return T(ctx, "very low")
	case "", "N":
		return ""
	}
	return T(ctx, "not normal")
}

func (a Amount) icon() string {
	switch a.Flag {
	case "H", "HH":
		return "up"
	case "L", "LL":
		return "down"
	}
	return "warn"
}

// UnitText turns a UCUM code into the unit that is printed; other text stays.
func UnitText(unit string) string {
	switch unit {
	case "mm[Hg]":
		return "mmHg"
	case "Cel":
		return "°C"
	case "[degF]":
		return "°F"
	case "kg/m2":
		return "kg/m²"
	case "mL/min/{1.73_m2}", "mL/min/1.73.m2":
		return "mL/min/1.73 m²"
	case "[lb_av]":
		return "lb"
	case "[in_i]":
		return "in"
	case "{score}", "{#}":
		return ""
	}
	return unit
}

func pressureText(systolic, diastolic string) string {
	if systolic == "" && diastolic == "" {
		return ""
	}
	for _, p := range []*string{&systolic, &diastolic} {
		if *p == "" {
			*p = "?"
		}
	}
	return systolic + "/" + diastolic
}

// Bounds is a reference range. Words is used when there are no limits.
type Bounds struct{ Low, High, Unit, Words string }

// Text is the range in one line: 3.5–5.1 mmol/L.
func (b Bounds) Text() string {
	unit := ""
	if b.Unit != "" && b.Unit != "1" {
		unit = " " + UnitText(b.Unit)
	}
	low, high := lang.Number(b.Low), lang.Number(b.High)
	switch {
	case b.Low != "" && b.High != "":
		return low + "–" + high + unit
	case b.Low != "":
		return "≥ " + low + unit
	case b.High != "":
		return "≤ " + high + unit
	}
	return b.Words
}

func moneyText(amount, currency string) string {
	s := lang.Number(amount)
	if currency != "" {
		s += " " + currency
	}
	return s
}

func countText(n int) string { return lang.Number(strconv.Itoa(n)) }

func diedText(ctx context.Context, born, died string) string {
	s := DateText(ctx, died)
	r := From(ctx)
	if p, ok := lang.ParsePartial(died); ok && p.Day != 0 {
		if a := r.Lang.Age(born, time.Date(p.Year, time.Month(p.Month), p.Day, 0, 0, 0, 0, time.UTC)); a != "" {
			s += " (" + a + ")"
		}
	}
	return s
}

// bytesText is a size as people read it: two digits are enough to know whether it will load.
func bytesText(ctx context.Context, n int64) string {
	number := func(unit float64) string {
		x := float64(n) / unit
		if x < 9.95 {
			return lang.Number(strconv.FormatFloat(x, 'f', 1, 64))
		}
		return lang.Number(strconv.FormatFloat(x, 'f', 0, 64))
	}
	switch {
	case n >= 1e9:
		return T(ctx, "%s GB", number(1e9))
	case n >= 999_500:
		return T(ctx, "%s MB", number(1e6))
	}
	return T(ctx, "%s kB", number(1e3))
}
