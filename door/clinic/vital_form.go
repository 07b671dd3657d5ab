package clinic

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/knowledge/vital"
)

// vitalForm is one row of fields: Tab moves on, Enter saves, units are implied.
type vitalForm struct {
	Patient, Encounter string
	Back               string
	Key                string
	Typed              map[vital.Measure]string
	Sure               map[vital.Measure]string // unusual texts that the person says are right
	Doubtful           []vital.Measure          // unusual values that are asked about
	Faults             ui.Faults
}

// Asks reports whether a field has the tick that its value is right.
func (f vitalForm) Asks(m vital.Measure) bool { return slices.Contains(f.Doubtful, m) || f.Ticked(m) }

// Ticked reports whether the person says that what is in the field is right.
func (f vitalForm) Ticked(m vital.Measure) bool { return f.Typed[m] != "" && f.Sure[m] == f.Typed[m] }

// vitalFields are the fields of the row in order. A head circumference is asked of small
// children only.
func vitalFields(child bool) []vital.Measure {
	list := []vital.Measure{vital.BloodPressure, vital.Pulse, vital.Temperature, vital.Oxygen, vital.Weight, vital.Height, vital.Respiration}
	if child {
		list = append(list, vital.Head)
	}
	return list
}

// vitalLabel is the name and unit of a field.
func vitalLabel(ctx context.Context, m vital.Measure) (name, unit string) {
	d := vital.Of(m)
	return ui.T(ctx, d.Name), vital.Print(d.Unit)
}

func vitalHint(m vital.Measure) string {
	if m == vital.BloodPressure {
		return "120/80"
	}
	return ""
}
