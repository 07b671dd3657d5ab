package document

import (
	"os"
	"regexp"
	"testing"

	"github.com/osler-emr/osler/base/lang"
)

// TestWhatIsDoubtedIsSaidInEachLanguage: each sentence of words.go is in each catalogue.
func TestWhatIsDoubtedIsSaidInEachLanguage(t *testing.T) {
	src, err := os.ReadFile("words.go")
	if err != nil {
		t.Fatal(err)
	}
	sentences := regexp.MustCompile(`= "(.*)"\n`).FindAllSubmatch(src, -1)
	if len(sentences) < 20 {
		t.Fatalf("%d sentences", len(sentences))
	}
	for _, s := range sentences {
		for _, tag := range []string{"es", "ar"} {
			if !lang.For(tag).Has(string(s[1])) {
				t.Errorf("%s lacks %q", tag, s[1])
			}
		}
	}
}
