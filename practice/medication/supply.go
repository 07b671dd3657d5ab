package medication

import (
	"math"

	"github.com/osler-emr/osler/knowledge/drug"
)

// hair is what sums of fractions may be off.
const hair = 1e-9

// Need is how much to supply: what the course takes, or, of what goes on, what as many days take
// as Supply says. It is not known when the supply is counted in something else than the dose
// (puffs in an inhaler), and for what is taken as needed without an end.
func (d Draft) Need() (quantity float64, ok bool) {
	days := d.Days
	if days == 0 && !d.AsNeeded {
		days = d.Supply
	}
	switch {
	case !(d.Dose > 0) || d.QuantityOf != d.Unit:
		return 0, false
	case d.Frequency > 0 && d.PeriodUnit == "": // once
		return math.Ceil(d.Dose*float64(d.Frequency) - hair), true
	}
	perDay := drug.PerDay(d.Frequency, d.Period, d.PeriodUnit)
	if perDay <= 0 || days <= 0 || days > maxDays {
		return 0, false
	}
	return math.Ceil(d.Dose*perDay*float64(days) - hair), true
}

// Lasts is how many days the quantity lasts; of what is taken as needed, when it is taken as often
// as it may be.
func (d Draft) Lasts() (days int, ok bool) {
	perDay := drug.PerDay(d.Frequency, d.Period, d.PeriodUnit)
	if !(d.Dose > 0) || perDay <= 0 || d.QuantityOf != d.Unit || !(d.Quantity > 0) || d.Quantity > maxQuantity {
		return 0, false
	}
	return int(math.Min(d.Quantity/(d.Dose*perDay)+hair, 1e6)), true
}

// Misfit reports that the quantity is not what the course takes, and how many days it lasts.
func (d Draft) Misfit() (lasts int, misfit bool) {
	lasts, ok := d.Lasts()
	need, known := d.Need()
	return lasts, ok && known && d.Days > 0 && lasts != d.Days && d.Quantity != need
}
