package fault

import (
	"errors"
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
