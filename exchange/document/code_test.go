package document

import (
	"testing"

	"github.com/osler-emr/osler/wire/cda"
)

// TestACodeHasNoControlCharacters: what no code may hold does not make an entry unacceptable.
func TestACodeHasNoControlCharacters(t *testing.T) {
	d, err := cda.Parse([]byte("<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><code code=\" \u007f22298006\u007f\" codeSystem=\"2.16.840.1.113883.6.96\"/></ClinicalDocument>"))
	if err != nil {
		t.Fatal(err)
	}
	if c := coding(d.Root.Child("code")).Get("code").Text(); c != "22298006" {
		t.Errorf("%q", c)
	}
}

// TestUnitsAsLaboratoriesWriteThem: what can mean one thing has its code; capitals that UCUM reads otherwise, as PG
// (petagauss), are not taken for it.
func TestUnitsAsLaboratoriesWriteThem(t *testing.T) {
	for unit, want := range map[string]string{"uug": "pg", "PG": "pg", "FL": "fL", "M/uL": "10*6/uL", "THOUS/MCL": "10*3/uL", "G/DL": "g/dL", "mg/dL": "mg/dL", "uux": "", "C": "", "G": ""} {
		if got, ok := known(unit); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %v", unit, got, ok)
		}
	}
}
