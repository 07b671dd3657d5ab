// Package ui holds what every page of Osler is made of: the page shells, the patient
// banner, panels, tables, forms and dialogs, and one typed renderer for each clinical value.
//
// Templates of the doors print clinical values only through these renderers, never bare:
// a renderer knows precision, unit, flag word and format, and puts the value into a bidi
// isolate (<bdi>), without which a reference range reads backwards in an Arabic page.
//
//	@ui.Quantity(ui.Amount{Value: "5.3", Unit: "mmol/L", Flag: "H"})   5.3 mmol/L ▲ (high)
//	@ui.Date("1968-03-14")                                            14-Mar-1968
//	@ui.MedicationLine(ui.Medicine{Generic: "metformin", Strength: "500 mg", Form: "tablet"})
//
// Who reads (language, zone, staff or patient) travels in the context as a Reader, which
// door/web sets; templates reach it with ui.T(ctx, "Save").
package ui

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
)

// Reader is the person for whom a page is drawn.
type Reader struct {
	Lang    lang.Language
	Zone    *time.Location
	Now     time.Time
	Patient bool // patients read dates and flags in their own words
	// Home is the first page of the reader's web, and Base what stands in its place while the
	// reader acts for somebody else: "/portal" and "/portal/for/7". See At.
	Home, Base string
}

// At returns where a page of the reader's web is: under Base instead of Home while the reader
// acts for somebody. Other addresses stay as they are.
func (r Reader) At(path string) string {
	if r.Base == "" || r.Home == "" || strings.HasPrefix(path, r.Base) {
		return path
	}
	if rest, ok := strings.CutPrefix(path, r.Home); ok && (rest == "" || strings.ContainsAny(rest[:1], "/?#")) {
		return r.Base + rest
	}
	return path
}

type readerKey struct{}

// With returns a context that carries the reader.
func With(ctx context.Context, r Reader) context.Context {
	return context.WithValue(ctx, readerKey{}, r)
}

// From returns the reader of a context; without one, a member of staff reading English in
// UTC.
func From(ctx context.Context) Reader {
	r, _ := ctx.Value(readerKey{}).(Reader)
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	return r
}

// T returns a text in the reader's language.
func T(ctx context.Context, english string, args ...any) string {
	return From(ctx).Lang.T(english, args...)
}

// Known returns a word of a record in the reader's language, when the catalogue has it: the name of a test that
// is one of ours. Others stay as they were written.
func Known(ctx context.Context, text string) string {
	if l := From(ctx).Lang; l.Has(text) {
		return l.T(text)
	}
	return text
}

// Say returns a text with its parts in the reader's language, or all of it in English. A page shows it
// with Said, which isolates what is put into it.
func Say(ctx context.Context, t lang.Text) string { return From(ctx).Lang.Say(t) }

func (r Reader) style() lang.Style {
	if r.Patient {
		return lang.Long
	}
	return lang.Short
}

// DateText is Date as plain text, for labels and attributes.
func DateText(ctx context.Context, value string) string {
	r := From(ctx)
	if value == "" {
		return r.Lang.T("Not recorded")
	}
	return r.Lang.Date(value, r.style(), r.Zone)
}

// SourceText says whose document a fact is from: "from Kirkstall Heart Clinic, 09-Nov-2026".
func SourceText(ctx context.Context, from string) string {
	if i := strings.LastIndex(from, ", "); i > 0 && len(from)-i-2 == len("2006-01-02") {
		return T(ctx, "from %s, %s", from[:i], DateText(ctx, from[i+2:]))
	}
	return T(ctx, "from %s", from)
}

// DateTimeText is DateTime as plain text.
func DateTimeText(ctx context.Context, value string) string {
	r := From(ctx)
	if value == "" {
		return r.Lang.T("Not recorded")
	}
	return r.Lang.DateTime(value, r.style(), r.Zone)
}

// lastDay is the day with which something ends that holds to a midnight where the reader is.
func lastDay(ctx context.Context, t time.Time) (day string, ok bool) {
	t = t.In(From(ctx).Zone)
	if t.IsZero() || t.Hour() != 0 || t.Minute() != 0 || t.Second() != 0 {
		return "", false
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly), true
}

// AgeText is the age today of someone born on a FHIR date; "" when it is not known.
func AgeText(ctx context.Context, born string) string {
	r := From(ctx)
	return r.Lang.Age(born, r.Now.In(r.Zone))
}

// SinceText is how long ago an instant was: "48 min".
func SinceText(ctx context.Context, t time.Time) string {
	r := From(ctx)
	return r.Lang.Since(r.Now.Sub(t))
}
