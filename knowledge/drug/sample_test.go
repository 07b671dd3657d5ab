package drug

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/sample"
)

// The catalogue understands every medicine of the public Synthea bundles.
func TestRecogniseSynthea(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sample.Dir(t, "synthea", 10), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bundles: %v", err)
	}
	total, missed := 0, map[string]bool{}
	for _, f := range files {
		for _, text := range medicineTexts(t, f) {
			total++
			if _, ok := Recognise(text, nil); !ok {
				missed[text] = true
			}
		}
	}
	if total < 500 {
		t.Fatalf("only %d medicines in the bundles", total)
	}
	for text := range missed {
		t.Errorf("not understood: %q (%v)", text, Unread(text))
	}
}

func medicineTexts(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Entry []struct {
			Resource struct {
				ResourceType              string
				MedicationCodeableConcept struct{ Text string }
			}
		}
	}
	if json.Unmarshal(raw, &b) != nil {
		return nil
	}
	var out []string
	for _, e := range b.Entry {
		if e.Resource.ResourceType == "MedicationRequest" {
			out = append(out, e.Resource.MedicationCodeableConcept.Text)
		}
	}
	return out
}
