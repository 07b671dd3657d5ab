package record

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMarksAreFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	parts := append(strings.SplitAfter(beginMark, ""), beginMark, contentMark, lostMark, beginMark[:9], beginMark[3:], marks, "\"urn:osler:", "x", "content", "{")
	found := 0
	for range 20000 {
		var body []byte
		for range random.IntN(30) {
			body = append(body, parts[random.IntN(len(parts))]...)
		}
		want := bytes.Contains(body, []byte(beginMark))
		if hasMark(body) != want {
			t.Fatalf("hasMark(%q) = %t, want %t", body, !want, want)
		}
		if want {
			found++
		}
	}
	if found < 1000 || found > 19000 {
		t.Fatalf("%d of 20000 bodies have the mark: the test tells nothing", found)
	}
}

func BenchmarkMarks(b *testing.B) {
	body := []byte(strings.Repeat(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}]},"valueQuantity":{"value":120,"unit":"mmHg"}}`, 6))
	b.Run("hasMark", func(b *testing.B) {
		for b.Loop() {
			hasMark(body)
		}
	})
	b.Run("Contains", func(b *testing.B) {
		for b.Loop() {
			bytes.Contains(body, []byte(beginMark))
		}
	})
}
