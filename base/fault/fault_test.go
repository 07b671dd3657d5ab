package fault

import (
	"errors"
	"slices"
	"testing"
)

func TestAPageTellsWhatStoppedTheChangeWithoutPathsAndKeys(t *testing.T) {
	f := New(Invalid, "The content breaks a rule.").With(
		Issue{Severity: "error", Type: "invariant", Expression: "Put[1].Condition.stage[0]", Text: "Stage shall have summary or assessment (con-1)."},
		Issue{Severity: "warning", Type: "invariant", Expression: "Patient.text", Text: "A resource should have narrative (dom-6)."},
		Issue{Severity: "error", Type: "not-found", Expression: "Communication.recipient[0].reference", Text: "Communication.recipient[0].reference refers to Practitioner/x, which is not in the record or not visible to you."},
		Issue{Severity: "error", Type: "value", Expression: "Patient.name[0].family", Text: "The text is empty."},
		Issue{Severity: "error", Type: "value", Expression: "Patient.name[0].given[0]", Text: "The text is empty."},
		Issue{Severity: "error", Type: "required", Expression: "birthDate", Text: "Type the date of birth."},
		Issue{Severity: "error", Type: "business-rule", Expression: "override.rule|x", Text: "Reason needed."},
	)
	want := []Issue{
		{Severity: "error", Type: "invariant", Expression: "", Text: "Nothing was saved, because this would break a rule of the record: Stage shall have summary or assessment."},
		{Severity: "error", Type: "not-found", Expression: "", Text: "Something that this refers to is not in the record, or you may not see it."},
		{Severity: "error", Type: "value", Expression: "", Text: "The text is empty."},
		{Severity: "error", Type: "required", Expression: "birthDate", Text: "Type the date of birth."},
		{Severity: "error", Type: "business-rule", Expression: "override.rule|x", Text: "Reason needed."},
	}
	if got := f.Told(); !slices.Equal(got, want) {
		t.Errorf("told:\n%v\nwant:\n%v", got, want)
	}
}

// TestAnErrorIsASentence: what is printed or logged of a fault has no word in front that only programmers know.
func TestAnErrorIsASentence(t *testing.T) {
	for want, err := range map[string]error{
		"There is no record.":                              New(NotFound, "There is no record."),
		"The file cannot be read: There is no file.":       Wrap(New(NotFound, "There is no file."), Invalid, "The file cannot be read."),
		"The folder cannot be used: it is on another disk": Wrap(errors.New("it is on another disk"), Unavailable, "The folder cannot be used."),
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for s, want := range map[string]string{"": "", "short": "short", "exactly10!": "exactly10!", "exactly ten and more": "exactly te…", "éééééééééééé": "éééééééééé…", "a\xffb": "a\uFFFDb", "123456789\xff0": "123456789\uFFFD…"} {
		if got := Clip(s, 10); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}
