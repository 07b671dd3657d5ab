package fault

import (
	"slices"
	"testing"
)

func TestAPageTellsWhatStoppedTheChangeWithoutPathsAndKeys(t *testing.T) {
	f := New(Invalid, "The content breaks a rule.").With(
		Issue{"error", "invariant", "Put[1].Condition.stage[0]", "Stage shall have summary or assessment (con-1)."},
		Issue{"warning", "invariant", "Patient.text", "A resource should have narrative (dom-6)."},
		Issue{"error", "not-found", "Communication.recipient[0].reference", "Communication.recipient[0].reference refers to Practitioner/x, which is not in the record or not visible to you."},
		Issue{"error", "value", "Patient.name[0].family", "The text is empty."},
		Issue{"error", "value", "Patient.name[0].given[0]", "The text is empty."},
		Issue{"error", "required", "birthDate", "Type the date of birth."},
		Issue{"error", "business-rule", "override.rule|x", "Reason needed."},
	)
	want := []Issue{
		{"error", "invariant", "", "Nothing was saved, because this would break a rule of the record: Stage shall have summary or assessment."},
		{"error", "not-found", "", "Something that this refers to is not in the record, or you may not see it."},
		{"error", "value", "", "The text is empty."},
		{"error", "required", "birthDate", "Type the date of birth."},
		{"error", "business-rule", "override.rule|x", "Reason needed."},
	}
	if got := f.Told(); !slices.Equal(got, want) {
		t.Errorf("told:\n%v\nwant:\n%v", got, want)
	}
}
