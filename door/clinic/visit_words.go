package clinic

import (
	"context"
	"encoding/json"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
)

// vals is the hx-vals attribute of names and values.
func vals(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	body, err := json.Marshal(m)
	if err != nil {
		return "{}"
	}
	return string(body)
}

// inserting makes a button put a text into a field before it does its work.
func inserting(field, text string) templ.Attributes {
	if field == "" {
		return nil
	}
	return templ.Attributes{"data-insert": field, "data-text": text}
}

// pullAttribute marks an option that links chart data.
func pullAttribute(key string) templ.Attributes {
	if key == "" {
		return nil
	}
	return templ.Attributes{"data-pull": key}
}

// oob makes a part of an htmx answer go into its own place.
func oob(again bool) templ.Attributes {
	if !again {
		return nil
	}
	return templ.Attributes{"hx-swap-oob": "true"}
}

func copiesWords(ctx context.Context, n int) string {
	if n == 1 {
		return ui.T(ctx, "1 copied part not looked at")
	}
	return ui.T(ctx, "%d copied parts not looked at", n)
}

// signWords says exactly what the button signs.
func signWords(ctx context.Context, v visitView) string {
	if !v.InProgress() {
		return ui.T(ctx, "Sign as an addendum")
	}
	switch n := v.Ready(); n {
	case 0:
		return ui.T(ctx, "Sign note")
	case 1:
		return ui.T(ctx, "Sign note, 1 charge")
	default:
		return ui.T(ctx, "Sign note, %d charges", n)
	}
}

// CanCopy reports whether an earlier note has text for a field that is not copied yet.
func (v visitView) CanCopy(field string) bool {
	if len(v.CopiesOf(field)) > 0 {
		return false
	}
	code := map[string]string{encounter.FieldSubjective: chart.Subjective, encounter.FieldObjective: chart.Objective}[field]
	for _, n := range v.Chart.Notes {
		if s, ok := n.Part(code); ok && s.Text != "" && n.Encounter != v.ID && n.Status != "entered-in-error" {
			return true
		}
	}
	return false
}

// noteKey leads to the note by one key: to its first field that every note has.
func noteKey(field string) templ.Attributes {
	if field != encounter.FieldPlan {
		return nil
	}
	return templ.Attributes{"data-key": "n"}
}
