package clinic

import (
	"context"
	"strconv"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
)

// when is a component that is there on a condition only.
func when(is bool, c templ.Component) templ.Component {
	if is {
		return c
	}
	return nil
}

// withSide is the frame with the visit's column beside it.
func (v chartView) withSide() chartFrame {
	f := v.Frame
	f.Side = visitSide(v)
	return f
}

// takenWords says when the newest vital signs were taken, and by whom when that is known.
func takenWords(ctx context.Context, at, by string) string {
	switch {
	case at == "":
		return ""
	case by == "":
		return ui.DateTimeText(ctx, at)
	}
	return ui.DateTimeText(ctx, at) + ", " + by
}

// year is the year of a FHIR date; what is no date ("at 34 years", "in childhood") stays as it is.
func year(date string) string {
	if p, ok := lang.ParsePartial(date); ok {
		return strconv.Itoa(p.Year)
	}
	return date
}
