package clinic

import (
	"context"
	"strconv"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
)

// registered turns a person of the register into the patient of a page.
func registered(p patient.Person) chart.Patient {
	return chart.Patient{ID: p.ID, Family: p.Family, Given: p.Given, Title: p.Prefix, Preferred: p.Preferred, Born: p.BirthDate,
		Deceased: p.Died != "", Sex: p.Sex, RecordNumber: p.RecordNumber, Phone: p.ToCall(), Reach: p.Reach}
}

// translated returns options with labels in the reader's language.
func translated(ctx context.Context, options []ui.Option) []ui.Option {
	out := make([]ui.Option, len(options))
	for i, o := range options {
		out[i] = ui.Option{Value: o.Value, Label: ui.T(ctx, o.Label)}
	}
	return out
}

// languageOptions are the languages that a patient may prefer; the portal speaks the first three.
func languageOptions(ctx context.Context) []ui.Option {
	return append([]ui.Option{{Value: "", Label: ui.T(ctx, "Not recorded")}},
		ui.Option{Value: "en", Label: "English"}, ui.Option{Value: "es", Label: "Español"}, ui.Option{Value: "ar", Label: "العربية"},
		ui.Option{Value: "fr", Label: "Français"}, ui.Option{Value: "vi", Label: "Tiếng Việt"}, ui.Option{Value: "zh", Label: "中文"},
		ui.Option{Value: "pt", Label: "Português"}, ui.Option{Value: "so", Label: "Soomaali"})
}

func parseVersion(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
