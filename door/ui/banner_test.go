package ui

import (
	"regexp"
	"strings"
	"testing"
)

// TestAllergiesReadAsASentence: a semicolon stands at the word before it, and none behind the last.
func TestAllergiesReadAsASentence(t *testing.T) {
	var b strings.Builder
	list := Allergies{State: KnownAllergies, Items: []Allergy{{Substance: "penicillin", Reaction: "anaphylaxis"}, {Substance: "latex"}, {Substance: "sulfonamide antibiotics", Reaction: "rash"}}}
	if err := AllergyLine(list).Render(With(t.Context(), Reader{}), &b); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(regexp.MustCompile(`<svg.*?</svg>|<[^>]*>`).ReplaceAllString(b.String(), "")), " ")
	if want := "penicillin — anaphylaxis; latex; sulfonamide antibiotics — rash"; !strings.HasSuffix(text, want) {
		t.Errorf("it reads %q, want %q", text, want)
	}
}
