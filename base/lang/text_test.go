package lang

import (
	"fmt"
	"testing"
)

func TestCapital(t *testing.T) {
	for in, want := range map[string]string{"": "", "x": "X", "potassium 5.3": "Potassium 5.3", "eGFR 52": "eGFR 52", "érythromycine": "Érythromycine"} {
		if got := Capital(in); got != want {
			t.Errorf("Capital(%q) is %q, want %q", in, got, want)
		}
	}
}

// TestATextIsWholeInALanguageOrNotAtAll: a sentence of which the catalogue lacks one part stays English with all
// of it, and what is put into it can be told from it.
func TestATextIsWholeInALanguageOrNotAtAll(t *testing.T) {
	es := Language{tag: "es", texts: map[string]string{"%[2]s harms %[1]s.": "A %[1]s lo daña %[2]s.", "in %d days": "en %d días", "%s, %s": "%s; %s", "the kidney": "el riñón"}}
	for _, c := range []struct {
		text Text
		want string
	}{
		{Say("%[2]s harms %[1]s.", Say("the kidney"), "ibuprofen"), "A el riñón lo daña ibuprofen."},
		{Say("%[2]s harms %[1]s.", Say("the liver"), "ibuprofen"), "ibuprofen harms the liver."},
		{Say("%s, %s", Say("in %d days", 3), "x"), "en 3 días; x"},
		{Say("%s, %s", Say("in %d days", 3), Say("the liver")), "in 3 days, the liver"},
	} {
		if got := es.Say(c.text); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	parts, in := es.Parts(Say("%[2]s harms %[1]s.", Say("the kidney"), "ibuprofen"), true)
	if got := fmt.Sprint(parts, " ", in.Tag()); got != "[{A el riñón lo daña  false} {ibuprofen true} {. false}] es" {
		t.Error(got)
	}
	parts, in = es.Parts(Say("%[2]s harms %[1]s.", Say("the liver"), "ibuprofen"), true)
	if got := fmt.Sprint(parts, " ", in.Tag()); got != "[{Ibuprofen true} { harms the liver. false}] en" {
		t.Error(got)
	}
}
