package vital

import "time"

// Unusual reports whether a value is one that a person of this age, in months, hardly has: it
// is asked about, never refused. For an age that is not known (below 0) it is the definition's
// DoubtLow and DoubtHigh; children have limits of their own for weight and height, rounded
// outward from three standard deviations of the WHO growth standards.
func Unusual(m Measure, value float64, months int) bool {
	d := Of(m)
	low, high := d.DoubtLow, d.DoubtHigh
	years := float64(months) / 12
	switch {
	case months < 0:
	case m == Weight && years < 1:
		high = 15
	case m == Weight && months < adult:
		low, high = 5+1.2*years, min(high, 20+6*years)
	case m == Weight:
		low = 30
	case m == Height && years < 1:
		high = 90
	case m == Height && months < adult:
		low, high = 60+5*years, min(high, 88+8*years)
	case m == Height:
		low = 120
	}
	return value < low || value > high
}

// Leap reports whether a value is farther from an earlier one than a body changes in the time
// between, in either order: a slip of the hand, another patient's value, or a unit. months is
// the age at the newer value; below 0 it is not known, and taken as an adult's. Only what
// changes slowly is compared: weight, height, and the head's circumference.
func Leap(m Measure, value, earlier float64, between time.Duration, months int) bool {
	if earlier <= 0 {
		return false
	}
	passed := max(0, between.Hours()/24/30.4) // months
	child := months >= 0 && months < adult
	var less, more float64 // what is believed
	switch m {
	case Weight:
		less, more = earlier*0.15, earlier*0.15 // of an adult, within weeks
		if child {
			more = earlier*0.15 + growth(months, 0.8, 0.4)*passed
		} else {
			less, more = less+earlier*0.05*passed, more+earlier*0.05*passed
		}
		less, more = max(less, 0.3), max(more, 0.3)
		less = min(less, earlier*0.4)
	case Height:
		less, more = 3+passed/24, 3
		if child {
			less, more = 3, 4+growth(months, 3, 1.2)*passed
		}
	case Head:
		less, more = 1.5, 2
		if child {
			more = 2 + growth(months, 2, 0.3)*passed
		}
	default:
		return false
	}
	return value < earlier-less || value > earlier+more
}

// growth chooses what is believed in a month: of an infant, or of an older child.
func growth(months int, infant, child float64) float64 {
	if months < 24 {
		return infant
	}
	return child
}
