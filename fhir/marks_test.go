package fhir_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestMarksAreFoundWhereverTheyStand holds Marks to strings.Contains: at every place of a body of
// every length, at the end, cut off, and in bytes of all kinds.
func TestMarksAreFoundWhereverTheyStand(t *testing.T) {
	texts := []string{`security"`, `secure"`, `NN`, `x`, `urn:osler:content`, `"`}
	marks := fhir.NewMarks(texts...)
	check := func(body string) {
		t.Helper()
		want := uint32(0)
		for i, text := range texts {
			if strings.Contains(body, `"`+text) {
				want |= 1 << i
			}
		}
		if got := marks.In([]byte(body)); got != want {
			t.Fatalf("%q: %b, not %b", body, got, want)
		}
	}
	for _, text := range append(texts, "") {
		for before := range 140 {
			for _, after := range []int{0, 1, 2, 3, 70} {
				for _, filling := range []string{".", `"`, "\xa2", "\x00", "\xff"} {
					body := strings.Repeat(filling, before) + `"` + text + strings.Repeat(filling, after)
					check(body)
					check(body[:len(body)-after-min(1, len(text))])
				}
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var b strings.Builder
		for range random.IntN(40) {
			fmt.Fprintf(&b, "%s%c", []string{`"`, `"security"`, `"N`, "\x23", "\x21\x22", `urn:osler:content`, "x"}[random.IntN(7)], rune(random.IntN(300)))
		}
		check(b.String())
	}
}

// A mark that is no text is asked of what stands behind quotation marks, wherever they are.
func TestAMarkMayBeAQuestion(t *testing.T) {
	var asked []string
	marks := fhir.NewMarks(`security"`).Also([3]string{"hH", "tT", "tT"}, func(b []byte) bool {
		asked = append(asked, string(b[:min(len(b), 5)]))
		return strings.HasPrefix(strings.ToLower(string(b)), "http:")
	})
	for body, want := range map[string]uint32{`{"a":"HTTP:x"}`: 2, `{"a":"https:"}`: 0, `{"security":"Http:"}`: 3, `{"a":"hat"}`: 0, `{"` + strings.Repeat(" ", 61) + `"http:`: 2, `"h`: 0} {
		if got := marks.In([]byte(body)); got != want {
			t.Errorf("%s: %b, not %b", body, got, want)
		}
	}
	for _, b := range asked {
		if len(b) > 2 && !strings.HasPrefix(strings.ToLower(b), "htt") {
			t.Errorf("asked of %q", b)
		}
	}
}
