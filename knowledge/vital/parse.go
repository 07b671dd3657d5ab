package vital

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/lang"
)

// Value is what a person typed, in the unit of the definition.
type Value struct {
	Literal string  // decimal, for the record: "91.2"
	Float   float64 // the same, for comparing
}

// ErrUnreadable is the cause of every error of Parse and ParsePressure that is about
// writing, not about size.
var ErrUnreadable = errors.New("this is not a number that can be read")

// Doubt is a value that a person can have but hardly has: the page asks once.
type Doubt struct{ Said lang.Text }

// Error implements error.
func (d Doubt) Error() string { return strings.TrimSuffix(d.Said.String(), ".") }

// Impossible is a value that nobody can have, or a unit in which it is not measured.
type Impossible struct{ Said lang.Text }

// Error implements error.
func (i Impossible) Error() string { return strings.TrimSuffix(i.Said.String(), ".") }

var typed = regexp.MustCompile(`^(\d{1,4}(?:[.,]\d{1,3})?)\s*([\p{L}°/%²\[\]_]*)$`)
var feet = regexp.MustCompile(`^(\d)\s*(?:'|ft|feet)\s*(?:(\d{1,2}(?:\.\d)?)\s*(?:"|in|''|inches)?)?$`)

// Parse reads one value as it is typed in a clinic: "91.4", "91,4", "201 lb", "98.6 F",
// "5 ft 11", in the digits of any keyboard (lang.Digits). Without a unit the value is in the unit of the definition. A value outside of
// what a person can have is an error; an unusual one is a Doubt, and the value is returned
// with it.
func Parse(m Measure, text string) (Value, error) {
	d := Of(m)
	if d.Code == "" || m == BloodPressure {
		return Value{}, fmt.Errorf("vital: no single value for %q", m)
	}
	f, converted, err := read(m, strings.TrimSpace(lang.Digits(text)))
	if err != nil {
		return Value{}, err
	}
	literal := strconv.FormatFloat(f, 'f', -1, 64)
	if converted || decimals(literal) > d.Places {
		literal = strconv.FormatFloat(f, 'f', d.Places, 64)
	}
	if f, err = strconv.ParseFloat(literal, 64); err != nil {
		return Value{}, ErrUnreadable
	}
	if m == Temperature && !converted && f > 80 && f < 115 {
		return Value{}, Impossible{lang.Say("Temperature of %s °C cannot be right. If it is in Fahrenheit, write %s F.", literal, literal)}
	}
	if f < d.Low || f > d.High {
		return Value{}, Impossible{lang.Say("%s of %s %s cannot be right: it must lie between %s and %s %s. Correct it.",
			lang.Say(d.Name), literal, Print(d.Unit), plain(d.Low), plain(d.High), Print(d.Unit))}
	}
	v := Value{literal, f}
	if f < d.DoubtLow || f > d.DoubtHigh {
		return v, Doubt{lang.Say("%s of %s %s is unusual.", lang.Say(d.Name), literal, Print(d.Unit))}
	}
	return v, nil
}

func plain(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// read returns the number in the unit of the definition and whether it was converted.
func read(m Measure, text string) (f float64, converted bool, err error) {
	if p := feet.FindStringSubmatch(strings.ToLower(text)); p != nil && m == Height {
		ft, _ := strconv.ParseFloat(p[1], 64)
		in, _ := strconv.ParseFloat("0"+p[2], 64)
		return (ft*12 + in) * 2.54, true, nil
	}
	p := typed.FindStringSubmatch(text)
	if p == nil {
		return 0, false, ErrUnreadable
	}
	f, err = strconv.ParseFloat(strings.Replace(p[1], ",", ".", 1), 64)
	if err != nil {
		return 0, false, ErrUnreadable
	}
	unit := strings.ToLower(strings.TrimPrefix(p[2], "°"))
	switch {
	case unit == "" || unit == strings.ToLower(Print(Of(m).Unit)) || unit == strings.ToLower(Of(m).Unit) || m == Temperature && unit == "c":
		return f, false, nil
	case (m == Pulse || m == Respiration) && (unit == "bpm" || unit == "/min"):
		return f, false, nil
	case m == Weight && (unit == "lb" || unit == "lbs"):
		return f * 0.45359237, true, nil
	case m == Weight && unit == "g":
		return f / 1000, true, nil
	case m == Temperature && unit == "f":
		return (f - 32) / 1.8, true, nil
	case (m == Height || m == Head) && (unit == "in" || unit == "inches"):
		return f * 2.54, true, nil
	case m == Height && unit == "m":
		return f * 100, true, nil
	}
	return 0, false, Impossible{lang.Say("%s cannot be measured in “%s”. Leave the unit out: it is %s.", lang.Say(Of(m).Name), p[2], Print(Of(m).Unit))}
}

var pressure = regexp.MustCompile(`^(\d{2,3})\s*[/\s-]\s*(\d{2,3})$`)

// ParsePressure reads "148/92" or "148 92". Errors are those of Parse.
func ParsePressure(text string) (systolic, diastolic Value, err error) {
	p := pressure.FindStringSubmatch(strings.TrimSpace(lang.Digits(text)))
	if p == nil {
		return systolic, diastolic, fmt.Errorf("%w: write the pressure as 120/80", ErrUnreadable)
	}
	var doubt error
	for i, m := range []Measure{Systolic, Diastolic} {
		v, err := Parse(m, p[i+1])
		var d Doubt
		if errors.As(err, &d) {
			doubt = err
		} else if err != nil {
			return systolic, diastolic, err
		}
		if m == Systolic {
			systolic = v
		} else {
			diastolic = v
		}
	}
	if diastolic.Float >= systolic.Float {
		//lint:ignore ST1005 it is shown to a person as it is
		return systolic, diastolic, errors.New("The lower pressure must be below the upper one. Write the pressure as 120/80")
	}
	return systolic, diastolic, doubt
}

// Print is the unit as it is printed.
func Print(unit string) string {
	switch unit {
	case "mm[Hg]":
		return "mmHg"
	case "Cel":
		return "°C"
	case "kg/m2":
		return "kg/m²"
	}
	return unit
}

// Literal rounds a computed value to the places of its definition.
func Literal(m Measure, f float64) string {
	p := math.Pow10(Of(m).Places)
	return strconv.FormatFloat(math.Round(f*p)/p, 'f', Of(m).Places, 64)
}

func decimals(literal string) int {
	_, fraction, _ := strings.Cut(literal, ".")
	return len(fraction)
}
