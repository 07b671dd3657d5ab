package clinic

import (
	"context"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/knowledge/vital"
)

// vitalForm is one row of fields: Tab moves on, Enter saves, units are implied.
type vitalForm struct {
	Patient, Encounter string
	Back               string
	Key                string
	Typed              map[vital.Measure]string
	Faults             ui.Faults
	Doubt              bool // only unusual values stand in the way: saving again confirms them
}

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
