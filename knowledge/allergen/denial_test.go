package allergen

import "testing"

func TestDenialOf(t *testing.T) {
	for _, c := range []struct {
		code, words string
		want        Denial
	}{
		{"716186003", "", DeniesAll}, {"160244002", "x", DeniesAll}, {"409137002", "No known drug allergy", DeniesMedicines}, {"429625007", "No known food allergy", DeniesKind},
		{"", "No known allergies", DeniesAll}, {"", "no  KNOWN allergy", DeniesAll}, {"", "No known drug allergies", DeniesMedicines},
		{"", "No known latex allergy", DeniesKind}, {"", "penicillin", NotDenied}, {"", "No known reaction", NotDenied}, {"91936005", "Allergy to penicillin", NotDenied}, {"", "", NotDenied},
		{"", "No known allergies except penicillin", NotDenied}, {"", "No known allergies but penicillin", NotDenied}, {"", "No known drug allergies other than sulfa allergy", NotDenied},
		{"", "No known food allergies; penicillin allergy", NotDenied}, {"", "No known allergies, penicillin", NotDenied}, {"", "No known allergies to medicines.", DeniesMedicines},
	} {
		if got := DenialOf([]string{c.code}, c.words); got != c.want {
			t.Errorf("%s %q: %d, want %d", c.code, c.words, got, c.want)
		}
	}
}

// TestAKindIsDeniedByAStatementOfItsOwn: what denies a kind of allergy is read as a denial, and no more than of it.
func TestAKindIsDeniedByAStatementOfItsOwn(t *testing.T) {
	for kind, statement := range statements {
		if DenialName(statement) == "" || DenialOf([]string{statement}, "") == NotDenied || DenialName(kind) != "" {
			t.Errorf("%s is denied by %s, which is no statement", kind, statement)
		}
		if all := DenialOf([]string{statement}, "") == DeniesAll; all != (statement == NoneKnown) {
			t.Errorf("%s denies all by %s: %v", kind, statement, all)
		}
	}
	if Denying("416098002") != "409137002" || Denying("235719002") != "" {
		t.Error("a kind has the statement of another")
	}
}
