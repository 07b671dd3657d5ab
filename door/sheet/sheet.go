// Package sheet draws pages that stand on their own on paper: the emergency sheet, which
// the clinic and the patient print alike.
package sheet

import (
	"context"
	"io"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/emergency"
	"github.com/osler-emr/osler/practice/medication"
)

// Frame is what the page knows beside the record.
type Frame struct {
	Back     string // where the page leads back to
	Clinic   string
	By, Role string // who prints
}

// Page is the emergency sheet as a full page. Whoever treats reads it, so that dates are in
// the short form of the clinic, in every language and also when the patient prints.
func Page(s emergency.Sheet, f Frame) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		r := ui.From(ctx)
		r.Patient = false
		ctx = ui.With(templ.WithChildren(ctx, body(s, f)), r)
		return ui.SheetPage(ui.Page{Title: ui.T(ctx, "Emergency sheet")}, f.Back).Render(ctx, w)
	})
}

func name(p chart.Patient) ui.Name {
	return ui.Name{Family: p.Family, Given: p.Given, Title: p.Title, Preferred: p.Preferred}
}

// flagWord is a flag as paper needs it: in words.
func flagWord(ctx context.Context, v emergency.Value) string {
	return ui.Amount{Flag: v.Flag}.Word(ctx)
}

func stated(ctx context.Context, status string) string {
	switch status {
	case "stopped":
		return ui.T(ctx, "patient says stopped")
	case "not-taken":
		return ui.T(ctx, "patient says never started")
	case "unknown", "":
		return ui.T(ctx, "not known whether still taken")
	}
	return ""
}

// listed marks what another clinic lists as the patient's word is marked, in words that are not the patient's.
func listed(ctx context.Context, m medication.Medicine) string {
	if m.NotTaken() {
		return ui.T(ctx, "listed as stopped")
	}
	return stated(ctx, m.Status)
}
