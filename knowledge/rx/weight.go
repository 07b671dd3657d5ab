package rx

// Doses of children go by weight, and children grow: a weight counts for a while only.

// childUntil is the age up to which the forms and strengths of adults do not fit.
const childUntil = 12

// weightLasts is for how many months a weight counts, below an age in years. The intervals are
// those at which well children are weighed at least (Bright Futures, periodicity schedule).
var weightLasts = []struct{ below, months int }{{2, 3}, {childUntil, 6}}

// weightLastsLater is for how many months it counts from then on.
const weightLastsLater = 12

// Minor reports whether the patient is under the age from which the usual adult maximum applies:
// the dose is worked out by weight, and no check does it.
func (f *Facts) Minor() bool {
	age, known := f.Age()
	return known && age < adultFrom
}

// Small reports whether the patient is a child for whom forms and strengths of adults are not
// offered first.
func (f *Facts) Small() bool {
	age, known := f.Age()
	return known && age < childUntil
}

// WeightOld reports whether the recorded weight was taken longer ago than makes sense for the
// patient's age, or nobody knows when.
func (f *Facts) WeightOld() bool {
	if !f.Weight.Known {
		return false
	}
	months := weightLastsLater
	if age, known := f.Age(); known {
		for _, r := range weightLasts {
			if age < r.below {
				months = r.months
				break
			}
		}
	}
	return f.Weight.Date.IsZero() || f.Weight.Date.AddDate(0, months, 0).Before(f.Date)
}
