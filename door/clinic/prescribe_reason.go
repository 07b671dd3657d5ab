package clinic

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/encounter"
)

// readVisit reads what the visit is about in which the prescription is written.
func (v *prescribeView) readVisit(r *web.Request) (err error) {
	if v.Visit != "" {
		v.About, v.Booked, err = encounter.About(r.Context(), r.Actor, v.Patient, v.Visit)
	}
	return err
}

// reasonFor is the reason that a prescription begins with; usual is that of a ready one, "" of one that is
// written by hand. It is the one diagnosis of the visit, or the one problem of the patient, that means the
// usual reason; by hand it is the visit's only diagnosis. Where the visit has others, none is chosen and all
// are offered. Outside of a visit, and in one without a diagnosis, the usual reason stays in its words.
func (v *prescribeView) reasonFor(usual string) string {
	means := slices.DeleteFunc(slices.Clone(v.About), func(d encounter.Diagnosis) bool {
		return usual != "" && !isReason(usual, d.Text, d.ICD)
	})
	if len(means) == 1 {
		return v.reasonOf(means[0], usual != "")
	}
	if p := v.problemLike(usual); p != "" && len(means) == 0 {
		return p
	}
	if len(v.About) > 0 {
		return ""
	}
	return usual
}

// reasonOf is a diagnosis of the visit as the value of the field: the patient's problem in a list, and
// words otherwise.
func (v *prescribeView) reasonOf(d encounter.Diagnosis, list bool) string {
	ref := "Condition/" + d.Condition
	if list && slices.ContainsFunc(v.Facts.Problems, func(p rx.Problem) bool { return p.ID == ref }) {
		return ref
	}
	return d.Text
}

// problemLike is the patient's problem that means the usual reason; "" when none does, or several and none
// in its very words.
func (v *prescribeView) problemLike(usual string) string {
	if usual == "" {
		return ""
	}
	var found []string
	for _, p := range v.Facts.Problems {
		if strings.EqualFold(p.Text, usual) {
			return p.ID
		}
		if isReason(usual, p.Text, p.Codes...) {
			found = append(found, p.ID)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

// isReason reports whether a diagnosis means the usual reason of a medicine, by its words or by its code.
func isReason(usual, text string, codes ...string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(usual)) ||
		slices.ContainsFunc(problem.Search(usual, 3), func(p problem.Problem) bool { return slices.Contains(codes, p.ICD) })
}

// reasonOptions are what the prescription may be for: the visit's diagnoses first and what it was booked
// for, the usual reason of a ready one, the patient's problems.
func (v prescribeView) reasonOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: ui.T(ctx, "no reason given")}}
	add := func(value, label string) {
		if label != "" && !slices.ContainsFunc(out, func(o ui.Option) bool { return o.Value == value || strings.EqualFold(o.Label, label) }) {
			out = append(out, ui.Option{Value: value, Label: label})
		}
	}
	for _, d := range v.About {
		add(v.reasonOf(d, true), d.Text)
	}
	if !strings.HasPrefix(v.Form.For, "Condition/") {
		add(v.Form.For, v.Form.For)
	}
	if s, ok := drug.SentenceByID(v.Form.Sentence); ok {
		add(s.For, s.For)
	}
	add(v.Booked, v.Booked)
	for _, p := range v.Facts.Problems {
		add(p.ID, p.Text)
	}
	return out
}

// reasonHint says that the reason is the visit's, or that a person has to say which one it is.
func reasonHint(ctx context.Context, v prescribeView) string {
	switch {
	case slices.ContainsFunc(v.About, func(d encounter.Diagnosis) bool {
		return v.Form.For != "" && (v.Form.For == d.Text || v.Form.For == v.reasonOf(d, true))
	}):
		return ui.T(ctx, "Of this visit. Change it if it is for something else.")
	case v.Form.For != "" || len(v.About) == 0:
		return ""
	case len(v.About) > 1:
		return ui.T(ctx, "The visit has %d diagnoses: choose which one it is for.", len(v.About))
	}
	s, ok := drug.SentenceByID(v.Form.Sentence)
	if !ok {
		return ""
	}
	return ui.T(ctx, "Usually for %s, and the visit is about something else: choose.", s.For)
}
