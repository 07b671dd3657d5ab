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
