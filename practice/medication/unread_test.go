package medication

import (
	"slices"
	"testing"

	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/trust"
)

// TestWhatScopesLeaveOutIsNotChecked: a program with narrow scopes learns nothing of what they leave out by a check,
// which says that it was not made. One that may read all is told of what labels hide, as a person is.
func TestWhatScopesLeaveOutIsNotChecked(t *testing.T) {
	c := open(t)
	potassium := Draft{Patient: "maria", Text: "potassium chloride 10 mEq tablet"}
	check := func(d Draft, role trust.Role, scopes ...string) rx.Findings {
		t.Helper()
		found, err := Preview(t.Context(), c.as(trust.Principal{ID: "acc-chidi", Role: role, Purpose: trust.Treatment, Client: "app", Launch: "maria", Scopes: scopes}), d)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	of := func(f rx.Findings, check string) rx.Outcome {
		i := slices.IndexFunc(f.Runs, func(r rx.Run) bool { return r.Check == check })
		return f.Runs[i].Outcome
	}
	unseen := func(f rx.Findings) bool {
		return slices.ContainsFunc(f.Findings, func(x rx.Finding) bool { return x.Rule == rx.RuleUnseen })
	}
	if f := check(potassium, trust.Physician, "user/*.rs"); of(f, rx.Potassium) != rx.Found || unseen(f) {
		t.Errorf("with all scopes: %+v", f.Runs)
	}
	if f := check(potassium, trust.Physician, "patient/*.rs"); of(f, rx.Potassium) != rx.Found {
		t.Errorf("started for the patient: %+v", f.Runs)
	}
	for name, scopes := range map[string][]string{
		"a part":         {"user/Patient.rs", "user/Observation.r?status=cancelled"},
		"not to list":    {"user/Patient.rs", "user/Observation.r"},
		"another's part": {"user/Patient.rs", "user/Observation.rs?category=survey"},
		"nothing":        {"user/Patient.rs"},
	} {
		f := check(potassium, trust.Physician, scopes...)
		if unseen(f) || len(f.Of(rx.Stop))+len(f.Of(rx.Warning)) > 0 {
			t.Errorf("%s: %+v", name, f.Findings)
		}
		for _, made := range []string{rx.Potassium, rx.Allergies, rx.Interactions, rx.Duplicates, rx.Conditions, rx.Dose} {
			if !slices.ContainsFunc(f.NotChecked, rx.NotChecked{Check: made, Reason: rx.NotCovered}.Is) || of(f, made) != rx.Missing {
				t.Errorf("%s: %s is told as made: %+v", name, made, f.NotChecked)
			}
		}
		if slices.ContainsFunc(f.NotChecked, func(n rx.NotChecked) bool {
			return n.Subject == "" && n.Check != rx.OlderAdult && n.Reason != rx.NotCovered
		}) {
			t.Errorf("%s: what was not read is said to be missing: %+v", name, f.NotChecked)
		}
	}
	c.put(`{"resourceType":"MedicationRequest","id":"hidden","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"methadone 40 mg dispersible tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	citalopram := Draft{Patient: "maria", Text: "citalopram 20 mg tablet"}
	if f := check(citalopram, trust.Nurse, "user/*.rs"); !unseen(f) {
		t.Errorf("what a label hides is not checked: %+v", f.Findings)
	}
	if f := check(citalopram, trust.Nurse, "user/Patient.rs", "user/MedicationRequest.rs?status=stopped"); unseen(f) {
		t.Error("a narrow scope tells of what a label hides")
	}
}
